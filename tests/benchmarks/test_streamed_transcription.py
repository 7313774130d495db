"""Listening while the download runs, against listening after it.

A real yt-dlp fetches from a server on loopback that sends as fast as this machine listens, and
the real WhisperModel runs over a tiny model. With a large model, which listens more slowly than
most downloads arrive, it is the download's time that is saved.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.figures import Figures
from tests.benchmarks.measure import interleave
from tests.fixtures_whisper import build_tiny_whisper
from tests.media import RATE, voice_like, write_audio
from ultimate_discord_intelligence_bot.acquisition import acquire, parse_locator
from ultimate_discord_intelligence_bot.events import silent
from ultimate_discord_intelligence_bot.models.media import Growing
from ultimate_discord_intelligence_bot.models.transcript import Transcript
from ultimate_discord_intelligence_bot.runs import Run
from ultimate_discord_intelligence_bot.settings import Settings, load_settings
from ultimate_discord_intelligence_bot.transcription.recognition import (
    Listening,
    listen,
    recognise,
)

MINUTES = 10
DOWNLOAD_SECONDS = 5.0


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spoken = np.concatenate([voice_like(25 * RATE), np.zeros(5 * RATE)])
    sound = np.tile(spoken, MINUTES * 2)
    return write_audio(tmp_path_factory.mktemp("recording") / "talk.mp3", sound)


@pytest.fixture
def link(recording: Path) -> Iterator[str]:
    """The recording on a server that takes its time."""
    data = recording.read_bytes()
    step = 0.05
    piece = int(len(data) * step / DOWNLOAD_SECONDS) + 1

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._head()
            with suppress(ConnectionError):
                for first in range(0, len(data), piece):
                    self.wfile.write(data[first : first + piece])
                    time.sleep(step)

        def do_HEAD(self) -> None:
            self._head()

        def _head(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "audio/mpeg")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()

        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/talk.mp3"
    server.shutdown()
    server.server_close()


async def transcript(link: str, settings: Settings, *, streamed: bool) -> Transcript:
    run = Run(parse_locator(link, allow_files=False), settings.depth, settings)
    listening: list[Listening] = []

    def begin(growing: Growing) -> None:
        listening.append(listen(growing, settings))

    acquired = await acquire(run, silent, begin if streamed else None)
    assert len(listening) == streamed
    return await recognise(acquired, settings, silent, listening[0] if listening else None)


@pytest.mark.benchmark
@pytest.mark.timeout(180)
def test_streamed_transcription(link: str, tmp_path: Path, figures: Figures) -> None:
    model = str(build_tiny_whisper(tmp_path / "tiny"))
    number = count()

    def side(streamed: bool) -> Transcript:
        settings = load_settings(
            AUTOINTEL_DATA_DIR=tmp_path / f"data-{next(number)}", AUTOINTEL_WHISPER_MODEL=model
        )
        return asyncio.run(transcript(link, settings, streamed=streamed))

    seconds, found = interleave(
        {
            "download, then listen": lambda: side(streamed=False),
            "listen while downloading": lambda: side(streamed=True),
        },
        rounds=2,
    )
    comparison = figures.compare(
        f"{MINUTES} minutes of speech that take {DOWNLOAD_SECONDS:.0f} s to arrive",
        seconds,
        watch={"listen while downloading": "download, then listen"},
    )
    assert len({one.model_dump_json() for each in found.values() for one in each}) == 1
    ratio = comparison.ratio("listen while downloading").value
    figures.note("listen while downloading / download, then listen", ratio, "", most=0.85)
