"""What the language model will cost for a recording, told before it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .analysis.reading import questions_about
from .llm import LanguageModel, Question, Usage, material
from .llm.house import HOUSE_RULES
from .llm.prompts import ASSERTIONS, CHALLENGE, VERDICT
from .models.analysis import Chapters
from .models.transcript import Transcript
from .settings import Depth, Settings

_CHARACTER_TOKENS = 80
"""What CrewAI tells an agent about itself, in tokens."""
_PASSAGES = ["x" * 220] * 10
_CLAIMS_AT_ONCE = 20


@dataclass(frozen=True)
class Forecast:
    """What a run will ask of the language model, at the most.

    Attributes:
        model: provider and name.
        calls: requests, none of them repeated.
        prompt_tokens: read, by our own estimate.
        answer_tokens: written, if every answer is as long as it may be.
        dollars: None when the price is unknown.
        budget: US dollars that the run may spend; None means no limit.
    """

    model: str
    calls: int
    prompt_tokens: int
    answer_tokens: int
    dollars: float | None
    budget: float | None


def forecast(
    model: LanguageModel,
    settings: Settings,
    depth: Depth,
    transcript: Transcript,
    chapters: Chapters | None,
    claims: int,
) -> Forecast:
    """Count what will be asked about a transcript.

    Args:
        model: that will be asked.
        settings: of the run.
        depth: of the run.
        transcript: of the whole recording.
        chapters: where it will be cut.
        claims: how many will be checked.
    """
    context = model.facts.context
    asked = list(_questions(depth, transcript, chapters, context, claims))
    calls = [question.call(HOUSE_RULES) for question in asked]
    prompt = sum(call.prompt_tokens + _CHARACTER_TOKENS for call in calls)
    answer = sum(call.answer_tokens for call in calls)
    most = Usage(prompt=prompt, completion=answer)
    return Forecast(
        model=model.name,
        calls=len(calls),
        prompt_tokens=prompt,
        answer_tokens=answer,
        dollars=model.ledger(settings, depth).cost(most),
        budget=settings.llm_dollars(depth),
    )


def _questions(
    depth: Depth, transcript: Transcript, chapters: Chapters | None, context: int, claims: int
) -> Iterator[Question[Any]]:
    deep = depth is not Depth.STANDARD
    yield from questions_about(transcript, chapters, context, deep=deep)
    if not deep:
        return
    statement, passages = material("statement", ["x" * 120]), material("passages", _PASSAGES)
    for at in range(0, claims, _CLAIMS_AT_ONCE):
        lines = ["x" * 160] * min(_CLAIMS_AT_ONCE, claims - at)
        yield ASSERTIONS.about(material("claims", lines))
    for _ in range(claims):
        yield VERDICT.about(statement, passages)
        if depth is Depth.EXPERIMENTAL:
            yield CHALLENGE.about(statement, passages, label="Supported")
