"""How jobs and memory stand is seen from outside, and told to metrics and health checks."""

from __future__ import annotations

import socket
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.jobs.conftest import all_ended, put, talk, wait_for
from ultimate_discord_intelligence_bot.errors import (
    GraphUnreachable,
    StorageError,
    VectorsAccessDenied,
    VectorsUnreachable,
)
from ultimate_discord_intelligence_bot.jobs.board import Board
from ultimate_discord_intelligence_bot.jobs.database import RUNS
from ultimate_discord_intelligence_bot.jobs.vitals import Vitals
from ultimate_discord_intelligence_bot.jobs.worker import Worker
from ultimate_discord_intelligence_bot.memory.condition import condition_of
from ultimate_discord_intelligence_bot.memory.servers import Servers
from ultimate_discord_intelligence_bot.metrics import Metrics
from ultimate_discord_intelligence_bot.settings import Settings, load_settings


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_the_backlog_is_told(settings: Settings, tmp_path: Path) -> None:
    metrics = Metrics()
    with Board(settings) as board:
        for name in ("owls", "cats"):
            put(board, talk(tmp_path, name))
        time.sleep(0.01)
        with Vitals(settings, metrics) as vitals:
            until(lambda: vitals.checks["database"]() is None)
    waiting = {"queue": RUNS, "state": "waiting"}
    assert value(metrics, "autointel_queue_jobs", **waiting) == 2
    assert value(metrics, "autointel_queue_jobs", queue="gpu", state="running") == 0
    waited = value(metrics, "autointel_queue_oldest_waiting_seconds", queue=RUNS)
    assert waited is not None
    assert 0 < waited < 60
    assert value(metrics, "autointel_queue_oldest_waiting_seconds", queue="gpu") == 0
    assert value(metrics, "autointel_workers_alive") == 0


def test_a_worker_is_well_and_what_it_does_is_counted(settings: Settings, tmp_path: Path) -> None:
    metrics = Metrics()
    unfollow = metrics.follow()
    try:
        with Board(settings) as board, Worker(settings, concurrency=1) as worker:
            put(board, talk(tmp_path, "owls"))
            with Vitals(settings, metrics) as vitals:
                until(lambda: vitals.checks["memory"]() is None)
                until(lambda: value(metrics, "autointel_workers_alive") == 1)
                until(lambda: worker.queue_problem() is None)
                assert worker.lease_problem() is None
                wait_for(board, all_ended)
            worker.close()
            assert worker.queue_problem() == "The worker is ending and takes nothing new."
    finally:
        unfollow()
    done = {"depth": "standard", "status": "complete"}
    assert value(metrics, "autointel_runs_total", **done) == 1
    assert value(metrics, "autointel_execution_duration_seconds_count", depth="standard") == 1
    assert value(metrics, "autointel_phase_duration_seconds_count", phase="analysis") == 1
    assert value(metrics, "autointel_parallel_tasks_count") == 0
    writes = {"store": "vector", "operation": "write"}
    assert value(metrics, "autointel_store_duration_seconds_count", **writes) == 1


def test_a_database_that_is_damaged_is_told(settings: Settings) -> None:
    settings.data_dir.mkdir()
    (settings.data_dir / "jobs.sqlite").write_bytes(b"this is no database" * 100)
    with Vitals(settings, Metrics()) as vitals:
        until(lambda: "jobs.sqlite" in (vitals.checks["database"]() or ""))


def test_a_server_that_is_away_is_told_without_its_password(data_dir: Path) -> None:
    away = "postgresql://autointel:hunter2hunter2@127.0.0.1:9/jobs"
    settings = load_settings(AUTOINTEL_DATA_DIR=data_dir, AUTOINTEL_DATABASE_URL=away)
    with Vitals(settings, Metrics()) as vitals:
        until(lambda: "127.0.0.1:9" in (vitals.checks["database"]() or ""))
        assert "hunter2" not in str(vitals.checks["database"]())


def test_a_server_that_says_nothing_is_told_and_nobody_waits(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        hangs = f"postgresql://autointel:x@127.0.0.1:{port}/jobs"
        settings = load_settings(AUTOINTEL_DATA_DIR=data_dir, AUTOINTEL_DATABASE_URL=hangs)
        with Vitals(settings, Metrics()) as vitals:
            began = time.monotonic()
            assert vitals.checks["database"]() is not None
            assert time.monotonic() - began < 1
            until(lambda: "cannot be reached" in (vitals.checks["database"]() or ""))


# -- the memory -----------------------------------------------------------------------------------


def outbox(data_dir: Path, rows: int) -> None:
    from ultimate_discord_intelligence_bot.memory.outbox import Outbox

    path = data_dir / "memory" / "outbox.sqlite"
    Outbox(path).close()
    with sqlite3.connect(path) as connection:
        connection.executemany(
            "INSERT INTO pending VALUES ('t', ?, 'graph', 'd', 0, NULL)",
            [(str(number),) for number in range(rows)],
        )
    connection.close()


def test_a_memory_that_is_not_there_yet_is_well(tmp_path: Path) -> None:
    found = condition_of(tmp_path, Servers())
    assert (found.unconfirmed, set(found.bytes.values())) == (0, {0})


def test_writes_that_are_not_confirmed_are_counted(tmp_path: Path) -> None:
    outbox(tmp_path, 3)
    found = condition_of(tmp_path, Servers())
    assert found.unconfirmed == 3
    assert found.bytes["outbox"] > 0


def test_a_damaged_outbox_is_told(tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "outbox.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(StorageError, match="outbox"):
        condition_of(tmp_path, Servers())


def test_a_data_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written"):
        condition_of(tmp_path / "gone", Servers())


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (200, None),
        (401, VectorsAccessDenied),
        (403, VectorsAccessDenied),
        (500, VectorsUnreachable),
    ],
)
def test_qdrant_is_asked(
    answer: int,
    error: type[StorageError] | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def get(url: str, **more: object) -> httpx.Response:
        asked.append((url, more["headers"]))
        return httpx.Response(answer, request=httpx.Request("GET", url))

    monkeypatch.setattr(httpx, "get", get)
    servers = Servers(qdrant_url="http://qdrant:6333/", qdrant_key="k")
    if error is None:
        condition_of(tmp_path, servers)
    else:
        with pytest.raises(error):
            condition_of(tmp_path, servers)
    assert asked == [("http://qdrant:6333/collections", {"api-key": "k"})]


def test_servers_that_are_away_are_told(tmp_path: Path) -> None:
    with pytest.raises(VectorsUnreachable):
        condition_of(tmp_path, Servers(qdrant_url="http://127.0.0.1:9"))
    with pytest.raises(GraphUnreachable):
        condition_of(tmp_path, Servers(neo4j_uri="bolt://127.0.0.1:9"))
