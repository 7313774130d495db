"""Jobs are done once, whatever becomes of the process that does them."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.jobs.conftest import (
    Process,
    all_ended,
    job_of,
    put,
    report_of,
    stages_done,
    talk,
    until_a_stage_is_done,
    wait_for,
)
from tests.processes import alive, worker_of
from tests.web import serve
from ultimate_discord_intelligence_bot.errors import JobUnknown, WorkerRunning
from ultimate_discord_intelligence_bot.events import EventStream
from ultimate_discord_intelligence_bot.jobs.board import Board, name_of
from ultimate_discord_intelligence_bot.jobs.worker import Worker
from ultimate_discord_intelligence_bot.plans import Flags, plan
from ultimate_discord_intelligence_bot.settings import Depth, Settings, load_settings

Start = Callable[..., Process]


@pytest.fixture
def board(settings: Settings) -> Iterator[Board]:
    with Board(settings) as opened:
        yield opened


def test_a_job_ends_complete_with_every_stage_as_a_step(
    board: Board, settings: Settings, tmp_path: Path
) -> None:
    job_id = put(board, talk(tmp_path, "bees"), depth="deep")
    assert [view.status for view in board.look()] == ["waiting"]
    with Worker(settings):
        [view] = wait_for(board, all_ended)
    assert (view.status, view.tries) == ("complete", 1)
    assert view.outcome
    assert (view.outcome.title, view.outcome.missing) == ("Bees", ())
    assert (view.outcome.out / "report.html").exists()
    assert view.seconds is not None
    names = [stage.name for stage in plan(Depth.DEEP, Flags()).stages]
    steps = board.stages(job_id)
    assert [step.stage for step in steps] == names
    assert {step.status for step in steps} == {"done"}
    assert all(step.artifact for step in steps)


def test_a_job_without_barriers_ends_with_the_same_steps_and_the_same_report(
    settings: Settings, tmp_path: Path
) -> None:
    path, steps, reports = talk(tmp_path, "bees"), [], []
    for piped in (True, False):
        folder = tmp_path / f"data-{piped}"
        own = settings.model_copy(update={"data_dir": folder, "enable_pipelined_run": piped})
        with Board(own) as board, Worker(own):
            job_id = put(board, path, depth="experimental")
            [view] = wait_for(board, all_ended)
            assert view.status == "complete", view.error
            steps.append([(step.stage, step.status) for step in board.stages(job_id)])
            reports.append(report_of(view))
    assert [stage for stage, _ in steps[0]] == list(plan(Depth.EXPERIMENTAL, Flags()).names)
    assert steps[0] == steps[1]
    assert reports[0] == reports[1]


def test_a_job_that_fails_says_why_and_can_be_tried_again(
    board: Board, settings: Settings, tmp_path: Path
) -> None:
    job_id = put(board, tmp_path / "bees.vtt")
    with Worker(settings):
        [view] = wait_for(board, all_ended)
        assert view.status == "failed"
        assert "There is no file" in (view.error or "")
        assert view.remedy
        talk(tmp_path, "bees")
        board.again(view)
        [view] = wait_for(board, all_ended)
    assert (view.id, view.status, view.error) == (job_id, "complete", None)


def test_the_same_job_is_put_up_once(board: Board, tmp_path: Path) -> None:
    path = talk(tmp_path, "bees")
    assert put(board, path) == put(board, path)
    assert put(board, path, tenant="guild") != put(board, path)
    assert put(board, path, depth="deep") != put(board, path)
    assert len(list(board.look())) == 3


def test_jobs_are_found_by_the_beginning_of_their_id(board: Board, tmp_path: Path) -> None:
    ids = [put(board, talk(tmp_path, name)) for name in ("bees", "cats")]
    assert board.one(ids[0]).id == ids[0]
    assert board.one(ids[1][:-4]).id == ids[1]
    with pytest.raises(JobUnknown, match="Several"):
        board.one("b-")
    with pytest.raises(JobUnknown, match="No job"):
        board.one("nothing")


def test_the_urgent_go_first(board: Board, settings: Settings, tmp_path: Path) -> None:
    for name, priority in (("ants", 50), ("bees", 90), ("cats", 10)):
        job = job_of(talk(tmp_path, name))
        board.put(job, name_of(job, "b"), priority=priority)
    events, begun = EventStream(), list[str]()
    events.subscribe(
        lambda event: begun.append(event.run_id) if event.stage == "acquisition" else None
    )
    with Worker(settings, events=events, concurrency=1):
        found = wait_for(board, all_ended)
    names = {v.outcome.run_id: Path(v.job.url).stem for v in found if v.outcome}
    assert [names[run] for run in dict.fromkeys(begun)] == ["cats", "ants", "bees"]


def test_a_process_has_one_worker(settings: Settings) -> None:
    with Worker(settings), pytest.raises(WorkerRunning):
        Worker(settings)
    with Worker(settings):
        pass


@pytest.mark.parametrize("pipelined", ["false", "true"])
def test_a_job_of_a_killed_worker_goes_on_where_it_was(
    pipelined: str,
    board: Board,
    settings: Settings,
    log: Path,
    workers: Start,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ENABLE_PIPELINED_RUN", pipelined)
    put(board, talk(tmp_path, "bees"), depth="deep")
    first = workers()
    until_a_stage_is_done(log)
    first.kill()
    begun = stages_done(log)
    assert begun
    second = workers()
    [view] = wait_for(board, all_ended)
    assert (view.status, view.tries, view.worker) == ("complete", 2, second.name)
    assert max(stages_done(log).values()) == 1
    apart = load_settings(AUTOINTEL_DATA_DIR=tmp_path / "undisturbed")
    with Worker(apart), Board(apart) as other:
        put(other, tmp_path / "bees.vtt", depth="deep")
        [undisturbed] = wait_for(other, all_ended)
    assert report_of(view) == report_of(undisturbed)


def test_a_job_that_kills_its_workers_is_parked_and_stops_nobody(
    board: Board, workers: Start, tmp_path: Path
) -> None:
    poison = put(board, talk(tmp_path, "poison"))
    good = [put(board, talk(tmp_path, name)) for name in ("bees", "cats", "dogs")]
    running: list[Process] = []
    deadline = time.monotonic() + 90
    while not all_ended(list(board.look())) and time.monotonic() < deadline:
        if not running or running[-1].popen.poll() is not None:
            running.append(workers(concurrency=1))
        time.sleep(0.2)
    views = {view.id: view for view in board.look()}
    assert views[poison].status == "parked"
    assert {views[each].status for each in good} == {"complete"}
    died = [process for process in running if process.popen.poll() == -signal.SIGKILL]
    assert len(died) == 3


@pytest.mark.parametrize("pipelined", [False, True])
def test_cancelling_stops_a_download_within_two_seconds(
    pipelined: bool, board: Board, settings: Settings, tmp_path: Path
) -> None:
    settings = settings.model_copy(update={"enable_pipelined_run": pipelined})
    with serve(tmp_path) as web, Worker(settings):
        job = job_of(f"{web.url}/slow.mp3").model_copy(update={"files": False})
        job_id = board.put(job, "b-slow")
        download = asyncio.run(worker_of(os.getpid(), lambda: web.requests["/slow.mp3"] > 0))
        began = time.monotonic()
        board.cancel([job_id])
        while alive(download) and time.monotonic() < began + 10:
            time.sleep(0.02)
        took = time.monotonic() - began
        assert board.one(job_id).status == "cancelled"
    assert took < 2.5


def test_what_waits_and_is_taken_back_never_begins(
    board: Board, settings: Settings, tmp_path: Path
) -> None:
    taken, kept = (put(board, talk(tmp_path, name)) for name in ("bees", "cats"))
    board.cancel([taken])
    with Worker(settings):
        views = {view.id: view for view in wait_for(board, all_ended)}
    assert views[taken].status == "cancelled"
    assert views[taken].tries == 0
    assert views[kept].status == "complete"


def test_a_worker_that_drains_finishes_what_it_has_and_takes_nothing_new(
    board: Board, log: Path, workers: Start, tmp_path: Path
) -> None:
    for name in ("ants", "bees", "cats", "dogs", "eels", "foxes"):
        put(board, talk(tmp_path, name))
    first = workers(concurrency=1)
    until_a_stage_is_done(log)
    assert first.drain() == 0
    statuses = [view.status for view in board.look()]
    assert statuses.count("running") == 0
    assert statuses.count("waiting") >= 4
    workers()
    assert {view.status for view in wait_for(board, all_ended)} == {"complete"}
    assert max(stages_done(log).values()) == 1


def test_a_job_of_another_version_is_begun_anew_and_reuses_what_was_finished(
    board: Board, settings: Settings, log: Path, workers: Start, tmp_path: Path
) -> None:
    job_id = put(board, talk(tmp_path, "bees"), depth="deep")
    first = workers()
    until_a_stage_is_done(log)
    first.kill()
    with closing(sqlite3.connect(settings.data_dir / "jobs.sqlite")) as jobs, jobs:
        jobs.execute("UPDATE workflow_status SET application_version = 'stages-of-before'")
    workers()
    [view] = wait_for(board, all_ended)
    assert (view.id, view.status) == (job_id, "complete")
    assert max(stages_done(log).values()) == 1


def test_old_jobs_are_pruned(board: Board, settings: Settings, tmp_path: Path) -> None:
    put(board, talk(tmp_path, "bees"))
    with Worker(settings):
        wait_for(board, all_ended)
    put(board, talk(tmp_path, "cats"))
    assert board.prune(datetime.now(UTC) - timedelta(hours=1)) == 0
    assert board.prune(datetime.now(UTC) + timedelta(hours=1)) == 1
    assert [view.status for view in board.look()] == ["waiting"]
