"""Several workers over one Postgres: nothing is lost, doubled or changed by what befalls them."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.fixtures_whisper import build_tiny_whisper
from tests.jobs.conftest import (
    Process,
    all_ended,
    put,
    report_of,
    stages_done,
    talk,
    until_a_stage_is_done,
    wait_for,
)
from tests.media import make_voice
from tests.postgres_server import POSTGRES_MARKS, Postgres
from ultimate_discord_intelligence_bot.errors import JobsUnreachable
from ultimate_discord_intelligence_bot.jobs.board import Board
from ultimate_discord_intelligence_bot.jobs.job import JobView
from ultimate_discord_intelligence_bot.jobs.lease import PostgresLeases
from ultimate_discord_intelligence_bot.jobs.worker import Worker
from ultimate_discord_intelligence_bot.settings import Settings, load_settings

pytestmark = POSTGRES_MARKS
Start = Callable[..., Process]
JOBS, KILLS = 100, 12


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.remove()


@pytest.fixture
def settings(data_dir: Path, postgres: Postgres) -> Settings:
    return load_settings(
        AUTOINTEL_DATA_DIR=data_dir,
        AUTOINTEL_DATABASE_URL=postgres.url,
        AUTOINTEL_RUNS_PER_HOST=16,
    )


@pytest.fixture
def board(settings: Settings) -> Iterator[Board]:
    with Board(settings) as opened:
        yield opened


def have_ended(few: int, found: list[JobView]) -> bool:
    return sum(1 for view in found if view.ended) >= few


def test_workers_are_killed_at_random_while_a_hundred_jobs_are_done(
    board: Board, settings: Settings, log: Path, workers: Start, tmp_path: Path
) -> None:
    chance = random.Random(11)
    talks = [talk(tmp_path / "talks", f"kind{n}", n) for n in range(JOBS)]
    for each in talks:
        put(board, each)
    running = [workers() for _ in range(3)]
    for number in range(KILLS):
        # By what was done, not by the clock: on a slow machine the same job would die every time.
        wait_for(board, partial(have_ended, 4 * number), 120)
        time.sleep(chance.uniform(0.0, 2.0))
        running.pop(chance.randrange(len(running))).kill()
        running.append(workers())
    found = wait_for(board, all_ended, seconds=400)
    assert {view.status for view in found} <= {"complete"}
    assert len({view.outcome.run_id for view in found if view.outcome}) == JOBS
    assert max(stages_done(log).values()) == 1
    assert max(view.tries for view in found) > 1
    apart = load_settings(AUTOINTEL_DATA_DIR=tmp_path / "undisturbed")
    some = chance.sample(found, 5)
    with Worker(apart), Board(apart) as other:
        for view in some:
            put(other, view.job.url)
        undisturbed = {v.job.url: v for v in wait_for(other, all_ended)}
    for view in some:
        assert report_of(view) == report_of(undisturbed[view.job.url])


def test_a_worker_that_comes_back_does_no_harm(
    board: Board, postgres: Postgres, log: Path, workers: Start, settings: Settings, tmp_path: Path
) -> None:
    """A machine is gone for so long that another one takes its job over, and then goes on."""
    put(board, talk(tmp_path, "bees"), depth="deep")
    sleeper = workers()
    until_a_stage_is_done(log)
    sleeper.popen.send_signal(signal.SIGSTOP)
    elsewhere = settings.model_copy(update={"data_dir": tmp_path / "elsewhere"})
    other = workers(settings=elsewhere)
    # What the kernel would do some minutes later to a machine that does not answer.
    postgres.end_connections(sleeper.name)
    [view] = wait_for(board, all_ended)
    assert (view.status, view.worker) == ("complete", other.name)
    before = report_of(view)
    sleeper.popen.send_signal(signal.SIGCONT)
    put(board, talk(tmp_path, "cats"))
    found = wait_for(board, all_ended)
    assert {each.status for each in found} == {"complete"}
    [again] = [each for each in found if each.id == view.id]
    assert again == view
    assert report_of(again) == before
    assert sleeper.drain() == 0


def test_postgres_restarts_in_the_middle(
    board: Board, postgres: Postgres, log: Path, workers: Start, tmp_path: Path
) -> None:
    for number in range(12):
        put(board, talk(tmp_path, f"kind{number}", number))
    running = [workers() for _ in range(2)]
    until_a_stage_is_done(log)
    for mode in ("fast", "immediate"):
        postgres.stop(mode)
        time.sleep(1)
        postgres.start()
        time.sleep(1)
    found = wait_for(board, all_ended, seconds=120)
    assert {view.status for view in found} == {"complete"}
    assert max(stages_done(log).values()) == 1
    assert all(process.popen.poll() is None for process in running)


def test_a_restart_of_all_workers_drains_first(
    board: Board, log: Path, workers: Start, tmp_path: Path
) -> None:
    for number in range(10):
        put(board, talk(tmp_path, f"kind{number}", number))
    running = [workers(concurrency=1) for _ in range(2)]
    for old in running:
        time.sleep(1)
        workers(concurrency=1)
        assert old.drain() == 0
    found = wait_for(board, all_ended)
    assert {(view.status, view.tries) for view in found} == {("complete", 1)}
    assert max(stages_done(log).values()) == 1


def test_only_the_workers_of_a_queue_take_its_jobs(
    board: Board, workers: Start, tmp_path: Path
) -> None:
    put(board, talk(tmp_path, "bees"))
    workers(queues="gpu")
    time.sleep(3)
    assert [view.status for view in board.look()] == ["waiting"]
    one = workers(queues="runs")
    [view] = wait_for(board, all_ended)
    assert (view.status, view.worker) == ("complete", one.name)


def test_speech_is_recognised_by_the_worker_that_can(
    board: Board, log: Path, workers: Start, settings: Settings, tmp_path: Path
) -> None:
    """Of two workers one has a speech model, and takes nothing but speech."""
    model = build_tiny_whisper(tmp_path / "whisper")
    voice = make_voice(tmp_path / "talk.wav", [(0.5, 4.0)], 6.0)
    put(board, voice)
    put(board, talk(tmp_path, "bees"))
    here = workers(settings=settings.model_copy(update={"gpu_queue": True}))
    there = workers(
        queues="gpu", settings=settings.model_copy(update={"whisper_model": str(model)})
    )
    found = wait_for(board, all_ended)
    assert {(view.status, view.worker) for view in found} == {("complete", here.name)}
    [spoken] = [view for view in found if view.job.url == str(voice)]
    assert report_of(spoken)["transcript"]["origin"] == "speech recognition"
    heard = [line.split() for line in log.read_text().splitlines() if "transcription" in line]
    pids = {(run == spoken.outcome.run_id, int(pid)) for _, run, _, pid in heard if spoken.outcome}
    assert pids == {(True, there.popen.pid), (False, here.popen.pid)}
    assert max(stages_done(log).values()) == 1


def test_who_waits_for_speech_can_be_cancelled(
    board: Board, workers: Start, settings: Settings, tmp_path: Path
) -> None:
    job_id = put(board, make_voice(tmp_path / "talk.wav", [(0.5, 4.0)], 6.0))
    workers(settings=settings.model_copy(update={"gpu_queue": True}))
    wait_for(board, lambda _: any(s.stage == "acquisition" for s in board.stages(job_id)))
    time.sleep(1)
    board.cancel([job_id])
    [view] = wait_for(board, all_ended)
    assert view.status == "cancelled"


def test_a_lock_says_who_is_alive(postgres: Postgres, settings: Settings) -> None:
    ours, theirs = (PostgresLeases(settings, name) for name in ("ours", "theirs"))
    assert ours.hold()
    assert ours.hold()
    assert not theirs.is_dead("ours")
    assert theirs.is_dead("nobody")
    postgres.stop()
    with pytest.raises(JobsUnreachable):
        ours.hold()
    postgres.start()
    assert theirs.is_dead("ours")
    assert ours.hold()
    assert not theirs.is_dead("ours")
    ours.close()
    assert theirs.is_dead("ours")


def test_a_database_that_cannot_be_had_is_named_without_its_password(data_dir: Path) -> None:
    settings = load_settings(
        AUTOINTEL_DATA_DIR=data_dir,
        AUTOINTEL_DATABASE_URL="postgresql://me:secret@127.0.0.1:1/jobs",
    )
    for opener in (Board, Worker):
        with pytest.raises(JobsUnreachable) as caught:
            opener(settings)
        assert "127.0.0.1:1/jobs" in caught.value.message
        assert "secret" not in str(caught.value)
        assert "AUTOINTEL_DATABASE_URL" in caught.value.remedy


def test_what_is_recovered_is_found_by_version_and_worker() -> None:
    """The one call into DBOS that it does not promise; it must stay as it is."""
    from dbos._recovery import recover_pending_workflows

    names = recover_pending_workflows.__code__.co_varnames
    assert names[: recover_pending_workflows.__code__.co_argcount] == ("dbos", "executor_ids")
