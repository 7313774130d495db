"""Ids that every store and every machine agrees on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ultimate_discord_intelligence_bot.memory import graph_of, open_memory, records_of
from ultimate_discord_intelligence_bot.models.analysis import Claim, Claims
from ultimate_discord_intelligence_bot.models.media import Source
from ultimate_discord_intelligence_bot.models.transcript import Segment, Transcript

_text = st.text(st.characters(codec="utf-8"), max_size=20)
_source = Source(id="s", url="https://example.org/v", title="V", platform="example")


@st.composite
def _spoken(draw: st.DrawFn) -> tuple[Transcript, Claims]:
    texts = draw(st.lists(st.tuples(_text, st.none() | _text), max_size=8))
    segments = tuple(
        Segment(index=i, start=float(i), end=i + 1.0, text=text, speaker=speaker)
        for i, (text, speaker) in enumerate(texts)
    )
    chosen = draw(st.lists(st.sampled_from(segments), max_size=8)) if segments else []
    claims = tuple(
        Claim(
            id=str(s.index),
            text=s.text,
            segment=s.index,
            start=s.start,
            end=s.end,
            speaker=s.speaker,
            score=0.5,
        )
        for s in chosen
    )
    return (
        Transcript(segments=segments, origin="human captions"),
        Claims(claims=claims, threshold=0.5),
    )


@given(_spoken(), st.sampled_from(["a", "b"]))
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_whatever_is_said_both_stores_hold_the_same_ids(
    tmp_path: Path,
    recording: Callable[..., Any],
    spoken: tuple[Transcript, Claims],
    tenant: str,
) -> None:
    transcript, claims = spoken
    vectors = recording(count=8).vectors
    with open_memory(tmp_path, embedder="test", dimension=8) as memory:
        records = records_of(_source, tenant, transcript, claims)
        assert records == records_of(_source, tenant, transcript, claims)
        in_vectors = await memory.remember_vectors(_source, tenant, records, vectors)
        in_graph = await memory.remember_graph(graph_of(_source, tenant, records))
    assert in_vectors.digest == in_graph.digest
    assert in_vectors.records == in_graph.records == len(records)
