"""What of the claims is checked, and how a model may put it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.minds import Prepared
from ultimate_discord_intelligence_bot.llm.prompts.assertions import Decomposition, Decompositions
from ultimate_discord_intelligence_bot.models.analysis import Claim, Claims, Quote
from ultimate_discord_intelligence_bot.models.verification import (
    Assertions,
    Evidence,
    Label,
    Verdict,
)
from ultimate_discord_intelligence_bot.verification import choose, decompose, stands_alone

RENT = "The rent rose by 5 percent in 1998, and 3,000 people moved."


def claim(text: str, number: int = 0, score: float = 0.9, before: str = "") -> Claim:
    quote = Quote(text=before, segment=0, start=0, end=1, speaker=None)
    return Claim(
        id=f"c{number}",
        text=text,
        segment=number,
        start=float(number),
        end=number + 1.0,
        speaker="Ada",
        score=score,
        context=(quote,) if before else (),
    )


def claims(*found: Claim) -> Claims:
    return Claims(claims=found, threshold=0.2)


def nothing(texts: Sequence[str]) -> dict[str, Verdict]:
    return {}


def verdict(claim: str) -> Verdict:
    evidence = Evidence(
        source_id="s",
        title="T",
        url="https://example.org",
        published=None,
        passage="p",
        start=None,
        speaker=None,
        found_by="memory",
        similarity=1,
        stance="supports",
    )
    return Verdict(claim=claim, label=Label.SUPPORTED, evidence=(evidence,), explanation="So.")


async def asked(whole: Claims, *parts: tuple[int, list[str]]) -> Assertions:
    answer = Decompositions(
        claims=[Decomposition(claim=number, statements=texts) for number, texts in parts]
    )
    return await decompose(Prepared(answer), choose(whole, None, nothing), whole)


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        ("The Moon landing was in 1969.", True),
        ("He was born in 1969.", False),
        ("Unemployment fell last year.", False),
        ("It costs 5 dollars.", False),
    ],
)
def test_words_that_depend_on_who_says_them_when_do_not_stand_alone(text: str, alone: bool) -> None:
    assert stands_alone(claim(text)) is alone
    assert not stands_alone(claim(text, before="About that."))


def test_a_verdict_of_before_is_taken_for_the_same_words_and_only_where_they_stand_alone() -> None:
    heard: list[Sequence[str]] = []

    def recall(texts: Sequence[str]) -> dict[str, Verdict]:
        heard.append(texts)
        return {text: verdict("another claim's id") for text in texts}

    whole = claims(claim("Rome is in Italy.", 1), claim("It is in Italy.", 2))
    first, second = choose(whole, None, recall).assertions
    assert heard == [["Rome is in Italy."]]
    assert first.verdict is not None
    assert first.verdict.claim == "c1"
    assert second.verdict is None


async def test_a_claim_of_several_things_is_taken_apart() -> None:
    found = await asked(
        claims(claim(RENT)),
        (0, ["The rent rose by 5 percent in 1998.", "3,000 people moved in 1998."]),
    )
    assert [a.text for a in found.assertions] == [
        "The rent rose by 5 percent in 1998.",
        "3,000 people moved in 1998.",
    ]
    assert {a.claim for a in found.assertions} == {"c0"}
    assert len({a.id for a in found.assertions}) == 2


async def test_a_claim_is_put_into_words_that_stand_alone() -> None:
    whole = claims(claim("It was built in 1889.", before="The Eiffel Tower is in Paris."))
    found = await asked(whole, (0, ["The Eiffel Tower was built in 1889."]))
    (assertion,) = found.assertions
    assert (assertion.id, assertion.text) == ("c0", "The Eiffel Tower was built in 1889.")


@pytest.mark.parametrize(
    "statements",
    [
        ["The rent rose by 6 percent in 1998.", "3,000 people moved."],
        ["The rent rose in 1998."],
        ["The rent rose by 5 percent in 1998, and 3,000 people, 99 % of them poor, moved."],
        ["", "  "],
        [],
    ],
)
async def test_a_number_that_is_lost_or_invented_leaves_the_claim_as_it_was(
    statements: list[str],
) -> None:
    (assertion,) = (await asked(claims(claim(RENT)), (0, statements))).assertions
    assert (assertion.id, assertion.text) == ("c0", RENT)


async def test_claims_the_model_forgot_or_made_up_change_nothing() -> None:
    whole = claims(claim("Rome is in Italy.", 0), claim("Bern is in Switzerland.", 1))
    found = await asked(whole, (1, ["Bern lies in Switzerland."]), (7, ["Nothing."]))
    assert [a.text for a in found.assertions] == [
        "Rome is in Italy.",
        "Bern lies in Switzerland.",
    ]


async def test_what_was_checked_before_is_not_asked_about() -> None:
    whole = claims(claim("Rome is in Italy."))
    chosen = choose(whole, None, lambda texts: {text: verdict("x") for text in texts})
    mind = Prepared()
    assert await decompose(mind, chosen, whole) == Assertions(assertions=chosen.assertions)
    assert mind.questions == []
