"""How texts become words that can be weighed, the same on every machine."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultimate_discord_intelligence_bot.memory import bm25
from ultimate_discord_intelligence_bot.memory.bm25 import Words
from ultimate_discord_intelligence_bot.models.memory import Record


def segment(text: str, row: int, speaker: str | None = None, kind: str = "segment") -> Record:
    return Record.model_validate(
        {
            "id": f"{kind}-{row}",
            "kind": kind,
            "tenant": "local",
            "source_id": "talk",
            "title": "The talk",
            "url": "",
            "published": None,
            "text": text,
            "start": row,
            "end": row + 1,
            "speaker": speaker,
            "row": row,
        }
    )


def weight(words: Words, term: str) -> float:
    weights: Mapping[int, float] = dict(zip(words.indices, words.values, strict=True))
    [index] = bm25.query(term).indices
    return weights.get(index, 0.0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Turbines", "turbine"),
        ("CAFÉ", "cafe"),
        ("ﬁnance", "Finance"),
        ("policies", "policy"),
        ("running", "runs"),
        ("priced", "pricing"),
        ("Straße", "STRASSE"),
        ("한국", "한국"),
    ],
)
def test_forms_of_a_word_are_one_term(one: str, other: str) -> None:
    assert bm25.terms(one) == bm25.terms(other) != []


def test_short_words_and_numbers_are_left_whole() -> None:
    assert bm25.terms("gas bus ring 2024 3.5") == ["gas", "bus", "ring", "2024", "3", "5"]


def test_function_words_say_nothing() -> None:
    assert bm25.terms("What was it that they were about to do?") == []
    assert not bm25.query("what about it")


def test_languages_without_spaces_are_cut_into_characters() -> None:
    assert bm25.terms("東京の天気 weather") == ["東", "京", "の", "天", "気", "weather"]


def test_words_of_asking_count_only_where_there_are_no_others() -> None:
    assert bm25.query("Summarize the discussion of the budget") == bm25.query("budget")
    assert bm25.query("the discussion")


def test_a_term_has_the_same_number_in_every_process() -> None:
    code = (
        "from ultimate_discord_intelligence_bot.memory import bm25; print(bm25.query('tea milk'))"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert there.stdout.strip() == str(bm25.query("milk tea"))


def test_a_weight_is_that_of_okapi() -> None:
    [words] = bm25.passages([segment("tea tea milk", 0)])
    norm = bm25.K1 * (1 - bm25.B + bm25.B * 3 / bm25.LENGTH)
    assert weight(words, "tea") == pytest.approx(2 * (bm25.K1 + 1) / (2 + norm))
    assert weight(words, "milk") == pytest.approx((bm25.K1 + 1) / (1 + norm))


def test_repetition_saturates() -> None:
    often, once = bm25.passages([segment("tea " * 1000, 0), segment("tea", 100)])
    assert weight(often, "tea") < bm25.K1 + 1
    assert weight(often, "tea") < 3 * weight(once, "tea")


def test_a_passage_has_its_speaker_and_a_share_of_its_neighbours() -> None:
    near, shared = bm25.NEIGHBOURS[0], bm25.passages
    alone = [shared([segment(text, 0)])[0] for text in ("tea", "milk")]
    first, second, far = shared([segment("tea", 0), segment("milk", 1), segment("cup", 9)])
    assert weight(first, "tea") == pytest.approx(weight(alone[0], "tea"))
    assert weight(first, "milk") == pytest.approx(near * weight(alone[1], "milk"))
    assert weight(second, "tea") == pytest.approx(near * weight(alone[0], "tea"))
    assert weight(far, "tea") == 0
    [named] = shared([segment("tea", 0, "Marie")])
    assert weight(named, "marie") > 0


def test_a_claim_has_the_neighbours_of_its_segment() -> None:
    said = [segment("tea", 0), segment("milk", 1), segment("milk", 1, kind="claim")]
    _, of_segment, of_claim = bm25.passages(said)
    assert of_claim == of_segment


def test_a_huge_text_costs_bounded_time() -> None:
    assert len(bm25.terms("a1 " * 10_000_000)) < 50_000


@given(st.text())
def test_whatever_is_said_becomes_a_vector_that_a_store_can_take(text: str) -> None:
    record = segment("", 0).model_copy(update={"text": text})
    for words in (*bm25.passages([record]), bm25.query(text)):
        assert list(words.indices) == sorted(set(words.indices))
        assert all(0 <= index < 2**32 for index in words.indices)
        assert all(value > 0 and math.isfinite(value) for value in words.values)
