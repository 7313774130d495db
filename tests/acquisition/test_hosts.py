"""A host is asked for one recording at a time."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.media import make_tone
from tests.processes import until
from tests.web import Web, serve
from ultimate_discord_intelligence_bot.acquisition import acquire, parse_locator
from ultimate_discord_intelligence_bot.acquisition.hosts import turn
from ultimate_discord_intelligence_bot.events import silent
from ultimate_discord_intelligence_bot.runs import Run
from ultimate_discord_intelligence_bot.settings import Depth, Settings

LINK = "https://www.example.org/one"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    folder = tmp_path / "www"
    folder.mkdir()
    make_tone(folder / "talk.wav", 5)
    make_tone(folder / "other.wav", 6)
    with serve(folder) as server:
        yield server


class Visitors:
    """How many hold a place at the same time."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0

    async def visit(self, link: str, settings: Settings, told: list[str]) -> None:
        async with turn(link, settings, lambda _, message: told.append(message)):
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0.02)
            self.now -= 1


@pytest.mark.parametrize("places", [1, 3])
async def test_as_many_as_the_setting_says_are_there_at_once(
    settings: Settings, places: int
) -> None:
    settings = settings.model_copy(update={"downloads_per_host": places})
    visitors = Visitors()
    told: list[str] = []
    links = [f"https://example.org/{number}" for number in range(6)]
    await asyncio.gather(*(visitors.visit(link, settings, told) for link in links))
    assert visitors.most == places
    assert set(told) == {"waiting for another download from example.org"}
    assert not list((settings.data_dir / "hosts").iterdir())


async def test_other_hosts_are_not_waited_for(settings: Settings) -> None:
    async with turn(LINK, settings, silent), turn("https://example.com/", settings, silent):
        pass


async def test_waiting_can_be_cancelled_at_once(settings: Settings) -> None:
    async with turn(LINK, settings, silent):
        waiting = asyncio.create_task(Visitors().visit(LINK, settings, []))
        await asyncio.sleep(0.2)
        began = time.monotonic()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert time.monotonic() - began < 0.1


async def test_a_killed_program_gives_its_place_back(settings: Settings, tmp_path: Path) -> None:
    script = tmp_path / "holder.py"
    script.write_text(
        "import asyncio\n"
        "from ultimate_discord_intelligence_bot.acquisition.hosts import turn\n"
        "from ultimate_discord_intelligence_bot.events import silent\n"
        "from ultimate_discord_intelligence_bot.settings import load_settings\n"
        "async def hold():\n"
        f"    settings = load_settings(AUTOINTEL_DATA_DIR={str(settings.data_dir)!r})\n"
        f"    async with turn({LINK!r}, settings, silent):\n"
        "        print('held', flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(hold())\n"
    )
    holder = await asyncio.create_subprocess_exec(
        *(sys.executable, str(script)), stdout=asyncio.subprocess.PIPE
    )
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"held\n"
    told: list[str] = []
    waiting = asyncio.create_task(Visitors().visit(LINK, settings, told))
    await until(lambda: bool(told))
    holder.send_signal(signal.SIGKILL)
    await holder.wait()
    await asyncio.wait_for(waiting, 2)


async def test_downloads_from_one_host_follow_each_other(web: Web, settings: Settings) -> None:
    told: list[str] = []

    async def fetch(name: str) -> None:
        locator = parse_locator(f"{web.url}/{name}", allow_files=False)
        run = Run(locator, Depth.STANDARD, settings)
        await acquire(run, lambda _, message: told.append(f"{name}: {message}"))

    await asyncio.gather(fetch("talk.wav"), fetch("other.wav"))
    waited = "other.wav: waiting for another download from 127.0.0.1"
    assert waited in told
    last_of_the_first = max(i for i, message in enumerate(told) if message.startswith("talk"))
    assert told.index("other.wav: looking at the link") > last_of_the_first
