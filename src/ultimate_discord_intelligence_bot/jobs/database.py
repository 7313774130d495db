"""Where jobs are kept: SQLite in the data folder, or Postgres for several machines."""

from __future__ import annotations

import hashlib
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from ..errors import JobsUnreachable, storage_error
from ..plans import EVERY_STAGE
from ..settings import Settings

if TYPE_CHECKING:
    from dbos import DBOSClient, DBOSConfig

APPLICATION = "autointel"
RUNS, GPU = "runs", "gpu"
QUEUES = (RUNS, GPU)

_IDLE_S = 20.0
"""Postgres ends a transaction in which a machine falls silent: its locks hold up all others."""

log = structlog.get_logger(__name__)

VERSION = "stages-" + hashlib.sha256(" ".join(EVERY_STAGE).encode()).hexdigest()[:12]
"""Of what a job records: jobs of one version can be finished by any worker of that version."""


def url_of(settings: Settings) -> str:
    """The address of the database, as SQLAlchemy wants it."""
    if settings.database_url is None:
        return f"sqlite:///{settings.data_dir.absolute() / 'jobs.sqlite'}"
    return "postgresql+psycopg://" + settings.database_url.get_secret_value().partition("://")[2]


def is_local(settings: Settings) -> bool:
    """Whether the jobs of this machine alone are kept there."""
    return settings.database_url is None


def configuration(settings: Settings, worker: str) -> DBOSConfig:
    """For DBOS, which talks to nobody but this database."""
    return {
        "name": APPLICATION,
        "system_database_url": url_of(settings),
        "application_version": VERSION,
        "enable_otlp": False,
        "executor_id": worker,
        "sys_db_idle_transaction_timeout_sec": _IDLE_S,
        "db_engine_kwargs": {} if is_local(settings) else _named(worker),
        "log_level": "WARNING",
        "notification_listener_polling_interval_sec": 0.5,
    }


def _named(worker: str) -> dict[str, Any]:
    """Postgres shows the connections under the name of the worker."""
    return {"connect_args": {"application_name": worker}}


def client(settings: Settings) -> DBOSClient:
    """Somebody who puts jobs there and looks at them. Blocks; makes the tables where needed.

    Raises:
        JobsUnreachable: the database cannot be had.
        NotWritable, DiskFull: the data folder cannot be written to.
    """
    from dbos import DBOS, DBOSClient

    try:
        prepare(settings)
        DBOS.migrate(url_of(settings))
        return DBOSClient(
            system_database_url=url_of(settings),
            application_name=APPLICATION,
            retry_connection_errors=False,  # whoever asks is told, and need not wait for ever
        )
    except OSError as error:
        raise storage_error(error, settings.data_dir) from error
    except SQLAlchemyError as error:
        raise unreachable(settings, error) from error


def prepare(settings: Settings) -> None:
    """Make the folder of the file where it is missing, and let many write to the file. Blocks.

    Raises:
        OSError: the folder cannot be made.
        SQLAlchemyError: the file cannot be had.
    """
    if not is_local(settings):
        return
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url_of(settings))
    # With a log beside the file those who read and those who write do not wait for each other.
    # While somebody writes it cannot be begun; whoever comes next begins it.
    with suppress(OperationalError), engine.connect() as connection:
        connection.execute(text("PRAGMA journal_mode=WAL"))
    engine.dispose()


def unreachable(settings: Settings, error: Exception) -> JobsUnreachable:
    """The database that cannot be had, by its name, without its password."""
    where = (
        settings.data_dir / "jobs.sqlite"
        if settings.database_url is None
        else settings.database_url.get_secret_value().rpartition("@")[2]
    )
    reason = str(getattr(error, "orig", None) or error).strip().splitlines()
    return JobsUnreachable(f"The jobs at {where} cannot be reached ({' '.join(reason)[:200]}).")


class _Forward(logging.Handler):
    """What DBOS has to say goes where our own lines go."""

    _OURS = (
        "Exception encountered in",
        "Error executing workflow",
        "Current version",
        "Could not connect",
    )
    """What it says of errors that we report ourselves."""

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if not message.startswith(self._OURS):
            log.log(record.levelno, "jobs_engine", message=message[:500])


def _hush() -> None:
    """Before DBOS is imported: where its logger has a handler, it adds none that prints."""
    logger = logging.getLogger("dbos")
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    if not any(isinstance(handler, _Forward) for handler in logger.handlers):
        logger.handlers[:] = [_Forward()]


_hush()
