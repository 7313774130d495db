"""CrewAI's LLM class as the way to a provider: one request, one outcome, nothing retried here."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

from pydantic import ValidationError

from ..errors import ModelRefused, ModelUnavailable, PromptTooLong
from .call import Call, Reply, Usage
from .quiet import hush, import_crewai

OnText = Callable[[str], None]
"""Told all text of the answer so far; begins anew when a broken answer is asked for again."""

_REFUSALS = {400, 401, 402, 403, 404, 405, 413, 422}
_KEYS = {401, 403}
_RETRIED_CLIENT_ERRORS = {408, 409, 425, 429}
_LONGEST_REASON = 300
_TRICKLE = 3
_THINKS = re.compile(r"o\d|gpt-(?:[5-9]|\d\d)")


class Failure(Exception):
    """A request that brought no answer, but may at another time.

    Attributes:
        after: seconds that the provider asks us to wait; None when it does not say.
        throttled: the provider says that it is asked too often.
        broken: the provider is at fault or out of reach.
    """

    def __init__(self, reason: str, *, after: float | None = None, throttled: bool = False) -> None:
        super().__init__(reason)
        self.after, self.throttled, self.broken = after, throttled, not throttled


class Provider(Protocol):
    """Makes one request at a time out of a call.

    Attributes:
        identity: what answers depend on besides the call.
    """

    identity: str

    async def send(self, call: Call, on_text: OnText | None = None) -> Reply:
        """Send a call once.

        Raises:
            Failure: it may work at another time.
            LanguageModelError: it will not.
        """
        ...

    async def close(self) -> None:
        """Give back what is held open."""
        ...


@dataclass(frozen=True)
class Address:
    """Where a model is and how it is asked.

    Attributes:
        provider: ``openai``, ``anthropic``, ``gemini``, ``openrouter``, ``ollama`` and whatever
            else CrewAI's LLM class reaches.
        key, base_url: None means the provider's own environment variable and address.
        timeout: seconds for one request.
    """

    provider: str
    model: str
    key: str | None = None
    base_url: str | None = None
    timeout: float = 120.0


class CrewProvider:
    """A model behind CrewAI's LLM class. To be used on one loop.

    Raises:
        ModelRefused: CrewAI cannot reach such a model: key, name or package is missing.
    """

    def __init__(self, address: Address) -> None:
        self.identity = f"{address.provider}/{address.model}@{address.base_url or ''}"
        self._address = address
        self._models: dict[tuple[int, bool], Any] = {}
        self._model(answer_tokens=1, streams=False)

    async def send(self, call: Call, on_text: OnText | None = None) -> Reply:
        from crewai.events.types.llm_events import LLMCallCompletedEvent, LLMStreamChunkEvent

        hush()
        model = self._model(call.answer_tokens, streams=on_text is not None)
        usage, finish, text = Usage(), "", ""

        def hear(_: Any, event: Any) -> None:
            nonlocal usage, finish, text
            if isinstance(event, LLMCallCompletedEvent):
                usage, finish = _usage(event.usage or {}), event.finish_reason or ""
            elif isinstance(event, LLMStreamChunkEvent) and on_text is not None:
                text += event.chunk
                on_text(text)

        with _listening(hear):
            try:
                # The timeout of a library counts from byte to byte; a trickle would never end.
                async with asyncio.timeout(_TRICKLE * self._address.timeout):
                    answer = await _once(model, call)
            except Exception as error:
                raise self._translated(error) from error
        if on_text is not None and not finish:
            raise Failure("the answer broke off")
        if not isinstance(answer, str) or not answer.strip():
            raise Failure("the answer is empty")
        return Reply(answer, usage, finish or "stop")

    async def close(self) -> None:
        """Close the connections that were kept open."""
        for model in self._models.values():
            # CrewAI has no way to close them; left open they outlive the loop they belong to.
            if (client := getattr(model, "_async_client", None)) is not None:
                await client.close()
        self._models.clear()

    def _model(self, answer_tokens: int, *, streams: bool) -> Any:
        """CrewAI's object for answers of this length; its connections are kept open."""
        found = self._models.get((answer_tokens, streams))
        if found is None:
            found = self._models[answer_tokens, streams] = self._made(answer_tokens, streams)
        return found

    def _made(self, answer_tokens: int, streams: bool) -> Any:
        address = self._address
        import_crewai()
        from crewai import LLM

        try:
            return LLM(**_options(address, answer_tokens), stream=streams)
        except (ImportError, ValueError) as error:
            raise ModelRefused(
                f"The model {address.provider}/{address.model} cannot be used: {_reason(error)}"
            ) from error

    def _translated(self, error: Exception) -> Exception:
        """What a provider's library raised, in our terms."""
        from crewai.utilities.exceptions.context_window_exceeding_exception import (
            LLMContextLengthExceededError,
        )

        chain = list(_chain(error))
        named = f"{self._address.provider}/{self._address.model}"
        if any(isinstance(link, LLMContextLengthExceededError) for link in chain):
            return PromptTooLong(f"{named} cannot read that much at once.")
        status = next((code for link in chain if (code := _status(link))), None)
        if status in _KEYS:
            return ModelRefused(f"{named} does not accept the key (HTTP {status}).")
        if status in _REFUSALS:
            return ModelRefused(f"{named} refused (HTTP {status}): {_reason(error)}")
        if status is not None:
            after = next((wait for link in chain if (wait := _after(link)) is not None), None)
            return Failure(f"HTTP {status}", after=after, throttled=status == 429)
        if any(isinstance(link, OSError) or _is_transport(link) for link in chain):
            return Failure(_reason(error))
        if isinstance(error, json.JSONDecodeError | ValidationError):
            return Failure("the answer is not in the provider's own format")
        return ModelUnavailable(f"{named} gave an answer that cannot be read: {_reason(error)}")


