"""Passages: verbatim, in order, without a gap, and of a size to be compared with a claim."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultimate_discord_intelligence_bot.knowledge.paragraphs import Paragraph, flow, plain
from ultimate_discord_intelligence_bot.knowledge.passages import (
    LEAST,
    MOST,
    SENTENCES,
    cut,
    passages,
)
from ultimate_discord_intelligence_bot.models.knowledge import Place

WORDS = (
    "The rent rose by 5% . ! ? a.m. Dr. Smith e.g. i.e. U.S. fell; 3.5 million, however: 家賃は"
    "上がった。 “Yes.” [1] (no) well-known … - — it Ärzte"
)
PROSE = st.lists(
    st.sampled_from(WORDS.split())
    | st.text(min_size=1, max_size=12)
    | st.text(alphabet="abc", min_size=300, max_size=900)
).map(" ".join)


def solid(text: str) -> str:
    return "".join(text.split())


@given(PROSE)
def test_every_passage_is_verbatim_and_nothing_is_lost_but_white_space(text: str) -> None:
    place = 0
    found = cut(text)
    for passage in found:
        begin = text.index(passage, place)
        assert not text[place:begin].strip()
        place = begin + len(passage)
    assert solid("".join(found)) == solid(text)


@given(PROSE)
def test_passages_are_neither_empty_nor_too_long(text: str) -> None:
    for passage in cut(text):
        assert passage == passage.strip()
        assert 1 <= len(passage) <= MOST


@given(st.lists(PROSE))
def test_the_order_of_the_document_is_kept(texts: list[str]) -> None:
    paragraphs = [Paragraph(plain(text), Place(line=i)) for i, text in enumerate(texts)]
    found = list(passages(paragraphs))
    lines = [passage.place.line or 0 for passage in found]
    assert lines == sorted(lines)
    assert solid("".join(p.text for p in found)) == solid("".join(p.text for p in paragraphs))


@given(PROSE.map(str.splitlines))
def test_lines_become_paragraphs_without_losing_a_word(lines: list[str]) -> None:
    text = " ".join(words for _, words in flow(lines))
    assert solid(text) == solid(plain(" ".join(lines)))


def test_short_sentences_are_taken_together_and_long_ones_stand_alone() -> None:
    long = "The city spent twelve million euros on the new bridge over the river last year."
    assert cut(f"It is so. They say no. {long} {long}") == [f"It is so. They say no. {long}", long]


def test_at_most_three_sentences() -> None:
    assert cut("Yes! " * 7) == ["Yes! Yes! Yes!", "Yes! Yes! Yes!", "Yes!"]
    assert SENTENCES == 3


def test_a_short_rest_joins_the_passage_before_it() -> None:
    sentence = "The council decided that the museum stays open on Mondays as well."
    assert len(sentence) >= LEAST
    assert cut(f"{sentence} So be it.") == [f"{sentence} So be it."]


@pytest.mark.parametrize(
    "inside",
    [
        "Dr. Mary Smith of the U.S. Navy said that 3.5 million people, i.e. most of them, left.",
        "The firm (Acme Inc. of Ohio) paid approx. 40 million dollars, according to No. 7 of it.",
        "J. R. Jones and his brother built the first railway of the county in the year 1825.",
    ],
)
def test_a_full_stop_inside_a_sentence_does_not_end_it(inside: str) -> None:
    after = "Another sentence follows here, and it is long enough to be one passage alone."
    assert cut(f"{inside} {after}") == [inside, after]


def test_a_reference_belongs_to_its_sentence() -> None:
    first = "The tower was finished in 1889 after two years of work by three hundred men.[12]"
    after = "It was then the tallest building of the world, and it remained so for long."
    assert cut(f"{first} {after}") == [first, after]


def test_sentences_of_scripts_without_spaces() -> None:
    sentence = "市長は昨年の費用が千二百万円だったと述べた。" * 4
    assert all(passage.endswith("。") for passage in cut(sentence))


def test_a_sentence_without_an_end_is_cut_after_a_comma() -> None:
    text = ", ".join(["the harbour was closed for repairs"] * 30)
    found = cut(text)
    assert all(passage.endswith((",", "repairs")) for passage in found)
    assert all(len(passage) >= MOST // 3 for passage in found)
