"""What is remembered, and what a search brings back."""

from __future__ import annotations

from datetime import date
from typing import Literal

from .artifact import Artifact, Model


class Record(Model):
    """One thing to remember: a segment or a claim.

    Attributes:
        id: uuid5 of tenant, source, kind and content; a vector point and a graph node share it.
        row: row of the vector in the run's ``Vectors``.
        score: check-worthiness, for claims.
        exact: whether the words can be relied on (``Transcript.exact``).
    """

    id: str
    kind: Literal["segment", "claim"]
    tenant: str
    source_id: str
    title: str
    url: str
    published: date | None
    text: str
    start: float
    end: float
    speaker: str | None
    row: int
    score: float | None = None
    exact: bool = True


class Hit(Model):
    """A remembered passage that fits a query.

    Attributes:
        url: leads to the moment.
        score: cosine similarity, -1 to 1.
        exact: as for ``Record``.
    """

    id: str
    kind: Literal["segment", "claim"]
    text: str
    start: float
    end: float
    speaker: str | None
    source_id: str
    source: str
    url: str
    published: date | None
    score: float
    exact: bool = True


class Receipt(Artifact):
    """Proof of a write.

    Attributes:
        store: ``vector`` or ``graph``.
        records: how many records of this source the store now holds.
        digest: hash over their ids, equal for both stores.
    """

    store: Literal["vector", "graph"]
    records: int
    digest: str


class Counts(Model):
    """What one store holds of one tenant."""

    sources: int
    segments: int
    claims: int


class Stats(Model):
    """What is remembered of one tenant, store by store."""

    vector: Counts
    graph: Counts
