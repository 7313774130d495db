"""Perspectives: who takes which position on what, and where speakers agree or not.

How a sentence is worded is read by the branch ``affect``; whether it is about a topic is its
distance to it. Sides that nobody took are not guessed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..models.analysis import Chapters, Claims, Exchange, Perspectives, Position, Quote
from ..models.artifact import Vectors
from ..models.transcript import Segment, Transcript
from .branches import Floats, facts, sigmoid, softmax
from .claims import leans_on_others
from .words import is_courtesy, is_question, subject_words, words

Attitude = Literal["favourable", "critical", "mixed", "neutral"]

_FOR = ("approval", "admiration", "optimism", "love", "pride", "desire", "caring", "joy")
_AGAINST = ("disapproval", "annoyance", "anger", "disgust", "disappointment", "fear", "sadness")

_CLEAR = 0.35
"""Probability from which a sentence is worded for or against something."""

_ON_TOPIC = 0.35
_ANSWERS = 0.45
_REPLY = 0.6
"""Probability of approval or disapproval from which a sentence answers the one before it."""

_MOST_QUOTES = 3
_MOST_EXCHANGES = 12
_FEWEST_WORDS, _MOST_WORDS = 6, 60
_READ = 2_000


def find_perspectives(
    transcript: Transcript, vectors: Vectors, chapters: Chapters, claims: Claims | None
) -> Perspectives:
    """Positions by topic and speaker, then agreements and disagreements in order of time.

    A position rests on sentences of one speaker within the chapters of a topic that are near to
    it and worded for or against something; its attitude is theirs, ``mixed`` when both occur. Two
    speakers agree or disagree where one answers the other at once, on the same subject, with a
    sentence that is clearly approving or disapproving. Unnamed speakers take positions, but
    nobody can be said to agree with them.

    Args:
        transcript: of the whole recording.
        vectors: with an ``emotion`` and a ``sentiment`` reading of each segment.
        chapters: of the same transcript.
        claims: found in it; they state facts, and so take no position.
    """
    segments = transcript.segments
    if not segments or not chapters.topics:
        return Perspectives(positions=(), exchanges=())
    leaning = _leaning(vectors)
    topics = _topic_of(chapters, len(segments))
    claimed = {claim.segment for claim in claims.claims} if claims else set()
    positions = [
        position
        for number in range(len(chapters.topics))
        for position in _positions(
            chapters.topics[number].label,
            [segments[i] for i in np.flatnonzero(topics == number)],
            vectors.array,
            leaning,
            claimed,
        )
    ]
    labels = [chapters.topics[number].label for number in topics]
    exchanges = _exchanges(segments, vectors, labels)
    return Perspectives(positions=tuple(positions), exchanges=tuple(exchanges))


def _leaning(vectors: Vectors) -> NDArray[np.float64]:
    """How each segment is worded: above 0 for something, below 0 against it, 0 when unclear."""
    names = facts("emotion")["labels"]
    felt = sigmoid(vectors.readings["emotion"])
    mood = softmax(vectors.readings["sentiment"])
    for_it = felt[:, [names.index(name) for name in _FOR]].max(axis=1)
    against = felt[:, [names.index(name) for name in _AGAINST]].max(axis=1)
    # Emotion and sentiment were learned from different labels: both must point the same way.
    value = (for_it - against + mood[:, 2] - mood[:, 0]) / 2
    clear = np.sign(for_it - against) == np.sign(mood[:, 2] - mood[:, 0])
    return np.where(clear & (np.abs(value) >= _CLEAR), value, 0.0)


def _topic_of(chapters: Chapters, count: int) -> NDArray[np.int64]:
    """The index of the topic of each segment."""
    topics = np.zeros(count, np.int64)
    for number, topic in enumerate(chapters.topics):
        for index in topic.chapters:
            chapter = chapters.chapters[index]
            topics[chapter.first : chapter.last + 1] = number
    return topics


# -- positions -----------------------------------------------------------------------------------


def _positions(
    topic: str,
    segments: Sequence[Segment],
    array: Floats,
    leaning: NDArray[np.float64],
    claimed: set[int],
) -> Iterator[Position]:
    """What each speaker holds on one topic, in order of appearance."""
    rows = [segment.index for segment in segments]
    middle = array[rows].mean(axis=0)
    middle /= max(float(np.linalg.norm(middle)), 1e-9)
    by_speaker: dict[str | None, list[Segment]] = defaultdict(list)
    for segment in segments:
        near = float(array[segment.index] @ middle)
        if segment.index in claimed or not leaning[segment.index]:
            continue
        if near >= _ON_TOPIC and _takes_a_position(segment):
            by_speaker[segment.speaker].append(segment)
    for speaker, said in by_speaker.items():
        values = [float(leaning[segment.index]) for segment in said]
        telling = sorted(
            said,
            key=lambda s: -abs(leaning[s.index]) - float(array[s.index] @ middle),
        )
        yield Position(
            topic=topic,
            speaker=speaker,
            attitude=_attitude(values),
            quotes=tuple(Quote.of(segment) for segment in telling[:_MOST_QUOTES]),
        )


def _takes_a_position(segment: Segment) -> bool:
    size = len(words(segment.text[:_READ]))
    return (
        _FEWEST_WORDS <= size <= _MOST_WORDS
        and subject_words(segment.text[:_READ]) >= 2
        and not is_question(segment.text)
        and not is_courtesy(segment.text)
        and not leans_on_others(segment.text)
    )


def _attitude(values: Sequence[float]) -> Attitude:
    up, down = sum(v for v in values if v > 0), -sum(v for v in values if v < 0)
    if min(up, down) > 0.25 * (up + down):
        return "mixed"
    return "favourable" if up > down else "critical"


# -- agreement -----------------------------------------------------------------------------------


def _exchanges(
    segments: Sequence[Segment], vectors: Vectors, topics: Sequence[str]
) -> list[Exchange]:
    """The clearest answers of one named speaker to another, in order of time."""
    names = facts("emotion")["labels"]
    felt = sigmoid(vectors.readings["emotion"])
    yes, no = felt[:, names.index("approval")], felt[:, names.index("disapproval")]
    found: list[tuple[float, Exchange]] = []
    for before, after in pairwise(segments):
        if not before.speaker or not after.speaker or before.speaker == after.speaker:
            continue
        if not (_says_something(before) and _says_something(after)):
            continue
        near = float(vectors.array[before.index] @ vectors.array[after.index])
        sure = float(max(yes[after.index], no[after.index]))
        if near < _ANSWERS or sure < _REPLY:
            continue
        agrees = yes[after.index] > no[after.index]
        found.append(
            (
                sure * near,
                Exchange(
                    kind="agreement" if agrees else "disagreement",
                    topic=topics[after.index],
                    first=Quote.of(before),
                    second=Quote.of(after),
                    reason=(
                        f"{after.speaker} answers at once, on the same subject, in words of "
                        f"{'approval' if agrees else 'disapproval'}"
                    ),
                ),
            )
        )
    best = sorted(found, key=lambda item: -item[0])[:_MOST_EXCHANGES]
    return sorted((exchange for _, exchange in best), key=lambda e: e.first.start)


def _says_something(segment: Segment) -> bool:
    return (
        len(words(segment.text[:_READ])) >= _FEWEST_WORDS
        and subject_words(segment.text[:_READ]) >= 1
        and not is_question(segment.text)
        and not is_courtesy(segment.text)
    )
