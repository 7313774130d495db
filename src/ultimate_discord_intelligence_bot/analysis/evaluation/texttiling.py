"""TextTiling (Hearst 1997), the usual baseline for cutting a conversation into topics."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from ..words import FUNCTION_WORDS, words

BLOCK = 10
"""Turns on each side of a gap that are compared."""

_SMOOTHING = 2


def text_tiling(turns: Sequence[str], count: int | None = None) -> list[int]:
    """Turns that begin a segment, without the first.

    Each gap between turns gets the cosine of the word counts of the ten turns before and after it,
    smoothed; a gap is a boundary where the valley is deeper than the mean depth less half its
    standard deviation, as in the paper.

    Args:
        turns: in order.
        count: so many boundaries instead, at the deepest valleys.
    """
    if len(turns) < 2:
        return []
    bags = [
        Counter(w for word in words(turn) if (w := word.lower()) not in FUNCTION_WORDS)
        for turn in turns
    ]
    near = np.array([_cosine(bags, gap) for gap in range(1, len(turns))])
    kernel = np.ones(2 * _SMOOTHING + 1) / (2 * _SMOOTHING + 1)
    near = np.convolve(np.pad(near, _SMOOTHING, mode="edge"), kernel, mode="valid")
    depths = np.array([_depth(near, gap) for gap in range(len(near))])
    valleys = [
        gap
        for gap in range(len(near))
        if depths[gap] > 0
        and near[gap] <= near[max(0, gap - 1)]
        and near[gap] <= near[min(len(near) - 1, gap + 1)]
    ]
    if count is None:
        limit = depths.mean() - depths.std() / 2
        chosen = [gap for gap in valleys if depths[gap] > limit]
    else:
        chosen = sorted(valleys, key=lambda gap: -depths[gap])[:count]
    return sorted(gap + 1 for gap in chosen)


def _cosine(bags: Sequence[Counter[str]], gap: int) -> float:
    before: Counter[str] = sum(bags[max(0, gap - BLOCK) : gap], Counter())
    after: Counter[str] = sum(bags[gap : gap + BLOCK], Counter())
    norm = math.sqrt(sum(n * n for n in before.values()) * sum(n * n for n in after.values()))
    return sum(n * after[word] for word, n in before.items()) / norm if norm else 0.0


def _depth(near: np.ndarray[tuple[int], np.dtype[np.float64]], gap: int) -> float:
    """How far the curve rises to the nearest peak on both sides."""
    left = right = float(near[gap])
    for value in near[:gap][::-1]:
        if value < left:
            break
        left = float(value)
    for value in near[gap + 1 :]:
        if value < right:
            break
        right = float(value)
    return left + right - 2 * float(near[gap])
