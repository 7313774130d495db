"""Runs on links of the small internet, and what must hold when one fails."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.clarity import assert_clear
from tests.web_of_hosts import PUBLIC, VICTIM
from ultimate_discord_intelligence_bot.acquisition import acquire, parse_locator
from ultimate_discord_intelligence_bot.errors import AddressRefused, AutointelError
from ultimate_discord_intelligence_bot.events import silent
from ultimate_discord_intelligence_bot.models.media import Acquisition
from ultimate_discord_intelligence_bot.runs import Run
from ultimate_discord_intelligence_bot.settings import Depth, load_settings

REMEDY = "If you trust that host, add it to AUTOINTEL_ALLOWED_HOSTS."
_SECONDS = 60


class Visit:
    """One run on a link, with the public hosts of the small internet allowed.

    Attributes:
        overrides: settings by environment name.
        peak: the most memory that the download process had, in megabytes.
        seconds: how long it took.
    """

    def __init__(self, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.peak = 0.0
        monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent / "internet"), prepend=":")
        self.overrides: dict[str, object] = {
            "AUTOINTEL_DATA_DIR": data_dir,
            "AUTOINTEL_ALLOWED_HOSTS": ",".join(PUBLIC),
            "AUTOINTEL_MAX_DOWNLOAD_MB": 3,
            "AUTOINTEL_NETWORK_TIMEOUT": 2.0,
            "AUTOINTEL_DOWNLOAD_RETRIES": 0,
        }

    async def __call__(self, link: str) -> Acquisition:
        settings = load_settings(**self.overrides)
        run = Run(parse_locator(link, allow_files=False), Depth.STANDARD, settings)
        self.folder = run.media_folder
        began = time.monotonic()
        watch = asyncio.create_task(self._watch())
        try:
            return await acquire(run, silent)
        finally:
            self.seconds = time.monotonic() - began
            watch.cancel()

    async def fails(self, link: str, kind: type[AutointelError]) -> AutointelError:
        """It ends with exactly this error, in words, in time, and leaves nothing on disk."""
        with pytest.raises(AutointelError) as caught:
            await self(link)
        assert type(caught.value) is kind, repr(caught.value)
        assert_clear(caught.value)
        assert self.seconds < _SECONDS
        assert [path for path in self.folder.rglob("*") if path.is_file()] == []
        return caught.value

    async def refused(self, link: str, place: str = VICTIM) -> None:
        error = await self.fails(link, AddressRefused)
        assert error.message == f"The link leads to {place}, an address inside the network."
        assert error.remedy == REMEDY

    async def _watch(self) -> None:
        while True:
            self.peak = max(self.peak, _peak_of_children())
            await asyncio.sleep(0.005)


def _peak_of_children() -> float:
    """The highest resident memory that a child of this process has ever had, in megabytes."""
    peak = 0.0
    for children in Path("/proc/self/task").glob("*/children"):
        for child in children.read_text().split():
            with suppress(OSError):
                status = Path(f"/proc/{child}/status").read_text()
                if found := re.search(r"VmHWM:\s+(\d+)", status):
                    peak = max(peak, int(found[1]) / 1024)
    return peak
