"""The circuit breaker."""

from __future__ import annotations

from ultimate_discord_intelligence_bot.llm.breaker import Breaker, State


class Clock:
    """Seconds that pass when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Clock) -> Breaker:
    breaker = Breaker(failures=2, pause=10, longest=30, clock=clock)
    for _ in range(2):
        ticket = breaker.admit()
        assert ticket is not None
        breaker.failed(ticket)
    return breaker


def test_it_stays_closed_while_failures_are_not_in_a_row() -> None:
    breaker = Breaker(failures=2)
    for end in (breaker.failed, breaker.succeeded, breaker.failed):
        ticket = breaker.admit()
        assert ticket is not None
        end(ticket)
    assert breaker.state is State.CLOSED


def test_it_opens_after_failures_in_a_row_and_tells_how_long_to_wait() -> None:
    clock = Clock()
    breaker = opened(clock)
    assert breaker.state is State.OPEN
    assert breaker.admit() is None
    assert breaker.wait == 10
    clock.now = 4
    assert breaker.wait == 6


def test_half_open_it_lets_one_probe_through() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now = 10
    assert breaker.wait == 0
    probe = breaker.admit()
    assert probe is not None
    assert breaker.admit() is None
    breaker.succeeded(probe)
    assert breaker.state is State.CLOSED
    assert breaker.admit() is not None


def test_a_failed_probe_doubles_the_pause_up_to_a_limit() -> None:
    clock = Clock()
    breaker = opened(clock)
    pauses = []
    for _ in range(3):
        clock.now += breaker.wait
        probe = breaker.admit()
        assert probe is not None
        breaker.failed(probe)
        pauses.append(breaker.wait)
    assert pauses == [20, 30, 30]


def test_a_cancelled_probe_makes_room_for_another_and_says_nothing() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now = 10
    first = breaker.admit()
    assert first is not None
    breaker.cancelled(first)
    assert breaker.state is State.HALF_OPEN
    second = breaker.admit()
    assert second is not None
    breaker.failed(second)
    assert breaker.wait == 20


def test_a_cancelled_call_is_no_failure() -> None:
    breaker = Breaker(failures=1)
    ticket = breaker.admit()
    assert ticket is not None
    breaker.cancelled(ticket)
    assert breaker.state is State.CLOSED


def test_what_was_sent_before_it_opened_neither_closes_it_nor_counts_twice() -> None:
    clock = Clock()
    breaker = Breaker(failures=1, pause=10, clock=clock)
    early, late, failing = breaker.admit(), breaker.admit(), breaker.admit()
    assert early is not None
    assert late is not None
    assert failing is not None
    breaker.failed(failing)
    breaker.succeeded(early)
    assert breaker.state is State.OPEN
    clock.now = 5
    breaker.failed(late)
    assert breaker.wait == 5
