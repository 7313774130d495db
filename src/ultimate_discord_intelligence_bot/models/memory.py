"""What is remembered, and what a search brings back."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from .artifact import Artifact, Model


class Record(Model):
    """One thing to remember: a segment or a claim.

    Attributes:
        id: uuid5 of tenant, source, kind and content; a vector point and a graph node share it.
        row: row of the vector in the run's ``Vectors``.
        score: check-worthiness, for claims.
        exact: whether the words can be relied on (``Transcript.exact``).
        language: of the recording, as ISO 639-1.
        verdict: label of a claim that was checked.
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
    language: str | None = None
    verdict: str | None = None


class Hit(Model):
    """A remembered passage that fits a query.

    Attributes:
        url: leads to the moment.
        score: how well it fits, in the measure of the search: cosine similarity (-1 to 1) by
            meaning, BM25 (0 and more) by words, the sum of reciprocal ranks by both.
        exact, language, verdict: as for ``Record``.
        row: position in its source; that of a claim is the one of the segment that holds it.
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
    language: str | None = None
    verdict: str | None = None
    row: int | None = None


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
    """What is remembered of one tenant, store by store.

    Attributes:
        nodes: of the graph, by label.
    """

    vector: Counts
    graph: Counts
    nodes: dict[str, int] = Field(default_factory=dict)


class Discrepancy(Model):
    """Something that is not as it should be with one source.

    Attributes:
        title: None where no store knows it.
        problem: one clause.
    """

    source_id: str
    title: str | None
    problem: str


class Forgotten(Model):
    """What was removed of one source: records of vectors, nodes of the graph, verdicts."""

    source_id: str
    records: int
    nodes: int
    verdicts: int
