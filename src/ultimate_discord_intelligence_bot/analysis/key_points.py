"""Key points: sentences that stand for their chapter, word for word."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..models.analysis import Chapters, Claims, KeyPoint, KeyPoints
from ..models.artifact import Vectors
from ..models.transcript import Segment, Transcript
from .claims import leans_on_others
from .words import is_courtesy, is_question, subject_words, words

_FEWEST_WORDS, _MOST_WORDS = 6, 60
_READ = 2_000
_NOVELTY = 0.3
_CLAIM_BONUS = 0.1
_SAME = 0.95
_SUBJECT_WORDS = 3


def pick_key_points(
    transcript: Transcript, vectors: Vectors, chapters: Chapters, claims: Claims | None
) -> KeyPoints:
    """The most representative sentences: 5 of a short recording, 15 of one over an hour.

    Each is near the middle of its chapter (degree centrality, Erkan & Radev 2004, LexRank) and
    unlike those already chosen (maximal marginal relevance, Carbonell & Goldstein 1998). Longer
    chapters give more. Fragments, questions, courtesies and talk without a subject are passed
    over; check-worthy claims are preferred a little.

    Args:
        transcript: of the whole recording.
        vectors: one row for each segment.
        chapters: of the same transcript.
        claims: found in it, or None when nobody looked.
    """
    claimed = {claim.segment for claim in claims.claims} if claims else set()
    pools = []
    for chapter in chapters.chapters:
        inside = transcript.segments[chapter.first : chapter.last + 1]
        pools.append([segment.index for segment in inside if _may_be_key(segment)])
    total = round(min(15.0, 5 + transcript.duration / 360))
    chosen: list[int] = []
    points: list[KeyPoint] = []
    for number, share in enumerate(_shares([len(pool) for pool in pools], total)):
        chapter = chapters.chapters[number]
        middle = vectors.array[chapter.first : chapter.last + 1].sum(axis=0)
        middle /= max(float(np.linalg.norm(middle)), 1e-9)
        for index in _pick(pools[number], share, vectors.array, middle, claimed, chosen):
            chosen.append(index)
            points.append(_point(transcript.segments[index], number))
    return KeyPoints(points=tuple(sorted(points, key=lambda point: point.segment)))


def _may_be_key(segment: Segment) -> bool:
    size = len(words(segment.text[:_READ]))
    return (
        _FEWEST_WORDS <= size <= _MOST_WORDS
        and len(segment.text) <= _READ
        and subject_words(segment.text) >= max(_SUBJECT_WORDS, size / 5)
        and not is_question(segment.text)
        and not is_courtesy(segment.text)
        and not leans_on_others(segment.text)
    )


def _shares(sizes: list[int], total: int) -> list[int]:
    """How many of ``total`` each chapter gives: one first, then by size (Sainte-Laguë)."""
    shares = [0] * len(sizes)
    for _ in range(min(total, sum(sizes))):
        open_ones = [i for i, size in enumerate(sizes) if shares[i] < size]
        best = max(open_ones, key=lambda i: (shares[i] == 0, sizes[i] / (2 * shares[i] + 1), -i))
        shares[best] += 1
    return shares


def _pick(
    pool: list[int],
    count: int,
    array: NDArray[np.float32],
    middle: NDArray[np.float32],
    claimed: set[int],
    before: list[int],
) -> list[int]:
    """Up to ``count`` indices from the pool, each central and unlike those chosen before it."""
    rows = array[pool]
    central = rows @ middle + _CLAIM_BONUS * np.array([index in claimed for index in pool])
    likeness = (rows @ array[before].T).max(axis=1, initial=0.0)
    picked: list[int] = []
    for _ in range(count):
        worth = (1 - _NOVELTY) * central - _NOVELTY * likeness
        worth[likeness > _SAME] = -np.inf
        best = int(worth.argmax())
        if worth[best] == -np.inf:
            break
        picked.append(best)
        likeness = np.maximum(likeness, rows @ rows[best])
    return [pool[i] for i in picked]


def _point(segment: Segment, chapter: int) -> KeyPoint:
    return KeyPoint(
        text=segment.text,
        segment=segment.index,
        chapter=chapter,
        start=segment.start,
        end=segment.end,
        speaker=segment.speaker,
    )
