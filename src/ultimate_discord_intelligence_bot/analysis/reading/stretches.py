"""A recording read stretch by stretch, side by side; nothing is left out silently."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from ...errors import LanguageModelError
from ...llm import Message, Mind, Prompt, Question, blocks, material, spoken
from ...llm.material import BLOCK_TOKENS
from ...llm.prompts import FALLACIES, OVERVIEW, PERSPECTIVES, POINTS
from ...llm.question import Answer
from ...llm.quotation import locate
from ...models.analysis import Chapters, Quote
from ...models.transcript import Segment, Transcript

_A = TypeVar("_A", bound=Answer)
_REST = 4_000
"""Tokens of everything else in a question, and of its answer."""
_LEAST = 500
_NEAR = 2
"""How many segments beside the one it names a quote is looked for: models miscount."""


class Stretch(Generic[_A]):
    """Consecutive segments, and what was answered about them.

    Attributes:
        segments: in order.
        answer: None when there was none.
    """

    def __init__(self, segments: Sequence[Segment], answer: _A | None) -> None:
        self.segments, self.answer = segments, answer

    def quote(self, words: str, segment: int, last: int | None = None) -> tuple[int, int] | None:
        """The first and last segment of the recording in which these words were said.

        Args:
            words: as the model quotes them.
            segment: where it says they begin.
            last: where it says they end; None means in the same segment.
        """
        offset = self.segments[0].index
        first = max(0, segment - offset - _NEAR)
        end = (segment if last is None else last) - offset + _NEAR + 1
        near = self.segments[first : max(end, 0)]
        found = locate(words, [s.text for s in near])
        return None if found is None else (near[found[0]].index, near[found[1]].index)


async def read(
    mind: Mind,
    prompt: Prompt[_A],
    transcript: Transcript,
    chapters: Chapters | None,
    *besides: Message,
    **words: object,
) -> tuple[list[Stretch[_A]], tuple[str, ...]]:
    """Put one question to every stretch of the recording, all at once.

    Args:
        mind: who is asked.
        prompt: what is asked.
        transcript: of the whole recording.
        chapters: where stretches should begin.
        besides: material that goes with every stretch.
        words: of ours, that the instruction needs.

    Returns:
        Every stretch, in order, and what is missing and why.

    Raises:
        LanguageModelError: there was no answer about any of them.
    """
    parts = stretches(transcript, chapters, mind.context)
    answers = await asyncio.gather(
        *(mind.ask(prompt.about(_material(part), *besides, **words)) for part in parts),
        return_exceptions=True,
    )
    found, reasons = [], Counter[str]()
    for part, answer in zip(parts, answers, strict=True):
        if isinstance(answer, LanguageModelError):
            reasons[str(answer)] += 1
            failure = answer
        elif isinstance(answer, BaseException):
            raise answer
        found.append(Stretch(part, None if isinstance(answer, BaseException) else answer))
    if parts and all(stretch.answer is None for stretch in found):
        raise failure
    gaps = (
        f"{count} of {len(parts)} stretches were not read. {why}" for why, count in reasons.items()
    )
    return found, tuple(gaps)


def stretches(
    transcript: Transcript, chapters: Chapters | None, context: int
) -> list[tuple[Segment, ...]]:
    """The recording as it is read: at most some minutes at once, cut where a chapter begins.

    Args:
        transcript: of the whole recording.
        chapters: where to cut.
        context: tokens that the model reads and writes at once.
    """
    starts = [chapter.first for chapter in chapters.chapters] if chapters else []
    return blocks(transcript, starts, max(_LEAST, min(BLOCK_TOKENS, context - _REST)))


def quoted(segments: Sequence[Segment], span: tuple[int, int]) -> Quote:
    """All that is said from one segment to another, as one quote of the first."""
    first, last = segments[span[0]], segments[span[1]]
    text = " ".join(segment.text for segment in segments[span[0] : span[1] + 1])
    return Quote(
        text=text,
        segment=first.index,
        start=first.start,
        end=last.end,
        speaker=first.speaker,
    )


def questions_about(
    transcript: Transcript, chapters: Chapters | None, context: int, *, deep: bool
) -> list[Question[Any]]:
    """The questions that reading a recording will ask, as far as they are known beforehand.

    Args:
        transcript: of the whole recording.
        chapters: where it will be cut.
        context: tokens that the model reads and writes at once.
        deep: whether fallacies and perspectives are looked for as well.
    """
    prompts: list[Prompt[Any]] = [POINTS, FALLACIES, PERSPECTIVES] if deep else [POINTS]
    parts = stretches(transcript, chapters, context)
    words = {"most": 6, "kinds": "x" * 1_500}
    asked = [prompt.about(_material(part), **words) for prompt in prompts for part in parts]
    points = [f"[{number}] {'x' * 150}" for number in range(6 * len(parts))]
    return [*asked, OVERVIEW.about(material("points", points), most=8)]


def _material(part: Sequence[Segment]) -> Message:
    return material("transcript", spoken(part))
