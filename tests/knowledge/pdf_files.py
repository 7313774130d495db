"""PDF files, written by hand so that they can be wrong in every way."""

from __future__ import annotations

import zlib
from collections.abc import Sequence


def pdf(*pages: Sequence[str], info: str = "", trailer: str = "") -> bytes:
    """A PDF with one page for each sequence of lines."""
    contents = [_shown(lines) for lines in pages]
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Count {len(pages)}/Kids[{kids}]>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ]
    for number, content in enumerate(contents):
        objects.append(_page(5 + 2 * number))
        objects.append(_stream(content))
    objects.append(f"<<{info}>>".encode("cp1252"))
    return assembled(objects, f"/Info {len(objects)} 0 R{trailer}")


def pdf_of_one_page_repeated(count: int) -> bytes:
    kids = " ".join(["4 0 R"] * count)
    return assembled(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            f"<</Type/Pages/Count {count}/Kids[{kids}]>>".encode(),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
            _page(5),
            _stream(_shown(["Again and again the same."])),
        ]
    )


def pdf_bomb(megabytes: int) -> bytes:
    """A page whose content is a few kilobytes that unfold to so many megabytes."""
    packer = zlib.compressobj(9)
    head = packer.compress(b"BT /F 11 Tf ET\n") + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(b"(a) Tj " * 150_000) + packer.flush(zlib.Z_FULL_FLUSH)
    data = zlib.compress(head + block * megabytes + packer.flush(), 9)
    return assembled(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Count 1/Kids[4 0 R]>>",
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
            _page(5),
            _stream(data, "/Filter[/FlateDecode/FlateDecode]"),
        ]
    )


ENCRYPTED = "/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<{0}>/U<{0}>>>/ID[<{1}><{1}>]".format(
    "5a" * 32, "07" * 16
)
"""For the trailer: needs a password that nobody knows."""


def assembled(objects: Sequence[bytes], trailer: str = "") -> bytes:
    out, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(out)
    out += f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += f"trailer<</Size {len(places) + 1}/Root 1 0 R{trailer}>>\n".encode()
    return out + f"startxref\n{start}\n%%EOF".encode()


def _page(content: int) -> bytes:
    return (
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F 3 0 R>>>>"
        f"/Contents {content} 0 R>>"
    ).encode()


def _shown(lines: Sequence[str]) -> bytes:
    escaped = [line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)") for line in lines]
    shown = "\n".join(f"({line}) Tj T*" for line in escaped)
    return f"BT /F 11 Tf 60 780 Td 14 TL\n{shown}\nET".encode("cp1252")


def _stream(data: bytes, more: str = "") -> bytes:
    return f"<</Length {len(data)}{more}>>stream\n".encode() + data + b"\nendstream"
