"""A gateway to a server on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.model_server import ModelServer, serving
from ultimate_discord_intelligence_bot.llm.call import Call, Message
from ultimate_discord_intelligence_bot.llm.gate import Gate
from ultimate_discord_intelligence_bot.llm.gateway import Account, Gateway
from ultimate_discord_intelligence_bot.llm.ledger import Budget, Ledger
from ultimate_discord_intelligence_bot.llm.provider import Address, CrewProvider


def echo(messages: list[dict[str, Any]]) -> str:
    """A model that repeats what was said last."""
    return f"You said: {messages[-1]['content']}"


def ask(text: str, **options: Any) -> Call:
    """A call that says one thing."""
    return Call((Message("user", text),), **options)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with serving(echo) as stub:
        yield stub


@pytest.fixture
def provider(server: ModelServer) -> CrewProvider:
    return CrewProvider(Address("openai", "stub", "k3y", server.url, timeout=1.0))


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(Budget(), None)


@pytest.fixture
def account(ledger: Ledger) -> Account:
    return Account(ledger, "reading", "somebody")


@pytest.fixture
def gateway(provider: CrewProvider) -> Iterator[Callable[..., Gateway]]:
    """Makes gateways to the server; options as for ``Gateway``."""
    with ExitStack() as opened:

        def make(**options: Any) -> Gateway:
            made = Gateway(provider, **{"gate": Gate(8)} | options)
            opened.callback(made.close)
            return made

        yield make
