"""Verdicts by a language model that sees the evidence and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial

from ..errors import LanguageModelError
from ..llm import Mind, material
from ..llm.prompts import VERDICT
from ..llm.prompts.verdict import Citation
from ..llm.quotation import stands_in
from ..models.verification import (
    DECIDED,
    Assertion,
    Assertions,
    Evidence,
    EvidenceSet,
    Label,
    Verdict,
    Verdicts,
)
from .evidence import FROM_RECORDING, SPOKEN
from .turns import settled
from .verdicts import combined, evidence_for, weighed

_SHOWN = 12
_NEEDED: dict[Label, set[str]] = {
    Label.SUPPORTED: {"supports"},
    Label.REFUTED: {"refutes"},
    Label.CONFLICTING: {"supports", "refutes"},
}
"""The stances that words must be cited for before a label counts."""


async def read_verdicts(
    mind: Mind,
    model: str,
    assertions: Assertions,
    evidence_sets: Sequence[EvidenceSet],
    today: date,
    *,
    together: bool,
) -> Verdicts:
    """One verdict for each claim, by a model that must cite words of the evidence.

    A citation that is not in its passage is dropped and counted; a label without the citations it
    needs becomes Not Enough Evidence. Where the model gives no answer, words are compared.

    Args:
        mind: the judge.
        model: its name, for the reader.
        assertions: what is to be checked.
        evidence_sets: what was found.
        today: the day of the judgement.
        together: whether all claims are judged at once.

    Raises:
        LanguageModelError: there was no answer about any of them.
    """
    verdicts = {
        assertion.id: weighed(assertion, evidence_for(assertion, evidence_sets), today)
        for assertion in assertions.assertions
    }
    asked = [a for a in assertions.assertions if _is_open(a, verdicts[a.id])]
    answers = await settled(
        (partial(_judged, mind, model, a, verdicts[a.id].evidence, today) for a in asked),
        together=together,
    )
    failures, dropped = list[LanguageModelError](), 0
    for assertion, answer in zip(asked, answers, strict=True):
        if isinstance(answer, LanguageModelError):
            failures.append(answer)
        elif isinstance(answer, Exception):
            raise answer
        else:
            verdicts[assertion.id] = answer[0]
            dropped += answer[1]
    if asked and len(failures) == len(asked):
        raise failures[0]
    gaps = (
        f"{sum(str(f) == why for f in failures)} of {len(asked)} claims were compared word by "
        f"word instead. {why}"
        for why in dict.fromkeys(map(str, failures))
    )
    found = combined(assertions, [verdicts[a.id] for a in assertions.assertions])
    return found.model_copy(update={"dropped": dropped, "gaps": tuple(gaps)})


def _is_open(assertion: Assertion, verdict: Verdict) -> bool:
    """Whether there is something to judge: evidence from elsewhere, and no verdict of before."""
    elsewhere = any(e.found_by != FROM_RECORDING for e in verdict.evidence)
    return assertion.verdict is None and elsewhere


def line(number: int, evidence: Evidence) -> str:
    """A passage as the judge sees it: number, where it comes from, words."""
    place = "recording" if evidence.found_by in SPOKEN else evidence.publisher or evidence.found_by
    about = [place, f"“{evidence.title}”", str(evidence.published or "no date")]
    if evidence.speaker:
        about.append(f"said by {evidence.speaker}")
    if evidence.rating:
        about.append(f"a statement that fact-checkers rated “{evidence.rating}”")
    return f"[{number}] ({', '.join(about)}) {evidence.passage}"


def cited(
    passages: Sequence[Evidence], citations: Sequence[Citation]
) -> tuple[tuple[Evidence, ...], int]:
    """The passages with the stances that citations give them, and how many did not hold."""
    stances: dict[int, Citation] = {}
    dropped = 0
    for citation in citations:
        inside = citation.passage < len(passages)
        if inside and stands_in(citation.quote, passages[citation.passage].passage):
            stances.setdefault(citation.passage, citation)
        else:
            dropped += 1
    return tuple(
        evidence.model_copy(
            update={
                "stance": stances[number].stance if number in stances else "related",
                "quote": stances[number].quote if number in stances else "",
                "reason": "",
                "confidence": 0.0,
            }
        )
        for number, evidence in enumerate(passages)
    ), dropped


async def _judged(
    mind: Mind,
    model: str,
    assertion: Assertion,
    evidence: tuple[Evidence, ...],
    today: date,
) -> tuple[Verdict, int]:
    """The verdict on one assertion, and how many citations were dropped."""
    here = tuple(e for e in evidence if e.found_by == FROM_RECORDING)
    elsewhere = [e for e in evidence if e.found_by != FROM_RECORDING][:_SHOWN]
    answer = await mind.ask(
        VERDICT.about(
            material("statement", [assertion.text]),
            material("passages", (line(number, e) for number, e in enumerate(elsewhere))),
        )
    )
    passages, dropped = cited(elsewhere, answer.citations)
    label, why = Label(answer.label), answer.explanation
    given = {e.stance for e in passages}
    if label in DECIDED and not _NEEDED[label] <= given:
        label = Label.NOT_ENOUGH_EVIDENCE
        why = "The model came to a verdict, but cited no words of the evidence that carry it."
    return (
        Verdict(
            claim=assertion.claim,
            label=label,
            evidence=(*passages, *here),
            explanation=why,
            confidence=answer.confidence if label in DECIDED else None,
            method=model,
            checked=today,
        ),
        dropped,
    )
