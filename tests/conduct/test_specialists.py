"""The agents that reason, in a real crew, before a server on loopback."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from crewai import Agent

from tests.model_server import ModelServer, serving
from ultimate_discord_intelligence_bot.crew_builders import (
    DeskOf,
    Specialist,
    StageAgent,
    Step,
    build_intelligence_crew,
)
from ultimate_discord_intelligence_bot.errors import (
    AnswerInvalid,
    LanguageModelError,
    ModelRefused,
)
from ultimate_discord_intelligence_bot.llm import (
    Account,
    Ledger,
    Mind,
    Question,
    material,
    open_model,
)
from ultimate_discord_intelligence_bot.llm.crew import Desk
from ultimate_discord_intelligence_bot.llm.ledger import Budget
from ultimate_discord_intelligence_bot.llm.prompts import POINTS
from ultimate_discord_intelligence_bot.llm.prompts.points import Points
from ultimate_discord_intelligence_bot.plans import Flags, Phase, Plan, Resource, Stage, plan
from ultimate_discord_intelligence_bot.runner import StageOutcome
from ultimate_discord_intelligence_bot.settings import Depth, load_settings

POINT = {"statement": "Ada greets.", "quote": "Good evening", "segment": 0}
AT_ONCE = 4


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with serving(lambda _: json.dumps({"points": [POINT]})) as stub:
        yield stub


@pytest.fixture
def desk_of(server: ModelServer, data_dir: Path) -> Iterator[DeskOf]:
    settings = load_settings(
        AUTOINTEL_DATA_DIR=data_dir,
        AUTOINTEL_LLM="openai/stub",
        AUTOINTEL_LLM_BASE_URL=server.url,
        AUTOINTEL_LLM_CONCURRENCY=AT_ONCE,
    )
    model = open_model(settings)
    assert model is not None
    ledger, turns = Ledger(Budget(), None), asyncio.Semaphore(2 * AT_ONCE)
    with model:
        yield lambda stage: Desk(model, Account(ledger, stage, "somebody"), turns)


def question(number: int = 0) -> Question[Points]:
    return POINTS.about(material("transcript", [f"[0] Good evening {number}."]), most=3)


def stage(name: str, *needs: str, parallel: bool = False, reasons: bool = False) -> Stage:
    return Stage(
        name,
        Phase.ANALYSIS,
        Resource.CPU,
        60,
        needs=needs,
        reasons=reasons,
        parallel=parallel,
    )


async def kick_off(of: Plan, step: Step, desk_of: DeskOf | None) -> None:
    await build_intelligence_crew(of, step, desk_of).akickoff()


def done(name: str) -> StageOutcome:
    return StageOutcome(stage=name, status="done", seconds=0.0)


@pytest.mark.parametrize("depth", Depth)
def test_with_a_model_the_stages_that_reason_are_crewai_agents_without_it_none_is(
    depth: Depth, desk_of: DeskOf
) -> None:
    async def step(name: str, mind: Mind | None = None) -> StageOutcome:
        return done(name)

    of = plan(depth, Flags())
    reasoning = {s.name for s in of.stages if s.reasons}
    assert reasoning
    for desks, expected in ((desk_of, reasoning), (None, set[str]())):
        crew = build_intelligence_crew(of, step, desks)
        agents = {task.name: task.agent for task in crew.tasks}
        specialists = {name for name, agent in agents.items() if isinstance(agent, Specialist)}
        assert specialists == expected
        assert all(isinstance(agents[name], Agent) for name in specialists)
        assert all(isinstance(agents[n], StageAgent) for n in set(agents) - specialists)
        assert len({id(agent) for agent in agents.values()}) == len(agents)
        for name in specialists:
            agent = agents[name]
            assert isinstance(agent, Agent)
            assert not agent.tools
            assert agent.max_retry_limit == 0


async def test_a_specialist_answers_in_character_and_typed(
    server: ModelServer, desk_of: DeskOf
) -> None:
    heard: list[Points] = []

    async def step(name: str, mind: Mind | None = None) -> StageOutcome:
        if mind is not None:
            heard.append(await mind.ask(question()))
        return done(name)

    await kick_off(Plan(Depth.STANDARD, (stage("summary", reasons=True),)), step, desk_of)
    assert heard[0].points[0].quote == "Good evening"
    first, second, third = server.seen[0].body["messages"]
    assert first["role"] == "system"
    assert "Good evening 0." in second["content"]
    assert third["content"].startswith("You are Content analyst.")
    assert "Tell what is said in it in at most 3 points" in third["content"]
    assert "tools" not in server.seen[0].body


@pytest.mark.parametrize(
    ("fault", "said", "error"),
    [("401", "", ModelRefused), (None, "I would rather not.", AnswerInvalid)],
)
async def test_a_failure_reaches_the_stage_as_what_it_is(
    fault: str | None,
    said: str,
    error: type[LanguageModelError],
    server: ModelServer,
    desk_of: DeskOf,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.faults.extend([fault] * 4)  # type: ignore[list-item]
    server.say = lambda _: said
    raised: list[Exception] = []

    async def step(name: str, mind: Mind | None = None) -> StageOutcome:
        assert mind is not None
        try:
            await mind.ask(question())
        except LanguageModelError as failure:
            raised.append(failure)
        return done(name)

    await kick_off(Plan(Depth.STANDARD, (stage("summary", reasons=True),)), step, desk_of)
    assert [type(failure) for failure in raised] == [error]
    printed = capsys.readouterr()
    assert "╭" not in printed.out + printed.err


async def test_a_stage_that_is_given_up_gives_up_its_questions(
    server: ModelServer, desk_of: DeskOf
) -> None:
    server.latency = 0.5

    async def step(name: str, mind: Mind | None = None) -> StageOutcome:
        assert mind is not None
        asked = (mind.ask(question(n)) for n in range(40))
        try:
            async with asyncio.timeout(0.8):
                await asyncio.gather(*asked)
        except TimeoutError:
            pass
        return done(name)

    began = time.monotonic()
    await kick_off(Plan(Depth.STANDARD, (stage("summary", reasons=True),)), step, desk_of)
    await asyncio.sleep(1)
    assert len(server.seen) <= 3 * AT_ONCE
    assert time.monotonic() - began < 6


async def test_agents_that_wait_for_the_model_leave_threads_to_the_others(
    server: ModelServer, desk_of: DeskOf
) -> None:
    server.latency = 0.4
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(8 + 2 * AT_ONCE))
    finished: dict[str, float] = {}

    async def step(name: str, mind: Mind | None = None) -> StageOutcome:
        if mind is not None:
            await asyncio.gather(*(mind.ask(question(n)) for n in range(24)))
        else:
            for _ in range(5):
                await asyncio.to_thread(time.sleep, 0.01)
        finished[name] = time.monotonic()
        return done(name)

    of = Plan(
        Depth.STANDARD,
        (
            stage("summary", parallel=True, reasons=True),
            stage("memory_evidence", parallel=True),
            stage("briefing", "summary", "memory_evidence"),
        ),
    )
    await kick_off(of, step, desk_of)
    assert server.most <= AT_ONCE
    assert finished["summary"] - finished["memory_evidence"] > 1
