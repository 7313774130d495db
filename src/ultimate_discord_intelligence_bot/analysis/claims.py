"""Check-worthy claims: statements a fact-checker would look up.

Scored by the branch ``claims`` of the encoder, trained on presidential debates
(see MODEL_CARD_claims.md).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..models.analysis import Claim, Claims, Quote
from ..models.artifact import Vectors
from ..models.transcript import Segment, Transcript
from ..runs import stable_id
from .branches import Floats, claim_probabilities, facts
from .names import find_names
from .quantities import quantities_in
from .words import is_courtesy, is_question, subject_words, words

SHORTEST = 4
"""Words that a claim has at least."""

_READ = 2_000
"""Characters of a segment that are looked at."""

_MOST_CONTEXT = 2
_SAME = 0.9
_BLOCK = 512

_OPENERS = r"(?:(?:and|but|so|well|because|now|yeah|yes|no|then|also|or|i mean|you know)[, ]+)*"
_DANGLING = re.compile(
    rf"^\W*{_OPENERS}(?:(?:in|by|since|after|before|until) (?:the )?[\w ]{{1,24}}?[, ]+)?"
    r"(?:he|she|they|it|(?:this|that|these|those)(?= (?:is|are|was|were|has|have|had|did|does|means"
    r"|meant|will|would|could|can|led|made|alone)\b|['’]s)|(?:his|her|their|its) \w+)\b",
    re.IGNORECASE,
)
_EMPTY_IT = re.compile(
    r"\bit(?:['’]s| is| was| seems| turns)? (?:\w+ )?(?:that|to|out that|true|clear|known|time)\b",
    re.IGNORECASE,
)
_REPORTED = re.compile(
    r"\b(?:said|says|claimed|told|thinks|believes)\b(?: \w+)? it\b", re.IGNORECASE
)
_TELLING = re.compile(
    r"\b(?:do|did|don['’]t|didn['’]t) (?:you|we|they|people) (?:\w+ )?"
    r"(?:know|realize|realise|remember|hear|understand|think)\b",
    re.IGNORECASE,
)
_NEGATION = re.compile(r"\b(?:not|no|never|none|nobody|nothing|without)\b|n['’]t\b", re.IGNORECASE)


def are_claims(texts: Sequence[str], logits: Floats) -> tuple[NDArray[np.bool_], Floats]:
    """Which sentences are check-worthy, and how probably each is.

    Courtesies and fragments never are, and questions only where they tell more than they ask ("Do
    you know that rents have doubled?").

    Args:
        texts: sentences.
        logits: the reading ``claim`` of each; shape (texts, 1).
    """
    sure = claim_probabilities(logits)
    least = np.array([_least(text) for text in texts], np.float32)
    return sure >= least, sure


def _least(text: str) -> float:
    """The probability from which a sentence is a claim."""
    tokens = words(text[:_READ])
    if len(tokens) < SHORTEST or is_courtesy(text) or not any(t.isalpha() for t in tokens):
        return np.inf
    if is_question(text) and not _TELLING.search(text[:_READ]):
        return np.inf
    return float(facts("claim")["threshold"])


def detect_claims(transcript: Transcript, vectors: Vectors, source_id: str) -> Claims:
    """The segments that state something checkable, in order of time.

    Courtesies and fragments under four words never count, and questions seldom. Text is verbatim.
    A claim whose subject is a pronoun keeps the sentences before it that say who or what is meant.
    The same thing said again (nearly the same vector, the same quantities, the same negation) is
    one claim with all its times.

    Args:
        transcript: of the whole recording.
        vectors: one row for each segment.
        source_id: of the recording; part of the id of every claim.
    """
    segments = transcript.segments
    threshold = float(facts("claim")["threshold"])
    if not segments:
        return Claims(claims=(), threshold=round(threshold, 4))
    found, sure = are_claims([s.text for s in segments], vectors.readings["claim"])
    chosen = [(segments[row], float(sure[row])) for row in np.flatnonzero(found)]
    names = find_names([segment.text for segment in segments])
    same = _repetitions([segment for segment, _ in chosen], vectors.array)
    claims = []
    for first, again in same.items():
        segment = chosen[first][0]
        claims.append(
            Claim(
                **Quote.of(segment).model_dump(),
                id=stable_id("claim", source_id, segment.text),
                score=round(max(chosen[i][1] for i in (first, *again)), 4),
                context=context_of(segments, segment.index),
                subjects=tuple(dict.fromkeys(name.text for name in names[segment.index])),
                quantities=quantities_in(segment.text[:_READ]),
                repeats=tuple(Quote.of(chosen[i][0]) for i in again),
            )
        )
    return Claims(claims=tuple(claims), threshold=round(threshold, 4))


# -- who or what is meant ------------------------------------------------------------------------


def leans_on_others(text: str) -> bool:
    """Whether the subject of a sentence is a pronoun that something before it must explain."""
    text = text[:_READ]
    if _REPORTED.search(text):
        return True
    found = _DANGLING.search(text)
    if not found:
        return False
    # What stands before the pronoun may name its subject: "In 1990 Germany …".
    if subject_words(found[0]) > 1:
        return False
    return not (found[0].lower().endswith("it") and _EMPTY_IT.search(text))


def context_of(segments: Sequence[Segment], index: int) -> tuple[Quote, ...]:
    """Up to two sentences before a dependent one, as far back as one that stands alone."""
    if not leans_on_others(segments[index].text):
        return ()
    found: list[Quote] = []
    for segment in reversed(segments[max(0, index - _MOST_CONTEXT) : index]):
        found.append(Quote.of(segment))
        if subject_words(segment.text[:_READ]) and not leans_on_others(segment.text):
            break
    return tuple(reversed(found))


# -- what is said again --------------------------------------------------------------------------


def _repetitions(segments: Sequence[Segment], array: NDArray[np.float32]) -> dict[int, list[int]]:
    """For the first of each group of equal claims, the others; positions in ``segments``."""
    keys = [_stated(segment.text) for segment in segments]
    rows = array[[segment.index for segment in segments]]
    groups: dict[int, list[int]] = {}
    owner: dict[int, int] = {}
    for begin in range(0, len(rows), _BLOCK):
        # In blocks, so that memory does not grow with the square of the length.
        alike = rows[begin : begin + _BLOCK] @ rows[: begin + _BLOCK].T >= _SAME
        for place, row in enumerate(alike, begin):
            earlier = (int(i) for i in np.flatnonzero(row[:place]))
            first = next((owner[i] for i in earlier if keys[i] == keys[place]), None)
            owner[place] = place if first is None else first
            if first is None:
                groups[place] = []
            else:
                groups[first].append(place)
    return groups


def _stated(text: str) -> tuple[tuple[str, ...], bool]:
    """What must agree besides the vector: the quantities, and whether it is denied."""
    text = text[:_READ]
    said = sorted(" ".join(q.text.lower().split()) for q in quantities_in(text))
    return tuple(said), len(_NEGATION.findall(text)) % 2 == 1
