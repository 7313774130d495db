"""Files into paragraphs. Files lie about themselves, so nothing is taken from the name alone."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ..errors import DocumentRefused
from ..models.knowledge import DocumentKind, Place
from .hypertext import declared_encoding, read_html
from .markdown import front_matter, read_markdown
from .paragraphs import Paragraph, flow, label
from .pdf import read_pdf

KINDS: dict[str, DocumentKind] = {
    ".txt": "text",
    ".text": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
}
"""What a file is by its suffix, in lower case."""

MOST_BYTES = 50_000_000
MOST_CHARACTERS = 5_000_000

_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_MAGICS = {
    b"%PDF-": "a PDF",
    b"PK\x03\x04": "a ZIP archive or an office document",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"\x1f\x8b": "a compressed file",
    b"{\\rtf": "an RTF document",
    b"\xd0\xcf\x11\xe0": "an office document",
}
_UNUSUAL = re.compile("[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_MOST_UNUSUAL = 0.001
_MOST_FOREIGN = 0.15
_DATE = re.compile(r"\s*(\d{4})[-/](\d{1,2})[-/](\d{1,2})")


@dataclass(frozen=True)
class Content:
    """What was read from a file.

    Attributes:
        id: the first 16 hexadecimal digits of the SHA-256 of its bytes.
        date: its own, as it says.
    """

    id: str
    kind: DocumentKind
    title: str
    date: date | None
    paragraphs: list[Paragraph]


def read_document(path: Path) -> Content:
    """Read one file. Hostile files may take long, much memory, or end the process.

    Raises:
        DocumentRefused: it cannot be read, or is not what its name says, or is too large.
    """
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise DocumentRefused(
            f"Files named *{path.suffix} cannot be read.",
            "Save it as text, Markdown, HTML or PDF and add that.",
        )
    data = read_bytes(path)
    title, when, paragraphs = _parsed(kind, data)
    if not paragraphs:
        raise DocumentRefused("It holds no text.", "Check that it is the right file.")
    return Content(
        id=content_id(data),
        kind=kind,
        title=label(title or "") or _pretty(path.stem),
        date=_as_date(when),
        paragraphs=paragraphs,
    )


def read_bytes(path: Path) -> bytes:
    """All of a regular file.

    Raises:
        DocumentRefused: gone, unreadable, empty, too large, or no regular file.
    """
    try:
        # Not to wait for a pipe, nor to be led astray by a link put there since the path was made.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise DocumentRefused("It is no regular file.", "Copy what it holds into a file.")
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise DocumentRefused(
            f"It cannot be read ({error.strerror}).", "Check the path and its permissions."
        ) from error
    if len(data) > MOST_BYTES:
        raise DocumentRefused(
            f"It is larger than {MOST_BYTES // 1_000_000} MB.", "Split it into parts."
        )
    if not data.strip():
        raise DocumentRefused("It is empty.", "Download or export it again.")
    return data


def content_id(data: bytes) -> str:
    """The id of the document that has these bytes."""
    return hashlib.sha256(data).hexdigest()[:16]


def _parsed(kind: DocumentKind, data: bytes) -> tuple[str | None, str | None, list[Paragraph]]:
    """Title, date as written, and paragraphs."""
    if kind == "pdf":
        return read_pdf(data, MOST_CHARACTERS)
    _check_text(data)
    text = decode(data, declared_encoding(data) if kind == "html" else None)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if kind == "html":
        return read_html(text, MOST_CHARACTERS)
    if len(text) > MOST_CHARACTERS:
        raise DocumentRefused("It has more text than can be taken in.", "Split it into parts.")
    if kind == "text":
        lines = text.split("\n")
        return None, None, [Paragraph(t, Place(line=i + 1)) for i, t in flow(lines) if t]
    values, rest = front_matter(text)
    title, paragraphs = read_markdown(text[rest:], first_line=1 + text.count("\n", 0, rest))
    return values.get("title") or title, values.get("date"), paragraphs


def _check_text(data: bytes) -> None:
    for magic, name in _MAGICS.items():
        if data.startswith(magic):
            raise DocumentRefused(
                f"It is named like a text but is {name}.",
                "Give it its right name, or save it as text, Markdown, HTML or PDF.",
            )


def decode(data: bytes, declared: str | None = None) -> str:
    """Bytes as text: by byte order mark, as declared, as UTF-8, else as Windows-1252.

    The last is what browsers take for granted, too. It can be read into anything, so it is only
    believed where letters beyond ASCII are as rare as in the languages that were written in it.

    Raises:
        DocumentRefused: no text, or in an encoding that cannot be told.
    """
    bom, encoding = next((pair for pair in _BOMS if data.startswith(pair[0])), (b"", None))
    for name in (encoding,) if encoding else ("utf-8", declared, "windows-1252"):
        if name is None:
            continue
        try:
            text = data[len(bom) :].decode(name)
        except UnicodeDecodeError:
            continue
        if name == "windows-1252" and declared is None and _foreign(text) > _MOST_FOREIGN:
            continue
        if len(_UNUSUAL.findall(text)) > _MOST_UNUSUAL * len(text):
            break
        return text
    raise DocumentRefused(
        "It is no text, or in an encoding that cannot be told.", "Save it as UTF-8 and add that."
    )


def _foreign(text: str) -> float:
    """Which share of the characters that are no white space is beyond ASCII."""
    seen = "".join(text.split())
    return sum(character > "\x7f" for character in seen) / max(1, len(seen))


def _as_date(written: str | None) -> date | None:
    match = _DATE.match(written or "")
    if match is None:
        return None
    try:
        return date(*map(int, match.groups()))
    except ValueError:
        return None


def _pretty(stem: str) -> str:
    """A file name as a title: ``my_first-report`` becomes ``My first report``."""
    words = label(re.sub(r"[_\s]+", " ", stem))
    if " " not in words:
        words = re.sub(r"(?<=\w)-(?=\w)", " ", words)
    return words[:1].upper() + words[1:] or "Untitled"
