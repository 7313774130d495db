"""Material that a model is to study: data, marked as such, never instructions.

The mark around it contains a hash of the material itself. Whoever writes the material cannot know
the hash before the last letter is written, and so cannot end the block from inside.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from ..models.transcript import Segment, Transcript
from .call import Message

_OPEN, _CLOSE = "⟦material", "⟦end of material"

BLOCK_TOKENS = 4_000
"""About how much of a transcript is read at once: enough context, and answers stay exact."""

_CHARACTERS = 3
"""A cautious guess for the characters of one token."""


def material(kind: str, lines: Iterable[str]) -> Message:
    """A message that holds nothing but material, between marks.

    Args:
        kind: what it is, in one or two words of ours.
        lines: each becomes one line, whatever line breaks are in it.
    """
    body = "\n".join(" ".join(line.split()) for line in lines)
    seal = hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    text = f"{_OPEN} {seal}: {kind}⟧\n{body}\n{_CLOSE} {seal}⟧"
    return Message("user", text, shared=True)


def is_material(content: str) -> bool:
    """Whether a message is one of ``material``."""
    return content.startswith(f"{_OPEN} ")


def spoken(segments: Iterable[Segment]) -> Iterator[str]:
    """The lines of a transcript: number, speaker, words."""
    for segment in segments:
        who = f"{segment.speaker}: " if segment.speaker else ""
        yield f"[{segment.index}] {who}{segment.text}"


def blocks(
    transcript: Transcript, starts: Sequence[int] = (), tokens: int = BLOCK_TOKENS
) -> list[tuple[Segment, ...]]:
    """The whole transcript in blocks that a model can read at once.

    Args:
        transcript: all of it.
        starts: indices of segments that begin a chapter; a block ends there where it can.
        tokens: about the most in a block. A segment that alone has more makes a block of its own.

    Returns:
        Every segment once, in order.
    """
    cuts = sorted({0, *starts} | {len(transcript.segments)})
    most = tokens * _CHARACTERS
    found: list[list[Segment]] = []
    room = 0
    for first, last in pairwise(cuts):
        chapter = transcript.segments[first:last]
        size = sum(_size(segment) for segment in chapter)
        if size <= room and found:
            found[-1] += chapter
            room -= size
            continue
        room = 0
        for segment in chapter:
            if _size(segment) > room or not found:
                found.append([])
                room = most
            found[-1].append(segment)
            room -= _size(segment)
    return [tuple(block) for block in found if block]


def _size(segment: Segment) -> int:
    return len(segment.text) + len(segment.speaker or "") + 8
