"""Cutting and joining timed text so that a segment is about one sentence."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from ..models.transcript import Segment
from .cue import Cue, in_order
from .language import word_count

PAUSE = 2.0
"""Seconds of silence over which a sentence does not reach."""

LONGEST = 60
"""Words of a punctuated sentence, beyond which it is cut."""

UNPUNCTUATED = 30
"""Words of a segment where nobody wrote punctuation."""

_SENTENCE_EVERY = 100
"""A transcript with fewer sentence ends than one in so many words counts as unpunctuated."""

_END = re.compile(r"""[.!?…。！？؟।۔։]["'”’»)\]」』]*$""")
_COMMA = re.compile(r"""[,;:–—、，；：،]["'”’»)\]」』]*$""")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_CLAUSE = re.compile(r"[^。！？、，；：]{1,20}[。！？、，；：]*[」』”’）]*|[。！？、，；：]{1,20}")
_ABBREVIATION = re.compile(
    r"""^["'“‘(\[]*(?:(?:mr|mrs|ms|dr|prof|sr|jr|st|vs|etc|inc|ltd|co|gen|sen|rep|gov|lt|col|sgt
    |capt|rev|hon|no|vol|fig|al|approx|e\.g|i\.e|cf|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)
    |(?:[a-z]\.)*[a-z])\.$""",
    re.IGNORECASE | re.VERBOSE,
)
_LOWER_CASE = re.compile(r"""^["'“‘(\[]*[a-zà-öø-ÿ]""")


@dataclass(frozen=True, slots=True)
class _Word:
    """A word, or in scripts without spaces a clause.

    Attributes:
        glued: whether no space stands before it.
        words: about how many words it is.
    """

    text: str
    start: float
    end: float
    speaker: str | None
    new_turn: bool
    glued: bool
    words: float


def segments(cues: Iterable[Cue], pause: float = PAUSE) -> tuple[Segment, ...]:
    """Sentence-like segments of cues that are in order of time and do not overlap.

    A segment ends where a sentence ends, where the speaker changes and where nobody speaks for
    more than ``pause`` seconds. Unpunctuated text is cut to about `UNPUNCTUATED` words, a sentence
    of more than `LONGEST` words into about equal parts, at commas where there are some, else in
    pauses. No word is lost or changed; times inside a cue are interpolated by characters.
    """
    words = list(_words(cues))
    ends = sum(_ends_sentence(a, b) for a, b in pairwise(words))
    longest = LONGEST if (ends + 1) * _SENTENCE_EVERY >= _length(words) else UNPUNCTUATED
    parts = [part for run in _sentences(words, pause) for part in _cut(run, longest)]
    return tuple(
        Segment(
            index=index,
            start=round(part[0].start, 3),
            end=round(part[-1].end, 3),
            text="".join(w.text if w.glued else f" {w.text}" for w in part).strip(),
            speaker=part[0].speaker,
        )
        for index, part in enumerate(parts)
    )


def complete_sentences(cues: Iterable[Cue]) -> tuple[list[str], list[Cue]]:
    """The sentences that more cues do not go on with, and the cues of the one that they may.

    What follows can still change how text without punctuation is cut.
    """
    ordered = in_order(cues)
    if not ordered:
        return [], []
    *complete, last = segments(ordered)
    texts = [segment.text for segment in complete]
    return texts, [cue for cue in ordered if round(cue.end, 3) > last.start]


def _words(cues: Iterable[Cue]) -> Iterator[_Word]:
    for cue in cues:
        words = cue.text.split()
        total = len(" ".join(words))
        length = cue.end - cue.start
        done = 0
        new_turn = cue.new_turn
        for word in words:
            parts = _CLAUSE.findall(word) if _UNSPACED.search(word) else [word]
            for number, text in enumerate(parts):
                first = cue.start + length * done / total
                done += len(text) + (number + 1 == len(parts))
                last = cue.end if done > total else cue.start + length * done / total
                count = word_count(text)
                yield _Word(text, first, last, cue.speaker, new_turn, number > 0, count)
                new_turn = False


def _length(words: Iterable[_Word]) -> float:
    return sum(word.words for word in words)


def _sentences(words: list[_Word], pause: float) -> Iterator[list[_Word]]:
    run: list[_Word] = []
    for word in words:
        if run and (_breaks(run[-1], word, pause) or _ends_sentence(run[-1], word)):
            yield run
            run = []
        run.append(word)
    if run:
        yield run


def _breaks(before: _Word, after: _Word, pause: float) -> bool:
    if after.new_turn or before.speaker != after.speaker:
        return True
    return after.start - before.end > pause


def _ends_sentence(before: _Word, after: _Word) -> bool:
    if not _END.search(before.text) or _LOWER_CASE.match(after.text):
        return False
    return not _ABBREVIATION.match(before.text)


def _cut(run: list[_Word], longest: int) -> Iterator[Sequence[_Word]]:
    """About equal parts of at most about ``longest`` words, cut after commas, else in pauses."""
    lengths = list(accumulate(word.words for word in run))
    count = min(len(run), math.ceil(lengths[-1] / longest))
    reach = max(1, len(run) // count // 4)
    first = 0
    for number in range(1, count):
        aim = bisect_left(lengths, lengths[-1] * number / count - 0.5) + 1
        aim = min(max(aim, first + 1), len(run) - (count - number))
        near = range(max(first + 1, aim - reach), min(len(run) - (count - number), aim + reach) + 1)
        commas = [place for place in near if _COMMA.search(run[place - 1].text)]
        if commas:
            place = min(commas, key=lambda place: abs(place - aim))
        else:
            place = min(
                near, key=lambda place: (-_silence(run[place - 1], run[place]), abs(place - aim))
            )
        yield run[first:place]
        first = place
    yield run[first:]


def _silence(before: _Word, after: _Word) -> float:
    """Seconds between two words, to a tenth."""
    return round(after.start - before.end, 1)
