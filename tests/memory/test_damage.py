"""Files that were cut off, overwritten or lost, disks that are full, folders that are read-only."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.copies import copied
from ultimate_discord_intelligence_bot.errors import StorageError
from ultimate_discord_intelligence_bot.memory import Memory, open_memory
from ultimate_discord_intelligence_bot.memory.drivers.edge import EdgeVectors

Make = Callable[..., Any]
HOW = ("cut", "noise", "gone")

_PREAMBLE = f"""
import asyncio, json, os, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from conftest import _recording
from ultimate_discord_intelligence_bot.errors import StorageError
from ultimate_discord_intelligence_bot.memory import open_memory
from ultimate_discord_intelligence_bot.memory.drivers.edge import EdgeVectors
from ultimate_discord_intelligence_bot.memory.ports import Where
"""


def child(script: str, *arguments: object, disk: str = "") -> subprocess.Popen[str]:
    """A process that runs a script; with ``disk`` on a file system made by that command."""
    command = [sys.executable, "-c", _PREAMBLE + script, *map(str, arguments)]
    if disk:
        command = ["unshare", "-rm", "sh", "-c", f'{disk} && exec "$@"', "sh", *command]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def lines(process: subprocess.Popen[str]) -> list[Any]:
    """What a child told, line by line as JSON; it must not have crashed."""
    out, error = process.communicate(timeout=170)
    assert process.returncode == 0, f"{process.returncode}: {error[-3000:]}"
    return [json.loads(line) for line in out.splitlines() if line.startswith("[")]


def damage(path: Path, how: str, chance: random.Random) -> None:
    size = path.stat().st_size
    if how == "cut":
        os.truncate(path, size // 2)
    elif how == "gone":
        path.unlink()
    else:
        with path.open("r+b") as file:
            file.write(chance.randbytes(min(size, 2**20)))


# -- the vectors ----------------------------------------------------------------------------------

_USE = """
async def use(folder, talk):
    store = EdgeVectors(folder, "test", 8)
    try:
        held = [r.id async for records, _ in store.export("local", talk.source.id) for r in records]
        for mode in ("dense", "words"):
            await store.search(talk.vectors[:1], 400, Where("local"), mode=mode, texts=["tea"])
        await store.counts("local")
        more = _recording("more", 9, seed=1)
        await store.replace("local", more.source.id, more.records, more.vectors)
        return len(set(held)), len(held)
    finally:
        store.close()

talk = _recording("talk", 300)
for folder in sorted(Path(sys.argv[1]).iterdir()):
    try:
        told = asyncio.run(use(folder / "vectors", talk))
    except StorageError as error:
        told = [error.message, error.remedy]
    print(json.dumps([folder.name, *told]), flush=True)
"""


@pytest.mark.timeout(180)
def test_whatever_file_of_the_vectors_is_damaged_it_is_told_or_nothing_is_missing(
    tmp_path: Path, recording: Make
) -> None:
    talk, whole, chance = recording("talk", 300), tmp_path / "whole", random.Random(5)
    store = EdgeVectors(whole / "vectors", "test", 8)
    asyncio.run(store.replace("local", talk.source.id, talk.records, talk.vectors))
    store.close()
    victims = [
        path.relative_to(whole)
        for path in sorted(whole.rglob("*"))
        if path.is_file()
        and path.stat().st_size
        # Of the indexes, which are all alike, one is enough.
        and ("payload_index" not in str(path) or "-tenant-map" in str(path))
        and path.name != "closed.json"
    ]
    assert len(victims) > 25
    (tmp_path / "damaged").mkdir()
    cases = {(victim, HOW[number % 3]) for number, victim in enumerate(victims)}
    # Here the library says nothing of what it has lost, or returns records without vectors.
    cases |= {(victim, "cut") for victim in victims if victim.name.startswith("mutable_id")}
    cases |= {(victim, "gone") for victim in victims if victim.name == "status.dat"}
    for number, (victim, how) in enumerate(sorted(cases)):
        folder = tmp_path / "damaged" / f"{number:02d}-{how}-{victim.name}"
        subprocess.run(["cp", "-r", "--sparse=always", whole, folder], check=True)
        damage(folder / victim, how, chance)
    told = lines(child(_USE, tmp_path / "damaged"))
    assert len(told) == len(cases)
    for name, *outcome in told:
        if outcome != [400, 400]:
            assert isinstance(outcome[0], str), (name, outcome)
            assert outcome[1], name
    assert sum(outcome != [400, 400] for _, *outcome in told) > 10


_WRITE_AND_DIE = """
async def main():
    with open_memory(Path(sys.argv[1]), embedder="test", dimension=8) as memory:
        for number in range(3):
            talk = _recording(f"talk-{number}", 60, seed=number)
            await talk.to_vectors(memory)
            await talk.to_graph(memory)
        os.kill(os.getpid(), 9)

