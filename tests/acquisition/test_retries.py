"""Failures that pass are waited out; the others are not."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

from tests.clarity import assert_clear
from tests.media import make_tone
from tests.processes import until, worker_of
from tests.web import Web, serve
from ultimate_discord_intelligence_bot.acquisition import acquire, download, parse_locator
from ultimate_discord_intelligence_bot.errors import (
    AutointelError,
    BotCheck,
    NetworkFailed,
    WorkerDied,
)
from ultimate_discord_intelligence_bot.events import silent
from ultimate_discord_intelligence_bot.runs import Run
from ultimate_discord_intelligence_bot.settings import Depth, Settings


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    folder = tmp_path / "www"
    folder.mkdir()
    make_tone(folder / "talk.wav", 10)
    make_tone(folder / "film.mp4")
    (folder / "film.mp4.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:02.000\nHello.\n")
    with serve(folder) as server:
        yield server


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(download, "_FIRST_PAUSE", 0.01)
    return settings.model_copy(update={"network_timeout": 2.0, "download_retries": 2})


def run_of(link: str, settings: Settings) -> Run:
    return Run(parse_locator(link, allow_files=False), Depth.STANDARD, settings)


async def test_a_download_is_continued_as_often_as_the_setting_says(
    web: Web, settings: Settings
) -> None:
    web.breaks = [100_000, 100_000]
    told: list[str] = []
    run = run_of(f"{web.url}/plays/ranges/talk.wav", settings)
    found = await acquire(run, lambda _, message: told.append(message))
    assert found.media is not None
    assert found.media.path.read_bytes() == (web.folder / "talk.wav").read_bytes()
    pauses = [message for message in told if "attempt" in message]
    assert pauses == [
        "connection lost, attempt 2 of 3 in 0 s",
        "connection lost, attempt 3 of 3 in 0 s",
    ]


async def test_a_download_that_never_holds_is_given_up(web: Web, settings: Settings) -> None:
    web.breaks = [50_000] * 10
    with pytest.raises(NetworkFailed) as caught:
        await acquire(run_of(f"{web.url}/plays/ranges/talk.wav", settings), silent)
    assert_clear(caught.value)
    assert len(web.answers) == 3


@pytest.mark.parametrize("status", [429, 503])
async def test_a_busy_host_is_given_the_time_it_asks_for(
    web: Web, settings: Settings, status: int
) -> None:
    web.statuses = [(status, {"Retry-After": "1"})]
    began = time.monotonic()
    told: list[str] = []
    run = run_of(f"{web.url}/plays/ranges/talk.wav", settings)
    await acquire(run, lambda _, message: told.append(message))
    assert time.monotonic() - began >= 1
    assert "the host is busy, attempt 2 of 3 in 1 s" in told


@pytest.mark.parametrize(
    "wait", ["3600", formatdate(time.time() + 5000, usegmt=True)], ids=["seconds", "date"]
)
async def test_nobody_waits_an_hour(web: Web, settings: Settings, wait: str) -> None:
    web.statuses = [(429, {"Retry-After": wait})]
    with pytest.raises(BotCheck):
        await acquire(run_of(f"{web.url}/plays/ranges/talk.wav", settings), silent)
    assert web.requests["/ranges/talk.wav"] == 1


@pytest.mark.parametrize("path", ["/status/404", "/status/403", "/empty.mp3"])
async def test_what_will_be_the_same_next_time_is_tried_once(
    web: Web, settings: Settings, path: str
) -> None:
    with pytest.raises(AutointelError):
        await acquire(run_of(web.url + path, settings), silent)
    assert web.requests[path] <= 2  # a look, and the file


async def test_a_host_that_never_answered_is_tried_once(settings: Settings) -> None:
    told: list[str] = []
    run = run_of("http://127.0.0.1:9/talk.mp3", settings)
    with pytest.raises(NetworkFailed):
        await acquire(run, lambda _, message: told.append(message))
    assert told == ["looking at the link"]


async def test_a_worker_that_crashes_counts_as_an_attempt(web: Web, settings: Settings) -> None:
    run = run_of(f"{web.url}/slow.mp3", settings.model_copy(update={"download_retries": 1}))
    task = asyncio.create_task(acquire(run, silent))
    for number in (1, 2):
        asked = 2 * number
        worker = await worker_of(os.getpid(), lambda: web.requests["/slow.mp3"] >= asked)  # noqa: B023
        os.kill(worker, signal.SIGKILL)
    with pytest.raises(WorkerDied):
        await task


async def test_captions_that_are_late_are_waited_for(web: Web, settings: Settings) -> None:
    web.busy = {"/film.mp4.vtt"}
    task = asyncio.create_task(acquire(run_of(f"{web.url}/page-with/film.mp4", settings), silent))
    await until(lambda: web.requests["/film.mp4.vtt"] == 1)
    web.busy.clear()
    assert len((await task).captions) == 1


async def test_captions_that_never_come_do_not_cost_the_recording(
    web: Web, settings: Settings
) -> None:
    web.busy = {"/film.mp4.vtt"}
    found = await acquire(run_of(f"{web.url}/page-with/film.mp4", settings), silent)
    assert found.captions == ()
    assert found.media is not None
    assert web.requests["/film.mp4.vtt"] == 3
