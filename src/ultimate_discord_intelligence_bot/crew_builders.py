"""Turns a plan into a CrewAI crew: one fresh crew, one agent for each task.

Importing this module imports CrewAI (seconds); it first makes CrewAI silent and private.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import yaml
from pydantic import PrivateAttr, TypeAdapter

from .llm import Message, Mind, Question, answered
from .llm.question import A
from .llm.quiet import import_crewai
from .models.artifact import Model
from .plans import Plan, Stage
from .runner import StageOutcome

if TYPE_CHECKING:
    from .llm.crew import Desk

import_crewai()
from crewai import Agent, Crew, Process, Task  # noqa: E402
from crewai.agents.agent_builder.base_agent import BaseAgent  # noqa: E402
from crewai.utilities.task_output_storage_handler import (  # noqa: E402
    TaskOutputStorageHandler,
)


class Step(Protocol):
    """Runs the stage of a name and tells what became of it; a mind answers its questions."""

    async def __call__(self, name: str, mind: Mind | None = None) -> StageOutcome: ...


DeskOf: TypeAlias = "Callable[[str], Desk]"
"""Gives the stage of a name its desk: where its agents get their model."""


class AgentPrompt(Model):
    """An entry of ``config/agents.yaml``."""

    role: str
    goal: str
    backstory: str


class TaskPrompt(Model):
    """An entry of ``config/tasks.yaml``; ``agent`` names an entry of ``agents.yaml``."""

    agent: str
    description: str
    expected_output: str


class StageAgent(BaseAgent):
    """A specialist that runs one stage by itself, without a language model.

    Data stays in the run's artifacts; the task's output is the short ``StageOutcome``.
    """

    function_calling_llm: Any = None
    step_callback: Any = None
    last_messages: list[Any] = []  # noqa: RUF012
    _step: Step = PrivateAttr()

    @classmethod
    def for_stage(cls, prompt: AgentPrompt, step: Step) -> StageAgent:
        """An agent of its own for one task; agents are never shared between tasks."""
        agent = cls(role=prompt.role, goal=prompt.goal, backstory=prompt.backstory)
        agent._step = step
        return agent

    async def aexecute_task(  # type: ignore[override]  # CrewAI also takes a model, unparsed
        self, task: Any, context: str | None = None, tools: list[Any] | None = None
    ) -> StageOutcome:
        return await self._step(task.name)

    def execute_task(
        self, task: Any, context: str | None = None, tools: list[Any] | None = None
    ) -> str:
        raise NotImplementedError("The crew must be started with akickoff().")

    def create_agent_executor(self, tools: list[Any] | None = None) -> None:
        """There is no executor: the agent runs its stage itself."""

    def get_delegation_tools(self, agents: Sequence[Any]) -> list[Any]:
        return []

    def get_platform_tools(self, apps: list[Any]) -> list[Any]:
        return []

    def get_mcp_tools(self, mcps: list[Any]) -> list[Any]:
        return []

    def copy(self) -> StageAgent:  # type: ignore[override]  # as in CrewAI's own base class
        clone = StageAgent(role=self.role, goal=self.goal, backstory=self.backstory)
        clone._step = self._step
        return clone


class Specialist(Agent):
    """A specialist that reasons: runs one stage and answers its questions with a language model.

    Every question is answered by an agent of its own, made after this one: agents are never
    shared. They have no tools, and what they read is data.
    """

    _step: Step = PrivateAttr()
    _desk: Desk = PrivateAttr()

    @classmethod
    def for_stage(cls, prompt: AgentPrompt, step: Step, desk: Desk) -> Specialist:
        """A specialist for one task."""
        specialist = cls(**_character(prompt), llm=desk.llm())
        specialist._step, specialist._desk = step, desk
        return specialist

    async def aexecute_task(  # type: ignore[override]  # CrewAI also takes a model, unparsed
        self, task: Any, context: str | None = None, tools: list[Any] | None = None
    ) -> StageOutcome:
        return await self._step(task.name, self)

    def execute_task(
        self, task: Any, context: str | None = None, tools: list[Any] | None = None
    ) -> str:
        raise NotImplementedError("The crew must be started with akickoff().")

    @property
    def context(self) -> int:
        """Tokens of a question and its answer, at the most."""
        return self._desk.model.facts.context

    async def ask(self, question: Question[A]) -> A:
        """The validated answer to a question.

        Raises:
            LanguageModelError: there is none.
        """

        async def say(messages: Sequence[Message]) -> str:
            llm = self._desk.llm(question)
            agent = Agent(**_character(self), llm=llm)
            try:
                output = await agent.akickoff(
                    [{"role": message.role, "content": message.content} for message in messages]
                )
            except asyncio.CancelledError:
                llm.cancel()
                raise
            return output.raw

        async with self._desk.turns:
            return await answered(question, say)


def _character(who: AgentPrompt | Agent) -> dict[str, Any]:
    """An agent that answers once, by itself, and lets failures through."""
    return {
        "role": who.role,
        "goal": who.goal,
        "backstory": who.backstory,
        "max_iter": 1,
        "max_retry_limit": 0,
        "allow_delegation": False,
        "verbose": False,
    }


class _NoOutputStorage(TaskOutputStorageHandler):
    """Keeps nothing: CrewAI's replay database is global, and a run resumes from its artifacts."""

    def __init__(self) -> None:
        """Open no database."""

    def update(self, task_index: int, log: dict[str, Any]) -> None:
        """Keep nothing."""

    def reset(self) -> None:
        """Nothing is kept."""

    def load(self) -> list[dict[str, Any]] | None:
        return None


