"""Passages that bear on claims: from what is remembered, and from the recording itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..models.analysis import Claim, Claims
from ..models.artifact import Vectors
from ..models.media import Source
from ..models.memory import Hit
from ..models.transcript import Transcript
from ..models.verification import Evidence, EvidenceSet
from .stance import FLOOR, compare

FROM_MEMORY = "memory"
FROM_RECORDING = "this recording"

_LOOKED_AT = 20
_KEPT = 5


class Retriever(Protocol):
    """Finds remembered passages of other recordings.

    Args:
        vectors: one query per row, shape (n, dimension).
        limit: most hits per query.
    """

    async def __call__(self, vectors: NDArray[np.float32], limit: int) -> list[list[Hit]]: ...


async def gather_from_memory(
    claims: Claims, claim_vectors: NDArray[np.float32], retrieve: Retriever
) -> EvidenceSet:
    """Passages of other recordings that are about the same as a claim, with their stance.

    Args:
        claims: what is to be checked.
        claim_vectors: one row for each claim, in their order.
        retrieve: already bound to a tenant, and to leave out the claims' own recording.
    """
    hits = await retrieve(claim_vectors, _LOOKED_AT) if claims.claims else []
    return _collected(
        (claim, [evidence_of(claim, hit) for hit in found if hit.score >= FLOOR])
        for claim, found in zip(claims.claims, hits, strict=True)
    )


def gather_from_transcript(
    claims: Claims, transcript: Transcript, vectors: Vectors, source: Source
) -> EvidenceSet:
    """Passages elsewhere in the recording that are about the same as a claim, with their stance.

    They show the reader what else was said; they prove nothing (see ``judge``).
    """
    rows = [claim.segment for claim in claims.claims]
    similarities = vectors.array[rows] @ vectors.array.T
    return _collected(
        (claim, _elsewhere(claim, transcript, scores, source))
        for claim, scores in zip(claims.claims, similarities, strict=True)
    )


def evidence_of(claim: Claim, hit: Hit, floor: float = FLOOR) -> Evidence:
    """A remembered passage as evidence for or against a claim."""
    stance, reason = compare(claim.text, hit.text, hit.score, floor=floor)
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
    )


def _elsewhere(
    claim: Claim, transcript: Transcript, scores: NDArray[np.float32], source: Source
) -> list[Evidence]:
    found = []
    for row in np.flatnonzero(scores >= FLOOR):
        segment = transcript.segments[int(row)]
        if segment.index == claim.segment:
            continue
        similarity = round(float(scores[row]), 6)
        stance, reason = compare(claim.text, segment.text, similarity, same_recording=True)
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


def _collected(found: Iterable[tuple[Claim, Sequence[Evidence]]]) -> EvidenceSet:
    """The best evidence for each claim: what takes a stance first, then the most similar."""
    return EvidenceSet(
        found={
            claim.id: tuple(sorted(evidence, key=_weight)[:_KEPT])
            for claim, evidence in found
            if evidence
        }
    )


def _weight(evidence: Evidence) -> tuple[bool, float, str, float]:
    undecided = evidence.stance == "related"
    return undecided, -evidence.similarity, evidence.source_id, evidence.start or 0.0
