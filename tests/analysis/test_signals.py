"""Trust signals: counts that can be checked, and no score."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.speech import spoken
from ultimate_discord_intelligence_bot.analysis import trust_signals
from ultimate_discord_intelligence_bot.analysis.quantities import quantities_in
from ultimate_discord_intelligence_bot.analysis.signals import names_a_source
from ultimate_discord_intelligence_bot.models.analysis import (
    Claim,
    Claims,
    Fallacies,
    Fallacy,
    Quote,
    Signal,
    TrustSignals,
)
from ultimate_discord_intelligence_bot.models.transcript import Transcript
from ultimate_discord_intelligence_bot.models.verification import Label, Verdict, Verdicts

LINES = (
    "According to the Bank of England, rents rose by ten percent.",
    "Perhaps the dam will hold for another winter.",
    "The river is wide and the valley is deep.",
    "Is that what you think?",
)


def claimed(transcript: Transcript, *places: int) -> Claims:
    return Claims(
        claims=tuple(
            Claim(
                **Quote.of(transcript.segments[place]).model_dump(),
                id=str(place),
                score=0.9,
                quantities=quantities_in(transcript.segments[place].text),
            )
            for place in places
        ),
        threshold=0.5,
    )


def by_name(found: TrustSignals) -> dict[str, Signal]:
    return {signal.name: signal for signal in found.signals}


def test_each_component_counts_what_it_says() -> None:
    transcript = spoken(*LINES)
    claims = claimed(transcript, 0, 2)
    verdicts = Verdicts(
        verdicts=(
            Verdict(claim="0", label=Label.REFUTED, evidence=(), explanation="x"),
            Verdict(claim="2", label=Label.NOT_ENOUGH_EVIDENCE, evidence=(), explanation="x"),
        )
    )
    quote = Quote.of(transcript.segments[2])
    fallacy = Fallacy(
        **quote.model_dump(),
        last=2,
        label="ad hominem",
        category="Fallacy of Credibility",
        confidence=0.9,
        explanation="x",
    )

    found = by_name(
        trust_signals(
            transcript, claims, verdicts, Fallacies(fallacies=(fallacy,), threshold=0.8), None
        )
    )

    counts = {name: (signal.count, signal.of) for name, signal in found.items()}
    assert counts == {
        "Claims: Supported": (0, 2),
        "Claims: Refuted": (1, 2),
        "Claims: Not Enough Evidence": (1, 2),
        "Claims with a named source": (1, 2),
        "Claims with a figure or date": (1, 2),
        "Sentences in possible fallacies": (1, 3),
        "Hedged statements": (1, 3),
    }
    assert found["Hedged statements"].examples[0].text == LINES[1]
    assert not any("score" in name.lower() for name in found)
    assert all(signal.explanation.endswith(".") for signal in found.values())


def test_what_was_not_looked_for_is_left_out() -> None:
    found = by_name(trust_signals(spoken(*LINES), None, None, None, None))

    assert set(found) == {"Hedged statements"}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("According to the Bureau of Labor Statistics, rents rose.", True),
        ("Merkel said that it is over.", True),
        ("The New York Times has reported a loss.", True),
        ("A study by Harvard found no effect.", True),
        ("He said so.", False),
        ("I said that before.", False),
        ("According to them, rents rose.", False),
        ("Rents rose in Berlin.", False),
    ],
)
def test_a_source_is_named(text: str, named: bool) -> None:
    assert names_a_source(text) is named


def test_with_names_at_hand_only_they_count() -> None:
    text = "According to the Bank of England, rents rose."

    assert names_a_source(text, {"Bank of England"})
    assert not names_a_source(text, {"Berlin"})


@given(st.lists(st.text(max_size=60), max_size=8))
def test_counts_never_exceed_what_they_are_out_of(lines: list[str]) -> None:
    transcript = spoken(*lines)

    for signal in trust_signals(
        transcript, claimed(transcript, *range(len(lines))), None, None, None
    ).signals:
        assert 0 <= signal.count <= signal.of
        assert len(signal.examples) <= min(3, signal.count)
