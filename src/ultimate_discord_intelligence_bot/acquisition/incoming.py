"""The folders in which downloads arrive, and what is left in them of those that broke off."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from ..errors import storage_error
from ..settings import Settings
from .hosts import locked

_SECONDS_BETWEEN_LOOKS = 0.1


@asynccontextmanager
async def claimed(folder: Path) -> AsyncIterator[None]:
    """Hold the folder of a download; another one of the same run waits.

    Raises:
        StorageError: it cannot be made.
    """
    while True:
        if (descriptor := _claim(folder)) is not None:
            break
        await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
    try:
        yield
    finally:
        _release(folder, descriptor)


def _claim(folder: Path) -> int | None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return locked(folder, os.O_RDONLY)
    except OSError as error:
        raise storage_error(error, folder) from error


def _release(folder: Path, descriptor: int) -> None:
    with suppress(OSError):
        folder.rmdir()  # only when it is empty
    os.close(descriptor)


def discard(folder: Path) -> None:
    """Throw away what has arrived in a claimed folder."""
    for path in folder.glob("*"):
        path.unlink(missing_ok=True)


def discard_hopeless(folder: Path) -> None:
    """Throw away what cannot be continued, as nothing is known that could prove it the same."""
    if not any(folder.glob("*.origin")):
        discard(folder)


def bound(settings: Settings) -> None:
    """Remove the oldest unfinished downloads until all of them together fit the limit."""
    found = []
    for folder in (settings.data_dir / "runs").glob("*/media/incoming"):
        with suppress(OSError):  # it may go at any moment
            found.append((folder.stat().st_mtime, folder))
    room = settings.max_download_mb * 1_000_000
    for _, folder in sorted(found, reverse=True):
        descriptor = _held(folder)
        if descriptor is None:
            continue  # somebody downloads into it
        try:
            size = sum(path.stat().st_size for path in folder.glob("*"))
            if size > room:
                shutil.rmtree(folder, ignore_errors=True)
            else:
                room -= size
        finally:
            os.close(descriptor)


def _held(folder: Path) -> int | None:
    """A descriptor that holds a folder; None when somebody else does or it is gone."""
    try:
        return locked(folder, os.O_RDONLY)
    except OSError:
        return None
