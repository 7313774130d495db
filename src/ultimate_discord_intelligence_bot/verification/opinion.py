"""A second opinion: whoever reached a verdict is challenged with what speaks against it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ..errors import LanguageModelError
from ..llm import Mind, material
from ..llm.prompts import CHALLENGE
from ..models.memory import Hit
from ..models.verification import Assertion, Assertions, Evidence, Label, Verdict, Verdicts
from .evidence import FROM_RECORDING, Floats, Retriever, evidence_of
from .reading import cited, line
from .turns import settled
from .verdicts import told

_LOOKED_AT = 100
_FLOOR = 0.45
_SHOWN = 12


async def challenge(
    verdicts: Verdicts,
    assertions: Assertions,
    vectors: Floats,
    retrieve: Retriever,
    mind: Mind | None = None,
    *,
    together: bool = True,
) -> Verdicts:
    """Look wider for what speaks against each verdict that was reached.

    A verdict of Supported or Refuted against which something is found becomes Conflicting
    Evidence and carries both sides; the others stay as they are.

    Args:
        verdicts: as given by ``judge`` or ``read_verdicts``.
        assertions: what they are about.
        vectors: one row for each assertion, in their order.
        retrieve: as for ``gather_from_memory``.
        mind: the challenger; without one, words are compared.
        together: whether all verdicts are challenged at once.
    """
    decided = {v.claim for v in verdicts.verdicts if v.label in (Label.SUPPORTED, Label.REFUTED)}
    rows = [row for row, a in enumerate(assertions.assertions) if a.claim in decided]
    if not rows:
        return verdicts
    hits = await retrieve(vectors[rows], _LOOKED_AT)
    wider: dict[str, list[tuple[Assertion, list[Hit]]]] = {}
    for row, found in zip(rows, hits, strict=True):
        assertion = assertions.assertions[row]
        wider.setdefault(assertion.claim, []).append((assertion, found))
    reached = [verdict for verdict in verdicts.verdicts if verdict.claim in wider]
    answers = await settled(
        (partial(_challenged, verdict, wider[verdict.claim], mind) for verdict in reached),
        together=together,
    )
    revised: dict[str, Verdict] = {}
    gaps: dict[str, None] = {}
    for verdict, answer in zip(reached, answers, strict=True):
        if isinstance(answer, LanguageModelError):
            gaps[f"The challenger gave no answer. {answer}"] = None
        elif isinstance(answer, Exception):
            raise answer
        else:
            revised[verdict.claim] = answer
    return verdicts.model_copy(
        update={
            "verdicts": tuple(revised.get(v.claim, v) for v in verdicts.verdicts),
            "gaps": (*verdicts.gaps, *gaps),
        }
    )


async def _challenged(
    verdict: Verdict, wider: Sequence[tuple[Assertion, list[Hit]]], mind: Mind | None
) -> Verdict:
    """The verdict after the challenge."""
    used = {(e.source_id, e.passage) for e in verdict.evidence}
    fresh = {
        (hit.source_id, hit.text): evidence_of(assertion, hit, _FLOOR)
        for assertion, found in wider
        for hit in found
        if (hit.source_id, hit.text) not in used
    }
    opposite = "refutes" if verdict.label is Label.SUPPORTED else "supports"
    against = tuple(e for e in fresh.values() if e.stance == opposite)
    if against or mind is None:
        return _revised(verdict, against, len(fresh))
    undecided = [
        e for e in verdict.evidence if e.stance == "related" and e.found_by != FROM_RECORDING
    ]
    passages = [*undecided, *fresh.values()][:_SHOWN]
    found, why = await _asked(mind, verdict, wider[0][0], passages, opposite)
    return _revised(verdict, found, len(fresh), why)


async def _asked(
    mind: Mind, verdict: Verdict, assertion: Assertion, passages: list[Evidence], opposite: str
) -> tuple[tuple[Evidence, ...], str]:
    """What speaks against the verdict, and how the challenger puts it."""
    if not passages:
        return (), ""
    answer = await mind.ask(
        CHALLENGE.about(
            material("statement", [assertion.text]),
            material("passages", (line(n, e) for n, e in enumerate(passages))),
            label=verdict.label.value,
        )
    )
    weighed, _ = cited(passages, answer.counter)
    return tuple(e for e in weighed if e.stance == opposite), answer.explanation


def _revised(
    verdict: Verdict, against: tuple[Evidence, ...], looked_at: int, why: str = ""
) -> Verdict:
    if not against:
        passages = "one passage" if looked_at == 1 else f"{looked_at} passages"
        note = f"A wider search through {passages} found nothing against this."
        return verdict.model_copy(update={"explanation": f"{verdict.explanation} {note}"})
    but = f"But a wider search found that {told(against)}. {why}".rstrip()
    shown = {(e.source_id, e.passage) for e in against}
    before = tuple(e for e in verdict.evidence if (e.source_id, e.passage) not in shown)
    return verdict.model_copy(
        update={
            "label": Label.CONFLICTING,
            "evidence": before + against,
            "confidence": None,
            "explanation": f"{verdict.explanation} {but}",
        }
    )
