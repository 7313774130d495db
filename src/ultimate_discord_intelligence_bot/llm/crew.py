"""CrewAI's side of the gateway: a BaseLLM that agents use like any other model.

Importing this module imports CrewAI.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

from pydantic import PrivateAttr

from .call import Call, Message, Reply
from .gateway import Account
from .house import HOUSE_RULES
from .material import is_material
from .model import LanguageModel
from .question import Question
from .quiet import import_crewai

import_crewai()
from crewai.llms.base_llm import BaseLLM  # noqa: E402


class GatewayLLM(BaseLLM):
    """What an agent takes for a model: sends what it says through the gateway.

    One for one question of one agent. ``call`` and ``acall`` raise ``LanguageModelError`` where
    there is no answer.
    """

    llm_type: str = "autointel"
    _desk: Desk = PrivateAttr()
    _question: Question[Any] | None = PrivateAttr(default=None)
    _sent: list[Future[Reply]] = PrivateAttr(default_factory=list)

    def call(self, messages: Any, *_: Any, **__: Any) -> str:
        return self._send(messages).result().text

    async def acall(self, messages: Any, *_: Any, **__: Any) -> str:
        return (await asyncio.wrap_future(self._send(messages))).text

    def cancel(self) -> None:
        """Give up what is under way: an agent's thread cannot be stopped, its call can."""
        for future in self._sent:
            future.cancel()

    def _send(self, messages: Any) -> Future[Reply]:
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        said = arranged(messages)
        call = replace(self._question.call(), messages=said) if self._question else Call(said)
        future = self._desk.model.gateway.submit(call, self._desk.account)
        self._sent.append(future)
        return future

    def supports_function_calling(self) -> bool:
        """No: what reads a transcript has no tools."""
        return False

    def supports_stop_words(self) -> bool:
        return False

    def get_context_window_size(self) -> int:
        return self._desk.model.facts.context

    def get_input_tokens_count(
        self, messages: Any, tools: Any = None, response_model: Any = None
    ) -> int:
        said = messages if isinstance(messages, list) else [{"role": "user", "content": messages}]
        return Call(arranged(said)).prompt_tokens


@dataclass(frozen=True)
class Desk:
    """Where the agents of one stage of one run get their model.

    Attributes:
        model: the configured one.
        account: on whose behalf it is asked.
        turns: how many agents of a run may be at work at once: each of them holds a thread.
    """

    model: LanguageModel
    account: Account
    turns: asyncio.Semaphore

    def llm(self, question: Question[Any] | None = None) -> GatewayLLM:
        """The model, to answer one question."""
        made = GatewayLLM(model=self.model.name)
        made._desk, made._question = self, question
        return made


def arranged(messages: Sequence[Any]) -> tuple[Message, ...]:
    """Messages of an agent in the order that lets a provider keep what calls have in common.

    First the house rules, then the material, then who the agent is and what it is asked.
    """
    said = [(str(message["role"]), str(message["content"] or "")) for message in messages]
    character = "\n".join(content for role, content in said if role == "system")
    materials = [content for _, content in said if is_material(content)]
    found = [HOUSE_RULES, *(Message("user", content, shared=True) for content in materials)]
    for role, content in said:
        if role == "system" or is_material(content):
            continue
        if character and role == "user":
            content, character = f"{character}\n\n{content.strip()}", ""
        found.append(Message("assistant" if role == "assistant" else "user", content))
    return tuple(found)
