"""The briefing as data: what ``report.json`` holds."""

from __future__ import annotations

from datetime import datetime
from typing import Generic, Literal, TypeVar

from pydantic import Field

from .analysis import (
    Chapter,
    Cited,
    Claim,
    EmotionPeak,
    EmotionPoint,
    Entity,
    Exchange,
    Fallacy,
    Figure,
    KeyPoint,
    Position,
    Quote,
    SegmentEmotion,
    SegmentSentiment,
    Signal,
    Topic,
)
from .artifact import Artifact, Model
from .media import Source
from .transcript import Transcript
from .verification import Contradiction, Verdict

SCHEMA_VERSION: Literal["1.2"] = "1.2"

T = TypeVar("T")


class Missing(Model):
    """A stage that gave no result, and why."""

    stage: str
    reason: str
    remedy: str


class Method(Model):
    """What produced a part of the report, and what it cannot do."""

    name: str
    description: str


class Linked(Model, Generic[T]):
    """A finding and the address of the moment it rests on."""

    item: T
    url: str


class Report(Artifact):
    """Everything a reader sees, in a versioned schema.

    A part that is None was not part of the depth or is listed in ``missing``; an empty part was
    looked for and not found. Times are seconds. Every finding is linked to its moment, by an
    address of its own or by the segment it names.

    Attributes:
        emotion_timeline: shares of the Ekman groups over time.
        abstract: the recording in a language model's words, each sentence with what was said.
        notes: what was done in another way than asked, such as by the local analysts because the
            language model gave no answer, or without a source of evidence that failed.
        models: by part of the report, the language model that reasoned it.
        sources: where evidence was sought.
        unfounded: findings left out because their quote is not verbatim in the transcript.
    """

    schema_version: Literal["1.0", "1.1", "1.2"] = SCHEMA_VERSION
    run_id: str
    depth: str
    source: Source
    acquired_at: datetime
    transcript: Transcript
    chapters: tuple[Linked[Chapter], ...] | None = None
    topics: tuple[Topic, ...] | None = None
    abstract: tuple[Cited, ...] | None = None
    summary: tuple[Linked[Quote], ...] | None = None
    key_points: tuple[Linked[KeyPoint], ...] | None = None
    claims: tuple[Linked[Claim], ...] | None = None
    verdicts: tuple[Verdict, ...] | None = None
    contradictions: tuple[Contradiction, ...] | None = None
    sentiment: tuple[SegmentSentiment, ...] | None = None
    sentiment_mean: float | None = None
    fallacies: tuple[Linked[Fallacy], ...] | None = None
    positions: tuple[Position, ...] | None = None
    exchanges: tuple[Exchange, ...] | None = None
    emotions: tuple[SegmentEmotion, ...] | None = None
    emotion_timeline: tuple[EmotionPoint, ...] | None = None
    emotion_peaks: tuple[Linked[EmotionPeak], ...] | None = None
    entities: tuple[Entity, ...] | None = None
    figures: tuple[Figure, ...] | None = None
    signals: tuple[Signal, ...] | None = None
    unfounded: int = 0
    remembered: tuple[str, ...] = ()
    missing: tuple[Missing, ...] = ()
    notes: tuple[str, ...] = ()
    models: dict[str, str] = Field(default_factory=dict)
    sources: tuple[str, ...] = ()
    methods: tuple[Method, ...] = ()

    @property
    def duration(self) -> float:
        """Seconds: as published, or else until the last word."""
        return self.source.duration or self.transcript.duration
