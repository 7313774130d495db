"""A stage done by the configured language model, or by the local analysts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog

from .errors import LanguageModelError, ModelUnavailable
from .events import Progress
from .inputs import Inputs
from .llm import Mind, Prompt, Question
from .llm.question import A
from .models.reasoning import Reasoned
from .models.transcript import Transcript
from .settings import Settings

_R = TypeVar("_R", bound=Reasoned)

_SHARE = 0.9
"""Of its time a stage may wait for the model; the rest is for the local analysts."""

log = structlog.get_logger(__name__)


class Attended:
    """A mind whose answers are counted, for somebody who watches."""

    def __init__(self, mind: Mind, progress: Progress) -> None:
        self._mind, self._progress, self._answered = mind, progress, 0

    @property
    def context(self) -> int:
        """As of the mind itself."""
        return self._mind.context

    async def ask(self, question: Question[A]) -> A:
        """As the mind itself does."""
        answer = await self._mind.ask(question)
        self._answered += 1
        plural = "" if self._answered == 1 else "s"
        self._progress(None, f"{self._answered} answer{plural} from the language model")
        return answer


async def thought(
    inputs: Inputs,
    progress: Progress,
    model: str | None,
    local: Callable[[], Awaitable[_R]],
    reason: Callable[[Mind], Awaitable[_R]],
) -> _R:
    """What the model makes of it, or where there is none, or no answer, the local analysts.

    Args:
        inputs: of the stage; its mind answers.
        progress: told how many answers there are.
        model: name of the model, for the reader.
        local: does it without a model.
        reason: does it with one; may raise ``LanguageModelError``.
    """
    # Of words that were guessed nothing is reasoned: no quote of them is exact.
    if inputs.mind is None or not inputs.need("speakers", Transcript).exact:
        return await local()
    patience = _SHARE * inputs.deadline
    try:
        async with asyncio.timeout(patience):
            reasoned = await reason(Attended(inputs.mind, progress))
    except TimeoutError:
        late = f"The language model was not done after {patience / 60:.0f} minutes."
        return await _instead(local, ModelUnavailable(late))
    except LanguageModelError as error:
        return await _instead(local, error)
    return reasoned.model_copy(update={"model": model})


async def _instead(local: Callable[[], Awaitable[_R]], error: LanguageModelError) -> _R:
    log.info("language_model_failed", code=error.code, reason=error.message)
    return (await local()).model_copy(update={"gaps": (str(error),)})


def asked_with(settings: Settings, *prompts: Prompt[Any]) -> Callable[[], dict[str, Any]]:
    """What the answers of the configured model depend on; nothing without one."""

    def made_from() -> dict[str, Any]:
        if not settings.llm:
            return {}
        asked = [prompt.identity for prompt in prompts]
        return {"model": settings.llm, "at": settings.llm_base_url, "prompts": asked}

    return made_from


def whole(artifact: Reasoned) -> bool:
    """Whether the model left no gap; an artifact with one is made anew."""
    return not artifact.gaps
