"""The conductor: one call from a link to a briefing.

Each run gets a plan, a crew and an event loop of its own in a thread of its own, so that the
caller's loop stays free and runs never meet.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

import structlog

from .acquisition import parse_locator
from .briefing import write_briefing
from .checks import MOST_CHECKWORTHY
from .critical_path import Profile
from .errors import AutointelError, ModelRefused, StageCrashed, StorageError
from .events import EventStream, reported
from .flow import Flow
from .forecast import Forecast, forecast
from .llm import Account, LanguageModel, Ledger, Mind, hush, open_model
from .machine import watch
from .memory import Memory
from .models.analysis import Chapters, Claims
from .models.media import Acquisition
from .models.report import Missing, Report
from .models.transcript import Transcript
from .oblivion import prune
from .observability import run_context
from .plans import FREE, only, plan_for, up_to
from .runner import StageOutcome, StageRunner
from .runs import Run, owner_of
from .settings import Depth, Settings, load_settings
from .stages import StageWork, memory_for
from .traces import begin_tracing

if TYPE_CHECKING:
    from .crew_builders import DeskOf

_T = TypeVar("_T")
Around = Callable[
    [str, Callable[[], Awaitable[StageOutcome]], StageRunner], Awaitable[StageOutcome | None]
]
_THREADS = 32

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Spent:
    """What a run has asked of the language model.

    Attributes:
        calls: requests that were answered.
        reused: questions answered without a request, since they had been asked before.
        cached_tokens: of the prompt tokens, those that the provider had kept.
        dollars: None when the price is unknown.
        by_stage: tokens read and written.
    """

    calls: int
    reused: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    dollars: float | None
    by_stage: dict[str, int]


@dataclass(frozen=True)
class RunResult:
    """What became of a run.

    Attributes:
        run_id: empty when the input was refused before a run began.
        status: ``complete``; ``partial`` when something is missing from the briefing; ``failed``.
        out: folder of the briefing's files; None when there is none.
        reused: stages whose artifact was there already.
        phases: seconds by phase, from its first stage's start to its last stage's end.
        all_reused: whether nothing had to be done anew.
        missing: stages without a result, and why.
        spent: what was asked of the language model; None when none is configured.
        error: why the run failed.
    """

    url: str
    status: Literal["complete", "partial", "failed"]
    run_id: str = ""
    out: Path | None = None
    reused: tuple[str, ...] = ()
    all_reused: bool = False
    phases: dict[str, float] = field(default_factory=dict)
    missing: tuple[Missing, ...] = ()
    report: Report | None = None
    spent: Spent | None = None
    error: AutointelError | None = None


class AutonomousIntelligenceOrchestrator:
    """Plans a run, assembles its crew, drives it and writes the briefing.

    Args:
        settings: a snapshot used for all runs; by default read from the environment at each run.
        events: receives the progress of all runs.
        allow_files: whether local paths are accepted; only the command line may say yes.
        around: runs a stage, given its name, how, and the runner with what was made so far; gives
            None where it had done so in an earlier life.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        events: EventStream | None = None,
        allow_files: bool = False,
        around: Around | None = None,
    ) -> None:
        self._settings = settings
        self._allow_files = allow_files
        self._around = around
        self.events = events or EventStream()

    async def execute_autonomous_intelligence_workflow(
        self,
        url: str,
        depth: str | None = None,
        *,
        fresh: bool = False,
        out: Path | None = None,
    ) -> RunResult:
        """Analyse one recording.

        Args:
            url: an http(s) link, or a local path where files are allowed.
            depth: ``standard``, ``deep``, ``comprehensive`` or ``experimental``.
            fresh: do everything anew instead of reusing artifacts.
            out: folder for the briefing; by default one of the run's own.

        Returns:
            The result, also when the run failed: ``error`` then says why. Finished stages are
            kept either way.

        Raises:
            SettingsError: when the settings cannot be read.
            ValueError: for an unknown depth.
        """
        settings = self._settings or load_settings()
        wanted = Depth(depth) if depth else settings.depth
        try:
            locator = await asyncio.to_thread(parse_locator, url, allow_files=self._allow_files)
        except AutointelError as error:
            return RunResult(url=url, status="failed", error=error)
        run = Run(locator, wanted, settings, fresh=fresh)
        watch.keep_to(settings.memory_mb)
        await asyncio.to_thread(begin_tracing, settings)
        with run_context(run.id), reported(run.id, wanted) as ending:
            threads = _THREADS + _agents(settings)
            result = await in_own_loop(lambda: self._execute(run, url, out), threads)
            ending.status, ending.error = result.status, result.error
            ending.reused, ending.phases = result.all_reused, result.phases
            return result

    async def work_ahead(self, url: str, depth: str, stage: str) -> StageOutcome:
        """Do one stage of a run, and those before it that were not done yet.

        What it leaves is found by the run itself, which may go on meanwhile and elsewhere.

        Args:
            url: as for ``execute_autonomous_intelligence_workflow``.
            depth: likewise.
            stage: its name.

        Raises:
            AutointelError: it, or one before it, failed.
        """
        settings = self._settings or load_settings()
        locator = await asyncio.to_thread(parse_locator, url, allow_files=self._allow_files)
        run = Run(locator, Depth(depth), settings)
        await asyncio.to_thread(begin_tracing, settings)
        with run_context(run.id), reported(run.id, run.depth, "listen"):
            return await in_own_loop(lambda: self._work_ahead(run, stage))

    async def _work_ahead(self, run: Run, stage: str) -> StageOutcome:
        async with AsyncExitStack() as opened:
            memory = opened.enter_context(await asyncio.to_thread(memory_for, run.settings))
            work = await opened.enter_async_context(StageWork(run, memory))
            plan = up_to(plan_for(run.depth, run.settings), stage)
            runner = StageRunner(run, plan, work.all(), self.events)
            for each in plan.stages:
                outcome = await runner.run_stage(each.name)
            return outcome

    async def estimate(self, url: str, depth: str | None = None) -> Forecast:
        """What the language model would cost for a recording. It is not asked.

        The recording is fetched, transcribed and cut into chapters, which costs nothing and is
        reused by the run that follows.

        Args:
            url: as for ``execute_autonomous_intelligence_workflow``.
            depth: likewise.

        Raises:
            ModelRefused: no language model is configured, or it cannot be used.
            AutointelError: the recording cannot be had.
            ValueError: for an unknown depth.
        """
        settings = self._settings or load_settings()
        wanted = Depth(depth) if depth else settings.depth
        locator = await asyncio.to_thread(parse_locator, url, allow_files=self._allow_files)
        run = Run(locator, wanted, settings)
        await asyncio.to_thread(begin_tracing, settings)
        with run_context(run.id), reported(run.id, wanted, "estimate"):
            return await in_own_loop(lambda: self._estimate(run))

    async def _estimate(self, run: Run) -> Forecast:
        async with AsyncExitStack() as opened:
            memory = opened.enter_context(await asyncio.to_thread(memory_for, run.settings))
            model = await asyncio.to_thread(open_model, run.settings)
            if model is None:
                raise ModelRefused("No language model is configured.", "Set AUTOINTEL_LLM.")
            opened.push_async_callback(asyncio.to_thread, model.close)
            await opened.enter_async_context(run.exclusively())
            work = await opened.enter_async_context(StageWork(run, memory))
            plan = only(plan_for(run.depth, run.settings), FREE)
            runner = StageRunner(run, plan, work.all(), self.events)
            await _kick_off(runner, None)
            transcript = runner.artifact("speakers", Transcript)
            if transcript is None:
                raise StageCrashed("The crew ended without a transcript.")
            claims = runner.artifact("claims", Claims)
            found = len(claims.claims) if claims else 0
            return forecast(
                model,
                run.settings,
                run.depth,
                transcript,
                runner.artifact("chapters", Chapters),
                min(found, MOST_CHECKWORTHY.get(run.depth, found)),
            )

    async def _execute(self, run: Run, url: str, out: Path | None) -> RunResult:
        began = time.monotonic()
        status: Literal["complete", "partial", "failed"] = "failed"
        runner: StageRunner | None = None
        desks: _Desks | None = None
        try:
            async with AsyncExitStack() as opened:
                memory = opened.enter_context(await asyncio.to_thread(memory_for, run.settings))
                desks = await asyncio.to_thread(_Desks.open, run)
                opened.push_async_callback(asyncio.to_thread, desks.close)
                await opened.enter_async_context(run.exclusively())
                await _make_up(memory)
                await _prune(run, memory)
                work = await opened.enter_async_context(StageWork(run, memory))
                plan = plan_for(run.depth, run.settings)
                runner = StageRunner(run, plan, work.all(), self.events)
                await _kick_off(runner, desks, self._around, pipelined=run.settings.pipelines)
                folder = await _write(runner, run, out)
                status = _status(runner)
        except AutointelError as error:
            log.info("run_failed", code=error.code, reason=error.message)
            return _result(run, url, runner, desks, error=error)
        finally:
            if runner is not None:
                await _leave_profile(run, runner.profile(began, status))
        return _result(run, url, runner, desks, out=folder)


