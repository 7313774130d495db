"""Paragraphs cut into passages: short enough to mean one thing, long enough to be understood."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..models.knowledge import Place
from .paragraphs import Paragraph

LEAST = 60
"""Characters below which a passage takes in the next sentence."""

MOST = 400
"""Characters of the longest passage."""

SENTENCES = 3
"""Most sentences of a passage."""

_END = re.compile(
    r"""[.!?…؟।۔](?:\[\d{1,3}\])*["'”’»)\]]*(?=\s)   # also with a reference: "so it is.[12]"
    |   [。！？][」』”’）]*""",
    re.VERBOSE,
)
_ABBREVIATION = re.compile(
    r"""(?:^|[\s("'“‘\[])(?:(?:mr|mrs|ms|dr|prof|sr|jr|st|vs|etc|inc|ltd|co|corp|gen|sen|rep|gov|lt
    |col|sgt|capt|rev|hon|no|nos|vol|fig|figs|eq|sec|ch|art|pp?|al|approx|ca|cf|ed|eds|est|jan|feb
    |mar|apr|jun|jul|aug|sept?|oct|nov|dec)|(?:[a-z]\.)*[a-z])\.$""",
    re.IGNORECASE | re.VERBOSE,
)
_LOOK_BACK = 24
_CLAUSE = re.compile(r"[,;:–—、，；：](?=\s)|[、，；：]")


@dataclass(frozen=True, slots=True)
class Passage:
    """One to three sentences of a paragraph, verbatim, and where they stand."""

    text: str
    place: Place


def passages(paragraphs: Iterable[Paragraph]) -> Iterator[Passage]:
    """All passages of a document in their order; none reaches over the end of a paragraph."""
    for paragraph in paragraphs:
        for text in cut(paragraph.text):
            yield Passage(text, paragraph.place)


def cut(text: str) -> list[str]:
    """The passages of one paragraph: verbatim, in order, without a gap but white space.

    Each is the fewest sentences that have `LEAST` characters, at most `SENTENCES` of them and
    never more than `MOST` characters. A longer sentence is cut, after a comma where there is one.
    """
    spans = [piece for sentence in _sentences(text) for piece in _pieces(text, *sentence)]
    groups: list[list[tuple[int, int]]] = []
    for span in spans:
        if groups and _belongs(groups[-1], span):
            groups[-1].append(span)
        else:
            groups.append([span])
    if len(groups) > 1 and _short(groups[-1]) and _fits(groups[-2], groups[-1]):
        groups[-2:] = [groups[-2] + groups[-1]]
    return [text[group[0][0] : group[-1][1]] for group in groups]


def _belongs(group: list[tuple[int, int]], span: tuple[int, int]) -> bool:
    return _short(group) and _fits(group, [span])


def _short(group: list[tuple[int, int]]) -> bool:
    return group[-1][1] - group[0][0] < LEAST


def _fits(group: list[tuple[int, int]], more: list[tuple[int, int]]) -> bool:
    return more[-1][1] - group[0][0] <= MOST and len(group) + len(more) <= SENTENCES


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    """First and last place of each sentence; where it is not sure that one ends, it does not."""
    first = 0
    for match in _END.finditer(text):
        if _goes_on(text, match):
            continue
        yield from _stripped(text, first, match.end())
        first = match.end()
    yield from _stripped(text, first, len(text))


def _goes_on(text: str, end: re.Match[str]) -> bool:
    """Whether a full stop ends no sentence: an abbreviation, or small letters follow."""
    following = text[end.end() : end.end() + 8].lstrip()[:1]
    if following.islower():
        return True
    if text[end.start()] != ".":
        return False
    word = text[max(0, end.start() - _LOOK_BACK) : end.start() + 1]
    return bool(_ABBREVIATION.search(word))


def _stripped(text: str, first: int, after: int) -> Iterator[tuple[int, int]]:
    part = text[first:after]
    if part.strip():
        begin = first + len(part) - len(part.lstrip())
        yield begin, begin + len(part.strip())


def _pieces(text: str, first: int, after: int) -> Iterator[tuple[int, int]]:
    """A sentence in parts of at most `MOST` characters."""
    while after - first > MOST:
        place = _cut_place(text, first)
        yield from _stripped(text, first, place)
        first = place
    yield from _stripped(text, first, after)


def _cut_place(text: str, first: int) -> int:
    """Where to cut a sentence that is too long: after a comma, at a blank, or anywhere."""
    half, end = first + MOST // 2, first + MOST
    commas = [match.end() for match in _CLAUSE.finditer(text, half, end)]
    if commas:
        return commas[-1]
    blank = text.rfind(" ", half, end)
    return blank if blank > first else end
