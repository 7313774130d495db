"""What retrieved passages say about a claim, and with what confidence."""

from __future__ import annotations

import numpy as np
import pytest

from ultimate_discord_intelligence_bot.verification.judgement import CONFIDENCE, weigh

CLAIM = "The museum in Oslo shows 400 ships."
PASSAGES = [
    "The museum in Oslo shows 400 ships, 12 planes and 3 trains.",
    "The museum in Oslo shows 250 ships, 12 planes and 3 trains.",
    "The museum in Oslo has a garden.",
]
NEAR = np.full(3, 0.8, np.float32)


def test_each_passage_gets_its_stance_with_a_reason() -> None:
    assert [(stance, reason) for stance, _, reason in weigh(CLAIM, PASSAGES, NEAR)] == [
        ("supports", "both say 400"),
        ("refutes", "400 against 250"),
        ("related", ""),
    ]


def test_the_confidence_is_the_measured_precision() -> None:
    supporting, refuting, related = (sure for _, sure, _ in weigh(CLAIM, PASSAGES, NEAR))
    assert supporting == CONFIDENCE["supports", "figures"]
    assert refuting == CONFIDENCE["refutes", "figures"]
    assert related == 0
    assert all(0.9 <= sure <= 1 for sure in CONFIDENCE.values())


def test_the_strict_rules_speak_where_alignment_is_silent() -> None:
    claim, passage = "Vaccines cause autism.", "Vaccines do not cause autism."
    ((stance, confidence, reason),) = weigh(claim, [passage], NEAR[:1])
    assert (stance, reason) == ("refutes", "one denies what the other says")
    assert confidence == CONFIDENCE["refutes", "words"]


def test_what_is_not_similar_is_not_looked_into() -> None:
    assert weigh(CLAIM, PASSAGES, NEAR - 0.3) == [("related", 0.0, "")] * 3


def test_no_passages_no_judgement() -> None:
    assert weigh(CLAIM, [], np.zeros(0, np.float32)) == []


def test_passages_and_similarities_belong_together() -> None:
    with pytest.raises(ValueError, match="shorter"):
        weigh(CLAIM, PASSAGES, NEAR[:2])
