"""Small recordings to remember."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ultimate_discord_intelligence_bot.memory import Memory, graph_of, open_memory, records_of
from ultimate_discord_intelligence_bot.models.analysis import (
    Chapter,
    Chapters,
    Claim,
    Claims,
    Topic,
)
from ultimate_discord_intelligence_bot.models.graph import Graph
from ultimate_discord_intelligence_bot.models.media import Source
from ultimate_discord_intelligence_bot.models.memory import Receipt, Record
from ultimate_discord_intelligence_bot.models.transcript import Segment, Transcript

DIMENSION = 8


@dataclass(frozen=True)
class Recording:
    """Something to remember; every third sentence is a claim."""

    source: Source
    tenant: str
    transcript: Transcript
    claims: Claims
    chapters: Chapters
    records: tuple[Record, ...]
    vectors: NDArray[np.float32]

    async def to_vectors(self, memory: Memory) -> Receipt:
        return await memory.remember_vectors(self.source, self.tenant, self.records, self.vectors)

    async def to_graph(self, memory: Memory) -> Receipt:
        return await memory.remember_graph(self.graph)

    @property
    def graph(self) -> Graph:
        """What the graph holds of it."""
        return graph_of(
            self.source,
            self.tenant,
            self.records,
            chapters=self.chapters,
            claims=self.claims,
        )


def _recording(
    name: str = "talk", count: int = 12, *, tenant: str = "local", word: str = "tea", seed: int = 0
) -> Recording:
    source = Source(
        id=f"id-{name}",
        url=f"https://example.org/{name}",
        title=f"The {name}",
        platform="example",
        published=date(2024, 5, 1),
    )
    segments = tuple(
        Segment(
            index=i,
            start=5.0 * i,
            end=5.0 * i + 4,
            text=f"Sentence {i} about {word}.",
            speaker=("Ann", "Bob", None)[i % 3],
        )
        for i in range(count)
    )
    claims = tuple(
        Claim(
            id=f"c{s.index}",
            text=s.text,
            segment=s.index,
            start=s.start,
            end=s.end,
            speaker=s.speaker,
            score=0.8,
        )
        for s in segments[::3]
    )
    half = max(count // 2, 1)
    chapters = Chapters(
        chapters=(
            Chapter(title="Begin", first=0, last=half - 1, start=0, end=5.0 * half),
            Chapter(title="End", first=half, last=count - 1, start=5.0 * half, end=5.0 * count),
        ),
        topics=(Topic(label="everything", chapters=(0, 1), share=1.0),),
    )
    transcript = Transcript(segments=segments, origin="human captions", language="en")
    stated = Claims(claims=claims, threshold=0.5)
    rows = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    return Recording(
        source,
        tenant,
        transcript,
        stated,
        chapters,
        records_of(source, tenant, transcript, stated),
        rows / np.linalg.norm(rows, axis=1, keepdims=True),
    )


@pytest.fixture
def recording() -> Callable[..., Recording]:
    return _recording


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with open_memory(tmp_path / "data", embedder="test", dimension=DIMENSION) as opened:
        yield opened
