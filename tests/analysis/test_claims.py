"""Claims: what is marked, what it keeps with it, and when two are one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.speech import heard, spoken
from ultimate_discord_intelligence_bot.analysis import detect_claims
from ultimate_discord_intelligence_bot.analysis.claims import leans_on_others
from ultimate_discord_intelligence_bot.models.analysis import Claim


def claims_in(*lines: str, source: str = "source") -> tuple[Claim, ...]:
    transcript = spoken(*lines)
    return detect_claims(transcript, heard(transcript), source).claims


@pytest.mark.parametrize(
    "text",
    [
        "Unemployment fell to 3.5 percent in 2019, the lowest rate in fifty years.",
        "The city spent 40 million dollars on the new stadium last year.",
        "Crime in our state has increased by 20 percent since he took office.",
        "More than 12,000 people died of the flu in 1998.",
        "Do you know that rents in the capital have doubled since 2010?",
    ],
)
def test_checkable_statements_are_found(text: str) -> None:
    (claim,) = claims_in(text)

    assert claim.text == text
    assert claim.score > 0.5


@pytest.mark.parametrize(
    "text",
    [
        "Good evening and welcome to the show.",
        "I think this is a beautiful idea and I love it.",
        "I just find the whole thing frightening.",
        "Did unemployment fall to 3.5 percent in 2019?",
        "Down 40 percent.",
        "Thank you both for coming here tonight.",
        "Let me finish, please.",
    ],
)
def test_greetings_opinions_questions_and_fragments_are_not(text: str) -> None:
    assert claims_in(text) == ()


def test_ids_depend_on_source_and_wording_only() -> None:
    text = "Rents in the capital have doubled since 2010."

    alone, later, elsewhere = (
        claims_in(text)[0],
        claims_in("Well now.", text)[0],
        claims_in(text, source="other")[0],
    )

    assert alone.id == later.id != elsewhere.id


class TestContext:
    def test_a_pronoun_keeps_the_sentence_that_explains_it(self) -> None:
        lines = (
            "The unemployment rate was at 4 percent in 2007.",
            "It doubled within two years to more than 8 percent.",
        )

        _, claim = claims_in(*lines)

        assert [quote.text for quote in claim.context] == [lines[0]]
        assert claim.text == lines[1]

    def test_it_reaches_back_to_a_sentence_that_stands_alone(self) -> None:
        lines = (
            "Senator Miller wrote the bill on school lunches.",
            "He was proud of it.",
            "He said it fed 30 million children every day in 2012.",
        )

        claim = claims_in(*lines)[-1]

        assert [quote.text for quote in claim.context] == list(lines[:2])

    def test_a_claim_that_names_its_subject_needs_none(self) -> None:
        claim = claims_in("We talked.", "Rents in the capital have doubled since 2010.")[-1]

        assert claim.context == ()

    @pytest.mark.parametrize(
        ("text", "leans"),
        [
            ("He said it doubled.", True),
            ("And they never paid a cent of tax on that.", True),
            ("In 2010 it rose by nine percent.", True),
            ("That is twelve percent more than last year.", True),
            ("Their budget was cut by half.", True),
            ("The minister said it doubled.", True),
            ("It is true that rents have doubled.", False),
            ("It turns out that the dam leaks.", False),
            ("The mayor knew that they were late.", False),
            ("In 1990 Germany became one country because they wanted it.", False),
            ("This country has never had more jobs.", False),
            ("Those jobs are gone.", False),
            ("", False),
        ],
    )
    def test_what_leans_on_others(self, text: str, leans: bool) -> None:
        assert leans_on_others(text) is leans

    @given(st.text(max_size=300))
    def test_any_text_can_be_asked(self, text: str) -> None:
        assert leans_on_others(text) in (True, False)


class TestRepetition:
    def test_the_same_said_again_is_one_claim_with_all_its_times(self) -> None:
        text = "Rents in the capital have doubled since 2010."

        (claim,) = claims_in(f"Ada: {text}", "Ben: I see.", f"Ben: {text}")

        assert (claim.segment, claim.speaker) == (0, "Ada")
        assert [(quote.segment, quote.speaker) for quote in claim.repeats] == [(2, "Ben")]

    def test_small_changes_of_wording_do_not_matter(self) -> None:
        found = claims_in(
            "The unemployment rate fell to 3.5 percent in 2019.",
            "Well, the unemployment rate fell to 3.5 percent in 2019.",
        )

        assert [len(claim.repeats) for claim in found] == [1]

    @pytest.mark.parametrize(
        "other",
        [
            "The unemployment rate fell to 4.5 percent in 2019.",
            "The unemployment rate did not fall to 3.5 percent in 2019.",
        ],
    )
    def test_another_figure_or_a_denial_is_another_claim(self, other: str) -> None:
        found = claims_in("The unemployment rate fell to 3.5 percent in 2019.", other)

        assert [claim.repeats for claim in found] == [(), ()]


def test_figures_are_taken_out() -> None:
    (claim,) = claims_in("The city spent 40 million dollars on 12 schools in March 2021.")

    assert ("money", "40 million dollars") in {(q.kind, q.text) for q in claim.quantities}
    assert any(q.kind == "date" and "2021" in q.text for q in claim.quantities)
