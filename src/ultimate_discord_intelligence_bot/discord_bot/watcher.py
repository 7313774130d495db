"""Looks how the jobs stand, and lets the messages that watch them show it."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

import structlog

from ..errors import AutointelError, LibraryBusy, QuotaReached, StorageError
from ..events import BotEvent, EditEvent, telemetry
from ..jobs.board import Board
from ..jobs.job import ENDED, JobView
from ..jobs.progress import Progress
from ..settings import Depth, Settings
from .delivery import Delivery, Fate
from .desk import Ticket, expected
from .editor import Editor
from .library import Library
from .phases import phases_of
from .quotas import Charge, Quotas
from .records import Records
from .screens import Attachment, Links, Screen, cancelled, failed, progress, result
from .watch import Watch

_PATIENCE_S = 60.0
"""How long a job may not be on the board that was noted a moment ago."""

_ESTIMATE_S = 60.0
_GIVEN_UP_S = 3700.0
"""A little longer than an editor tries to show what is final."""

_OLD_S, _SELDOM_S = 3300.0, 300.0
"""Messages that are so old are edited no more often: Discord refuses many edits of old ones."""

_DAY_S = 24 * 3600.0
"""Messages that are so old are not tried for longer than an editor tries."""

_AT_ONCE = 2
"""Results in one channel whose files are in memory at the same time."""

JOINED = "Somebody has asked for this recording already: this follows the same run."

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Standing:
    """How all watched jobs stand at one moment."""

    views: Mapping[str, JobView]
    progress: Mapping[str, Progress]
    places: Mapping[str, int]


class Watcher:
    """Follows the jobs that somebody watches.

    Args:
        settings: of the operator.
        board: where the jobs are.
        records: keeps who watches what, also while nobody runs.
        quotas: to be told what a job has used.
        library: reads the briefings.
        delivery: brings screens to messages.
        clock: seconds since 1970.
        pause: seconds between two looks at the board.
    """

    def __init__(
        self,
        settings: Settings,
        board: Board,
        records: Records,
        quotas: Quotas,
        library: Library,
        delivery: Delivery,
        *,
        clock: Callable[[], float] = time.time,
        pause: float = 2.0,
    ) -> None:
        self._settings = settings
        self._board, self._records, self._quotas = board, records, quotas
        self._library, self._delivery = library, delivery
        self._clock, self._pause = clock, pause
        self._open: dict[int, Watch] = {}
        self._jobs: set[str] = set()
        self._editors: dict[int, Editor[int]] = {}
        self._turns: dict[int, asyncio.Semaphore] = defaultdict(
            partial(asyncio.Semaphore, _AT_ONCE)
        )
        self._shown: dict[int, asyncio.Event] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}
        self._estimates: dict[Depth, tuple[float, float | None]] = {}
        self._measured: dict[str, float] = {}
        self._over: dict[str, QuotaReached] = {}
        self._quiet: dict[int, float] = {}
        self.problem: str | None = None

    def opening(self, ticket: Ticket) -> Screen:
        """What a message shows before anything is known of its job."""
        job = ticket.job
        phases = phases_of(job, None, self._settings)
        screen = progress(phases, 0.0, None, 0, job=ticket.name, name=job.url)
        return replace(screen, content=JOINED) if ticket.joined else screen

    def add(self, watch: Watch) -> None:
        """Follow a job for one more message."""
        self._open[watch.message] = watch
        self._jobs.add(watch.job)

    def watching(self, job: str, user: int) -> list[Watch]:
        """The messages in which somebody follows a job."""
        return [w for w in self._open.values() if w.job == job and w.user == user]

    def show(self, watch: Watch, screen: Screen) -> None:
        """Let a message show something that is final."""
        self._editor(watch.channel).show(watch.message, screen, final=True)

    def leave(self, guild: int) -> None:
        """Show nothing more in a guild."""
        self.drop([watch.message for watch in self._open.values() if watch.guild == guild])

    def drop(self, messages: Iterable[int]) -> None:
        """Show nothing more in messages that are gone; what their jobs use is counted still."""
        for message in messages:
            watch = self._open.pop(message, None)
            self._quiet.pop(message, None)
            if watch is not None and (editor := self._editors.get(watch.channel)):
                editor.drop(message)
            if (shown := self._shown.pop(message, None)) is not None:
                shown.set()

    async def run(self) -> None:
        """Follow the jobs until cancelled, those of an earlier life too."""
        is_ready = False
        while True:
            try:
                if not is_ready:
                    await self._remember()
                    is_ready = True
                await self._look()
                self.problem = None
                telemetry.emit(BotEvent(watches=len(self._open)))
            except (StorageError, OSError) as error:
                if self.problem is None:
                    log.warning("board_unreachable", reason=str(error)[:200])
                self.problem = str(error)
            except Exception as error:  # all messages stand still where this ends
                if self.problem is None:
                    log.exception("look_failed")
                self.problem = f"This is a defect of ours ({type(error).__name__})."
            await asyncio.sleep(self._pause)

    async def _remember(self) -> None:
        for watch in await asyncio.to_thread(self._records.watches):
            self._open.setdefault(watch.message, watch)
            self._jobs.add(watch.job)
        self._jobs.update(await asyncio.to_thread(self._quotas.reserved))

    async def close(self) -> None:
        """Send what is final and waits to be sent, as far as that can be done soon."""
        for task in self._ending.values():
            task.cancel()
        await asyncio.gather(*self._ending.values(), return_exceptions=True)
        await asyncio.gather(*(editor.close() for editor in self._editors.values()))

    # -- how they stand -----------------------------------------------------------------------

    async def _look(self) -> None:
        jobs = self._jobs - self._ending.keys()
        if not jobs:
            return
        standing = await asyncio.to_thread(self._standing, jobs)
        await self._measure(standing)
        watches = defaultdict(list)
        for watch in self._open.values():
            watches[watch.job].append(watch)
        for name in jobs:
            view = standing.views.get(name)
            if view is not None and view.status not in ENDED:
                await self._show_progress(view, watches[name], standing)
            elif view is not None or self._is_lost(watches[name]):
                self._ending[name] = asyncio.create_task(self._end(name, view))
            await asyncio.sleep(0)  # hundreds of screens in one go would keep people waiting

    def _standing(self, jobs: Collection[str]) -> _Standing:
        views = {view.id: view for view in self._board.look(ids=sorted(jobs))}
        running = [view.id for view in views.values() if view.status == "running"]
        is_waiting = any(view.status == "waiting" for view in views.values())
        waiting = self._board.waiting() if is_waiting else []
        return _Standing(
            views,
            self._board.progress(running) if running else {},
            {name: place for place, name in enumerate(waiting)},
        )

    async def _measure(self, standing: _Standing) -> None:
        """Charge what is recorded as soon as its length is known; who has too little is told."""
        for name, known in standing.progress.items():
            if known.minutes is None or name in self._measured:
                continue
            over = await asyncio.to_thread(self._quotas.measure, name, known.minutes)
            if over is not None:
                log.info("quota_exceeded", job=name)
                self._over[name] = over
                await asyncio.to_thread(self._board.cancel, [name])
            self._measured[name] = known.minutes

    def _is_lost(self, watches: Collection[Watch]) -> bool:
        return all(self._clock() - watch.created > _PATIENCE_S for watch in watches)

    async def _show_progress(
        self, view: JobView, watches: Collection[Watch], standing: _Standing
    ) -> None:
        if not watches:
            return
        known = standing.progress.get(view.id)
        phases = phases_of(view.job, known, self._settings)
        place = standing.places.get(view.id, 0) if view.status == "waiting" else None
        since = (view.began if place is None else None) or view.created
        screen = progress(
            phases,
            max(0.0, time.time() - since.timestamp()),
            await self._estimate(view.job.depth),
            place,
            job=view.id,
            name=(known.title if known else None) or view.job.url,
        )
        now = self._clock()
        for watch in watches:
            if watch.message in self._open and now >= self._quiet.get(watch.message, 0.0):
                self._editor(watch.channel).show(watch.message, screen)
                if now - watch.created > _OLD_S:
                    self._quiet[watch.message] = now + _SELDOM_S

    async def _estimate(self, depth: Depth) -> float | None:
        """Seconds that a run of a depth takes, looked up once in a while."""
        at, seconds = self._estimates.get(depth, (float("-inf"), None))
        if time.monotonic() - at > _ESTIMATE_S:
            seconds = await asyncio.to_thread(self._board.typical, depth)
            self._estimates[depth] = time.monotonic(), seconds
        return seconds

    # -- how they ended -----------------------------------------------------------------------

    async def _end(self, name: str, view: JobView | None) -> None:
        """Let every message of a job show how it ended."""
        try:
            await asyncio.to_thread(self._quotas.settle, name, self._used(view))
            while watches := [watch for watch in self._open.values() if watch.job == name]:
                await asyncio.gather(*(self._show_end(watch, view) for watch in watches))
            self._jobs.discard(name)
            self._measured.pop(name, None)
            self._over.pop(name, None)
        except Exception as error:
            known = isinstance(error, AutointelError)
            log.warning("end_not_shown", job=name, reason=str(error)[:200], exc_info=not known)
        finally:
            del self._ending[name]

    def _used(self, view: JobView | None) -> Charge | None:
        """What a job has used; None where it never began."""
        if view is None or (view.status == "cancelled" and not view.tries):
            return None
        outcome = view.outcome
        if outcome is not None:
            return Charge(1, outcome.minutes, outcome.dollars or 0.0)
        if view.status != "cancelled" or view.id in self._over:
            return Charge(1)
        # Whoever takes back what is nearly done, again and again, has used it all the same.
        return Charge(1, self._measured.get(view.id, 0.0), expected(view.job, self._settings))

    async def _show_end(self, watch: Watch, view: JobView | None) -> None:
        async with self._turns[watch.channel]:
            screen = await self.screen_of(view) if view else _lost(watch)
            if watch.message not in self._open:
                return
            shown = self._shown.setdefault(watch.message, asyncio.Event())
            self._editor(watch.channel).show(watch.message, screen, final=True)
            with suppress(TimeoutError):
                await asyncio.wait_for(shown.wait(), _GIVEN_UP_S)
            if self._clock() - watch.created > _DAY_S:
                self.drop([watch.message])

    async def screen_of(self, view: JobView, *, files: bool = True) -> Screen:
        """What a job that has ended shows.

        Raises:
            LibraryBusy: its briefing cannot be had at the moment.
        """
        name, outcome = view.id, view.outcome
        if (over := self._over.get(name)) is not None:
            return failed(over.message, over.remedy, job=name, name=view.job.url)
        if view.status == "cancelled":
            return cancelled(view.job.url, job=name)
        if outcome is None:
            why = view.error or "Every process that tried this run died."
            remedy = view.remedy or "Tell whoever runs the bot."
            return failed(why, remedy, job=name, name=view.job.url)
        try:
            report = await self._library.report(outcome, view.job.depth)
            screen = await asyncio.to_thread(result, report, Links(name))
            if not files:
                return screen
            whole = await self._library.files(outcome, view.job.depth)
        except LibraryBusy:
            raise
        except Exception as error:
            return explained(error, job=name)
        attached = tuple(Attachment(file, data, "") for file, data in whole.items())
        return replace(screen, files=(*screen.files, *attached))

    # -- the messages -------------------------------------------------------------------------

    def _editor(self, channel: int) -> Editor[int]:
        if channel not in self._editors:
            self._editors[channel] = Editor(self._send)
        return self._editors[channel]

    async def _send(self, message: int, screen: Screen, final: bool) -> bool:
        watch = self._open.get(message)
        if watch is None:
            return True
        fate = await self._delivery.edit(watch, screen, final=final)
        telemetry.emit(EditEvent("failed" if fate is Fate.LATER else "sent"))
        if fate is Fate.GONE or (final and fate is Fate.SHOWN):
            await asyncio.to_thread(self._records.end, [message])
            self.drop([message])
        return fate is not Fate.LATER


def explained(error: BaseException, *, job: str | None = None) -> Screen:
    """What went wrong, for the person who asked; what nobody foresaw is logged.

    Args:
        error: what was raised.
        job: that can be tried again.
    """
    if isinstance(error, AutointelError):
        return failed(error.message, error.remedy, job=job)
    log.error("bot_failed", exc_info=error)
    return failed(
        f"This is a defect of ours ({type(error).__name__}).",
        "Try it again; if it happens twice, tell whoever runs the bot.",
        job=job,
    )


def _lost(watch: Watch) -> Screen:
    return failed(
        "This run was not kept: the bot was restarted at the moment it was asked for.",
        "Ask for the link again.",
        name=watch.url,
    )
