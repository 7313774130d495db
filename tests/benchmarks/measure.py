"""Compares two sides fairly: interleaved in one run, so that both meet the same machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

_R = TypeVar("_R")


def interleave(
    sides: Mapping[str, Callable[[], _R]], *, rounds: int
) -> tuple[dict[str, list[float]], dict[str, list[_R]]]:
    """Run every side once per round, in turn.

    Returns:
        Seconds and results of each side, one entry per round.
    """
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    results: dict[str, list[_R]] = {name: [] for name in sides}
    for number in range(rounds):
        # Every other round runs backwards, so that no side always profits from the one before.
        order = list(sides)[:: 1 if number % 2 == 0 else -1]
        for name in order:
            began = time.perf_counter()
            results[name].append(sides[name]())
            seconds[name].append(time.perf_counter() - began)
    return seconds, results
