"""Remembering a recording: vectors and graph one after the other against both at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.benchmarks.figures import Figures
from tests.benchmarks.hour import sentences
from tests.benchmarks.measure import interleave
from tests.neo4j_server import PASSWORD, shared_server
from ultimate_discord_intelligence_bot.memory import (
    Memory,
    Servers,
    graph_of,
    open_memory,
    records_of,
)
from ultimate_discord_intelligence_bot.memory.drivers.edge import EdgeVectors
from ultimate_discord_intelligence_bot.memory.drivers.graph_sqlite import SqliteGraph
from ultimate_discord_intelligence_bot.models.analysis import Claim, Claims
from ultimate_discord_intelligence_bot.models.media import Source
from ultimate_discord_intelligence_bot.models.memory import Receipt, Stats
from ultimate_discord_intelligence_bot.models.transcript import Segment, Transcript

DIMENSION, ROUNDS, WAIT_S = 384, 5, 0.5
Write = Callable[[], Awaitable[Receipt]]


class Hour:
    """An hour of speech, of which every third sentence is a claim, for one tenant."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.source = Source(
            id=f"hour-{tenant}", url="https://example.org/hour", title="An hour", platform="example"
        )
        said = [
            Segment(index=i, start=5.0 * i, end=5.0 * i + 5, text=text, speaker=f"Voice {i % 4}")
            for i, text in enumerate(sentences())
        ]
        claims = Claims(
            claims=tuple(
                Claim(id=f"c{s.index}", segment=s.index, score=0.8, **_said(s)) for s in said[::3]
            ),
            threshold=0.5,
        )
        transcript = Transcript(segments=tuple(said), origin="human captions", language="en")
        self.records = records_of(self.source, tenant, transcript, claims)
        self.graph = graph_of(self.source, tenant, self.records, claims=claims)
        rows = np.random.default_rng(0).standard_normal((len(said), DIMENSION), dtype=np.float32)
        self.vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def writes(self, memory: Memory) -> tuple[Write, Write]:
        return (
            lambda: memory.remember_vectors(self.source, self.tenant, self.records, self.vectors),
            lambda: memory.remember_graph(self.graph),
        )


def _said(segment: Segment) -> dict[str, Any]:
    return segment.model_dump(include={"text", "start", "end", "speaker"})


async def in_turn(*writes: Write) -> list[Receipt]:
    return [await write() for write in writes]


async def at_once(*writes: Write) -> list[Receipt]:
    return list(await asyncio.gather(*(write() for write in writes)))


async def held(memory: Memory, hour: Hour) -> tuple[set[str], set[str]]:
    """The ids of segments and claims in both stores."""
    [portion] = [portion async for portion in memory.export(hour.tenant)]
    assert portion.graph is not None
    nodes = {n.uid for n in portion.graph.nodes if n.label in ("Segment", "Claim")}
    return {record.id for record in portion.records}, nodes


def compared(
    memory: Memory, title: str, tenants: Iterator[str], figures: Figures
) -> dict[str, list[float]]:
    """Seconds of both ways; each leaves both stores with the ids that belong there."""
    waiting = iter([Hour(next(tenants)) for _ in range(2 * ROUNDS)])

    def remember(way: Callable[..., Awaitable[list[Receipt]]]) -> Hour:
        hour = next(waiting)
        receipts = asyncio.run(_both(way, memory, hour))
        assert receipts[0].digest == receipts[1].digest
        return hour

    sides = {"in turn": lambda: remember(in_turn), "at once": lambda: remember(at_once)}
    seconds, hours = interleave(sides, rounds=ROUNDS)
    figures.compare(title, seconds)
    states: list[Stats] = []
    for hour in (*hours["in turn"], *hours["at once"]):
        expected = {record.id for record in hour.records}
        assert asyncio.run(held(memory, hour)) == (expected, expected)
        assert asyncio.run(memory.check(hour.tenant)) == ()
        states.append(asyncio.run(memory.stats(hour.tenant)))
    assert all(state == states[0] for state in states)
    return seconds


async def _both(
    way: Callable[..., Awaitable[list[Receipt]]], memory: Memory, hour: Hour
) -> list[Receipt]:
    return await way(*hour.writes(memory))


@pytest.fixture
def tenants(tmp_path: Path) -> Iterator[str]:
    return (f"{tmp_path.name}-{number}" for number in count())


@pytest.mark.benchmark
def test_embedded_stores(tmp_path: Path, tenants: Iterator[str], figures: Figures) -> None:
    # Both sides are bound by the processor and take turns at the interpreter: no gain is claimed.
    with open_memory(tmp_path, embedder="generated", dimension=DIMENSION) as memory:
        compared(memory, "Both stores embedded", tenants, figures)


@pytest.mark.benchmark
def test_stores_that_are_waited_for(
    tmp_path: Path,
    tenants: Iterator[str],
    monkeypatch: pytest.MonkeyPatch,
    figures: Figures,
) -> None:
    for store in (EdgeVectors, SqliteGraph):
        replace = store.replace

        async def later(*given: Any, _replace: Any = replace) -> Any:
            await asyncio.sleep(WAIT_S)
            return await _replace(*given)

        monkeypatch.setattr(store, "replace", later)
    with open_memory(tmp_path, embedder="generated", dimension=DIMENSION) as memory:
        seconds = compared(memory, f"Both embedded, each {WAIT_S} s away", tenants, figures)
    assert min(seconds["at once"]) < min(seconds["in turn"])


@pytest.mark.benchmark
def test_the_graph_in_neo4j(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    tenants: Iterator[str],
    figures: Figures,
) -> None:
    uri = shared_server(tmp_path_factory).uri
    servers = Servers(neo4j_uri=uri, neo4j_password=PASSWORD)
    with open_memory(
        tmp_path, embedder="generated", dimension=DIMENSION, servers=servers
    ) as memory:
        compared(memory, "Vectors embedded, the graph in Neo4j", tenants, figures)