async def _make_up(memory: Memory) -> None:
    """Finish what an earlier process began to write; a store that fails now stops no run yet."""
    try:
        finished = await memory.recover()
    except StorageError as error:
        log.warning("writes_left_unfinished", code=error.code, reason=error.message)
        return
    if finished:
        log.info("writes_finished", writes=len(finished))


async def _prune(run: Run, memory: Memory) -> None:
    """Forget what was kept long enough; what cannot be forgotten now stops no run."""
    now = datetime.now().astimezone()
    try:
        gone = await prune(run.settings, memory, now, besides=run.source_id)
    except StorageError as error:
        log.warning("not_forgotten", code=error.code, reason=error.message)
        return
    if gone:
        log.info("forgotten", recordings=len(gone))


class _Desks:
    """Where the stages of one run get their model; nowhere when none is configured.

    Attributes:
        ledger: what the run has used and may use.
    """

    def __init__(self, run: Run, model: LanguageModel | None) -> None:
        self._run, self._model = run, model
        self.ledger = model.ledger(run.settings, run.depth) if model else None

    @classmethod
    def open(cls, run: Run) -> Self:
        """Reach for the configured model. Blocks."""
        return cls(run, open_model(run.settings))

    def close(self) -> None:
        """Give the model back. Blocks."""
        if self._model:
            self._model.close()

    @property
    def for_stage(self) -> DeskOf | None:
        """Gives the stage of a name its desk."""
        model, ledger = self._model, self.ledger
        if model is None or ledger is None:
            return None
        from .llm.crew import Desk

        owner = owner_of(self._run.tenant, self._run.source_id)
        turns = asyncio.Semaphore(_agents(self._run.settings))
        return lambda stage: Desk(model, Account(ledger, stage, owner, self._run.id), turns)


