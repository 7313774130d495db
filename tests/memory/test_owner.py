"""One process at a time, and none that dies takes the memory with it."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ultimate_discord_intelligence_bot.errors import DataFolderInUse
from ultimate_discord_intelligence_bot.memory import open_memory
from ultimate_discord_intelligence_bot.memory.ownership import Ownership, owner_of

_ROUNDS = 5
_ROWS = 1500

_CHILD = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from conftest import _recording
from ultimate_discord_intelligence_bot.memory import open_memory

async def main():
    talks = [_recording(f"talk-{i}", int(sys.argv[3]), word=sys.argv[4], seed=i) for i in range(2)]
    memory = open_memory(Path(sys.argv[1]), embedder="test", dimension=8)
    print("open", flush=True)
    while True:
        for talk in talks:
            await asyncio.gather(talk.to_vectors(memory), talk.to_graph(memory))
        print("again", flush=True)

asyncio.run(main())
"""


def _start(folder: Path, word: str) -> subprocess.Popen[bytes]:
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, folder, Path(__file__).parent, str(_ROWS), word],
        stdout=subprocess.PIPE,
    )
    assert child.stdout
    assert child.stdout.readline() == b"open\n"
    return child


def _kill(child: subprocess.Popen[bytes]) -> None:
    child.send_signal(signal.SIGKILL)
    child.communicate()


def test_who_must_be_alone_is_told_who_has_the_folder(tmp_path: Path) -> None:
    child = _start(tmp_path, "tea")
    try:
        with pytest.raises(DataFolderInUse, match=f"process {child.pid}"):
            Ownership(tmp_path)
    finally:
        _kill(child)
    with open_memory(tmp_path, embedder="test", dimension=8) as memory:
        assert memory.identity
    assert owner_of(tmp_path).process == os.getpid()
    assert stat.S_IMODE((tmp_path / "owner.lock").stat().st_mode) == 0o600


async def test_killed_while_writing_nothing_is_lost_or_doubled(
    tmp_path: Path, recording: Callable[..., Any]
) -> None:
    chance = random.Random(7)
    identities = set()
    for round_ in range(_ROUNDS):
        child = await asyncio.to_thread(_start, tmp_path, f"tea-{round_ % 2}")
        await asyncio.to_thread(time.sleep, chance.uniform(0.0, 0.5))
        await asyncio.to_thread(_kill, child)
        with open_memory(tmp_path, embedder="test", dimension=8) as memory:
            identities.add(memory.identity)
            talks = [
                recording(f"talk-{i}", _ROWS, word=f"tea-{round_ % 2}", seed=i) for i in range(2)
            ]
            for talk in talks:
                receipts = [await talk.to_vectors(memory), await talk.to_graph(memory)]
                assert {receipt.digest for receipt in receipts} == {receipts[0].digest}
                assert {receipt.records for receipt in receipts} == {2000}
            assert memory.unfinished() == ()
            stats = await memory.stats("local")
            assert stats.vector == stats.graph
            assert (stats.vector.sources, stats.vector.segments) == (2, 2 * _ROWS)
            hits = await memory.search(talks[0].vectors[5], tenant="local", limit=3)
            assert hits[0].text == f"Sentence 5 about tea-{round_ % 2}."
            assert len({hit.id for hit in hits}) == 3
    assert len(identities) == 1
