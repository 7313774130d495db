"""Whole runs on the sample debate, with the real crew, models and stores."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.copies import copied
from tests.killed_run import KilledRun
from ultimate_discord_intelligence_bot.autonomous_orchestrator import (
    AutonomousIntelligenceOrchestrator,
    RunResult,
)
from ultimate_discord_intelligence_bot.settings import load_settings

ALMANAC = Path(__file__).parents[2] / "examples" / "almanac.vtt"


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
    assert execute(folder / "data", ALMANAC, "deep").status == "complete"
    return folder / "data"


@pytest.fixture(scope="session")
def killed_run() -> Iterator[KilledRun]:
    """Runs that kill themselves at some moment."""
    with KilledRun() as run:
        yield run


@pytest.fixture
def fresh_copy(remembering: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A data folder of one's own that remembers the almanac."""

    def copy(name: str) -> Path:
        return copied(remembering, tmp_path / name)

    return copy
