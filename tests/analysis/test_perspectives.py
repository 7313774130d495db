"""Perspectives: positions with their quotes, agreement only where somebody answers."""

from __future__ import annotations

from tests.speech import heard, spoken
from ultimate_discord_intelligence_bot.analysis import (
    detect_claims,
    find_chapters,
    find_perspectives,
)
from ultimate_discord_intelligence_bot.models.analysis import Chapters, Perspectives

FOR = "I love nuclear power, it is a wonderful way to make clean electricity for everyone."
AGAINST = "I hate nuclear power, it is a terrible and disgusting way to make electricity."


def perspectives_on(*lines: str) -> Perspectives:
    transcript = spoken(*lines)
    vectors = heard(transcript)
    chapters = find_chapters(transcript, vectors, ())
    claims = detect_claims(transcript, vectors, "source")
    return find_perspectives(transcript, vectors, chapters, claims)


def test_speakers_take_the_positions_they_word() -> None:
    found = perspectives_on(
        "Moderator: Tonight we talk about nuclear power and electricity.",
        f"Anna: {FOR}",
        "Moderator: What do you say about nuclear power?",
        f"Ben: {AGAINST}",
        "Moderator: Nuclear power plants make electricity.",
    )

    assert {(p.speaker, p.attitude) for p in found.positions} == {
        ("Anna", "favourable"),
        ("Ben", "critical"),
    }
    assert [p.quotes[0].text for p in found.positions] == [FOR, AGAINST]


def test_a_speaker_who_says_both_is_mixed() -> None:
    found = perspectives_on(f"Anna: {FOR}", "Ben: Nuclear power then.", f"Anna: {AGAINST}")

    (position,) = (p for p in found.positions if p.speaker == "Anna")
    assert position.attitude == "mixed"
    assert len(position.quotes) == 2


def test_disagreement_is_an_answer_on_the_same_subject() -> None:
    found = perspectives_on(
        "Anna: We should build more nuclear power plants in this country.",
        "Ben: No, I disagree, we should not build nuclear power plants here, that is a bad idea.",
    )

    (exchange,) = found.exchanges
    assert exchange.kind == "disagreement"
    assert (exchange.first.speaker, exchange.second.speaker) == ("Anna", "Ben")


def test_nobody_agrees_with_somebody_unnamed() -> None:
    found = perspectives_on(
        "We should build more nuclear power plants in this country.",
        "No, I disagree, we should not build nuclear power plants here, that is a bad idea.",
    )

    assert found.exchanges == ()


def test_plain_facts_and_questions_take_no_position() -> None:
    found = perspectives_on(
        "Anna: The plant at Flamanville was opened in 2024 after twelve years.",
        "Ben: Which plant was it that they opened there?",
        "Anna: The meeting about the plant is on Tuesday at ten.",
    )

    assert found == Perspectives(positions=(), exchanges=())


def test_without_topics_there_are_no_positions() -> None:
    transcript = spoken(f"Anna: {FOR}")

    found = find_perspectives(transcript, heard(transcript), Chapters(chapters=()), None)

    assert found.positions == ()
