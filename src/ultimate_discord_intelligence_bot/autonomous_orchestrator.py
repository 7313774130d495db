"""The conductor: one call from a link to a briefing.

Each run gets a plan, a crew and an event loop of its own in a thread of its own, so that the
caller's loop stays free and runs never meet.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import structlog

from .acquisition import parse_locator
from .briefing import write_briefing
from .errors import AutointelError, StageCrashed
from .events import EventStream
from .models.media import Acquisition
from .models.report import Missing, Report
from .observability import run_context
from .plans import plan_for
from .runner import StageRunner
from .runs import Run
from .settings import Depth, Settings, load_settings
from .stages import StageWork, memory_for

_T = TypeVar("_T")
_THREADS = 32

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class RunResult:
    """What became of a run.

    Attributes:
        run_id: empty when the input was refused before a run began.
        status: ``complete``; ``partial`` when something is missing from the briefing; ``failed``.
        out: folder of the briefing's files; None when there is none.
        reused: stages whose artifact was there already.
        phases: seconds by phase, from its first stage's start to its last stage's end.
        missing: stages without a result, and why.
        error: why the run failed.
    """

    url: str
    status: Literal["complete", "partial", "failed"]
    run_id: str = ""
    out: Path | None = None
    reused: tuple[str, ...] = ()
    phases: dict[str, float] = field(default_factory=dict)
    missing: tuple[Missing, ...] = ()
    report: Report | None = None
    error: AutointelError | None = None


class AutonomousIntelligenceOrchestrator:
    """Plans a run, assembles its crew, drives it and writes the briefing.

    Args:
        settings: a snapshot used for all runs; by default read from the environment at each run.
        events: receives the progress of all runs.
        allow_files: whether local paths are accepted; only the command line may say yes.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        events: EventStream | None = None,
        allow_files: bool = False,
    ) -> None:
        self._settings = settings
        self._allow_files = allow_files
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
        with run_context(run.id):
            return await in_own_loop(lambda: self._execute(run, url, out))

    async def _execute(self, run: Run, url: str, out: Path | None) -> RunResult:
        runner: StageRunner | None = None
        try:
            with await asyncio.to_thread(memory_for, run.settings) as memory:
                async with run.exclusively(), StageWork(run, memory) as work:
                    runner = StageRunner(
                        run, plan_for(run.depth, run.settings), work.all(), self.events
                    )
                    await _kick_off(runner)
                    folder = await asyncio.to_thread(_write, runner, run, out)
        except AutointelError as error:
            log.info("run_failed", code=error.code, reason=error.message)
            return _result(run, url, runner, error=error)
        return _result(run, url, runner, out=folder)


async def _kick_off(runner: StageRunner) -> None:
    from .crew_builders import build_intelligence_crew

    await build_intelligence_crew(runner.plan, runner.run_stage).akickoff()


def _write(runner: StageRunner, run: Run, out: Path | None) -> Path:
    report = runner.artifact("briefing", Report)
    acquired = runner.artifact("acquisition", Acquisition)
    if report is None or acquired is None:
        raise StageCrashed("The crew ended without a briefing.")
    folder = out or run.folder / "briefing" / run.depth
    media = acquired.media.path if acquired.media else None
    write_briefing(report, folder, media=media, embed_limit_mb=run.settings.embed_media_mb)
    run.leave_card(folder)
    return folder


def _result(
    run: Run,
    url: str,
    runner: StageRunner | None,
    *,
    out: Path | None = None,
    error: AutointelError | None = None,
) -> RunResult:
    if runner is None:
        return RunResult(url=url, run_id=run.id, status="failed", error=error)
    return RunResult(
        url=url,
        run_id=run.id,
        status="failed" if error else "partial" if runner.missing else "complete",
        out=out,
        reused=tuple(o.stage for o in runner.outcomes.values() if o.status == "reused"),
        phases=runner.phases(),
        missing=runner.missing,
        report=runner.artifact("briefing", Report),
        error=error,
    )


async def in_own_loop(make: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """Await a coroutine on an event loop of its own, in a thread of its own.

    Cancellation crosses over: the coroutine is cancelled and its clean-up awaited.
    """
    loop = asyncio.new_event_loop()
    loop.set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="stage"))
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
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
