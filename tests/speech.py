"""Transcripts of lines that we wrote, and what the encoder makes of them."""

from __future__ import annotations

from ultimate_discord_intelligence_bot.analysis import load_branches
from ultimate_discord_intelligence_bot.embedding import load_embedder
from ultimate_discord_intelligence_bot.models.artifact import Vectors
from ultimate_discord_intelligence_bot.models.transcript import Segment, Transcript


def spoken(*lines: str, seconds: float = 5.0) -> Transcript:
    """A transcript of ``Speaker: text`` lines, equally long."""
    segments = []
    for index, line in enumerate(lines):
        speaker, mark, text = line.partition(": ")
        segments.append(
            Segment(
                index=index,
                start=index * seconds,
                end=(index + 1) * seconds,
                text=text if mark else line,
                speaker=speaker if mark else None,
            )
        )
    return Transcript(segments=tuple(segments), origin="human captions", language="en")


def heard(transcript: Transcript) -> Vectors:
    """Vectors and readings of every segment, in one pass."""
    texts = [segment.text for segment in transcript.segments]
    return Vectors(*load_embedder().read(texts, load_branches()))
