"""The vector memory: batches against single writes, and a hybrid question as the memory grows.

``AUTOINTEL_TEST_POINTS=1000000`` adds a memory of a million generated records (3 GB of disk, 15
minutes).
"""

from __future__ import annotations

import asyncio
import os
import resource
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.benchmarks.figures import Figures
from tests.benchmarks.measure import interleave
from ultimate_discord_intelligence_bot.memory.drivers import edge
from ultimate_discord_intelligence_bot.memory.drivers.edge import EdgeVectors
from ultimate_discord_intelligence_bot.memory.ports import Where
from ultimate_discord_intelligence_bot.models.memory import Record
from ultimate_discord_intelligence_bot.runs import stable_id

DIMENSION, WORDS, VOCABULARY = 384, 12, 20_000
SOURCE = 1_000
SIZES = (1_000, 10_000)
WRITTEN, ROUNDS = 2_000, 5
QUESTIONS, LIMIT = 200, 20


def sizes() -> list[int]:
    more = int(os.environ.get("AUTOINTEL_TEST_POINTS", "0"))
    return [*SIZES, *([more] if more > SIZES[-1] else [])]


def unit_rows(count: int, seed: int) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).standard_normal((count, DIMENSION), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def texts(count: int, seed: int) -> list[str]:
    """Words as frequent as in speech: the n-th is said 1/n as often as the first (Zipf)."""
    share = 1 / np.arange(1, VOCABULARY + 1)
    drawn = np.random.default_rng(seed).choice(
        VOCABULARY, size=(count, WORDS), p=share / share.sum()
    )
    return [" ".join(f"w{number}" for number in row) for row in drawn]


def recording(number: int, count: int, tenant: str = "local") -> list[Record]:
    return [
        Record(
            id=stable_id(tenant, str(number), str(row)),
            kind="segment",
            tenant=tenant,
            source_id=f"source-{number}",
            title=f"Recording {number}",
            url=f"https://example.org/{number}?t={row}",
            published=None,
            text=text,
            start=row,
            end=row + 1,
            speaker=("Ann", "Bob")[row % 2],
            row=row,
        )
        for row, text in enumerate(texts(count, number))
    ]


@contextmanager
def opened(folder: Path) -> Iterator[EdgeVectors]:
    with closing(EdgeVectors(folder, "generated", DIMENSION)) as store:
        yield store


@pytest.mark.benchmark
def test_batched_writes_against_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figures: Figures
) -> None:
    rows, query = unit_rows(WRITTEN, 0), unit_rows(1, 1)
    [question] = texts(1, 2)
    tenants = [recording(0, WRITTEN, f"tenant-{number}") for number in range(2 * ROUNDS)]
    waiting = iter(tenants)

    with opened(tmp_path / "vectors") as store:

        def write(batch: int) -> str:
            records = next(waiting)
            monkeypatch.setattr(edge, "BATCH", batch)
            write = store.replace(records[0].tenant, "source-0", records, rows)
            assert len(asyncio.run(write)) == WRITTEN
            monkeypatch.undo()
            return records[0].tenant

        def answer(tenant: str) -> list[tuple[str, float]]:
            # All of them, because equals come in order of their ids, which every tenant has anew.
            asked = store.search(query, WRITTEN, Where(tenant), mode="hybrid", texts=[question])
            return sorted((hit.text, hit.score) for hit in asyncio.run(asked)[0])

        sides = {"batched": lambda: write(256), "one by one": lambda: write(1)}
        seconds, written = interleave(sides, rounds=ROUNDS)
        answers = {name: [answer(tenant) for tenant in some] for name, some in written.items()}
    figures.compare(f"{WRITTEN:,} records written to an embedded store", seconds)
    assert answers["batched"] == answers["one by one"]
    assert len(answers["batched"][0]) == WRITTEN
    assert min(seconds["one by one"]) > min(seconds["batched"])


@pytest.mark.benchmark
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("size", sizes())
def test_a_hybrid_question_as_the_memory_grows(tmp_path: Path, size: int, figures: Figures) -> None:
    vectors, asked = unit_rows(QUESTIONS, 1), texts(QUESTIONS, 2_000_000)
    where = Where("local")
    with opened(tmp_path / "vectors") as store:
        began = time.perf_counter()
        for number in range(size // SOURCE):
            rows = unit_rows(SOURCE, number + 10)
            write = store.replace("local", f"source-{number}", recording(number, SOURCE), rows)
            asyncio.run(write)
        filled = time.perf_counter() - began

        async def one_by_one() -> tuple[list[float], list[list[str]]]:
            seconds, answers = [], []
            for row, text in zip(vectors, asked, strict=True):
                began = time.perf_counter()
                [hits] = await store.search(
                    row[np.newaxis], LIMIT, where, mode="hybrid", texts=[text]
                )
                seconds.append(time.perf_counter() - began)
                answers.append([hit.id for hit in hits])
            return seconds, answers

        seconds, answers = asyncio.run(one_by_one())
        began = time.perf_counter()
        batch = store.search(vectors, LIMIT, where, mode="hybrid", texts=asked)
        together = asyncio.run(batch)
        batched = (time.perf_counter() - began) / QUESTIONS
    assert [[hit.id for hit in hits] for hits in together] == answers
    assert all(len(hits) == LIMIT for hits in answers)
    p50, p99 = np.percentile(seconds, (50, 99)) * 1000
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    disk = sum(file.stat().st_blocks * 512 for file in (tmp_path).rglob("*") if file.is_file())
    of = f"{size:,} records"
    figures.note(f"{of}: hybrid question, median", p50, "ms")
    figures.note(f"{of}: hybrid question, 99th percentile", p99, "ms")
    figures.note(f"{of}: each of a batch of {QUESTIONS}", batched * 1000, "ms")
    figures.note(f"{of}: written", size / filled, "a second")
    figures.note(f"{of}: resident at most", resident, "MB")
    figures.note(f"{of}: on disk", disk >> 20, "MB")
