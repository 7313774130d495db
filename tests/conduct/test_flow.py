"""Without barriers: each stage begins when what it reads is there, and some work ahead."""

# ruff: noqa: ASYNC110 - what happens is written down by the stages themselves

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from ultimate_discord_intelligence_bot.errors import NotFound, TranscriptionError
from ultimate_discord_intelligence_bot.events import EventStream, Progress
from ultimate_discord_intelligence_bot.flow import Flow
from ultimate_discord_intelligence_bot.inputs import Inputs
from ultimate_discord_intelligence_bot.llm import Mind
from ultimate_discord_intelligence_bot.models.artifact import Artifact
from ultimate_discord_intelligence_bot.models.media import Locator
from ultimate_discord_intelligence_bot.plans import Phase, Plan, Resource, Stage
from ultimate_discord_intelligence_bot.runner import StageOutcome, StageRunner, Work
from ultimate_discord_intelligence_bot.runs import Run
from ultimate_discord_intelligence_bot.settings import Depth, Settings
from ultimate_discord_intelligence_bot.streams import Streams

Do = Callable[[Inputs, Progress], Awaitable[Artifact]]
Ahead = Callable[[Streams], Awaitable[None]]


class Note(Artifact):
    text: str = ""


def stage(name: str, *reads: str, critical: bool = False, uses: tuple[str, ...] = ()) -> Stage:
    phase, resource = Phase.ANALYSIS, Resource.IO
    return Stage(name, phase, resource, 10.0, needs=reads, uses=uses, critical=critical)


class Story:
    """Stages that do what they are told, and what happened in which order."""

    def __init__(self, settings: Settings, *stages: Stage) -> None:
        self.plan = Plan(Depth.STANDARD, stages)
        self.run = Run(Locator(kind="web", value="https://x/a"), Depth.STANDARD, settings)
        self.happened: list[str] = []
        self.gates = {name: asyncio.Event() for name in self.plan.names}
        self.works = {
            name: Work(Note, self.doing(name), tells_missing=name == "last")
            for name in self.plan.names
        }
        self.minds: dict[str, Mind] = {}

    def doing(self, name: str) -> Do:
        async def do(inputs: Inputs, progress: Progress) -> Note:
            self.happened.append(f"{name} begins")
            try:
                await self.gates[name].wait()
            except asyncio.CancelledError:
                await asyncio.sleep(0.01)
                self.happened.append(f"{name} cleaned up")
                raise
            self.happened.append(f"{name} ends")
            return Note(text=name)

        return do

    def fails(self, name: str, error: Exception) -> None:
        async def do(inputs: Inputs, progress: Progress) -> Note:
            raise error

        self.works[name] = replace(self.works[name], do=do)

    def works_ahead(self, name: str, ahead: Ahead) -> None:
        self.works[name] = replace(self.works[name], ahead=ahead)

    def open(self, *names: str) -> None:
        for name in names or self.plan.names:
            self.gates[name].set()

    @asynccontextmanager
    async def flow(self) -> AsyncIterator[Flow]:
        runner = StageRunner(self.run, self.plan, self.works, EventStream())

        async def run_stage(name: str, mind: Mind | None) -> StageOutcome:
            return await runner.run_stage(name, mind)

        async with Flow(runner, run_stage, self.minds) as flow:
            yield flow

    async def until(self, what: str) -> None:
        async with asyncio.timeout(5):
            while what not in self.happened:
                await asyncio.sleep(0.001)


async def ended(flow: Flow, story: Story) -> Mapping[str, str]:
    async with asyncio.timeout(5):
        return {name: (await flow.outcome(name)).status for name in story.plan.names}


def others() -> set[str]:
    """The tasks of this loop besides the one that asks."""
    return {str(task) for task in asyncio.all_tasks() - {asyncio.current_task()}}


async def test_a_stage_begins_when_what_it_reads_is_there_and_waits_for_nobody_else(
    settings: Settings,
) -> None:
    story = Story(settings, stage("one"), stage("slow"), stage("two", "one"), stage("three", "two"))
    async with story.flow() as flow:
        story.open("one", "two", "three")
        await flow.outcome("three")
        assert "slow ends" not in story.happened
        story.open("slow")
        assert set((await ended(flow, story)).values()) == {"done"}
    order = [story.happened.index(f"{name} begins") for name in ("one", "two", "three")]
    assert order == sorted(order)


async def test_what_is_used_is_waited_for_too(settings: Settings) -> None:
    story = Story(settings, stage("one"), stage("two", uses=("one",)))
    async with story.flow() as flow:
        await story.until("one begins")
        assert "two begins" not in story.happened
        story.open()
        await ended(flow, story)
    assert story.happened.index("one ends") < story.happened.index("two begins")


async def test_who_tells_what_is_missing_waits_for_everybody(settings: Settings) -> None:
    story = Story(settings, stage("one"), stage("slow"), stage("last", "one"))
    async with story.flow() as flow:
        story.open("one", "last")
        await story.until("one ends")
        await asyncio.sleep(0.05)
        assert "last begins" not in story.happened
        story.open("slow")
        await ended(flow, story)


