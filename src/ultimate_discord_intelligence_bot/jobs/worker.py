"""A worker: takes jobs from the queues, does them, and takes over those of workers that died.

DBOS knows one application for each process, so a process has one worker at a time.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Collection
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from dbos import DBOS, StepReservation, WorkflowHandleAsync
from dbos import error as dbos_error
from sqlalchemy.exc import SQLAlchemyError

from ..autonomous_orchestrator import AutonomousIntelligenceOrchestrator, RunResult
from ..briefing.wording import counted
from ..closing import Closing
from ..errors import (
    AutointelError,
    JobsUnreachable,
    StageCrashed,
    TooLong,
    WorkerRunning,
    storage_error,
)
from ..events import EventStream
from ..machine import cores, memory, sensible_runs, watch
from ..models.media import Acquisition
from ..models.transcript import Transcript
from ..plans import EVERY_STAGE
from ..runner import StageOutcome, StageRunner
from ..settings import Settings
from .board import WORKFLOW, Board
from .database import GPU, QUEUES, RUNS, VERSION, configuration, is_local, prepare, unreachable
from .job import Done, Job, Outcome
from .lease import Leases, open_leases
from .progress import Gauge, Panel

if TYPE_CHECKING:
    from dbos import Queue
    from dbos._sys_db import WorkflowStatus

TRIES = 3
"""How many processes may die over a job before it is parked."""

LISTEN, SPEECH = "listen", "transcription"

_SWEEP_S = 2.0
_GRACE_S = 6.0
"""How long the lock of a worker must be free before it counts as dead: a database that was
restarted has forgotten every lock, and its holders take them again."""

_POLL_S = 0.2
_SILENT_S = 30.0
"""A worker that has not swept for so long cannot reach its database, or hangs."""
_TIDY_S = 3600.0

log = structlog.get_logger(__name__)

_here: Worker | None = None


class Worker(Closing):
    """Does jobs until it is closed.

    Args:
        settings: for all jobs but their tenant and depth; they name the database.
        events: receives the progress of all runs.
        queues: from which jobs are taken.
        concurrency: how many jobs are done at the same time; by default as the settings say.

    Attributes:
        concurrency: that number; while memory is short, nothing is begun beside what goes on.

    Raises:
        JobsUnreachable: the database cannot be had.
        WorkerRunning: this process has a worker already.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        events: EventStream | None = None,
        queues: Collection[str] = (RUNS,),
        concurrency: int | None = None,
    ) -> None:
        global _here
        if _here is not None:
            raise WorkerRunning("This process has a worker already.")
        self.name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self.settings = settings
        self.events = events or EventStream()
        self._hands_over = settings.gpu_queue and GPU not in queues
        self._ended = threading.Event()
        self._leaving = False
        self._short = False
        self._suspects: dict[str, float] = {}
        self._queues = tuple(queues)
        self._leased, self._swept = True, time.monotonic()
        watch.keep_to(settings.memory_mb)
        self.concurrency = concurrency or concurrent_runs(settings)
        self._leases, self._panel = self._launch(queues)
        _here = self
        self._sweeper = threading.Thread(target=self._sweep, name="sweeper", daemon=True)
        self._sweeper.start()

    def close(self, patience: int = 0) -> None:
        """Take nothing new and end.

        Args:
            patience: seconds that jobs which have begun may take to end; after that they are left
                to another worker.
        """
        global _here
        if _here is not self:
            return
        self._leaving = True
        DBOS.destroy(workflow_completion_timeout_sec=patience)
        self._ended.set()
        self._sweeper.join()
        self._panel.close()
        self._leases.close()
        _here = None

    def lease_problem(self) -> str | None:
        """Why others may take this worker for dead; None when they do not. Answers at once."""
        silent = time.monotonic() - self._swept
        if silent > _SILENT_S:
            return f"The lease was last renewed {silent:.0f} s ago."
        return None if self._leased else "Another process holds the lease of this worker."

    def queue_problem(self) -> str | None:
        """Why this worker takes nothing from its queues; None when it does. Answers at once."""
        if self._leaving:
            return "The worker is ending and takes nothing new."
        alive = {thread.name for thread in threading.enumerate()}
        idle = [queue for queue in self._queues if f"queue-worker-{queue}" not in alive]
        return f"Nobody asks the queue {' and '.join(idle)}." if idle else None

    async def conduct(self, job_id: str, job: Job, steps: dict[str, StepReservation]) -> Outcome:
        """Do a job; every stage is one of its steps.

        Raises:
            AutointelError: it failed.
        """
        with self._panel.gauge(job_id, self.events) as gauge:
            return await self._conduct(job, steps, gauge)

    async def _conduct(self, job: Job, steps: dict[str, StepReservation], gauge: Gauge) -> Outcome:
        records: list[Done] = []

        async def as_step(
            stage: str, run: Callable[[], Awaitable[StageOutcome]], runner: StageRunner
        ) -> StageOutcome:
            made: list[StageOutcome] = []
            if stage == SPEECH and self._hands_over and _is_sound(runner):
                gauge.began(stage, "on another machine")
                runner.adopt(stage, await _elsewhere(job))

            async def step() -> dict[str, Any]:
                made.append(await run())
                return _done(made[0]).model_dump(mode="json")

            record = await steps[stage].run_async({"name": stage, "preemptible": True}, step)
            outcome = made[0] if made else await run()  # which had been done in an earlier life
            records.append(Done.model_validate(record))
            gauge.ended(records[-1], *_about(runner))
            return outcome

        began = time.monotonic()
        orchestrator = AutonomousIntelligenceOrchestrator(
            self.settings_for(job), events=gauge.events, allow_files=job.files, around=as_step
        )
        result = await orchestrator.execute_autonomous_intelligence_workflow(
            job.url, job.depth, out=job.out
        )
        if result.error is not None:
            raise self._in_words_of(job, result.error)
        return _outcome(result, records, time.monotonic() - began)

    async def listen(self, job: Job) -> str:
        """Recognise the speech of a job whose other stages are done elsewhere.

        Returns:
            The key of the artifact.
        """
        orchestrator = AutonomousIntelligenceOrchestrator(
            self.settings_for(job), events=self.events, allow_files=job.files
        )
        outcome = await orchestrator.work_ahead(job.url, job.depth, SPEECH)
        if outcome.key is None:
            raise StageCrashed("The speech recognition left nothing.")
        return outcome.key

    def settings_for(self, job: Job) -> Settings:
        own: dict[str, Any] = {"tenant": job.tenant}
        if self._hands_over:  # listening while it is downloaded would be listening here
            own["enable_streamed_transcription"] = False
        if job.speakers:
            own["diarization"] = True
        if job.language is not None:
            own["language"] = job.language
        if self._limits(job) and job.most_minutes is not None:
            own["max_duration_hours"] = job.most_minutes / 60
        if job.most_dollars is not None:
            allowed = self.settings.llm_dollars(job.depth)
            least = job.most_dollars if allowed is None else min(allowed, job.most_dollars)
            own["llm_budget"] = f"{least:.6f}"
        return self.settings.model_copy(update=own)

    def _limits(self, job: Job) -> bool:
        """Whether the job allows a shorter recording than the settings do."""
        hours = self.settings.max_duration_hours
        return job.most_minutes is not None and job.most_minutes / 60 < hours

    def _in_words_of(self, job: Job, error: AutointelError) -> AutointelError:
        """The error as it is to be read by somebody who knows of the job and of no settings."""
        if not isinstance(error, TooLong) or not self._limits(job):
            return error
        left = counted(round(job.most_minutes or 0), "minute")
        return TooLong(
            f"It is longer than what is left of your quota, {left}.",
            f"Take a recording of less than {left}, or wait until there is more again.",
        )

    # -- beginning --------------------------------------------------------------------------

    def _launch(self, queues: Collection[str]) -> tuple[Leases, Panel]:
        settings = self.settings
        try:
            prepare(settings)
            with ExitStack() as opened:
                leases = open_leases(settings, self.name)
                opened.callback(leases.close)
                leases.hold()
                panel = opened.enter_context(Panel(settings, self.name))
                self._launch_engine(queues)
                opened.pop_all()
        except OSError as error:
            raise storage_error(error, settings.data_dir) from error
        except SQLAlchemyError as error:
            DBOS.destroy()
            raise unreachable(settings, error) from error
        return leases, panel

    def _launch_engine(self, queues: Collection[str]) -> None:
        DBOS(config=configuration(self.settings, self.name))
        DBOS.listen_queues([*queues])
        DBOS.launch()
        _take_at_most(self.room)
        for queue in QUEUES:
            DBOS.register_queue(
                queue,
                worker_concurrency=self.concurrency,
                partition_concurrency=self.settings.runs_per_host,
                polling_interval_sec=_POLL_S,
                on_conflict="always_update",
            )

    def room(self) -> int:
        """How many jobs of a queue this worker may have now: one, while its memory is short."""
        short = watch.is_short()
        if short != self._short:
            self._short = short
            log.info("memory_short" if short else "memory_enough", worker=self.name)
        return 1 if short else self.concurrency

    # -- the jobs of the dead -----------------------------------------------------------------

    def _sweep(self) -> None:
        tidied = float("-inf")
        while not self._ended.wait(_SWEEP_S):
            try:
                if time.monotonic() - tidied > _TIDY_S:
                    self._tidy()
                    tidied = time.monotonic()
                self._leased = self._leases.hold()
                if not self._leased:
                    log.warning("lease_lost", worker=self.name)
                self._take_over()
                self._swept = time.monotonic()
            except dbos_error.DBOSException:
                # DBOS is destroyed a moment before we are told.
                if not self._leaving:
                    raise
            except (JobsUnreachable, SQLAlchemyError) as error:
                self._suspects.clear()
                log.warning("jobs_unreachable", reason=str(error)[:200])

    def _tidy(self) -> None:
        """Forget jobs that ended long ago."""
        if days := self.settings.job_days:
            with Board(self.settings) as board:
                gone = board.prune(datetime.now(UTC) - timedelta(days=days))
            if gone:
                log.info("jobs_pruned", jobs=gone)

    def _take_over(self) -> None:
        begun = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
        others = {w.executor_id for w in begun if w.executor_id} - {self.name}
        now = time.monotonic()
        silent = {worker for worker in others if self._leases.is_dead(worker)}
        self._suspects = {w: self._suspects.get(w, now) for w in silent}
        for worker, since in self._suspects.items():
            if is_local(self.settings) or now - since >= _GRACE_S:
                log.info("worker_died", worker=worker)
                _recover(worker)
                _adopt([w for w in begun if w.executor_id == worker])


