"""Edits messages no more often than Discord likes, and loses none of their last states."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from .screens import Screen

K = TypeVar("K", bound=Hashable)

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
"""Seconds before what could not be sent is tried again; each time twice as many."""

_PERSEVERANCE = 3600.0
"""Seconds after which nothing is tried again."""

_PATIENCE = 10.0
"""Seconds that closing takes at most."""

_REMEMBERED = 1000
"""Finished messages that are remembered, so that nothing late is shown in them."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, eq=False, slots=True)
class _State:
    """What a message is to show.

    Attributes:
        since: when something began to wait for its turn.
        place: among the final states, in the order in which they came; 0 for others.
    """

    screen: Screen
    final: bool
    live: bool
    since: float
    place: int

    def print(self) -> bytes:
        """The same for states between which a reader sees no difference."""
        screen = self.screen
        files = [(file.name, file.alt) for file in screen.files]
        embeds = [embed.to_dict() for embed in screen.embeds]
        seen = (self.final, screen.content, embeds, screen.rows, files)
        digest = hashlib.blake2b(repr(seen).encode(), digest_size=16)
        for file in screen.files:
            digest.update(hashlib.blake2b(file.data).digest())
        return digest.digest()


@dataclass(eq=False, slots=True)
class _Message:
    """What is known of a message that is not finished.

    Attributes:
        shown: the print of what it shows; None where that is not known.
        tried: when it was last sent something, or that was tried.
        pause: seconds to wait after a failure.
        failing: when the first failure since its last success was.
    """

    shown: bytes | None = None
    tried: float = float("-inf")
    pause: float = 0.0
    failing: float | None = None


class Editor(Generic[K]):
    """One channel's messages: of each only the newest state is kept, and they are sent in turn.

    It belongs to one event loop. While nothing waits to be sent it has no task, and what it keeps
    of a message goes when the message is finished or dropped.

    Args:
        send: delivers a screen, told whether it is the last one. True: that is done, or pointless
            by now; False: it is to be tried again later. An error is logged and counts as False.
        every: seconds between two edits of a message that is not finished.
        gap: seconds between any two edits.
        live: seconds between two edits where only streamed answers wait.
        clock: seconds, as of a stopwatch.
    """

    def __init__(
        self,
        send: Callable[[K, Screen, bool], Awaitable[bool]],
        *,
        every: float = 10.0,
        gap: float = 1.0,
        live: float = 0.7,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._send, self._clock = send, clock
        self._every, self._gap, self._live = every, gap, live
        self._waits: dict[K, _State] = {}
        self._messages: dict[K, _Message] = {}
        self._ended: dict[K, bytes | None] = {}
        self._places = itertools.count(1)
        self._sent = float("-inf")
        self._task: asyncio.Task[None] | None = None
        self._news, self._settled = asyncio.Event(), asyncio.Event()
        self._settled.set()
        self._closed = False

    def show(self, key: K, screen: Screen, *, final: bool = False, live: bool = False) -> None:
        """Let a message show something as soon as its turn comes; nothing after ``close``.

        Args:
            key: of the message.
            screen: not to be changed from here on.
            final: it stays; what comes after it and is not final is ignored.
            live: a part of a streamed answer.
        """
        old = self._waits.get(key)
        was_final = old is not None and old.final
        if self._closed or ((was_final or key in self._ended) and not final):
            return
        message = self._messages.setdefault(key, _Message(self._ended.get(key)))
        since = old.since if old else self._clock()
        place = 0
        if final:
            place = old.place if old and old.final else next(self._places)
            self._settled.clear()
            if not was_final:
                message.pause, message.failing = 0.0, None
        self._waits[key] = _State(screen, final, live, since, place)
        self._news.set()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    def drop(self, key: K) -> None:
        """Forget a message: nobody wants it any more, or it is out of reach."""
        self._ended.pop(key, None)
        self._messages.pop(key, None)
        self._waits.pop(key, None)
        self._look()

    async def settle(self) -> None:
        """Wait until every final state is delivered or given up."""
        await self._settled.wait()

    async def close(self) -> None:
        """Send the final states that wait, as far as that can be done within ten seconds."""
        self._closed = True
        self._waits = {key: state for key, state in self._waits.items() if state.final}
        self._look()
        try:
            async with asyncio.timeout(_PATIENCE):
                await self.settle()
        except TimeoutError:
            log.warning("final_states_left", messages=len(self._waits))
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._waits.clear()
        self._messages.clear()
        self._look()

    # -- in turn ------------------------------------------------------------------------------

    def _look(self) -> None:
        """Less waits than before: look again what is to be done."""
        self._news.set()
        if not any(state.final for state in self._waits.values()):
            self._settled.set()

    async def _run(self) -> None:
        """Send what waits, until nothing does."""
        while self._waits:
            key, at = self._next()
            pause = at - self._clock()
            if pause <= 0:
                await self._show(key, self._waits[key])
                continue
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._news.wait()

    def _next(self) -> tuple[K, float]:
        """Which message is next as things stand, and when its turn is.

        Finished ones go first, and otherwise the one that has waited longest.
        """
        now = self._clock()
        ready = {key: self._ready(key, state) for key, state in self._waits.items()}
        able = {key: self._waits[key] for key, at in ready.items() if at <= now}
        if not able:
            key = min(ready, key=lambda key: ready[key])
            return key, ready[key]
        key = min(able, key=lambda key: (not able[key].final, able[key].place, ready[key]))
        is_quiet = all(state.live and not state.final for state in able.values())
        return key, self._sent + (self._live if is_quiet else self._gap)

    def _ready(self, key: K, state: _State) -> float:
        """When a state may be sent, as far as its message is concerned."""
        message = self._messages[key]
        own = 0.0 if state.final or state.live else self._every
        return max(state.since, message.tried + max(own, message.pause))

    async def _show(self, key: K, state: _State) -> None:
        message = self._messages[key]
        # Files may be large; everything else takes no time.
        seen = await asyncio.to_thread(state.print) if state.screen.files else state.print()
        if self._waits.get(key) is not state:
            return
        if seen == message.shown:
            self._done(key, message, state)
            return
        self._sent = message.tried = self._clock()
        try:
            is_done = await self._send(key, state.screen, state.final)
        except Exception:
            log.exception("edit_failed", message=str(key))
            is_done = False
        if self._messages.get(key) is not message:  # dropped in the meantime
            return
        if is_done:
            message.shown = seen
            self._done(key, message, state)
        else:
            self._failed(key, message, state)

    def _done(self, key: K, message: _Message, state: _State) -> None:
        """A state is shown, or given up; a newer one may have come meanwhile."""
        message.pause, message.failing = 0.0, None
        if self._waits.get(key) is not state:
            return
        del self._waits[key]
        if state.final:
            del self._messages[key]
            self._ended[key] = message.shown
            if len(self._ended) > _REMEMBERED:
                del self._ended[next(iter(self._ended))]
            self._look()

    def _failed(self, key: K, message: _Message, state: _State) -> None:
        """A state was not delivered, and whether anything of it can be seen is not known."""
        message.shown = None
        newest = self._waits.get(key, state)
        if newest.final and not state.final:
            return  # the last one is to be tried at once
        if message.failing is None:
            message.failing = message.tried
        message.pause = min(_LONGEST_PAUSE, 2 * message.pause or _FIRST_PAUSE)
        if self._clock() - message.failing >= _PERSEVERANCE:
            log.error("edit_given_up", message=str(key), final=state.final)
            self._done(key, message, state)
