"""The memory of all tenants is put away, and put back as it was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.neo4j_server import NEO4J_MARKS, PASSWORD, shared_server
from ultimate_discord_intelligence_bot.errors import BundleInvalid, NotWritable
from ultimate_discord_intelligence_bot.memory import (
    Memory,
    Servers,
    back_up,
    open_memory,
    restore,
)
from ultimate_discord_intelligence_bot.models.graph import Relation

Make = Callable[..., Any]


def opened(folder: Path, embedder: str = "test", servers: Servers | None = None) -> Memory:
    return open_memory(folder, embedder=embedder, dimension=8, servers=servers)


async def fill(memory: Memory, recording: Make) -> None:
    """Two recordings of one tenant that link to each other, and one of another."""
    one, two = recording("one"), recording("two", seed=1)
    for talk in (one, two, recording("one", tenant="guild", word="coffee", seed=2)):
        await talk.to_vectors(memory)
        await talk.to_graph(memory)
    for ours, theirs in ((one, two), (two, one)):
        ends = (next(r.id for r in talk.records if r.kind == "claim") for talk in (ours, theirs))
        link = Relation(
            kind="AGREES", start=next(ends), end=next(ends), properties={"reason": "so"}
        )
        await memory.remember_graph(ours.graph.model_copy(update={"links": (link,)}))


async def told(memory: Memory, recording: Make) -> list[Any]:
    """The answers to the same questions."""
    question = recording("any", seed=5).vectors[:4]
    answers: list[Any] = [await memory.tenants()]
    for tenant in ("local", "guild"):
        answers += [
            await memory.search_many(question, tenant=tenant, limit=5),
            await memory.claims(tenant, words="tea"),
            await memory.links(tenant, ["AGREES"]),
            await memory.stats(tenant),
            await memory.check(tenant),
        ]
    return answers


async def test_wiped_and_put_back_it_answers_the_same(recording: Make, tmp_path: Path) -> None:
    data, backup = tmp_path / "data", tmp_path / "backup"
    with opened(data) as memory:
        await fill(memory, recording)
        before = await told(memory, recording)
        written = await back_up(memory, backup)
    assert [(m.tenant, len(m.sources)) for m in written] == [("guild", 1), ("local", 2)]
    shutil.rmtree(data)
    with opened(data) as memory:
        assert await told(memory, recording) != before
        assert await restore(memory, backup) == written
        assert await told(memory, recording) == before
        # A second time, and over what came since.
        await recording("three", tenant="new").to_vectors(memory)
        await recording("one", 20, word="cocoa").to_vectors(memory)
        await restore(memory, backup)
        assert await told(memory, recording) == before


@pytest.mark.parametrize("_", [pytest.param(None, marks=NEO4J_MARKS)])
async def test_it_moves_to_a_server_and_back(
    _: None, recording: Make, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    server = Servers(neo4j_uri=shared_server(tmp_path_factory).uri, neo4j_password=PASSWORD)
    with opened(tmp_path / "data") as memory:
        await fill(memory, recording)
        before = await told(memory, recording)
        await back_up(memory, tmp_path / "there")
    with opened(tmp_path / "other", servers=server) as memory:
        for tenant in ("local", "guild"):
            for source in await memory.remembered(tenant):
                await memory.forget(tenant, source)
        await restore(memory, tmp_path / "there")
        assert (await told(memory, recording))[1:] == before[1:]
        for tenant in set(await memory.tenants()) - {"local", "guild"}:
            for source in await memory.remembered(tenant):
                await memory.forget(tenant, source)
        await back_up(memory, tmp_path / "back")
    with opened(tmp_path / "third") as memory:
        await restore(memory, tmp_path / "back")
        assert await told(memory, recording) == before


async def test_a_backup_never_replaces_anything(
    memory: Memory, recording: Make, tmp_path: Path
) -> None:
    await fill(memory, recording)
    (folder := tmp_path / "backup").mkdir()
    await back_up(memory, folder)
    with pytest.raises(NotWritable, match="is not empty"):
        await back_up(memory, folder)
    assert {path.name for path in tmp_path.iterdir()} == {"backup", "data"}  # noqa: ASYNC240


def damage_card(folder: Path) -> None:
    (folder / "backup.json").write_text("{")


def newer(folder: Path) -> None:
    card = json.loads((folder / "backup.json").read_text())
    (folder / "backup.json").write_text(json.dumps(card | {"format": 2}))


def outside(folder: Path) -> None:
    (folder / "0000.zip").rename(folder.parent / "elsewhere.zip")
    card = (folder / "backup.json").read_text().replace("0000.zip", "../elsewhere.zip")
    (folder / "backup.json").write_text(card)


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda folder: (folder / "backup.json").unlink(), "is no backup"),
        (damage_card, "cannot be read"),
        (newer, "format 2"),
        (lambda folder: (folder / "0001.zip").unlink(), "0001.zip is missing"),
        (outside, "is missing"),
        (lambda folder: (folder / "0001.zip").write_bytes(b"PK"), "is not what it was"),
    ],
)
async def test_a_damaged_backup_changes_nothing(
    memory: Memory,
    recording: Make,
    tmp_path: Path,
    harm: Callable[[Path], object],
    reason: str,
) -> None:
    await fill(memory, recording)
    await back_up(memory, tmp_path / "backup")
    await recording("three", seed=3).to_vectors(memory)
    before = await told(memory, recording)
    harm(tmp_path / "backup")
    with pytest.raises(BundleInvalid, match=reason) as caught:
        await restore(memory, tmp_path / "backup")
    assert caught.value.remedy
    assert await told(memory, recording) == before


async def test_vectors_of_another_embedder_are_refused(
    memory: Memory, recording: Make, tmp_path: Path
) -> None:
    await fill(memory, recording)
    await back_up(memory, tmp_path / "backup")
    with (
        opened(tmp_path / "other", embedder="another") as other,
        pytest.raises(BundleInvalid, match="vectors of test"),
    ):
        await restore(other, tmp_path / "backup")
