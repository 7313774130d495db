"""PDF into paragraphs, by PDFium. Only to be used in a process that may be killed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..errors import DocumentRefused
from ..models.knowledge import Place
from .paragraphs import Paragraph, flow

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

MOST_PAGES = 2_000

_SPLIT_WORD = re.compile(r"\b(\w+)(?:[\x02\ufffe]|-\r?\n)\s*(\w+)")
_COMPOUND = re.compile(r"\b\w+-\w+")
_PAGE_NUMBER = re.compile(r"[-– ]*(?:page )?\d{1,4}(?: ?(?:/|of) ?\d{1,4})?[-– ]*", re.IGNORECASE)
_DATE = re.compile(r"D:(\d{4})(\d{2})(\d{2})")
_PASSWORD, _SECURITY = 4, 5


def read_pdf(data: bytes, most: int) -> tuple[str | None, str | None, list[Paragraph]]:
    """Title and date of creation as the file says, and the text of every page.

    Args:
        data: the whole file.
        most: characters of text at which it is too much.

    Raises:
        DocumentRefused: no PDF, damaged, encrypted, without text or too long.
    """
    import pypdfium2 as pdfium

    if b"%PDF-" not in data[:1024]:
        raise DocumentRefused("It is named like a PDF but is none.", "Check where it came from.")
    try:
        with pdfium.PdfDocument(data) as document:
            return _read(document, most)
    except pdfium.PdfiumError as error:
        if error.err_code in (_PASSWORD, _SECURITY):
            raise DocumentRefused(
                "It is encrypted.", "Save a copy without a password and add that."
            ) from error
        raise DocumentRefused(
            "It is damaged or cut off.", "Download or export it again."
        ) from error


def _read(document: PdfDocument, most: int) -> tuple[str | None, str | None, list[Paragraph]]:
    if len(document) > MOST_PAGES:
        raise DocumentRefused(
            f"It has {len(document)} pages; at most {MOST_PAGES} can be taken in.",
            "Split it into parts.",
        )
    paragraphs: list[Paragraph] = []
    for number in range(len(document)):
        text = _page_text(document, number, most)
        most -= len(text)
        lines = _without_number(_whole_words(text).splitlines())
        place = Place(page=number + 1)
        paragraphs += [Paragraph(words, place) for _, words in flow(lines) if words]
    if not paragraphs:
        raise DocumentRefused(
            "It holds no text; it is probably a scan.",
            "Run text recognition (OCR) over it and add the result.",
        )
    date = _DATE.match(document.get_metadata_value("CreationDate"))
    return document.get_metadata_value("Title"), date and "-".join(date.groups()), paragraphs


def _page_text(document: PdfDocument, number: int, most: int) -> str:
    page = document[number]
    text = page.get_textpage()
    try:
        if text.count_chars() > most:
            raise DocumentRefused("It has more text than can be taken in.", "Split it into parts.")
        return str(text.get_text_range())
    finally:
        text.close()
        page.close()


def _without_number(lines: list[str]) -> list[str]:
    """The lines of a page without its number at the top or at the bottom."""
    for end in (0, -1):
        if lines and _PAGE_NUMBER.fullmatch(lines[end].strip()):
            del lines[end]
    return lines


def _whole_words(text: str) -> str:
    """Words that a line end had split; a hyphen stays where the page has that word elsewhere."""
    compounds = set(_COMPOUND.findall(text))

    def joined(match: re.Match[str]) -> str:
        first, second = match.groups()
        hyphen = f"{first}-{second}" in compounds or not second[0].islower()
        return f"{first}{'-' if hyphen else ''}{second}"

    return _SPLIT_WORD.sub(joined, text)
