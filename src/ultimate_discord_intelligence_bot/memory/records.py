"""What of a recording is remembered, and under which ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from ..models.analysis import Claim, Claims
from ..models.media import Source
from ..models.memory import Record
from ..models.transcript import Segment, Transcript
from ..runs import digest, stable_id

Kind = Literal["segment", "claim"]


def records_of(
    source: Source,
    tenant: str,
    transcript: Transcript,
    claims: Claims | None,
    labels: Mapping[str, str] | None = None,
) -> tuple[Record, ...]:
    """The records of a recording, the same for every store.

    An id is made of tenant, source, kind and content; of the position too, because a sentence may
    be said twice. The row of a claim is that of the segment that holds it.

    Args:
        source: the recording.
        tenant: whose memory it is.
        transcript: every segment is a record.
        claims: every claim is one.
        labels: the verdicts on them, by the id of the claim or, from an earlier run, of its record.
    """
    verdicts = labels or {}

    def record(kind: Kind, said: Segment | Claim, row: int) -> Record:
        uid = stable_id("record", tenant, source.id, kind, str(row), said.text)
        claim = said if isinstance(said, Claim) else None
        return Record(
            id=uid,
            kind=kind,
            tenant=tenant,
            source_id=source.id,
            title=source.title,
            url=source.at(said.start),
            published=source.published,
            text=said.text,
            start=said.start,
            end=said.end,
            speaker=said.speaker,
            row=row,
            score=claim.score if claim else None,
            exact=transcript.exact,
            language=transcript.language,
            verdict=verdicts.get(claim.id, verdicts.get(uid)) if claim else None,
        )

    segments = [record("segment", segment, segment.index) for segment in transcript.segments]
    found = claims.claims if claims else ()
    stated = [record("claim", claim, claim.segment) for claim in found]
    return tuple({each.id: each for each in (*segments, *stated)}.values())


def digest_of(ids: Iterable[str]) -> str:
    """A hash over a set of ids, whatever their order."""
    return digest("\n".join(sorted(set(ids))).encode())
