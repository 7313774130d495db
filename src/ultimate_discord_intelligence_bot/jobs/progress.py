"""How far jobs are while they are done: noted by their worker, seen from other processes."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import structlog
from pydantic import Field
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    MetaData,
    Table,
    Text,
    create_engine,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateTable

from ..closing import Closing
from ..events import EventStream, StageEvent
from ..models.artifact import Model
from ..settings import Settings
from .database import is_local, unreachable, url_of
from .job import Done

EVERY_S = 2.0
"""How often a worker writes what has changed."""

_PATIENCE_S = 10
_LONGEST = 300
"""Characters of a title or a note that are kept."""

_CREATION = 4_171_932_004
"""An advisory lock of Postgres: two processes that make one table at the same moment fail."""

_TABLE = Table(
    "autointel_progress",
    MetaData(),
    Column("job", Text, primary_key=True),
    Column("worker", Text, nullable=False),
    Column("document", Text, nullable=False),
)

log = structlog.get_logger(__name__)


class Doing(Model):
    """A stage that is under way.

    Attributes:
        fraction: how far it is, 0 to 1; None where it cannot tell.
        note: what it is at, in a few words.
    """

    since: datetime
    fraction: float | None = None
    note: str = ""


class Progress(Model):
    """How far a job is that is being done.

    Attributes:
        title: of the recording, once it is known.
        minutes: its length, once it is known.
        done: the stages that have ended, by name, in the order in which they did.
        doing: those under way, by name, in the order in which they began.
    """

    title: str | None = None
    minutes: float | None = None
    done: dict[str, Done] = Field(default_factory=dict)
    doing: dict[str, Doing] = Field(default_factory=dict)


class Gauge:
    """What one job shows of itself. Any thread may use it.

    Attributes:
        events: for its run; what is emitted there reaches the listeners of the worker, too.
    """

    def __init__(self, events: EventStream) -> None:
        self.events = EventStream()
        self.events.subscribe(self._hear)
        self.events.subscribe(events.emit)
        self._lock = threading.Lock()
        self._now = Progress()
        self._changed = True

    def began(self, stage: str, note: str = "") -> None:
        """A stage is under way."""
        with self._lock:
            self._show(stage, Doing(since=datetime.now(UTC), note=note))

    def ended(self, done: Done, title: str | None, minutes: float | None) -> None:
        """A stage has ended, and so much is known of the recording now."""
        with self._lock:
            doing = {name: each for name, each in self._now.doing.items() if name != done.stage}
            self._now = Progress(
                title=title and title[:_LONGEST],
                minutes=minutes,
                done=self._now.done | {done.stage: done},
                doing=doing,
            )
            self._changed = True

    def news(self) -> Progress | None:
        """How far the job is; None where that was told before."""
        with self._lock:
            changed, self._changed = self._changed, False
            return self._now if changed else None

    def forget(self) -> None:
        """What was told last has reached nobody: tell it again."""
        with self._lock:
            self._changed = True

    def _hear(self, event: StageEvent) -> None:
        if event.kind == "started":
            self.began(event.stage)
        elif event.kind == "progress":
            with self._lock:
                if old := self._now.doing.get(event.stage):  # a thread may speak after its stage
                    changes = {"fraction": event.fraction, "note": event.message[:_LONGEST]}
                    self._show(event.stage, old.model_copy(update=changes))

    def _show(self, stage: str, doing: Doing) -> None:
        self._now = self._now.model_copy(update={"doing": self._now.doing | {stage: doing}})
        self._changed = True


class Panel(Closing):
    """The gauges of one worker; what they show is written to the database from time to time.

    A database that is away costs a line in the log and never a run: what was not written is
    written later.

    Attributes:
        away: whether the last attempt to write has failed.

    Args:
        settings: name the database.
        worker: whose gauges they are.

    Raises:
        SQLAlchemyError: the database cannot be had.
    """

    def __init__(self, settings: Settings, worker: str) -> None:
        self._settings, self._worker = settings, worker
        self._lock = threading.Lock()
        self._gauges: dict[str, Gauge] = {}
        self._gone: set[str] = set()
        self.away = False
        self._ended = threading.Event()
        patience = {"timeout": _PATIENCE_S} if is_local(settings) else _named(worker)
        self._engine = create_engine(
            url_of(settings), pool_size=1, pool_pre_ping=True, connect_args=patience
        )
        make(self._engine)
        self._writer = threading.Thread(target=self._keep_writing, name="progress", daemon=True)
        self._writer.start()

    def close(self) -> None:
        """Write what is left, and end."""
        self._ended.set()
        self._writer.join()
        self._engine.dispose()

    @contextmanager
    def gauge(self, job_id: str, events: EventStream) -> Iterator[Gauge]:
        """As long as it is entered, a job shows how far it is.

        Args:
            job_id: the job.
            events: receive what the run of the job emits.
        """
        gauge = Gauge(events)
        with self._lock:
            self._gauges[job_id] = gauge
        try:
            yield gauge
        finally:
            with self._lock:
                if self._gauges.get(job_id) is gauge:
                    del self._gauges[job_id]
                    self._gone.add(job_id)

    def _keep_writing(self) -> None:
        while not self._ended.wait(EVERY_S):
            self._write()
        self._write()

    def _write(self) -> None:
        with self._lock:
            gauges, gone, self._gone = dict(self._gauges), self._gone, set()
        told = {job: news for job, gauge in gauges.items() if (news := gauge.news())}
        if not told and not gone:
            return
        try:
            with self._engine.begin() as connection:
                self._replace(connection, told, gone - gauges.keys())
        except SQLAlchemyError as error:
            self._lament(error)
            for job in told:
                gauges[job].forget()
            with self._lock:
                self._gone |= gone
        else:
            self.away = False

    def _replace(
        self, connection: Connection, told: dict[str, Progress], gone: Collection[str]
    ) -> None:
        if gone:
            # Another worker may have taken the job over: what it shows stays.
            ours = (_TABLE.c.worker == self._worker) & _TABLE.c.job.in_(gone)
            connection.execute(_TABLE.delete().where(ours))
        if told:
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            insert = dialect.insert(_TABLE)
            columns = {name: insert.excluded[name] for name in ("worker", "document")}
            connection.execute(
                insert.on_conflict_do_update(index_elements=["job"], set_=columns),
                [
                    {"job": job, "worker": self._worker, "document": progress.model_dump_json()}
                    for job, progress in told.items()
                ],
            )

    def _lament(self, error: SQLAlchemyError) -> None:
        if not self.away:
            log.warning("progress_not_written", reason=unreachable(self._settings, error).message)
        self.away = True


def make(engine: Engine) -> None:
    """Make the table where it is missing."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_CREATION})"))
        connection.execute(CreateTable(_TABLE, if_not_exists=True))


def read(connection: Connection, ids: Sequence[str]) -> dict[str, Progress]:
    """How far these jobs are, as far as they are being done."""
    rows = connection.execute(select(_TABLE.c.job, _TABLE.c.document).where(_TABLE.c.job.in_(ids)))
    return {job: Progress.model_validate_json(document) for job, document in rows}


def remove(connection: Connection, ids: Sequence[str]) -> None:
    """Forget how far these jobs were."""
    connection.execute(_TABLE.delete().where(_TABLE.c.job.in_(ids)))


def remove_all_but(connection: Connection, running: Any) -> None:
    """Forget how far all other jobs were; ``running`` is a query for ids."""
    connection.execute(_TABLE.delete().where(_TABLE.c.job.not_in(running)))


def _named(worker: str) -> dict[str, Any]:
    return {"application_name": worker, "connect_timeout": _PATIENCE_S}
