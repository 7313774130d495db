"""Statements that cannot both be true."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..models.analysis import Claim, Claims
from ..models.artifact import Vectors
from ..models.media import Source
from ..models.memory import Hit
from ..models.transcript import Segment, Transcript
from ..models.verification import Contradiction, Contradictions, Statement
from .evidence import Retriever
from .stance import FLOOR, compare

_LOOKED_AT = 20


async def find_contradictions(
    claims: Claims, transcript: Transcript, vectors: Vectors, source: Source, retrieve: Retriever
) -> Contradictions:
    """Pairs of statements that refute one another, here or between here and what is remembered.

    Each pair comes once, in order of time; those within the recording come first.

    Args:
        claims: of this recording.
        transcript: every segment of it.
        vectors: one row per segment.
        source: this recording.
        retrieve: as for ``gather_from_memory``.
    """
    rows = [claim.segment for claim in claims.claims]
    remembered = await retrieve(vectors.array[rows], _LOOKED_AT) if rows else []
    found = dict(_within(claims, transcript, vectors, source))
    for claim, hits in zip(claims.claims, remembered, strict=True):
        found.update(_against(claim, hits, source))
    return Contradictions(contradictions=tuple(found.values()))


_Key = tuple[object, object]


def _within(
    claims: Claims, transcript: Transcript, vectors: Vectors, source: Source
) -> Iterator[tuple[_Key, Contradiction]]:
    claimed = {claim.segment for claim in claims.claims}
    for claim in claims.claims:
        similarities = vectors.array @ vectors.array[claim.segment]
        for row in np.flatnonzero(similarities >= FLOOR):
            segment = transcript.segments[int(row)]
            # Of two claims the earlier one finds the pair.
            if segment.index == claim.segment or (
                segment.index in claimed and segment.index < claim.segment
            ):
                continue
            stance, reason = compare(
                claim.text, segment.text, float(similarities[row]), same_recording=True
            )
            if stance == "refutes":
                pair = sorted((_claimed(claim, source), _spoken(segment, source)), key=_when)
                key = (min(claim.segment, segment.index), max(claim.segment, segment.index))
                yield key, Contradiction(first=pair[0], second=pair[1], reason=reason)


def _against(claim: Claim, hits: list[Hit], source: Source) -> Iterator[tuple[_Key, Contradiction]]:
    for hit in hits:
        stance, reason = compare(claim.text, hit.text, hit.score)
        if stance == "refutes":
            key = (claim.segment, (hit.source_id, hit.start))
            yield (
                key,
                Contradiction(first=_claimed(claim, source), second=_known(hit), reason=reason),
            )


def _when(statement: Statement) -> float:
    return statement.start


def _claimed(claim: Claim, source: Source) -> Statement:
    return _statement(claim.text, claim.speaker, claim.start, source)


def _spoken(segment: Segment, source: Source) -> Statement:
    return _statement(segment.text, segment.speaker, segment.start, source)


def _statement(text: str, speaker: str | None, start: float, source: Source) -> Statement:
    return Statement(
        text=text,
        speaker=speaker,
        start=start,
        source_id=source.id,
        title=source.title,
        url=source.at(start),
    )


def _known(hit: Hit) -> Statement:
    return Statement(
        text=hit.text,
        speaker=hit.speaker,
        start=hit.start,
        source_id=hit.source_id,
        title=hit.source,
        url=hit.url,
    )
