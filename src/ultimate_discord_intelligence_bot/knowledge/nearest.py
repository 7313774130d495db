"""Exact search for the nearest of many vectors."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_SCORES_AT_ONCE = 1 << 23
_ROUNDING = 4e-6


@dataclass(frozen=True)
class Matrix:
    """The vectors of all passages, document after document.

    Attributes:
        array: unit-length rows, shape (passages, dimension).
        documents: their ids.
        firsts: the first row of each document.
    """

    array: Floats
    documents: Sequence[str]
    firsts: Sequence[int]

    def place_of(self, row: int) -> tuple[str, int]:
        """The document of a row, and its position in it."""
        number = bisect_right(self.firsts, row) - 1
        return self.documents[number], row - self.firsts[number]


def nearest(matrix: Matrix, queries: Floats, limit: int) -> list[list[tuple[int, float]]]:
    """For each query the rows most similar to it, with their cosine, best first.

    Equal ones come in order of rows. The result does not depend on which queries come together:
    single precision only chooses the candidates, with room for its rounding.

    Args:
        matrix: what is searched.
        queries: unit-length rows, shape (queries, dimension).
        limit: most rows for each.
    """
    rows = len(matrix.array)
    if not rows or limit < 1:
        return [[] for _ in queries]
    found: list[list[tuple[int, float]]] = []
    step = max(1, _SCORES_AT_ONCE // rows)
    for first in range(0, len(queries), step):
        some = np.ascontiguousarray(queries[first : first + step], np.float32)
        found += [
            _best(matrix.array, query, scores, limit)
            for query, scores in zip(some, some @ matrix.array.T, strict=True)
        ]
    return found


def _best(array: Floats, query: Floats, scores: Floats, limit: int) -> list[tuple[int, float]]:
    candidates = np.arange(len(scores))
    if limit < len(scores):
        worst = np.partition(scores, -limit)[-limit]
        candidates = np.flatnonzero(scores >= worst - _ROUNDING)
    exact = np.einsum("ij,j->i", array[candidates], query, dtype=np.float64)
    cosines = np.clip(exact, -1.0, 1.0).round(6)
    order = np.argsort(-cosines, kind="stable")[:limit]
    return [(int(candidates[i]), float(cosines[i])) for i in order]
