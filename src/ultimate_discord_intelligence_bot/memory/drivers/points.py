"""What a point of Qdrant holds, embedded or on a server: vectors by name, and a payload."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...errors import EmbedderMismatch, StorageError
from ...models.memory import Hit, Record
from ..ports import Where

FORMAT = 2
"""1: one vector without a name. 2: ``text`` and ``words``, and more that can be filtered."""

TEXT, WORDS = "text", "words"
BATCH = 256
MOST_SOURCES = 1_000_000

INDEXES: Mapping[str, Literal["keyword", "integer", "datetime"]] = {
    "source_id": "keyword",
    "kind": "keyword",
    "speaker": "keyword",
    "verdict": "keyword",
    "language": "keyword",
    "exact": "keyword",
    "published": "datetime",
    "row": "integer",
}
"""Besides ``tenant``, which is the tenant's index."""

_EXACT, _ROUGH = "exact", "rough"


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (KeyError, ValueError, TypeError) as error:
        raise StorageError(
            f"What the vector store holds is damaged ({type(error).__name__}).",
            "Put a backup in its place, or run the recordings again in a new AUTOINTEL_DATA_DIR.",
        ) from error


def wanted(where: Where) -> dict[str, str]:
    """The values that a record must have."""
    values = {
        "tenant": where.tenant,
        "kind": where.kind,
        "source_id": where.source,
        "speaker": where.speaker,
        "verdict": where.verdict,
        "language": where.language,
    }
    return {name: value for name, value in values.items() if value is not None}


def unwanted(where: Where) -> dict[str, str]:
    """The values that a record must not have."""
    values = {"source_id": where.exclude_source, "exact": _ROUGH if where.exact else None}
    return {name: value for name, value in values.items() if value is not None}


def payload(record: Record) -> dict[str, Any]:
    """What is stored beside the vectors of a record."""
    # A filter cannot match a boolean: Qdrant Edge takes it for a number.
    exact = {"exact": _EXACT if record.exact else _ROUGH}
    return record.model_dump(mode="json", exclude={"id"}) | exact


def record(id_: object, stored: Mapping[str, Any] | None) -> Record:
    """The record of a payload, of whatever format."""
    stored = stored or {}
    with _readable():
        return Record.model_validate(
            {**stored, "id": str(id_), "exact": stored.get("exact") != _ROUGH}, strict=False
        )


def hit(id_: object, stored: Mapping[str, Any] | None, score: float, *, cosine: bool) -> Hit:
    """The record of a payload as what a search found."""
    stored = stored or {}
    fields = ("kind", "text", "start", "end", "speaker", "source_id", "url", "published")
    with _readable():
        return Hit(
            **{name: stored[name] for name in fields},
            id=str(id_),
            source=stored["title"],
            exact=stored.get("exact") != _ROUGH,
            language=stored.get("language"),
            verdict=stored.get("verdict"),
            row=stored.get("row"),
            # Both stores reckon with 32 bits: of equals they give other digits than are kept.
            score=round(min(1.0, max(-1.0, score)), 6) if cosine else round(score, 4),
        )


def text_vector(stored: Any) -> NDArray[np.float32]:
    """Of a point of format 1 the only vector, of format 2 that of its text."""
    with _readable():
        return np.array(stored[TEXT] if isinstance(stored, dict) else stored, np.float32)


def checked(rows: NDArray[np.float32], count: int, card: Mapping[str, Any]) -> NDArray[np.float32]:
    """Vectors that are what the card of a store promises; others are refused."""
    if rows.shape != (count, card["dimension"]):
        raise EmbedderMismatch(
            f"{card['embedder']} gave vectors of shape {rows.shape} for {count} texts, not of "
            f"{card['dimension']} numbers each.",
            "Use the embedder that belongs to this version.",
        )
    return rows


def foreign(source_id: str) -> StorageError:
    """What is raised for a record whose id stands for one of another source or tenant."""
    return StorageError(
        f"A record of {source_id} has the id of one of another source.",
        "Nothing of it was written; run the recording again, or export it anew.",
    )


def around(
    segments: Sequence[Record], positions: Sequence[int], before: int, after: int
) -> list[list[Record]]:
    """For each position those of the segments that are near it, in order of row."""
    ordered = sorted(segments, key=lambda each: each.row)
    return [
        [each for each in ordered if position - before <= each.row <= position + after]
        for position in positions
    ]


def rows(positions: Sequence[int], before: int, after: int) -> list[int]:
    """The rows that are near any of the positions."""
    if before < 0 or after < 0:
        raise ValueError(f"{before} before and {after} after: not numbers of neighbours")
    near = {row for at in positions for row in range(max(0, at - before), at + after + 1)}
    return sorted(near)