def concurrent_runs(settings: Settings) -> int:
    """How many jobs a worker with these settings does at the same time."""
    if settings.concurrent_runs is not None:
        return settings.concurrent_runs
    return sensible_runs(memory(settings.memory_mb).limit, cores())


def _take_at_most(room: Callable[[], int]) -> None:
    """Let this worker have its own limit, which may change.

    The engine keeps one number for all workers, in the database, and reads it before each look at
    a queue; the last worker to begin would decide for machines of every size.
    """
    from dbos._dbos import _get_dbos_instance

    database = _get_dbos_instance()._sys_db
    read = database.get_queue

    def get_queue(name: str, **options: Any) -> Queue | None:
        queue = read(name, **options)
        if queue is not None and name in QUEUES:
            queue._worker_concurrency = room()
        return queue

    setattr(database, "get_queue", get_queue)  # noqa: B010 - a method of this one object


def _recover(worker: str) -> None:
    """Put the jobs of a worker back into their queues; whoever asks first does it."""
    from dbos._dbos import _get_dbos_instance
    from dbos._recovery import recover_pending_workflows

    recover_pending_workflows(_get_dbos_instance(), [worker])


def _adopt(begun: Collection[WorkflowStatus]) -> None:
    """Begin jobs anew that a worker of another version left; finished stages are reused."""
    for old in begun:
        if old.app_version != VERSION and old.name == WORKFLOW:
            log.info("job_adopted", job=old.workflow_id, version=old.app_version)
            view = DBOS.get_workflow_status(old.workflow_id)
            if view is None or view.status != "PENDING" or view.input is None:
                continue
            DBOS.delete_workflow(old.workflow_id, delete_children=True)
            DBOS.enqueue_workflow_with_options(
                {
                    "workflow_name": WORKFLOW,
                    "queue_name": view.queue_name or RUNS,
                    "workflow_id": old.workflow_id,
                    "priority": view.priority or 0,
                    "queue_partition_key": view.queue_partition_key or "files",
                },
                *view.input["args"],
            )


