"""The jobs that there are: put one up, look at them, take one back, try one again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from ..closing import Closing
from ..errors import JobUnknown
from ..runs import stable_id
from ..settings import Settings
from .database import RUNS, client, is_local, unreachable, url_of
from .job import Done, Job, JobView, Outcome, Status, why

if TYPE_CHECKING:
    from dbos import EnqueueOptions, WorkflowStatus

WORKFLOW = "run"
MIDDLE = 50
"""Priority of a job of which nothing is said; 1 goes first, 100 last."""

_PATIENCE_S = 30

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
        self._engine = create_engine(url_of(settings), connect_args=patience)

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

    def cancel(self, ids: Iterable[str]) -> None:
        """Take jobs back: those that wait never begin, those that run end within two seconds."""
        with self._in_our_words():
            self._client.cancel_workflows(list(ids), cancel_children=True)

    def again(self, view: JobView, *, priority: int = MIDDLE) -> None:
        """Try a job again that failed, was cancelled or is parked; what was finished is reused."""
        with self._in_our_words():
            self._client.delete_workflow(view.id, delete_children=True)
        self.put(view.job, view.id, priority=priority)

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
            for first in range(0, len(ids), 1000):
                self._client.delete_workflows(ids[first : first + 1000])
        if ids and is_local(self._settings):
            self._shrink()
        return len(ids)

    def _shrink(self) -> None:
        """Give back what is free; SQLite does not by itself."""
        # Where somebody writes it waits for another time: what is free is used again.
        with suppress(OperationalError), self._engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM"))

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
