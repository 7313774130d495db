"""Passages that bear on assertions: remembered, written down, or said in the recording itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..models.artifact import Vectors
from ..models.media import Source
from ..models.memory import Hit
from ..models.transcript import Transcript
from ..models.verification import Assertion, Assertions, Evidence, EvidenceSet, Stance
from .judgement import weigh
from .stance import FLOOR, compare

FROM_MEMORY = "memory"
FROM_RECORDING = "this recording"
FROM_DOCUMENTS = "your documents"
SPOKEN = frozenset({FROM_MEMORY, FROM_RECORDING})
"""Where somebody is heard rather than read."""

_LOOKED_AT = 20
_KEPT = 5
_ABOUT = 0.45
"""Least similarity of a written passage that is shown although it takes no stance."""
_SAID_SO = 0.97
"""How often ``compare`` is right where it speaks; see ``judgement.CONFIDENCE``."""

_RATED_FALSE = ("false", "fake", "incorrect", "wrong", "untrue", "not true", "pants on fire")
_RATED_TRUE = ("true", "correct", "accurate")

Floats = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Floats]
"""Unit vectors of texts, one row each."""


class Retriever(Protocol):
    """Finds remembered passages of other recordings.

    Args:
        vectors: one query per row, shape (n, dimension).
        limit: most hits per query.
    """

    async def __call__(self, vectors: Floats, limit: int) -> list[list[Hit]]: ...


async def gather_from_memory(
    assertions: Assertions, vectors: Floats, retrieve: Retriever
) -> EvidenceSet:
    """Passages of other recordings that are about the same as an assertion, with their stance.

    Args:
        assertions: what is to be checked.
        vectors: one row for each assertion, in their order.
        retrieve: already bound to a tenant, and to leave out the claims' own recording.
    """
    checked = assertions.assertions
    hits = await retrieve(vectors, _LOOKED_AT) if checked else []
    return _collected(
        (assertion, [evidence_of(assertion, hit) for hit in found if hit.score >= FLOOR])
        for assertion, found in zip(checked, hits, strict=True)
    )


def gather_from_transcript(
    assertions: Assertions, vectors: Floats, transcript: Transcript, said: Vectors, source: Source
) -> EvidenceSet:
    """Passages elsewhere in the recording that are about the same, with their stance.

    They show the reader what else was said; they prove nothing (see ``judge``).

    Args:
        assertions: what is to be checked.
        vectors: one row for each assertion, in their order.
        transcript: of the recording.
        said: one row for each segment of it.
        source: the recording.
    """
    similarities = vectors @ said.array.T
    return _collected(
        (assertion, _elsewhere(assertion, transcript, scores, source))
        for assertion, scores in zip(assertions.assertions, similarities, strict=True)
    )


def gather_from_texts(
    assertions: Assertions,
    vectors: Floats,
    texts: Mapping[str, Sequence[Evidence]],
    embed: Embed,
    *,
    asked: Sequence[str] = (),
    failures: Sequence[str] = (),
) -> EvidenceSet:
    """Written passages that were found for assertions, with their similarity and stance.

    Args:
        assertions: what is to be checked.
        vectors: one row for each assertion, in their order.
        texts: the passages, by assertion id.
        embed: reads all of them in one pass.
        asked: names of the sources that were asked.
        failures: of those that could not be.
    """
    every = list(dict.fromkeys(e.passage for found in texts.values() for e in found))
    rows = dict(zip(every, embed(every), strict=True)) if every else {}
    return _collected(
        (
            (assertion, _weighed(assertion, row, texts.get(assertion.id, ()), rows))
            for assertion, row in zip(assertions.assertions, vectors, strict=True)
        ),
        asked=asked,
        failures=failures,
    )


def evidence_of(assertion: Assertion, hit: Hit, floor: float = FLOOR) -> Evidence:
    """A remembered passage as evidence for or against an assertion."""
    stance, reason = compare(assertion.text, hit.text, hit.score, floor=floor)
    if stance == "supports" and hit.speaker and hit.speaker == assertion.speaker:
        stance, reason = "related", "the same speaker said so elsewhere"
    return Evidence(
        source_id=hit.source_id,
        title=hit.source,
        url=hit.url,
        published=hit.published,
        passage=hit.text,
        start=hit.start,
        speaker=hit.speaker,
        found_by=FROM_MEMORY,
        similarity=hit.score,
        stance=stance,
        reason=reason,
        confidence=0.0 if stance == "related" else _SAID_SO,
    )


def _elsewhere(
    assertion: Assertion, transcript: Transcript, scores: Floats, source: Source
) -> list[Evidence]:
    found = []
    for row in np.flatnonzero(scores >= FLOOR):
        segment = transcript.segments[int(row)]
        if segment.index == assertion.segment:
            continue
        similarity = round(float(scores[row]), 6)
        stance, reason = compare(assertion.text, segment.text, similarity, same_recording=True)
        found.append(
            Evidence(
                source_id=source.id,
                title=source.title,
                url=source.at(segment.start),
                published=source.published,
                passage=segment.text,
                start=segment.start,
                speaker=segment.speaker,
                found_by=FROM_RECORDING,
                similarity=min(similarity, 1.0),
                stance=stance,
                reason=reason,
            )
        )
    return found


def _weighed(
    assertion: Assertion,
    vector: Floats,
    found: Sequence[Evidence],
    rows: Mapping[str, Floats],
) -> list[Evidence]:
    if not found:
        return []
    similarities = np.clip([float(vector @ rows[e.passage]) for e in found], -1, 1)
    readable = [_with_subject(evidence) for evidence in found]
    judged = weigh(assertion.text, readable, similarities.astype(np.float32))
    weighed = []
    for evidence, similarity, (stance, confidence, reason) in zip(
        found, similarities, judged, strict=True
    ):
        if evidence.rating:
            stance, reason = _rated(evidence.rating, stance)
            confidence = confidence if stance != "related" else 0.0
        if stance == "related" and similarity < _ABOUT:
            continue
        weighed.append(
            evidence.model_copy(
                update={
                    "similarity": round(float(similarity), 6),
                    "stance": stance,
                    "reason": reason,
                    "confidence": confidence,
                }
            )
        )
    return weighed


def _with_subject(evidence: Evidence) -> str:
    """The passage as it is to be understood: an encyclopedia's title is its subject."""
    titled = evidence.publisher == "Wikipedia"
    return f"{evidence.title}: {evidence.passage}" if titled else evidence.passage


def _rated(rating: str, stance: Stance) -> tuple[Stance, str]:
    """What a published fact-check of a statement says about an assertion that says the same."""
    words = " ".join(rating.casefold().replace("!", "").split()).strip(" .")
    if stance == "supports" and words in _RATED_FALSE:
        return "refutes", f"fact-checkers rated the same statement “{rating}”"
    if stance == "supports" and words in _RATED_TRUE:
        return "supports", f"fact-checkers rated the same statement “{rating}”"
    return "related", ""


def _collected(
    found: Iterable[tuple[Assertion, Sequence[Evidence]]],
    *,
    asked: Sequence[str] = (),
    failures: Sequence[str] = (),
) -> EvidenceSet:
    """The best evidence for each assertion: what takes a stance first, then the most similar."""
    return EvidenceSet(
        found={
            assertion.id: tuple(sorted(evidence, key=_weight)[:_KEPT])
            for assertion, evidence in found
            if evidence
        },
        asked=tuple(asked),
        failures=tuple(failures),
    )


def _weight(evidence: Evidence) -> tuple[bool, float, str, float]:
    undecided = evidence.stance == "related"
    return undecided, -evidence.similarity, evidence.source_id, evidence.start or 0.0
