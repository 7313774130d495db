"""The embedded vector store and its folder: older ones, newer ones, damaged ones, full disks."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ultimate_discord_intelligence_bot.errors import DataFolderInUse, DiskFull, StorageError
from ultimate_discord_intelligence_bot.memory.drivers import edge
from ultimate_discord_intelligence_bot.memory.drivers.edge import EdgeVectors
from ultimate_discord_intelligence_bot.memory.ports import Where

Make = Callable[..., Any]

_CHILD = """
import sys, time
from pathlib import Path
from ultimate_discord_intelligence_bot.memory.drivers import edge
from ultimate_discord_intelligence_bot.memory.drivers.edge import EdgeVectors

copied = 0

def stop(self, *arguments):
    global copied
    if copied == int(sys.argv[2]):
        print("there", flush=True)
        time.sleep(60)
    copied += 1
    kept(self, *arguments)

kept = edge._Rebuilding._write_anew
edge._Rebuilding._write_anew = stop
store = EdgeVectors(Path(sys.argv[1]), "test", 8)
print("there", flush=True)
time.sleep(60)
"""


def start(folder: Path, stop_after: int) -> subprocess.Popen[bytes]:
    """A process that opens the folder, and stops when it is as far as told."""
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, folder, str(stop_after)], stdout=subprocess.PIPE
    )
    assert child.stdout
    assert b"there\n" in iter(child.stdout.readline, b"")
    return child


def kill(child: subprocess.Popen[bytes]) -> None:
    child.send_signal(signal.SIGKILL)
    child.communicate()


def write_format_1(folder: Path, talks: list[Any]) -> str:
    """A folder as the first version made it: one vector without a name, fewer fields."""
    import qdrant_edge

    (folder / "shard").mkdir(parents=True)
    card = {"format": 1, "identity": "as-it-was", "embedder": "test", "dimension": 8}
    (folder / "store.json").write_text(json.dumps(card))
    vectors = qdrant_edge.EdgeVectorParams(size=8, distance=qdrant_edge.Distance.Cosine)
    config = qdrant_edge.EdgeConfig(vectors=vectors, wal_enabled=True)
    shard = qdrant_edge.EdgeShard.create(str(folder / "shard"), config)
    keyword = qdrant_edge.PayloadSchemaType.Keyword
    for name in ("tenant", "source_id", "kind"):
        shard.update(qdrant_edge.UpdateOperation.create_field_index(name, keyword))
    for talk in talks:
        points = []
        for record in talk.records:
            payload = record.model_dump(mode="json", exclude={"id", "language", "verdict"})
            payload["exact"] = "exact"
            vector = talk.vectors[record.row].tolist()
            points.append(qdrant_edge.Point(record.id, vector, payload))
        shard.update(qdrant_edge.UpdateOperation.upsert_points(points))
    shard.flush()
    shard.close()
    return str(card["identity"])


async def everything(store: EdgeVectors, talk: Any) -> dict[str, tuple[Any, list[float]]]:
    return {
        record.id: (record, vector.round(5).tolist())
        async for records, vectors in store.export(talk.tenant, talk.source.id)
        for record, vector in zip(records, vectors, strict=True)
    }


async def assert_whole(folder: Path, talks: list[Any], identity: str) -> None:
    store = EdgeVectors(folder, "test", 8)
    assert store.identity == identity
    for talk in talks:
        held = await everything(store, talk)
        assert {id_: record for id_, (record, _) in held.items()} == {
            record.id: record.model_copy(update={"language": None}) for record in talk.records
        }
        for record in talk.records:
            assert held[record.id][1] == talk.vectors[record.row].round(5).tolist()
        where, texts = Where(talk.tenant, source=talk.source.id), ["tea 7"]
        [hits] = await store.search(talk.vectors[:1], 3, where, mode="words", texts=texts)
        assert "7" in hits[0].text
        [hits] = await store.search(talk.vectors[:1], 3, where, mode="hybrid", texts=texts)
        assert len(hits) == 3
    store.close()
    assert sorted(path.name for path in folder.parent.iterdir()) == ["vectors"]
    assert json.loads((folder / "store.json").read_text())["format"] == 2


async def test_a_folder_of_format_1_keeps_its_vectors(tmp_path: Path, recording: Make) -> None:
    talks = [recording("one", 600), recording("two", tenant="others", seed=1)]
    identity = write_format_1(tmp_path / "vectors", talks)
    await assert_whole(tmp_path / "vectors", talks, identity)
    await assert_whole(tmp_path / "vectors", talks, identity)


@pytest.mark.parametrize("after", [0, 1])
async def test_killed_while_it_brings_a_folder_up_to_date_it_goes_on(
    tmp_path: Path, recording: Make, after: int
) -> None:
    talks = [recording("one", 300), recording("two", seed=1)]
    folder = tmp_path / "vectors"
    identity = write_format_1(folder, talks)
    kill(await asyncio.to_thread(start, folder, after))
    assert json.loads((folder / "store.json").read_text())["format"] == 1
    await assert_whole(folder, talks, identity)


async def test_killed_between_the_old_folder_and_the_new_one_the_new_one_is_taken(
    tmp_path: Path, recording: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    talks = [recording()]
    folder = tmp_path / "vectors"
    identity = write_format_1(folder, talks)
    rename = Path.rename

    def killed(path: Path, target: Path) -> Path:
        if path.name == "vectors.next":
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        EdgeVectors(folder, "test", 8)
    monkeypatch.undo()
    assert not folder.exists()
    await assert_whole(folder, talks, identity)


async def test_killed_before_the_old_folder_is_removed_it_is_removed_later(
    tmp_path: Path, recording: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    talks = [recording()]
    folder = tmp_path / "vectors"
    identity = write_format_1(folder, talks)
    remove = shutil.rmtree

    def killed(path: Path, *args: Any, **kwargs: Any) -> None:
        if path.name == "vectors.old":
            raise KeyboardInterrupt
        remove(path, *args, **kwargs)

    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        EdgeVectors(folder, "test", 8)
    monkeypatch.undo()
    await assert_whole(folder, talks, identity)


async def test_without_room_for_a_copy_the_old_folder_stays(
    tmp_path: Path, recording: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    talks = [recording()]
    folder = tmp_path / "vectors"
    identity = write_format_1(folder, talks)
    monkeypatch.setattr(edge, "_RESERVE", 2**62)
    with pytest.raises(DiskFull, match="almost full"):
        EdgeVectors(folder, "test", 8)
    monkeypatch.undo()
    await assert_whole(folder, talks, identity)


def test_a_folder_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    EdgeVectors(tmp_path / "vectors", "test", 8).close()
    path = tmp_path / "vectors" / "store.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 3}))
    with pytest.raises(StorageError, match="format 3") as caught:
        EdgeVectors(tmp_path / "vectors", "test", 8)
    assert "version that wrote it" in caught.value.remedy
    assert json.loads(path.read_text())["format"] == 3


async def test_a_full_disk_is_told_before_it_is_full(
    tmp_path: Path, recording: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = recording()
    store = EdgeVectors(tmp_path / "vectors", "test", 8)
    await store.replace("local", talk.source.id, talk.records, talk.vectors)
    monkeypatch.setattr(edge, "_RESERVE", 2**62)
    with pytest.raises(DiskFull, match="almost full"):
        await store.replace("local", talk.source.id, talk.records, talk.vectors)
    assert len(await store.ids("local", talk.source.id)) == 16
    [hits] = await store.search(talk.vectors[:1], 3, Where("local"))
    assert len(hits) == 3
    store.close()


@pytest.mark.parametrize(
    ("pattern", "damage"),
    [
        ("store.json", "junk"),
        ("shard/edge_config.json", "cut"),
        ("shard/wal/first-index", "junk"),
        ("shard/segments/*/segment.json", "junk"),
        ("shard/segments/*/payload_storage/page_0.dat", "junk"),
        # Here the library panics, in place of an error.
        ("shard/segments/*/vector_storage-text/deleted/status.dat", "cut"),
        ("shard/segments/*/payload_index/*-tenant-map/tracker.dat", "junk"),
    ],
)
async def test_a_damaged_folder_is_told_and_left_as_it_is(
    tmp_path: Path, recording: Make, pattern: str, damage: str
) -> None:
    talk = recording(count=300)
    folder = tmp_path / "vectors"
    store = EdgeVectors(folder, "test", 8)
    await store.replace("local", talk.source.id, talk.records, talk.vectors)
    store.close()
    victim = max(folder.glob(pattern), key=lambda path: path.stat().st_size)
    if damage == "cut":
        os.truncate(victim, victim.stat().st_size // 2)
    else:
        victim.write_bytes((b"not what it was " * victim.stat().st_size)[: victim.stat().st_size])
    size = victim.stat().st_size
    with pytest.raises(StorageError, match="cannot be used") as caught:  # noqa: PT012
        opened = EdgeVectors(folder, "test", 8)
        try:
            await everything(opened, talk)
        finally:
            opened.close()
    assert "Move it away" in caught.value.remedy
    assert victim.stat().st_size == size


def test_a_second_process_does_not_get_in(tmp_path: Path) -> None:
    child = start(tmp_path / "vectors", 9)
    try:
        with pytest.raises(DataFolderInUse, match="another process"):
            EdgeVectors(tmp_path / "vectors", "test", 8)
    finally:
        kill(child)
    EdgeVectors(tmp_path / "vectors", "test", 8).close()


async def test_embedding_anew_an_older_folder_needs_no_step_between(
    tmp_path: Path, recording: Make
) -> None:
    talk = recording()
    write_format_1(tmp_path / "vectors", [talk])

    def encode(texts: Any) -> Any:
        return np.eye(len(texts), 32, dtype=np.float32)

    assert EdgeVectors.reembed(tmp_path / "vectors", "new", 32, encode) == 16
    store = EdgeVectors(tmp_path / "vectors", "new", 32)
    assert store.identity == "as-it-was"
    assert len(await store.ids("local", talk.source.id)) == 16
    store.close()
