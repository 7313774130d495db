"""Where a quote stands: letter for letter, but for white space and case."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

_SHORTEST = 8
"""Characters of the shortest quote that shows anything; a shorter text is quoted as a whole."""


def locate(quote: str, texts: Sequence[str]) -> tuple[int, int] | None:
    """The first and the last of the texts that a quote spans, or None when it is nowhere.

    Texts that follow one another are read as one, with a space between.

    Args:
        quote: as a model gave it.
        texts: in order.
    """
    wanted = _plain(quote)
    plain = [_plain(text) for text in texts]
    if not wanted or (len(wanted) < _SHORTEST and wanted not in plain):
        return None
    starts, length = [], 0
    for text in plain:
        starts.append(length)
        length += len(text) + 1
    at = " ".join(plain).find(wanted)
    if at < 0:
        return None
    return bisect_right(starts, at) - 1, bisect_right(starts, at + len(wanted) - 1) - 1


def stands_in(quote: str, text: str) -> bool:
    """Whether a text holds the quote."""
    return locate(quote, (text,)) is not None


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
