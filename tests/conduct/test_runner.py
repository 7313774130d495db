"""What one stage of a run does: reuse, keep, fail, skip, time out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from ultimate_discord_intelligence_bot.errors import (
    NotFound,
    StageCrashed,
    StageTimedOut,
    TranscriptionError,
)
from ultimate_discord_intelligence_bot.events import EventStream, Progress, StageEvent
from ultimate_discord_intelligence_bot.inputs import Inputs
from ultimate_discord_intelligence_bot.models.artifact import Artifact
from ultimate_discord_intelligence_bot.models.media import Locator
from ultimate_discord_intelligence_bot.plans import Phase, Plan, Resource, Stage
from ultimate_discord_intelligence_bot.runner import StageRunner, Work
from ultimate_discord_intelligence_bot.runs import Run
from ultimate_discord_intelligence_bot.settings import Depth, Settings


class Note(Artifact):
    text: str


def stage(name: str, *, deadline: float = 5.0, critical: bool = False, **reads: object) -> Stage:
    return Stage(name, Phase.ANALYSIS, Resource.CPU, deadline, critical=critical, **reads)  # type: ignore[arg-type]


FIRST = stage("first", critical=True)
SECOND = stage("second", needs=("first",))
THIRD = stage("third", needs=("second",))
LAST = stage("last", needs=("first",), uses=("second", "third"))


class Desk:
    """A run of four stages that write notes, and a count of how often each was really done."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.done: list[str] = []
        self.events: list[StageEvent] = []
        self.failing: dict[str, Exception] = {}
        self.parameters: dict[str, str] = {}
        self.holds: Callable[[Note], bool] = lambda note: True

    def runner(
        self, *, fresh: bool = False, stages: tuple[Stage, ...] | None = None
    ) -> StageRunner:
        run = Run(Locator(kind="web", value="https://x/a"), Depth.DEEP, self.settings, fresh=fresh)
        plan = Plan(Depth.DEEP, stages or (FIRST, SECOND, THIRD, LAST))
        stream = EventStream()
        stream.subscribe(self.events.append)
        return StageRunner(run, plan, {s.name: self.work(s.name) for s in plan.stages}, stream)

    def work(self, name: str) -> Work:
        async def do(inputs: Inputs, progress: Progress) -> Note:
            self.done.append(name)
            progress(0.5, "half-way")
            if name in self.failing:
                raise self.failing[name]
            before = inputs.find("second", Note)
            return Note(text=f"{name} after {before.text if before else 'nothing'}")

        return Work(
            Note,
            do,
            made_from=lambda: {"parameter": self.parameters.get(name)},
            holds=self.holds,
            tells_missing=name == "last",
        )

    async def run(self, *, fresh: bool = False) -> StageRunner:
        runner = self.runner(fresh=fresh)
        for each in runner.plan.stages:
            await runner.run_stage(each.name)
        return runner


@pytest.fixture
def desk(settings: Settings) -> Desk:
    return Desk(settings)


async def test_a_second_run_finds_every_artifact(desk: Desk) -> None:
    first = await desk.run()
    desk.done.clear()
    second = await desk.run()
    assert desk.done == []
    assert {o.status for o in second.outcomes.values()} == {"reused"}
    assert second.artifact("last", Note) == first.artifact("last", Note)


async def test_a_fresh_run_does_everything_anew(desk: Desk) -> None:
    await desk.run()
    desk.done.clear()
    await desk.run(fresh=True)
    assert desk.done == ["first", "second", "third", "last"]


async def test_a_parameter_changes_its_stage_and_what_follows_only_if_the_result_changes(
    desk: Desk,
) -> None:
    await desk.run()
    desk.done.clear()
    desk.parameters["second"] = "new"
    await desk.run()
    assert desk.done == ["second"]


async def test_an_artifact_that_no_longer_holds_is_made_anew(desk: Desk) -> None:
    await desk.run()
    desk.done.clear()
    desk.holds = lambda note: not note.text.startswith("first")
    await desk.run()
    assert desk.done == ["first"]


def test_a_damaged_artifact_is_made_anew(desk: Desk, data_dir: Path) -> None:
    asyncio.run(desk.run())
    desk.done.clear()
    (damaged,) = data_dir.rglob("third-*.json")
    damaged.write_bytes(damaged.read_bytes()[:5])
    asyncio.run(desk.run())
    assert desk.done == ["third"]


async def test_a_failed_stage_is_missing_and_what_needs_it_is_skipped(desk: Desk) -> None:
    desk.failing["second"] = TranscriptionError("It was too quiet.", "Speak up.")
    runner = await desk.run()
    assert {name: o.status for name, o in runner.outcomes.items()} == {
        "first": "done",
        "second": "failed",
        "third": "skipped",
        "last": "done",
    }
    failed, skipped = runner.missing
    assert (failed.stage, failed.reason, failed.remedy) == (
        "second",
        "It was too quiet.",
        "Speak up.",
    )
    assert skipped.stage == "third"
    assert "second" in skipped.reason


async def test_a_failed_stage_is_tried_again_and_so_is_who_told_of_it(desk: Desk) -> None:
    desk.failing["second"] = TranscriptionError("It was too quiet.")
    await desk.run()
    desk.failing.clear()
    desk.done.clear()
    runner = await desk.run()
    assert desk.done == ["second", "third", "last"]
    assert runner.missing == ()


async def test_a_critical_stage_raises(desk: Desk) -> None:
    desk.failing["first"] = NotFound("Gone.")
    runner = desk.runner()
    with pytest.raises(NotFound, match=r"Gone\."):
        await runner.run_stage("first")


async def test_an_unforeseen_error_becomes_one_a_user_understands(desk: Desk) -> None:
    desk.failing["second"] = KeyError("oops")
    runner = await desk.run()
    (crashed, _) = runner.missing
    assert "KeyError" in crashed.reason
    assert crashed.remedy == StageCrashed.default_remedy


async def test_a_stage_is_given_up_at_its_deadline(desk: Desk) -> None:
    runner = desk.runner(stages=(stage("slow", deadline=0.05, critical=True),))

    async def sleep(inputs: Inputs, progress: Progress) -> Note:
        await asyncio.sleep(60)
        raise AssertionError("never reached")

    runner._work = {"slow": Work(Note, sleep)}
    with pytest.raises(StageTimedOut, match="slow"):
        await runner.run_stage("slow")


async def test_every_stage_tells_when_it_starts_and_ends(desk: Desk) -> None:
    await desk.run()
    kinds = [(e.stage, e.kind) for e in desk.events]
    assert kinds[:3] == [("first", "started"), ("first", "progress"), ("first", "finished")]
    assert [e.kind for e in desk.events if e.stage == "last"][-1] == "finished"
    assert all(e.seconds is not None for e in desk.events if e.kind == "finished")
    desk.events.clear()
    await desk.run()
    assert {e.kind for e in desk.events} == {"reused"}


async def test_a_subscriber_that_fails_harms_nobody(desk: Desk) -> None:
    runner = desk.runner()

    def broken(event: StageEvent) -> None:
        raise RuntimeError("subscriber")

    runner._events.subscribe(broken)
    assert (await runner.run_stage("first")).status == "done"


async def test_the_phase_lasts_from_its_first_start_to_its_last_end(desk: Desk) -> None:
    runner = await desk.run()
    (seconds,) = runner.phases().values()
    assert seconds >= sum(o.seconds for o in runner.outcomes.values()) * 0.5