asyncio.run(main())
"""


@pytest.mark.parametrize("how", ["cut", "noise", "gone"])
def test_a_damaged_log_after_a_crash_costs_nothing_that_was_confirmed(
    tmp_path: Path, how: str
) -> None:
    child(_WRITE_AND_DIE, tmp_path).communicate()
    for path in (tmp_path / "memory" / "vectors" / "shard" / "wal").glob("open-*"):
        damage(path, how, random.Random(2))
    refusal = None
    try:
        with open_memory(tmp_path, embedder="test", dimension=8) as memory:
            assert asyncio.run(memory.check("local")) == ()
            assert asyncio.run(memory.stats("local")).vector.segments == 180
    except StorageError as error:
        refusal = error
    assert (refusal is not None) == (how == "noise")
    assert refusal is None or "Move it away" in refusal.remedy


_REEMBED = """
import numpy, time
def encode(texts):
    time.sleep(0.02)
    return numpy.eye(len(texts), 16, dtype=numpy.float32)
print("[]", flush=True)
EdgeVectors.reembed(Path(sys.argv[1]), "new", 16, encode)
"""


@pytest.mark.timeout(180)
def test_killed_at_any_moment_embedding_anew_goes_on(tmp_path: Path, recording: Make) -> None:
    folder, chance = tmp_path / "vectors", random.Random(4)
    talks = [recording(f"talk-{n}", 60, tenant=f"guild-{n % 2}", seed=n) for n in range(8)]
    store = EdgeVectors(folder, "test", 8)
    for talk in talks:
        asyncio.run(store.replace(talk.tenant, talk.source.id, talk.records, talk.vectors))
    store.close()
    for _ in range(5):
        process = child(_REEMBED, folder)
        assert process.stdout is not None
        assert process.stdout.readline() == "[]\n"
        with suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0.05, 0.6))
        process.kill()
        process.communicate()
    assert EdgeVectors.reembed(folder, "new", 16, lambda t: np.eye(len(t), 16, dtype=np.float32))
    store = EdgeVectors(folder, "new", 16)
    for talk in talks:
        held = asyncio.run(store.ids(talk.tenant, talk.source.id))
        assert held == {record.id for record in talk.records}
    assert asyncio.run(store.counts("guild-0")).sources == 4
    store.close()
    assert [path.name for path in tmp_path.iterdir()] == ["vectors"]


async def test_changed_after_it_was_broken_off_embedding_anew_takes_what_is_there_now(
    tmp_path: Path, recording: Make
) -> None:
    folder, count = tmp_path / "vectors", 0
    talks = [recording(f"talk-{n}", 12, seed=n) for n in range(4)]
    store = EdgeVectors(folder, "test", 8)
    for talk in talks[:3]:
        await store.replace("local", talk.source.id, talk.records, talk.vectors)
    store.close()

    def breaks_off(texts: Any) -> Any:
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        return np.eye(len(texts), 16, dtype=np.float32)

    with pytest.raises(KeyboardInterrupt):
        EdgeVectors.reembed(folder, "new", 16, breaks_off)
    store = EdgeVectors(folder, "test", 8)
    await store.forget("local", "id-talk-0")
    await store.replace("local", "id-talk-1", talks[1].records[:5], talks[1].vectors)
    await store.replace("local", "id-talk-3", talks[3].records, talks[3].vectors)
    store.close()
    assert EdgeVectors.reembed(folder, "new", 16, breaks_off) == 5 + 16 + 16
    store = EdgeVectors(folder, "new", 16)
    assert await store.sources("local") == ("id-talk-1", "id-talk-2", "id-talk-3")
    store.close()


# -- the other files ------------------------------------------------------------------------------


async def everything(memory: Memory) -> list[object]:
    told: list[object] = [portion async for portion in memory.export("local")]
    told += await memory.claims("local")
    told += await memory.timeline("local", "nobody")
    told += await memory.check("local")
    await memory.recover()
    return told


def told_of(folder: Path) -> StorageError | None:
    """What is told when everything in a folder is asked for."""
    try:
        with open_memory(folder, embedder="test", dimension=8) as memory:
            asyncio.run(everything(memory))
    except StorageError as error:
        return error
    return None


@pytest.fixture(scope="module")
def remembered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of some recordings, in order."""
    folder = tmp_path_factory.mktemp("remembered")
    script = _WRITE_AND_DIE.replace("os.kill(os.getpid(), 9)", "pass")
    assert child(script, folder).wait() == 0
    return folder


