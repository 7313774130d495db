"""Summary: a few sentences that can stand alone and cover what was said."""

from __future__ import annotations

from tests.speech import heard, spoken
from ultimate_discord_intelligence_bot.analysis import (
    find_chapters,
    pick_key_points,
    summarise,
)
from ultimate_discord_intelligence_bot.models.analysis import Quote

FISH = [
    "Trout in the upper river feed on the larvae of mayflies and stoneflies.",
    "The dam at the valley keeps trout from reaching their spawning grounds.",
    "Anglers report fewer trout in the river below the dam every year.",
]
TAX = [
    "The income tax rate for the highest earners was cut to forty percent.",
    "Wealth taxes bring little money because fortunes move across borders.",
    "The ministry of finance plans a new tax on property in the cities.",
]


def summary_of(*lines: str, seconds: float = 5.0) -> tuple[Quote, ...]:
    transcript = spoken(*lines, seconds=seconds)
    vectors = heard(transcript)
    chapters = find_chapters(transcript, vectors, ())
    points = pick_key_points(transcript, vectors, chapters, None)
    return summarise(transcript, vectors, chapters, points).sentences


def test_it_is_verbatim_in_order_and_touches_every_subject() -> None:
    lines = [*FISH, *TAX]

    found = summary_of(*lines)

    assert len(found) == 3
    assert [quote.text for quote in found] == [lines[quote.segment] for quote in found]
    assert [quote.segment for quote in found] == sorted(quote.segment for quote in found)
    assert {quote.segment < 3 for quote in found} == {True, False}


def test_what_cannot_stand_alone_is_passed_over() -> None:
    found = summary_of(
        "And he told them that it doubled within the last two years.",
        "But the trout are what the anglers really care about most.",
        "Which river do the trout in this valley like the most?",
        "Thank you very much for being with us here tonight, everybody.",
        "Yes, the trout.",
        FISH[0],
    )

    assert [quote.text for quote in found] == [FISH[0]]


def test_the_same_is_not_said_twice() -> None:
    found = summary_of(*[FISH[0]] * 5, *[TAX[0]] * 5)

    assert sorted(quote.text for quote in found) == sorted([FISH[0], TAX[0]])


def test_a_longer_recording_has_a_longer_summary() -> None:
    lines = [f"{line[:-1]}, says report number {n}." for n in range(8) for line in FISH + TAX]

    assert len(summary_of(*lines, seconds=5)) == 3
    assert len(summary_of(*lines, seconds=80)) == 6


def test_nothing_to_say_is_an_empty_summary() -> None:
    assert summary_of() == ()
    assert summary_of("Hello there.", "Okay.") == ()
