"""The parts of speech recognition that need no model."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.media import make_tone, make_voice, write_audio
from ultimate_discord_intelligence_bot.transcription.speech import (
    RATE,
    Stopped,
    _spoken_words,
    blocks,
)


def test_blocks_are_all_of_the_sound_cut_in_pauses(tmp_path: Path) -> None:
    file = make_voice(tmp_path / "talk.wav", [(1.0, 4.0), (8.5, 11.5), (16.0, 18.0)], 25.0)
    found = list(blocks(file, threading.Event(), 10.0))
    assert sum(len(block.samples) for block in found) == 25 * RATE
    starts = [block.start for block in found]
    assert all(not 8.7 < start < 11.3 and not 1.2 < start < 3.8 for start in starts)
    assert all(len(block.samples) <= 10 * RATE for block in found)
    ends = np.cumsum([len(block.samples) / RATE for block in found])
    assert starts == pytest.approx([0.0, *ends[:-1]])


def test_a_tone_and_noise_are_no_speech(tmp_path: Path) -> None:
    noise = 0.05 * np.random.default_rng(1).standard_normal(4 * RATE)
    for file in (make_tone(tmp_path / "a.wav"), write_audio(tmp_path / "b.wav", noise)):
        assert not any(block.speaks for block in blocks(file, threading.Event(), 10.0))


def test_listening_stops_when_nobody_waits(tmp_path: Path) -> None:
    stop = threading.Event()
    heard = blocks(make_tone(tmp_path / "a.wav", 5.0), stop, 1.0)
    next(heard)
    stop.set()
    with pytest.raises(Stopped):
        list(heard)


def test_no_word_is_lost_where_its_time_is_missing() -> None:
    words = [SimpleNamespace(start=1.0, end=2.0, word=" moon")]
    segment = SimpleNamespace(start=0.5, end=2.0, text=" The moon", words=words)
    (cue,) = _spoken_words(segment, 10.0)
    assert (cue.start, cue.end, cue.text) == (10.5, 12.0, "The moon")
