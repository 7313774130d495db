"""Signals that a thread receives which does not handle them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import started
from tests.web import Web, serve


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    with serve(tmp_path) as server:
        yield server


def tell_a_thread(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """Send a signal to the process by way of another thread than its main one."""
    threads = {int(entry.name) for entry in Path(f"/proc/{process.pid}/task").iterdir()}
    os.kill(max(threads - {process.pid}), number)


def test_a_worker_drains(data_dir: Path) -> None:
    with started(data_dir, "worker") as worker:
        assert worker.stderr
        assert "Ctrl-C ends it" in worker.stderr.readline()
        tell_a_thread(worker, signal.SIGTERM)
        _, err = worker.communicate(timeout=60)
    assert worker.returncode == 0
    assert "Taking nothing new" in err


def test_a_run_is_interrupted_in_which_nothing_happens(web: Web, data_dir: Path) -> None:
    with started(data_dir, "run", f"{web.url}/slow.mp3") as run:
        deadline = time.monotonic() + 60
        while not web.requests["/slow.mp3"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        tell_a_thread(run, signal.SIGINT)
        _, err = run.communicate(timeout=30)
    assert run.returncode == 130
    assert "Finished stages are kept" in err
