"""Trust signals: counts that bear on how far a recording can be trusted, side by side."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from ..models.analysis import Claim, Claims, Entities, Fallacies, Quote, Signal, TrustSignals
from ..models.transcript import Segment, Transcript
from ..models.verification import Label, Verdicts
from .words import is_courtesy, is_question, words

_READ = 2_000
_MOST_EXAMPLES = 3
_SHORTEST = 4

_HEDGE = re.compile(
    r"\b(?:almost|apparently|approximately|arguably|assume[sd]?|could|doubtful|essentially"
    r"|fairly|frequently|generally|i (?:guess|think|believe|suppose|feel)|in general"
    r"|in my (?:opinion|view)|indicates?|kind of|largely|likely|mainly|may|maybe|might|mostly"
    r"|nearly|often|perhaps|plausibl[ey]|possibl[ey]|possibility|presumabl[ey]|probabl[ey]"
    r"|rarely|relatively|roughly|seem(?:s|ed|ingly)?|sometimes|somewhat|sort of"
    r"|suggest(?:s|ed)?|supposedly|suspect|tend(?:s|ed)? to|typically|uncertain|unclear"
    r"|unlikely|usually)\b|\b(?:about|around|some) (?=\d|(?:an? )?(?:half|dozen|hundred|two|three"
    r"|four|five|six|seven|eight|nine|ten|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)\b)",
    re.IGNORECASE,
)
"""Hedges of Hyland (2005), appendix, those that are common in speech."""

_SAYING = (
    r"(?:says?|said|writes?|wrote|reports?|reported|found|finds|shows?|showed|published|estimates?"
    r"|estimated|announced|confirmed|testified|concluded|calculated|claims?|claimed|argues?|argued)"
)
_WORD = r"[A-Z][\w.&'’-]*"
_NAME = rf"{_WORD}(?:\s+(?:of|for|the|and|de|von|{_WORD})){{0,6}}"
_ATTRIBUTED = re.compile(
    rf"\b(?:[Aa]ccording to|[Aa]s reported by|[Ii]n the words of|[Dd]ata from|[Ff]igures from"
    rf"|[Ss]tatistics from|[Aa] (?:study|report|survey) (?:by|from|of))\s+(?:the\s+)?{_NAME}"
    rf"|\b{_NAME}\s+(?:has |have |had )?{_SAYING}\b"
)
_PRONOUNS = frozenset(
    ["i", "we", "you", "he", "she", "it", "they", "this", "that", "there", "what", "who"]
)


def trust_signals(
    transcript: Transcript,
    claims: Claims | None,
    verdicts: Verdicts | None,
    fallacies: Fallacies | None,
    entities: Entities | None,
) -> TrustSignals:
    """What can be counted, each with its explanation; what was not looked for is left out.

    Args:
        transcript: of the whole recording.
        claims: found in it.
        verdicts: on those claims that were checked.
        fallacies: found in it.
        entities: named in it; without them a source counts when it looks like a name.
    """
    statements = [segment for segment in transcript.segments if _states(segment)]
    signals = [*_checked(claims, verdicts)]
    if claims:
        signals += [_sources(claims.claims, entities), _precise(claims.claims)]
    if fallacies:
        signals.append(_arguments(transcript, statements, fallacies))
    signals.append(_hedged(statements))
    return TrustSignals(signals=tuple(signals))


def _states(segment: Segment) -> bool:
    return (
        len(words(segment.text[:_READ])) >= _SHORTEST
        and not is_question(segment.text)
        and not is_courtesy(segment.text)
    )


def _checked(claims: Claims | None, verdicts: Verdicts | None) -> Iterable[Signal]:
    """How the check-worthy claims came out, one component for each verdict."""
    if not claims or not verdicts:
        return
    by_id = {claim.id: claim for claim in claims.claims}
    told = {
        Label.SUPPORTED: (
            "Check-worthy claims that were checked and that evidence supports. Evidence is what "
            "the memory and the recording itself hold; it may be wrong as well."
        ),
        Label.REFUTED: (
            "Check-worthy claims that were checked and that evidence contradicts. Look at the "
            "evidence before you repeat it: a speaker may have meant something else."
        ),
        Label.CONFLICTING: (
            "Check-worthy claims for which there is evidence on both sides, or that leave out what "
            "would change their meaning."
        ),
        Label.NOT_ENOUGH_EVIDENCE: (
            "Check-worthy claims that were checked without finding enough evidence. That says "
            "nothing about whether they are true."
        ),
    }
    for label, explanation in told.items():
        these = [v.claim for v in verdicts.verdicts if v.label is label and v.claim in by_id]
        if these or label is not Label.CONFLICTING:
            yield Signal(
                name=f"Claims: {label.value}",
                count=len(these),
                of=len(verdicts.verdicts),
                explanation=explanation,
                examples=tuple(_as_quote(by_id[claim]) for claim in these[:_MOST_EXAMPLES]),
            )


def _as_quote(quote: Quote) -> Quote:
    return Quote(**{name: getattr(quote, name) for name in Quote.model_fields})


def _sources(claims: Sequence[Claim], entities: Entities | None) -> Signal:
    known = None
    if entities is not None:
        known = {name for entity in entities.entities for name in (entity.name, *entity.aliases)}
    named = [claim for claim in claims if names_a_source(claim.text, known)]
    return Signal(
        name="Claims with a named source",
        count=len(named),
        of=len(claims),
        explanation=(
            "Check-worthy claims that say by name where they come from (“according to …”, “… "
            "found that”). Whether the source says so was not looked up; a source named in the "
            "sentence before is not counted."
        ),
        examples=tuple(_as_quote(claim) for claim in named[:_MOST_EXAMPLES]),
    )


def names_a_source(text: str, names: set[str] | None = None) -> bool:
    """Whether a sentence attributes what it says to somebody by name.

    Args:
        text: one sentence.
        names: the names of the recording; None when any capitalised words may be one.
    """
    for match in _ATTRIBUTED.finditer(text[:_READ]):
        found = match[0]
        tokens = [token for token in words(found) if token[0].isupper()]
        if not tokens or all(token.lower() in _PRONOUNS for token in tokens):
            continue
        if names is None or any(name in found for name in names):
            return True
    return False


def _precise(claims: Sequence[Claim]) -> Signal:
    return _counted(
        "Claims with a figure or date",
        claims,
        lambda claim: bool(claim.quantities),
        "Check-worthy claims that give a number, an amount or a date. They are easier to check, "
        "which does not make them right.",
    )


def _counted(
    name: str, claims: Sequence[Claim], has: Callable[[Claim], bool], explanation: str
) -> Signal:
    found = [claim for claim in claims if has(claim)]
    return Signal(
        name=name,
        count=len(found),
        of=len(claims),
        explanation=explanation,
        examples=tuple(_as_quote(claim) for claim in found[:_MOST_EXAMPLES]),
    )


def _arguments(
    transcript: Transcript, statements: Sequence[Segment], fallacies: Fallacies
) -> Signal:
    """Density of possible fallacies, in sentences."""
    stated = {segment.index for segment in statements}
    marked = {
        index
        for fallacy in fallacies.fallacies
        for index in range(fallacy.segment, fallacy.last + 1)
    }
    first = sorted(fallacies.fallacies, key=lambda f: -f.confidence)[:_MOST_EXAMPLES]
    return Signal(
        name="Sentences in possible fallacies",
        count=len(marked & stated),
        of=len(stated),
        explanation=(
            "Statements within passages worded like a fallacy. The analyst is silent when unsure, "
            "so there may be more; and a speaker may be quoting somebody."
        ),
        examples=tuple(Quote.of(transcript.segments[f.segment]) for f in first),
    )


def _hedged(statements: Sequence[Segment]) -> Signal:
    hedged = [segment for segment in statements if _HEDGE.search(segment.text[:_READ])]
    return Signal(
        name="Hedged statements",
        count=len(hedged),
        of=len(statements),
        explanation=(
            "Statements with a word such as “perhaps”, “about” or “I think”, from a list (Hyland's "
            "hedges). Hedging is often a sign of care, and its absence is no sign of knowledge."
        ),
        examples=tuple(Quote.of(segment) for segment in hedged[:_MOST_EXAMPLES]),
    )
