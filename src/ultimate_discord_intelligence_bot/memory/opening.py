"""Opening the memory: here, or where another process of this user has it open."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from pathlib import Path

from ..errors import DataFolderInUse, EmbedderMismatch, ServiceGone, StorageError
from .memory import Memory, open_here
from .ownership import owner_of
from .remote import RemoteMemory
from .servers import Servers

_PATIENCE = 10.0
"""Seconds that a process which has the folder may take to begin answering, or to end."""


def open_memory(
    data_dir: Path, *, embedder: str, dimension: int, servers: Servers | None = None
) -> Memory:
    """A handle on the memory in a data folder, made when it is not there.

    Where another process of this user has the folder open, that process does the work; when it
    ends, this one takes over. Blocks for a few hundred milliseconds the first time.

    Args:
        data_dir: where the embedded stores are, and what is noted of every write.
        embedder: name of the model that makes the vectors.
        dimension: their length.
        servers: stores that are not embedded; by default all are.

    Raises:
        DataFolderInUse: another process has the folder and does not answer; names it.
        EmbedderMismatch: the store was filled with vectors of another model.
        NotWritable, DiskFull, StorageError: the folder or a server cannot be used; nothing is ever
            wiped.
    """
    again = partial(open_memory, data_dir, embedder=embedder, dimension=dimension, servers=servers)
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return open_here(data_dir, embedder, dimension, servers or Servers())
        except DataFolderInUse as error:
            in_use = error
        if (service := owner_of(data_dir).service) is not None:
            with suppress(ServiceGone):
                found = RemoteMemory(service, again)
                return _fitting(found, data_dir, embedder, dimension, servers or Servers())
        if time.monotonic() > deadline:
            raise in_use
        time.sleep(0.05)


def _fitting(
    found: RemoteMemory, data_dir: Path, embedder: str, dimension: int, servers: Servers
) -> Memory:
    """The other process's memory, if it is the one that is meant here."""
    try:
        if (found.embedder, found.dimension) != (embedder, dimension):
            raise EmbedderMismatch(
                f"{data_dir} is open for vectors of {found.embedder} ({found.dimension} numbers "
                f"each), not of {embedder} ({dimension})."
            )
        if found.servers != servers:
            raise StorageError(
                f"{data_dir} is open with other servers.",
                "Give all processes the same QDRANT_… and NEO4J_… settings.",
            )
    except BaseException:
        found.close()
        raise
    return found
