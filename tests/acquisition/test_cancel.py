"""Whatever a download is doing, it ends at once when it is cancelled."""

from __future__ import annotations

import asyncio
import os
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.processes import alive, until, worker_of
from tests.web import Web, serve
from ultimate_discord_intelligence_bot.acquisition import acquire, parse_locator
from ultimate_discord_intelligence_bot.acquisition.hosts import turn
from ultimate_discord_intelligence_bot.events import silent
from ultimate_discord_intelligence_bot.runs import Run
from ultimate_discord_intelligence_bot.settings import Depth, Settings

SECONDS = 2.0


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Silence of a quarter of an hour: fetched fast, and looked through for a moment."""
    path = tmp_path_factory.mktemp("sound") / "long.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 16000, 0, "NONE", ""))
        file.writeframes(bytes(900 * 64000))
    return path


@pytest.fixture
def web(sound: Path) -> Iterator[Web]:
    with serve(sound.parent) as server:
        yield server


def run_of(web: Web, path: str, settings: Settings) -> Run:
    return Run(parse_locator(f"{web.url}/{path}", allow_files=False), Depth.STANDARD, settings)


def arrived(run: Run, pattern: str) -> list[Path]:
    return [
        path
        for path in (run.media_folder / "incoming").glob(pattern)
        if path.is_file() and path.stat().st_size
    ]


async def cancelled(task: asyncio.Task[object], worker: int | None = None) -> float:
    """Cancel; returns after how many seconds the task has ended and its worker is dead."""
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    taken = time.monotonic() - began
    assert worker is None or not alive(worker)
    return taken


async def test_while_it_waits_for_its_turn(web: Web, settings: Settings) -> None:
    run = run_of(web, "ranges/long.wav", settings)
    told: list[str] = []
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(turn(run.locator.value, settings, silent))
        task = asyncio.create_task(acquire(run, lambda _, message: told.append(message)))
        await until(lambda: bool(told))
        assert await cancelled(task) < SECONDS


async def test_while_it_pauses_between_two_attempts(web: Web, settings: Settings) -> None:
    web.statuses = [(503, {"Retry-After": "60"})]
    told: list[str] = []
    run = run_of(web, "plays/ranges/long.wav", settings)
    task = asyncio.create_task(acquire(run, lambda _, message: told.append(message)))
    await until(lambda: any("attempt 2" in message for message in told))
    assert await cancelled(task) < SECONDS


@pytest.mark.parametrize(
    ("path", "pace", "point"),
    [
        ("silent", None, lambda web, run: web.requests["/silent"] > 0),
        ("ranges/long.wav", 2_000_000, lambda web, run: arrived(run, "*.part")),
        ("ranges/long.wav", None, lambda web, run: arrived(run, "*.wav")),
    ],
    ids=["looking at the link", "downloading", "checking the file"],
)
async def test_while_the_worker_is(
    web: Web,
    settings: Settings,
    path: str,
    pace: int | None,
    point: Callable[[Web, Run], object],
) -> None:
    web.pace = pace
    run = run_of(web, path, settings)
    task = asyncio.create_task(acquire(run, silent))
    worker = await worker_of(os.getpid())
    await until(lambda: bool(point(web, run)))
    assert await cancelled(task, worker) < SECONDS
