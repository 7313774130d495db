"""The gate before a provider: who goes first, how many at once, how much a minute."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_RISE = 2.0
"""How many more are let in at once after a round of answers (additive increase)."""
_CUT = 0.7
"""What a refusal leaves of the number at once (multiplicative decrease; as CUBIC, RFC 9438)."""
_EASE = 0.9
"""What growing waiting times leave of it."""
_SLOW = 2.0
"""How many times slower than at its best a provider must be to be eased."""
_FORGET = 1.02
"""How fast the best is forgotten, for each call."""
_SMOOTH = 0.2
_OVERHEAD_TOKENS = 50


@dataclass(eq=False)
class Spent:
    """An amount in a window."""

    at: float
    amount: float
    counted: bool = True


class Window:
    """At most so much in any stretch of time: a log of what was spent in the last one.

    Args:
        most: of what is counted; 0 means no limit.
        seconds: length of the stretch.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self._most, self._seconds = most, seconds
        self._log: deque[Spent] = deque()
        self._sum = 0.0

    def wait(self, amount: float, now: float) -> float:
        """Seconds until that amount may be spent; more than all is treated as all."""
        if not self._most:
            return 0.0
        while self._log and self._log[0].at <= now - self._seconds:
            oldest = self._log.popleft()
            oldest.counted = False
            self._sum -= oldest.amount
        excess = self._sum + min(amount, self._most) - self._most
        for spent in self._log:
            if excess <= 0:
                break
            excess -= spent.amount
            if excess <= 0:
                return spent.at + self._seconds - now
        return 0.0

    def spend(self, amount: float, now: float) -> Spent:
        """Count an amount; returns its entry, to be corrected once the true amount is known."""
        spent = Spent(now, amount, counted=bool(self._most))
        if spent.counted:
            self._log.append(spent)
            self._sum += amount
        return spent

    def correct(self, spent: Spent, amount: float) -> None:
        """Replace an estimated amount by the true one."""
        if spent.counted:
            self._sum += amount - spent.amount
        spent.amount = amount


@dataclass(eq=False)
class Passage:
    """One call on the other side of the gate; to be told how it went.

    Attributes:
        tokens: what it used: at first the estimate.
        refused: the provider said that it is asked too often.
        answered: tokens of its answer; None while there is none.
    """

    tokens: float
    epoch: int
    began: float
    counts: tuple[Spent, Spent]
    refused: bool = False
    answered: int | None = None


@dataclass(order=True)
class _Waiting:
    priority: int
    number: int
    tokens: int = field(compare=False)
    ready: asyncio.Future[Passage] = field(compare=False)


class Gate:
    """Lets calls through by priority, in the order in which they came.

    How many are let through at once adapts (additive increase, multiplicative decrease; Chiu and
    Jain 1989): two more for each round of answers, three tenths less after a refusal, a tenth less
    when answers take twice as long as at their best. Only what began after the last decrease counts
    for the next one. Requests and tokens a minute are kept to exactly. To be used on one loop.

    Args:
        most: calls at once, at the utmost and to begin with.
        requests, tokens: most in any window; 0 means no limit.
        window: seconds.
    """

    def __init__(
        self, most: int, *, requests: int = 0, tokens: int = 0, window: float = 60.0
    ) -> None:
        self._most = most
        self.limit = float(most)
        self._requests, self._tokens = Window(requests, window), Window(tokens, window)
        self._waiting: list[_Waiting] = []
        self._numbers = itertools.count()
        self._inside = 0
        self._closed_until = 0.0
        self._epoch = 0
        self._pace = self._best = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def pause(self, seconds: float) -> None:
        """Let nobody through for a while."""
        self._closed_until = max(self._closed_until, time.monotonic() + seconds)

    def queue(self) -> int:
        """A place in the queue: whoever comes back with it waits behind nobody who came later."""
        return next(self._numbers)

    @asynccontextmanager
    async def admit(
        self, priority: int, tokens: int, place: int | None = None
    ) -> AsyncIterator[Passage]:
        """Wait for one's turn, and be inside in the block."""
        ready: asyncio.Future[Passage] = asyncio.get_running_loop().create_future()
        number = self.queue() if place is None else place
        heapq.heappush(self._waiting, _Waiting(priority, number, tokens, ready))
        self._open()
        try:
            passage = await ready
        except asyncio.CancelledError:
            if ready.done() and not ready.cancelled():  # let in, and gone at the same moment
                self._leave(ready.result())
            raise
        try:
            yield passage
        finally:
            self._leave(passage)

    def _open(self) -> None:
        """Let in whoever may come now; come back when the next one may."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting and self._inside < int(self.limit):
            first = self._waiting[0]
            if not first.ready.done():
                now = time.monotonic()
                wait = self._wait(first, now)
                if wait > 0:
                    self._timer = asyncio.get_running_loop().call_later(wait, self._open)
                    return
                counts = self._requests.spend(1, now), self._tokens.spend(first.tokens, now)
                first.ready.set_result(Passage(first.tokens, self._epoch, now, counts))
                self._inside += 1
            heapq.heappop(self._waiting)

    def _wait(self, first: _Waiting, now: float) -> float:
        return max(
            self._closed_until - now,
            self._requests.wait(1, now),
            self._tokens.wait(first.tokens, now),
        )

    def _leave(self, passage: Passage) -> None:
        self._inside -= 1
        self._tokens.correct(passage.counts[1], passage.tokens)
        if passage.refused:
            self._decrease(passage, _CUT)
        elif passage.answered is not None:
            self._measure(time.monotonic() - passage.began, passage.answered)
            if self._best and self._pace > _SLOW * self._best:
                self._decrease(passage, _EASE)
            else:
                self.limit = min(self._most, self.limit + _RISE / self.limit)
        self._open()

    def _decrease(self, passage: Passage, factor: float) -> None:
        if passage.epoch == self._epoch:
            self._epoch += 1
            self.limit = max(1.0, self.limit * factor)
            self._pace = 0.0

    def _measure(self, seconds: float, answered: int) -> None:
        pace = seconds / (_OVERHEAD_TOKENS + answered)
        self._pace = pace if not self._pace else self._pace + _SMOOTH * (pace - self._pace)
        self._best = min(self._pace, self._best * _FORGET) if self._best else self._pace
