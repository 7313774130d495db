"""Turns at a host, so that nobody is asked too much at once."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType


class Turns:
    """Turns at one host: an asynchronous context manager around each request.

    Args:
        at_once: most requests at the same time.
        gap: least seconds between the beginnings of two requests.
    """

    def __init__(self, at_once: int, gap: float) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._gap = gap
        self._next = 0.0

    async def __aenter__(self) -> None:
        await self._free.acquire()
        try:
            # The pause may have grown while we slept, when the host refused somebody else.
            while (wait := self._next - time.monotonic()) > 0:  # noqa: ASYNC110
                await asyncio.sleep(wait)
            self._next = time.monotonic() + self._gap
        except BaseException:
            self._free.release()
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._free.release()

    def pause(self, seconds: float) -> None:
        """Let nobody begin for some seconds, because the host said so."""
        self._next = max(self._next, time.monotonic() + seconds)
