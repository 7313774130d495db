"""What the local analysts find. Every finding names the segment it rests on."""

from __future__ import annotations

from typing import Literal

from .artifact import Artifact, Model
from .reasoning import Reasoned
from .transcript import Segment


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


class Quote(Model):
    """Words of one segment, verbatim, and when they were said, in seconds."""

    text: str
    segment: int
    start: float
    end: float
    speaker: str | None

    @staticmethod
    def of(segment: Segment) -> Quote:
        """All that was said in a segment."""
        return Quote(
            text=segment.text,
            segment=segment.index,
            start=segment.start,
            end=segment.end,
            speaker=segment.speaker,
        )


class Quantity(Model):
    """A number, date or amount, as it was said."""

    text: str
    kind: Literal["number", "percent", "money", "date", "duration", "measure"]


class Claim(Quote):
    """A sentence that states something checkable.

    Attributes:
        id: stable for the same source and wording.
        score: calibrated probability of being check-worthy, 0 to 1.
        context: sentences around it, verbatim and in order, without which its subject is not
            known ("he said it doubled"); empty when it can be understood alone.
        subjects: named people, organisations, places and works that it is about.
        quantities: numbers, dates and amounts in it.
        repeats: other times at which the same thing was claimed.
    """

    id: str
    score: float
    context: tuple[Quote, ...] = ()
    subjects: tuple[str, ...] = ()
    quantities: tuple[Quantity, ...] = ()
    repeats: tuple[Quote, ...] = ()


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


class KeyPoint(Quote):
    """A sentence that stands for its chapter: extractive, verbatim."""

    chapter: int


class KeyPoints(Artifact):
    """The most representative sentences in order of time."""

    points: tuple[KeyPoint, ...]


class Cited(Model):
    """A sentence in other words, and the words that were said which it rests on.

    Attributes:
        quotes: at least one, in order of time.
    """

    text: str
    quotes: tuple[Quote, ...]


class Summary(Reasoned):
    """The recording in a few sentences.

    Attributes:
        sentences: of the recording itself, verbatim, in order of time.
        abstract: in a language model's words; empty when none is configured.
    """

    sentences: tuple[Quote, ...]
    abstract: tuple[Cited, ...] = ()


FallacyCategory = Literal["Appeal to Emotion", "Fallacy of Logic", "Fallacy of Credibility"]
"""Level 1 of the MAFALDA taxonomy (Helwe et al. 2024)."""


class Fallacy(Quote):
    """An argument that may be fallacious.

    Attributes:
        text: verbatim; of several segments, their texts joined by a space.
        segment, last: first and last segment, both included.
        label: level 2 of the MAFALDA taxonomy.
        confidence: that the passage is fallacious and of this kind, 0 to 1: a calibrated
            probability, or what a language model states.
        explanation: what arguments of this kind, or this very one, do wrong; one sentence.
    """

    last: int
    label: str
    category: FallacyCategory
    confidence: float
    explanation: str


class Fallacies(Reasoned):
    """Possible fallacies in order of time, and the confidence from which one is told."""

    fallacies: tuple[Fallacy, ...]
    threshold: float


class Position(Model):
    """What somebody holds on a topic.

    Attributes:
        topic: label of a topic of ``Chapters.topics``, or a narrower phrase.
        speaker: None when the transcript names nobody.
        attitude: how the quotes are worded; ``mixed`` when they differ.
        quotes: at least one, the most telling first.
    """

    topic: str
    speaker: str | None
    attitude: Literal["favourable", "critical", "mixed", "neutral"]
    quotes: tuple[Quote, ...]


class Exchange(Model):
    """Two speakers who agree or disagree about something.

    Attributes:
        first, second: in order of time, by different speakers.
        reason: what tells it, one clause.
    """

    kind: Literal["agreement", "disagreement"]
    topic: str
    first: Quote
    second: Quote
    reason: str


class Perspectives(Reasoned):
    """Positions by topic, and where speakers agree or not. Absent sides are not guessed."""

    positions: tuple[Position, ...]
    exchanges: tuple[Exchange, ...]


Ekman = Literal["anger", "disgust", "fear", "joy", "sadness", "surprise", "neutral"]
"""Ekman's basic emotions; GoEmotions are grouped to them (Demszky et al. 2020, appendix)."""


class SegmentEmotion(Model):
    """Emotions of one segment.

    Attributes:
        labels: GoEmotions above their thresholds, the strongest first; may be empty.
        basic: the Ekman group that is strongest.
    """

    segment: int
    start: float
    labels: tuple[str, ...]
    basic: Ekman


class EmotionPoint(Model):
    """The mood at one time, in seconds.

    Attributes:
        values: share of each Ekman group, smoothed over time; they add up to 1.
    """

    time: float
    values: dict[Ekman, float]


class EmotionPeak(Quote):
    """Where an emotion other than neutral is strongest."""

    emotion: Ekman
    label: str
    value: float


class Emotions(Artifact):
    """Emotion of each segment, the course over time, and its peaks in order of time."""

    segments: tuple[SegmentEmotion, ...]
    timeline: tuple[EmotionPoint, ...]
    peaks: tuple[EmotionPeak, ...]


class Entity(Model):
    """Somebody or something with a name.

    Attributes:
        name: the fullest form that was said.
        aliases: other forms that were said.
        mentions: every segment that names it, in order of time.
    """

    name: str
    kind: Literal["person", "organisation", "place", "work", "other"]
    aliases: tuple[str, ...] = ()
    mentions: tuple[Quote, ...]


class Figure(Model):
    """A quantity and the sentence it was said in."""

    quantity: Quantity
    said: Quote


class Entities(Artifact):
    """Names, those most often said first, and figures in order of time."""

    entities: tuple[Entity, ...]
    figures: tuple[Figure, ...]


class Signal(Model):
    """One observation that bears on how far the recording can be trusted; never a verdict on it.

    Attributes:
        name: short, for a table.
        count, of: how many out of how many; ``of`` is 0 when there was nothing to count.
        explanation: what was counted, how, and what it does not say.
        examples: at most three.
    """

    name: str
    count: int
    of: int
    explanation: str
    examples: tuple[Quote, ...] = ()


class TrustSignals(Artifact):
    """Components, side by side. They are not added up: no single score would be honest."""

    signals: tuple[Signal, ...]