async def _once(model: Any, call: Call) -> Any:
    """One request: CrewAI wraps every call into retries of its own, the gateway's are enough."""
    return await inspect.unwrap(type(model).acall)(model, _plain(call))


def _options(address: Address, answer_tokens: int) -> dict[str, Any]:
    """What CrewAI's class is told; providers name the same things differently."""
    options: dict[str, Any] = {"model": address.model, "provider": address.provider}
    if address.key:
        options["api_key"] = address.key
    if address.provider in ("gemini", "google"):
        http: dict[str, Any] = {"timeout": int(1000 * address.timeout)}
        if address.base_url:
            http["base_url"] = address.base_url
        client = {"http_options": http}
        return options | {
            "client_params": client,
            "max_output_tokens": answer_tokens,
            "temperature": 0.0,
        }
    options |= {"timeout": address.timeout, "max_retries": 0}
    if address.base_url:
        options["base_url"] = address.base_url
    if address.provider != "openai":
        return options | {"max_tokens": answer_tokens, "temperature": 0.0}
    if address.base_url:
        options.setdefault("api_key", "none")  # the library insists on one
        return options | {
            "custom_openai": True,
            "max_tokens": answer_tokens,
            "temperature": 0.0,
        }
    # OpenAI's own newer models know no max_tokens, and those that think no temperature.
    options["max_completion_tokens"] = answer_tokens
    return options if _THINKS.match(address.model) else options | {"temperature": 0.0}


def _plain(call: Call) -> list[dict[str, Any]]:
    """Messages as CrewAI takes them; the mark lets providers keep what many calls share."""
    return [
        {"role": message.role, "content": message.content}
        | ({"cache_breakpoint": True} if message.shared else {})
        for message in call.messages
    ]


@contextmanager
def _listening(hear: Callable[[Any, Any], None]) -> Iterator[None]:
    """Hear CrewAI's events of this context only, in order and at once."""
    from crewai.events.stream_context import add_stream_sink, reset_stream_sinks

    token = add_stream_sink(hear)
    try:
        yield
    finally:
        reset_stream_sinks(token)


def _usage(counts: Mapping[str, Any]) -> Usage:
    from crewai.types.usage_metrics import UsageMetrics

    metrics = UsageMetrics.from_provider_dict(dict(counts))
    if metrics is None:
        return Usage(calls=1)
    return Usage(
        prompt=metrics.prompt_tokens,
        cached=metrics.cached_prompt_tokens,
        completion=metrics.completion_tokens,
        calls=1,
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _status(error: BaseException) -> int | None:
    for holder in (error, getattr(error, "response", None)):
        for name in ("status_code", "code"):
            status = getattr(holder, name, None)
            if isinstance(status, int) and 400 <= status <= 599:
                return status
    return None


def _after(error: BaseException) -> float | None:
    """Seconds of a Retry-After header, which holds seconds or a date (RFC 9110, 10.2.3)."""
    headers = getattr(getattr(error, "response", None), "headers", None)
    value = headers.get("retry-after") if headers is not None else None
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def _is_transport(error: BaseException) -> bool:
    """Whether a library for HTTP says that the connection failed."""
    import httpx

    return isinstance(error, httpx.TransportError) or type(error).__name__ in {
        "APIConnectionError",
        "APITimeoutError",
        "APIResponseValidationError",
    }


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:_LONGEST_REASON] or type(error).__name__
