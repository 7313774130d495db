"""What of a recording is remembered, and under which ids."""

from __future__ import annotations

from collections.abc import Iterable

from ..models.analysis import Claims
from ..models.media import Source
from ..models.memory import Record
from ..models.transcript import Transcript
from ..runs import digest, stable_id


def records_of(
    source: Source, tenant: str, transcript: Transcript, claims: Claims | None
) -> tuple[Record, ...]:
    """The records of a recording, the same for every store.

    An id is made of tenant, source, kind and content; of the position too, because a sentence may
    be said twice. The row of a claim is that of the segment that holds it.
    """
    segments = [
        Record(
            id=stable_id("record", tenant, source.id, "segment", str(segment.index), segment.text),
            kind="segment",
            tenant=tenant,
            source_id=source.id,
            title=source.title,
            url=source.at(segment.start),
            published=source.published,
            text=segment.text,
            start=segment.start,
            end=segment.end,
            speaker=segment.speaker,
            row=segment.index,
        )
        for segment in transcript.segments
    ]
    stated = [
        Record(
            id=stable_id("record", tenant, source.id, "claim", str(claim.segment), claim.text),
            kind="claim",
            tenant=tenant,
            source_id=source.id,
            title=source.title,
            url=source.at(claim.start),
            published=source.published,
            text=claim.text,
            start=claim.start,
            end=claim.end,
            speaker=claim.speaker,
            row=claim.segment,
            score=claim.score,
        )
        for claim in (claims.claims if claims else ())
    ]
    return tuple({record.id: record for record in (*segments, *stated)}.values())


def digest_of(ids: Iterable[str]) -> str:
    """A hash over a set of ids, whatever their order."""
    return digest("\n".join(sorted(set(ids))).encode())
