"""The crew: what CrewAI is given, and what we rely on in the pinned version."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest
from crewai import CrewOutput, Task

from ultimate_discord_intelligence_bot import crew_builders
from ultimate_discord_intelligence_bot.crew_builders import (
    IntelligenceCrew,
    StageAgent,
    agent_prompts,
    build_intelligence_crew,
    task_prompts,
)
from ultimate_discord_intelligence_bot.errors import NotFound
from ultimate_discord_intelligence_bot.plans import Flags, Option, plan
from ultimate_discord_intelligence_bot.runner import StageOutcome
from ultimate_discord_intelligence_bot.settings import Depth

EVERYTHING = plan(Depth.EXPERIMENTAL, Flags(), set(Option))


async def done(name: str, mind: object = None) -> StageOutcome:
    return StageOutcome(stage=name, status="done", seconds=0.0, artifact=f"made-by-{name}")


def test_every_stage_has_a_prompt_and_every_prompt_a_stage() -> None:
    assert set(task_prompts()) == {stage.name for stage in EVERYTHING.stages}
    assert {prompt.agent for prompt in task_prompts().values()} == set(agent_prompts())


def test_a_misspelt_key_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {"role": "a", "goal": "b", "backstory": "c", "gaol": "d"}
    monkeypatch.setattr(crew_builders, "_config", lambda name: {"acquirer": entry})
    agent_prompts.cache_clear()
    try:
        with pytest.raises(ValueError, match="gaol"):
            agent_prompts()
    finally:
        agent_prompts.cache_clear()


def test_tasks_follow_the_plan() -> None:
    crew = build_intelligence_crew(EVERYTHING, done)
    for task, stage in zip(crew.tasks, EVERYTHING.stages, strict=True):
        assert task.name == stage.name
        assert task.async_execution == stage.parallel
        context = cast("list[Task]", task.context)
        assert [earlier.name for earlier in context] == list(stage.inputs)


def test_no_agent_is_shared() -> None:
    first, second = (build_intelligence_crew(EVERYTHING, done) for _ in range(2))
    agents = [task.agent for crew in (first, second) for task in crew.tasks]
    assert len({id(agent) for agent in agents}) == len(agents)


async def test_results_are_found_by_name_and_arrive_typed() -> None:
    output = cast("CrewOutput", await build_intelligence_crew(EVERYTHING, done).akickoff())
    by_name = {str(task.name): task.pydantic for task in output.tasks_output}
    assert set(by_name) == {stage.name for stage in EVERYTHING.stages}
    for name, outcome in by_name.items():
        assert outcome == await done(name)


async def test_a_task_is_given_the_outcomes_of_what_it_reads_and_no_more() -> None:
    crew = build_intelligence_crew(EVERYTHING, done)
    await crew.akickoff()
    by_name = {task.name: task for task in crew.tasks}
    for stage in EVERYTHING.stages:
        context = by_name[stage.name].prompt_context or ""
        seen = {s.name for s in EVERYTHING.stages if f'"made-by-{s.name}"' in context}
        assert seen == set(stage.inputs)


async def test_parallel_tasks_overlap() -> None:
    running: set[str] = set()
    together: set[frozenset[str]] = set()

    async def overlap(name: str, mind: object = None) -> StageOutcome:
        running.add(name)
        await asyncio.sleep(0.02)
        together.add(frozenset(running))
        running.discard(name)
        return await done(name)

    await build_intelligence_crew(EVERYTHING, overlap).akickoff()
    for wave in EVERYTHING.waves():
        assert frozenset(stage.name for stage in wave) in together


async def test_a_critical_failure_ends_the_crew_with_its_own_error() -> None:
    started = []

    async def fail(name: str, mind: object = None) -> StageOutcome:
        started.append(name)
        if name == "transcription":
            raise NotFound("Gone.")
        return await done(name)

    with pytest.raises(NotFound, match="Gone"):
        await build_intelligence_crew(EVERYTHING, fail).akickoff()
    assert started == ["acquisition", "transcription"]


async def test_many_crews_at_once_do_not_meet() -> None:
    async def one(number: int) -> set[str]:
        seen = set()

        async def step(name: str, mind: object = None) -> StageOutcome:
            seen.add(f"{number}:{name}")
            await asyncio.sleep(0.001)
            return await done(name)

        await build_intelligence_crew(EVERYTHING, step).akickoff()
        return seen

    results = await asyncio.gather(*(one(number) for number in range(10)))
    for number, seen in enumerate(results):
        assert seen == {f"{number}:{stage.name}" for stage in EVERYTHING.stages}


def test_the_agent_has_what_the_crew_reads_from_it() -> None:
    agent = StageAgent.for_stage(agent_prompts()["editor"], done)
    assert agent.last_messages == []
    assert agent.function_calling_llm is None
    assert agent.step_callback is None
    assert agent.copy().role == agent.role
    with pytest.raises(NotImplementedError, match="akickoff"):
        agent.execute_task(task=None)


def test_the_crew_keeps_nothing_outside_the_run() -> None:
    crew = build_intelligence_crew(EVERYTHING, done)
    assert isinstance(crew, IntelligenceCrew)
    assert crew._task_output_handler.load() is None
    assert (crew.memory, crew.cache, crew.tracing) == (False, False, False)


def test_crewai_leaves_no_files_in_the_home_folder_and_needs_none(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    module = crew_builders.__name__
    script = (
        f"import {module}, os, sys; assert os.environ['HOME'] == {str(home)!r};"
        "assert 'qdrant_client' not in sys.modules; import qdrant_client"
    )
    environment = os.environ | {"HOME": str(home)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, timeout=100)
    assert list(home.rglob("*")) == []
    environment["HOME"] = str(tmp_path / "absent" / "home")
    script = f"import {module}"
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, timeout=100)
    del environment["HOME"]  # as in a container whose user nobody knows
    script = f"import {module}, os; assert os.path.isdir(os.environ['HOME'])"
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, timeout=100)
