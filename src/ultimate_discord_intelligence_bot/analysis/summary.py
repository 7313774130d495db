"""Summary: a few sentences of the recording that together are near to all of it."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from ..models.analysis import Chapters, KeyPoints, Quote, Summary
from ..models.artifact import Vectors
from ..models.transcript import Segment, Transcript
from .claims import leans_on_others
from .words import is_courtesy, is_question, subject_words, words

_FEWEST_WORDS, _MOST_WORDS = 8, 45
_READ = 2_000
_CANDIDATES = 400
_POINT_BONUS = 0.05
_EARLY = 0.05
_SAME = 0.9
_GOES_ON = re.compile(r"\W*(?:and|but|or|so|then|because|also|that’s|that's)\b", re.IGNORECASE)


def summarise(
    transcript: Transcript, vectors: Vectors, chapters: Chapters, key_points: KeyPoints
) -> Summary:
    """Three to six sentences, word for word and in order of time.

    Greedy facility location (Lin & Bilmes 2011): each sentence added is the one that brings most
    of the recording nearer to the nearest sentence chosen, which covers subjects in proportion to
    their length without saying the same twice. Only sentences that can stand alone are considered;
    those that open a chapter, where subjects are introduced, and key points are preferred a little.

    Args:
        transcript: of the whole recording.
        vectors: one row for each segment.
        chapters: of the same transcript.
        key_points: of the same transcript.
    """
    segments = transcript.segments
    lengths = np.array([len(words(segment.text[:_READ])) for segment in segments], np.float32)
    able = [segment.index for segment in segments if _stands_alone(segment)]
    if not able:
        return Summary(sentences=())
    points = {point.segment for point in key_points.points}
    central = vectors.array[able] @ (lengths @ vectors.array)
    if len(able) > _CANDIDATES:
        best = np.argsort(-central, kind="stable")[:_CANDIDATES]
        able = sorted(able[i] for i in best)
    openings = {c.first + i for c in chapters.chapters for i in range(5)}
    worth = np.array(
        [_POINT_BONUS * (index in points) + _EARLY * (index in openings) for index in able]
    )
    count = min(6, 3 + int(transcript.duration // 900))
    chosen = sorted(able[i] for i in _cover(able, vectors.array, lengths, worth, count))
    return Summary(sentences=tuple(Quote.of(segments[index]) for index in chosen))


def _stands_alone(segment: Segment) -> bool:
    text = segment.text
    size = len(words(text[:_READ]))
    return (
        _FEWEST_WORDS <= size <= _MOST_WORDS
        and len(text) <= _READ
        and subject_words(text) >= max(3, size / 5)
        and not is_question(text)
        and not is_courtesy(text)
        and not leans_on_others(text)
        and not _GOES_ON.match(text)
    )


def _cover(
    able: list[int],
    array: NDArray[np.float32],
    lengths: NDArray[np.float32],
    worth: NDArray[np.float64],
    count: int,
) -> list[int]:
    """Positions in ``able`` of the sentences that cover best, in the order they were chosen."""
    rows = array[able]
    near = np.maximum(array @ rows.T, 0) * lengths[:, None]
    total = float(near.max(axis=1).sum()) or 1.0
    covered = np.zeros(len(array), np.float32)
    chosen: list[int] = []
    for _ in range(min(count, len(able))):
        gain = np.maximum(near, covered[:, None]).sum(axis=0) / total + worth
        if chosen:
            gain[(rows @ rows[chosen].T).max(axis=1) > _SAME] = -1
        best = int(gain.argmax())
        if gain[best] < 0:
            break
        chosen.append(best)
        covered = np.maximum(covered, near[:, best])
    return chosen
