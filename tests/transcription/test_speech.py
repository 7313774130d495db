"""From sound to words: blocks cut in pauses, the model's hint, times of the whole recording."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import pairwise, repeat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.fixtures_whisper import SAYS, build_tiny_whisper
from tests.media import RATE, make_tone, make_voice, write_audio
from ultimate_discord_intelligence_bot.errors import NoSpeech, NotMedia, TooLong
from ultimate_discord_intelligence_bot.events import silent
from ultimate_discord_intelligence_bot.settings import Settings
from ultimate_discord_intelligence_bot.transcription import speech
from ultimate_discord_intelligence_bot.transcription.sound import (
    WINDOW,
    Block,
    Stopped,
    blocks,
    duration,
    samples_of,
    windows,
)
from ultimate_discord_intelligence_bot.transcription.speech import Listener, Whisper, _spoken_words
from ultimate_discord_intelligence_bot.transcription.weights import Choice, choose, load

JFK = Path(__file__).parents[3] / "shared" / "media" / "jfk.flac"
SPOKEN = [(1.0, 22.0), (26.0, 44.0), (52.5, 61.5), (66.0, 108.0)]


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_voice(tmp_path_factory.mktemp("talk") / "talk.wav", SPOKEN, 130.0)


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    model = build_tiny_whisper(tmp_path / "tiny")
    return settings.model_copy(update={"whisper_model": str(model)})


def heard(start: float, end: float, text: str) -> SimpleNamespace:
    return SimpleNamespace(
        start=start,
        end=end,
        text=text,
        words=None,
        avg_logprob=-0.2,
        no_speech_prob=0.01,
        compression_ratio=1.1,
    )


# -- sound ------------------------------------------------------------------------------------


def test_blocks_are_all_of_the_sound_cut_in_pauses(talk: Path) -> None:
    found = list(blocks(samples_of(talk), 60.0))
    assert sum(len(block.samples) for block in found) == 130 * RATE
    assert all(len(block.samples) <= 60 * RATE for block in found)
    ends = np.cumsum([len(block.samples) / RATE for block in found])
    starts = [block.start for block in found]
    assert starts == pytest.approx([0.0, *ends[:-1]])
    assert not any(a + 0.7 < start < b - 0.7 for start in starts for a, b in SPOKEN[:3])


def test_speech_is_found_where_it_is(talk: Path) -> None:
    found = [
        (block.start + first, block.start + last)
        for block in blocks(samples_of(talk))
        for first, last in block.speech
    ]
    assert found[0] == pytest.approx(SPOKEN[0], abs=0.7)
    assert all(last - first <= WINDOW for first, last in found)
    assert sum(last - first for first, last in found) == pytest.approx(90, abs=6)


def test_the_cuts_do_not_depend_on_the_pieces(talk: Path) -> None:
    sound = np.concatenate(list(samples_of(talk)))
    odd = [sound[first : first + 77_777] for first in range(0, len(sound), 77_777)]
    whole, pieced = list(blocks([sound], 60.0)), list(blocks(odd, 60.0))
    assert [block.start for block in whole] == [block.start for block in pieced]
    assert all((a.samples == b.samples).all() for a, b in zip(whole, pieced, strict=True))


def test_windows_hold_as_much_speech_as_fits() -> None:
    stretches = [(0.5, 10.0), (12.0, 29.0), (31.0, 33.0), (50.0, 79.9), (80.0, 110.0)]
    found = windows(stretches)
    assert found == [(0.5, 29.0), (31.0, 33.0), (50.0, 79.9), (80.0, 110.0)]
    assert all(last - first <= WINDOW for first, last in found)
    assert all(before[1] <= after[0] for before, after in pairwise(found))


def test_a_tone_and_noise_are_no_speech(tmp_path: Path) -> None:
    noise = 0.05 * np.random.default_rng(1).standard_normal(4 * RATE)
    for file in (make_tone(tmp_path / "a.wav"), write_audio(tmp_path / "b.wav", noise)):
        assert not any(block.speech for block in blocks(samples_of(file)))


def test_decoding_stops_when_nobody_waits(tmp_path: Path) -> None:
    stop = threading.Event()
    sound = samples_of(make_tone(tmp_path / "a.wav", 5.0), stop)
    next(sound)
    stop.set()
    with pytest.raises(Stopped):
        list(sound)


def test_a_sound_track_that_would_grow_without_measure(tmp_path: Path) -> None:
    file = make_tone(tmp_path / "a.wav", 1.0)
    data = bytearray(file.read_bytes())
    data[24:28] = (1).to_bytes(4, "little")  # one sample a second
    file.write_bytes(bytes(data))
    with pytest.raises(NotMedia):
        list(samples_of(file))


@pytest.mark.skipif(not JFK.exists(), reason="no recording of a real voice here")
def test_a_real_voice_is_found_and_the_pauses_between_its_phrases() -> None:
    assert duration(JFK) == pytest.approx(11.0, abs=0.1)
    (block,) = blocks(samples_of(JFK))
    spoken = sum(last - first for first, last in block.speech)
    assert 6.0 < spoken < 11.0
    assert windows(block.speech) == [(block.speech[0][0], block.speech[-1][1])]


# -- words ------------------------------------------------------------------------------------


def test_words_have_the_times_of_the_whole_recording(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, talk: Path
) -> None:
    numbers = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    seen: list[Block] = []

    def recognise(self: Whisper, block: Block, language: str | None) -> tuple[Iterator[Any], str]:
        seen.append(block)
        found = [heard(a, b, f"Stretch {numbers.pop(0)}.") for a, b in windows(block.speech)]
        return iter(found), "en"

    monkeypatch.setattr(Whisper, "recognise", recognise)
    told: list[tuple[float | None, str]] = []
    listener = Listener(settings, (), lambda f, m: told.append((f, m)))
    found = listener.transcript(samples_of(talk), 130.0, "talk")
    assert len(seen) == 2
    assert [segment.text for segment in found.segments] == [
        f"Stretch {number}." for number in ["one", "two", "three", "four", "five"]
    ]
    starts = [segment.start for segment in found.segments]
    assert starts[0] == pytest.approx(1.0, abs=0.7)
    assert starts[-1] > 90
    assert listener.heard_until == pytest.approx(130.0, abs=0.1)
    fractions = [f for f, _ in told if f is not None]
    assert fractions == sorted(fractions)
    assert any("of 2:10" in message for _, message in told)


def test_silence_needs_no_model(settings: Settings, tmp_path: Path) -> None:
    none = settings.model_copy(update={"whisper_model": "small"})
    tone = make_tone(tmp_path / "a.wav")
    with pytest.raises(NoSpeech):
        Listener(none, (), silent).transcript(samples_of(tone), None, "tone")


def test_a_recording_that_does_not_end(settings: Settings) -> None:
    short = settings.model_copy(update={"max_duration_hours": 0.1})
    endless = repeat(np.zeros(RATE * 30, np.float32))
    with pytest.raises(TooLong):
        Listener(short, (), silent).transcript(endless, None, "endless")


def test_the_hint_reaches_the_prompt_of_the_model(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, talk: Path
) -> None:
    loaded = load(choose(settings))
    prompts: list[list[int]] = []
    original = loaded.get_prompt

    def get_prompt(*args: Any, **kwargs: Any) -> list[int]:
        prompts.append(original(*args, **kwargs))
        return prompts[-1]

    loaded.get_prompt = get_prompt
    rock = loaded.hf_tokenizer.encode(" rock.").ids
    monkeypatch.setattr(speech, "load", lambda choice: loaded)
    monkeypatch.setattr(speech, "hotwords", lambda terms, pieces: ", ".join(terms))
    whisper = Whisper(settings, ["rock."])
    (block, *_) = blocks(samples_of(talk))
    list(whisper.recognise(block, "en")[0])
    assert prompts
    assert all(prompt[1 : 1 + len(rock)] == rock for prompt in prompts)


def test_several_windows_at_once_say_the_same_as_one_after_another(
    settings: Settings, talk: Path
) -> None:
    """The way of a GPU, here on the CPU."""
    whisper = Whisper(settings, ())
    (block, *_) = blocks(samples_of(talk))
    one_by_one = list(whisper.recognise(block, None)[0])
    whisper.choice = Choice("tiny", whisper.choice.folder, "cuda", "float32")
    whisper._engine = speech._batched(whisper._engine)
    together, language = whisper.recognise(block, None)
    texts = [segment.text for segment in together]
    assert language == "en"
    assert texts == [segment.text for segment in one_by_one]
    assert texts[0].strip() == SAYS


def test_no_word_is_lost_where_its_time_is_missing() -> None:
    words = [SimpleNamespace(start=1.0, end=2.0, word=" moon")]
    segment = SimpleNamespace(start=0.5, end=2.0, text=" The moon", words=words)
    (cue,) = _spoken_words(segment, 10.0)
    assert (cue.start, cue.end, cue.text) == (10.5, 12.0, "The moon")


def test_sentences_are_told_from_block_to_block(
    settings: Settings, talk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentences = ["The moon is made of rock.", "Nobody has found any cheese there.", "It is."]
    said = iter(sentences)

    def recognise(self: Whisper, block: Block, language: str | None) -> tuple[Iterator[Any], str]:
        first, last = block.speech[0][0], block.speech[-1][1]
        return iter([heard(first, last, next(said))]), "en"

    monkeypatch.setattr(Whisper, "recognise", recognise)
    monkeypatch.setattr(speech, "blocks", lambda sound: blocks(sound, 65.0))
    told: list[list[str]] = []
    listener = Listener(settings, (), silent, lambda texts, language: told.append(texts))
    found = listener.transcript(samples_of(talk), 130.0, "talk")
    assert told == [[sentence] for sentence in sentences[:2]]
    assert [segment.text for segment in found.segments] == sentences
