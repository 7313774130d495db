"""Log lines."""

from __future__ import annotations

import asyncio
import json
import logging
import warnings

import pytest
import structlog

from ultimate_discord_intelligence_bot.observability import configure_logging, run_context
from ultimate_discord_intelligence_bot.settings import Settings, load_settings


def at(level: str, form: str = "logfmt") -> Settings:
    return load_settings(AUTOINTEL_LOG_LEVEL=level, AUTOINTEL_LOG_FORMAT=form)


async def test_every_line_carries_the_run_id(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(at("info"))

    async def speak(run_id: str) -> None:
        with run_context(run_id):
            await asyncio.sleep(0)
            await asyncio.to_thread(structlog.get_logger().info, "spoke", who=run_id)

    await asyncio.gather(speak("one"), speak("two"))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    for run_id in ("one", "two"):
        assert sum(f"run_id={run_id}" in line and f"who={run_id}" in line for line in lines) == 1


async def test_lines_for_machines_carry_it_too_and_those_of_libraries(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging(at("info", "json"))
    with run_context("one"):
        structlog.get_logger().info("spoke", number=1, path=None)
        await asyncio.to_thread(logging.getLogger("library").warning, "said %s", "this")
    ours, theirs = map(json.loads, capsys.readouterr().err.splitlines())
    assert ours.pop("timestamp").endswith("Z")
    assert ours == {"event": "spoke", "number": 1, "path": None, "level": "info", "run_id": "one"}
    assert (theirs["event"], theirs["level"], theirs["run_id"]) == ("said this", "warning", "one")


def test_warnings_become_lines(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(at("warning", "json"))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)  # pytest shows them itself meanwhile
        logging.captureWarnings(True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    lines = capsys.readouterr().err.splitlines()
    assert any("old" in json.loads(line)["event"] for line in lines)


def test_nothing_below_the_level_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(at("warning"))
    structlog.get_logger().info("quiet")
    logging.getLogger("library").info("quiet")
    assert capsys.readouterr().err == ""
