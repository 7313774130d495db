"""Signals, heard by the main thread whichever thread of the process receives them.

The kernel may hand a signal to a thread that is just being made; the main thread, which alone
handles signals in Python, then goes on waiting for what it waits for.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")

_HEED_S = 0.5
"""How soon a signal is heeded that another thread has received."""


def run(work: Coroutine[Any, Any, T]) -> T:
    """``asyncio.run``, ended by Ctrl-C even while nothing happens in the loop."""

    async def heeding() -> T:
        with _woken(asyncio.get_running_loop()):
            return await work

    return asyncio.run(heeding())


class Told:
    """Set by the first SIGTERM or Ctrl-C; a second one ends the process.

    Others then take over what it was doing.
    """

    def __init__(self) -> None:
        self._told = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._receive)

    def wait(self) -> None:
        """Until the first signal."""
        while not self._told.wait(_HEED_S):
            pass

    def _receive(self, number: int, _: FrameType | None) -> None:
        if self._told.is_set():
            raise SystemExit(128 + number)
        self._told.set()


@contextmanager
def _woken(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Every signal makes the loop go round once."""
    hears, tells = socket.socketpair()
    with hears, tells:
        tells.setblocking(False)
        loop.add_reader(hears, hears.recv, 64)
        before = signal.set_wakeup_fd(tells.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            loop.remove_reader(hears)
