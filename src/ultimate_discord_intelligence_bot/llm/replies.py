"""Answers given before, by the hash of all that they depend on."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from ..errors import StorageError, database_error, storage_error
from .call import Reply, Usage

_DAY = 86_400.0
_KEPT_DAYS = 30
_VERSION = 1


class Replies:
    """Keeps answers in one file. To be used from one thread.

    Args:
        path: of the SQLite file; made when it is not there.

    Raises:
        StorageError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.execute("PRAGMA busy_timeout=5000")
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS reply (key TEXT PRIMARY KEY, owner TEXT NOT NULL,"
                " made REAL NOT NULL, text TEXT NOT NULL, finish TEXT NOT NULL) WITHOUT ROWID"
            )
            self._database.execute("CREATE INDEX IF NOT EXISTS reply_owner ON reply (owner)")
            self._database.execute(
                "DELETE FROM reply WHERE made < ?", (time.time() - _KEPT_DAYS * _DAY,)
            )
            self._database.execute(f"PRAGMA user_version={_VERSION}")
        except OSError as error:
            raise storage_error(error, path) from error
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def find(self, key: str) -> Reply | None:
        """The answer that was kept, free of charge."""
        try:
            row = self._database.execute(
                "SELECT text, finish FROM reply WHERE key = ?", (key,)
            ).fetchone()
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        return Reply(row[0], Usage(reused=1), row[1]) if row else None

    def keep(self, key: str, owner: str, reply: Reply) -> None:
        """Keep an answer on behalf of an owner, who can have all of theirs forgotten."""
        try:
            self._database.execute(
                "INSERT OR REPLACE INTO reply VALUES (?, ?, ?, ?, ?)",
                (key, owner, time.time(), reply.text, reply.finish),
            )
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def forget(self, owner: str) -> int:
        """Keep nothing more of an owner, not even in the unused parts of the file.

        Returns:
            How many answers are gone.
        """
        try:
            self._database.execute("PRAGMA secure_delete=ON")
            gone = self._database.execute("DELETE FROM reply WHERE owner = ?", (owner,)).rowcount
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        return gone

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _unusable(self, error: sqlite3.Error) -> StorageError:
        return database_error(error, self._path, "Remove it: it holds copies of answers only.")
