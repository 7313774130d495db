"""Several processes of one user have one memory: the first owns it, the others ask it."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ultimate_discord_intelligence_bot.errors import (
    DataFolderInUse,
    EmbedderMismatch,
    GraphInvalid,
    ServiceGone,
    StorageError,
)
from ultimate_discord_intelligence_bot.memory import Memory, Servers, open_memory, opening, service
from ultimate_discord_intelligence_bot.memory.ownership import Ownership, owner_of
from ultimate_discord_intelligence_bot.memory.remote import RemoteMemory
from ultimate_discord_intelligence_bot.memory.service import Line, Service

Make = Callable[..., Any]

_OWNER = """
import sys
from pathlib import Path
from ultimate_discord_intelligence_bot.memory import open_memory

memory = open_memory(Path(sys.argv[1]), embedder="test", dimension=8)
print("open", flush=True)
sys.stdin.read()
memory.close()
"""

_WRITER = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from conftest import _recording
from ultimate_discord_intelligence_bot.memory import open_memory

async def main():
    with open_memory(Path(sys.argv[1]), embedder="test", dimension=8) as memory:
        for number in range(int(sys.argv[3]), int(sys.argv[4])):
            talk = _recording(f"talk-{number}", 12, seed=number)
            await asyncio.gather(talk.to_vectors(memory), talk.to_graph(memory))
            print(number, flush=True)

asyncio.run(main())
"""


def opened(folder: Path) -> Memory:
    return open_memory(folder, embedder="test", dimension=8)


