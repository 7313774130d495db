"""What the speakers of a transcript are called."""

from __future__ import annotations

from collections.abc import Mapping

from ..models.transcript import Transcript


def rename(transcript: Transcript, names: Mapping[str, str]) -> Transcript:
    """The transcript with other names for its speakers; labels without a new name keep theirs."""
    if not names:
        return transcript
    segments = tuple(
        segment.model_copy(update={"speaker": names.get(segment.speaker, segment.speaker)})
        if segment.speaker
        else segment
        for segment in transcript.segments
    )
    return transcript.model_copy(update={"segments": segments})
