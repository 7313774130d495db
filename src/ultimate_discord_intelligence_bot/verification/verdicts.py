"""What can be concluded about a claim from the evidence, and what cannot."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from ..models.verification import (
    DECIDED,
    Assertion,
    Assertions,
    Evidence,
    EvidenceSet,
    Label,
    Part,
    Verdict,
    Verdicts,
)
from .evidence import FROM_DOCUMENTS, FROM_MEMORY, FROM_RECORDING


def judge(assertions: Assertions, evidence_sets: Sequence[EvidenceSet], today: date) -> Verdicts:
    """One verdict for each claim that is checked, by comparing its words with the evidence.

    Only what stands elsewhere can make a claim Supported or Refuted; both at once is Conflicting
    Evidence. What else was said in the same recording is shown and decides nothing.

    Args:
        assertions: what is to be checked.
        evidence_sets: what was found, one set for each kind of place.
        today: the day of the judgement.

    Returns:
        Verdicts in order of time.
    """
    return combined(
        assertions,
        [
            weighed(assertion, evidence_for(assertion, evidence_sets), today)
            for assertion in assertions.assertions
        ],
    )


def evidence_for(
    assertion: Assertion, evidence_sets: Sequence[EvidenceSet]
) -> tuple[Evidence, ...]:
    """All evidence that bears on an assertion, from all sets."""
    return tuple(e for found in evidence_sets for e in found.found.get(assertion.id, ()))


def weighed(assertion: Assertion, evidence: tuple[Evidence, ...], today: date) -> Verdict:
    """The verdict on one assertion, by the stances of the evidence."""
    if assertion.verdict is not None:
        return assertion.verdict
    elsewhere = [e for e in evidence if e.found_by != FROM_RECORDING]
    supporting = [e for e in elsewhere if e.stance == "supports"]
    refuting = [e for e in elsewhere if e.stance == "refutes"]
    confidence: float | None = None
    if supporting and refuting:
        label, why = Label.CONFLICTING, f"{told(supporting)}; but {told(refuting)}."
    elif supporting or refuting:
        label = Label.SUPPORTED if supporting else Label.REFUTED
        why = f"{told(supporting or refuting)}."
        confidence = max(e.confidence for e in supporting or refuting)
    else:
        label, why = Label.NOT_ENOUGH_EVIDENCE, _looked_at(evidence)
    return Verdict(
        claim=assertion.claim,
        label=label,
        evidence=evidence,
        explanation=why[:1].upper() + why[1:],
        confidence=confidence,
        checked=today,
    )


def combined(assertions: Assertions, verdicts: Sequence[Verdict]) -> Verdicts:
    """The verdicts on claims, from those on what they assert, in the same order.

    A claim of several parts is Refuted when one of them is, Supported when all of them are,
    Conflicting when one of them is and none is Refuted, and otherwise not decided.
    """
    parts: defaultdict[str, list[tuple[Assertion, Verdict]]] = defaultdict(list)
    for assertion, verdict in zip(assertions.assertions, verdicts, strict=True):
        parts[assertion.claim].append((assertion, verdict))
    return Verdicts(verdicts=tuple(_joined(pairs) for pairs in parts.values()))


def _joined(pairs: Sequence[tuple[Assertion, Verdict]]) -> Verdict:
    verdicts = [verdict for _, verdict in pairs]
    if len(verdicts) == 1:
        return verdicts[0]
    labels = {verdict.label for verdict in verdicts}
    if Label.REFUTED in labels:
        label = Label.REFUTED
    elif labels == {Label.SUPPORTED}:
        label = Label.SUPPORTED
    elif Label.CONFLICTING in labels:
        label = Label.CONFLICTING
    else:
        label = Label.NOT_ENOUGH_EVIDENCE
    deciding = [verdict for verdict in verdicts if verdict.label is label]
    sure = [verdict.confidence for verdict in deciding if verdict.confidence is not None]
    found = {(e.source_id, e.passage, e.stance): e for v in verdicts for e in v.evidence}
    return verdicts[0].model_copy(
        update={
            "label": label,
            "evidence": tuple(found.values()),
            "explanation": " ".join(f"“{a.text}”: {v.explanation}" for a, v in pairs),
            "confidence": min(sure) if sure and label in DECIDED else None,
            "parts": tuple(Part(text=a.text, label=v.label) for a, v in pairs),
        }
    )


def told(evidence: Sequence[Evidence]) -> str:
    """Who says what, e.g. "one other recording refutes it (5 against 7)"."""
    who: dict[str, set[str]] = {}
    for item in evidence:
        who.setdefault(item.found_by, set()).add(item.source_id)
    named = [_named(place, len(sources)) for place, sources in who.items()]
    one = len(who) == 1 and len(next(iter(who.values()))) == 1
    verb = evidence[0].stance if one else evidence[0].stance.removesuffix("s")
    reasons = dict.fromkeys(e.reason for e in evidence if e.reason)
    why = f" ({'; '.join(reasons)})" if reasons else ""
    return f"{' and '.join(named)} {verb} it{why}"


def _named(place: str, count: int) -> str:
    if place == FROM_MEMORY:
        return "one other recording" if count == 1 else f"{count} other recordings"
    if place == FROM_DOCUMENTS:
        return "one of your documents" if count == 1 else f"{count} of your documents"
    return f"one page from {place}" if count == 1 else f"{count} pages from {place}"


def _looked_at(evidence: Sequence[Evidence]) -> str:
    here = [e for e in evidence if e.found_by == FROM_RECORDING]
    elsewhere: dict[str, int] = {}
    for item in evidence:
        if item.found_by != FROM_RECORDING:
            elsewhere[item.found_by] = elsewhere.get(item.found_by, 0) + 1
    if not evidence:
        return "Nothing that was found, and nothing else in this recording, is about it."
    parts = [f"{_passages(count)} {_of(place)}" for place, count in elsewhere.items()]
    if here:
        parts.append(f"{_passages(len(here))} of this recording")
    listed = " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))
    why = f"{listed} are about something similar, but settle nothing."
    if len(evidence) == 1:
        why = f"{parts[0]} is about something similar, but settles nothing."
    if any(e.stance != "related" for e in here):
        why += " What is said elsewhere in the same recording counts as context, not as evidence."
    return why


def _of(place: str) -> str:
    return {FROM_MEMORY: "of other recordings", FROM_DOCUMENTS: "of your documents"}.get(
        place, f"from {place}"
    )


def _passages(count: int) -> str:
    return "one passage" if count == 1 else f"{count} passages"
