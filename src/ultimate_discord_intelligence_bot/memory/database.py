"""A SQLite file with one owner thread, and its errors in our words."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from ..errors import StorageError, database_error, storage_error
from .worker import Worker

_T = TypeVar("_T")

AFTER_DAMAGE = "Move it away and run the recordings again: they will be remembered anew."

Migration = Callable[[sqlite3.Connection], None]


class Database:
    """A SQLite file in WAL mode with foreign keys; made with its schema when it is not there.

    What is deleted is overwritten, so that the file does not keep what was to be forgotten.

    Args:
        path: the file.
        schema: statements that make the tables of version ``version``.
        version: kept in ``user_version``.
        migrations: by version, what makes the next version of a file of that one; each runs in
            one transaction with the change of ``user_version``.

    Raises:
        StorageError: damaged, or written by a newer version.
        NotWritable: the file cannot be made or opened.
        DiskFull: no space left.
    """

    def __init__(
        self,
        path: Path,
        schema: str,
        version: int,
        migrations: Mapping[int, Migration] | None = None,
    ) -> None:
        self.path = path
        self._worker = Worker(path.stem)
        try:
            self._connection = self._worker.run_now(self._open, schema, version, migrations or {})
        except BaseException:
            self._worker.close()
            raise

    async def transact(self, body: Callable[[sqlite3.Connection], _T]) -> _T:
        """Run statements in one transaction: all of them take effect, or none."""
        return await self._worker.run(self._transact, body)

    def transact_now(self, body: Callable[[sqlite3.Connection], _T]) -> _T:
        """The same for callers without an event loop; blocks."""
        return self._worker.run_now(self._transact, body)

    async def purge(self) -> None:
        """Leave nothing of what was deleted: empty the log beside the file.

        Raises:
            StorageError: somebody else reads the file, so that the log must stay.
        """
        await self._worker.run(self._purge)

    def close(self) -> None:
        """Finish what was begun and close the file."""
        self._worker.run_now(self._connection.close)
        self._worker.close()

    def _open(
        self, schema: str, version: int, migrations: Mapping[int, Migration]
    ) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, self.path) from error
        with _in_our_words(self.path):
            connection = sqlite3.connect(self.path, isolation_level=None)
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute("PRAGMA secure_delete = ON")
                self._ensure(connection, schema, version, migrations)
            except BaseException:
                connection.close()
                raise
        return connection

    def _ensure(
        self,
        connection: sqlite3.Connection,
        schema: str,
        version: int,
        migrations: Mapping[int, Migration],
    ) -> None:
        found = _version(connection)
        if found == 0:
            connection.executescript(
                f"BEGIN IMMEDIATE; {schema}; PRAGMA user_version = {version}; COMMIT"
            )
            return
        for step in range(found, version):
            if step not in migrations:
                break
            with _transaction(connection):
                migrations[step](connection)
                connection.execute(f"PRAGMA user_version = {step + 1}")
        if (reached := _version(connection)) != version:
            raise StorageError(
                f"{self.path} has format {reached}; this version of autointel reads {version}.",
                "Use the version that wrote it, or a new AUTOINTEL_DATA_DIR.",
            )

    def _transact(self, body: Callable[[sqlite3.Connection], _T]) -> _T:
        with _in_our_words(self.path), _transaction(self._connection):
            return body(self._connection)

    def _purge(self) -> None:
        with _in_our_words(self.path):
            (busy, _, _) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise StorageError(
                f"{self.path} is being read by another process.",
                "End that, then repeat the command.",
            )


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite itself has rolled back when the disk is full.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def _in_our_words(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.DatabaseError as error:
        raise database_error(error, path, AFTER_DAMAGE) from error
