"""A stage done by the configured language model, or by the local analysts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog

from .errors import LanguageModelError
from .inputs import Inputs
from .llm import Mind, Prompt
from .models.reasoning import Reasoned
from .models.transcript import Transcript
from .settings import Settings

_R = TypeVar("_R", bound=Reasoned)

log = structlog.get_logger(__name__)


async def thought(
    inputs: Inputs,
    model: str | None,
    local: Callable[[], Awaitable[_R]],
    reason: Callable[[Mind], Awaitable[_R]],
) -> _R:
    """What the model makes of it, or where there is none, or no answer, the local analysts.

    Args:
        inputs: of the stage; its mind answers.
        model: name of the model, for the reader.
        local: does it without a model.
        reason: does it with one; may raise ``LanguageModelError``.
    """
    # Of words that were guessed nothing is reasoned: no quote of them is exact.
    if inputs.mind is None or not inputs.need("speakers", Transcript).exact:
        return await local()
    try:
        reasoned = await reason(inputs.mind)
    except LanguageModelError as error:
        log.info("language_model_failed", code=error.code, reason=error.message)
        return (await local()).model_copy(update={"gaps": (str(error),)})
    return reasoned.model_copy(update={"model": model})


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
