"""What is about to be written, whole, so that a crash between the stores loses and doubles nothing.

A row is there from before a write begins until the store has it; it holds all that is written, so
that whoever finds it can write it again. What a store has confirmed is noted as well, so that it
can be compared later with what the store really holds.
"""

from __future__ import annotations

import io
import sqlite3
import time
import zlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from ..errors import database_error
from ..models.graph import Graph
from ..models.memory import Record
from .database import AFTER_DAMAGE, Database

_SCHEMA = """
CREATE TABLE pending (
    tenant TEXT NOT NULL,
    source TEXT NOT NULL,
    store TEXT NOT NULL CHECK (store IN ('vector', 'graph')),
    digest TEXT NOT NULL,
    begun REAL NOT NULL DEFAULT 0,
    payload BLOB,
    PRIMARY KEY (tenant, source, store)
);
CREATE TABLE held (
    tenant TEXT NOT NULL,
    source TEXT NOT NULL,
    store TEXT NOT NULL,
    digest TEXT NOT NULL,
    at REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, source, store)
) WITHOUT ROWID
"""

Store = Literal["vector", "graph"]
_RECORDS = TypeAdapter(tuple[Record, ...])


@dataclass(frozen=True, order=True)
class Pending:
    """A write that was begun.

    Attributes:
        digest: hash over the ids that were to be written.
    """

    tenant: str
    source_id: str
    store: Store
    digest: str


class Outbox:
    """A row for each write, from before its begin until the store has it."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA, version=3, migrations=_MIGRATIONS)
        rows = self._database.transact_now(
            lambda c: c.execute("SELECT tenant, source, store, digest FROM pending").fetchall()
        )
        self._leftover = {(row[0], row[1], row[2]): Pending(*row) for row in rows}

    @property
    def unfinished(self) -> tuple[Pending, ...]:
        """Writes that an earlier process began and nobody has begun or finished since."""
        return tuple(sorted(self._leftover.values()))

    async def begin(self, write: Pending, payload: bytes) -> None:
        """Say what is going to be written."""

        def body(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT OR REPLACE INTO pending VALUES (?, ?, ?, ?, ?, ?)",
                (write.tenant, write.source_id, write.store, write.digest, time.time(), payload),
            )

        await self._database.transact(body)
        self._leftover.pop((write.tenant, write.source_id, write.store), None)

    async def payload(self, write: Pending) -> bytes | None:
        """What was to be written; None where an older version did not keep it."""

        def body(connection: sqlite3.Connection) -> bytes | None:
            row = connection.execute(
                "SELECT payload FROM pending WHERE (tenant, source, store) = (?, ?, ?)",
                (write.tenant, write.source_id, write.store),
            ).fetchone()
            return row[0] if row else None

        return await self._database.transact(body)

    async def done(self, write: Pending) -> None:
        """The store has it."""
        key = (write.tenant, write.source_id, write.store)

        def body(connection: sqlite3.Connection) -> None:
            connection.execute(
                "DELETE FROM pending WHERE (tenant, source, store, digest) = (?, ?, ?, ?)",
                (*key, write.digest),
            )
            connection.execute(
                "INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?, ?)",
                (*key, write.digest, time.time()),
            )

        await self._database.transact(body)
        self._leftover.pop(key, None)

    async def held(self, tenant: str) -> tuple[Pending, ...]:
        """What the stores have confirmed of a tenant."""

        def body(connection: sqlite3.Connection) -> list[tuple[str, str, Store, str]]:
            return connection.execute(
                "SELECT tenant, source, store, digest FROM held WHERE tenant = ?", (tenant,)
            ).fetchall()

        return tuple(sorted(Pending(*row) for row in await self._database.transact(body)))

    async def untouched(self, tenant: str, since: float) -> tuple[str, ...]:
        """The ids of sources of which nothing was written from a moment (Unix time) on, sorted."""

        def body(connection: sqlite3.Connection) -> list[tuple[str]]:
            return connection.execute(
                "SELECT source FROM held WHERE tenant = ? GROUP BY source HAVING max(at) < ?"
                " ORDER BY source",
                (tenant, since),
            ).fetchall()

        return tuple(source for (source,) in await self._database.transact(body))

    def drop_payloads_now(self, store: Store) -> None:
        """Leave the unfinished writes of one store to their runs; blocks."""
        self._database.transact_now(
            lambda c: c.execute("UPDATE pending SET payload = NULL WHERE store = ?", (store,))
        )

    async def forget(self, tenant: str, source_id: str) -> None:
        """Nothing is to be written of a source any more, and nothing was."""

        def body(connection: sqlite3.Connection) -> None:
            for table in ("pending", "held"):
                connection.execute(
                    f"DELETE FROM {table} WHERE (tenant, source) = (?, ?)",  # noqa: S608
                    (tenant, source_id),
                )

        await self._database.transact(body)
        for key in [key for key in self._leftover if key[:2] == (tenant, source_id)]:
            del self._leftover[key]

    async def purge(self) -> None:
        """Leave nothing in the files of what is noted no more."""
        await self._database.purge()

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def unconfirmed(path: Path) -> int:
    """How many writes an outbox holds that no store has confirmed; whoever has it open. Blocks.

    Raises:
        StorageError: the file cannot be read.
    """
    if not path.exists():
        return 0
    try:
        with closing(
            sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=2)
        ) as connection:
            return int(connection.execute("SELECT count(*) FROM pending").fetchone()[0])
    except sqlite3.Error as error:
        raise database_error(error, path, AFTER_DAMAGE) from error


def packed_vectors(records: Sequence[Record], vectors: NDArray[np.float32]) -> bytes:
    """Records and their vectors as the outbox keeps them."""
    buffer = io.BytesIO()
    listed = np.frombuffer(_RECORDS.dump_json(tuple(records)), np.uint8)
    np.savez(buffer, allow_pickle=False, records=listed, vectors=vectors)
    return buffer.getvalue()


def unpacked_vectors(
    payload: bytes | None,
) -> tuple[tuple[Record, ...], NDArray[np.float32]] | None:
    """The reverse of ``packed_vectors``; None where it cannot be read."""
    try:
        with np.load(io.BytesIO(payload or b""), allow_pickle=False) as kept:
            return _RECORDS.validate_json(kept["records"].tobytes()), kept["vectors"]
    except (ValueError, EOFError, KeyError, BadZipFile):
        return None


def packed_graph(graph: Graph) -> bytes:
    """A graph as the outbox keeps it."""
    return zlib.compress(graph.model_dump_json().encode(), level=1)


def unpacked_graph(payload: bytes | None) -> Graph | None:
    """The reverse of ``packed_graph``; None where it cannot be read."""
    try:
        return Graph.decode(zlib.decompress(payload or b""))
    except (ValueError, zlib.error):
        return None


def _keep_payloads(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE pending RENAME TO older")
    for statement in _SCHEMA.split(";"):
        connection.execute(statement)
    connection.execute(
        "INSERT INTO pending SELECT tenant, source, store, digest, 0, NULL FROM older"
    )
    connection.execute("DROP TABLE older")


def _date_what_is_held(connection: sqlite3.Connection) -> None:
    columns = {row[1] for row in connection.execute("PRAGMA table_info (held)")}
    if "at" not in columns:
        connection.execute("ALTER TABLE held ADD COLUMN at REAL NOT NULL DEFAULT 0")
    # When it was written nobody knows; it counts from now on.
    connection.execute("UPDATE held SET at = ?", (time.time(),))


_MIGRATIONS = {1: _keep_payloads, 2: _date_what_is_held}
