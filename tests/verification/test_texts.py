"""Written passages: from a source to evidence with a stance."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pytest

from ultimate_discord_intelligence_bot.embedding import load_embedder
from ultimate_discord_intelligence_bot.errors import SourceFailed
from ultimate_discord_intelligence_bot.models.verification import (
    Assertion,
    Assertions,
    Evidence,
    EvidenceSet,
    Label,
)
from ultimate_discord_intelligence_bot.verification import (
    gather_from_texts,
    judge,
    search_sources,
)
from ultimate_discord_intelligence_bot.verification.sources import Passage, Query

TODAY = date(2024, 5, 1)
CLAIM = "Twelve people walked on the Moon."


class Shelf:
    """A source that answers with prepared passages, or fails."""

    def __init__(self, name: str, *passages: Passage, fails: str = "") -> None:
        self.name, self._passages, self._fails = name, passages, fails
        self.heard: list[Query] = []

    async def search(self, query: Query, limit: int) -> list[Passage]:
        self.heard.append(query)
        if self._fails:
            raise SourceFailed(self._fails)
        return list(self._passages[:limit])


def assertions(*texts: str) -> Assertions:
    return Assertions(
        assertions=tuple(
            Assertion(id=f"a{n}", claim=f"c{n}", text=text, segment=n, subjects=("Moon",))
            for n, text in enumerate(texts)
        )
    )


def passage(text: str, rating: str | None = None, publisher: str = "") -> Passage:
    return Passage(text, "The Moon", f"https://example.org/{len(text)}", None, publisher, rating)


async def gathered(*sources: Shelf, checked: Assertions | None = None) -> EvidenceSet:
    checked = checked or assertions(CLAIM)
    texts, failures = await search_sources(sources, checked, "en-GB", TODAY, together=True)
    encode = load_embedder().encode
    vectors = encode([a.text for a in checked.assertions])
    names = [source.name for source in sources]
    return gather_from_texts(checked, vectors, texts, encode, asked=names, failures=failures)


def label(found: EvidenceSet) -> Label:
    return judge(assertions(CLAIM), [found], TODAY).verdicts[0].label


async def test_what_a_source_says_is_weighed_and_leads_back_to_it() -> None:
    shelf = Shelf("Almanac", passage("In all, 12 people walked on the Moon."), passage("Cheese."))
    found = await gathered(shelf)
    first: Evidence = found.found["a0"][0]
    assert (first.stance, first.found_by, first.retrieved) == ("supports", "Almanac", TODAY)
    assert first.url == "https://example.org/37"
    assert 0.9 < first.confidence <= 1
    assert found.asked == ("Almanac",)
    assert shelf.heard == [Query(CLAIM, ("Moon",), "en")]
    assert label(found) is Label.SUPPORTED


async def test_what_is_about_something_else_is_not_shown() -> None:
    found = await gathered(Shelf("Almanac", passage("Cheddar is a village in Somerset.")))
    assert found.found == {}


async def test_a_source_that_fails_is_told_and_the_others_count() -> None:
    found = await gathered(
        Shelf("Almanac", passage("12 people walked on the Moon.")),
        Shelf("Oracle", fails="The oracle sleeps."),
        checked=assertions(CLAIM, "The oracle is awake."),
    )
    assert "a0" in found.found
    (failure,) = found.failures
    assert failure.startswith("Oracle: The oracle sleeps.")


@pytest.mark.parametrize(
    ("rating", "expected"),
    [
        ("False", Label.REFUTED),
        ("Pants on Fire!", Label.REFUTED),
        ("True", Label.SUPPORTED),
        ("Half True", Label.NOT_ENOUGH_EVIDENCE),
        ("Missing context", Label.NOT_ENOUGH_EVIDENCE),
        ("Not false", Label.NOT_ENOUGH_EVIDENCE),
    ],
)
async def test_a_published_fact_check_of_the_same_statement_counts_by_its_rating(
    rating: str, expected: Label
) -> None:
    found = await gathered(Shelf("Fact checks", passage("12 people walked on the Moon.", rating)))
    assert found.found["a0"][0].rating == rating
    assert label(found) is expected


async def test_a_fact_check_of_another_statement_decides_nothing() -> None:
    found = await gathered(Shelf("Fact checks", passage("Nobody walked on the Moon.", "False")))
    assert label(found) is Label.NOT_ENOUGH_EVIDENCE


async def test_sources_are_asked_side_by_side_or_in_turn_with_the_same_result() -> None:
    def shelves() -> Sequence[Shelf]:
        return [Shelf("A", passage("One.")), Shelf("B", passage("Two.")), Shelf("C", fails="No.")]

    checked = assertions("First.", "Second.")
    at_once, in_turn = [
        await search_sources(shelves(), checked, None, TODAY, together=together)
        for together in (True, False)
    ]
    assert at_once == in_turn