@DBOS.workflow(name=WORKFLOW, max_recovery_attempts=TRIES - 1)
async def run_job(document: dict[str, Any]) -> dict[str, Any]:
    """One job, from its document to that of its outcome."""
    steps = {stage: DBOS.reserve_step() for stage in EVERY_STAGE}
    job_id = DBOS.workflow_id
    if _here is None or job_id is None:
        raise StageCrashed("A job was begun in a process that has no worker.")
    outcome = await _here.conduct(job_id, Job.model_validate(document), steps)
    return outcome.model_dump(mode="json")


@DBOS.workflow(name=LISTEN, max_recovery_attempts=TRIES - 1)
async def listen_to(document: dict[str, Any]) -> str:
    """The speech recognition of a job, in a worker made for it."""

    async def step() -> str:
        if _here is None:
            raise StageCrashed("A job was begun in a process that has no worker.")
        return await _here.listen(Job.model_validate(document))

    return await DBOS.run_step_async({"name": SPEECH, "preemptible": True}, step)


async def _elsewhere(job: Job) -> str:
    """The key of what a worker of the other queue has heard."""
    handle: WorkflowHandleAsync[str] = await DBOS.enqueue_workflow_with_options_async(
        {
            "workflow_name": LISTEN,
            "queue_name": GPU,
            "queue_partition_key": job.host,
        },
        job.model_dump(mode="json"),
    )
    return await handle.get_result(polling_interval_sec=_POLL_S)


