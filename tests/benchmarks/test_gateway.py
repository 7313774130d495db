"""Two hundred requests through the gateway, beside one after the other and the ideal schedule."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import pytest

from tests.benchmarks.figures import Figures
from tests.model_server import ModelServer, serving
from ultimate_discord_intelligence_bot.llm.call import Call, Message
from ultimate_discord_intelligence_bot.llm.gate import Gate
from ultimate_discord_intelligence_bot.llm.gateway import Account, Gateway
from ultimate_discord_intelligence_bot.llm.ledger import Budget, Ledger
from ultimate_discord_intelligence_bot.llm.provider import Address, CrewProvider, Failure

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(300)]

CALLS = [Call((Message("user", f"number {number}"),)) for number in range(200)]
LATENCY = 0.35
AT_ONCE = 8
HANGS = 0.9


@dataclass
class Diary:
    """What a server saw: requests at once, refusals for too many, and how they began."""

    most: int
    refused: int
    began: list[float]


@contextmanager
def server(**options: Any) -> Iterator[tuple[str, Any]]:
    """A server in a process of its own; gives its address and a way to its diary."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_serve, args=(theirs, options))
    process.start()
    try:
        yield ours.recv(), ours
    finally:
        ours.send("end")
        process.join()


def _serve(pipe: Connection, options: dict[str, Any]) -> None:
    with serving(lambda messages: f"You said: {messages[-1]['content']}", **options) as stub:
        pipe.send(stub.url)
        while (word := pipe.recv()) != "end":
            if word == "trouble":
                _make_trouble(stub)
            else:
                refused = sum(request.fault == "429" for request in stub.seen)
                pipe.send(Diary(stub.most, refused, [request.at for request in stub.seen]))
                stub.seen.clear()


def _make_trouble(stub: ModelServer) -> None:
    """The same ill treatment for whoever comes: 12 of the next 212 requests."""
    for number in range(212):
        fault = {0: "500", 1: "429", 2: "hang", 3: "reset"}.get(number // 18 % 4)
        stub.faults.append(fault if number % 18 == 9 else None)  # type: ignore[arg-type]


async def through_gateway(url: str, gate: Gate) -> list[str]:
    sending = Gateway(CrewProvider(Address("openai", "stub", "k", url, HANGS)), gate=gate)
    account = Account(Ledger(Budget(), None), "reading", "somebody")
    try:
        replies = await asyncio.gather(*(sending.complete(call, account) for call in CALLS))
    finally:
        await asyncio.to_thread(sending.close)
    return [reply.text for reply in replies]


async def warmed_up(url: str) -> None:
    """Have everything imported."""
    provider = CrewProvider(Address("openai", "stub", "k", url))
    await provider.send(CALLS[0])
    await provider.close()


async def one_after_the_other(url: str) -> list[str]:
    provider, texts = CrewProvider(Address("openai", "stub", "k", url, HANGS)), []
    for call in CALLS:
        while True:
            try:
                texts.append((await provider.send(call)).text)
                break
            except Failure as failure:
                await asyncio.sleep(failure.after or 0.5)
    await provider.close()
    return texts


def timed(work: Any) -> tuple[float, list[str]]:
    began = time.perf_counter()
    texts = asyncio.run(work)
    return time.perf_counter() - began, texts


def test_two_hundred_requests_come_close_to_the_ideal_schedule(figures: Figures) -> None:
    with server(latency=LATENCY, capacity=AT_ONCE, hang=HANGS) as (url, pipe):
        asyncio.run(warmed_up(url))
        pipe.send("trouble")
        fast, texts = timed(through_gateway(url, Gate(AT_ONCE)))
        pipe.send("diary")
        diary = pipe.recv()
        pipe.send("trouble")
        slow, expected = timed(one_after_the_other(url))
    # Nobody can do better than all places filled all the time, by a hanging request until it is
    # given up, and none while the server asks everybody to wait.
    ideal = (len(CALLS) * LATENCY + 3 * HANGS) / AT_ONCE + 3 * 0.1
    figures.compare(
        f"200 requests of {LATENCY} s, 12 of 212 ill-treated, {AT_ONCE} at once",
        {"ideal schedule": [ideal], "gateway": [fast], "one after the other": [slow]},
    )
    assert texts == expected == [f"You said: {call.messages[0].content}" for call in CALLS]
    assert diary.most <= AT_ONCE
    figures.note("gateway / ideal schedule", fast / ideal, "", most=1.2)
    figures.note("gateway / one after the other", fast / slow, "", most=0.25)


def test_limits_are_kept_to_and_used_up(figures: Figures) -> None:
    allowed, window = 25, 1.3
    # The server's window is shorter by what one request's way to it may be longer than another's:
    # the first ones wait until the client is made.
    with server(latency=LATENCY, per_window=allowed, window=1.0) as (url, pipe):
        asyncio.run(warmed_up(url))
        time.sleep(1)
        took, texts = timed(through_gateway(url, Gate(64, requests=allowed, window=window)))
        pipe.send("diary")
        diary = pipe.recv()
    ideal = (len(CALLS) / allowed - 1) * window + LATENCY
    figures.compare(
        f"200 requests of {LATENCY} s, {allowed} in {window} s allowed",
        {"ideal schedule": [ideal], "gateway": [took]},
    )
    assert texts == [f"You said: {call.messages[0].content}" for call in CALLS]
    assert diary.refused == 0
    figures.note("gateway / ideal schedule", took / ideal, "", most=1.2)
