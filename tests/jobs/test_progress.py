"""What can be seen of jobs from another process: how far they are, who waits, who works."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.jobs.conftest import Process, all_ended, job_of, put, talk, wait_for
from tests.postgres_server import POSTGRES_MARKS, Postgres
from tests.simulation import simulated
from ultimate_discord_intelligence_bot.errors import JobUnknown
from ultimate_discord_intelligence_bot.events import EventStream, Kind, StageEvent
from ultimate_discord_intelligence_bot.jobs.board import Board
from ultimate_discord_intelligence_bot.jobs.database import url_of
from ultimate_discord_intelligence_bot.jobs.job import Done, Job, JobView, Outcome
from ultimate_discord_intelligence_bot.jobs.lease import alive
from ultimate_discord_intelligence_bot.jobs.progress import Gauge, Panel, Progress
from ultimate_discord_intelligence_bot.jobs.worker import Worker
from ultimate_discord_intelligence_bot.settings import Depth, Settings, load_settings

Start = Callable[..., Process]
ACQUIRED = Done(stage="acquisition", status="done", artifact="abc", seconds=2.5)


def event(stage: str, kind: Kind, fraction: float | None = None, message: str = "") -> StageEvent:
    return StageEvent("run", "phase", stage, kind, message=message, fraction=fraction)


def until(true: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.remove()


@pytest.fixture
def board(settings: Settings) -> Iterator[Board]:
    with Board(settings) as opened:
        yield opened


# -- one job ---------------------------------------------------------------------------------


def test_a_gauge_shows_what_its_run_emits_and_passes_it_on() -> None:
    heard, everything = list[StageEvent](), EventStream()
    everything.subscribe(heard.append)
    gauge = Gauge(everything)
    gauge.events.emit(event("acquisition", "started"))
    gauge.events.emit(event("acquisition", "progress", 0.5, "downloading"))
    now = gauge.news()
    assert now
    doing = now.doing["acquisition"]
    assert (doing.fraction, doing.note) == (0.5, "downloading")
    gauge.ended(ACQUIRED, "Bees", 12.0)
    now = gauge.news()
    assert now == Progress(title="Bees", minutes=12.0, done={"acquisition": ACQUIRED})
    assert [each.kind for each in heard] == ["started", "progress"]


def test_a_gauge_tells_everything_once() -> None:
    gauge = Gauge(EventStream())
    assert gauge.news() == Progress()
    assert gauge.news() is None
    gauge.forget()
    assert gauge.news() == Progress()


def test_what_a_stage_says_after_its_end_is_not_shown() -> None:
    gauge = Gauge(EventStream())
    gauge.began("acquisition")
    gauge.ended(ACQUIRED, "Bees", None)
    gauge.events.emit(event("acquisition", "progress", 0.9, "downloading"))
    now = gauge.news()
    assert now
    assert now.doing == {}


def test_progress_comes_back_from_its_document() -> None:
    gauge = Gauge(EventStream())
    gauge.ended(ACQUIRED, "Bees", 12.0)
    gauge.began("transcription", "on another machine")
    now = gauge.news()
    assert now
    assert Progress.model_validate_json(now.model_dump_json()) == now


# -- across processes ------------------------------------------------------------------------


def test_a_job_is_followed_while_it_is_done(board: Board, settings: Settings) -> None:
    job = Job(url="https://example.org/bees", depth=Depth.STANDARD, tenant="local")
    job_id = board.put(job, "b-bees")
    assert board.progress([job_id]) == {}
    seen = list[Progress]()

    def in_transcription() -> bool:
        seen.extend(board.progress([job_id, "another"]).values())
        return bool(seen) and "transcription" in seen[-1].doing

    with simulated({"transcription": 6.0}), Worker(settings):
        until(in_transcription)
        [view] = wait_for(board, all_ended)
        until(lambda: not board.progress([job_id]))
    now = seen[-1]
    assert now.title == "Of https://example.org/bees"
    assert list(now.done) == ["acquisition"]
    assert now.done["acquisition"] == board.stages(job_id)[0]
    assert list(now.doing) == ["transcription"]
    assert view.outcome
    assert view.outcome.minutes == pytest.approx(4 / 60)
    assert view.outcome.dollars == 0.0


def test_a_stage_may_speak_at_any_rate(settings: Settings, board: Board) -> None:
    with Panel(settings, "ours") as panel, panel.gauge("j", EventStream()) as gauge:
        gauge.began("acquisition")
        for number in range(10_000):
            gauge.events.emit(event("acquisition", "progress", number / 10_000))
        until(lambda: board.progress(["j"]))
        assert board.progress(["j"])["j"].doing["acquisition"].fraction == 0.9999
    assert board.progress(["j"]) == {}


def test_what_another_worker_shows_of_a_job_stays(settings: Settings, board: Board) -> None:
    """A worker that had been thought dead comes back, and gives up what was taken over."""
    with Panel(settings, "new") as new, new.gauge("j", EventStream()) as gauge:
        with Panel(settings, "old") as old, old.gauge("j", EventStream()):
            until(lambda: board.progress(["j"]))
            gauge.ended(ACQUIRED, "Bees", None)
            until(lambda: board.progress(["j"])["j"].title)
        assert board.progress(["j"])["j"].title == "Bees"


def test_after_a_crash_the_next_worker_goes_on_showing_it(
    board: Board, settings: Settings, tmp_path: Path
) -> None:
    job_id = put(board, talk(tmp_path, "bees"))
    with Panel(settings, "dead") as panel, panel.gauge(job_id, EventStream()) as gauge:
        gauge.ended(ACQUIRED.model_copy(update={"stage": "another"}), "Of the dead", None)
        until(lambda: board.progress([job_id]))
        with simulated({"transcription": 6.0}), Worker(settings):
            until(lambda: "acquisition" in board.progress([job_id])[job_id].done)
            assert "another" not in board.progress([job_id])[job_id].done
            wait_for(board, all_ended)


def test_a_database_that_is_away_stops_no_run(settings: Settings, board: Board) -> None:
    with Panel(settings, "ours") as panel, panel.gauge("j", EventStream()) as gauge:
        engine = create_engine(url_of(settings))
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE autointel_progress RENAME TO away"))
        gauge.began("acquisition")
        until(lambda: panel.away)
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE away RENAME TO autointel_progress"))
        until(lambda: board.progress(["j"]))
        assert "acquisition" in board.progress(["j"])["j"].doing
        assert not panel.away
        engine.dispose()


# -- what is there ---------------------------------------------------------------------------


def test_those_that_wait_are_listed_in_the_order_in_which_they_begin(board: Board) -> None:
    for name, priority in (("ants", 50), ("bees", 90), ("cats", 10), ("dogs", 50)):
        job = Job(url=f"https://example.org/{name}", depth=Depth.DEEP, tenant="local")
        board.put(job, name, priority=priority)
    assert board.waiting() == ["cats", "ants", "dogs", "bees"]
    assert board.waiting(limit=2) == ["cats", "ants"]
    assert board.counts() == {"waiting": 4, "running": 0}
    board.cancel(["ants"])
    assert board.waiting() == ["cats", "dogs", "bees"]
    assert board.counts() == {"waiting": 3, "running": 0}


def test_those_that_run_are_counted(board: Board, settings: Settings) -> None:
    job = Job(url="https://example.org/bees", depth=Depth.STANDARD, tenant="local")
    board.put(job, "b-bees")
    with simulated({"transcription": 2.0}), Worker(settings):
        until(lambda: board.counts() == {"waiting": 0, "running": 1})
        assert board.waiting() == []
        wait_for(board, all_ended)
        assert board.counts() == {"waiting": 0, "running": 0}


def test_what_is_typical_is_the_median_of_those_for_which_something_was_done(
    board: Board, settings: Settings
) -> None:
    def do(*names: str, depth: Depth = Depth.STANDARD) -> list[JobView]:
        for name in names:
            job = Job(url=f"https://example.org/{name}", depth=depth, tenant="local")
            board.put(job, f"{len(list(board.look()))}-{name}")
        return wait_for(board, all_ended)

    with simulated(), Worker(settings):
        do("ants", "bees", depth=Depth.DEEP)
        assert board.typical(Depth.DEEP) is None
        do("cats", depth=Depth.DEEP)
        assert board.typical(Depth.STANDARD) is None
        seconds = sorted(view.outcome.seconds for view in board.look() if view.outcome)
        assert board.typical(Depth.DEEP) == seconds[1]
        views = do("cats", depth=Depth.DEEP)
    assert [view.outcome.reused for view in views if view.outcome] == [False] * 3 + [True]
    assert board.typical(Depth.DEEP) == seconds[1]


def test_jobs_are_forgotten_with_how_far_they_were(settings: Settings, board: Board) -> None:
    for name in ("ants", "bees"):
        job = Job(url=f"https://example.org/{name}", depth=Depth.DEEP, tenant="local")
        board.put(job, name)
    with Panel(settings, "ours") as panel, panel.gauge("ants", EventStream()):
        until(lambda: board.progress(["ants"]))
        board.delete(["ants", "nobody"])
        assert board.progress(["ants"]) == {}
    assert [view.id for view in board.look()] == ["bees"]
    with pytest.raises(JobUnknown):
        board.one("ants")


# -- options of a job ------------------------------------------------------------------------


def test_what_was_stored_before_there_were_options_can_be_read() -> None:
    old = Job.model_validate({"url": "https://e.org", "depth": "deep", "tenant": "local"})
    assert (old.speakers, old.language, old.most_minutes, old.most_dollars) == (False, *[None] * 3)
    document = {"status": "complete", "run_id": "r", "title": "t", "out": "/o", "seconds": 1.0}
    assert Outcome.model_validate(document).minutes == 0.0


def test_a_job_may_ask_for_less_than_the_settings_allow_and_never_for_more(
    data_dir: Path,
) -> None:
    settings = load_settings(AUTOINTEL_DATA_DIR=data_dir, AUTOINTEL_LLM_BUDGET="deep=1,standard=2")
    job = Job(url="https://example.org/a", depth=Depth.DEEP, tenant="guild")
    with Worker(settings) as worker:
        applied = worker.settings_for(job)
        assert applied == settings.model_copy(update={"tenant": "guild"})
        less = {"most_minutes": 90.0, "most_dollars": 0.25, "speakers": True, "language": "de"}
        applied = worker.settings_for(job.model_copy(update=less))
        assert (applied.max_duration_hours, applied.llm_dollars(Depth.DEEP)) == (1.5, 0.25)
        assert (applied.diarization, applied.language) == (True, "de")
        more = {"most_minutes": 90_000.0, "most_dollars": 25.0}
        applied = worker.settings_for(job.model_copy(update=more))
        assert applied.max_duration_hours == settings.max_duration_hours
        assert applied.llm_dollars(Depth.DEEP) == 1.0
        unlimited = job.model_copy(update={"depth": Depth.EXPERIMENTAL, "most_dollars": 0.00001})
        assert worker.settings_for(unlimited).llm_dollars(Depth.EXPERIMENTAL) == 0.00001


def test_a_recording_longer_than_a_quota_is_refused_in_words_of_the_quota(
    board: Board, settings: Settings, debate: Path
) -> None:
    job = job_of(debate).model_copy(update={"most_minutes": 0.6})
    job_id = board.put(job, "b-debate")
    with Worker(settings):
        wait_for(board, all_ended)
    view = board.one(job_id)
    assert view.status == "failed"
    assert view.error == "It is longer than what is left of your quota, 1 minute."
    assert "1 minute" in (view.remedy or "")
    assert "AUTOINTEL" not in (view.remedy or "")


def test_runs_with_other_limits_share_their_work_but_not_their_limits(
    board: Board, settings: Settings, debate: Path
) -> None:
    def do(name: str, **options: float) -> JobView:
        board.put(job_of(debate).model_copy(update=options), name)
        wait_for(board, all_ended)
        return board.one(name)

    with Worker(settings):
        first = do("first")
        second = do("second", most_minutes=300.0, most_dollars=0.1)
        third = do("third", most_minutes=0.6)
    assert first.outcome
    assert second.outcome
    assert not first.outcome.reused
    assert second.outcome.reused
    assert {stage.status for stage in board.stages("second")} == {"reused"}
    assert first.outcome.minutes == second.outcome.minutes > 0.6
    assert third.error == "It is longer than what is left of your quota, 1 minute."


# -- who is alive ----------------------------------------------------------------------------


def test_the_living_are_counted(settings: Settings, workers: Start) -> None:
    assert alive(settings) == 0
    with Worker(settings):
        assert alive(settings) == 1
        other = workers()
        assert alive(settings) == 2
        other.kill()
        until(lambda: alive(settings) == 1)
    assert alive(settings) == 0


class TestOnPostgres:
    pytestmark = POSTGRES_MARKS

    @pytest.fixture
    def settings(self, data_dir: Path, postgres: Postgres) -> Settings:
        return load_settings(AUTOINTEL_DATA_DIR=data_dir, AUTOINTEL_DATABASE_URL=postgres.url)

    def test_the_living_are_counted(self, settings: Settings, board: Board, workers: Start) -> None:
        assert alive(settings) == 0
        with Worker(settings):
            assert alive(settings) == 1
            other = workers()
            assert alive(settings) == 2
            other.kill()
            until(lambda: alive(settings) == 1)
        assert alive(settings) == 0

    def test_a_job_is_followed_and_forgotten(
        self, settings: Settings, board: Board, tmp_path: Path
    ) -> None:
        for name in ("ants", "bees"):
            job = Job(url=f"https://example.org/{name}", depth=Depth.STANDARD, tenant="local")
            board.put(job, name)
        assert board.waiting() == ["ants", "bees"]
        with simulated({"transcription": 5.0}), Worker(settings, concurrency=2):
            until(lambda: board.progress(["ants", "bees"]).keys() == {"ants", "bees"})
            assert board.counts() == {"waiting": 0, "running": 2}
            wait_for(board, all_ended)
            until(lambda: not board.progress(["ants", "bees"]))
        board.delete(["ants"])
        assert [view.id for view in board.look()] == ["bees"]

    def test_a_server_that_is_away_stops_no_run(
        self, settings: Settings, board: Board, postgres: Postgres
    ) -> None:
        with Panel(settings, "ours") as panel, panel.gauge("j", EventStream()) as gauge:
            until(lambda: board.progress(["j"]))
            postgres.stop()
            gauge.began("acquisition")
            until(lambda: panel.away)
            postgres.start()
            until(lambda: not panel.away)
            assert "acquisition" in board.progress(["j"])["j"].doing

    def test_many_boards_are_opened_at_the_same_moment(self, data_dir: Path) -> None:
        server, errors = Postgres(), list[BaseException]()
        settings = load_settings(AUTOINTEL_DATA_DIR=data_dir, AUTOINTEL_DATABASE_URL=server.url)

        def open_one() -> None:
            try:
                Board(settings).close()
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=open_one) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        server.remove()
        assert errors == []
