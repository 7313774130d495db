"""The memory as it looks from a process that does not own the data folder."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

from ..errors import ServiceGone
from .memory import Memory
from .service import Address, Line
from .worker import closed

_END = object()


class RemoteMemory(Memory):
    """A memory that another process of this user has open; every call is answered there.

    When that process ends, the next call opens the folder anew, here or where it is open then, and
    is made again: all of them may be repeated.

    Args:
        address: of the other process's service.
        reopen: gives a memory of the same folder, wherever it is.

    Raises:
        ServiceGone: nobody answers at the address.
    """

    def __init__(self, address: Address, reopen: Callable[[], Memory]) -> None:
        self._line: Line | None = Line(address)
        self._reopen = reopen
        self._here: Memory | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Give up the connections; twice is harmless."""
        with self._lock:
            line, self._line = self._line, None
            here, self._here = self._here, None
        if line is not None:
            line.close()
        if here is not None:
            here.close()

    def _ask(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method that is no coroutine, or read a property; blocks."""
        while self._here is None:
            line = self._connected
            try:
                return line.call(name, *args, **kwargs)
            except ServiceGone:
                self._open_again(line)
        found = getattr(self._here, name)
        return found(*args, **kwargs) if callable(found) else found

    @property
    def _connected(self) -> Line:
        if self._line is None:
            raise closed()
        return self._line

    def _open_again(self, gone: Line) -> None:
        with self._lock:
            if self._here is None and self._line is gone:
                self._here = self._reopen()
                gone.close()


def _coroutine(name: str) -> Callable[..., Any]:
    async def call(self: RemoteMemory, *args: Any, **kwargs: Any) -> Any:
        while self._here is None:
            line = self._connected
            try:
                return await asyncio.to_thread(line.call, name, *args, **kwargs)
            except ServiceGone:
                await asyncio.to_thread(self._open_again, line)
        return await getattr(self._here, name)(*args, **kwargs)

    return call


def _generator(name: str) -> Callable[..., Any]:
    async def call(self: RemoteMemory, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        if self._here is None:
            told = self._connected.stream(name, *args, **kwargs)
            while (item := await asyncio.to_thread(next, told, _END)) is not _END:
                yield item
        else:
            async for item in getattr(self._here, name)(*args, **kwargs):
                yield item

    return call


def _method(name: str) -> Callable[..., Any]:
    def call(self: RemoteMemory, *args: Any, **kwargs: Any) -> Any:
        return self._ask(name, *args, **kwargs)

    return call


def _forward_everything() -> None:
    """Whatever a memory can do is done by the other process."""
    for name, member in vars(Memory).items():
        if name.startswith("_") or name == "close":
            continue
        if isinstance(member, property):
            forwarded: Any = property(_method(name))
        elif inspect.isasyncgenfunction(member):
            forwarded = _generator(name)
        elif inspect.iscoroutinefunction(member):
            forwarded = _coroutine(name)
        else:
            forwarded = _method(name)
        setattr(RemoteMemory, name, forwarded)


_forward_everything()
