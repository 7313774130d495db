"""A file that is listened to while it grows sounds like the finished one."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.media import RATE, make_tone, write_audio
from ultimate_discord_intelligence_bot.errors import NotMedia
from ultimate_discord_intelligence_bot.transcription.growing import GrowingFile
from ultimate_discord_intelligence_bot.transcription.sound import samples_of

CONTAINERS = {
    "mp3": {},
    "ogg": {},
    "opus": {},
    "webm": {},
    "flac": {},
    "wav": {},
    "aac": {},
    "ts": {},
    "mkv": {},
    "m4a": {"movflags": "faststart"},
    "mp4": {"movflags": "frag_keyframe+empty_moov"},
}


def chirp(seconds: float) -> np.ndarray:
    """A tone that rises, so that every moment sounds different."""
    time = np.arange(int(seconds * RATE)) / RATE
    return 0.3 * np.sin(2 * np.pi * (200 + 40 * time) * time)


def append_slowly(data: bytes, path: Path, whole: threading.Event, pieces: int = 40) -> None:
    size = -(-len(data) // pieces)
    with path.open("ab") as file:
        for first in range(0, len(data), size):
            file.write(data[first : first + size])
            file.flush()
            time.sleep(0.005)
    path.replace(path.with_name("finished"))
    whole.set()


@pytest.fixture
def growing(tmp_path: Path) -> Iterator[GrowingFile]:
    path = tmp_path / "talk.part"
    path.touch()
    file = GrowingFile(path, threading.Event())
    yield file
    file.close()


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_it_sounds_the_same_as_the_finished_file(suffix: str, tmp_path: Path) -> None:
    options = CONTAINERS[suffix]
    whole_file = write_audio(tmp_path / f"whole.{suffix}", chirp(20.0), "A title", **options)
    data = whole_file.read_bytes()
    path, whole = tmp_path / "talk.part", threading.Event()
    path.touch()
    file = GrowingFile(path, whole)
    writer = threading.Thread(target=append_slowly, args=(data, path, whole))
    writer.start()
    assert not file.index_is_last()
    heard = np.concatenate(list(samples_of(file)))
    writer.join()
    np.testing.assert_array_equal(heard, np.concatenate(list(samples_of(whole_file))))
    assert len(heard) == pytest.approx(20 * RATE, rel=0.02)
    assert file.sha256() == hashlib.sha256(data).hexdigest()
    file.close()


def test_sound_is_there_long_before_the_end(tmp_path: Path) -> None:
    data = write_audio(tmp_path / "whole.mp3", chirp(60.0)).read_bytes()
    path, whole = tmp_path / "talk.part", threading.Event()
    path.write_bytes(data[: len(data) // 2])
    file = GrowingFile(path, whole)
    sound = samples_of(file)
    heard = 0
    while heard < 20 * RATE:
        heard += len(next(sound))
    assert not whole.is_set()
    file.close()


def test_an_mp4_with_its_index_at_the_end_is_recognised_at_its_beginning(tmp_path: Path) -> None:
    whole = make_tone(tmp_path / "tone.m4a", 5.0)
    path = tmp_path / "talk.part"
    path.write_bytes(whole.read_bytes()[:2000])
    file = GrowingFile(path, threading.Event())
    assert file.index_is_last()
    file.close()


@pytest.mark.parametrize("data", [b"", b"ID3", b"\0\0\0\1ftyp" + b"\0" * 60, b"\0" * 5000])
def test_what_is_no_mp4_is_read_on(data: bytes, growing: GrowingFile) -> None:
    whole = growing._whole
    Path(growing._file.name).write_bytes(data)
    whole.set()
    growing.index_is_last()
    assert growing.sha256() == hashlib.sha256(data).hexdigest()
    with pytest.raises(NotMedia):
        list(samples_of(growing))


def test_the_hash_is_that_of_what_was_read_not_of_what_came_in_its_place(
    growing: GrowingFile,
) -> None:
    path = Path(growing._file.name)
    path.write_bytes(b"a" * 1000)
    growing.read(500)
    path.write_bytes(b"b" * 1000)  # the download began anew
    growing._whole.set()
    assert growing.sha256() == hashlib.sha256(b"a" * 500 + b"b" * 500).hexdigest()
