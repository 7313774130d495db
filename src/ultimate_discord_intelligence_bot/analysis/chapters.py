"""Chapters: the recording cut where its subject changes, and the topics that run through them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..models.analysis import Chapter, Chapters, Topic
from ..models.artifact import Vectors
from ..models.media import SourceChapter
from ..models.transcript import Transcript
from .phrases import key_phrases, title_from
from .words import words

Array = NDArray[np.float64]

LENGTH_WEIGHT = 0.02
"""How strongly chapters of unequal length are held against a cut; tuned on meetings."""

_GRID = 1200
"""At most this many places are considered for a cut."""

_WORDS_COUNTED = 60
"""A longer segment weighs no more than one of this length."""

_TOPIC_SIMILARITY = 0.2
_TITLE_LENGTH = 120


def find_chapters(
    transcript: Transcript, vectors: Vectors, source_chapters: tuple[SourceChapter, ...]
) -> Chapters:
    """Chapters that cover every segment once, in order, and the topics that run through them.

    Two or more usable chapter marks of the source win. Otherwise the recording is cut where that
    explains most of the variance of the sentence vectors (dynamic programming over cut points, as
    in Utiyama & Isahara 2001 and Alemi & Ginsparg 2015, with a quadratic prior on length). How
    many chapters depends on the duration: about 3 for 3 minutes, 10 for an hour.

    Args:
        transcript: of the whole recording; without segments there are no chapters.
        vectors: one row for each segment.
        source_chapters: marks published with the media, possibly none, in any order.
    """
    if not transcript.segments:
        return Chapters(chapters=())
    marks = _usable_marks(transcript, source_chapters)
    if marks:
        starts = list(marks)
    else:
        lengths = np.array([len(words(segment.text)) for segment in transcript.segments], float)
        starts = [0, *segment_boundaries(vectors.array, lengths, transcript.duration / 60)]
    spans = list(pairwise([*starts, len(transcript.segments)]))
    phrases = key_phrases(transcript, vectors, [[span] for span in spans])
    titles = [marks[first] for first, _ in spans] if marks else []
    chapters = []
    for number, (first, after) in enumerate(spans):
        inside = transcript.segments[first:after]
        chapters.append(
            Chapter(
                title=titles[number] if marks else title_from(phrases[number], number),
                first=first,
                last=after - 1,
                start=inside[0].start,
                end=max(segment.end for segment in inside),
                phrases=phrases[number],
            )
        )
    return Chapters(
        chapters=tuple(chapters),
        topics=_topics(transcript, vectors, spans),
        origin="source" if marks else "segmentation",
    )


def _usable_marks(
    transcript: Transcript, source_chapters: tuple[SourceChapter, ...]
) -> dict[int, str]:
    """Title by first segment; empty unless at least two marks lead to different segments."""
    middles = np.array([(segment.start + segment.end) / 2 for segment in transcript.segments])
    marks: dict[int, str] = {}
    usable = [mark for mark in source_chapters if math.isfinite(mark.start)]
    for number, mark in enumerate(sorted(usable, key=lambda mark: mark.start)):
        # The speech before the first mark belongs to the first chapter.
        first = int(np.argmax(middles >= mark.start)) if number else 0
        if middles.max() < mark.start:
            continue
        title = " ".join(mark.title.split())[:_TITLE_LENGTH]
        marks[first] = title or f"Part {number + 1}"
    return marks if len(marks) > 1 else {}


# -- where the subject changes ------------------------------------------------------------------


def chapter_range(minutes: float, share: float = 1.0) -> tuple[int, int]:
    """Fewest and most chapters for a duration: 3 to 4 for 2.5 minutes, 9 to 15 for an hour.

    Args:
        minutes: how long the recording is.
        share: so many of them only.
    """
    usual = 2.1 * max(minutes, 0.1) ** 0.38 * share
    return max(1, round(0.9 * usual)), max(1, round(1.5 * usual))


_WORDS_A_MINUTE = 150

_SUBJECTS = 0.3
"""People cut a meeting into about so many subjects for each chapter that a reader wants; chosen on
35 meetings, and the same when each of them is left out of the choice."""


def find_boundaries(turns: Sequence[str], vectors: NDArray[np.float32]) -> list[int]:
    """Turns of a conversation that begin a new subject, without the first.

    The same cut as for chapters, but into fewer and longer parts.

    Args:
        turns: in order.
        vectors: one unit row for each turn.
    """
    if len(turns) < 2:
        return []
    lengths = np.array([len(words(turn)) for turn in turns], float)
    minutes = float(lengths.sum()) / _WORDS_A_MINUTE
    return segment_boundaries(vectors, lengths, minutes, share=_SUBJECTS)


def segment_boundaries(
    array: NDArray[np.float32],
    lengths: Array,
    minutes: float,
    count: int | None = None,
    share: float = 1.0,
) -> list[int]:
    """First segments of all chapters but the first.

    Args:
        array: unit vectors, one row for each segment.
        lengths: words in each segment.
        minutes: duration, from which the number of chapters follows.
        count: number of chapters, when it is known beforehand.
        share: see ``chapter_range``.
    """
    fewest, most = (count, count) if count else chapter_range(minutes, share)
    places = _places(lengths)
    most = min(most, len(places) - 1)
    fewest = min(fewest, most)
    scores, cuts = _best_cuts(_gains(array, lengths, places, (fewest + most) / 2), most)
    chosen = fewest + _knee(scores[fewest - 1 :])
    return [int(places[cut]) for cut in cuts[chosen - 1]]


def _places(lengths: Array) -> NDArray[np.int64]:
    """Where a cut may be: before every segment, or evenly by words when there are many."""
    count = len(lengths)
    if count <= _GRID:
        return np.arange(count + 1)
    spoken = (lengths + 1).cumsum()
    even = np.searchsorted(spoken, np.linspace(0, spoken[-1], _GRID + 1)[1:-1])
    return np.unique([0, *even, count])


def _gains(
    array: NDArray[np.float32], lengths: Array, places: NDArray[np.int64], chapters: float
) -> Array:
    """What a chapter from place i to place j is worth; minus infinity unless i < j.

    The share of the variance that its mean explains, less the length prior.
    """
    weights = np.sqrt(np.clip(lengths, 1, _WORDS_COUNTED))[:, None]
    weights /= weights.sum()
    weighted = weights * (array - (weights * array).sum(axis=0))
    sums = np.vstack([np.zeros(array.shape[1]), weighted.cumsum(axis=0)])[places]
    mass = np.append(0, weights.cumsum())[places]
    spoken = np.append(0, (lengths + 1).cumsum())[places]
    products = sums @ sums.T
    squares = np.diag(products)
    explained = squares[:, None] + squares - 2 * products
    size = mass - mass[:, None]
    share = (spoken - spoken[:, None]) / spoken[-1]
    forward = size > 0
    gains = np.full(size.shape, -np.inf)
    gains[forward] = explained[forward] / size[forward]
    gains[forward] -= LENGTH_WEIGHT * chapters * share[forward] ** 2
    return gains


def _best_cuts(gains: Array, most: int) -> tuple[Array, list[list[int]]]:
    """Best total gain and its inner cuts for 1, 2, … ``most`` chapters."""
    end = len(gains) - 1
    best = gains[0]
    scores = [best[end]]
    steps: list[NDArray[np.int64]] = []
    cuts: list[list[int]] = [[]]
    for _ in range(most - 1):
        total = best[:, None] + gains
        steps.append(total.argmax(axis=0))
        best = total.max(axis=0)
        scores.append(best[end])
        path = [end]
        for step in reversed(steps):
            path.append(int(step[path[-1]]))
        cuts.append(path[:0:-1])
    return np.array(scores), cuts


def _knee(scores: Array) -> int:
    """Index where more chapters stop paying: farthest above the chord (Satopää et al. 2011)."""
    chord = np.linspace(scores[0], scores[-1], len(scores))
    return int(np.argmax(scores - chord))


# -- what runs through ---------------------------------------------------------------------------


def _topics(
    transcript: Transcript, vectors: Vectors, spans: list[tuple[int, int]]
) -> tuple[Topic, ...]:
    """Chapters about the same subject, joined by average linkage of their mean vectors."""
    means = np.stack([vectors.array[first:after].mean(axis=0) for first, after in spans])
    spoken = [
        sum(max(s.end - s.start, 0.0) for s in transcript.segments[first:after])
        for first, after in spans
    ]
    groups = _linked(means - vectors.array.mean(axis=0))
    labels = key_phrases(transcript, vectors, [[spans[i] for i in group] for group in groups])
    total = sum(spoken) or 1.0
    topics = [
        Topic(
            label=title_from(phrases, number),
            chapters=tuple(group),
            share=round(sum(spoken[i] for i in group) / total, 4),
        )
        for number, (group, phrases) in enumerate(zip(groups, labels, strict=True))
    ]
    return tuple(sorted(topics, key=lambda topic: -topic.share))


def _linked(rows: NDArray[np.float32]) -> list[list[int]]:
    """Groups of rows whose average cosine stays above the limit."""
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    likeness = unit @ unit.T
    groups = [[i] for i in range(len(rows))]
    while len(groups) > 1:
        closeness, one, other = max(
            (float(likeness[np.ix_(a, b)].mean()), i, j)
            for i, a in enumerate(groups)
            for j, b in enumerate(groups[:i])
        )
        if closeness < _TOPIC_SIMILARITY:
            break
        groups[other] = sorted(groups[other] + groups.pop(one))
    return groups
