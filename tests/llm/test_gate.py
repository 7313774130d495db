"""The gate before a provider."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultimate_discord_intelligence_bot.llm.gate import Gate, Window


async def through(gate: Gate, seconds: float = 0.0, priority: int = 0, tokens: int = 1) -> float:
    """Pass the gate and stay inside for a while; returns when it was entered."""
    async with gate.admit(priority, tokens) as passage:
        entered = time.monotonic()
        await asyncio.sleep(seconds)
        passage.answered = 100
    return entered


async def test_no_more_than_the_limit_are_inside_and_nobody_is_lost() -> None:
    gate, inside, most = Gate(3), 0, 0

    async def visit() -> None:
        nonlocal inside, most
        async with gate.admit(0, 1):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.002)
            inside -= 1

    await asyncio.gather(*(visit() for _ in range(30)))
    assert (inside, most) == (0, 3)


async def test_the_least_priority_number_goes_first_then_who_came_first() -> None:
    gate, order = Gate(1), []

    async def visit(priority: int, name: str) -> None:
        async with gate.admit(priority, 1):
            order.append(name)

    async with gate.admit(0, 1):
        visits = [
            asyncio.create_task(visit(priority, name))
            for priority, name in ((2, "c"), (2, "d"), (0, "a"), (1, "b"))
        ]
        await asyncio.sleep(0)
    await asyncio.gather(*visits)
    assert order == ["a", "b", "c", "d"]


async def test_somebody_who_gives_up_waiting_leaves_no_gap() -> None:
    gate = Gate(1)
    async with gate.admit(0, 1):
        impatient = asyncio.create_task(through(gate))
        patient = asyncio.create_task(through(gate, priority=1))
        await asyncio.sleep(0)
        impatient.cancel()
    await asyncio.wait_for(patient, 1)


async def test_somebody_who_is_let_in_and_gives_up_at_once_makes_room() -> None:
    gate = Gate(1)
    async with gate.admit(0, 1):
        waiting = asyncio.create_task(through(gate))
        await asyncio.sleep(0)
    waiting.cancel()  # it was let in just now, and has not noticed
    await asyncio.wait_for(through(gate), 1)


async def test_a_refusal_lowers_the_number_at_once_and_success_brings_it_back() -> None:
    gate = Gate(8)
    async with gate.admit(0, 1) as passage:
        passage.refused = True
    assert gate.limit == pytest.approx(5.6)
    for _ in range(100):
        await through(gate)
    assert gate.limit == 8


async def test_refusals_of_one_round_count_once() -> None:
    gate = Gate(8)

    async def refused() -> None:
        async with gate.admit(0, 1) as passage:
            await asyncio.sleep(0.005)
            passage.refused = True

    await asyncio.gather(*(refused() for _ in range(8)))
    assert gate.limit == pytest.approx(5.6)


async def test_answers_that_become_slower_and_slower_ease_it() -> None:
    gate = Gate(8)
    for _ in range(5):
        await through(gate, 0.002)
    assert gate.limit == 8
    for _ in range(12):
        await through(gate, 0.03)
    assert 1 <= gate.limit < 8


async def test_at_least_one_is_always_let_in() -> None:
    gate = Gate(2)
    for _ in range(5):
        async with gate.admit(0, 1) as passage:
            passage.refused = True
    assert gate.limit == 1
    await asyncio.wait_for(through(gate), 1)


async def test_a_pause_keeps_everybody_out() -> None:
    gate = Gate(8)
    began = time.monotonic()
    gate.pause(0.1)
    entered = await through(gate)
    assert entered - began >= 0.1


@pytest.mark.parametrize(("requests", "tokens"), [(5, 0), (0, 50)])
async def test_no_window_ever_holds_more_than_the_limit(requests: int, tokens: int) -> None:
    gate = Gate(100, requests=requests, tokens=tokens, window=0.1)
    entered = sorted(await asyncio.gather(*(through(gate, tokens=10) for _ in range(16))))
    for first, sixth in zip(entered, entered[5:], strict=False):
        assert sixth - first >= 0.099
    assert entered[-1] - entered[0] < 0.5  # and it is no slower than that


async def test_what_was_used_counts_instead_of_what_was_expected() -> None:
    gate = Gate(100, tokens=100, window=0.2)
    began = time.monotonic()
    for _ in range(5):
        async with gate.admit(0, 90) as passage:
            passage.tokens = 2
    assert time.monotonic() - began < 0.2


@given(
    st.lists(st.tuples(st.floats(0, 3), st.integers(1, 30)), min_size=1, max_size=40),
    st.integers(5, 40),
)
def test_whoever_waits_as_told_never_overfills_a_window(
    steps: list[tuple[float, int]], most: int
) -> None:
    window, now, spent = Window(most, 1.0), 0.0, []
    for gap, amount in steps:
        now += gap
        now += window.wait(amount, now)
        assert window.wait(amount, now) == pytest.approx(0, abs=1e-9)
        window.spend(min(amount, most), now)
        spent.append((now, min(amount, most)))
        assert sum(a for at, a in spent if at > now - 1.0 + 1e-9) <= most
