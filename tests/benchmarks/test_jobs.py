"""Jobs under load: batches beside the ideal, what a job adds to a run, and many finished ones.

The simulated run has the proportions of a run that takes 11.5 minutes, scaled by 1/100, at the
depth ``deep``: ``acquisition`` sleeps 1.5 s; ``transcription`` 2.1 s; ``chapters``, ``claims`` and
``sentiment`` 1.5 s side by side; the four gatherers of evidence and ``connections`` 0.9 s side by
side; ``vector_memory`` and ``graph_memory`` 0.9 s side by side. All other stages sleep 0 s. The
ideal of one run is the critical path of its plan: 6.9 s.

``AUTOINTEL_TEST_ROUNDS`` says how often every place of a worker is filled (1),
``AUTOINTEL_TEST_JOBS`` how many empty jobs are compared with plain runs (8).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import statistics
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from tests.benchmarks.figures import Figures
from tests.benchmarks.measure import interleave
from tests.simulation import simulated
from ultimate_discord_intelligence_bot.autonomous_orchestrator import (
    AutonomousIntelligenceOrchestrator,
)
from ultimate_discord_intelligence_bot.events import EventStream, StageEvent
from ultimate_discord_intelligence_bot.jobs.batch import Batch, Progress
from ultimate_discord_intelligence_bot.jobs.board import Board, name_of
from ultimate_discord_intelligence_bot.jobs.job import Job, JobView
from ultimate_discord_intelligence_bot.jobs.lists import Entry
from ultimate_discord_intelligence_bot.jobs.worker import Worker
from ultimate_discord_intelligence_bot.plans import Flags, plan
from ultimate_discord_intelligence_bot.settings import Depth, Settings, load_settings

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1800)]

ROUNDS = int(os.environ.get("AUTOINTEL_TEST_ROUNDS", "1"))
JOBS = int(os.environ.get("AUTOINTEL_TEST_JOBS", "8"))
MANY = 10_000

DEEP = plan(Depth.DEEP, Flags())
STAGES = [stage.name for stage in DEEP.stages]
SECONDS = (
    {"acquisition": 1.5, "transcription": 2.1}
    | dict.fromkeys(("chapters", "claims", "sentiment"), 1.5)
    | dict.fromkeys(
        (
            "memory_evidence",
            "recording_evidence",
            "document_evidence",
            "source_evidence",
            "connections",
        ),
        0.9,
    )
    | dict.fromkeys(("vector_memory", "graph_memory"), 0.9)
)
IDEAL = DEEP.critical_path({name: SECONDS.get(name, 0.0) for name in STAGES})

_R = TypeVar("_R")


def links(count: int, of: str) -> list[str]:
    return [f"https://{of}.example.org/{number}" for number in range(count)]


def plain(settings: Settings, url: str) -> str:
    """The report of a run that is no job."""
    orchestrator = AutonomousIntelligenceOrchestrator(settings)
    result = asyncio.run(orchestrator.execute_autonomous_intelligence_workflow(url, "deep"))
    assert result.status == "complete", result.error
    assert result.out is not None
    return report(result.out, result.run_id, url)


def report(out: Path, run_id: str, url: str) -> str:
    """What was written, without what tells one recording from another."""
    text = (out / "report.json").read_text()
    assert url in text
    return text.replace(run_id, "RUN").replace(url, "URL")


class Watch:
    """Notes each stage that was done, and when the first one began."""

    def __init__(self) -> None:
        self.done: Counter[tuple[str, str]] = Counter()
        self.first = float("inf")
        self.events = EventStream()
        self.events.subscribe(self._note)

    def _note(self, event: StageEvent) -> None:
        self.first = min(self.first, time.perf_counter())
        if event.kind == "finished":
            self.done[event.run_id, event.stage] += 1


def put(board: Board, urls: Sequence[str]) -> None:
    for url in urls:
        job = Job(url=url, depth=Depth.DEEP, tenant="local")
        board.put(job, name_of(job, "load"))


def wait(board: Board) -> float:
    """When all jobs have ended."""
    while next(board.look(statuses=["waiting", "running"], limit=1), None):
        time.sleep(0.1)
    return time.perf_counter()


def reports(views: Sequence[JobView]) -> list[str]:
    return [report(v.outcome.out, v.outcome.run_id, v.job.url) for v in views if v.outcome]


@pytest.fixture
def settings(data_dir: Path) -> Settings:
    return load_settings(AUTOINTEL_DATA_DIR=data_dir, AUTOINTEL_RUNS_PER_HOST=256)


@pytest.fixture
def board(settings: Settings) -> Iterator[Board]:
    with Board(settings) as opened:
        yield opened


@pytest.mark.parametrize("concurrency", [2, 8, 32], ids=lambda many: f"{many} at once")
def test_a_batch_takes_the_ideal_and_what_its_runs_cost(
    concurrency: int,
    settings: Settings,
    board: Board,
    tmp_path: Path,
    figures: Figures,
) -> None:
    elsewhere = settings.model_copy(update={"data_dir": tmp_path / "plain"})
    with simulated():
        plain(elsewhere, "https://example.org/imports")
        seconds, found = timed(lambda: {plain(elsewhere, url) for url in links(3, "plain")})
    [expected], cost = found, seconds / 3

    urls, watch = links(ROUNDS * concurrency, "load"), Watch()
    empty = settings.data_dir.joinpath("jobs.sqlite").stat().st_size
    put(board, urls)
    began = time.perf_counter()
    with simulated(SECONDS), Worker(settings, events=watch.events, concurrency=concurrency):
        took = wait(board) - watch.first
    views = list(board.look())
    ideal, busy = ROUNDS * IDEAL, len(urls) * cost
    figures.compare(
        f"{len(urls)} runs of {IDEAL:.1f} s, {concurrency} at once",
        {"ideal": [ideal], "jobs": [took]},
    )
    size = settings.data_dir.joinpath("jobs.sqlite").stat().st_size - empty
    figures.note("of the database for each run", size / len(urls) / 1024, "KiB")
    figures.note("until the first stage of the first run", watch.first - began, "s")
    figures.note("a plain run of empty stages", cost * 1000, "ms")
    assert [view.status for view in views] == ["complete"] * len(urls)
    assert reports(views) == [expected] * len(urls)
    assert [step.stage for step in board.stages(views[-1].id)] == STAGES
    assert set(watch.done.values()) == {1}
    assert len(watch.done) == len(urls) * len(STAGES)
    # One process drives all crews: what these cost themselves, they cost one after the other.
    figures.note("jobs / ideal and what crews cost", took / (ideal + busy), "", most=1.5)


def test_a_job_adds_little_to_each_stage(
    settings: Settings, board: Board, tmp_path: Path, figures: Figures
) -> None:
    elsewhere = settings.model_copy(update={"data_dir": tmp_path / "plain"})
    urls = iter(links(2 * JOBS + 2, "empty"))

    def alone() -> tuple[float, str]:
        began = time.perf_counter()
        text = plain(elsewhere, next(urls))
        return time.perf_counter() - began, text

    def as_job() -> tuple[float, str]:
        put(board, [next(urls)])
        wait(board)
        [view] = board.look(limit=1, newest_first=True)
        [text] = reports([view])
        assert view.outcome
        return view.outcome.seconds, text

    with simulated(), Worker(settings, concurrency=1):
        alone(), as_job()  # whatever is done but once
        _, results = interleave({"plain run": alone, "job": as_job}, rounds=JOBS)
    seconds = {name: [each[0] for each in values] for name, values in results.items()}
    figures.compare(f"A job of {len(STAGES)} empty stages", seconds)
    added = statistics.median(seconds["job"]) - statistics.median(seconds["plain run"])
    figures.note("added to a stage by a job", added / len(STAGES) * 1000, "ms", most=50)
    assert len({text for values in results.values() for _, text in values}) == 1


@dataclass
class Full:
    """A database with many jobs that have ended.

    Attributes:
        settings: name it.
        batch: all jobs but one.
        put_up: seconds that it took to put them up.
    """

    settings: Settings
    batch: Batch
    put_up: float


def full(folder: Path, count: int) -> Full:
    """One job is done; all others become copies of it, since doing them would take half an hour."""
    settings = load_settings(AUTOINTEL_DATA_DIR=folder)
    with Board(settings) as board:
        with simulated(), Worker(settings):
            put(board, links(1, "done"))
            wait(board)
        [done] = board.look()
        rows = (Entry(number, url) for number, url in enumerate(links(count, "many"), 1))
        batch = Batch.begin(settings, rows, source="many", depth=Depth.DEEP, name="many")
        seconds, _ = timed(lambda: batch.put_up(board))
    with closing(sqlite3.connect(folder / "jobs.sqlite")) as database, database:
        copy(database, done.id)
    return Full(settings, batch, seconds)


def copy(database: sqlite3.Connection, done: str) -> None:
    """Let every job that waits have ended as one has that is done."""
    for table in ("workflow_output", "operation_outputs"):
        names = (row[1] for row in database.execute(f"PRAGMA table_info({table})"))
        columns = ", ".join(name for name in names if name != "workflow_uuid")
        database.execute(
            f"INSERT INTO {table} (workflow_uuid, {columns}) SELECT waiting.id, {columns} FROM "
            "(SELECT workflow_uuid AS id FROM workflow_status WHERE status = 'ENQUEUED') "
            f"AS waiting, {table} WHERE workflow_uuid = ?",
            [done],
        )
    columns = "status, executor_id, started_at_epoch_ms, completed_at"
    database.execute(
        f"UPDATE workflow_status SET ({columns}) = "
        f"(SELECT {columns} FROM workflow_status WHERE workflow_uuid = ?) "
        "WHERE status = 'ENQUEUED'",
        [done],
    )


def timed(call: Callable[[], _R]) -> tuple[float, _R]:
    began = time.perf_counter()
    result = call()
    return time.perf_counter() - began, result


def peak_mb(call: Callable[[], object]) -> float:
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Full:
    return full(tmp_path_factory.mktemp("many"), MANY)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Full:
    return full(tmp_path_factory.mktemp("few"), 100)


@pytest.mark.parametrize(
    ("name", "look"),
    [
        ("latest", lambda board: board.look(limit=50, newest_first=True)),
        ("running", lambda board: board.look(statuses=["running"])),
    ],
    ids=["latest", "running"],
)
def test_what_has_ended_does_not_slow_the_board_down(
    look: Callable[[Board], Iterator[JobView]],
    name: str,
    few: Full,
    many: Full,
    figures: Figures,
) -> None:
    with Board(few.settings) as small, Board(many.settings) as large:
        seconds, found = interleave(
            {
                "100 that have ended": lambda: list(look(small)),
                f"{MANY:,}": lambda: list(look(large)),
            },
            rounds=10,
        )
        memory = peak_mb(lambda: list(look(large)))
    figures.compare(f"Looking at the {name} jobs", seconds)
    assert len({len(views) for each in found.values() for views in each}) == 1
    first, second = (statistics.median(values) for values in seconds.values())
    assert second <= 3 * first + 0.05
    figures.note("peak memory", memory, "MB", most=2)


def heard(batch: Batch, board: Board) -> int:
    """How many jobs somebody hears of who begins to follow the batch now."""
    return sum(1 for _ in Progress(batch, board).news())


def test_a_batch_of_ten_thousand_is_followed_in_little_memory(many: Full, figures: Figures) -> None:
    batch = many.batch
    figures.note(f"{MANY:,} jobs put up", many.put_up, "s")
    with Board(many.settings) as board:
        again, _ = timed(lambda: batch.put_up(board))
        news, ended = timed(lambda: heard(batch, board))
        memory = {
            "put up again": peak_mb(lambda: batch.put_up(board)),
            "news of all at once": peak_mb(lambda: heard(batch, board)),
            "rows of the summary": peak_mb(lambda: sum(1 for _ in batch.rows(board))),
        }
    assert ended == MANY
    figures.note("put up again", again, "s", most=10)
    figures.note("news of all at once", news, "s", most=10)
    # All of them have ended at the same moment, which is the worst there is.
    bounds = {"put up again": 15, "news of all at once": 120, "rows of the summary": 20}
    for name, most in bounds.items():
        figures.note(f"peak memory, {name}", memory[name], "MB", most=most)


def test_ten_thousand_jobs_take_a_hundred_megabytes_and_can_be_forgotten(
    many: Full, settings: Settings, figures: Figures
) -> None:
    file = settings.data_dir / "jobs.sqlite"
    file.parent.mkdir()
    shutil.copy(many.settings.data_dir / "jobs.sqlite", file)
    whole = file.stat().st_size
    with Board(settings) as board:
        seconds, gone = timed(lambda: board.prune(datetime.now(UTC) + timedelta(hours=1)))
        assert list(board.look()) == []
    pruned = file.stat().st_size
    with closing(sqlite3.connect(file)) as database:
        [pages], [size] = (
            database.execute(f"PRAGMA {name}").fetchone()
            for name in ("freelist_count", "page_size")
        )
        vacuum, _ = timed(lambda: database.execute("VACUUM"))
    free = pages * size
    figures.note(f"{gone:,} jobs", whole / 1e6, "MB")
    figures.note("each of them", whole / gone / 1024, "KiB", most=16)
    figures.note("all forgotten", seconds, "s", most=60)
    figures.note("the database after that", pruned / 1e6, "MB")
    figures.note("of which are free to be used again", free / 1e6, "MB")
    figures.note("VACUUM", vacuum, "s")
    figures.note("the database after that as well", file.stat().st_size / 1e6, "MB", most=0.5)
    assert gone == MANY + 1
    # What is left is free to be used again, or was given back.
    assert pruned - free <= 0.1 * whole
