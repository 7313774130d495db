"""Files made to do harm cost a bounded time and memory, and the next file is read as if nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.knowledge.pdf_files import pdf, pdf_bomb
from tests.processes import alive
from ultimate_discord_intelligence_bot.errors import DocumentRefused
from ultimate_discord_intelligence_bot.knowledge.reader import Reader

PATIENCE = 2.0


def children() -> set[int]:
    """Processes that read files for this one."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            if (
                int(parent) == os.getpid()
                and b"knowledge.worker" in (folder / "cmdline").read_bytes()
            ):
                found.add(int(folder.name))
        except OSError:
            continue
    return {process for process in found if alive(process)}


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.pdf"
    path.write_bytes(pdf(["It was visited in 1969."]))
    return path


async def test_many_files_are_read_by_one_process(tmp_path: Path, good: Path) -> None:
    bad = tmp_path / "bad.pdf"
    bad.write_bytes(b"no")
    async with Reader() as reader:
        first = await reader.read(good)
        before = children()
        with pytest.raises(DocumentRefused):
            await reader.read(bad)
        assert await reader.read(good) == first
        assert children() == before
        assert len(before) == 1
    assert children() == set()
    assert [(p.text, p.place.page) for p in first.passages] == [("It was visited in 1969.", 1)]


HOSTILE = {
    "folded.pdf": pdf_bomb(1500),
    "deep.md": b">" * 200_000 + b" x\n" + b"- " * 200_000 + b"x",
    "brackets.md": b"[" * 100_000 + b"](" * 50_000,
    "alias.md": b"---\na: &a [x]\n"
    + b"".join(
        b"%c: &%c [%s]\n" % (98 + i, 98 + i, b",".join([b"*%c" % (97 + i)] * 9)) for i in range(20)
    )
    + b"---\nIt is so.\n",
    "merge.md": b"---\na: &a {x: 1}\n"
    + b"".join(
        b"%c: &%c {<<: [%s]}\n" % (98 + i, 98 + i, b",".join([b"*%c" % (97 + i)] * 9))
        for i in range(20)
    )
    + b"---\nIt is so.\n",
    "deep.html": b"<div>" * 300_000 + b"It is so.",
    "cells.html": b"<td> " * 300_000,
    "open.html": b"<p>It is so. " + b"<!--" * 500_000 + b"</" * 500_000 + b"<![" * 500_000,
    "attributes.html": b"<p " + b"a=b " * 1_000_000 + b">It is so.",
    "charset.html": b"<meta " * 500_000 + b"<p>It is so.",
    "word.txt": b"a" * 4_000_000,
    "stops.txt": b". " * 2_000_000,
    "lines.txt": b"- a\n" * 1_000_000,
    "nested.pdf": b"%PDF-1.4\n1 0 obj\n" + b"[" * 2_000_000,
    "loop.pdf": pdf(["x"]).replace(b"/Kids[4 0 R]", b"/Kids[2 0 R]"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_file_is_read_or_refused_in_time(
    tmp_path: Path, good: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(HOSTILE[name])
    began = time.monotonic()
    async with Reader(PATIENCE) as reader:
        with suppress(DocumentRefused):
            assert (await reader.read(path)).passages
        assert time.monotonic() - began < PATIENCE + 3
        assert (await reader.read(good)).passages
    assert children() == set()


async def test_a_process_that_dies_costs_one_file(tmp_path: Path, good: Path) -> None:
    slow = tmp_path / "slow.html"
    slow.write_bytes(b"<p>words " * 5_000_000)
    async with Reader() as reader:
        await reader.read(good)
        (process,) = children()
        reading = asyncio.create_task(reader.read(slow))
        await asyncio.sleep(0.3)
        os.kill(process, signal.SIGKILL)
        with pytest.raises(DocumentRefused, match="damaged"):
            await reading
        assert (await reader.read(good)).passages


async def test_breaking_off_leaves_no_process_and_no_answer_behind(
    tmp_path: Path, good: Path
) -> None:
    slow = tmp_path / "slow.html"
    slow.write_bytes(b"<p>words " * 5_000_000)
    async with Reader() as reader:
        reading = asyncio.create_task(reader.read(slow))
        await asyncio.sleep(0.5)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert children() == set()
        assert (await reader.read(good)).title == "Good"
    assert children() == set()
