"""A worker and its runs as whoever watches over them sees them."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import ALMANAC, execute
from tests.jobs.conftest import all_ended, put, wait_for
from tests.model_server import serving
from tests.newsroom import answer
from tests.otlp_collector import collecting
from ultimate_discord_intelligence_bot.cli import serve
from ultimate_discord_intelligence_bot.jobs.board import Board
from ultimate_discord_intelligence_bot.settings import Settings
from ultimate_discord_intelligence_bot.traces import end_tracing

AUTOINTEL = Path(sys.executable).with_name("autointel")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def worker(settings: Settings, log: Path, **environment: str) -> Iterator[Any]:
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [AUTOINTEL, "worker"],
            env=os.environ | {"AUTOINTEL_DATA_DIR": str(settings.data_dir)} | environment,
            stderr=stderr,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def health(port: int) -> tuple[int, dict[str, str]]:
    try:
        found = httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5, trust_env=False)
    except httpx.TransportError:
        return 0, {}
    return found.status_code, found.json()["checks"]


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_worker_shows_how_it_stands_and_what_it_did(settings: Settings, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    with (
        worker(
            settings,
            log,
            AUTOINTEL_METRICS_ADDRESS=str(port),
            AUTOINTEL_LOG_FORMAT="json",
            AUTOINTEL_LOG_LEVEL="info",
        ) as process,
        Board(settings) as board,
    ):
        answered: list[set[str]] = []

        def healthy() -> bool:
            status, checks = health(port)
            if status:
                answered.append(set(checks))
            return status == 200

        until(healthy)
        assert all(names == {"database", "memory", "lease", "queue"} for names in answered)
        put(board, ALMANAC)
        wait_for(board, all_ended)
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
        done = r'^autointel_runs_total\{depth="standard",status="complete"\} 1\.0$'
        assert re.search(done, text, re.MULTILINE)
        assert "autointel_workers_alive 1.0" in text
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    assert any(line["event"] == "monitor_listens" and line["port"] == port for line in lines)


def test_a_port_that_is_taken_ends_the_worker_with_a_message(
    settings: Settings, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        worker(settings, log, AUTOINTEL_METRICS_ADDRESS=str(taken.getsockname()[1])) as process,
    ):
        assert process.wait(60) == 5
    assert "own port" in log.read_text()


def test_a_run_with_a_model_is_traced_from_end_to_end(tmp_path: Path) -> None:
    with serving(answer) as model, collecting() as collector:
        try:
            result = execute(
                tmp_path / "data",
                ALMANAC,
                AUTOINTEL_LLM="openai/stub",
                AUTOINTEL_LLM_BASE_URL=model.url,
                AUTOINTEL_TRACES_URL=f"{collector.url}/v1/traces",
            )
        finally:
            end_tracing()
    assert result.error is None
    (run,) = collector.named("run")
    assert run.attributes["autointel.run.id"] == result.run_id
    assert run.attributes["autointel.status"] == result.status
    stages = {s.attributes["autointel.stage"]: s.id for s in collector.spans if s.parent == run.id}
    assert {"acquisition", "transcription", "claims", "briefing"} <= set(stages)
    requests = collector.named("model request")
    assert requests
    for request in requests:
        assert request.parent == stages[request.attributes["autointel.stage"]]
    assert len({span.trace for span in collector.spans}) == 1


@pytest.mark.parametrize(("own", "beside"), [("9464", "127.0.0.1:9465"), (None, None)])
def test_the_bot_beside_a_worker_takes_the_next_port(
    own: str | None, beside: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told"
    script = (
        "import os, sys, pathlib; address = os.environ.get('AUTOINTEL_METRICS_ADDRESS')\n"
        "pathlib.Path(sys.argv[1]).write_text(f'{address}\\n')"
    )
    monkeypatch.setattr(serve, "COMMAND", [sys.executable, "-c", script, str(told)])

    def work(*_: Any, **__: Any) -> int:
        until(lambda: told.exists() and told.read_text())
        return 0

    monkeypatch.setattr(serve, "worker", work)
    monkeypatch.setenv("DISCORD_BOT_TOKEN", "x" * 20)
    if own is not None:
        monkeypatch.setenv("AUTOINTEL_METRICS_ADDRESS", own)
    serve.serve(concurrency=1, patience=0)
    assert told.read_text() == f"{beside}\n"
