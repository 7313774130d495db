"""Check-worthy claims: statements a fact-checker would look up.

A logistic head over the sentence vector and a few wording cues, trained on presidential debates
(see MODEL_CARD_claims.md).
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from ..models.analysis import Claim, Claims
from ..models.artifact import Vectors
from ..models.transcript import Segment, Transcript
from ..runs import stable_id
from .head import load_head
from .words import is_courtesy, is_question, words

SHORTEST = 4
"""Words that a claim has at least."""

_READ = 2_000
"""Characters of a segment that the cues look at."""

_CUES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\d",
        r"\d+(\.\d+)? ?(%|percent|per cent)",
        r"\b(1[89]|20)\d\d\b",
        r"\$|€|£|\b(dollars?|euros?|pounds?)\b",
        r"\b(million|billion|trillion|thousand|hundred|half|thirds?|quarter|twice|doubled?)\b",
        r"\b(two|three|four|five|six|seven|eight|nine|ten|twenty|thirty|forty|fifty)\b",
        r"\b(more|less|fewer|most|least|highest|lowest|largest|biggest)\b",
        r"\bthan\b",
        r"\b(was|were|had|did|voted|said|passed)\b",
        r"\b(has|have|['’]ve) \w+(ed|en)\b",
        r"\b(will|['’]ll|would|should|could|must|going to|let['’]s|let us|might|may)\b",
        r"\bi (think|believe|feel|want|hope|guess|love|hate)\b|\bin my (opinion|view)\b",
        r"\bwe (need|must|should|have to|ought)\b",
        r"\bif\b",
        r"\b(thank|thanks|please|welcome|hello|good evening)\b",
        r"\b(i|me|my)\b",
        r"\b(we|our|us)\b",
        r"\b(you|your)\b",
        r"\b(he|she|his|her|they|their)\b",
        r"\b(every|all|never|always|everybody|nobody)\b",
        r"n['’]t\b|\bnot\b",
        r"\b(increased?|decreased?|rose|fell|lost|gain|grew|rate|average|cost|spen[dt]|tax|jobs)\b",
        r"\b(according|report|study|statistics|record|data)\b",
    )
)

CUES = len(_CUES) + 2
"""How many numbers ``cues`` gives for a sentence."""


def cues(text: str) -> list[float]:
    """Wording that tells a checkable statement: figures, dates, names, tense, opinion, length."""
    text = text[:_READ]
    found = [float(min(len(cue.findall(text)), 3)) for cue in _CUES]
    tokens = words(text)
    names = 0
    if not text.isupper():
        names = sum(token[0].isupper() and token[:1] != "I" for token in tokens[1:])
    return [*found, float(min(names, 6)), float(np.log1p(min(len(tokens), 60)))]


def claim_inputs(texts: list[str], array: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the head reads: the vector, then the cues."""
    table = np.array([cues(text) for text in texts], np.float32).reshape(len(texts), CUES)
    return np.hstack([array, table])


def _may_be_claim(segment: Segment) -> bool:
    tokens = words(segment.text[:_READ])
    return (
        len(tokens) >= SHORTEST
        and any(token.isalpha() for token in tokens)
        and not is_question(segment.text)
        and not is_courtesy(segment.text)
    )


def detect_claims(transcript: Transcript, vectors: Vectors, source_id: str) -> Claims:
    """The segments that state something checkable, in order of time.

    Questions, courtesies and fragments under four words never count. Text is verbatim; where the
    same words are said twice, the first time counts.

    Args:
        transcript: of the whole recording.
        vectors: one row for each segment.
        source_id: of the recording; part of the id of every claim.
    """
    head = load_head("claims")
    candidates = [segment for segment in transcript.segments if _may_be_claim(segment)]
    rows = [segment.index for segment in candidates]
    inputs = claim_inputs([segment.text for segment in candidates], vectors.array[rows])
    scores = head.probabilities(inputs)[:, -1]
    found: dict[str, Claim] = {}
    for segment, score in zip(candidates, scores, strict=True):
        identity = stable_id("claim", source_id, segment.text)
        if score >= head.threshold and identity not in found:
            found[identity] = Claim(
                id=identity,
                text=segment.text,
                segment=segment.index,
                start=segment.start,
                end=segment.end,
                speaker=segment.speaker,
                score=round(float(score), 4),
            )
    return Claims(claims=tuple(found.values()), threshold=round(head.threshold, 4))
