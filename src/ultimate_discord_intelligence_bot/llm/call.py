"""What is asked of a language model, and what comes back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal, NamedTuple

Role = Literal["system", "user", "assistant"]

_CHARACTERS_PER_TOKEN = 3.6
_TOKENS_PER_MESSAGE = 6


class Message(NamedTuple):
    """One message of a conversation.

    Attributes:
        shared: many calls begin with the same messages up to this one; a provider may keep what it
            has read so far.
    """

    role: Role
    content: str
    shared: bool = False


class Priority(IntEnum):
    """Who goes first when calls wait; the least number."""

    ANSWER = 0
    """Somebody is waiting for an answer in a conversation."""
    JUDGEMENT = 1
    """Late in a run: whatever is finished frees its memory."""
    READING = 2
    """Early in a run."""


Check = Callable[[str], object]
"""Raises ``ValueError`` for a text that is not what was asked for."""


@dataclass(frozen=True)
class Call:
    """One request to the model.

    Attributes:
        messages: what it is given; what many calls have in common comes first.
        answer_tokens: most tokens of the answer.
        priority: who goes first.
        check: an answer that fails it is given back, but never kept for later.
    """

    messages: tuple[Message, ...]
    answer_tokens: int = 2_000
    priority: Priority = Priority.READING
    check: Check | None = field(default=None, compare=False)

    @property
    def prompt_tokens(self) -> int:
        """An estimate: tokens are counted differently by every model."""
        return estimate_tokens(self.messages)

    @property
    def most_tokens(self) -> int:
        """An estimate of the most that it can use."""
        return self.prompt_tokens + self.answer_tokens

    def digest(self, *parts: str) -> str:
        """A hash of all that the answer depends on: these parts, the messages, the length."""
        said = [[message.role, message.content] for message in self.messages]
        text = json.dumps([parts, said, self.answer_tokens], ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def estimate_tokens(messages: Sequence[Message]) -> int:
    """About how many tokens messages have: one for 3.6 characters, rather too many than too few."""
    characters = sum(len(message.content) for message in messages)
    return int(characters / _CHARACTERS_PER_TOKEN) + _TOKENS_PER_MESSAGE * len(messages)


@dataclass(frozen=True)
class Usage:
    """Tokens that calls have used, as the provider counts them.

    Attributes:
        prompt: tokens read, those from the provider's cache included.
        cached: of them, read from the provider's cache.
        completion: tokens written.
        calls: requests that were answered.
        reused: calls that were answered without a request: asked before.
    """

    prompt: int = 0
    cached: int = 0
    completion: int = 0
    calls: int = 0
    reused: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt + other.prompt,
            self.cached + other.cached,
            self.completion + other.completion,
            self.calls + other.calls,
            self.reused + other.reused,
        )

    @property
    def total(self) -> int:
        """Tokens read and written."""
        return self.prompt + self.completion


@dataclass(frozen=True)
class Reply:
    """What the model answered.

    Attributes:
        finish: why it ended, in the provider's words; ``length`` when it was cut off.
    """

    text: str
    usage: Usage
    finish: str = "stop"

    @property
    def whole(self) -> bool:
        """Whether the model said all that it wanted to."""
        return self.finish.lower() not in {"length", "max_tokens"}
