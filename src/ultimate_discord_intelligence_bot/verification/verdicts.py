"""What can be concluded about a claim from the evidence, and what cannot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..models.analysis import Claim, Claims
from ..models.memory import Hit
from ..models.verification import Evidence, EvidenceSet, Label, Verdict, Verdicts
from .evidence import FROM_RECORDING, Retriever, evidence_of

_LOOKED_AT_AGAIN = 100
_LOWER_FLOOR = 0.45


def judge(claims: Claims, evidence_sets: Sequence[EvidenceSet], limit: int | None) -> Verdicts:
    """One verdict for each of the claims that most need checking.

    Only other recordings can make a claim Supported or Refuted; both at once is Conflicting
    Evidence. What else was said in the same recording is shown and decides nothing.

    Args:
        claims: all claims.
        evidence_sets: what was found, one set for each place that was searched.
        limit: how many claims are checked, most check-worthy first; None for all.

    Returns:
        Verdicts in order of time.
    """
    chosen = sorted(claims.claims, key=lambda claim: (-claim.score, claim.start, claim.id))
    chosen = sorted(chosen[:limit], key=lambda claim: (claim.start, claim.id))
    return Verdicts(verdicts=tuple(_verdict(claim, evidence_sets) for claim in chosen))


async def challenge(
    verdicts: Verdicts, claims: Claims, claim_vectors: NDArray[np.float32], retrieve: Retriever
) -> Verdicts:
    """A second opinion: look wider for what speaks against each verdict that was reached.

    A verdict of Supported or Refuted against which something is found becomes Conflicting
    Evidence and carries both sides; the others stay as they are.

    Args:
        verdicts: as given by ``judge``.
        claims: the claims they are about.
        claim_vectors: one row for each claim, in their order.
        retrieve: as for ``gather_from_memory``.
    """
    rows = {claim.id: row for row, claim in enumerate(claims.claims)}
    decided = [v for v in verdicts.verdicts if v.label in (Label.SUPPORTED, Label.REFUTED)]
    if not decided:
        return verdicts
    vectors = claim_vectors[[rows[verdict.claim] for verdict in decided]]
    hits = await retrieve(vectors, _LOOKED_AT_AGAIN)
    revised = {
        verdict.claim: _revised(verdict, claims.claims[rows[verdict.claim]], found)
        for verdict, found in zip(decided, hits, strict=True)
    }
    return Verdicts(verdicts=tuple(revised.get(v.claim, v) for v in verdicts.verdicts))


def _verdict(claim: Claim, evidence_sets: Sequence[EvidenceSet]) -> Verdict:
    evidence = tuple(e for found in evidence_sets for e in found.found.get(claim.id, ()))
    elsewhere = [e for e in evidence if e.found_by != FROM_RECORDING]
    supporting = [e for e in elsewhere if e.stance == "supports"]
    refuting = [e for e in elsewhere if e.stance == "refutes"]
    if supporting and refuting:
        label, why = Label.CONFLICTING, f"{_told(supporting)}; but {_told(refuting)}."
    elif supporting:
        label, why = Label.SUPPORTED, f"{_told(supporting)}."
    elif refuting:
        label, why = Label.REFUTED, f"{_told(refuting)}."
    else:
        label, why = Label.NOT_ENOUGH_EVIDENCE, _looked_at(evidence)
    return Verdict(
        claim=claim.id, label=label, evidence=evidence, explanation=why[:1].upper() + why[1:]
    )


def _told(evidence: Sequence[Evidence]) -> str:
    """How many recordings say what, e.g. "one other recording refutes it (5 against 7)"."""
    count = len({e.source_id for e in evidence})
    who = "one other recording" if count == 1 else f"{count} other recordings"
    verb = evidence[0].stance if count == 1 else evidence[0].stance.removesuffix("s")
    reasons = dict.fromkeys(e.reason for e in evidence)
    return f"{who} {verb} it ({'; '.join(reasons)})"


def _looked_at(evidence: Sequence[Evidence]) -> str:
    remembered = [e for e in evidence if e.found_by != FROM_RECORDING]
    here = [e for e in evidence if e.found_by == FROM_RECORDING]
    if not evidence:
        return "Nothing that is remembered, and nothing else in this recording, is about it."
    parts = []
    if remembered:
        parts.append(f"{_passages(len(remembered))} of other recordings")
    if here:
        parts.append(f"{_passages(len(here))} of this recording")
    why = f"{' and '.join(parts)} are about something similar, but settle nothing."
    if len(evidence) == 1:
        why = f"{parts[0]} is about something similar, but settles nothing."
    if any(e.stance != "related" for e in here):
        why += " What is said elsewhere in the same recording counts as context, not as evidence."
    return why


def _passages(count: int) -> str:
    return "one passage" if count == 1 else f"{count} passages"


def _revised(verdict: Verdict, claim: Claim, hits: Sequence[Hit]) -> Verdict:
    used = {(e.source_id, e.passage) for e in verdict.evidence}
    fresh = [hit for hit in hits if (hit.source_id, hit.text) not in used]
    opposite = "refutes" if verdict.label is Label.SUPPORTED else "supports"
    wider = [evidence_of(claim, hit, _LOWER_FLOOR) for hit in fresh]
    against = tuple(e for e in wider if e.stance == opposite)
    if not against:
        note = f"A wider search through {_passages(len(fresh))} found nothing against this."
        return verdict.model_copy(update={"explanation": f"{verdict.explanation} {note}"})
    return Verdict(
        claim=verdict.claim,
        label=Label.CONFLICTING,
        evidence=verdict.evidence + against,
        explanation=f"{verdict.explanation} But a wider search found that {_told(against)}.",
    )
