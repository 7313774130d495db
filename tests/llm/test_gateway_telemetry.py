"""The gateway tells of every request and of its breaker."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.llm.conftest import ask
from tests.model_server import ModelServer
from ultimate_discord_intelligence_bot.errors import ModelRefused, ModelUnavailable
from ultimate_discord_intelligence_bot.events import (
    BreakerEvent,
    ModelRequest,
    Telemetry,
    telemetry,
)
from ultimate_discord_intelligence_bot.llm.breaker import Breaker
from ultimate_discord_intelligence_bot.llm.catalogue import Price
from ultimate_discord_intelligence_bot.llm.gateway import Account, Gateway, Patience
from ultimate_discord_intelligence_bot.llm.ledger import Budget, Ledger

Make = Callable[..., Gateway]


@pytest.fixture
def heard() -> Iterator[list[Telemetry]]:
    events: list[Telemetry] = []
    unsubscribe = telemetry.subscribe(events.append)
    yield events
    unsubscribe()


async def test_every_request_is_told_with_its_run_and_what_it_cost(
    server: ModelServer, gateway: Make, heard: list[Telemetry]
) -> None:
    ledger = Ledger(Budget(), Price(prompt=1.0, cached=0.5, completion=2.0))
    server.faults.extend(["429", "500"])
    reply = await gateway().complete(ask("hello"), Account(ledger, "claims", "owner", "run-1"))
    requests = [event for event in heard if isinstance(event, ModelRequest)]
    assert [(r.outcome, r.attempt) for r in requests] == [
        ("throttled", 1),
        ("failed", 2),
        ("answered", 3),
    ]
    assert {(r.run_id, r.stage, r.provider) for r in requests} == {("run-1", "claims", "openai")}
    last = requests[-1]
    assert (last.prompt, last.completion) == (reply.usage.prompt, reply.usage.completion)
    assert last.dollars == ledger.cost(reply.usage)
    assert all(0 < request.seconds < 30 for request in requests)


async def test_a_refusal_is_told_once(
    server: ModelServer, gateway: Make, account: Account, heard: list[Telemetry]
) -> None:
    server.faults.append("401")
    with pytest.raises(ModelRefused):
        await gateway().complete(ask("hello"), account)
    (request,) = [event for event in heard if isinstance(event, ModelRequest)]
    assert request.outcome == "refused"


async def test_the_breaker_is_told_when_it_opens_and_closes(
    server: ModelServer, gateway: Make, account: Account, heard: list[Telemetry]
) -> None:
    server.faults.extend(["500", "500"])
    sending = gateway(breaker=Breaker(failures=2, pause=0.2))
    await sending.complete(ask("hello"), account)
    told = [event.is_open for event in heard if isinstance(event, BreakerEvent)]
    assert told == [True, False]


async def test_a_breaker_that_is_gone_is_open_no_more(
    server: ModelServer, gateway: Make, account: Account, heard: list[Telemetry]
) -> None:
    server.faults.extend(["500"] * 9)
    sending = gateway(breaker=Breaker(failures=2, pause=60), patience=Patience(seconds=3))
    with pytest.raises(ModelUnavailable):
        await sending.complete(ask("hello"), account)
    sending.close()
    told = [event.is_open for event in heard if isinstance(event, BreakerEvent)]
    assert told == [True, False]
