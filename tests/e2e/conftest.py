"""Whole runs on the sample debate, with the real crew, models and stores."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ultimate_discord_intelligence_bot.autonomous_orchestrator import (
    AutonomousIntelligenceOrchestrator,
    RunResult,
)
from ultimate_discord_intelligence_bot.settings import load_settings

ALMANAC = """WEBVTT

00:00:01.000 --> 00:00:05.000
<v Archivist>Between 1969 and 1972, twelve people walked on the Moon.

00:00:05.500 --> 00:00:09.000
<v Archivist>NASA receives 0.4 percent of the federal budget of the United States.

00:00:09.500 --> 00:00:13.000
<v Archivist>Voyager 1 left Earth in 1977 and crossed into interstellar space in 2012.

00:00:13.500 --> 00:00:17.000
<v Archivist>A crewed mission to Mars would cost about 500 billion dollars.

00:00:17.500 --> 00:00:21.000
<v Archivist>A flight to Mars takes about seven months.
"""


def execute(
    data_dir: Path, source: Path | str, depth: str = "standard", **options: Any
) -> RunResult:
    """One run in a data folder; keywords in capitals are settings."""
    overrides = {name: options.pop(name) for name in list(options) if name.isupper()}
    settings = load_settings(AUTOINTEL_DATA_DIR=data_dir, **overrides)
    orchestrator = AutonomousIntelligenceOrchestrator(settings, allow_files=True)
    return asyncio.run(
        orchestrator.execute_autonomous_intelligence_workflow(str(source), depth, **options)
    )


def content(result: RunResult) -> dict[str, Any]:
    """The report as it was written, without its one timing."""
    assert result.error is None
    assert result.out is not None
    report = json.loads((result.out / "report.json").read_text())
    del report["acquired_at"]
    return dict(report)


@pytest.fixture(scope="session")
def remembering(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which another source is remembered: an almanac that knows some facts."""
    folder = tmp_path_factory.mktemp("remembering")
    almanac = folder / "almanac.vtt"
    almanac.write_text(ALMANAC)
    assert execute(folder / "data", almanac, "deep").status == "complete"
    return folder / "data"


@pytest.fixture
def fresh_copy(remembering: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A data folder of one's own that remembers the almanac."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(remembering, tmp_path / name))

    return copy
