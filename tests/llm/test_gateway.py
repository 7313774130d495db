"""The gateway, before a real server that behaves well or badly."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.llm.conftest import ask, echo
from tests.model_server import ModelServer, serving
from ultimate_discord_intelligence_bot.errors import (
    BudgetExhausted,
    ModelRefused,
    ModelUnavailable,
)
from ultimate_discord_intelligence_bot.llm.breaker import Breaker
from ultimate_discord_intelligence_bot.llm.call import Priority, Usage
from ultimate_discord_intelligence_bot.llm.gate import Gate
from ultimate_discord_intelligence_bot.llm.gateway import Account, Gateway, Patience
from ultimate_discord_intelligence_bot.llm.ledger import Budget, Ledger
from ultimate_discord_intelligence_bot.llm.provider import Address, CrewProvider
from ultimate_discord_intelligence_bot.llm.replies import Replies

Make = Callable[..., Gateway]


async def test_an_answer_is_accounted_for(gateway: Make, account: Account, ledger: Ledger) -> None:
    reply = await gateway().complete(ask("hello"), account)
    assert reply.text == "You said: hello"
    assert ledger.by_stage == {"reading": reply.usage}


@pytest.mark.parametrize("fault", ["429", "429-now", "500", "hang", "reset", "malformed", "empty"])
async def test_a_failure_that_passes_is_not_noticed(
    fault: str, server: ModelServer, gateway: Make, account: Account
) -> None:
    server.faults.append(fault)  # type: ignore[arg-type]
    reply = await gateway().complete(ask("hello"), account)
    assert reply.text == "You said: hello"
    assert len(server.seen) == 2


async def test_retry_after_is_honoured_by_everybody(
    server: ModelServer, gateway: Make, account: Account
) -> None:
    server.retry_after = "0.4"
    server.faults.append("429")
    sending = gateway(gate=Gate(1))
    await asyncio.gather(*(sending.complete(ask(str(n)), account) for n in range(4)))
    refused, *others = (request.at for request in server.seen)
    assert all(at - refused >= 0.4 for at in others)


async def test_what_will_not_pass_is_not_tried_again(
    server: ModelServer, gateway: Make, account: Account
) -> None:
    server.faults.append("401")
    with pytest.raises(ModelRefused):
        await gateway().complete(ask("?"), account)
    assert len(server.seen) == 1


async def test_patience_ends(server: ModelServer, gateway: Make, account: Account) -> None:
    server.faults.extend(["429-now"] * 3)
    with pytest.raises(ModelUnavailable, match=r"asked 2 times without an answer \(HTTP 429\)"):
        await gateway(patience=Patience(attempts=2)).complete(ask("?"), account)
    assert len(server.seen) == 2


async def test_nobody_waits_longer_than_it_is_worth(
    server: ModelServer, gateway: Make, account: Account
) -> None:
    server.retry_after = "3600"
    server.faults.append("429")
    began = time.monotonic()
    with pytest.raises(ModelUnavailable):
        await gateway(patience=Patience(seconds=5)).complete(ask("?"), account)
    assert time.monotonic() - began < 2


async def test_a_provider_that_is_down_is_left_alone_then_probed_once(
    server: ModelServer, gateway: Make, account: Account
) -> None:
    server.faults.extend(["500"] * 3)
    breaker = Breaker(failures=3, pause=0.5)
    sending = gateway(breaker=breaker, gate=Gate(3))
    calls = [asyncio.create_task(sending.complete(ask(str(n)), account)) for n in range(3)]
    await asyncio.sleep(0.2)
    calls += [asyncio.create_task(sending.complete(ask(str(n)), account)) for n in range(3, 6)]
    replies = await asyncio.gather(*calls)
    assert sorted(reply.text for reply in replies) == [f"You said: {n}" for n in range(6)]
    *failed, probe = server.seen[:4]
    assert all(request.fault == "500" for request in failed)
    assert probe.at - max(request.at for request in failed) >= 0.45
    assert all(request.at > probe.at for request in server.seen[4:])


async def test_a_provider_that_stays_down_ends_in_an_error_soon(
    server: ModelServer, gateway: Make, account: Account
) -> None:
    server.faults.extend(["503"] * 100)
    breaker = Breaker(failures=2, pause=60)
    sending = gateway(breaker=breaker, patience=Patience(seconds=3))
    began = time.monotonic()
    results = await asyncio.gather(
        *(sending.complete(ask(str(n)), account) for n in range(20)), return_exceptions=True
    )
    assert all(isinstance(result, ModelUnavailable) for result in results)
    assert time.monotonic() - began < 5
    assert len(server.seen) < 20


async def test_the_same_call_made_twice_at_once_is_sent_once(
    server: ModelServer, gateway: Make, account: Account, ledger: Ledger
) -> None:
    server.latency = 0.1
    sending = gateway()
    replies = await asyncio.gather(*(sending.complete(ask("same"), account) for _ in range(5)))
    assert len(server.seen) == 1
    assert {reply.text for reply in replies} == {"You said: same"}
    assert (ledger.total.calls, ledger.total.reused) == (1, 4)


async def test_an_answer_given_before_costs_nothing(
    server: ModelServer, gateway: Make, account: Account, ledger: Ledger, tmp_path: Path
) -> None:
    sending = gateway(replies=Replies(tmp_path / "replies.sqlite"))
    first = await sending.complete(ask("same"), account)
    spent = ledger.total
    second = await sending.complete(ask("same"), account)
    assert second.text == first.text
    assert len(server.seen) == 1
    assert ledger.total == spent + Usage(reused=1)


async def test_answers_are_not_shared_between_owners(
    server: ModelServer, gateway: Make, ledger: Ledger, tmp_path: Path
) -> None:
    sending = gateway(replies=Replies(tmp_path / "replies.sqlite"))
    for owner in ("ada", "ben"):
        await sending.complete(ask("same"), Account(ledger, "reading", owner))
    assert len(server.seen) == 2


@pytest.mark.parametrize("fault", ["length", None])
async def test_an_answer_that_is_of_no_use_is_not_kept(
    fault: str | None, server: ModelServer, gateway: Make, account: Account, tmp_path: Path
) -> None:
    def check(text: str) -> None:
        if fault is None:
            raise ValueError("not what was asked for")

    sending = gateway(replies=Replies(tmp_path / "replies.sqlite"))
    server.faults.append(fault)  # type: ignore[arg-type]
    for _ in range(2):
        await sending.complete(ask("same", check=check), account)
    assert len(server.seen) == 2


async def test_a_conversation_goes_before_reading(
    server: ModelServer, gateway: Make, account: Account
) -> None:
    server.latency = 0.05
    sending = gateway(gate=Gate(1))
    reading = [asyncio.create_task(sending.complete(ask(f"read {n}"), account)) for n in range(4)]
    await asyncio.sleep(0.02)
    await sending.complete(ask("urgent", priority=Priority.ANSWER), account)
    await asyncio.gather(*reading)
    order = [request.prompt for request in server.seen]
    assert order.index("urgent") == 1


async def test_a_call_nobody_waits_for_any_more_is_given_up(
    server: ModelServer, gateway: Make, account: Account, ledger: Ledger
) -> None:
    server.latency = 0.3
    sending = gateway(gate=Gate(1))
    first, second = (asyncio.create_task(sending.complete(ask("same"), account)) for _ in range(2))
    await asyncio.sleep(0.1)
    first.cancel()
    assert (await second).text == "You said: same"  # the other one still waits for it

    alone = asyncio.create_task(sending.complete(ask("alone"), account))
    await asyncio.sleep(0.1)
    alone.cancel()
    began = time.monotonic()
    assert (await sending.complete(ask("next"), account)).text == "You said: next"
    assert time.monotonic() - began < 0.55
    assert ledger.total.calls == 2


async def test_the_cap_stops_what_would_exceed_it_and_keeps_what_was_paid(
    server: ModelServer, gateway: Make
) -> None:
    ledger = Ledger(Budget(tokens=500), None)
    account = Account(ledger, "reading", "somebody")
    sending = gateway(gate=Gate(1))
    results = await asyncio.gather(
        *(sending.complete(ask(f"{n}", answer_tokens=100), account) for n in range(8)),
        return_exceptions=True,
    )
    stopped = [r for r in results if isinstance(r, BudgetExhausted)]
    assert 0 < len(stopped) < 8
    assert len(server.seen) == 8 - len(stopped)
    assert ledger.total.total <= 500


async def test_threads_without_a_loop_may_ask_too(gateway: Make, account: Account) -> None:
    sending, heard = gateway(), []

    def work() -> None:
        heard.append(sending.submit(ask("from a thread"), account).result().text)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert heard == ["You said: from a thread"] * 4


async def test_a_stream_that_broke_off_begins_anew(
    server: ModelServer, gateway: Make, account: Account
) -> None:
    server.faults.append("cut")
    heard: list[str] = []
    reply = await gateway().complete(ask("one two three"), account, heard.append)
    assert reply.text == "You said: one two three"
    assert heard[-1] == reply.text
    assert heard.count("You") == 2


async def test_closing_ends_what_is_under_way(
    server: ModelServer, gateway: Make, account: Account
) -> None:
    server.latency = 1.0
    sending = gateway()
    waiting = asyncio.create_task(sending.complete(ask("slow"), account))
    await asyncio.sleep(0.1)
    await asyncio.to_thread(sending.close)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    sending.close()


def test_two_hundred_calls_over_a_hostile_server_all_come_back() -> None:
    with serving(echo, latency=0.02, capacity=6) as server:
        bad = ("429", "500", "hang", "reset", "malformed", "empty", "503", None, None, None)
        server.faults.extend(bad[n % 10] if n % 3 == 0 else None for n in range(200))  # type: ignore[misc]
        provider = CrewProvider(Address("openai", "stub", "k", server.url, timeout=0.5))
        # On a busy machine the server is at its capacity for longer than six tries take.
        patience = Patience(attempts=20)
        sending = Gateway(provider, gate=Gate(8), breaker=Breaker(failures=20), patience=patience)
        account = Account(Ledger(Budget(), None), "reading", "somebody")

        async def everything() -> list[str]:
            calls = (sending.complete(ask(f"number {n}"), account) for n in range(200))
            return [reply.text for reply in await asyncio.gather(*calls)]

        texts = asyncio.run(everything())
        sending.close()
    assert texts == [f"You said: number {n}" for n in range(200)]
    assert server.answered >= 200
