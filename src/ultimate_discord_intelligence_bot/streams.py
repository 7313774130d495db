"""What stages tell while they still work, for stages that need not wait for the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any


class Stream:
    """What one stage tells; everybody who listens hears all of it, from the beginning.

    To be used in one event loop.
    """

    def __init__(self) -> None:
        self._parts: list[Any] = []
        self._ended = False
        self._news = asyncio.Event()

    def tell(self, part: Any) -> None:
        """Say something; after the end nobody hears it."""
        if not self._ended:
            self._parts.append(part)
            self._wake()

    def end(self) -> None:
        """Say that there will be no more; twice is harmless."""
        self._ended = True
        self._wake()

    async def heard(self) -> AsyncIterator[list[Any]]:
        """What was told, as much at a time as has come meanwhile, until the end."""
        done = 0
        while True:
            news = self._news
            if fresh := self._parts[done:]:
                done += len(fresh)
                yield fresh
            elif self._ended:
                return
            else:
                await news.wait()

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


class Streams:
    """The streams of one run, by stage; a stage that tells nothing has one that ends with it."""

    def __init__(self) -> None:
        self._of: dict[str, Stream] = {}

    def __getitem__(self, stage: str) -> Stream:
        return self._of.setdefault(stage, Stream())
