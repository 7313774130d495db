"""A run without barriers: every stage begins as soon as what it reads is there.

A crew begins a task when all before it have ended. Here the crew's tasks only wait for their
stages, which have begun long before: each when the last thing that it reads is there, and some
earlier still, on what the stages before them tell while they work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Self

from .llm import Mind
from .plans import Stage
from .runner import StageOutcome, StageRunner


class Flow:
    """Runs the stages of a plan, each in its own time.

    To be entered as a context; nothing goes on after its end.

    Args:
        runner: knows what each stage waits for, and works ahead.
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
        self._stages: dict[str, asyncio.Task[StageOutcome]] = {}

    async def __aenter__(self) -> Self:
        for stage in self._runner.plan.stages:
            self._stages[stage.name] = asyncio.create_task(self._run(stage))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._stages.values():
            task.cancel()
        await asyncio.gather(*self._stages.values(), return_exceptions=True)

    async def outcome(self, name: str) -> StageOutcome:
        """What became of a stage, once it has ended.

        Raises:
            AutointelError: it is critical and failed, or one failed that it waits for.
        """
        return await asyncio.shield(self._stages[name])

    async def _run(self, stage: Stage) -> StageOutcome:
        ahead = asyncio.create_task(self._runner.run_ahead(stage.name))
        try:
            for name in self._runner.awaited(stage):
                await self.outcome(name)
            await ahead
            return await self._run_stage(stage.name, self._minds.get(stage.name))
        finally:
            ahead.cancel()
            await asyncio.wait([ahead])
