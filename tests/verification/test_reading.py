"""Verdicts by a language model, and the challenge of them: what counts of its answers."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.minds import Prepared
from ultimate_discord_intelligence_bot.errors import LanguageModelError, ModelUnavailable
from ultimate_discord_intelligence_bot.llm.prompts.challenge import Challenge
from ultimate_discord_intelligence_bot.llm.prompts.verdict import Citation, Weighing
from ultimate_discord_intelligence_bot.models.memory import Hit
from ultimate_discord_intelligence_bot.models.verification import (
    Assertion,
    Assertions,
    Evidence,
    EvidenceSet,
    Label,
    Verdict,
    Verdicts,
)
from ultimate_discord_intelligence_bot.verification import challenge, read_verdicts

TODAY = date(2024, 5, 1)
FOR = "In 1998, 5,000 people moved to the city."
AGAINST = "Only 900 people moved to the city in 1998."


def evidence(passage: str, found_by: str = "Wikipedia") -> Evidence:
    return Evidence(
        source_id=passage,
        title="Migration",
        url="https://example.org/",
        published=date(2001, 1, 1),
        passage=passage,
        start=None,
        speaker=None,
        found_by=found_by,
        similarity=0.8,
    )


def assertion(number: int = 0, claim: str = "c") -> Assertion:
    return Assertion(id=f"a{number}", claim=claim, text="5,000 people moved in 1998.", segment=0)


def answer(label: Label, *citations: tuple[int, str, str], confidence: float = 0.8) -> Weighing:
    return Weighing(
        label=label.value,
        citations=[Citation(passage=p, quote=q, stance=s) for p, q, s in citations],
        confidence=confidence,
        explanation="Because.",
    )


async def judged(
    *answers: Weighing | LanguageModelError, passages: tuple[str, ...] = (FOR, AGAINST)
) -> tuple[Verdicts, Prepared]:
    mind = Prepared(*answers)
    items = tuple(assertion(n, f"c{n}") for n in range(len(answers) or 1))
    found = EvidenceSet(found={a.id: tuple(map(evidence, passages)) for a in items})
    verdicts = await read_verdicts(
        mind, "m/1", Assertions(assertions=items), [found], TODAY, together=True
    )
    return verdicts, mind


async def test_a_verdict_carries_the_words_that_were_cited_for_it() -> None:
    verdicts, mind = await judged(
        answer(Label.SUPPORTED, (0, "5,000 PEOPLE  moved to the city", "supports"))
    )
    (verdict,) = verdicts.verdicts
    assert (verdict.label, verdict.confidence, verdict.method) == (Label.SUPPORTED, 0.8, "m/1")
    assert [(e.stance, e.quote) for e in verdict.evidence] == [
        ("supports", "5,000 PEOPLE  moved to the city"),
        ("related", ""),
    ]
    assert verdict.checked == TODAY
    asked = mind.questions[0].messages[1].content
    assert f"[0] (Wikipedia, “Migration”, 2001-01-01) {FOR}" in asked


@pytest.mark.parametrize(
    ("citations", "dropped"),
    [
        ((), 0),
        (((0, "50,000 people moved to the city", "supports"),), 1),
        (((1, "5,000 people moved to the city", "supports"),), 1),
        (((9, "5,000 people moved to the city", "supports"),), 1),
        (((1, AGAINST, "refutes"),), 0),
    ],
)
async def test_without_words_that_carry_it_a_verdict_is_not_enough_evidence(
    citations: tuple[tuple[int, str, str], ...], dropped: int
) -> None:
    verdicts, _ = await judged(answer(Label.SUPPORTED, *citations))
    (verdict,) = verdicts.verdicts
    assert verdict.label is Label.NOT_ENOUGH_EVIDENCE
    assert verdict.confidence is None
    assert "cited no words" in verdict.explanation
    assert verdicts.dropped == dropped


async def test_conflicting_evidence_needs_both_sides() -> None:
    both = (0, FOR, "supports"), (1, AGAINST, "refutes")
    verdicts, _ = await judged(answer(Label.CONFLICTING, *both), answer(Label.CONFLICTING, both[0]))
    assert [v.label for v in verdicts.verdicts] == [Label.CONFLICTING, Label.NOT_ENOUGH_EVIDENCE]


async def test_without_evidence_from_elsewhere_nothing_is_asked() -> None:
    items = Assertions(assertions=(assertion(),))
    here = EvidenceSet(found={"a0": (evidence(FOR, found_by="this recording"),)})
    mind = Prepared()
    verdicts = await read_verdicts(mind, "m/1", items, [here], TODAY, together=True)
    assert verdicts.verdicts[0].label is Label.NOT_ENOUGH_EVIDENCE
    assert verdicts.verdicts[0].method == "comparison"
    assert mind.questions == []


async def test_where_one_answer_is_missing_that_claim_is_compared_and_the_gap_is_told() -> None:
    verdicts, _ = await judged(
        answer(Label.SUPPORTED, (0, FOR, "supports")), ModelUnavailable("It is down.")
    )
    assert [v.method for v in verdicts.verdicts] == ["m/1", "comparison"]
    (gap,) = verdicts.gaps
    assert gap.startswith("1 of 2 claims were compared word by word instead. It is down.")


async def test_no_answer_at_all_is_an_error() -> None:
    with pytest.raises(ModelUnavailable):
        await judged(ModelUnavailable("It is down."), ModelUnavailable("It is down."))


@pytest.mark.parametrize(
    ("labels", "whole"),
    [
        ((Label.SUPPORTED, Label.SUPPORTED), Label.SUPPORTED),
        ((Label.SUPPORTED, Label.REFUTED), Label.REFUTED),
        ((Label.SUPPORTED, Label.NOT_ENOUGH_EVIDENCE), Label.NOT_ENOUGH_EVIDENCE),
        ((Label.CONFLICTING, Label.SUPPORTED), Label.CONFLICTING),
        ((Label.CONFLICTING, Label.REFUTED), Label.REFUTED),
    ],
)
async def test_a_claim_of_several_things_is_as_good_as_its_worst(
    labels: tuple[Label, ...], whole: Label
) -> None:
    items = Assertions(assertions=tuple(assertion(n) for n in range(len(labels))))
    found = EvidenceSet(found={a.id: (evidence(FOR), evidence(AGAINST)) for a in items.assertions})
    citations = (0, FOR, "supports"), (1, AGAINST, "refutes")
    mind = Prepared(
        *(answer(label, *citations, confidence=0.9 - n / 10) for n, label in enumerate(labels))
    )
    (verdict,) = (await read_verdicts(mind, "m/1", items, [found], TODAY, together=True)).verdicts
    assert verdict.label is whole
    assert [part.label for part in verdict.parts] == list(labels)
    if whole is Label.SUPPORTED:
        assert verdict.confidence == pytest.approx(0.8)


# -- the challenger -----------------------------------------------------------------------------


def hit(text: str) -> Hit:
    return Hit(
        id=text,
        kind="segment",
        text=text,
        start=0,
        end=1,
        speaker=None,
        source_id="elsewhere",
        source="Elsewhere",
        url="https://example.org/e#t=0",
        published=None,
        score=0.5,
    )


async def challenged(*answers: Challenge | LanguageModelError) -> tuple[Verdicts, Prepared]:
    async def retrieve(vectors: NDArray[np.float32], limit: int) -> list[list[Hit]]:
        return [[hit(AGAINST)] for _ in vectors]

    supporting = evidence(FOR).model_copy(update={"stance": "supports"})
    verdict = Verdict(
        claim="c", label=Label.SUPPORTED, evidence=(supporting,), explanation="So.", confidence=0.9
    )
    mind = Prepared(*answers)
    found = await challenge(
        Verdicts(verdicts=(verdict,)),
        Assertions(assertions=(assertion(),)),
        np.zeros((1, 4), np.float32),
        retrieve,
        mind,
    )
    return found, mind


async def test_words_that_speak_against_a_verdict_make_it_conflicting_evidence() -> None:
    counter = [Citation(passage=0, quote="Only 900 people moved", stance="refutes")]
    found, mind = await challenged(Challenge(counter=counter, explanation="Far fewer."))
    (verdict,) = found.verdicts
    assert (verdict.label, verdict.confidence) == (Label.CONFLICTING, None)
    assert [e.stance for e in verdict.evidence] == ["supports", "refutes"]
    assert verdict.explanation == (
        "So. But a wider search found that one other recording refutes it. Far fewer."
    )
    assert "verdict that was reached on it (Supported)" in mind.questions[0].messages[-1].content


@pytest.mark.parametrize(
    "counter",
    [
        [],
        [Citation(passage=0, quote="Nobody moved at all", stance="refutes")],
        [Citation(passage=0, quote="Only 900 people moved", stance="supports")],
    ],
)
async def test_without_such_words_the_verdict_stands(counter: list[Citation]) -> None:
    found, _ = await challenged(Challenge(counter=counter, explanation="Nothing."))
    (verdict,) = found.verdicts
    assert (verdict.label, verdict.confidence) == (Label.SUPPORTED, 0.9)
    assert "found nothing against this" in verdict.explanation


async def test_a_challenger_that_is_silent_is_told() -> None:
    found, _ = await challenged(ModelUnavailable("It is down."))
    assert found.verdicts[0].label is Label.SUPPORTED
    assert found.gaps[0].startswith("The challenger gave no answer. It is down.")