def _is_sound(runner: StageRunner) -> bool:
    """Whether there are no captions that say what is spoken."""
    acquired = runner.artifact("acquisition", Acquisition)
    return acquired is not None and not acquired.captions


def _done(outcome: StageOutcome) -> Done:
    return Done(
        stage=outcome.stage,
        status=outcome.status,
        artifact=outcome.artifact,
        seconds=round(outcome.seconds, 3),
    )


def _about(runner: StageRunner) -> tuple[str | None, float | None]:
    """Title and minutes of a recording, as far as they are known."""
    acquired = runner.artifact("acquisition", Acquisition)
    if acquired is None:
        return None, None
    transcript = runner.artifact("transcription", Transcript)
    seconds = acquired.source.duration or (transcript.duration if transcript else None)
    return acquired.source.title, seconds and seconds / 60


def _outcome(result: RunResult, records: Collection[Done], seconds: float) -> Outcome:
    report = result.report
    if report is None or result.out is None or result.status == "failed":
        raise StageCrashed("The run ended without a briefing.")
    verdicts: dict[str, int] = {}
    for verdict in report.verdicts or ():
        verdicts[verdict.label.value] = verdicts.get(verdict.label.value, 0) + 1
    return Outcome(
        status=result.status,
        run_id=result.run_id,
        title=report.source.title,
        out=result.out,
        seconds=round(seconds, 3),
        missing=tuple(f"{m.stage}: {m.reason}" for m in result.missing),
        claims=None if report.claims is None else len(report.claims),
        verdicts=verdicts,
        minutes=report.duration / 60,
        dollars=result.spent.dollars if result.spent and result.spent.calls else 0.0,
        reused=all(record.status == "reused" for record in records),
    )
