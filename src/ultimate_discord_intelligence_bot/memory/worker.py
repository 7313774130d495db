"""One thread that owns one embedded store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from ..errors import StorageError

_P = ParamSpec("_P")
_T = TypeVar("_T")


def closed() -> StorageError:
    """What a caller gets who uses a memory after its end."""
    return StorageError("The memory was closed while it was still used.", "Run it again.")


class Worker:
    """Runs calls one after another in the order they came, so that callers take turns.

    Embedded stores are not made for several threads at once, and hold the interpreter lock: a
    caller that writes much sends many small calls.
    """

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """The result of a call made in the owner thread."""
        return await asyncio.wrap_future(self._submit(call, *args, **kwargs))

    def run_now(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """The same for callers without an event loop; blocks."""
        return self._submit(call, *args, **kwargs).result()

    def close(self) -> None:
        """Finish what was submitted, then end the thread."""
        self._pool.shutdown(wait=True)

    def _submit(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        try:
            return self._pool.submit(call, *args, **kwargs)
        except RuntimeError:
            raise closed() from None