class IntelligenceCrew(Crew):
    """A crew that keeps its results in the run's artifacts only."""

    _task_output_handler: TaskOutputStorageHandler = PrivateAttr(default_factory=_NoOutputStorage)


def build_intelligence_crew(
    plan: Plan, step: Step, desk_of: DeskOf | None = None
) -> IntelligenceCrew:
    """A crew whose tasks are the stages of the plan, in its order.

    Args:
        plan: gives each task its ``context`` (what the stage reads) and ``async_execution``.
        step: runs a stage; called once for each task. A critical stage raises, which ends the
            crew; any other failure comes back as an outcome.
        desk_of: where stages that reason get their model; without one no stage does.

    Returns:
        A crew to be started once, with ``akickoff()``.
    """
    agents, prompts = agent_prompts(), task_prompts()
    tasks: dict[str, Task] = {}
    for stage in plan.stages:
        prompt = prompts[stage.name]
        agent: BaseAgent = (
            Specialist.for_stage(agents[prompt.agent], step, desk_of(stage.name))
            if desk_of and stage.reasons
            else StageAgent.for_stage(agents[prompt.agent], step)
        )
        tasks[stage.name] = _task(stage, prompt, agent, tasks)
    return IntelligenceCrew(
        name=f"autointel-{plan.depth}",
        agents=[task.agent for task in tasks.values()],
        tasks=list(tasks.values()),
        process=Process.sequential,
        memory=False,
        cache=False,
        tracing=False,
        verbose=False,
    )


def minds_of(crew: Crew) -> dict[str, Mind]:
    """The specialists of a crew that reason, by the name of their task."""
    return {str(task.name): task.agent for task in crew.tasks if isinstance(task.agent, Specialist)}


def _task(stage: Stage, prompt: TaskPrompt, agent: BaseAgent, earlier: Mapping[str, Task]) -> Task:
    return Task(
        name=stage.name,
        description=prompt.description,
        expected_output=prompt.expected_output,
        agent=agent,
        # Without an explicit list a task would be given every raw output before it, or none.
        context=[earlier[name] for name in stage.inputs],
        async_execution=stage.parallel,
        output_pydantic=StageOutcome,
    )


@cache
def agent_prompts() -> dict[str, AgentPrompt]:
    """``config/agents.yaml``, validated: unknown or missing keys are errors."""
    return TypeAdapter(dict[str, AgentPrompt]).validate_python(_config("agents.yaml"))


@cache
def task_prompts() -> dict[str, TaskPrompt]:
    """``config/tasks.yaml``, validated: unknown or missing keys are errors."""
    return TypeAdapter(dict[str, TaskPrompt]).validate_python(_config("tasks.yaml"))


def _config(name: str) -> Any:
    installed: Traversable = files(__package__) / "config" / name
    in_checkout = Path(__file__).parents[2] / "config" / name
    text = installed.read_text() if installed.is_file() else in_checkout.read_text()
    return yaml.safe_load(text)
