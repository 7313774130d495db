"""The user's own documents: what is kept of them, and what a search finds in them."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Literal

from .artifact import Model

DocumentKind = Literal["text", "markdown", "html", "pdf"]


class Place(Model):
    """Where in a document something stands, as far as its format tells.

    Attributes:
        page: of a PDF, from 1.
        heading: the nearest one above.
        line: of a text file, from 1.
    """

    page: int | None = None
    heading: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        """As a reader would say it; empty when nothing is known."""
        parts = (
            self.page and f"page {self.page}",
            self.heading and f"“{self.heading}”",
            self.line and f"line {self.line}",
        )
        return ", ".join(part for part in parts if part)


class Document(Model):
    """A document of the library.

    Attributes:
        id: the first 16 hexadecimal digits of the SHA-256 of its bytes.
        paths: where it is; copies of one file are one document.
        date: its own, as it says.
        passages: how many of them can be found.
    """

    id: str
    paths: tuple[Path, ...]
    title: str
    kind: DocumentKind
    date: date | None
    added: datetime
    passages: int


class Found(Model):
    """A passage of a document that fits a query.

    Attributes:
        text: verbatim, but for white space.
        document: id of its document.
        url: ``file://``, with ``#page=`` where there are pages.
        score: cosine similarity, -1 to 1.
    """

    text: str
    document: str
    title: str
    url: str
    date: date | None
    place: Place
    score: float


class Refusal(Model):
    """A file that was not taken in, and what to do about it."""

    path: Path
    reason: str
    remedy: str


class Skipped(Model):
    """How many files of a folder were passed over without opening them.

    Attributes:
        hidden: files and folders whose name begins with a dot.
        unknown: neither text, Markdown, HTML nor PDF by their suffix.
        links: symbolic links that lead out of the folder, or nowhere.
    """

    hidden: int = 0
    unknown: int = 0
    links: int = 0


class Addition(Model):
    """What became of the files that were to be added.

    Attributes:
        added: documents that were not there before, or not in this version.
        unchanged: files that were there already.
        refused: files that could not be read.
    """

    added: tuple[Document, ...]
    unchanged: int
    refused: tuple[Refusal, ...]
    skipped: Skipped
