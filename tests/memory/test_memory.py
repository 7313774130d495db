"""What is remembered, how often, and for whom."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ultimate_discord_intelligence_bot.errors import (
    DiskFull,
    EmbedderMismatch,
    GraphInvalid,
    NotWritable,
    StorageError,
)
from ultimate_discord_intelligence_bot.memory import Memory, graph_of, open_memory, records_of
from ultimate_discord_intelligence_bot.memory.drivers import edge
from ultimate_discord_intelligence_bot.models.analysis import Claims

Make = Callable[..., Any]


async def test_both_stores_hold_the_same_ids(memory: Memory, recording: Make) -> None:
    talk = recording()
    in_vectors, in_graph = await asyncio.gather(talk.to_vectors(memory), talk.to_graph(memory))
    assert in_vectors.records == in_graph.records == 16
    assert in_vectors.digest == in_graph.digest
    stats = await memory.stats("local")
    assert stats.vector == stats.graph
    assert (stats.vector.sources, stats.vector.segments, stats.vector.claims) == (1, 12, 4)


async def test_writing_twice_changes_nothing(memory: Memory, recording: Make) -> None:
    talk = recording()
    first = [await talk.to_vectors(memory), await talk.to_graph(memory)]
    stats = await memory.stats("local")
    assert [await talk.to_vectors(memory), await talk.to_graph(memory)] == first
    assert await memory.stats("local") == stats


async def test_a_new_transcript_replaces_the_old_one(memory: Memory, recording: Make) -> None:
    await recording(count=12).to_vectors(memory)
    await recording(count=12).to_graph(memory)
    shorter = recording(count=6, word="coffee")
    in_vectors, in_graph = await shorter.to_vectors(memory), await shorter.to_graph(memory)
    assert in_vectors.records == in_graph.records == 8
    hits = await memory.search(shorter.vectors[0], tenant="local", limit=50)
    assert {hit.text for hit in hits} == {s.text for s in shorter.transcript.segments}


async def test_remembering_nothing_forgets_the_source(memory: Memory, recording: Make) -> None:
    talk = recording()
    await talk.to_vectors(memory)
    await talk.to_graph(memory)
    await memory.remember_vectors(talk.source, "local", [], talk.vectors)
    await memory.remember_graph(graph_of(talk.source, "local", []))
    stats = await memory.stats("local")
    assert stats.vector == stats.graph
    assert stats.vector.sources == 0


async def test_tenants_see_only_their_own(memory: Memory, recording: Make) -> None:
    ours, theirs = recording(tenant="ours"), recording(tenant="theirs", word="coffee")
    for talk in (ours, theirs):
        await talk.to_vectors(memory)
        await talk.to_graph(memory)
    assert not {r.id for r in ours.records} & {r.id for r in theirs.records}
    hits = await memory.search(ours.vectors[3], tenant="ours", limit=50)
    assert len(hits) == 12
    assert all("tea" in hit.text for hit in hits)
    await memory.remember_vectors(ours.source, "ours", [], ours.vectors)
    assert (await memory.stats("theirs")).vector.segments == 12


async def test_ten_sources_at_once(memory: Memory, recording: Make) -> None:
    talks = [recording(f"talk-{i}", 300, seed=i) for i in range(10)]
    writes = [write for t in talks for write in (t.to_vectors(memory), t.to_graph(memory))]
    receipts = await asyncio.gather(*writes)
    assert {receipt.records for receipt in receipts} == {400}
    assert all(a.digest == b.digest for a, b in zip(receipts[::2], receipts[1::2], strict=True))
    stats = await memory.stats("local")
    assert stats.vector == stats.graph
    assert (stats.vector.sources, stats.vector.segments) == (10, 3000)
    for talk in talks:
        [hit] = await memory.search(talk.vectors[7], tenant="local", limit=1, source=talk.source.id)
        assert hit.text == talk.transcript.segments[7].text


async def test_a_hit_leads_to_its_moment(memory: Memory, recording: Make) -> None:
    talk = recording()
    await talk.to_vectors(memory)
    [hit] = await memory.search(talk.vectors[4], tenant="local", limit=1)
    assert hit.url == talk.source.at(20.0)
    assert hit.score == pytest.approx(1.0, abs=1e-5)
    assert (hit.start, hit.end, hit.speaker) == (20.0, 24.0, "Bob")
    assert (hit.source, hit.source_id) == ("The talk", talk.source.id)
    assert str(hit.published) == "2024-05-01"


async def test_search_is_restricted_as_asked(memory: Memory, recording: Make) -> None:
    one, two = recording("one"), recording("two", seed=1)
    await one.to_vectors(memory)
    await two.to_vectors(memory)

    async def found(**where: Any) -> list[Any]:
        return await memory.search(one.vectors[0], tenant="local", limit=99, **where)

    assert {hit.source_id for hit in await found(exclude_source="id-one")} == {"id-two"}
    assert {hit.source_id for hit in await found(source="id-one")} == {"id-one"}
    assert {hit.kind for hit in await found(kind="claim")} == {"claim"}
    assert len(await found(kind="claim")) == 8
    assert await memory.search(one.vectors[0], tenant="nobody", limit=5) == []
    assert await memory.search(one.vectors[0], tenant="local", limit=0) == []


async def test_a_claim_and_its_segment_are_one_passage(memory: Memory, recording: Make) -> None:
    talk = recording()
    await talk.to_vectors(memory)
    hits = await memory.search(talk.vectors[0], tenant="local", limit=12)
    assert len(hits) == len({hit.text for hit in hits}) == 12
    assert {hit.kind for hit in hits} == {"segment"}


async def test_a_claim_alone_is_found(memory: Memory, recording: Make) -> None:
    talk = recording()
    claims = [record for record in talk.records if record.kind == "claim"]
    await memory.remember_vectors(talk.source, "local", claims, talk.vectors)
    hits = await memory.search(talk.vectors[0], tenant="local", limit=12)
    assert {hit.kind for hit in hits} == {"claim"}


async def test_equal_scores_come_in_order_of_id_whatever_was_written_first(
    tmp_path: Path, recording: Make
) -> None:
    talk = recording(count=90)
    same = np.tile(talk.vectors[0], (90, 1))
    answers = []
    for name, records in (("a", talk.records), ("b", talk.records[::-1])):
        with open_memory(tmp_path / name, embedder="test", dimension=8) as memory:
            await memory.remember_vectors(talk.source, "local", records, same)
            answers.append(await memory.search(same[0], tenant="local", limit=7))
    assert answers[0] == answers[1]
    assert [hit.id for hit in answers[0]] == sorted(
        record.id for record in talk.records if record.kind == "segment"
    )[:7]


async def test_many_queries_answer_like_one_by_one(memory: Memory, recording: Make) -> None:
    talk = recording(count=40)
    await talk.to_vectors(memory)
    together = await memory.search_many(talk.vectors, tenant="local", limit=5)
    alone = [await memory.search(v, tenant="local", limit=5) for v in talk.vectors]
    assert together == alone
    assert await memory.search_many(talk.vectors[:0], tenant="local", limit=5) == []


async def test_it_is_still_there_after_closing(tmp_path: Path, recording: Make) -> None:
    talk = recording()
    with open_memory(tmp_path, embedder="test", dimension=8) as memory:
        identity = memory.identity
        await talk.to_vectors(memory)
        await talk.to_graph(memory)
        stats = await memory.stats("local")
    with open_memory(tmp_path, embedder="test", dimension=8) as memory:
        assert memory.identity == identity
        assert memory.unfinished() == ()
        assert await memory.stats("local") == stats


async def test_a_store_made_anew_has_another_identity(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="test", dimension=8) as memory:
        before = memory.identity
    for file in (tmp_path / "memory").glob("graph.sqlite*"):
        file.unlink()
    with open_memory(tmp_path, embedder="test", dimension=8) as memory:
        assert memory.identity != before


async def test_an_interrupted_write_is_reported_until_it_is_repeated(
    tmp_path: Path, recording: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = recording()
    with open_memory(tmp_path, embedder="test", dimension=8) as memory:
        monkeypatch.setattr(edge, "_RESERVE", 2**62)
        with pytest.raises(DiskFull, match="almost full"):
            await talk.to_vectors(memory)
        monkeypatch.undo()
        await talk.to_graph(memory)
    with open_memory(tmp_path, embedder="test", dimension=8) as memory:
        [pending] = memory.unfinished()
        assert (pending.source_id, pending.store) == (talk.source.id, "vector")
        receipt = await talk.to_vectors(memory)
        assert receipt.digest == pending.digest
        assert memory.unfinished() == ()
    with open_memory(tmp_path, embedder="test", dimension=8) as memory:
        assert memory.unfinished() == ()


def test_handles_share_one_owner(tmp_path: Path) -> None:
    first = open_memory(tmp_path, embedder="test", dimension=8)
    second = open_memory(tmp_path / ".", embedder="test", dimension=8)
    assert first.identity == second.identity
    first.close()
    first.close()
    assert second.identity
    second.close()
    with pytest.raises(StorageError, match="closed"):
        _ = second.identity


@pytest.mark.parametrize(("embedder", "dimension"), [("other", 8), ("test", 9)])
async def test_another_embedder_is_refused_and_nothing_is_lost(
    tmp_path: Path, recording: Make, embedder: str, dimension: int
) -> None:
    talk = recording()
    with open_memory(tmp_path, embedder="test", dimension=8) as memory:
        await talk.to_vectors(memory)
        with pytest.raises(EmbedderMismatch, match="test"):
            open_memory(tmp_path, embedder=embedder, dimension=dimension)
    with pytest.raises(EmbedderMismatch, match="test"):
        open_memory(tmp_path, embedder=embedder, dimension=dimension)
    with open_memory(tmp_path, embedder="test", dimension=8) as memory:
        assert (await memory.stats("local")).vector.segments == 12


async def test_vectors_of_the_wrong_length_are_refused(memory: Memory, recording: Make) -> None:
    talk = recording()
    with pytest.raises(EmbedderMismatch, match="8 numbers"):
        await memory.remember_vectors(talk.source, "local", talk.records, talk.vectors[:, :5])
    with pytest.raises(EmbedderMismatch, match="8 numbers"):
        await memory.search(talk.vectors[0][:5], tenant="local", limit=3)
    assert (await memory.stats("local")).vector.segments == 0


async def test_records_that_fit_nothing_are_a_mistake_of_the_caller(
    memory: Memory, recording: Make
) -> None:
    talk = recording()
    with pytest.raises(ValueError, match="outside"):
        await memory.remember_vectors(talk.source, "local", talk.records, talk.vectors[:3])
    with pytest.raises(ValueError, match="another source or tenant"):
        await memory.remember_vectors(talk.source, "elsewhere", talk.records, talk.vectors)
    with pytest.raises(ValueError, match="not finite"):
        await memory.remember_vectors(
            talk.source, "local", talk.records, np.full_like(talk.vectors, np.nan)
        )
    graph = talk.graph
    without = tuple(node for node in graph.nodes if node.label != "Source")
    with pytest.raises(GraphInvalid):
        await memory.remember_graph(graph.model_copy(update={"nodes": without}))


def test_a_folder_that_cannot_be_made_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotWritable, match="AUTOINTEL_DATA_DIR"):
        open_memory(tmp_path / "file" / "data", embedder="test", dimension=8)


@pytest.mark.parametrize("victim", ["graph.sqlite", "outbox.sqlite", "vectors/store.json"])
def test_a_damaged_store_is_named_and_kept(tmp_path: Path, victim: str) -> None:
    open_memory(tmp_path, embedder="test", dimension=8).close()
    path = tmp_path / "memory" / victim
    path.write_bytes(b"not what it was " * 300)
    with pytest.raises(StorageError, match=path.parent.name) as caught:
        open_memory(tmp_path, embedder="test", dimension=8)
    assert "Move it away" in caught.value.remedy
    assert path.read_bytes().startswith(b"not what it was")


def test_a_half_made_store_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "memory" / "vectors.new" / "shard").mkdir(parents=True)
    with open_memory(tmp_path, embedder="test", dimension=8) as memory:
        assert memory.identity


def test_repeated_sentences_are_distinct_records(recording: Make) -> None:
    talk = recording()
    twice = talk.transcript.model_copy(
        update={
            "segments": tuple(
                s.model_copy(update={"text": "Again."}) for s in talk.transcript.segments
            )
        }
    )
    records = records_of(talk.source, "local", twice, Claims(claims=(), threshold=0.5))
    assert len({record.id for record in records}) == 12


async def test_what_was_only_roughly_heard_is_found_but_is_no_evidence(
    memory: Memory, recording: Make
) -> None:
    rough = recording()
    records = [record.model_copy(update={"exact": False}) for record in rough.records]
    await memory.remember_vectors(rough.source, "local", records, rough.vectors)
    query = rough.vectors[0]
    found = await memory.search(query, tenant="local", limit=5)
    assert found
    assert not any(hit.exact for hit in found)
    assert await memory.search_many(query[np.newaxis], tenant="local", limit=5, exact=True) == [[]]
