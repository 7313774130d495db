"""The memory as a graph: nodes, relations, and what questions about them bring back."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from .artifact import Artifact, Model

NodeLabel = Literal[
    "Source",
    "Speaker",
    "Chapter",
    "Topic",
    "Segment",
    "Claim",
    "Entity",
    "Fallacy",
    "Perspective",
    "Verdict",
    "Evidence",
]

RelationKind = Literal[
    "HAS",  # Source to Segment, Chapter, Topic, Speaker, Entity
    "SPOKEN_BY",  # Segment to Speaker
    "IN",  # Segment to Chapter
    "MADE_IN",  # Claim to Segment
    "STATED_BY",  # Claim to Speaker
    "RUNS_THROUGH",  # Topic to Chapter
    "MENTIONS",  # Segment to Entity
    "COMMITS",  # Segment to Fallacy
    "HOLDS",  # Speaker to Perspective
    "SHOWN_BY",  # Perspective to Segment
    "JUDGED",  # Claim to Verdict
    "RESTS_ON",  # Verdict to Evidence
    "SAME_AS",  # across sources: Claim to Claim, Entity to Entity
    "CONTRADICTS",  # Claim to Claim
    "AGREES",  # Claim to Claim
]
LinkKind = Literal["SAME_AS", "CONTRADICTS", "AGREES"]

Scalar = str | int | float | bool | None


class Node(Model):
    """A thing that is remembered.

    Attributes:
        uid: uuid5 of tenant, source, label and content; that of a segment or claim is also the id
            of its point in the vector store.
        properties: scalars only; dates as ISO 8601, times in seconds.
    """

    uid: str
    label: NodeLabel
    properties: dict[str, Scalar]


class Relation(Model):
    """How one thing stands to another; two things stand in one relation of a kind at most once.

    Attributes:
        start, end: uids of the nodes it leads from and to.
        properties: scalars only, such as ``at`` (seconds), ``since`` (the day it was found) and
            ``reason``.
    """

    kind: RelationKind
    start: str
    end: str
    properties: dict[str, Scalar] = Field(default_factory=dict)


class Graph(Artifact):
    """All that the graph holds of one source: nodes before the relations between them.

    Attributes:
        links: relations that lead from nodes of this source to those of others, found when this
            source was written.
    """

    tenant: str
    source_id: str
    nodes: tuple[Node, ...]
    relations: tuple[Relation, ...]
    links: tuple[Relation, ...] = ()


class StatedClaim(Model):
    """A claim, who made it, where and when.

    Attributes:
        start: seconds into the recording.
        verdict: its label, where it was checked.
    """

    id: str
    text: str
    speaker: str | None
    start: float
    source_id: str
    title: str
    url: str
    published: date | None
    score: float | None = None
    verdict: str | None = None


class Link(Model):
    """Two claims that say the same, agree, or cannot both be true.

    Attributes:
        first: the older one: by day of publication, then by source and time.
        since: the day on which this was found.
    """

    kind: LinkKind
    first: StatedClaim
    second: StatedClaim
    reason: str
    since: date | None


class Mention(Model):
    """Somebody or something being named.

    Attributes:
        entity: the name, as the recording has it.
        kind: person, organisation, place, work or other.
    """

    entity: str
    kind: str
    text: str
    speaker: str | None
    start: float
    source_id: str
    title: str
    url: str
    published: date | None
