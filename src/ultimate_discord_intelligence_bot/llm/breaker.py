"""The circuit breaker: leaves a provider alone that is down, and looks whether it is back."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum

_GROWTH = 2.0


class State(Enum):
    """What a breaker does with a call."""

    CLOSED = "closed"
    """Let it pass."""
    OPEN = "open"
    """Keep it back."""
    HALF_OPEN = "half-open"
    """Let one pass, as a probe, and keep the others back until it is known how that one went."""


class Breaker:
    """Opens after failures in a row; after a pause lets a single probe through.

    A probe that succeeds closes it, one that fails opens it for twice as long. A call that was
    cancelled says nothing about the provider: a cancelled probe makes room for another one. After
    Nygard (2018), "Release It!", second edition, chapter 5. To be used from one thread.

    Args:
        failures: how many in a row open it.
        pause: seconds before the first probe.
        longest: most seconds between two probes.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        failures: int = 5,
        pause: float = 5.0,
        longest: float = 120.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._allowed, self._first, self._longest, self._clock = failures, pause, longest, clock
        self._failed = 0
        self._pause = pause
        self._opened_at: float | None = None
        self._down_since: float | None = None
        self._probe: object | None = None

    @property
    def state(self) -> State:
        """What it does with a call now."""
        if self._opened_at is None:
            return State.CLOSED
        return State.OPEN if self.wait > 0 else State.HALF_OPEN

    @property
    def down_for(self) -> float:
        """Seconds since it opened for the first time without having closed again; 0 when closed."""
        return 0.0 if self._down_since is None else self._clock() - self._down_since

    @property
    def wait(self) -> float:
        """Seconds until a call may be let through as a probe; 0 when one may now."""
        if self._opened_at is None:
            return 0.0
        return max(0.0, self._opened_at + self._pause - self._clock())

    def admit(self) -> object | None:
        """A ticket for a call that may be made now, else None; it is given back in the end."""
        match self.state:
            case State.CLOSED:
                return object()
            case State.HALF_OPEN if self._probe is None:
                self._probe = object()
                return self._probe
        return None

    def succeeded(self, ticket: object) -> None:
        """The provider answered, whatever it said about this request."""
        if self._opened_at is not None and ticket is not self._probe:
            return  # it was sent before the failures that opened the breaker
        self._failed, self._pause = 0, self._first
        self._opened_at = self._down_since = self._probe = None

    def failed(self, ticket: object) -> None:
        """The provider did not answer, or said that it is broken."""
        if ticket is self._probe:
            self._probe = None
            self._pause = min(self._pause * _GROWTH, self._longest)
            self._opened_at = self._clock()
        elif self._opened_at is None:
            self._failed += 1
            if self._failed >= self._allowed:
                self._opened_at = self._down_since = self._clock()

    def cancelled(self, ticket: object) -> None:
        """The call was given up by us."""
        if ticket is self._probe:
            self._probe = None
