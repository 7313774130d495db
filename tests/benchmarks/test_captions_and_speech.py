"""The same hour as captions and as sound: how much sooner captions become a transcript.

The speech model here is a tiny one with made-up weights, which costs next to nothing: what is
measured of speech recognition is the process, the decoder, the voice detector and Whisper's
frame. Whisper small itself takes several times as long on a CPU, so that the true ratio is
larger than the one printed.
"""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.figures import Figures
from tests.benchmarks.measure import interleave
from tests.fixtures_whisper import build_tiny_whisper
from tests.media import RATE, voice_like, write_audio
from ultimate_discord_intelligence_bot.events import silent
from ultimate_discord_intelligence_bot.models.media import (
    Acquisition,
    CaptionFile,
    MediaFile,
    Source,
)
from ultimate_discord_intelligence_bot.models.transcript import Transcript
from ultimate_discord_intelligence_bot.settings import load_settings
from ultimate_discord_intelligence_bot.transcription import transcribe

HOUR = 3600
EVERY = 5
SUBJECTS = ("the railway", "the hospital", "solar power", "the museum", "our rivers", "the harbour")


def write_captions(path: Path) -> Path:
    cues = ["WEBVTT"]
    for number, start in enumerate(range(0, HOUR, EVERY)):
        times = " --> ".join(
            f"{at // 3600:02d}:{at // 60 % 60:02d}:{at % 60:02d}.000" for at in (start, start + 4)
        )
        subject = SUBJECTS[number % len(SUBJECTS)]
        cues.append(f"{times}\nIn {1990 + number % 30}, {subject} had {number} visitors a day.")
    path.write_text("\n\n".join(cues) + "\n")
    return path


def write_sound(path: Path) -> Path:
    spoken = np.concatenate([voice_like(4 * RATE), np.zeros((EVERY - 4) * RATE)])
    return write_audio(path, np.tile(spoken, HOUR // EVERY))


def described(path: Path) -> Acquisition:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    captions = path.suffix == ".vtt"
    source = Source(id="s", url="file:///hour", title="An hour", platform="file", duration=HOUR)
    return Acquisition(
        source=source,
        media=None if captions else MediaFile(path=path, sha256=digest, size=path.stat().st_size),
        captions=(CaptionFile(path=path, sha256=digest, language="en"),) if captions else (),
        acquired_at=datetime.now(UTC),
    )


@pytest.mark.benchmark
def test_captions_against_speech_recognition(tmp_path: Path, figures: Figures) -> None:
    settings = load_settings(
        AUTOINTEL_DATA_DIR=tmp_path / "data",
        AUTOINTEL_WHISPER_MODEL=str(build_tiny_whisper(tmp_path / "tiny")),
    )
    captions = described(write_captions(tmp_path / "hour.vtt"))
    sound = described(write_sound(tmp_path / "hour.flac"))

    def transcript(acquired: Acquisition) -> Transcript:
        return asyncio.run(transcribe(acquired, settings, silent))

    seconds, found = interleave(
        {"captions": lambda: transcript(captions), "sound": lambda: transcript(sound)}, rounds=2
    )
    figures.compare("One hour to a transcript", seconds)
    # The first round loads the model that tells the language of a text, once for a process.
    best = {name: min(rounds) for name, rounds in seconds.items()}
    for name, taken in best.items():
        figures.note(f"{name}, at best", HOUR / taken, "× real time")
    assert found["captions"][0].origin == "human captions"
    assert found["sound"][0].origin == "speech recognition"
    assert len(found["captions"][0].segments) == HOUR // EVERY
    figures.note("captions / sound", best["captions"] / best["sound"], "", most=0.1)
