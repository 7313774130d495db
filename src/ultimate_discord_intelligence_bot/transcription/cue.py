"""Timed pieces of speech, before they become sentences."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Self


@dataclass(frozen=True, slots=True)
class Cue:
    """Text that was on screen, or a word that was heard.

    Attributes:
        start, end: seconds.
        text: verbatim, without markup.
        speaker: as named by the captions, else None.
        new_turn: whether somebody else begins to speak here, known by name or not.
    """

    start: float
    end: float
    text: str
    speaker: str | None = None
    new_turn: bool = False

    def at(self, start: float, end: float) -> Self:
        """The same at another time."""
        return type(self)(start, end, self.text, self.speaker, self.new_turn)


_SHOWN_AT_MOST = 10.0
_SECONDS_PER_CHARACTER = 0.25


def readable(characters: int) -> float:
    """Seconds that a text of so many characters can take, said or shown as slowly as can be."""
    return _SHOWN_AT_MOST + _SECONDS_PER_CHARACTER * characters


def in_order(cues: Iterable[Cue]) -> list[Cue]:
    """Bring cues into an order of time in which none overlaps another.

    Negative times become 0, an end before its start becomes the start, an end far beyond what the
    text can take is cut, a cue that overlaps the next is shortened, and cues that start together
    share their time by their length.
    """
    sane = sorted((_sane(cue) for cue in cues if cue.text), key=lambda cue: cue.start)
    groups = [list(group) for _, group in groupby(sane, key=lambda cue: cue.start)]
    ordered: list[Cue] = []
    for number, group in enumerate(groups):
        end = max(cue.end for cue in group)
        if number + 1 < len(groups):
            end = min(end, groups[number + 1][0].start)
        ordered += _shared(group, end)
    return ordered


def _sane(cue: Cue) -> Cue:
    start = max(0.0, cue.start)
    end = min(max(start, cue.end), start + readable(len(cue.text)))
    return cue.at(start, end)


def _shared(group: list[Cue], end: float) -> list[Cue]:
    if len(group) == 1:
        return [group[0].at(group[0].start, end)]
    start, total = group[0].start, sum(len(cue.text) for cue in group)
    shared, done = [], 0
    for cue in group:
        first = start + (end - start) * done / total
        done += len(cue.text)
        last = end if done == total else start + (end - start) * done / total
        shared.append(cue.at(first, last))
    return shared
