"""The jobs that there are: put one up, look at them, take one back, try one again."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import column, create_engine, func, literal_column, select, table, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from ..closing import Closing
from ..errors import JobUnknown
from ..runs import stable_id
from ..settings import Depth, Settings
from . import progress
from .database import RUNS, client, is_local, unreachable, url_of
from .job import Done, Job, JobView, Outcome, Status, why
from .progress import Progress

if TYPE_CHECKING:
    from dbos import EnqueueOptions, WorkflowStatus
    from sqlalchemy import ColumnElement, Connection

WORKFLOW = "run"
MIDDLE = 50
"""Priority of a job of which nothing is said; 1 goes first, 100 last."""

_PATIENCE_S = 30

_RECENT = 200
"""So many of the newest jobs that ended well are looked at to tell what is typical …"""
_SAMPLE = 50
"""… of which so many of a depth are enough …"""
_FEWEST = 3
"""… and fewer tell nothing."""

_GROUP = 1000
"""Jobs that are forgotten in one transaction."""

_STATUSES: dict[str, Status] = {
    "ENQUEUED": "waiting",
    "DELAYED": "waiting",
    "PENDING": "running",
    "SUCCESS": "complete",
    "ERROR": "failed",
    "CANCELLED": "cancelled",
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": "parked",
}


class Board(Closing):
    """The jobs in one database. Any thread may use it; every call blocks for some milliseconds.

    Args:
        settings: name the database.

    Raises:
        JobsUnreachable: it cannot be had; also from every call.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = client(settings)
        patience = {"timeout": _PATIENCE_S} if is_local(settings) else {}
        self._engine = create_engine(url_of(settings), pool_pre_ping=True, connect_args=patience)
        self._jobs = table(
            "workflow_status",
            *(column(name) for name in ("workflow_uuid", "status", "queue_name")),
            *(column(name) for name in ("priority", "created_at")),
            schema=None if is_local(settings) else "dbos",
        )
        with self._in_our_words():
            progress.make(self._engine)

    def close(self) -> None:
        """End the connection."""
        self._client.destroy()
        self._engine.dispose()

    def put(self, job: Job, name: str, *, priority: int = MIDDLE) -> str:
        """Put a job up; the same name again is the same job.

        Args:
            job: what is to be done.
            name: its id; see ``name_of``.
            priority: 1 to 100; the lowest goes first.

        Returns:
            Its id.
        """
        with self._in_our_words():
            self._client.enqueue(_options(job, name, priority), job.model_dump(mode="json"))
        return name

    def put_all(self, jobs: Iterable[tuple[Job, str, int]]) -> None:
        """Put many jobs up in one transaction, each with its id and its priority."""
        with self._in_our_words(), self._engine.begin() as connection:
            for job, name, priority in jobs:
                self._client.enqueue_in_transaction(
                    connection, _options(job, name, priority), job.model_dump(mode="json")
                )

    def look(
        self,
        *,
        ids: Sequence[str] | None = None,
        prefix: str | None = None,
        statuses: Collection[Status] | None = None,
        ended_after: datetime | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Iterator[JobView]:
        """Jobs, the oldest first.

        Args:
            ids: only these.
            prefix: only those whose id begins so.
            statuses: only those that stand so.
            ended_after: only those that ended at this moment or later.
            limit: at most so many.
            newest_first: the other way round.
        """
        wanted = None
        if statuses is not None:
            wanted = [name for name, status in _STATUSES.items() if status in _stored(statuses)]
        with self._in_our_words():
            found = self._client.list_workflows(
                name=WORKFLOW,
                workflow_ids=list(ids) if ids is not None else None,
                workflow_id_prefix=prefix,
                status=cast("Any", wanted),
                completed_after=ended_after.isoformat() if ended_after else None,
                limit=limit,
                sort_desc=newest_first,
            )
        for each in found:
            view = _view(each)
            if statuses is None or view.status in statuses:
                yield view

    def one(self, name: str) -> JobView:
        """The job whose id begins so.

        Raises:
            JobUnknown: none does, or several do.
        """
        found = list(self.look(prefix=name, limit=2))
        exact = [view for view in found if view.id == name]
        if len(exact or found) != 1:
            how_many = "Several jobs have ids" if found else "No job has an id"
            raise JobUnknown(f"{how_many} that begin{'' if found else 's'} with “{name}”.")
        return (exact or found)[0]

    def stages(self, job_id: str) -> list[Done]:
        """The stages of a job that have ended, in the order of the plan."""
        with self._in_our_words():
            steps = self._client.list_workflow_steps(job_id)
        return [Done.model_validate(step["output"]) for step in steps if step["output"]]

    def progress(self, ids: Sequence[str]) -> dict[str, Progress]:
        """How far jobs are, by id; those that are not being done are left out."""
        with self._reading() as connection:
            return progress.read(connection, ids)

    def waiting(self, limit: int = 1000) -> list[str]:
        """Ids of the jobs that wait, in the order in which they begin; a host may hold one up."""
        jobs = self._jobs.c
        query = (
            select(jobs.workflow_uuid)
            .where(jobs.queue_name == RUNS, jobs.status == "ENQUEUED", self._in_flight)
            .order_by(jobs.priority, jobs.created_at)
            .limit(limit)
        )
        with self._reading() as connection:
            return list(connection.scalars(query))

    def counts(self) -> dict[Status, int]:
        """How many jobs are waiting, and how many are running."""
        jobs = self._jobs.c
        query = (
            select(jobs.status, func.count())
            .where(jobs.queue_name == RUNS, self._in_flight)
            .group_by(jobs.status)
        )
        counts: dict[Status, int] = {"waiting": 0, "running": 0}
        with self._reading() as connection:
            for status, count in connection.execute(query):
                counts[_STATUSES[status]] = count
        return counts

    def typical(self, depth: Depth) -> float | None:
        """Seconds that a job of a depth takes: the median of recent ones that ended well.

        Jobs for which nothing had to be done do not count. None where there are too few to tell.
        """
        with self._in_our_words():
            found = self._client.list_workflows(
                name=WORKFLOW, status="SUCCESS", limit=_RECENT, sort_desc=True
            )
        seconds = [
            view.outcome.seconds
            for view in map(_view, found)
            if view.job.depth == depth and view.outcome and not view.outcome.reused
        ][:_SAMPLE]
        return statistics.median(seconds) if len(seconds) >= _FEWEST else None

    def cancel(self, ids: Iterable[str]) -> None:
        """Take jobs back: those that wait never begin, those that run end within two seconds."""
        with self._in_our_words():
            self._client.cancel_workflows(list(ids), cancel_children=True)

    def again(self, view: JobView, *, priority: int = MIDDLE) -> None:
        """Try a job again that failed, was cancelled or is parked; what was finished is reused."""
        self.delete([view.id])
        self.put(view.job, view.id, priority=priority)

    def delete(self, ids: Sequence[str]) -> None:
        """Forget jobs, with what they have brought; those that run are to be cancelled before."""
        with self._in_our_words():
            for first in range(0, len(ids), _GROUP):
                group = list(ids[first : first + _GROUP])
                self._client.delete_workflows(group, delete_children=True)
                with self._engine.begin() as connection:
                    progress.remove(connection, group)

    def prune(self, before: datetime) -> int:
        """Forget the jobs that ended before a moment; returns how many."""
        with self._in_our_words():
            gone = self._client.list_workflows(
                status=["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"],
                completed_before=before.isoformat(),
                load_input=False,
                load_output=False,
            )
            ids = [each.workflow_id for each in gone]
            for first in range(0, len(ids), _GROUP):
                self._client.delete_workflows(ids[first : first + _GROUP])
            with self._engine.begin() as connection:
                running = select(self._jobs.c.workflow_uuid).where(self._in_flight)
                progress.remove_all_but(connection, running)
        if ids and is_local(self._settings):
            self._shrink()
        return len(ids)

    def _shrink(self) -> None:
        """Give back what is free; SQLite does not by itself."""
        # Where somebody writes it waits for another time: what is free is used again.
        with suppress(OperationalError), self._engine.connect() as connection:
            alone = connection.execution_options(isolation_level="AUTOCOMMIT")
            alone.execute(text("VACUUM"))
            alone.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))

    @property
    def _in_flight(self) -> ColumnElement[bool]:
        """Those that have not ended; literally so, or the index of just these is not used."""
        return self._jobs.c.status.in_([literal_column("'ENQUEUED'"), literal_column("'PENDING'")])

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._in_our_words(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise unreachable(self._settings, error) from error


def name_of(job: Job, batch: str) -> str:
    """The id of a job in a batch: the same link at the same depth is one job."""
    return f"{batch}-{stable_id('job', job.tenant, job.url, job.depth)[:13]}"


def _options(job: Job, name: str, priority: int) -> EnqueueOptions:
    return {
        "workflow_name": WORKFLOW,
        "queue_name": RUNS,
        "workflow_id": name,
        "priority": priority,
        "queue_partition_key": job.host,
    }


def _stored(statuses: Collection[Status]) -> set[Status]:
    """What the database knows them as: whether a briefing is whole is told by its outcome."""
    return {"complete" if status == "partial" else status for status in statuses}


def _view(found: WorkflowStatus) -> JobView:
    outcome = Outcome.model_validate(found.output) if found.output else None
    error = why(found.error) if found.error else (None, None)
    (document,) = found.input["args"] if found.input else ({},)
    return JobView(
        id=found.workflow_id,
        job=Job.model_validate(document),
        status=outcome.status if outcome else _STATUSES[found.status],
        created=_moment(found.created_at) or datetime.now(UTC),
        began=_moment(found.dequeued_at),
        ended=_moment(found.completed_at),
        worker=found.executor_id,
        tries=found.recovery_attempts or 0,
        outcome=outcome,
        error=error[0],
        remedy=error[1],
    )


def _moment(milliseconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None
