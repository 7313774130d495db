"""Processes that somebody started, as the kernel shows them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path


async def worker_of(parent: int, ready: Callable[[], bool] = lambda: True) -> int:
    """The download worker that a process started, once a condition holds."""
    deadline = time.monotonic() + 20
    while True:
        assert time.monotonic() < deadline
        if ready() and (worker := _child(parent, b"acquisition.worker")):
            return worker
        await asyncio.sleep(0.02)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that other processes do."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _child(parent: int, name: bytes) -> int | None:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            command = (stat.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) == parent and name in command and fields[0] != "Z":
            return int(stat.parent.name)
    return None
