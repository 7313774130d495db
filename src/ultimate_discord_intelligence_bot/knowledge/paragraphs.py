"""Paragraphs: what every kind of document is read into."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..models.knowledge import Place

_SPACE = re.compile(r"\s+")
_SUSPECT = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_LIST_ITEM = re.compile(r"\s*(?:[-*+•‣◦]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s")
_CLOSED = re.compile(r"""[.!?:;…。！？]["'”’»)\]]*$""")
_SHORT = 0.75
_UNWRAPPED = 160
"""Characters of a full line from which on every line is taken for a paragraph."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A stretch of running text, each run of white space one blank, and where it stands."""

    text: str
    place: Place


def plain(text: str) -> str:
    """A text in one line, without characters that are not meant to be seen."""
    return _SUSPECT.sub("", _SPACE.sub(" ", text)).strip()


def label(text: str, longest: int = 200) -> str:
    """A title or heading in one line, cut where it is too long."""
    line = plain(text)
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def flow(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Paragraphs of text that was broken into lines.

    One ends at an empty line, before an item of a list, and after a line that is shorter than the
    others where the next begins like a new sentence.

    Yields:
        The index of the first line, and the text as ``plain`` gives it.
    """
    typical = _typical(lines)
    first, part = 0, list[str]()
    for index, line in enumerate(lines):
        if part and (not line.strip() or _ends(part[-1], line, typical)):
            yield first, plain(" ".join(part))
            part = []
        if line.strip():
            first = first if part else index
            part.append(line)
    if part:
        yield first, plain(" ".join(part))


def _typical(lines: Iterable[str]) -> int:
    """Length of a full line: nine of ten are no longer."""
    lengths = sorted(len(line) for line in lines if line.strip())
    return lengths[len(lengths) * 9 // 10] if lengths else 0


def _ends(line: str, following: str, typical: int) -> bool:
    """Whether a paragraph ends between two lines."""
    if typical >= _UNWRAPPED or _LIST_ITEM.match(following):
        return True
    if len(line) >= _SHORT * typical:
        return False
    start = following.lstrip()[0]
    return bool(_CLOSED.search(line.rstrip())) or unicodedata.category(start) in ("Lu", "Nd")
