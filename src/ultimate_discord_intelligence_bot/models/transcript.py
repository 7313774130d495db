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
        speaker: as named by the captions, else None.
    """

    index: int
    start: float
    end: float
    text: str
    speaker: str | None = None


class Transcript(Artifact):
    """The whole recording as segments in order of time.

    Attributes:
        origin: how the text came about, shown to the reader.
        language: BCP 47 primary tag, e.g. ``en``; None when unknown.
        model: the speech model, when one was used.
    """

    segments: tuple[Segment, ...]
    origin: Literal["human captions", "automatic captions", "speech recognition"]
    language: str | None = None
    model: str | None = None

    @property
    def duration(self) -> float:
        """End of the last segment, in seconds."""
        return max((segment.end for segment in self.segments), default=0.0)

    @property
    def speakers(self) -> tuple[str, ...]:
        """Named speakers in order of appearance."""
        return tuple(dict.fromkeys(s.speaker for s in self.segments if s.speaker))
