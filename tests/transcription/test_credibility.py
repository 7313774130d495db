"""What a speech model makes up is passed over; what people say stays."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultimate_discord_intelligence_bot.transcription.credibility import (
    Sceptic,
    voiced,
    without_loops,
)
from ultimate_discord_intelligence_bot.transcription.cue import Cue


@dataclass
class Heard:
    text: str
    start: float = 0.0
    end: float = 4.0
    avg_logprob: float = -0.3
    no_speech_prob: float = 0.05
    compression_ratio: float = 1.3


def believed(*heard: Heard, hint: str | None = None) -> list[str]:
    everywhere = [(0.0, 10_000.0)]
    return [segment.text for segment in Sceptic(hint).credible(heard, everywhere, 0.0)]


def said(text: str) -> list[Cue]:
    return [Cue(n, n + 1, word) for n, word in enumerate(text.split())]


def text_of(words: list[Cue]) -> str:
    return " ".join(word.text for word in words)


def test_ordinary_speech_is_believed() -> None:
    words = ["We pay more rent every year.", "Yes.", "Yes.", "No, we do not.", "Thank you."]
    assert believed(*map(Heard, words)) == words


@pytest.mark.parametrize(
    "text",
    [
        "Thanks for watching!",
        "Vielen Dank fürs Zuschauen!",
        "Merci d'avoir regardé cette vidéo !",
        "¡Gracias por ver el video!",
        "Продолжение следует...",
        "ご視聴ありがとうございました",
        "谢谢观看",
        "시청해주셔서 감사합니다.",
        " you",
    ],
)
def test_a_farewell_to_silence(text: str) -> None:
    assert believed(Heard(text, no_speech_prob=0.5)) == []
    assert believed(Heard(text)) == [text]


@pytest.mark.parametrize(
    "text",
    [
        "Subtitles by the Amara.org community",
        "Untertitel im Auftrag des ZDF für funk, 2017",
        "Sous-titres réalisés par la communauté d'Amara.org",
        "Субтитры сделал DimaTorzok",
    ],
)
def test_credits_of_captions_are_never_said(text: str) -> None:
    assert believed(Heard(text)) == []


def test_garbled_repetition() -> None:
    assert believed(Heard("ha ha ha ha", compression_ratio=3.0)) == []


def test_an_echo_of_the_segment_before() -> None:
    line = "I think that is a very good question."
    assert believed(Heard(line), Heard(line.upper()), Heard("No."), Heard(line)) == [
        line,
        "No.",
        line,
    ]


def test_two_sentences_in_turn_over_and_over() -> None:
    a, b = "And that is what we did.", "It was a very long time ago."
    assert believed(*map(Heard, [a, b] * 4)) == [a, b, a, b]


def test_an_echo_of_the_hint() -> None:
    assert believed(Heard("Ngozi, Adichie", no_speech_prob=0.4), hint="Adichie, Ngozi") == []
    assert believed(Heard("Adichie", no_speech_prob=0.1), hint="Adichie, Ngozi") == ["Adichie"]


def test_words_that_the_model_itself_hardly_believes() -> None:
    assert believed(Heard("Some words.", no_speech_prob=0.7, avg_logprob=-1.4)) == []
    assert believed(Heard("Some words.", no_speech_prob=0.7)) == ["Some words."]


def test_words_where_nobody_is_heard() -> None:
    quiet = Heard("Somebody said something here.", 20.0, 24.0)
    loud = Heard("Somebody said it there.", 4.0, 9.0)
    found = Sceptic().credible([loud, quiet], [(5.0, 9.0), (30.0, 40.0)], 0.0)
    assert [segment.text for segment in found] == [loud.text]


def test_faster_than_anybody_speaks() -> None:
    line = "the quick brown fox jumps over the lazy dog and runs away"
    assert believed(Heard(line, 0.0, 0.2)) == []
    assert believed(Heard(line, 0.0, 2.0)) == [line]


def test_share_of_a_time_with_a_voice() -> None:
    assert voiced(0.0, 10.0, [(0.0, 5.0)]) == pytest.approx(0.55)
    assert voiced(3.0, 3.0, [(0.0, 5.0)]) == 1.0
    assert voiced(20.0, 21.0, [(0.0, 5.0)]) == 0.0


def test_a_loop_is_kept_once_and_what_surrounds_it_stays() -> None:
    loop = "we went home " * 5
    assert text_of(without_loops(said(f"Then {loop} and slept."))) == "Then we went home and slept."
    assert text_of(without_loops(said("so " * 40 + "yes"))) == "so yes"


@pytest.mark.parametrize("text", ["No, no, no, no!", "very very very good " * 3, "one two " * 3])
def test_people_repeat_themselves(text: str) -> None:
    assert text_of(without_loops(said(text))) == text.strip()


@given(st.lists(st.sampled_from(["a", "b", "c."]), max_size=60))
def test_words_stay_in_order_and_nothing_new_comes(words: list[str]) -> None:
    kept = without_loops(said(" ".join(words)))
    starts = [cue.start for cue in kept]
    assert starts == sorted(set(starts))
    assert {cue.text for cue in kept} == set(words)


@given(st.lists(st.text(max_size=12), max_size=30))
def test_any_text_can_be_judged(texts: list[str]) -> None:
    assert set(believed(*map(Heard, texts))) <= set(texts)
