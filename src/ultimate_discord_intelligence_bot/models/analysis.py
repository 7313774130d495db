"""What the local analysts find. Every finding names the segment it rests on."""

from __future__ import annotations

from typing import Literal

from .artifact import Artifact, Model


class Chapter(Model):
    """A stretch about one thing.

    Attributes:
        first, last: segment indices, both included.
        start, end: seconds.
        phrases: key phrases, most typical first.
    """

    title: str
    first: int
    last: int
    start: float
    end: float
    phrases: tuple[str, ...] = ()


class Topic(Model):
    """A subject that runs through one or more chapters.

    Attributes:
        chapters: indices into ``Chapters.chapters``.
        share: share of the speaking time, 0 to 1.
    """

    label: str
    chapters: tuple[int, ...]
    share: float


class Chapters(Artifact):
    """The recording cut into chapters, and the topics that run through them.

    Attributes:
        origin: ``source`` when the publisher's own chapter marks were used.
    """

    chapters: tuple[Chapter, ...]
    topics: tuple[Topic, ...] = ()
    origin: Literal["source", "segmentation"] = "segmentation"


class Claim(Model):
    """A sentence that states something checkable.

    Attributes:
        id: stable for the same source and wording.
        segment: index of the segment that holds it; text is verbatim from there.
        score: calibrated probability of being check-worthy, 0 to 1.
    """

    id: str
    text: str
    segment: int
    start: float
    end: float
    speaker: str | None
    score: float


class Claims(Artifact):
    """Check-worthy claims in order of time, and the threshold they passed."""

    claims: tuple[Claim, ...]
    threshold: float


class SegmentSentiment(Model):
    """Sentiment of one segment.

    Attributes:
        value: probability of positive minus probability of negative, -1 to 1.
    """

    segment: int
    start: float
    label: Literal["negative", "neutral", "positive"]
    value: float


class Sentiment(Artifact):
    """Sentiment over time, one entry per segment; mean in -1 to 1."""

    segments: tuple[SegmentSentiment, ...]
    mean: float


class KeyPoint(Model):
    """A sentence that stands for its chapter: extractive, verbatim."""

    text: str
    segment: int
    chapter: int
    start: float
    end: float
    speaker: str | None


class KeyPoints(Artifact):
    """The most representative sentences in order of time."""

    points: tuple[KeyPoint, ...]
