"""Runs without barriers: the same reports, also where something fails, is stopped or is killed."""

# ruff: noqa: ASYNC110 - runs live on loops of their own and can only be watched

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import content, execute
from tests.killed_run import KilledRun
from ultimate_discord_intelligence_bot.autonomous_orchestrator import (
    AutonomousIntelligenceOrchestrator,
)
from ultimate_discord_intelligence_bot.errors import TranscriptionError
from ultimate_discord_intelligence_bot.events import Progress, StageEvent
from ultimate_discord_intelligence_bot.inputs import Inputs
from ultimate_discord_intelligence_bot.models.report import Report
from ultimate_discord_intelligence_bot.runner import Work
from ultimate_discord_intelligence_bot.settings import load_settings
from ultimate_discord_intelligence_bot.stages import StageWork

Copy = Callable[[str], Path]


def broken(monkeypatch: pytest.MonkeyPatch, stage: str, error: Exception) -> None:
    """Let the work of a stage fail."""
    everything = StageWork.all

    async def fail(inputs: Inputs, progress: Progress) -> Report:
        raise error

    def works(self: StageWork) -> dict[str, Work]:
        work = everything(self)
        return {**work, stage: replace(work[stage], do=fail)}

    monkeypatch.setattr(StageWork, "all", works)


def both(fresh_copy: Copy, source: Path, depth: str, **more: Any) -> list[dict[str, Any]]:
    """The reports of a run with barriers and of one without."""
    reports = []
    for piped in (0, 1):
        folder = fresh_copy(f"data-{piped}")
        result = execute(folder, source, depth, ENABLE_PIPELINED_RUN=piped, **more)
        assert result.error is None
        reports.append(content(result))
    return reports


@pytest.mark.parametrize(
    "stage", ["embedding", "claims", "key_points", "source_evidence", "verdicts", "vector_memory"]
)
def test_what_is_missing_is_the_same(
    stage: str, debate: Path, fresh_copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch, stage, RuntimeError("the wire is cut"))
    barriers, flowing = both(fresh_copy, debate, "experimental")
    assert flowing == barriers
    assert stage in {missing["stage"] for missing in flowing["missing"]}


@pytest.mark.parametrize("stage", ["transcription", "speakers"])
def test_a_critical_stage_that_fails_ends_the_run_with_one_error(
    stage: str, data_dir: Path, debate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        broken(patch, stage, TranscriptionError("It was too quiet.", "Speak up."))
        result = execute(data_dir, debate, "deep", ENABLE_PIPELINED_RUN=1)
    assert result.status == "failed"
    assert result.error is not None
    assert (result.error.message, result.error.remedy) == ("It was too quiet.", "Speak up.")
    again = execute(data_dir, debate, "deep", ENABLE_PIPELINED_RUN=1)
    assert again.status == "complete"
    assert "acquisition" in again.reused


@pytest.mark.parametrize("stage", ["embedding", "claims", "vector_memory"])
async def test_a_run_that_is_stopped_leaves_nothing_behind_and_can_go_on(
    stage: str, data_dir: Path, debate: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = load_settings(AUTOINTEL_DATA_DIR=data_dir, ENABLE_PIPELINED_RUN=1)
    orchestrator = AutonomousIntelligenceOrchestrator(settings, allow_files=True)
    reached = threading.Event()

    def watch(event: StageEvent) -> None:
        if (event.stage, event.kind) == (stage, "started"):
            reached.set()

    orchestrator.events.subscribe(watch)
    run = asyncio.create_task(
        orchestrator.execute_autonomous_intelligence_workflow(str(debate), "deep")
    )
    while not reached.is_set():
        await asyncio.sleep(0.005)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    names = {thread.name for thread in threading.enumerate()}
    assert not any(name == "run" or name.startswith("stage") for name in names)
    assert [r.message for r in caplog.records if r.name == "asyncio"] == []
    result = await orchestrator.execute_autonomous_intelligence_workflow(str(debate), "deep")
    assert result.status == "complete"
    assert {"acquisition", "transcription"} <= set(result.reused)


@pytest.mark.parametrize(
    ("stage", "kind"),
    [
        ("acquisition", "finished"),
        ("embedding", "started"),
        ("claims", "finished"),
        ("vector_memory", "started"),
        ("briefing", "finished"),
    ],
)
def test_a_run_that_was_killed_goes_on_with_or_without_barriers(
    stage: str, kind: str, data_dir: Path, debate: Path, tmp_path: Path, killed_run: KilledRun
) -> None:
    killed = killed_run(data_dir, debate, stage, kind, "experimental", ENABLE_PIPELINED_RUN="true")
    assert killed == -signal.SIGKILL
    continued = execute(data_dir, debate, "experimental", ENABLE_PIPELINED_RUN=kind == "started")
    assert continued.status == "complete"
    assert "acquisition" in continued.reused
    assert (stage in continued.reused) is (kind == "finished")
    assert content(continued) == content(execute(tmp_path / "other", debate, "experimental"))
