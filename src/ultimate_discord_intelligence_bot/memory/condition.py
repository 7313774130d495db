"""How the memory stands, seen from outside: whoever has it open, it is not opened for this."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from ..errors import (
    DiskFull,
    GraphAccessDenied,
    GraphUnreachable,
    NotWritable,
    VectorsAccessDenied,
    VectorsUnreachable,
)
from .outbox import unconfirmed
from .servers import Servers

_PATIENCE_S = 4.0
_REFUSALS = {401, 403}

_RESERVE = 64 * 1024 * 1024
"""Bytes of disk without which the embedded store takes nothing more."""


@dataclass(frozen=True)
class Condition:
    """How the memory of a data folder stands.

    Attributes:
        unconfirmed: writes that have begun and that a store has not confirmed.
        bytes: of disk, by what they are for.
    """

    unconfirmed: int
    bytes: dict[str, int]


def condition_of(data_dir: Path, servers: Servers) -> Condition:
    """Look at the files, and ask the servers whether they are there. Blocks.

    Raises:
        StorageError: the memory cannot be used as it is.
    """
    folder = data_dir / "memory"
    _check_room(data_dir)
    found = Condition(
        unconfirmed=unconfirmed(folder / "outbox.sqlite"),
        bytes={
            "vector": _bytes_of(folder, "vectors"),
            "graph": _bytes_of(folder, "graph.sqlite"),
            "outbox": _bytes_of(folder, "outbox.sqlite"),
        },
    )
    if servers.qdrant_url:
        _ask_vectors(servers.qdrant_url, servers.qdrant_key)
    if servers.neo4j_uri:
        _ask_graph(servers.neo4j_uri, servers.neo4j_user, servers.neo4j_password or "")
    return found


def _check_room(data_dir: Path) -> None:
    if not data_dir.is_dir() or not os.access(data_dir, os.W_OK | os.X_OK):
        raise NotWritable(f"{data_dir} cannot be written.")
    if shutil.disk_usage(data_dir).free < _RESERVE:
        raise DiskFull(f"The disk of {data_dir} is full.")


def _bytes_of(folder: Path, name: str) -> int:
    """Disk space of a file with what is beside it, or of a folder; sparse files take little."""
    total = 0
    for path in folder.glob(f"{name}*"):
        for each in [path, *path.rglob("*")] if path.is_dir() else [path]:
            try:
                total += 512 * each.lstat().st_blocks
            except FileNotFoundError:  # it was removed meanwhile
                continue
    return total


def _ask_vectors(url: str, key: str | None) -> None:
    import httpx

    try:
        headers = {"api-key": key} if key else {}
        answer = httpx.get(
            f"{url.rstrip('/')}/collections", headers=headers, timeout=_PATIENCE_S, trust_env=False
        )
    except httpx.HTTPError as error:
        raise VectorsUnreachable(f"Qdrant cannot be reached ({type(error).__name__}).") from error
    if answer.status_code in _REFUSALS:
        raise VectorsAccessDenied(f"Qdrant refused us (HTTP {answer.status_code}).")
    if not answer.is_success:
        raise VectorsUnreachable(f"Qdrant gives no usable answer (HTTP {answer.status_code}).")


def _ask_graph(uri: str, user: str, password: str) -> None:
    from neo4j import GraphDatabase
    from neo4j.exceptions import AuthError, DriverError, Neo4jError

    try:
        with GraphDatabase.driver(
            uri,
            auth=(user, password),
            connection_timeout=_PATIENCE_S,
            connection_acquisition_timeout=_PATIENCE_S,
        ) as driver:
            driver.verify_connectivity()
    except AuthError as error:
        raise GraphAccessDenied("Neo4j refused us.") from error
    except (Neo4jError, DriverError, OSError, ValueError) as error:
        raise GraphUnreachable(f"Neo4j cannot be reached ({type(error).__name__}).") from error
