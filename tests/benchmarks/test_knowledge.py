"""A large library: one matrix product for all claims against one search for each."""

from __future__ import annotations

import statistics
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.benchmarks.figures import Figures
from tests.benchmarks.measure import interleave
from ultimate_discord_intelligence_bot.knowledge import Library, open_library
from ultimate_discord_intelligence_bot.knowledge.passages import Passage
from ultimate_discord_intelligence_bot.knowledge.reader import Reading
from ultimate_discord_intelligence_bot.models.knowledge import Found, Place

DOCUMENTS, PASSAGES, DIMENSION = 100, 1000, 384
QUERIES, LIMIT = 50, 20


def unit_rows(count: int, seed: int) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).standard_normal((count, DIMENSION), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def fill(library: Library) -> None:
    for number in range(DOCUMENTS):
        passages = [
            Passage(f"Passage {line} of document {number}.", Place(line=line + 1))
            for line in range(PASSAGES)
        ]
        reading = Reading(f"{number:016x}", "text", f"Document {number}", None, passages)
        library.keep(Path(f"/papers/{number}.txt"), reading, unit_rows(PASSAGES, number))


@pytest.mark.benchmark
def test_all_claims_at_once_against_one_by_one(tmp_path: Path, figures: Figures) -> None:
    queries = unit_rows(QUERIES, DOCUMENTS)
    with open_library(tmp_path, "local", "made up") as library:
        fill(library)

        def at_once() -> list[list[Found]]:
            return library.search(queries, LIMIT)

        def one_by_one() -> list[list[Found]]:
            return [library.search(query[np.newaxis], LIMIT)[0] for query in queries]

        def product_alone() -> list[list[Found]]:
            return [library.search(queries[:1], LIMIT)[0]]

        library.search(queries, LIMIT)  # reads the vectors into memory
        seconds, found = interleave(
            {"one by one": one_by_one, "at once": at_once, "a single claim": product_alone},
            rounds=7,
        )
    figures.compare(f"{QUERIES} claims, {DOCUMENTS * PASSAGES:,} passages", seconds)
    assert found["at once"] == found["one by one"]
    assert all(len(hits) == LIMIT for hits in found["at once"][0])
    median = {name: statistics.median(values) for name, values in seconds.items()}
    assert median["at once"] < median["one by one"]
    figures.note("a single claim", median["a single claim"] * 1000, "ms", most=100)
