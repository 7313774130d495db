"""The memory of the process that owns a data folder, for the other processes of its user.

The owner listens on a socket in a folder that only its user may enter, and does what others ask of
its memory. Messages are pickled; so that nobody else's are ever read, both sides first prove that
they know the key in ``owner.lock``, which only that user may read.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import secrets
import shutil
import socket
import struct
import tempfile
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import (
    Connection,
    Listener,
    answer_challenge,
    deliver_challenge,
)
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from ..errors import ServiceGone

_PATIENCE = 60.0
"""Seconds that a service which closes gives the calls that it has begun to answer."""

_GREETING = 5.0
"""Seconds within which a service says that it is there."""

_BROKEN = (EOFError, OSError, AuthenticationError)

log = structlog.get_logger(__name__)


class Address(NamedTuple):
    """Where a service is, and what proves that one may ask it."""

    path: str
    key: bytes


class Service:
    """Answers calls of the public methods of one object, each connection in a thread of its own.

    Args:
        memory: whose methods are called; coroutines and asynchronous generators are run.
    """

    def __init__(self, memory: object) -> None:
        self._memory = memory
        self._folder = Path(tempfile.mkdtemp(prefix="autointel-"))
        self.address = Address(str(self._folder / "memory"), secrets.token_bytes(32))
        self._listener = Listener(self.address.path, "AF_UNIX", 64)
        self._lock = threading.Lock()
        self._lines: dict[threading.Thread, Connection] = {}
        self._closing = False
        self._accepting = threading.Thread(target=self._accept, name="memory-service", daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """Finish what was begun and let nobody in any more."""
        self._closing = True
        with suppress(OSError), socket.socket(socket.AF_UNIX) as last:
            last.connect(self.address.path)
        self._accepting.join()
        self._listener.close()
        with self._lock:
            lines = dict(self._lines)
        for connection in lines.values():
            _hang_up(connection)
        for thread in lines:
            thread.join(_PATIENCE)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _accept(self) -> None:
        while not self._closing:
            # Who is there is asked in a thread: somebody who says nothing holds up nobody else.
            connection = self._listener.accept()
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            with self._lock:
                self._lines[thread] = connection
            thread.start()

    def _serve(self, connection: Connection) -> None:
        try:
            with connection, asyncio.Runner() as runner, suppress(*_BROKEN):
                self._meet(connection)
                while not self._closing:
                    name, args, kwargs = connection.recv()
                    runner.run(self._answer(connection, name, args, kwargs))
        finally:
            with self._lock:
                self._lines.pop(threading.current_thread(), None)

    def _meet(self, connection: Connection) -> None:
        """Make sure that whoever is there knows the key, and show that we do."""
        try:
            deliver_challenge(connection, self.address.key)
            answer_challenge(connection, self.address.key)
        except AuthenticationError as error:
            log.warning("memory_service_refused", reason=str(error))
            raise

    async def _answer(
        self, connection: Connection, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        told = self._told(name, args, kwargs)
        try:
            async for message in told:
                connection.send(message)
        finally:
            await told.aclose()

    async def _told(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> AsyncGenerator[tuple[str, Any]]:
        try:
            if name.startswith("_"):
                raise ValueError(f"{name} is not public")
            result = getattr(self._memory, name)
            result = result(*args, **kwargs) if callable(result) else result
            if isinstance(result, AsyncIterator):
                async for item in result:
                    yield "item", item
                result = None
            elif inspect.isawaitable(result):
                result = await result
            yield "result", result
        except _BROKEN as error:  # it would be taken for a broken line
            yield "error", RuntimeError(repr(error))
        except Exception as error:
            yield "error", error


class Line:
    """Asks a service; every thread that does so at the same time has a connection of its own.

    Raises:
        ServiceGone: nobody answers there; also from every call.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._free: list[Connection] = []
        self._lock = threading.Lock()
        with self._connection():
            pass

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """What the other process's method returns; blocks. Its exceptions are raised here."""
        with self._connection() as connection:
            return _received(_asked(connection, name, args, kwargs))[1]

    def stream(self, name: str, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """What the other process's generator yields; blocks."""
        with self._connection() as connection:
            _asked(connection, name, args, kwargs)
            while (told := _received(connection))[0] == "item":
                yield told[1]

    def close(self) -> None:
        """End the connections."""
        with self._lock:
            free, self._free = self._free, []
        for connection in free:
            connection.close()

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        with self._lock:
            connection = self._free.pop() if self._free else None
        try:
            if connection is None:
                connection = _dial(self._address)
            yield connection
        except _BROKEN as error:
            if connection is not None:
                connection.close()
            raise ServiceGone("The process that had the memory open has ended.") from error
        except GeneratorExit:
            if connection is not None:
                connection.close()  # somebody has heard enough of what is still being told
            raise
        except Exception:
            self._give_back(connection)
            raise
        self._give_back(connection)

    def _give_back(self, connection: Connection | None) -> None:
        if connection is not None:
            with self._lock:
                self._free.append(connection)


def _dial(address: Address) -> Connection:
    """As ``Client`` does it, but a process that was stopped is not waited for for ever."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(address.path)
        connection = Connection(os.dup(line.fileno()))
        try:
            _wait_at_most(line, _GREETING)
            answer_challenge(connection, address.key)
            deliver_challenge(connection, address.key)
            _wait_at_most(line, 0)
        except BaseException:
            connection.close()
            raise
    return connection


def _wait_at_most(line: socket.socket, seconds: float) -> None:
    """For the next bytes, in the kernel; 0 means for ever."""
    time = struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, time)


def _asked(
    connection: Connection, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Connection:
    connection.send((name, args, kwargs))
    return connection


def _received(connection: Connection) -> tuple[str, Any]:
    kind, value = connection.recv()
    if kind == "error":
        raise value
    return kind, value


def _hang_up(connection: Connection) -> None:
    """Let a thread that waits for the next request see the end; one at work still answers."""
    with suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RD)
