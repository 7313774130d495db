"""Telling the language of a text."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialogue import STORY
from tests.speech_samples import TALK
from ultimate_discord_intelligence_bot.transcription import language
from ultimate_discord_intelligence_bot.transcription.language import (
    detect,
    language_name,
    language_of,
    word_count,
)

TEXTS = {
    "en": "so today we are going to look at the moon and I will tell you why it is made of rock "
    "and not of cheese as some people still seem to believe",
    "de": "heute sehen wir uns den Mond an und ich werde euch erzählen warum er aus Gestein "
    "besteht und nicht aus Käse wie manche Leute immer noch glauben",
    "fr": "aujourd'hui nous allons regarder la lune et je vais vous dire pourquoi elle est faite "
    "de roche et non de fromage comme certains le croient encore",
    "es": "hoy vamos a mirar la luna y les voy a contar por qué está hecha de roca y no de queso "
    "como algunas personas todavía parecen creer",
    "it": "oggi guarderemo la luna e vi dirò perché è fatta di roccia e non di formaggio come "
    "alcune persone sembrano credere ancora adesso",
    "pt": "hoje vamos olhar para a lua e vou dizer a vocês por que ela é feita de rocha e não de "
    "queijo como algumas pessoas ainda parecem acreditar",
    "nl": "vandaag gaan we naar de maan kijken en ik zal jullie vertellen waarom hij van steen is "
    "gemaakt en niet van kaas zoals sommige mensen nog steeds denken",
    "pl": "dzisiaj popatrzymy na księżyc i powiem wam dlaczego jest zrobiony ze skały a nie z "
    "sera jak niektórzy ludzie nadal zdają się wierzyć",
    "ru": "сегодня мы посмотрим на луну и я расскажу вам почему она состоит из камня а не из "
    "сыра как до сих пор думают некоторые люди",
    "tr": "bugün aya bakacağız ve size neden bazı insanların hâlâ inandığı gibi peynirden değil "
    "de kayadan yapılmış olduğunu anlatacağım çünkü bunu herkes bilmeli",
    "ar": "سوف ننظر اليوم إلى القمر وسأخبركم لماذا هو مصنوع من الصخر وليس من الجبن كما لا يزال "
    "بعض الناس يعتقدون حتى الآن في هذا العالم",
    "ja": "今日は月を見てみましょう。なぜ月が岩でできていて、一部の人がまだ信じているように"
    "チーズでできていないのかをお話しします。",
    "zh": "今天我们来看看月亮，我会告诉你们为什么月亮是由岩石构成的，而不是像有些人仍然相信的那样"
    "由奶酪做成的。",
    "ko": "오늘은 달을 살펴보고 왜 달이 일부 사람들이 아직도 믿는 것처럼 치즈가 아니라 바위로 "
    "만들어졌는지 여러분께 말씀드리겠습니다 그럼 지금 바로 시작해 보겠습니다 여러분 잘 들어 "
    "주세요 감사합니다",
}


@pytest.mark.parametrize("tag", TEXTS)
def test_a_few_sentences_are_enough(tag: str) -> None:
    assert detect(TEXTS[tag]) == tag
    assert detect(f"{TEXTS[tag]}. " * 200) == tag


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hello there.",
        "okay " * 5,
        "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25",
        TEXTS["en"] + " " + TEXTS["de"],
    ],
)
def test_what_is_short_mixed_or_no_language_is_not_guessed(text: str) -> None:
    assert detect(text) is None


@pytest.mark.parametrize(
    ("said", "declared", "language"),
    [
        ("en", None, "en"),
        ("en", "en", "en"),
        ("de", "en", "de"),
        ("pt", "gl", "gl"),
        ("zh", "yue", "yue"),
    ],
)
def test_a_declared_language_holds_unless_it_is_clearly_wrong(
    said: str, declared: str | None, language: str
) -> None:
    assert language_of(TEXTS[said], declared) == language


def test_a_short_text_is_what_it_is_declared_to_be() -> None:
    assert language_of("Hello there.", "fr") == "fr"
    assert language_of("Hello there.", None) is None


@given(st.text(max_size=300))
def test_any_text_can_be_asked_about(text: str) -> None:
    assert detect(text) is None or len(str(detect(text))) in (2, 3)
    assert word_count(text) >= len(text.split())


def test_names_for_readers() -> None:
    assert language_name("de") == "German"
    assert language_name("nn") == "Norwegian"
    assert language_name("xyz") == "the language “xyz”"


def test_words_in_scripts_without_spaces() -> None:
    assert word_count("one two") == 2
    assert word_count("今日は月です") == 3
    assert word_count("ภาษาไทย") == pytest.approx(7 / 4)


def test_the_model_is_loaded_only_when_it_is_asked() -> None:
    code = (
        "import sys, ultimate_discord_intelligence_bot.transcription.language;"
        "sys.exit('py3langid' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("text", [TALK, STORY])
def test_plain_english_needs_no_model_which_would_say_the_same(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as without:
        without.setattr(language, "_identifier", None)
        assert detect(text) == "en"
    monkeypatch.setattr(language, "_plainly_english", lambda stretches: False)
    assert detect(text) == "en"


@pytest.mark.parametrize("tag", [tag for tag in TEXTS if tag != "en"])
def test_another_language_is_never_plain_english(tag: str) -> None:
    assert not language._plainly_english([TEXTS[tag]])
    assert not language._plainly_english([TALK, TEXTS[tag], TALK, TEXTS[tag]])
