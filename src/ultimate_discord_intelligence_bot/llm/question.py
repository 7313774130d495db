"""A question with a typed answer: asked, validated, once repaired, or a typed failure."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ..errors import AnswerInvalid
from .call import Call, Message, Priority

_THOUGHTS = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_ECHOED = 2_000
_COMPLAINTS = 8


class Answer(BaseModel):
    """What a prompt asks for. Fields beyond those that were asked for are left out."""

    model_config = ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=True)


A = TypeVar("A", bound=Answer)


@dataclass(frozen=True)
class Prompt(Generic[A]):
    """An instruction that brings answers of one type. One file holds one prompt.

    Attributes:
        name: of its file.
        version: raised with every change that may change answers.
        answer: what is to be answered; its schema is part of the instruction.
        instruction: what to do; ``{placeholders}`` are filled with words of ours only, never with
            material.
        answer_tokens: most tokens of an answer.
    """

    name: str
    version: int
    answer: type[A]
    instruction: str
    answer_tokens: int = 2_000
    priority: Priority = Priority.READING

    @property
    def identity(self) -> str:
        """Name and version, for whatever depends on the answers."""
        return f"{self.name}.{self.version}"

    def about(self, *materials: Message, **words: object) -> Question[A]:
        """The question, put to some material."""
        schema = json.dumps(_lean(self.answer.model_json_schema()), ensure_ascii=False)
        text = (
            f"{self.instruction.strip().format(**words)}\n\n"
            f"Answer with one JSON object and nothing else, following this schema:\n{schema}"
        )
        return Question(self, (*materials, Message("user", text)))


@dataclass(frozen=True)
class Question(Generic[A]):
    """A prompt with its material, ready to be asked."""

    prompt: Prompt[A]
    messages: tuple[Message, ...]

    def call(self, *before: Message) -> Call:
        """The question as a request, after some messages of ours."""
        return Call(
            (*before, *self.messages),
            answer_tokens=self.prompt.answer_tokens,
            priority=self.prompt.priority,
            check=self.parse,
        )

    def parse(self, text: str) -> A:
        """The answer that a text holds.

        Raises:
            ValueError: it holds none; says what is wrong with it.
        """
        bare = _THOUGHTS.sub("", text)
        first, last = bare.find("{"), bare.rfind("}")
        if first < 0 or last < first:
            raise ValueError("There is no JSON object in it.")
        try:
            return self.prompt.answer.model_validate_json(bare[first : last + 1], strict=False)
        except ValidationError as error:
            raise ValueError(_complaints(error)) from error


class Mind(Protocol):
    """Somebody who answers questions: a specialist of the crew.

    Attributes:
        context: tokens of a question and its answer, at the most.
    """

    @property
    def context(self) -> int: ...

    async def ask(self, question: Question[A]) -> A:
        """The validated answer.

        Raises:
            LanguageModelError: there is none.
        """
        ...


Say = Callable[[Sequence[Message]], Awaitable[str]]
"""Puts messages to the model."""


async def answered(question: Question[A], say: Say) -> A:
    """Ask, and where the answer is not as it should be, have it repaired once.

    Raises:
        AnswerInvalid: the second answer is not as it should be either.
        LanguageModelError: there was no answer.
    """
    text = await say(question.messages)
    try:
        return question.parse(text)
    except ValueError as error:
        complaint = Message(
            "user",
            f"That answer cannot be used. {error}\nGive the whole answer again, corrected: one "
            "JSON object that follows the schema, and nothing else.",
        )
    said = Message("assistant", text[:_ECHOED])
    again = await say((*question.messages, said, complaint))
    try:
        return question.parse(again)
    except ValueError as error:
        raise AnswerInvalid(
            f"The language model's answer to “{question.prompt.name}” cannot be used, and its "
            f"second one neither. {error}"
        ) from error


def _complaints(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False)
    told = [f"{'.'.join(map(str, e['loc'])) or 'JSON'}: {e['msg']}" for e in found[:_COMPLAINTS]]
    more = f" and {len(found) - _COMPLAINTS} more" if len(found) > _COMPLAINTS else ""
    return "; ".join(told) + more + "."


def _lean(schema: Any) -> Any:
    """A JSON schema without what a model does not need."""
    if isinstance(schema, dict):
        return {
            key: _lean(value)
            for key, value in schema.items()
            if not (key == "title" and isinstance(value, str))
        }
    return [_lean(item) for item in schema] if isinstance(schema, list) else schema