@pytest.mark.parametrize("file", ["graph", "outbox", "verdicts", "identities"])
def test_a_damaged_database_is_told_and_left_as_it_is(
    remembered: Path, tmp_path: Path, file: str
) -> None:
    chance, refusals = random.Random(8), 0
    for number, how in enumerate(("cut", "noise", "odd cut", "noise within", "noise within")):
        folder = tmp_path / str(number)
        subprocess.run(["cp", "-r", "--sparse=always", remembered, folder], check=True)
        victim = folder / "memory" / f"{file}.sqlite"
        if how == "odd cut":
            os.truncate(victim, 1000)
        elif how == "noise within":
            with victim.open("r+b") as changed:
                changed.seek(chance.randrange(4096, victim.stat().st_size - 3000))
                changed.write(chance.randbytes(3000))
        else:
            damage(victim, how, chance)
        size = victim.stat().st_size
        refusal = told_of(folder)
        refusals += refusal is not None
        assert refusal is None or (refusal.remedy and victim.stat().st_size >= size)
    assert refusals >= 2


@pytest.mark.parametrize("file", ["graph", "outbox", "verdicts", "identities"])
def test_a_database_of_a_newer_version_is_left_alone(
    remembered: Path, tmp_path: Path, file: str
) -> None:
    folder = copied(remembered, tmp_path / "copy")
    path = folder / "memory" / f"{file}.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    before = path.read_bytes()
    with pytest.raises(StorageError, match="format 99") as caught:
        open_memory(folder, embedder="test", dimension=8)
    assert "version that wrote it" in caught.value.remedy
    assert path.read_bytes() == before


def test_a_graph_that_was_emptied_is_told_by_a_check(remembered: Path, tmp_path: Path) -> None:
    folder = copied(remembered, tmp_path / "copy")
    with open_memory(folder, embedder="test", dimension=8) as memory:
        identity = memory.identity
    (folder / "memory" / "graph.sqlite").write_bytes(b"")
    with open_memory(folder, embedder="test", dimension=8) as memory:
        assert memory.identity != identity
        found = asyncio.run(memory.check("local"))
    assert {each.problem for each in found} == {"the graph store does not hold what it confirmed"}
    assert len(found) == 3