async def test_one_works_ahead_on_what_another_tells(settings: Settings) -> None:
    story = Story(settings, stage("talks"), stage("hears", "talks"))
    heard: list[int] = []

    async def talk(inputs: Inputs, progress: Progress) -> Note:
        for number in range(3):
            inputs.streams["talks"].tell(number)
            await asyncio.sleep(0.01)
        story.happened.append(f"talked, {heard} were heard")
        return Note()

    async def hear(streams: Streams) -> None:
        async for parts in streams["talks"].heard():
            heard.extend(parts)

    story.works["talks"] = Work(Note, talk)
    story.works_ahead("hears", hear)
    story.open()
    async with story.flow() as flow:
        await ended(flow, story)
    assert story.happened == ["talked, [0, 1, 2] were heard", "hears begins", "hears ends"]


async def test_a_stage_begins_only_when_its_work_ahead_has_ended(settings: Settings) -> None:
    story = Story(settings, stage("one"), stage("two", "one"))
    goes_on = asyncio.Event()

    async def ahead(streams: Streams) -> None:
        await goes_on.wait()
        story.happened.append("ahead")

    story.works_ahead("two", ahead)
    story.open()
    async with story.flow() as flow:
        await flow.outcome("one")
        await asyncio.sleep(0.02)
        assert "two begins" not in story.happened
        goes_on.set()
        await ended(flow, story)
    assert story.happened.index("ahead") < story.happened.index("two begins")


async def test_work_ahead_that_fails_is_done_in_its_time(settings: Settings) -> None:
    story = Story(settings, stage("one"), stage("two", "one"))

    async def ahead(streams: Streams) -> None:
        raise RuntimeError("too early")

    story.works_ahead("two", ahead)
    story.open()
    async with story.flow() as flow:
        assert await ended(flow, story) == {"one": "done", "two": "done"}


async def test_who_listens_to_a_stage_that_was_done_before_hears_its_end(
    settings: Settings,
) -> None:
    story = Story(settings, stage("talks"), stage("hears", "talks"))

    async def hear(streams: Streams) -> None:
        async for _ in streams["talks"].heard():
            raise AssertionError("nothing was told")
        story.happened.append("the end was heard")

    story.works_ahead("hears", hear)
    story.open()
    for _ in range(2):
        async with story.flow() as flow:
            statuses = await ended(flow, story)
    assert set(statuses.values()) == {"reused"}
    assert story.happened.count("the end was heard") == 2


async def test_an_optional_stage_that_fails_stops_only_those_that_need_it(
    settings: Settings,
) -> None:
    story = Story(settings, stage("one"), stage("two", "one"), stage("last", uses=("one", "two")))
    story.fails("one", TranscriptionError("It was too quiet."))
    story.open()
    async with story.flow() as flow:
        assert await ended(flow, story) == {"one": "failed", "two": "skipped", "last": "done"}


async def test_a_critical_stage_that_fails_fails_all_that_wait_for_it(settings: Settings) -> None:
    story = Story(settings, stage("one", critical=True), stage("two", "one"), stage("slow"))
    story.fails("one", NotFound("Gone."))
    async with story.flow() as flow:
        for name in ("one", "two"):
            with pytest.raises(NotFound, match=r"Gone\."):
                await flow.outcome(name)
        await story.until("slow begins")
    assert story.happened == ["slow begins", "slow cleaned up"]
    assert others() == set()


async def test_nobody_who_listens_in_vain_outlives_it(settings: Settings) -> None:
    story = Story(settings, stage("one", critical=True), stage("two", "one"), stage("three", "two"))

    async def ahead(streams: Streams) -> None:
        try:
            async for _ in streams["two"].heard():
                pass
        finally:
            story.happened.append("listens no more")

    story.fails("one", NotFound("Gone."))
    story.works_ahead("three", ahead)
    async with story.flow() as flow:
        with pytest.raises(NotFound):
            await flow.outcome("three")
    assert story.happened == ["listens no more"]
    assert others() == set()


@pytest.mark.filterwarnings("error::RuntimeWarning")
async def test_what_is_left_at_once_has_begun_nothing(settings: Settings) -> None:
    story = Story(settings, stage("one"), stage("two", "one"))
    async with story.flow():
        pass
    assert story.happened == []
    assert others() == set()


async def test_cancelling_whoever_waits_ends_everything_and_waits_for_its_clean_up(
    settings: Settings,
) -> None:
    story = Story(settings, stage("one"), stage("two"), stage("three", "one"))

    async def wait() -> None:
        async with story.flow() as flow:
            await flow.outcome("three")

    waiting = asyncio.create_task(wait())
    await story.until("two begins")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert {"one cleaned up", "two cleaned up"} <= set(story.happened)
    assert others() == set()


async def test_cancelling_one_who_waits_does_not_stop_the_stage(settings: Settings) -> None:
    story = Story(settings, stage("one"))
    async with story.flow() as flow:
        waiting = asyncio.create_task(flow.outcome("one"))
        await story.until("one begins")
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        story.open()
        assert await ended(flow, story) == {"one": "done"}


async def test_every_stage_has_its_own_mind(settings: Settings) -> None:
    class Thinker:
        context = 1

        async def ask(self, question: object) -> object:
            raise NotImplementedError

    story = Story(settings, stage("one"), stage("two"))
    mind = Thinker()
    given: list[object] = []

    async def do(inputs: Inputs, progress: Progress) -> Note:
        given.append(inputs.mind)
        return Note()

    story.works["one"] = story.works["two"] = Work(Note, do)
    story.minds["two"] = mind  # type: ignore[assignment]
    async with story.flow() as flow:
        await ended(flow, story)
    assert given == [None, mind]
