"""What is about to be written, so that a crash between the stores does not go unnoticed."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .database import Database

_SCHEMA = """
CREATE TABLE pending (
    tenant TEXT NOT NULL,
    source TEXT NOT NULL,
    store TEXT NOT NULL CHECK (store IN ('vector', 'graph')),
    digest TEXT NOT NULL,
    PRIMARY KEY (tenant, source, store)
) WITHOUT ROWID
"""

Store = Literal["vector", "graph"]


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
        self._database = Database(path, _SCHEMA, version=1)
        rows = self._database.transact_now(
            lambda c: c.execute("SELECT tenant, source, store, digest FROM pending").fetchall()
        )
        self._leftover = {(row[0], row[1], row[2]): Pending(*row) for row in rows}

    @property
    def unfinished(self) -> tuple[Pending, ...]:
        """Writes that an earlier process began and nobody has finished since."""
        return tuple(sorted(self._leftover.values()))

    async def begin(self, write: Pending) -> None:
        """Say what is going to be written."""

        def body(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT OR REPLACE INTO pending VALUES (?, ?, ?, ?)",
                (write.tenant, write.source_id, write.store, write.digest),
            )

        await self._database.transact(body)

    async def done(self, write: Pending) -> None:
        """The store has it."""
        key = (write.tenant, write.source_id, write.store)

        def body(connection: sqlite3.Connection) -> None:
            connection.execute(
                "DELETE FROM pending WHERE (tenant, source, store, digest) = (?, ?, ?, ?)",
                (*key, write.digest),
            )

        await self._database.transact(body)
        self._leftover.pop(key, None)

    def close(self) -> None:
        """Close the file."""
        self._database.close()
