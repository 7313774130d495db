"""What of the claims is checked: the most check-worthy, each as statements of one thing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..llm import Mind, material
from ..llm.prompts import ASSERTIONS
from ..models.analysis import Claim, Claims
from ..models.verification import Assertion, Assertions, Verdict
from ..runs import stable_id
from .words import DEICTIC, UNRESOLVED, tokens

_AT_ONCE = 20

Recall = Callable[[Sequence[str]], Mapping[str, Verdict]]
"""Verdicts reached before for these very words, by the words."""


def choose(claims: Claims, limit: int | None, recall: Recall) -> Assertions:
    """Every claim that is to be checked, as it was said.

    Args:
        claims: all claims.
        limit: how many are checked, the most check-worthy first; None for all.
        recall: finds verdicts of before. Only for claims whose meaning does not depend on who says
            them when.
    """
    chosen = sorted(claims.claims, key=lambda claim: (-claim.score, claim.start, claim.id))
    chosen = sorted(chosen[:limit], key=lambda claim: (claim.start, claim.id))
    alone = [claim for claim in chosen if stands_alone(claim)]
    recalled = recall([claim.text for claim in alone])
    earlier = {
        claim.id: recalled[claim.text].model_copy(update={"claim": claim.id})
        for claim in alone
        if claim.text in recalled
    }
    return Assertions(
        assertions=tuple(
            Assertion(
                id=claim.id,
                claim=claim.id,
                text=claim.text,
                segment=claim.segment,
                subjects=claim.subjects,
                speaker=claim.speaker,
                verdict=earlier.get(claim.id),
            )
            for claim in chosen
        )
    )


def stands_alone(claim: Claim) -> bool:
    """Whether the words of a claim mean the same whoever says them on whatever day."""
    said = {token.word for token in tokens(claim.text)}
    return not claim.context and not said & (DEICTIC | UNRESOLVED)


async def decompose(mind: Mind, chosen: Assertions, claims: Claims) -> Assertions:
    """The same claims, taken apart where they assert several things and put into words that can be
    understood alone.

    A claim that was checked before stays as it is; so does one that the model gives back without a
    number it had, or with one it had not.

    Raises:
        LanguageModelError: there was no answer.
    """
    by_id = {claim.id: claim for claim in claims.claims}
    open_ones = [assertion for assertion in chosen.assertions if assertion.verdict is None]
    parts: dict[str, tuple[Assertion, ...]] = {}
    for at in range(0, len(open_ones), _AT_ONCE):
        batch = open_ones[at : at + _AT_ONCE]
        lines = [_line(number, by_id[item.claim]) for number, item in enumerate(batch)]
        answer = await mind.ask(ASSERTIONS.about(material("claims", lines)))
        for entry in answer.claims:
            if entry.claim < len(batch):
                item = batch[entry.claim]
                parts[item.id] = _parts(item, by_id[item.claim], entry.statements)
    return Assertions(
        assertions=tuple(
            part for item in chosen.assertions for part in parts.get(item.id) or (item,)
        )
    )


def _line(number: int, claim: Claim) -> str:
    before = " ".join(quote.text for quote in claim.context)
    return f"[{number}] {claim.text}" + (f" (before it: {before})" if before else "")


def _parts(whole: Assertion, claim: Claim, statements: Sequence[str]) -> tuple[Assertion, ...]:
    texts = [text for text in (" ".join(s.split()) for s in statements) if text]
    said = " ".join([claim.text, *(quote.text for quote in claim.context)])
    invented = _numbers(" ".join(texts)) - _numbers(said)
    lost = _numbers(claim.text) - _numbers(" ".join(texts))
    if not texts or invented or lost:
        return (whole,)
    if len(texts) == 1:
        return (whole.model_copy(update={"text": texts[0]}),)
    return tuple(
        whole.model_copy(update={"id": stable_id("assertion", whole.claim, text), "text": text})
        for text in texts
    )


def _numbers(text: str) -> set[str]:
    return {token.word for token in tokens(text) if any(c.isdigit() for c in token.word)}
