"""Small recordings to work on, and workers in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ultimate_discord_intelligence_bot.jobs.board import Board, name_of
from ultimate_discord_intelligence_bot.jobs.job import Job, JobView
from ultimate_discord_intelligence_bot.settings import Depth, Settings

_PROCESS = Path(__file__).with_name("worker_process.py")


def talk(folder: Path, name: str, number: int = 0) -> Path:
    """A recording of four sentences."""
    sentences = [
        f"Good morning and welcome to our programme about {name}.",
        f"In {1950 + number} there were {number + 2} million {name} in the country.",
        f"Today there are {number + 20} million {name} in the country.",
        f"I think that {name} are the most wonderful animals of all.",
    ]
    cues = "\n\n".join(
        f"00:00:{4 * i:02d}.000 --> 00:00:{4 * i + 3:02d}.500\n<v Host>{sentence}"
        for i, sentence in enumerate(sentences)
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.vtt"
    path.write_text(f"WEBVTT\n\n{cues}\n")
    return path


def job_of(path: Path | str, depth: str = "standard", tenant: str = "local") -> Job:
    return Job(url=str(path), depth=Depth(depth), tenant=tenant, files=True)


def put(board: Board, path: Path | str, batch: str = "b", **more: Any) -> str:
    job = job_of(path, **more)
    return board.put(job, name_of(job, batch))


def wait_for(
    board: Board, enough: Callable[[list[JobView]], bool], seconds: float = 60
) -> list[JobView]:
    """The jobs, once they are as they should be."""
    deadline = time.monotonic() + seconds
    while not enough(found := list(board.look())):
        assert time.monotonic() < deadline, [(view.status, view.job.url) for view in found]
        time.sleep(0.1)
    return found


def all_ended(found: list[JobView]) -> bool:
    return bool(found) and all(view.ended for view in found)


def until_a_stage_is_done(log: Path) -> None:
    """Some worker is in the middle of some job."""
    deadline = time.monotonic() + 60
    while "finished" not in log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class Process:
    """A worker in a process of its own."""

    def __init__(self, settings: Settings, log: Path, concurrency: int, queues: str) -> None:
        environment = os.environ | {"AUTOINTEL_DATA_DIR": str(settings.data_dir)}
        if settings.database_url:
            environment["AUTOINTEL_DATABASE_URL"] = settings.database_url.get_secret_value()
        environment["AUTOINTEL_GPU_QUEUE"] = str(settings.gpu_queue)
        environment["AUTOINTEL_WHISPER_MODEL"] = settings.whisper_model
        environment["AUTOINTEL_RUNS_PER_HOST"] = str(settings.runs_per_host)
        self.popen = subprocess.Popen(
            [sys.executable, _PROCESS, log, str(concurrency), queues],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.popen.stdout
        self.name = self.popen.stdout.readline().split()[-1]

    def kill(self) -> None:
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait()

    def drain(self) -> int:
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(60)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "stages.log"


@pytest.fixture
def workers(settings: Settings, log: Path) -> Iterator[Callable[..., Process]]:
    """Starts workers; those that are left are killed at the end."""
    with _started(log) as start:
        yield lambda **more: start(more.pop("settings", settings), **more)


@contextmanager
def _started(log: Path) -> Iterator[Callable[..., Process]]:
    running: list[Process] = []

    def start(settings: Settings, *, concurrency: int = 2, queues: str = "runs") -> Process:
        running.append(Process(settings, log, concurrency, queues))
        return running[-1]

    try:
        yield start
    finally:
        for process in running:
            process.kill()


def stages_done(log: Path) -> Counter[tuple[str, str]]:
    """How often each stage of each run was brought to its end."""
    lines = (line.split() for line in log.read_text().splitlines())
    return Counter((run, stage) for kind, run, stage, _ in lines if kind == "finished")


def report_of(view: JobView) -> dict[str, Any]:
    """The report as it was written, without its one timing."""
    assert view.outcome is not None
    report = json.loads((view.outcome.out / "report.json").read_text())
    del report["acquired_at"]
    return dict(report)
