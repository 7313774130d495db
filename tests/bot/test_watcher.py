"""Messages show how their jobs stand, and what a job uses is counted as soon as it is known."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import create_engine, text

from ultimate_discord_intelligence_bot.discord_bot import watcher as module
from ultimate_discord_intelligence_bot.discord_bot.delivery import Delivery, Fate
from ultimate_discord_intelligence_bot.discord_bot.desk import Asker, Desk, Order
from ultimate_discord_intelligence_bot.discord_bot.editor import Editor
from ultimate_discord_intelligence_bot.discord_bot.library import Library
from ultimate_discord_intelligence_bot.discord_bot.phases import phases_of
from ultimate_discord_intelligence_bot.discord_bot.quotas import Quotas
from ultimate_discord_intelligence_bot.discord_bot.records import Records
from ultimate_discord_intelligence_bot.discord_bot.rules import Rules
from ultimate_discord_intelligence_bot.discord_bot.screens import Screen
from ultimate_discord_intelligence_bot.discord_bot.watch import Watch
from ultimate_discord_intelligence_bot.discord_bot.watcher import Watcher
from ultimate_discord_intelligence_bot.errors import JobsUnreachable, QuotaReached
from ultimate_discord_intelligence_bot.events import EventStream
from ultimate_discord_intelligence_bot.jobs.board import Board
from ultimate_discord_intelligence_bot.jobs.database import url_of
from ultimate_discord_intelligence_bot.jobs.job import Done, Job
from ultimate_discord_intelligence_bot.jobs.progress import Doing, Panel, Progress
from ultimate_discord_intelligence_bot.settings import Depth, Settings, load_settings

ANN, BEN = Asker(1, 7, 70), Asker(2, 7, 70)
LINK = "https://talks.example/ants"


class Paper:
    """In place of Discord: what each message was last made to show."""

    def __init__(self) -> None:
        self.shown: dict[int, Screen] = {}
        self.edits = 0
        self.fate = Fate.SHOWN

    async def edit(self, watch: Watch, screen: Screen, *, final: bool) -> Fate:
        self.edits += 1
        if self.fate is Fate.SHOWN:
            self.shown[watch.message] = screen
        return self.fate

    def says(self, message: int) -> str:
        screen = self.shown.get(message)
        parts = (
            [(each.title or "") + (each.description or "") for each in screen.embeds]
            if screen
            else []
        )
        return " ".join(parts)


class Scene:
    """A watcher with all that it needs, and no worker."""

    def __init__(self, settings: Settings, board: Board, records: Records) -> None:
        self.settings, self.board, self.records = settings, board, records
        self.ahead = 0.0
        self.quotas = Quotas(records, settings, clock=self.now)
        self.desk = Desk(settings, board, records, self.quotas, clock=self.now)
        self.paper = Paper()
        self.watcher = self.another()

    def another(self) -> Watcher:
        """A watcher as after a restart."""
        return Watcher(
            self.settings,
            self.board,
            self.records,
            self.quotas,
            Library(self.settings),
            cast("Delivery", self.paper),
            clock=self.now,
            pause=0.01,
        )

    def now(self) -> float:
        return time.time() + self.ahead

    def ask(self, message: int, asker: Asker = ANN, url: str = LINK) -> str:
        ticket = self.desk.accept(Order(url), asker, f"token-{message}")
        self.watcher.add(self.desk.begin(ticket, message))
        return ticket.name

    def left(self, asker: Asker = ANN) -> tuple[float, float]:
        """Runs and minutes that somebody may still use."""
        left = self.quotas.left(asker.user, asker.guild, Rules())[0]
        return left.runs, left.minutes

    def stands(self, name: str, status: str) -> None:
        """Let a job be as a worker would have left it."""
        self._say(
            "UPDATE workflow_status SET status = :status, recovery_attempts = 1"
            " WHERE workflow_uuid = :name",
            status=status,
            name=name,
        )

    def _say(self, statement: str, **values: object) -> None:
        engine = create_engine(url_of(self.settings))
        with engine.begin() as connection:
            connection.execute(text(statement), values)
        engine.dispose()

    @asynccontextmanager
    async def watching(self, watcher: Watcher | None = None) -> AsyncIterator[None]:
        task = asyncio.create_task((watcher or self.watcher).run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            await (watcher or self.watcher).close()

    async def until(self, condition: Callable[[], Any]) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, {m: self.paper.says(m) for m in self.paper.shown}
            await asyncio.sleep(0.01)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, Board]]:
    settings = load_settings(
        AUTOINTEL_DATA_DIR=tmp_path_factory.mktemp("watcher"),
        AUTOINTEL_DISCORD_USER_QUOTA="runs=5,minutes=10,dollars=",
    )
    with Board(settings) as board:
        yield settings, board


@pytest.fixture
def scene(
    shared: tuple[Settings, Board], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scene]:
    monkeypatch.setattr(module, "Editor", partial(Editor[int], every=0.0, gap=0.0))
    settings, board = shared
    with Records(tmp_path / "discord.sqlite") as records:
        yield Scene(settings, board, records)
    board.delete([view.id for view in board.look()])


async def measured(scene: Scene, name: str, minutes: float) -> None:
    """A worker tells how long a recording is, until the watcher has heard it."""
    scene.stands(name, "PENDING")
    done = Done(stage="acquisition", status="done", artifact=None, seconds=1.0)
    with Panel(scene.settings, "worker") as panel, panel.gauge(name, EventStream()) as gauge:
        gauge.ended(done, "Ants", minutes)
        await scene.until(lambda: name in scene.watcher._measured)


async def test_minutes_are_charged_as_soon_as_they_are_known(scene: Scene) -> None:
    name = scene.ask(1)
    async with scene.watching():
        await measured(scene, name, 4.0)
        assert scene.left() == (4, 6.0)


async def test_a_recording_that_is_too_long_ends_its_run_and_says_why(scene: Scene) -> None:
    name = scene.ask(1)
    async with scene.watching():
        await measured(scene, name, 11.0)
        await scene.until(lambda: "11 minutes" in scene.paper.says(1))
        assert "You have used 0 of 10 minutes" in scene.paper.says(1)
        [view] = scene.board.look(ids=[name])
        assert view.status == "cancelled"
        await scene.until(lambda: scene.left() == (4, 10.0))


async def test_a_run_without_a_message_is_charged_all_the_same(scene: Scene) -> None:
    name = scene.ask(1)
    async with scene.watching():
        await scene.until(lambda: 1 in scene.paper.shown)
        scene.records.end([1])
        scene.watcher.drop([1])
        await measured(scene, name, 4.0)
        assert scene.left() == (4, 6.0)


async def test_whoever_takes_back_a_run_that_has_begun_has_used_it(scene: Scene) -> None:
    begun, waiting = scene.ask(1), scene.ask(2, url=f"{LINK}-2")
    async with scene.watching():
        await measured(scene, begun, 4.0)
        for name in (begun, waiting):
            assert scene.desk.cancel(name, ANN) == "cancelled"
        await scene.until(lambda: "ancelled" in scene.paper.says(1))
        await scene.until(lambda: "ancelled" in scene.paper.says(2))
    assert scene.left() == (4, 6.0)


async def test_what_was_reserved_and_never_begun_is_given_back_after_a_restart(
    scene: Scene,
) -> None:
    scene.desk.accept(Order(LINK), ANN, "token")
    assert scene.left()[0] == 4
    async with scene.watching(scene.another()):
        await scene.until(lambda: scene.left()[0] == 5)


async def test_a_job_that_is_not_on_the_board_is_given_up_after_a_minute(scene: Scene) -> None:
    name = scene.ask(1)
    scene.board.delete([name])
    async with scene.watching():
        scene.ask(2, url=f"{LINK}-2")
        await scene.until(lambda: 2 in scene.paper.shown)
        assert 1 not in scene.paper.shown
        scene.ahead += 61
        await scene.until(lambda: "was not kept" in scene.paper.says(1))
    assert scene.left()[0] == 4


async def test_a_parked_job_says_so_and_can_be_tried_again(scene: Scene) -> None:
    name = scene.ask(1)
    scene.stands(name, "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
    async with scene.watching():
        await scene.until(lambda: "Every process that tried this run died" in scene.paper.says(1))
    assert next(b.label for row in scene.paper.shown[1].rows for b in row) == "Try again"
    assert scene.records.watches() == []


async def test_old_messages_are_edited_seldom(scene: Scene) -> None:
    scene.ask(1)
    scene.ahead += 3600
    async with scene.watching():
        await scene.until(lambda: scene.paper.edits == 1)
        for message in range(2, 5):  # each changes its place in the line
            scene.ask(message, BEN, url=f"{LINK}-{message}")
            await scene.until(partial(scene.paper.shown.__contains__, message))
        first = scene.watcher._quiet[1]
        assert 0 < first - scene.now() <= 300
        scene.ahead += 301
        await scene.until(lambda: scene.watcher._quiet[1] > first)
        assert set(scene.watcher._quiet) == {1}


async def test_a_result_that_nobody_takes_is_offered_until_somebody_does(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_GIVEN_UP_S", 0.05)
    name = scene.ask(1)
    scene.paper.fate = Fate.LATER
    scene.stands(name, "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
    async with scene.watching():
        await scene.until(lambda: scene.paper.edits)
        await asyncio.sleep(0.2)
        assert [watch.message for watch in scene.records.watches()] == [1]
        scene.paper.fate = Fate.SHOWN
        await scene.until(lambda: not scene.records.watches())
    assert "died" in scene.paper.says(1)


@pytest.mark.parametrize("error", [JobsUnreachable("They are away."), ValueError("a defect")])
async def test_it_goes_on_after_the_board_was_away(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def away(**_: object) -> Any:
        raise error

    scene.ask(1)
    async with scene.watching():
        with monkeypatch.context() as broken:
            broken.setattr(scene.board, "look", away)
            await scene.until(lambda: scene.watcher.problem)
        await scene.until(lambda: scene.watcher.problem is None)
        await scene.until(lambda: 1 in scene.paper.shown)


async def test_minutes_cannot_be_had_twice_at_the_same_moment(scene: Scene) -> None:
    one, other = scene.ask(1), scene.ask(2, url=f"{LINK}-2")
    results = await asyncio.gather(
        *(asyncio.to_thread(scene.quotas.measure, name, 6.0) for name in (one, other))
    )
    assert sum(isinstance(each, QuotaReached) for each in results) == 1


# -- phases ---------------------------------------------------------------------------------------


def test_a_phase_runs_from_its_first_stage_to_its_last(settings: Settings) -> None:
    job = Job(url=LINK, depth=Depth.STANDARD, tenant="t")
    now = datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)
    since = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
    known = Progress(
        done={"acquisition": Done(stage="acquisition", status="done", artifact="a", seconds=7.0)},
        doing={"transcription": Doing(since=since, fraction=0.5, note="half of it")},
    )
    before = phases_of(job, None, settings)
    assert {phase.state for phase in before} == {"waiting"}
    states = {state.phase.value: state for state in phases_of(job, known, settings, now)}
    acquisition, transcription, *later = states.values()
    assert (acquisition.state, acquisition.seconds) == ("done", 7.0)
    assert (transcription.state, transcription.seconds) == ("running", 30.0)
    assert transcription.note == "half of it"
    assert {state.state for state in later} == {"waiting"}


@pytest.mark.parametrize(
    ("status", "shown"),
    [("done", "done"), ("reused", "reused"), ("failed", "incomplete"), ("skipped", "incomplete")],
)
def test_a_phase_is_as_good_as_its_stages(status: Any, shown: str, settings: Settings) -> None:
    job = Job(url=LINK, depth=Depth.STANDARD, tenant="t")
    done = Done(stage="acquisition", status=status, artifact=None, seconds=1.0)
    first = phases_of(job, Progress(done={"acquisition": done}), settings)[0]
    assert first.state == shown
