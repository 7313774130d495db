"""What the orchestrator accepts, before any run begins."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ultimate_discord_intelligence_bot.autonomous_orchestrator import (
    AutonomousIntelligenceOrchestrator,
    in_own_loop,
)
from ultimate_discord_intelligence_bot.errors import InputError, SettingsError
from ultimate_discord_intelligence_bot.settings import Settings


def test_a_local_file_is_refused_unless_the_caller_allows_it(
    settings: Settings, debate: Path, data_dir: Path
) -> None:
    orchestrator = AutonomousIntelligenceOrchestrator(settings)
    result = asyncio.run(orchestrator.execute_autonomous_intelligence_workflow(url=str(debate)))
    assert result.status == "failed"
    assert isinstance(result.error, InputError)
    assert not data_dir.exists()


async def test_an_unknown_depth_is_a_mistake_of_the_caller(settings: Settings) -> None:
    orchestrator = AutonomousIntelligenceOrchestrator(settings)
    with pytest.raises(ValueError, match="bottomless"):
        await orchestrator.execute_autonomous_intelligence_workflow(
            url="https://example.org/a", depth="bottomless"
        )


async def test_settings_are_read_when_a_run_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    orchestrator = AutonomousIntelligenceOrchestrator()
    monkeypatch.setenv("AUTOINTEL_DEPTH", "bottomless")
    with pytest.raises(SettingsError, match="AUTOINTEL_DEPTH"):
        await orchestrator.execute_autonomous_intelligence_workflow(url="https://example.org/a")


async def test_cancellation_crosses_into_the_other_loop_and_waits_for_its_end() -> None:
    cleaned = []
    began = asyncio.Event()
    here = asyncio.get_running_loop()

    async def work() -> None:
        try:
            here.call_soon_threadsafe(began.set)
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            cleaned.append("up")

    running = asyncio.create_task(in_own_loop(work))
    await began.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert cleaned == ["up"]


async def test_an_error_crosses_back() -> None:
    async def fail() -> None:
        raise KeyError("there")

    with pytest.raises(KeyError, match="there"):
        await in_own_loop(fail)
