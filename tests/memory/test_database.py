"""What SQLite's complaints become."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from ultimate_discord_intelligence_bot.errors import DiskFull, NotWritable, StorageError
from ultimate_discord_intelligence_bot.memory.database import Database

_SCHEMA = "CREATE TABLE note (text TEXT)"


def _fill(connection: sqlite3.Connection) -> None:
    connection.executemany("INSERT INTO note VALUES (?)", [("x" * 1000,)] * 1000)


def _count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM note").fetchone()[0])


async def test_a_full_disk_is_told_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    database = Database(tmp_path / "notes.sqlite", _SCHEMA, version=1)

    def shrink(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA max_page_count = 20")

    await database.transact(shrink)
    with pytest.raises(DiskFull, match="notes"):
        await database.transact(_fill)
    assert await database.transact(_count) == 0
    database.close()


async def test_a_file_that_may_not_be_written(tmp_path: Path) -> None:
    database = Database(tmp_path / "notes.sqlite", _SCHEMA, version=1)
    await database.transact(lambda c: None)

    def forbid(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA query_only = ON")

    await database.transact(forbid)
    with pytest.raises(NotWritable, match="notes"):
        await database.transact(_fill)
    database.close()


async def test_a_failing_transaction_leaves_no_trace(tmp_path: Path) -> None:
    database = Database(tmp_path / "notes.sqlite", _SCHEMA, version=1)

    def half(connection: sqlite3.Connection) -> None:
        _fill(connection)
        raise KeyError("changed my mind")

    with pytest.raises(KeyError):
        await database.transact(half)
    assert await database.transact(_count) == 0
    database.close()
    with pytest.raises(StorageError, match="closed"):
        await database.transact(_count)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    Database(tmp_path / "notes.sqlite", _SCHEMA, version=2).close()
    with pytest.raises(StorageError, match="format 2"):
        Database(tmp_path / "notes.sqlite", _SCHEMA, version=1)


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "notes.sqlite").mkdir()
    with pytest.raises(NotWritable, match="notes"):
        Database(tmp_path / "notes.sqlite", _SCHEMA, version=1)
