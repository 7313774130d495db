"""A run without barriers: every stage begins as soon as what it reads is there.

A crew begins a task when all before it have ended. Here the crew's tasks only wait for their
stages, which have begun long before: each when the last thing that it reads is there, and some
earlier still, on what the stages before them tell while they work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import TracebackType
from typing import Self

import structlog

from .llm import Mind
from .plans import Stage
from .runner import StageOutcome, StageRunner

log = structlog.get_logger(__name__)


class Flow:
    """Runs the stages of a plan, each in its own time. To be entered as a context.

    Args:
        runner: does the stages, or finds what they left.
        run_stage: how a stage is run, given its name and its mind.
        minds: answer the questions of stages that reason, by stage.
    """

    def __init__(
        self,
        runner: StageRunner,
        run_stage: Callable[[str, Mind | None], Awaitable[StageOutcome]],
        minds: Mapping[str, Mind],
    ) -> None:
        self._runner, self._run_stage, self._minds = runner, run_stage, minds
        self._ahead: dict[str, asyncio.Task[None]] = {}
        self._stages: dict[str, asyncio.Task[StageOutcome]] = {}

    async def __aenter__(self) -> Self:
        for stage in self._runner.plan.stages:
            if (ahead := self._runner.ahead(stage.name)) is not None:
                self._ahead[stage.name] = asyncio.create_task(_tried(stage.name, ahead))
        for stage in self._runner.plan.stages:
            self._stages[stage.name] = asyncio.create_task(self._run(stage))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        tasks = [*self._stages.values(), *self._ahead.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def outcome(self, name: str) -> StageOutcome:
        """What became of a stage, once it has ended.

        Raises:
            AutointelError: a critical stage failed.
        """
        return await asyncio.shield(self._stages[name])

    async def _run(self, stage: Stage) -> StageOutcome:
        await _ended(self._stages[name] for name in self._runner.awaited(stage))
        if (ahead := self._ahead.get(stage.name)) is not None:
            await _ended([ahead])
        return await self._run_stage(stage.name, self._minds.get(stage.name))


async def _ended(tasks: Iterable[asyncio.Task[object]]) -> None:
    """Wait for tasks, and fail as they do."""
    for task in tasks:
        await asyncio.shield(task)


async def _tried(stage: str, ahead: Awaitable[None]) -> None:
    """Work ahead where that can be done; what could not is done in its time."""
    try:
        await ahead
    except Exception:
        log.exception("not_worked_ahead", stage=stage)
