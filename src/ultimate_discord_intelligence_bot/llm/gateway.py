"""The one way to a language model: queue, limits, retries, breaker, cache, accounts."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Literal

import structlog

from ..errors import ModelUnavailable
from ..events import BreakerEvent, ModelRequest, telemetry
from .breaker import Breaker, State
from .call import Call, Reply, Usage
from .gate import Gate
from .ledger import Ledger
from .provider import Failure, OnText, Provider
from .replies import Replies

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_LOOK_AGAIN = 0.05

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Account:
    """On whose behalf a call is made.

    Attributes:
        ledger: of the run.
        stage: of the run, for the accounts.
        owner: whose answers these are, so that all of them can be forgotten; answers are never
            shared between owners.
        run_id: of the run, for whoever follows what goes on.
    """

    ledger: Ledger
    stage: str
    owner: str
    run_id: str = ""


@dataclass(frozen=True)
class Patience:
    """How long a call is worth waiting for.

    Attributes:
        attempts: most requests for one call.
        seconds: from the first request of a call, and from the moment at which the provider was
            found to be down: nobody waits for it longer. Waiting for one's turn does not count.
    """

    attempts: int = 6
    seconds: float = 120.0


@dataclass
class _Flight:
    """A call under way, and how many wait for it."""

    task: asyncio.Task[Reply]
    waiting: int = 0
    listeners: list[OnText] = field(default_factory=list)


class Gateway:
    """Sends calls to a provider, from a thread and loop of its own; any thread may ask.

    Args:
        make: makes the provider, in the gateway's thread.
        gate: who goes first and how many at once.
        breaker: leaves a provider alone that is down.
        replies: answers given before; None keeps none.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        gate: Gate,
        breaker: Breaker | None = None,
        replies: Replies | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._provider, self._gate, self._replies = provider, gate, replies
        self._breaker = breaker or Breaker()
        self._patience = patience or Patience()
        self._flights: dict[str, _Flight] = {}
        self._trouble = ""
        self._name = provider.identity.partition("/")[0]
        self._told_open = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="llm", daemon=True)
        self._thread.start()

    # -- from any thread ------------------------------------------------------------------------

    async def complete(self, call: Call, account: Account, on_text: OnText | None = None) -> Reply:
        """The answer to a call.

        An answer given before is given again. The same call made twice at once is sent once.

        Args:
            call: what to send.
            account: on whose behalf.
            on_text: told the answer while it comes, in the gateway's thread.

        Raises:
            BudgetExhausted: it could cost more than is left.
            ModelUnavailable: no answer within our patience.
            LanguageModelError: there will be none.
        """
        return await asyncio.wrap_future(self.submit(call, account, on_text))

    def submit(self, call: Call, account: Account, on_text: OnText | None = None) -> Future[Reply]:
        """As ``complete``, for threads without a loop; to cancel the future is to give up."""
        return asyncio.run_coroutine_threadsafe(self._complete(call, account, on_text), self._loop)

    def close(self) -> None:
        """Cancel what is under way and end the thread. Twice is harmless."""
        if self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        if self._told_open:  # nobody is kept from anything any more
            telemetry.emit(BreakerEvent(self._name, is_open=False))

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            left = asyncio.all_tasks(self._loop)
            for task in left:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            self._loop.run_until_complete(self._provider.close())
            if self._replies:
                self._replies.close()
            self._loop.close()

    # -- on the gateway's loop --------------------------------------------------------------------

    async def _complete(self, call: Call, account: Account, on_text: OnText | None) -> Reply:
        key = call.digest(self._provider.identity, account.owner)
        if self._replies and (kept := self._replies.find(key)):
            account.ledger.note_reuse(account.stage)
            if on_text is not None:
                on_text(kept.text)
            return kept
        return await self._board(key, call, account, on_text)

    async def _board(self, key: str, call: Call, account: Account, on_text: OnText | None) -> Reply:
        """Join the flight of the same call, or start one; whoever leaves last ends it."""
        flight = self._flights.get(key)
        if flight is None:
            listeners: list[OnText] = []
            task = asyncio.create_task(self._fly(key, call, account, on_text and _told(listeners)))
            flight = self._flights[key] = _Flight(task, listeners=listeners)
            task.add_done_callback(lambda _: self._flights.pop(key, None))
        else:
            account.ledger.note_reuse(account.stage)
        flight.waiting += 1
        if on_text is not None:
            flight.listeners.append(on_text)
        try:
            return await asyncio.shield(flight.task)
        except asyncio.CancelledError:
            if flight.waiting == 1:
                self._flights.pop(key, None)
                flight.task.cancel()
            raise
        finally:
            flight.waiting -= 1
            if on_text is not None:
                flight.listeners.remove(on_text)

    async def _fly(self, key: str, call: Call, account: Account, on_text: OnText | None) -> Reply:
        reservation = account.ledger.reserve(call, account.stage)
        used = None
        try:
            reply = await self._persist(call, account, on_text)
            used = reply.usage
        finally:
            account.ledger.settle(reservation, used)
        if self._replies and reply.whole and _passes(call, reply):
            self._replies.keep(key, account.owner, reply)
        return reply

    async def _persist(self, call: Call, account: Account, on_text: OnText | None) -> Reply:
        """Ask until there is an answer, or until our patience is at its end."""
        began: float | None = None
        place = self._gate.queue()
        for attempt in range(1, self._patience.attempts + 1):
            async with self._gate.admit(call.priority, call.most_tokens, place) as passage:
                began = began or time.monotonic()
                end = began + self._patience.seconds
                ticket = await self._ticket(end)
                sent = time.monotonic()
                try:
                    reply = await self._provider.send(call, on_text)
                except Failure as failure:
                    self._tell(
                        account, "throttled" if failure.throttled else "failed", attempt, sent
                    )
                    self._trouble = str(failure)
                    passage.refused = failure.throttled
                    (self._breaker.failed if failure.broken else self._breaker.succeeded)(ticket)
                    self._tell_breaker()
                    pause = self._pause(failure, attempt)
                    if failure.throttled and failure.after:
                        self._gate.pause(failure.after)
                    if attempt == self._patience.attempts or time.monotonic() + pause > end:
                        raise _gave_up(failure, attempt) from failure
                    log.info("language_model_retry", reason=str(failure), pause=round(pause, 2))
                except BaseException as error:
                    cancelled = isinstance(error, asyncio.CancelledError)
                    self._tell(account, "cancelled" if cancelled else "refused", attempt, sent)
                    (self._breaker.cancelled if cancelled else self._breaker.succeeded)(ticket)
                    self._tell_breaker()
                    raise
                else:
                    self._tell(account, "answered", attempt, sent, reply)
                    self._breaker.succeeded(ticket)
                    self._tell_breaker()
                    passage.tokens = reply.usage.total or passage.tokens
                    passage.answered = reply.usage.completion
                    return reply
            await asyncio.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _tell(
        self,
        account: Account,
        outcome: Literal["answered", "throttled", "failed", "refused", "cancelled"],
        attempt: int,
        sent: float,
        reply: Reply | None = None,
    ) -> None:
        usage = reply.usage if reply else Usage()
        telemetry.emit(
            ModelRequest(
                run_id=account.run_id,
                stage=account.stage,
                provider=self._name,
                outcome=outcome,
                attempt=attempt,
                seconds=time.monotonic() - sent,
                prompt=usage.prompt,
                cached=usage.cached,
                completion=usage.completion,
                dollars=account.ledger.cost(usage) if reply else None,
            )
        )

    def _tell_breaker(self) -> None:
        """Where it has opened or closed since it was told last."""
        is_open = self._breaker.state is not State.CLOSED
        if is_open != self._told_open:
            self._told_open = is_open
            telemetry.emit(BreakerEvent(self._name, is_open))

    async def _ticket(self, end: float) -> object:
        """Wait until the breaker lets this call through."""
        while (ticket := self._breaker.admit()) is None:
            wait = max(self._breaker.wait, _LOOK_AGAIN)
            too_long = self._breaker.down_for + wait > self._patience.seconds
            if too_long or time.monotonic() + wait > end:
                raise ModelUnavailable(
                    f"The language model's provider is down ({self._trouble}); nobody waits for it "
                    f"longer than {self._patience.seconds:g} s."
                )
            await asyncio.sleep(wait)
        return ticket

    def _pause(self, failure: Failure, attempt: int) -> float:
        """Seconds before the next attempt: as asked, or full jitter (Brooker 2015, AWS)."""
        if failure.after is not None:
            return failure.after + random.uniform(0, 0.1)  # noqa: S311
        return random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempt - 1)))  # noqa: S311


def _told(listeners: list[OnText]) -> OnText:
    def tell(text: str) -> None:
        for listener in listeners:
            listener(text)

    return tell


def _passes(call: Call, reply: Reply) -> bool:
    if call.check is None:
        return True
    try:
        call.check(reply.text)
    except ValueError:
        return False
    return True


def _gave_up(failure: Failure, attempts: int) -> ModelUnavailable:
    times = "once" if attempts == 1 else f"{attempts} times"
    return ModelUnavailable(f"The language model was asked {times} without an answer ({failure}).")
