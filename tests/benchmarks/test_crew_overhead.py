"""What the crew itself costs, and how close it comes to the critical path."""

from __future__ import annotations

import asyncio
import random
import statistics

import pytest

from tests.benchmarks.figures import Figures
from tests.benchmarks.measure import interleave
from ultimate_discord_intelligence_bot.crew_builders import Step, build_intelligence_crew
from ultimate_discord_intelligence_bot.plans import Flags, Plan, plan
from ultimate_discord_intelligence_bot.runner import StageOutcome
from ultimate_discord_intelligence_bot.settings import Depth

pytestmark = pytest.mark.benchmark

DEEP = plan(Depth.COMPREHENSIVE, Flags())
OFF = Flags(analysis=False, fact_checking=False, memory_ops=False)


class Recorder:
    """A step that sleeps as long as it is told and notes that it ran."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds = seconds
        self.ran: set[str] = set()

    async def __call__(self, name: str, mind: object = None) -> StageOutcome:
        await asyncio.sleep(self.seconds.get(name, 0.0))
        self.ran.add(name)
        return StageOutcome(stage=name, status="done", seconds=0.0)


def crew(of: Plan, step: Recorder) -> set[str]:
    asyncio.run(_kick_off(of, step))
    return step.ran


async def _kick_off(of: Plan, step: Step) -> None:
    await build_intelligence_crew(of, step).akickoff()


def bare(of: Plan, step: Recorder) -> set[str]:
    async def waves() -> None:
        for wave in of.waves():
            await asyncio.gather(*(step(stage.name) for stage in wave))

    asyncio.run(waves())
    return step.ran


def test_a_crew_of_empty_stages_costs_at_most_half_a_second(figures: Figures) -> None:
    count = len(DEEP.stages)
    seconds, ran = interleave(
        {
            "plain asyncio": lambda: bare(DEEP, Recorder({})),
            "crew": lambda: crew(DEEP, Recorder({})),
        },
        rounds=15,
    )
    figures.compare(f"A crew of {count} empty stages", seconds)
    assert ran["crew"] == ran["plain asyncio"]
    overhead = statistics.median(seconds["crew"]) - statistics.median(seconds["plain asyncio"])
    figures.note("overhead of the crew", overhead * 1000, "ms", most=500)
    figures.note("overhead of the crew a task", overhead / count * 1000, "ms")


def test_a_crew_of_sleeping_stages_takes_the_critical_path_plus_its_overhead(
    figures: Figures,
) -> None:
    deepest = plan(Depth.EXPERIMENTAL, Flags())
    sequential = plan(Depth.EXPERIMENTAL, OFF)
    chance = random.Random(7)
    sleeps = {stage.name: chance.uniform(0.1, 0.4) for stage in deepest.stages}
    seconds, ran = interleave(
        {
            "all flags off": lambda: crew(sequential, Recorder(sleeps)),
            "all flags on": lambda: crew(deepest, Recorder(sleeps)),
            "crew alone (empty stages)": lambda: crew(deepest, Recorder({})),
        },
        rounds=3,
    )
    figures.compare(
        "A crew of sleeping stages, experimental",
        seconds,
        watch={"all flags on": "all flags off"},
    )
    path = deepest.critical_path(sleeps)
    figures.note("critical path", path, "s")
    figures.note("work", sum(sleeps.values()), "s")
    assert ran["all flags on"] == ran["all flags off"]
    overhead = statistics.median(seconds["crew alone (empty stages)"])
    beyond = (statistics.median(seconds["all flags on"]) - overhead) / path
    figures.note("all flags on, less the crew / the critical path", beyond, "", most=1.1)
