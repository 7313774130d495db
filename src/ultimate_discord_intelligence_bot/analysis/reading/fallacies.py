"""Fallacies as a language model finds them."""

from __future__ import annotations

from ...llm import Mind
from ...llm.prompts import FALLACIES
from ...models.analysis import Chapters, Fallacies, Fallacy
from ...models.transcript import Transcript
from ..taxonomy import KINDS, kind_of
from .stretches import quoted, read

_THRESHOLD = 0.7
"""Models are sure of themselves: below this they are guessing by their own account."""

_LONGEST = 6


async def read_fallacies(
    mind: Mind, transcript: Transcript, chapters: Chapters | None
) -> Fallacies:
    """Passages that argue in a way known to mislead, each with words that were said.

    Raises:
        LanguageModelError: there was no answer.
    """
    kinds = "\n".join(f"- {kind.name}: {kind.explanation}" for kind in KINDS)
    found, gaps = await read(mind, FALLACIES, transcript, chapters, kinds=kinds)
    told: dict[tuple[int, int], Fallacy] = {}
    dropped = 0
    for stretch in found:
        for fallacy in stretch.answer.fallacies if stretch.answer else ():
            kind = kind_of(fallacy.kind)
            span = stretch.quote(fallacy.quote, fallacy.segment, fallacy.last)
            if kind is None or span is None or span[1] - span[0] >= _LONGEST:
                dropped += 1
            elif fallacy.confidence >= _THRESHOLD and span not in told:
                told[span] = Fallacy(
                    **quoted(transcript.segments, span).model_dump(),
                    last=span[1],
                    label=kind.name,
                    category=kind.category,
                    confidence=fallacy.confidence,
                    explanation=fallacy.explanation,
                )
    in_order = tuple(told[span] for span in sorted(told))
    return Fallacies(fallacies=in_order, threshold=_THRESHOLD, dropped=dropped, gaps=gaps)