@contextmanager
def owner(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that has the memory open until its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", _OWNER, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"open\n"
        yield process
        process.kill()


def writer(folder: Path, first: int, last: int) -> subprocess.Popen[bytes]:
    numbers = [str(first), str(last)]
    return subprocess.Popen(
        [sys.executable, "-c", _WRITER, folder, Path(__file__).parent, *numbers],
        stdout=subprocess.PIPE,
    )


async def told(memory: Memory, talk: Any) -> list[Any]:
    """The answers to one question of each kind."""
    return [
        await memory.search_many(talk.vectors[:3], tenant="local", limit=4),
        await memory.claims("local"),
        await memory.stats("local"),
        await memory.check("local"),
        memory.unfinished(),
        memory.identity,
        [portion.source_id async for portion in memory.export("local")],
    ]


async def test_two_processes_write_and_read_one_memory(tmp_path: Path, recording: Make) -> None:
    talk, other = recording("one"), recording("two", seed=1)
    with owner(tmp_path), opened(tmp_path) as ours, opened(tmp_path) as theirs:
        assert isinstance(ours, RemoteMemory)
        receipts = await asyncio.gather(talk.to_vectors(ours), talk.to_graph(ours))
        assert receipts[0].digest == receipts[1].digest
        await asyncio.gather(other.to_vectors(theirs), other.to_graph(theirs))
        before = await told(ours, talk)
        assert await told(theirs, talk) == before
    with opened(tmp_path) as memory:
        assert not isinstance(memory, RemoteMemory)
        assert await told(memory, talk) == before


async def test_when_the_owner_ends_another_process_takes_over(
    tmp_path: Path, recording: Make
) -> None:
    talk = recording("one")
    with owner(tmp_path) as process, opened(tmp_path) as memory:
        await talk.to_vectors(memory)
        process.send_signal(signal.SIGKILL)
        process.wait()
        await talk.to_graph(memory)
        assert await memory.check("local") == ()
        assert owner_of(tmp_path).process == os.getpid()
        with opened(tmp_path) as another:
            assert not isinstance(another, RemoteMemory)
            assert await told(another, talk) == await told(memory, talk)


def test_many_processes_write_while_owners_are_killed(tmp_path: Path, recording: Make) -> None:
    """Whoever is the owner at the moment; whatever was acknowledged is there, once."""
    acknowledged: set[int] = set()
    writers = [writer(tmp_path, 100 * n, 100 * n + 40) for n in range(3)]

    def listen(process: subprocess.Popen[bytes]) -> None:
        assert process.stdout
        acknowledged.update(int(line) for line in process.stdout)

    threads = [threading.Thread(target=listen, args=(process,)) for process in writers]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 60
    for _ in range(2):
        goal = len(acknowledged) + 20
        while len(acknowledged) < goal and time.monotonic() < deadline:
            time.sleep(0.01)
        killed = owner_of(tmp_path).process
        [process] = [each for each in writers if each.pid == killed]
        process.kill()
        writers.remove(process)
    for thread in threads:
        thread.join(60)
    assert [process.wait(60) for process in writers] == [0]
    with opened(tmp_path) as memory:
        asyncio.run(_all_there(memory, acknowledged))


async def _all_there(memory: Memory, acknowledged: set[int]) -> None:
    await memory.recover()
    assert await memory.check("local") == ()
    assert len(acknowledged) >= 60
    assert {f"id-talk-{number}" for number in acknowledged} <= {*await memory.remembered("local")}
    held = await memory.stats("local")
    assert held.vector.segments == 12 * held.vector.sources


async def test_an_error_there_is_the_same_error_here(tmp_path: Path, recording: Make) -> None:
    talk = recording("one")
    broken = talk.graph.model_copy(update={"nodes": talk.graph.nodes[1:]})
    with owner(tmp_path), opened(tmp_path) as memory:
        with pytest.raises(GraphInvalid) as caught:
            await memory.remember_graph(broken)
        assert caught.value.remedy
        with pytest.raises(ValueError, match="not finite"):
            await memory.search(np.full(8, np.nan, np.float32), tenant="local", limit=1)
        await talk.to_graph(memory)


async def test_who_stops_listening_breaks_nothing(tmp_path: Path, recording: Make) -> None:
    with owner(tmp_path), opened(tmp_path) as memory:
        for number in range(5):
            await recording(f"talk-{number}", seed=number).to_vectors(memory)
        async for portion in memory.export("local"):
            assert portion.source_id == "id-talk-0"
            break
        assert len([portion async for portion in memory.export("local")]) == 5


def test_another_embedder_and_other_servers_are_refused_as_in_one_process(tmp_path: Path) -> None:
    with owner(tmp_path):
        with pytest.raises(EmbedderMismatch):
            open_memory(tmp_path, embedder="another", dimension=8)
        with pytest.raises(StorageError, match="other servers"):
            open_memory(
                tmp_path,
                embedder="test",
                dimension=8,
                servers=Servers(qdrant_url="http://localhost:1"),
            )


def test_a_process_that_does_not_answer_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_PATIENCE", 0.2)
    script = (
        "import sys; from pathlib import Path;"
        "from ultimate_discord_intelligence_bot.memory.ownership import Ownership;"
        "o = Ownership(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as silent:
        assert silent.stdout
        silent.stdout.readline()
        with pytest.raises(DataFolderInUse, match=f"process {silent.pid}") as caught:
            opened(tmp_path)
        assert caught.value.remedy
        silent.kill()


def test_a_process_that_was_stopped_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_PATIENCE", 0.2)
    monkeypatch.setattr(service, "_GREETING", 0.2)
    with owner(tmp_path) as process:
        process.send_signal(signal.SIGSTOP)
        with pytest.raises(DataFolderInUse, match=f"process {process.pid}"):
            opened(tmp_path)
        process.send_signal(signal.SIGCONT)
        with opened(tmp_path) as memory:
            assert memory.dimension == 8


def test_a_folder_that_is_closed_can_be_had_at_once(tmp_path: Path) -> None:
    with opened(tmp_path):
        address = owner_of(tmp_path).service
        assert address
        assert Path(address.path).exists()
    assert not Path(address.path).parent.exists()
    Ownership(tmp_path).close()
    with pytest.raises(ServiceGone):
        Line(address)


def test_who_does_not_know_the_key_is_not_heard(tmp_path: Path) -> None:
    with opened(tmp_path):
        address = owner_of(tmp_path).service
        assert address
        with pytest.raises(AuthenticationError):
            Client(address.path, "AF_UNIX", authkey=b"guessed")
        # And disturbs nobody who does, and neither does somebody who says nothing.
        silent = socket.socket(socket.AF_UNIX)
        silent.connect(address.path)
        line = Line(address)
        assert line.call("dimension") == 8
        line.close()
    assert silent.recv(1024)
    silent.close()


def test_a_service_that_has_heard_a_stranger_last_can_be_closed() -> None:
    for _ in range(20):
        there = Service(object())
        with pytest.raises(AuthenticationError):
            Client(there.address.path, "AF_UNIX", authkey=b"guessed")
        there.close()


def test_only_what_is_public_can_be_asked() -> None:
    class Thing:
        _secret = 1

        def fails(self) -> None:
            raise FileNotFoundError("gone")

    there = Service(Thing())
    line = Line(there.address)
    with pytest.raises(ValueError, match="not public"):
        line.call("_secret")
    # An error of the system there is not taken for a broken line.
    with pytest.raises(RuntimeError, match="gone"):
        line.call("fails")
    line.close()
    there.close()


def test_whatever_a_memory_can_do_is_forwarded() -> None:
    public = {name for name in vars(Memory) if not name.startswith("_")}
    assert public
    assert public <= set(vars(RemoteMemory))
    for name in public - {"close"}:
        ours, theirs = inspect.getattr_static(Memory, name), vars(RemoteMemory)[name]
        assert inspect.iscoroutinefunction(ours) == inspect.iscoroutinefunction(theirs), name
        assert inspect.isasyncgenfunction(ours) == inspect.isasyncgenfunction(theirs), name
        assert isinstance(ours, property) == isinstance(theirs, property), name
