"""What is remembered can be checked, made whole, moved and forgotten."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ultimate_discord_intelligence_bot.errors import BundleInvalid, StorageError
from ultimate_discord_intelligence_bot.memory import (
    Memory,
    open_memory,
    read_bundle,
    read_manifest,
    write_bundle,
)
from ultimate_discord_intelligence_bot.models.graph import Relation
from ultimate_discord_intelligence_bot.models.verification import Evidence, Label, Verdict

Make = Callable[..., Any]
LONG_AGO = date(1900, 1, 1)


def opened(folder: Path) -> Memory:
    return open_memory(folder, embedder="test", dimension=8)


async def remember(memory: Memory, *talks: Any) -> None:
    for talk in talks:
        await talk.to_vectors(memory)
        await talk.to_graph(memory)


def verdict() -> Verdict:
    evidence = Evidence(
        source_id="atlas",
        title="Atlas",
        url="https://example.org/",
        published=None,
        passage="So it is.",
        start=None,
        speaker=None,
        found_by="your documents",
        similarity=1,
        stance="supports",
    )
    return Verdict(
        claim="c",
        label=Label.SUPPORTED,
        evidence=(evidence,),
        explanation="So.",
        checked=date(2024, 5, 1),
    )


# -- whole or not ---------------------------------------------------------------------------------


async def test_what_was_written_is_whole(memory: Memory, recording: Make) -> None:
    await remember(memory, recording("one"), recording("two", seed=1))
    assert await memory.check("local") == ()


async def test_a_source_that_only_one_store_was_to_hold_is_whole(
    memory: Memory, recording: Make
) -> None:
    await recording("standard-depth").to_vectors(memory)
    assert await memory.check("local") == ()


async def test_what_is_missing_is_told_by_source(memory: Memory, recording: Make) -> None:
    talk, other = recording("one"), recording("two", seed=1)
    await remember(memory, talk, other)
    # Behind the back of the memory: half of a source is gone from one store.
    stores = memory._stores
    await stores.vectors.replace("local", talk.source.id, talk.records[:4], talk.vectors)
    (found,) = await memory.check("local")
    assert (found.source_id, found.title) == (talk.source.id, talk.source.title)
    assert found.problem == "the vector store does not hold what it confirmed"


def test_a_write_that_was_cut_off_is_finished_from_what_was_noted(
    tmp_path: Path, recording: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = recording()

    async def cut_off(*_: object) -> None:
        raise StorageError("The power is gone.")

    with opened(tmp_path) as memory:
        asyncio.run(talk.to_vectors(memory))
        monkeypatch.setattr(memory._stores.graph, "replace", cut_off)
        with pytest.raises(StorageError):
            asyncio.run(talk.to_graph(memory))
    with opened(tmp_path) as memory:
        assert [w.store for w in memory.unfinished()] == ["graph"]
        (found,) = asyncio.run(memory.check("local"))
        assert found.problem == "a write was not finished"
        (finished,) = asyncio.run(memory.recover())
        assert finished.source_id == talk.source.id
        assert asyncio.run(memory.check("local")) == ()
        assert asyncio.run(memory.recover()) == ()
        stats = asyncio.run(memory.stats("local"))
        assert stats.vector == stats.graph


def test_a_deferred_write_returns_at_once_and_is_there_when_the_memory_is_closed(
    tmp_path: Path, recording: Make
) -> None:
    talk = recording(count=300)
    with opened(tmp_path) as memory:
        asyncio.run(talk.to_vectors(memory))
        receipt = asyncio.run(memory.defer_graph(talk.graph))
        assert receipt.records == len(talk.records)
    with opened(tmp_path) as memory:
        assert memory.unfinished() == ()
        assert asyncio.run(memory.check("local")) == ()
        assert asyncio.run(memory.stats("local")).graph.segments == 300


# -- moving ---------------------------------------------------------------------------------------


async def exported(memory: Memory, path: Path) -> None:
    await write_bundle(path, memory.export("local"), "local", "test", 8)


async def test_a_memory_moves_in_one_file_and_answers_the_same(
    tmp_path: Path, recording: Make
) -> None:
    talks = [recording(f"talk-{n}", 12 + n, seed=n) for n in range(3)]
    path = tmp_path / "memory.zip"
    text = talks[0].claims.claims[0].text
    with opened(tmp_path / "here") as memory:
        await remember(memory, *talks)
        await memory.remember_verdicts(talks[0].source, "local", {text: verdict()})
        await exported(memory, path)
        before = [await memory.search(t.vectors[2], tenant="local", limit=9) for t in talks]
        stats = await memory.stats("local")
        claims = await memory.claims("local")
    manifest = read_manifest(path)
    counts = {entry.source_id: entry.records for entry in manifest.sources}
    assert counts == {talk.source.id: len(talk.records) for talk in talks}

    with opened(tmp_path / "there") as memory:
        for _ in range(2):  # twice is harmless
            for portion in read_bundle(path):
                await memory.take("local", portion)
        assert [await memory.search(t.vectors[2], tenant="local", limit=9) for t in talks] == before
        assert await memory.stats("local") == stats
        assert await memory.claims("local") == claims
        assert await memory.check("local") == ()
        recalled = memory.recall_verdicts([text], tenant="local", since=LONG_AGO, besides="")
        assert recalled[text].evidence == verdict().evidence
        earlier = recalled[text].earlier
        assert earlier is not None
        assert earlier.title == talks[0].source.title
        with pytest.raises(BundleInvalid, match="another tenant"):
            await memory.take("somebody-else", portion)


async def test_a_damaged_bundle_changes_nothing(tmp_path: Path, recording: Make) -> None:
    path, broken = tmp_path / "memory.zip", tmp_path / "broken.zip"
    with opened(tmp_path / "here") as memory:
        await remember(memory, recording("one"), recording("two", seed=1))
        await exported(memory, path)
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(broken, "w") as copy:
        for name in whole.namelist():
            data = whole.read(name)
            copy.writestr(name, data.replace(b"tea", b"TEA") if "000001/graph" in name else data)
    with pytest.raises(BundleInvalid, match=r"000001/graph\.json is not what it was"):
        next(read_bundle(broken))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "There is no file"),
        (b"", "no bundle"),
        (b"PK\x03\x04 but no more", "no bundle"),
        ({}, "manifest.json is missing"),
        ({"manifest.json": "[]"}, "no manifest that can be read"),
        ({"manifest.json": json.dumps({"format": 99})}, "has format 99"),
    ],
)
def test_what_is_no_bundle_is_refused(
    content: bytes | dict[str, str] | None, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "some.zip"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in content.items():
                archive.writestr(name, text)
    with pytest.raises(BundleInvalid, match=words):
        read_manifest(path)


# -- forgetting -----------------------------------------------------------------------------------


async def test_a_forgotten_source_is_nowhere_and_the_others_stay(
    tmp_path: Path, recording: Make
) -> None:
    talk, other = recording("gone", word="zirconium"), recording("stays", seed=1)
    with opened(tmp_path) as memory:
        await remember(memory, talk, other)
        text = talk.claims.claims[0].text
        await memory.remember_verdicts(talk.source, "local", {text: verdict()})
        gone = await memory.forget("local", talk.source.id)
        assert (gone.records, gone.verdicts) == (len(talk.records), 1)
        assert gone.nodes > len(talk.records)
        assert await memory.check("local") == ()
        hits = await memory.search(talk.vectors[0], tenant="local", limit=100)
        assert {hit.source_id for hit in hits} == {other.source.id}
        again = await memory.forget("local", talk.source.id)
        assert (again.records, again.nodes, again.verdicts) == (0, 0, 0)
    for path in (tmp_path / "memory").glob("*.sqlite*"):
        assert b"zirconium" not in path.read_bytes(), path


async def test_another_tenant_s_source_is_not_forgotten(memory: Memory, recording: Make) -> None:
    ours, theirs = recording(tenant="ours"), recording(tenant="theirs")
    await remember(memory, ours, theirs)
    await memory.forget("ours", ours.source.id)
    assert (await memory.stats("theirs")).vector.segments == 12
    assert (await memory.stats("ours")).vector.segments == 0


# -- across sources -------------------------------------------------------------------------------


async def test_links_between_claims_of_two_sources_are_kept_dated_and_told_once(
    memory: Memory, recording: Make
) -> None:
    first, second = recording("one"), recording("two", seed=1, word="coffee")
    await remember(memory, first, second)
    ours = next(r.id for r in second.records if r.kind == "claim")
    theirs = next(r.id for r in first.records if r.kind == "claim")
    facts = {"reason": "5 against 7", "since": "2024-05-01"}
    link = Relation(kind="CONTRADICTS", start=ours, end=theirs, properties=facts)
    await memory.remember_graph(second.graph.model_copy(update={"links": (link,)}))
    back = Relation(kind="CONTRADICTS", start=theirs, end=ours, properties=facts)
    await memory.remember_graph(first.graph.model_copy(update={"links": (back,)}))
    (told,) = await memory.links("local", ["CONTRADICTS"])
    assert {told.first.id, told.second.id} == {ours, theirs}
    assert (told.reason, told.since) == ("5 against 7", date(2024, 5, 1))
    assert await memory.links("local", ["AGREES"]) == ()
    await memory.forget("local", first.source.id)
    assert await memory.links("local", ["CONTRADICTS"]) == ()


def test_an_outbox_of_the_first_version_is_still_read(tmp_path: Path, recording: Make) -> None:
    folder = tmp_path / "memory"
    folder.mkdir()
    with sqlite3.connect(folder / "outbox.sqlite") as database:
        database.executescript(
            "CREATE TABLE pending (tenant TEXT NOT NULL, source TEXT NOT NULL, store TEXT NOT NULL,"
            " digest TEXT NOT NULL, PRIMARY KEY (tenant, source, store)) WITHOUT ROWID;"
            "INSERT INTO pending VALUES ('local', 'id-talk', 'vector', 'abc');"
            "PRAGMA user_version = 1"
        )
    database.close()
    with opened(tmp_path) as memory:
        assert [write.source_id for write in memory.unfinished()] == ["id-talk"]
        assert asyncio.run(memory.recover()) == ()  # nobody knows what it was; its run redoes it
        asyncio.run(recording().to_vectors(memory))
        assert memory.unfinished() == ()
    assert np.isfinite(recording().vectors).all()


async def test_a_forgotten_speaker_is_nowhere_and_what_others_said_stays(
    memory: Memory, recording: Make
) -> None:
    talk, other = recording("one"), recording("two", seed=1)
    await remember(memory, talk, other)
    changed = await memory.forget_speaker("local", "ANN")
    assert set(changed) == {talk.source.id, other.source.id}
    stats = await memory.stats("local")
    assert stats.vector == stats.graph
    assert stats.vector.segments == 2 * 8
    assert {claim.speaker for claim in await memory.claims("local")} <= {"Bob", None}
    hits = await memory.search(talk.vectors[0], tenant="local", limit=100)
    assert {hit.speaker for hit in hits} == {"Bob", None}
    assert await memory.check("local") == ()
    assert await memory.forget_speaker("local", "ann") == ()
