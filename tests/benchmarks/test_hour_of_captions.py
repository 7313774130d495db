"""One hour of captions to a complete standard report: time, memory, passes of the embedder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.hour import SEGMENTS, sentences
from tests.benchmarks.measure import interleave, show

pytestmark = pytest.mark.benchmark

CHILD = """
import asyncio, json, sys, time
from pathlib import Path
from ultimate_discord_intelligence_bot import crew_builders
from ultimate_discord_intelligence_bot.autonomous_orchestrator import (
    AutonomousIntelligenceOrchestrator,
)
from ultimate_discord_intelligence_bot.embedding import Embedder

passes = []
read = Embedder.read

def counted(self, texts, *more):
    passes.append(len(texts))
    return read(self, texts, *more)

Embedder.read = counted
orchestrator = AutonomousIntelligenceOrchestrator(allow_files=True)
began = time.perf_counter()
result = asyncio.run(orchestrator.execute_autonomous_intelligence_workflow(sys.argv[1], "standard"))
seconds = time.perf_counter() - began
report = json.loads((result.out / "report.json").read_text())
del report["acquired_at"]
print(json.dumps({
    "seconds": seconds,
    "status": result.status,
    "phases": result.phases,
    "passes": passes,
    "report": report,
    # Not getrusage: its peak begins with that of the process that started this one.
    "peak_mb": int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]) / 1024,
}))
"""


def _clock(seconds: float) -> str:
    return f"{int(seconds // 3600):02d}:{int(seconds // 60) % 60:02d}:{seconds % 60:06.3f}"


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    length = 3600 / SEGMENTS
    cues = "\n\n".join(
        f"{_clock(i * length)} --> {_clock(i * length + length - 0.2)}\n"
        f"<v {('Ada', 'Ben')[i // 3 % 2]}>{sentence}"
        for i, sentence in enumerate(sentences())
    )
    path = tmp_path_factory.mktemp("hour") / "hour.vtt"
    path.write_text(f"WEBVTT\n\n{cues}\n")
    return path


def _run(hour: Path, folder: Path, *, parallel: bool) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(hour)],
        env=os.environ
        | {"AUTOINTEL_DATA_DIR": str(folder), "ENABLE_PARALLEL_AUTOINTEL": str(parallel)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_an_hour_of_captions(hour: Path, tmp_path: Path) -> None:
    folders = (tmp_path / str(number) for number in range(100))
    _, results = interleave(
        {
            "all flags off": lambda: _run(hour, next(folders), parallel=False),
            "all flags on": lambda: _run(hour, next(folders), parallel=True),
        },
        rounds=2,
    )
    show(
        "One hour of captions, after imports",
        {name: [result["seconds"] for result in runs] for name, runs in results.items()},
    )
    first = results["all flags on"][0]
    for phase, seconds in first["phases"].items():
        print(f"    {phase:<14} {seconds:7.3f} s")
    peak = max(result["peak_mb"] for runs in results.values() for result in runs)
    print(f"    peak memory    {peak:7.0f} MB, imports included")
    print(f"    segments       {len(first['report']['transcript']['segments']):7d}")
    for runs in results.values():
        for result in runs:
            assert result["status"] == "complete"
            assert result["report"] == first["report"]
            assert result["passes"] == [SEGMENTS]
            assert result["peak_mb"] < 1000
    assert min(result["seconds"] for result in results["all flags on"]) <= 20
