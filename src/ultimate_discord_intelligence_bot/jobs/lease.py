"""Which workers are alive: each holds a lock that goes when it ends, however it ends."""

from __future__ import annotations

import fcntl
import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..errors import storage_error
from ..settings import Settings
from .database import unreachable

if TYPE_CHECKING:
    import psycopg

_ALL = (1_635_087_476, 2_003_792_491)
"""The lock that workers share in Postgres: two keys, so that it is none of a single worker."""

_HOLDERS = """
SELECT count(DISTINCT pid) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
WHERE datname = current_database() AND locktype = 'advisory' AND granted
AND classid::bigint = %s AND objid::bigint = %s AND objsubid = 2
"""


class Leases(Protocol):
    """The locks of the workers of one database."""

    def hold(self) -> bool:
        """Take our lock, or make sure that we still have it; False where it was lost."""
        ...

    def is_dead(self, worker: str) -> bool:
        """Whether nobody holds the lock of a worker."""
        ...

    def close(self) -> None:
        """Give ours back."""
        ...


def open_leases(settings: Settings, worker: str) -> Leases:
    """The leases that fit the database. Blocks."""
    if settings.database_url is None:
        return FileLeases(settings.data_dir / "workers", worker)
    return PostgresLeases(settings, worker)


def alive(settings: Settings) -> int:
    """How many workers are alive. Blocks.

    Raises:
        JobsUnreachable: the database cannot be had.
    """
    if settings.database_url is None:
        locks = (settings.data_dir / "workers").glob("*.lock")
        return sum(_is_locked(path) for path in locks)
    return _count(settings)


class FileLeases:
    """One file for each worker of this machine; the kernel frees its lock with the process."""

    def __init__(self, folder: Path, worker: str) -> None:
        self._folder, self._own = folder, folder / f"{worker}.lock"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self._own, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise storage_error(error, self._own) from error

    def hold(self) -> bool:
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        return True

    def is_dead(self, worker: str) -> bool:
        path = self._folder / f"{worker}.lock"
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        with suppress(FileNotFoundError):
            path.unlink()
        return True

    def close(self) -> None:
        with suppress(FileNotFoundError):
            self._own.unlink()
        os.close(self._descriptor)


def _is_locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        # A worker that takes its lock in this moment waits for us.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


class PostgresLeases:
    """An advisory lock for each worker; Postgres frees it when the connection ends.

    Args:
        settings: name the database.
        worker: whose lock is ours.
    """

    def __init__(self, settings: Settings, worker: str) -> None:
        self._settings, self._worker = settings, worker
        self._connection: psycopg.Connection | None = None

    def hold(self) -> bool:
        import psycopg

        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.execute("SELECT 1")
                return True
            self._connection = None
        try:
            connection = _connect(self._settings, self._worker)
            taken = _try(connection, self._worker) and _join(connection)
        except psycopg.Error as error:
            raise unreachable(self._settings, error) from error
        if taken:
            self._connection = connection
        else:  # a connection without the lock would pass for one that has it
            connection.close()
        return taken

    def is_dead(self, worker: str) -> bool:
        import psycopg

        try:
            with _connect(self._settings, self._worker) as connection:
                return _try(connection, worker)
        except psycopg.Error as error:
            raise unreachable(self._settings, error) from error

    def close(self) -> None:
        import psycopg

        if self._connection is not None:
            with suppress(psycopg.Error):  # Postgres sees the end of a connection a little later
                self._connection.execute("SELECT pg_advisory_unlock_all()")
            self._connection.close()


def _connect(settings: Settings, name: str) -> psycopg.Connection:
    import psycopg

    address = settings.database_url
    return psycopg.connect(
        address.get_secret_value() if address else "",
        application_name=name,
        autocommit=True,
        connect_timeout=10,
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
        tcp_user_timeout=30_000,
    )


def _try(connection: psycopg.Connection, worker: str) -> bool:
    key = [_key(worker)]
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", key).fetchone()
    return row is not None and bool(row[0])


def _join(connection: psycopg.Connection) -> bool:
    """Take a lock that all workers share: as many have it as are alive."""
    row = connection.execute("SELECT pg_try_advisory_lock_shared(%s, %s)", _ALL).fetchone()
    return row is not None and bool(row[0])


def _count(settings: Settings) -> int:
    import psycopg

    try:
        with _connect(settings, "autointel") as connection:
            row = connection.execute(_HOLDERS, _ALL).fetchone()
    except psycopg.Error as error:
        raise unreachable(settings, error) from error
    return int(row[0]) if row else 0


def _key(worker: str) -> int:
    """A lock of Postgres is a signed number of 64 bits."""
    digest = hashlib.sha256(f"autointel worker {worker}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
