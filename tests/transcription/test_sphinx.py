"""Rough recognition where no speech model can be had: what it hears, and what it says of itself."""

from __future__ import annotations

import re
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import jiwer
import numpy as np
import pytest

from tests.media import RATE, make_silence, make_voice, write_audio
from tests.speech_samples import TALK, flite, librivox, needs_flite, needs_librivox, words
from ultimate_discord_intelligence_bot.errors import (
    ModelMissing,
    NoSpeech,
    TooLong,
    TranscriptionError,
)
from ultimate_discord_intelligence_bot.events import Progress, silent
from ultimate_discord_intelligence_bot.models.transcript import Transcript
from ultimate_discord_intelligence_bot.settings import Settings
from ultimate_discord_intelligence_bot.transcription.sound import Stopped, samples_of
from ultimate_discord_intelligence_bot.transcription.sphinx import (
    _heard,
    _integers,
    recognise_roughly,
)


def rough(path: Path, settings: Settings, progress: Progress = silent) -> Transcript:
    return recognise_roughly(path, settings, progress, threading.Event())


def piece(word: str, start: int, end: int) -> SimpleNamespace:
    return SimpleNamespace(word=word, start_frame=start, end_frame=end)


# -- what it hears ----------------------------------------------------------------------------


@needs_flite
def test_it_understands_most_of_a_synthetic_voice(settings: Settings, tmp_path: Path) -> None:
    sample = flite("rms", TALK.split("\n\n")[0], tmp_path)
    told: list[float | None] = []
    found = rough(sample.path, settings, lambda fraction, _: told.append(fraction))
    text = " ".join(segment.text for segment in found.segments)
    assert jiwer.wer(words(sample.text), text) < 0.25
    assert re.fullmatch(r"[a-z'. -]+", text)
    assert found.origin == "low-accuracy speech recognition"
    assert not found.exact
    assert found.language == "en"
    assert found.model
    assert re.fullmatch(r"pocketsphinx \d+\.\d+\.\d+ en-us", found.model)
    assert "low-accuracy" in found.notes[0]
    assert "no exact quotes" in found.notes[0]
    assert told[-1] == 1.0


@needs_librivox
def test_it_understands_most_of_a_real_voice_and_when(settings: Settings, tmp_path: Path) -> None:
    sample = librivox()[3]
    silence = np.zeros(125 * RATE, np.float32)
    late = write_audio(tmp_path / "late.flac", np.concatenate([silence, *samples_of(sample.path)]))
    found = rough(late, settings)
    text = " ".join(segment.text for segment in found.segments)
    assert jiwer.wer(sample.text, text) < 0.4
    assert found.segments[0].start == pytest.approx(125.3, abs=0.7)
    assert found.duration < 131.1


def test_silence_noise_and_marks_of_pronunciation_are_no_words() -> None:
    found = _heard(
        [
            *(piece("<s>", 0, 19), piece("the(2)", 20, 29), piece("<sil>", 30, 39)),
            *(piece("++UM++", 40, 44), piece("o'clock", 45, 59), piece("[NOISE]", 60, 70)),
            piece("</s>", 71, 80),
        ],
        100.0,
    )
    assert [(cue.start, cue.end, cue.text) for cue in found] == [
        (100.2, 100.3, "the"),
        (100.45, 100.6, "o'clock"),
    ]


def test_samples_that_are_no_numbers_or_too_loud_do_no_harm() -> None:
    samples = np.array([0.5, np.nan, np.inf, -np.inf, 7.0, -1.0], np.float32)
    assert _integers(samples).tolist() == [16383, 0, 32767, -32767, 32767, -32767]


# -- what it does not hear --------------------------------------------------------------------


def test_silence_is_told_even_where_it_is_not_installed(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(NoSpeech, match=re.escape("silence.wav")):
        rough(make_silence(tmp_path / "silence.wav"), settings)


def test_who_has_not_installed_it_is_told_how(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    voice = make_voice(tmp_path / "voice.wav", [(0.0, 5.0)], 5.0)
    with pytest.raises(ModelMissing) as caught:
        rough(voice, settings)
    assert 'pip install "ultimate-discord-intelligence-bot[offline-asr]"' in caught.value.remedy


def test_it_knows_no_language_but_english(settings: Settings, tmp_path: Path) -> None:
    german = settings.model_copy(update={"language": "de"})
    with pytest.raises(TranscriptionError, match=r"knows English only.*German") as caught:
        rough(tmp_path / "never-opened.wav", german)
    assert "autointel models fetch" in caught.value.remedy


def test_a_recording_longer_than_its_container_says_is_refused(
    settings: Settings, tmp_path: Path
) -> None:
    long = make_silence(tmp_path / "long.flac", 125.0)
    with pytest.raises(TooLong, match=re.escape("long.flac goes on after 0.01 hours")):
        rough(long, settings.model_copy(update={"max_duration_hours": 0.01}))


class _StopAfter(threading.Event):
    """Is set by itself when it has been looked at so many times."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self._looks = looks

    def is_set(self) -> bool:
        self._looks -= 1
        return self._looks < 0


def test_it_stops_in_the_middle_of_speech(settings: Settings, tmp_path: Path) -> None:
    voice = make_voice(tmp_path / "voice.wav", [(0.0, 5.0)], 5.0)
    packets = _StopAfter(1_000_000)
    list(samples_of(voice, packets))
    looks = 1_000_000 - packets._looks
    with pytest.raises(Stopped):
        recognise_roughly(voice, settings, silent, _StopAfter(looks + 3))
