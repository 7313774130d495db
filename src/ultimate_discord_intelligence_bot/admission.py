"""Heavy pieces of work take turns, so that together they fit into the memory there is.

Every piece has a ticket: a locked file below the data folder that tells how much memory it may come
to take. The tickets of all processes of a machine or container form one line. Whoever came first
goes first, as soon as its need fits beside what those at work may still come to take; with nobody
at work, whatever it needs. The lock of a process that dies is gone, and with it its ticket.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import math
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import BinaryIO

import structlog

from . import machine
from .closing import Closing
from .errors import storage_error
from .events import Progress
from .settings import Settings

_LOOK_S = 0.25
_TELL_S = 5.0
_NAME, _LOCK, _SIZE = "*.ticket", "line.lock", 200

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Ticket:
    """What is known of a piece of work.

    Attributes:
        need: most bytes of memory that it may come to take.
        at_work: whether it has begun; otherwise it waits.
        worker: the process that does it, once there is one.
    """

    need: int
    at_work: bool = False
    worker: int | None = None


def fits(
    need: int,
    at_work: Iterable[Ticket],
    available: Callable[[], int],
    footprint: Callable[[int], int] = machine.footprint,
) -> bool:
    """Whether a piece of work may begin beside others.

    Args:
        need: its own, in bytes.
        at_work: the others, each of which may still grow to its need.
        available: bytes that are free now; asked only where somebody is at work.
        footprint: bytes that a process takes already.
    """
    others = list(at_work)
    if not others:
        return True
    coming = sum(max(0, t.need - (footprint(t.worker) if t.worker else 0)) for t in others)
    return need + coming <= available()


async def admitted(need: int, settings: Settings, progress: Progress) -> Place:
    """Wait until there is memory for a piece of work.

    Args:
        need: most bytes that it may come to take.
        settings: name the data folder, and how much memory may be used.
        progress: told every few seconds that it waits.

    Returns:
        Its place among those at work, to be closed at its end.

    Raises:
        StorageError: the data folder cannot be written to.
    """
    place = Place(_folder(settings), need, lambda: machine.memory(settings.memory_mb).available)
    began, told = time.monotonic(), -math.inf
    try:
        while not await asyncio.to_thread(place.enter):
            if time.monotonic() - told > _TELL_S:
                told = time.monotonic()
                progress(None, "waiting for memory")
            await asyncio.sleep(_LOOK_S)
    except BaseException:
        place.close()
        raise
    if told > began:
        log.info("memory_waited_for", seconds=round(time.monotonic() - began, 1), bytes=need)
    return place


class Place(Closing):
    """A place in the line, and then at work. Thread-safe; it blocks for moments only.

    Args:
        folder: of the tickets.
        need: most bytes that the work may come to take.
        available: tells how many are free now.
    """

    def __init__(self, folder: Path, need: int, available: Callable[[], int]) -> None:
        self._folder, self._available = folder, available
        self._ticket = Ticket(need)
        # Names sort in the order in which they came.
        self._path = folder / f"{time.time_ns():020d}-{uuid.uuid4().hex}.ticket"
        self._file: BinaryIO | None = None
        self._lock = threading.Lock()
        self._closed = False

    def enter(self) -> bool:
        """Queue up, or look whether it is one's turn; whether one is at work now.

        Raises:
            StorageError: the data folder cannot be written to.
        """
        try:
            with self._lock, _alone(self._folder):
                if self._closed:
                    return False
                if self._file is None:
                    self._file = _locked(self._path)
                    self._write()
                others = list(_others(self._folder, self._path))
                waiting = [path for path, ticket in others if not ticket.at_work]
                at_work = [ticket for _, ticket in others if ticket.at_work]
                first = not any(path < self._path for path in waiting)
                if first and fits(self._ticket.need, at_work, self._available):
                    self._ticket = replace(self._ticket, at_work=True)
                    self._write()
                return self._ticket.at_work
        except OSError as error:
            raise storage_error(error, self._path) from error

    def taken_by(self, worker: int) -> None:
        """Tell which process does the work, so that what it takes is not counted twice.

        Raises:
            StorageError: the data folder cannot be written to.
        """
        try:
            with self._lock, _alone(self._folder):
                self._ticket = replace(self._ticket, worker=worker)
                self._write()
        except OSError as error:
            raise storage_error(error, self._path) from error

    def close(self) -> None:
        """Let the next one come."""
        with self._lock:
            self._closed = True
            if self._file is not None:
                self._path.unlink(missing_ok=True)
                self._file.close()
                self._file = None

    def _write(self) -> None:
        if self._file is not None:
            told = json.dumps(asdict(self._ticket)).encode()
            os.pwrite(self._file.fileno(), told.ljust(_SIZE), 0)


def _folder(settings: Settings) -> Path:
    """Of the tickets; containers that share a data folder have memory of their own."""
    name = hashlib.sha256(machine.domain().encode()).hexdigest()[:16]
    return settings.data_dir / "turns" / name


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else looks at the line or changes it meanwhile."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _locked(path: Path) -> BinaryIO:
    file = path.open("x+b", buffering=0)
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file


def _others(folder: Path, own: Path) -> Iterator[tuple[Path, Ticket]]:
    """The tickets of everybody else who is alive; those of the dead are thrown away."""
    for path in sorted(folder.glob(_NAME)):
        if path == own:
            continue
        try:
            with path.open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    yield path, Ticket(**json.loads(file.read()))
                else:
                    path.unlink(missing_ok=True)
        except (FileNotFoundError, ValueError):
            continue  # gone at this moment, or the disk was full when it came
