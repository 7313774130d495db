"""How many jobs a worker takes: as many as its own machine can do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.jobs.conftest import Process, all_ended, put, talk, wait_for
from tests.simulation import simulated
from ultimate_discord_intelligence_bot import machine
from ultimate_discord_intelligence_bot.events import EventStream, StageEvent
from ultimate_discord_intelligence_bot.jobs import worker
from ultimate_discord_intelligence_bot.jobs.board import Board
from ultimate_discord_intelligence_bot.jobs.worker import Worker, concurrent_runs
from ultimate_discord_intelligence_bot.settings import Settings, load_settings

JOBS = 4


class Crowd:
    """How many runs were under way at once."""

    def __init__(self) -> None:
        self.inside: set[str] = set()
        self.most = 0

    def note(self, event: StageEvent) -> None:
        if event.stage == "briefing" and event.kind in ("finished", "reused"):
            self.inside.discard(event.run_id)
        else:
            self.inside.add(event.run_id)
        self.most = max(self.most, len(self.inside))


@pytest.fixture
def board(settings: Settings, tmp_path: Path) -> Iterator[Board]:
    with Board(settings) as opened:
        for number in range(JOBS):
            put(opened, talk(tmp_path, f"animals{number}"))
        yield opened


def done_at_once(board: Board, settings: Settings) -> int:
    """Do all jobs; the most that were under way at the same time."""
    events, crowd = EventStream(), Crowd()
    events.subscribe(crowd.note)
    with simulated({"transcription": 1.0}), Worker(settings, events=events, concurrency=3):
        found = wait_for(board, all_ended)
    assert {view.status for view in found} == {"complete"}
    return crowd.most


def test_a_worker_with_memory_does_several_jobs_at_once(board: Board, settings: Settings) -> None:
    assert 1 < done_at_once(board, settings) <= 3


def test_a_worker_short_of_memory_begins_nothing_beside_what_it_does(
    board: Board, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine.watch, "is_short", lambda: True)

    assert done_at_once(board, settings) == 1


def test_each_worker_keeps_its_own_number(
    settings: Settings, workers: Callable[..., Process]
) -> None:
    """The engine keeps the number of the worker that came last; see `_take_at_most`."""
    from dbos._dbos import _get_dbos_instance

    with Worker(settings, concurrency=3) as here:
        workers(concurrency=1)
        database = _get_dbos_instance()._sys_db
        kept = type(database).get_queue(database, "runs")
        assert kept is not None
        assert kept._worker_concurrency == 1
        mine = database.get_queue("runs")
        assert mine is not None
        assert mine._worker_concurrency == here.concurrency == 3


def test_a_number_that_is_set_wins(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "cores", lambda: 8)
    monkeypatch.setattr(
        worker, "memory", lambda most_mb: machine.Memory((most_mb or 8192) * machine.MB, 0)
    )

    assert concurrent_runs(settings) == 8
    assert concurrent_runs(load_settings(AUTOINTEL_MEMORY_MB=2048)) == 2
    assert concurrent_runs(load_settings(AUTOINTEL_CONCURRENT_RUNS=5)) == 5