async def _kick_off(
    runner: StageRunner,
    desks: _Desks | None,
    around: Around | None = None,
    *,
    pipelined: bool = False,
) -> None:
    from .crew_builders import build_intelligence_crew, minds_of

    async def run_stage(name: str, mind: Mind | None = None) -> StageOutcome:
        if around is None:
            return await runner.run_stage(name, mind)
        outcome = await around(name, lambda: runner.run_stage(name, mind), runner)
        return outcome or await runner.run_stage(name, mind)

    hush()
    desk_of = desks.for_stage if desks else None
    if not pipelined:
        await build_intelligence_crew(runner.plan, run_stage, desk_of).akickoff()
        return

    async def wait_for(name: str, mind: Mind | None = None) -> StageOutcome:
        return await flow.outcome(name)

    crew = build_intelligence_crew(runner.plan, wait_for, desk_of)
    async with Flow(runner, run_stage, minds_of(crew)) as flow:
        await crew.akickoff()


async def _write(runner: StageRunner, run: Run, out: Path | None) -> Path:
    report = runner.artifact("briefing", Report)
    acquired = runner.artifact("acquisition", Acquisition)
    if report is None or acquired is None:
        raise StageCrashed("The crew ended without a briefing.")
    folder = out or run.folder / "briefing" / run.depth
    media = acquired.media.path if acquired.media else None
    limit = run.settings.embed_media_mb
    files = await asyncio.to_thread(
        write_briefing, report, folder, media=media, embed_limit_mb=limit
    )
    await asyncio.to_thread(run.leave_card, folder)
    await run.publish(files)
    return folder


async def _leave_profile(run: Run, profile: Profile) -> None:
    """Keep the times of the run; where that cannot be, the run is none the worse."""
    try:
        await asyncio.to_thread(run.leave_profile, profile)
    except StorageError as error:
        log.warning("profile_not_kept", code=error.code, reason=error.message)


def _status(runner: StageRunner) -> Literal["complete", "partial"]:
    """Of a run that has a briefing."""
    return "partial" if runner.missing else "complete"


def _result(
    run: Run,
    url: str,
    runner: StageRunner | None,
    desks: _Desks | None,
    *,
    out: Path | None = None,
    error: AutointelError | None = None,
) -> RunResult:
    if runner is None:
        return RunResult(url=url, run_id=run.id, status="failed", error=error)
    return RunResult(
        url=url,
        run_id=run.id,
        status="failed" if error else _status(runner),
        out=out,
        reused=tuple(o.stage for o in runner.outcomes.values() if o.status == "reused"),
        all_reused=all(o.status == "reused" for o in runner.outcomes.values()),
        phases=runner.phases(),
        missing=runner.missing,
        report=runner.artifact("briefing", Report),
        spent=_spent(desks.ledger) if desks and desks.ledger else None,
        error=error,
    )


def _spent(ledger: Ledger) -> Spent:
    total = ledger.total
    return Spent(
        calls=total.calls,
        reused=total.reused,
        prompt_tokens=total.prompt,
        cached_tokens=total.cached,
        completion_tokens=total.completion,
        dollars=ledger.cost(total),
        by_stage={stage: usage.total for stage, usage in ledger.by_stage.items()},
    )


def _agents(settings: Settings) -> int:
    """How many agents of a run may be at work at once: enough that the gateway always has some."""
    return 2 * settings.llm_concurrency if settings.llm else 0


async def in_own_loop(make: Callable[[], Coroutine[Any, Any, _T]], threads: int = _THREADS) -> _T:
    """Await a coroutine on an event loop of its own, in a thread of its own.

    Cancellation crosses over: the coroutine is cancelled and its clean-up awaited.
    """
    loop = asyncio.new_event_loop()
    loop.set_default_executor(ThreadPoolExecutor(threads, thread_name_prefix="stage"))
    thread = threading.Thread(target=_serve, args=(loop,), name="run")
    thread.start()
    try:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(make(), loop))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        await asyncio.shield(asyncio.to_thread(thread.join))


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            if not task.cancelling():  # a second time would break off its clean-up
                task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
