"""How long a piece of work may take, without the time in which it waits for others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar

_current: ContextVar[asyncio.Timeout | None] = ContextVar("deadline", default=None)


@asynccontextmanager
async def deadline(seconds: float) -> AsyncIterator[None]:
    """Give up what is done inside after so many seconds.

    Raises:
        TimeoutError: it took longer.
    """
    async with asyncio.timeout(seconds) as timeout:
        token = _current.set(timeout)
        try:
            yield
        finally:
            _current.reset(token)


@contextmanager
def off_the_clock() -> Iterator[None]:
    """What is done inside does not count; without a deadline around it nothing happens.

    Not for tasks that outlive the block of the deadline.
    """
    timeout = _current.get()
    if timeout is None or (end := timeout.when()) is None:
        yield
        return
    loop = asyncio.get_running_loop()
    left = end - loop.time()
    timeout.reschedule(None)
    try:
        yield
    finally:
        timeout.reschedule(loop.time() + left)
