"""What was said, when and by whom."""

from __future__ import annotations

from typing import Literal

from .artifact import Artifact, Model


class Segment(Model):
    """About one sentence.

    Attributes:
        index: position in the transcript, from 0.
        start, end: seconds from the beginning of the media.
        text: verbatim.
        speaker: as named by the captions or the user, or ``Speaker 1 (estimated)``; else None.
    """

    index: int
    start: float
    end: float
    text: str
    speaker: str | None = None


Origin = Literal[
    "human captions",
    "automatic captions",
    "speech recognition",
    "low-accuracy speech recognition",
]


class Transcript(Artifact):
    """The whole recording as segments in order of time.

    Attributes:
        origin: how the text came about, shown to the reader.
        language: BCP 47 primary tag, e.g. ``en``; None when unknown.
        model: the speech model, when one was used.
        notes: what the reader should know about the text, one sentence each.
    """

    segments: tuple[Segment, ...]
    origin: Origin
    language: str | None = None
    model: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether the words are good enough to quote them and to check facts on them."""
        return self.origin != "low-accuracy speech recognition"

    @property
    def duration(self) -> float:
        """End of the last segment, in seconds."""
        return max((segment.end for segment in self.segments), default=0.0)

    @property
    def speakers(self) -> tuple[str, ...]:
        """Named speakers in order of appearance."""
        return tuple(dict.fromkeys(s.speaker for s in self.segments if s.speaker))


class Turn(Model):
    """A stretch of time in which one person speaks; seconds. ``speaker`` counts from 0."""

    start: float
    end: float
    speaker: int


class Diarization(Artifact):
    """Who speaks when, by the sound of the voices, in order of time; turns do not overlap."""

    turns: tuple[Turn, ...]
