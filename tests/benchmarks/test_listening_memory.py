"""The memory of the process that listens does not grow with the recording."""

from __future__ import annotations

import asyncio
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.figures import Figures
from tests.fixtures_whisper import build_tiny_whisper
from tests.media import RATE, voice_like, write_audio
from ultimate_discord_intelligence_bot.models.media import Acquisition, MediaFile, Source
from ultimate_discord_intelligence_bot.settings import load_settings
from ultimate_discord_intelligence_bot.transcription.recognition import recognise

SHORT, LONG = 10, 60
"""Minutes."""


def sparse_speech(path: Path, minutes: int) -> Path:
    """Ten seconds of a voice every five minutes."""
    spoken = np.concatenate([voice_like(10 * RATE), np.zeros(290 * RATE)])
    return write_audio(path, np.tile(spoken, minutes // 5))


def peak_of_children() -> float:
    """Megabytes that the largest child process of ours ever had in memory."""
    peaks = [0.0]
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            told = status.read_text()
        except OSError:
            continue
        peak = re.search(r"VmHWM:\s+(\d+)", told)
        if peak and f"PPid:\t{os.getpid()}\n" in told:
            peaks.append(int(peak[1]) / 1024)
    return max(peaks)


@pytest.mark.benchmark
def test_memory_does_not_grow_with_the_length(tmp_path: Path, figures: Figures) -> None:
    settings = load_settings(
        AUTOINTEL_DATA_DIR=tmp_path / "data",
        AUTOINTEL_WHISPER_MODEL=str(build_tiny_whisper(tmp_path / "tiny")),
    )
    peaks: dict[int, float] = {}
    for minutes in (SHORT, LONG):
        path = sparse_speech(tmp_path / f"{minutes}.flac", minutes)
        acquired = Acquisition(
            source=Source(id="s", url="file:///talk", title="Talk", platform="file"),
            media=MediaFile(path=path, sha256="0" * 64, size=path.stat().st_size),
            acquired_at=datetime.now(UTC),
        )
        peaks[minutes] = 0.0

        def watch(fraction: float | None, message: str, minutes: int = minutes) -> None:
            peaks[minutes] = max(peaks[minutes], peak_of_children())

        asyncio.run(recognise(acquired, settings, watch))
    for minutes, peak in peaks.items():
        figures.note(f"peak memory of the listening process, {minutes} minutes", peak, "MB")
    figures.note("the longer / the shorter", peaks[LONG] / peaks[SHORT], "", most=1.1)
