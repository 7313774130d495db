"""Politeness: how many downloads from one host may run at the same time."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import storage_error
from ..events import Progress
from ..settings import Settings

_SECONDS_BETWEEN_LOOKS = 0.1


@asynccontextmanager
async def turn(url: str, settings: Settings, progress: Progress) -> AsyncIterator[None]:
    """Wait until a download from the host of a link may begin, and hold that place in the block.

    The places are locked files below the data folder, so that they count over all processes, and
    one that was killed gives its place back.

    Raises:
        StorageError: the data folder cannot be written to.
    """
    host = host_of(url)
    name = hashlib.sha256(host.encode()).hexdigest()[:32]
    folder = settings.data_dir / "hosts"
    places = [folder / f"{name}.{number}" for number in range(settings.downloads_per_host)]
    waiting = False
    while (place := _first_free(places)) is None:
        if not waiting:
            progress(None, f"waiting for another download from {host}")
            waiting = True
        await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
    path, descriptor = place
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def host_of(url: str) -> str:
    """The host that a link asks, without ``www.``."""
    return (urlsplit(url).hostname or "").removeprefix("www.")


def _first_free(places: list[Path]) -> tuple[Path, int] | None:
    for path in places:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if (descriptor := locked(path, os.O_RDWR | os.O_CREAT)) is not None:
                return path, descriptor
        except OSError as error:
            raise storage_error(error, path) from error
    return None


def locked(path: Path, flags: int) -> int | None:
    """A descriptor that holds the lock of a file or folder; None when somebody else holds it.

    Closing it, in whatever way, gives the lock back.
    """
    descriptor = os.open(path, flags, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Its last holder may have removed it between our opening and our locking.
        if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None
