"""Those who listen take turns where there is no memory for all of them."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fixtures_whisper import build_tiny_whisper
from tests.media import make_voice
from ultimate_discord_intelligence_bot import machine
from ultimate_discord_intelligence_bot.admission import admitted
from ultimate_discord_intelligence_bot.deadline import deadline
from ultimate_discord_intelligence_bot.events import silent
from ultimate_discord_intelligence_bot.machine import MB, Memory
from ultimate_discord_intelligence_bot.models.media import Acquisition, Growing, MediaFile, Source
from ultimate_discord_intelligence_bot.settings import Settings, load_settings
from ultimate_discord_intelligence_bot.transcription.recognition import listen, recognise
from ultimate_discord_intelligence_bot.transcription.weights import choose, memory_for

ENOUGH = 1 << 40


@pytest.fixture
def spoken(tmp_path: Path) -> Acquisition:
    path = make_voice(tmp_path / "talk.mp3", [(0.5, 4.0)], 6.0)
    return Acquisition(
        source=Source(id="s", url="file:///talk", title="Talk", platform="file"),
        media=MediaFile(
            path=path,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            size=path.stat().st_size,
        ),
        acquired_at=datetime.now(UTC),
    )


@pytest.fixture
def narrow(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a machine that has memory for one at a time."""
    monkeypatch.setattr(machine, "memory", lambda most_mb: Memory(300 * MB, 300 * MB))
    model = build_tiny_whisper(tmp_path / "tiny")
    return load_settings(AUTOINTEL_DATA_DIR=data_dir, AUTOINTEL_WHISPER_MODEL=str(model))


async def test_recordings_are_heard_one_after_another_and_each_as_if_alone(
    spoken: Acquisition, narrow: Settings
) -> None:
    alone = await recognise(spoken, narrow, silent)
    told: list[list[str]] = [[], []]

    together = await asyncio.gather(
        *(recognise(spoken, narrow, lambda f, words, t=t: t.append(words)) for t in told)  # type: ignore[misc]
    )

    assert together == [alone, alone]
    assert sorted("waiting for memory" in words for words in told) == [False, True]


async def test_waiting_takes_nothing_from_the_time_of_the_stage(
    spoken: Acquisition, narrow: Settings
) -> None:
    waits = asyncio.Event()
    other = await admitted(ENOUGH, narrow, silent)

    def told(fraction: float | None, words: str) -> None:
        if words == "waiting for memory":
            waits.set()

    async def heard() -> None:
        async with deadline(30):
            await recognise(spoken, narrow, told)

    # The clock of the deadline would be far beyond its end.
    loop = asyncio.get_running_loop()
    work = asyncio.create_task(heard())
    await waits.wait()
    real = loop.time
    loop.time = lambda: real() + 60  # type: ignore[method-assign]
    other.close()
    await work


async def test_whoever_listens_to_a_growing_file_waits_as_well(
    spoken: Acquisition, narrow: Settings
) -> None:
    assert spoken.media is not None
    alone = await recognise(spoken, narrow, silent)
    other = await admitted(ENOUGH, narrow, silent)
    growing = Growing(path=spoken.media.path, title="Talk", description="")
    told = asyncio.Event()

    listening = listen(growing, narrow)
    finished = asyncio.create_task(
        listening.finish(spoken.media, lambda fraction, words: told.set())
    )
    await told.wait()
    assert not finished.done()
    other.close()

    assert await finished == alone


def test_what_a_model_may_take_follows_its_size_and_format(tmp_path: Path) -> None:
    model = build_tiny_whisper(tmp_path / "model", ballast=100)
    small, large = (
        memory_for(
            choose(load_settings(AUTOINTEL_WHISPER_MODEL=str(model), AUTOINTEL_WHISPER_COMPUTE=c))
        )
        for c in ("int8", "float32")
    )
    assert 400 * MB < small < 410 * MB
    assert 550 * MB < large < 560 * MB
