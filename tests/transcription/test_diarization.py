"""Who speaks when, by the sound of the voices."""

from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialogue import converse, error_rate
from tests.media import make_silence, make_voice, voice_like, write_audio
from tests.speech_samples import jfk, librivox, needs_flite, needs_jfk, needs_librivox
from ultimate_discord_intelligence_bot.errors import NotMedia
from ultimate_discord_intelligence_bot.events import silent
from ultimate_discord_intelligence_bot.models.transcript import (
    Diarization,
    Segment,
    Transcript,
    Turn,
)
from ultimate_discord_intelligence_bot.transcription import assign, diarization, diarize
from ultimate_discord_intelligence_bot.transcription.sound import RATE, Stopped, samples_of


def heard(path: Path) -> tuple[Turn, ...]:
    turns = diarize(path, silent, threading.Event()).turns
    assert all(turn.start < turn.end for turn in turns)
    assert all(a.end <= b.start + 1e-6 for a, b in pairwise(turns))
    assert [turn.speaker for turn in turns][:1] in ([], [0])
    return turns


def voices(turns: tuple[Turn, ...]) -> int:
    return len({turn.speaker for turn in turns})


# -- voices -------------------------------------------------------------------------------------


@needs_flite
@pytest.mark.parametrize(
    "names", [("slt", "rms"), ("awb", "rms"), ("slt", "awb", "rms"), ("slt", "awb", "rms", "kal")]
)
def test_voices_that_take_turns_are_told_apart(names: tuple[str, ...], tmp_path: Path) -> None:
    talk = converse(names, tmp_path / "talk.wav", 45 * len(names), seed=11)
    turns = heard(talk.path)
    assert voices(turns) == len(names)
    assert error_rate(talk.truth, turns) < 0.1


@needs_flite
@pytest.mark.parametrize("name", ["slt", "awb", "rms", "kal"])
def test_one_voice_is_one_speaker(name: str, tmp_path: Path) -> None:
    assert voices(heard(converse([name], tmp_path / "talk.wav", 90, seed=12).path)) == 1


@needs_flite
def test_the_same_sound_gives_the_same_answer(tmp_path: Path) -> None:
    talk = converse(["slt", "awb"], tmp_path / "talk.wav", 40, seed=13)
    assert heard(talk.path) == heard(talk.path)


@needs_librivox
def test_a_reader_is_one_speaker(tmp_path: Path) -> None:
    pieces = [piece for sample in librivox() for piece in samples_of(sample.path)]
    assert voices(heard(write_audio(tmp_path / "all.wav", np.concatenate(pieces)))) == 1


@needs_jfk
def test_a_president_is_one_speaker() -> None:
    assert voices(heard(jfk().path)) == 1


def test_two_made_up_voices_are_told_apart(tmp_path: Path) -> None:
    second = 4 * RATE
    low, high = voice_like(second, 110), voice_like(second, 210, throat=0.8)
    path = write_audio(tmp_path / "two.wav", np.concatenate([low, high] * 6))
    truth = [(4.0 * n, 4.0 * n + 4, "high" if n % 2 else "low") for n in range(12)]
    turns = heard(path)
    assert voices(turns) == 2
    assert error_rate(truth, turns) < 0.15


def test_where_nobody_speaks_there_are_no_turns(tmp_path: Path) -> None:
    assert heard(make_silence(tmp_path / "silence.wav", 5)) == ()


def test_a_single_word_is_enough(tmp_path: Path) -> None:
    assert voices(heard(make_voice(tmp_path / "word.wav", [(1.0, 1.8)], 3.0))) <= 1


def test_what_is_no_recording_is_told(tmp_path: Path) -> None:
    (tmp_path / "talk.mp3").write_text("these are words, not sound\n" * 100)
    with pytest.raises(NotMedia):
        diarize(tmp_path / "talk.mp3", silent, threading.Event())


