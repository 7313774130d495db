"""Log lines."""

from __future__ import annotations

import asyncio

import pytest
import structlog

from ultimate_discord_intelligence_bot.observability import configure_logging, run_context


async def test_every_line_carries_the_run_id(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info")

    async def speak(run_id: str) -> None:
        with run_context(run_id):
            await asyncio.sleep(0)
            await asyncio.to_thread(structlog.get_logger().info, "spoke", who=run_id)

    await asyncio.gather(speak("one"), speak("two"))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    for run_id in ("one", "two"):
        assert sum(f"run_id={run_id}" in line and f"who={run_id}" in line for line in lines) == 1


def test_nothing_below_the_level_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("warning")
    structlog.get_logger().info("quiet")
    assert capsys.readouterr().err == ""