def test_a_write_whose_note_is_damaged_is_left_to_its_run_and_blocks_no_other(
    tmp_path: Path, recording: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise StorageError("The power is gone.")

    talks = [recording("one"), recording("two", seed=1)]
    with open_memory(tmp_path, embedder="test", dimension=8) as memory:
        monkeypatch.setattr(memory._stores.graph, "replace", fail)
        monkeypatch.setattr(memory._stores.vectors, "replace", fail)
        for talk in talks:
            for write in (talk.to_graph, talk.to_vectors):
                with pytest.raises(StorageError):
                    asyncio.run(write(memory))
    monkeypatch.undo()
    with sqlite3.connect(tmp_path / "memory" / "outbox.sqlite") as database:
        database.execute("UPDATE pending SET payload = x'00' WHERE source = 'id-one'")
    database.close()
    with open_memory(tmp_path, embedder="test", dimension=8) as memory:
        finished = asyncio.run(memory.recover())
        assert {(write.source_id, write.store) for write in finished} == {
            ("id-two", "vector"),
            ("id-two", "graph"),
        }
        assert {write.source_id for write in memory.unfinished()} == {"id-one"}
        assert asyncio.run(memory.remembered("local")) == ("id-two",)


# -- the disk -------------------------------------------------------------------------------------


def _can_mount() -> bool:
    unshare = shutil.which("unshare")
    command = [str(unshare), "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return unshare is not None and subprocess.run(command, capture_output=True).returncode == 0


needs_mounts = pytest.mark.skipif(
    not _can_mount(), reason="disks of our own need user namespaces (unshare -rm)"
)

_FILL = """
async def fill(memory, told):
    for number in range(500):
        talk = _recording(f"talk-{number}", 900, word="tea " * 60, seed=number)
        try:
            await talk.to_vectors(memory)
            await talk.to_graph(memory)
        except StorageError as error:
            told.append([type(error).__name__, error.remedy])
            return number

async def main():
    told = []
    folder = Path(sys.argv[1]) / "data"
    with open_memory(folder, embedder="test", dimension=8) as memory:
        number = await fill(memory, told)
    print(json.dumps(["full", number, *told]))
    with open_memory(folder, embedder="test", dimension=8) as memory:
        held = set(await memory.remembered("local"))
        whole = all(f"id-talk-{n}" in held for n in range(number))
        try:
            await memory.recover()
        except StorageError as error:
            told.append([type(error).__name__, error.remedy])
        wrong = {each.source_id for each in await memory.check("local")}
        print(json.dumps(["again", whole, sorted(wrong - {f"id-talk-{number}"}), *told[1:]]))

asyncio.run(main())
"""


@needs_mounts
@pytest.mark.parametrize("megabytes", [90, 140])
def test_a_disk_that_fills_up_costs_nothing_that_was_confirmed(
    tmp_path: Path, megabytes: int
) -> None:
    mount = f"mount -t tmpfs -o size={megabytes}m tmpfs {tmp_path}"
    full, again = lines(child(_FILL, tmp_path, disk=mount))
    assert full[2][0] == "DiskFull"
    assert "Free some space" in full[2][1]
    assert again[1:3] == [True, []]
    assert all(name == "DiskFull" for name, _ in again[3:])


_OPEN = """
try:
    open_memory(Path(sys.argv[1]), embedder="test", dimension=8).close()
    print(json.dumps(["opened"]))
except StorageError as error:
    print(json.dumps([type(error).__name__, error.remedy]))
"""


@needs_mounts
def test_a_folder_that_is_read_only_is_told(remembered: Path) -> None:
    mount = f"mount --bind {remembered} {remembered} && mount -o remount,bind,ro {remembered}"
    ((name, remedy),) = lines(child(_OPEN, remembered, disk=mount))
    assert name == "NotWritable"
    assert "AUTOINTEL_DATA_DIR" in remedy
    inner = remembered / "memory"
    mount = f"mount --bind {inner} {inner} && mount -o remount,bind,ro {inner}"
    ((name, remedy),) = lines(child(_OPEN, remembered, disk=mount))
    assert name == "NotWritable"
    ((opened,),) = lines(child(_OPEN, remembered))
    assert opened == "opened"