def test_it_ends_when_nobody_waits_any_more(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        diarize(make_voice(tmp_path / "talk.wav", [(1.0, 8.0)], 9.0), silent, stop)


def test_progress_is_told_by_the_time_of_the_recording(tmp_path: Path) -> None:
    told: list[float | None] = []
    path = make_voice(tmp_path / "talk.wav", [(1.0, 8.0)], 9.0)
    diarize(path, lambda fraction, _: told.append(fraction), threading.Event())
    assert told[-1] == 1.0


def test_more_pieces_than_can_be_compared_at_once_are_put_together_part_by_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = 4 * RATE
    low, high = voice_like(second, 110), voice_like(second, 210, throat=0.8)
    path = write_audio(tmp_path / "two.wav", np.concatenate([low, high] * 6))
    monkeypatch.setattr(diarization, "_AT_ONCE", 8)
    assert voices(heard(path)) == 2


# -- error rate ---------------------------------------------------------------------------------

TRUTH = [(0.0, 10.0, "Ada"), (10.0, 20.0, "Ben")]


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([(0, 10, 0), (10, 20, 1)], 0.0),
        ([(0, 10, 1), (10, 20, 0)], 0.0),
        ([(0, 20, 0)], 0.5),
        ([(0, 10, 0)], 0.5),
        ([(0, 10, 0), (10, 15, 1), (15, 20, 2)], 0.25),
        ([(0.2, 10.2, 0), (10.2, 20, 1)], 0.0),
        ([], 1.0),
    ],
)
def test_the_error_rate(turns: list[tuple[float, float, int]], expected: float) -> None:
    given_turns = [Turn(start=s, end=e, speaker=n) for s, e, n in turns]
    assert error_rate(TRUTH, given_turns) == pytest.approx(expected, abs=0.02)


# -- from voices to the speakers of a transcript ------------------------------------------------


def transcript(*segments: tuple[float, float], speaker: str | None = None) -> Transcript:
    return Transcript(
        segments=tuple(
            Segment(index=n, start=start, end=end, text=f"Sentence {n}.", speaker=speaker)
            for n, (start, end) in enumerate(segments)
        ),
        origin="speech recognition",
    )


def turns_of(*turns: tuple[float, float, int]) -> Diarization:
    return Diarization(turns=tuple(Turn(start=s, end=e, speaker=n) for s, e, n in turns))


def names(what: Transcript, turns: Diarization) -> list[str | None]:
    return [segment.speaker for segment in assign(what, turns).segments]


def test_a_segment_gets_the_voice_that_is_heard_most_in_it() -> None:
    found = names(transcript((0, 4), (4, 9)), turns_of((0, 3, 1), (3, 5, 0), (5, 9, 1)))
    assert found == ["Speaker 1 (estimated)", "Speaker 1 (estimated)"]


def test_speakers_are_numbered_as_they_appear() -> None:
    found = names(transcript((5, 9), (0, 4)), turns_of((0, 5, 0), (5, 9, 1)))
    assert found == ["Speaker 1 (estimated)", "Speaker 2 (estimated)"]


def test_a_segment_between_turns_gets_the_nearest_within_a_second() -> None:
    turns = turns_of((0, 2, 0), (10, 12, 1))
    found = names(transcript((0, 2), (2.5, 3), (5, 6), (9.4, 9.9)), turns)
    one, two = "Speaker 1 (estimated)", "Speaker 2 (estimated)"
    assert found == [one, one, None, two]


def test_who_is_named_keeps_the_name() -> None:
    what = transcript((0, 4), speaker="Ada")
    assert assign(what, turns_of((0, 4, 0))) == what


def test_without_turns_nothing_changes() -> None:
    what = transcript((0, 4))
    assert assign(what, turns_of()) == what


MOMENTS = st.floats(0, 100, allow_nan=False)
SPANS = st.lists(st.tuples(MOMENTS, MOMENTS).map(sorted), max_size=12)


@given(SPANS, SPANS, st.lists(st.integers(0, 7), min_size=12, max_size=12))
def test_only_the_speaker_of_a_segment_changes(
    segments: list[list[float]], spans: list[list[float]], who: list[int]
) -> None:
    what = transcript(*((start, end) for start, end in segments))
    borders = sorted({moment for span in spans for moment in span})
    turns = turns_of(*((s, e, n) for (s, e), n in zip(pairwise(borders), who, strict=False)))
    found = assign(what, turns)
    for before, after in zip(what.segments, found.segments, strict=True):
        assert after.model_copy(update={"speaker": None}) == before
    numbers = [int(name.split()[1]) for name in found.speakers]
    assert numbers == list(range(1, len(numbers) + 1))
