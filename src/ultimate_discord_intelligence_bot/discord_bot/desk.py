"""Where orders are taken: one run for each link at a time, within the quotas."""

from __future__ import annotations

import math
import threading
import time
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter

from ..acquisition import parse_locator
from ..errors import JobUnknown, NotAllowed
from ..jobs.board import Board
from ..jobs.job import ENDED, Job, JobView
from ..runs import stable_id
from ..settings import Depth, Settings
from .quotas import Charge, Quotas
from .records import Records
from .rules import Rules
from .watch import Watch

_DEPTHS = tuple(Depth)


@dataclass(frozen=True)
class Asker:
    """Somebody who asks, and where.

    Attributes:
        guild: None in a direct conversation.
        manages: whether they may delete messages of others there.
    """

    user: int
    guild: int | None
    channel: int
    manages: bool = False

    def tenant(self, *, private: bool = False) -> str:
        """Whose memory is meant: the guild's, or their own."""
        if private or self.guild is None:
            return f"discord-user-{self.user}"
        return f"discord-{self.guild}"

    @property
    def tenants(self) -> frozenset[str]:
        """Everything that they may see from there."""
        return frozenset((self.tenant(), self.tenant(private=True)))


@dataclass(frozen=True)
class Order:
    """A recording that somebody wants to have analysed.

    Attributes:
        depth: None: the guild's, or else the operator's.
        speakers: estimate who speaks.
        private: only they see the result, and it is remembered for them alone.
    """

    url: str
    depth: Depth | None = None
    speakers: bool = False
    private: bool = False


@dataclass(frozen=True)
class Ticket:
    """An order that was accepted.

    Attributes:
        name: id of the job.
        token: of the interaction in which it was ordered.
        joined: whether somebody had asked for the same, so that both watch one job.
    """

    name: str
    job: Job
    asker: Asker
    joined: bool
    private: bool
    token: str


_TICKETS = TypeAdapter(Ticket)


class Desk:
    """Takes orders, and lets people look at their runs and take them back.

    Everything blocks for some milliseconds and may be called from any thread.

    Args:
        settings: of the operator.
        board: where the jobs are.
        records: where it is kept who watches what.
        quotas: what may be used.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        settings: Settings,
        board: Board,
        records: Records,
        quotas: Quotas,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings, self._board = settings, board
        self._records, self._quotas = records, quotas
        self._clock = clock
        self._lock = threading.Lock()
        self._coming: dict[str, Ticket] = {}

    def rules(self, asker: Asker) -> Rules:
        """What holds where somebody asks."""
        return Rules() if asker.guild is None else self._records.rules(asker.guild)

    def accept(self, order: Order, asker: Asker, token: str) -> Ticket:
        """Look whether an order can be taken, and what it may use; nothing begins yet.

        It is kept until it begins or is withdrawn, also when the bot ends before: see
        ``left_over``.

        Args:
            order: what is wanted.
            asker: by whom, and where.
            token: of the interaction.

        Raises:
            InputError: the link is none.
            QuotaReached: too much was asked for in the last 24 hours.
        """
        url = parse_locator(order.url, allow_files=False).value
        rules = self.rules(asker)
        depth = order.depth or rules.depth or self._settings.depth
        job = Job(
            url=url,
            depth=depth,
            tenant=asker.tenant(private=order.private),
            speakers=order.speakers,
            language=rules.language,
        )
        with self._lock:
            if (name := self._under_way(job)) is not None:
                ticket = Ticket(name, job, asker, True, order.private, token)
            else:
                name = self._name(job)
                job = self._within_quota(name, job, asker, rules)
                ticket = Ticket(name, job, asker, False, order.private, token)
                self._coming[name] = ticket
            self._records.intend(token, _TICKETS.dump_json(ticket).decode())
            return ticket

    def left_over(self) -> list[Ticket]:
        """Orders that an earlier life of the bot has accepted and not begun."""
        return [_TICKETS.validate_json(text) for text in self._records.intents()]

    def begin(self, ticket: Ticket, message: int) -> Watch:
        """Put the job up, and note which message shows it.

        Args:
            ticket: as ``accept`` gave it.
            message: id of the message.

        Raises:
            JobsUnreachable: the job could not be put up; nothing is noted.
            QuotaReached: they joined somebody who has taken it back, and have too little left.
        """
        job, asker = ticket.job, ticket.asker
        watch = Watch(
            job=ticket.name,
            guild=asker.guild,
            channel=asker.channel,
            message=message,
            user=asker.user,
            private=ticket.private,
            tenant=job.tenant,
            url=job.url,
            depth=job.depth,
            created=self._clock(),
            token=ticket.token,
        )
        try:
            # In this order: a job that nobody watches would be paid for and never be seen.
            with self._lock:
                self._records.watch(watch)
                is_coming = ticket.name in self._coming
            if not ticket.joined:
                self._board.put(job, ticket.name)
            elif not is_coming and not any(self._board.look(ids=[ticket.name])):
                # Whoever asked first has taken it back.
                own = self._within_quota(ticket.name, job, asker, self.rules(asker))
                self._board.put(own, ticket.name)
        except BaseException:
            self._records.end([message])
            self.withdraw(ticket)
            raise
        self._arrived(ticket)
        self._records.fulfil(ticket.token)
        return watch

    def withdraw(self, ticket: Ticket) -> None:
        """Take back what was accepted and did not begin, unless others wait for it by now."""
        self._arrived(ticket)
        self._records.fulfil(ticket.token)
        if ticket.joined:
            return
        if self._records.watches(job=ticket.name):
            self._board.put(ticket.job, ticket.name)
        else:
            self._quotas.settle(ticket.name, None)

    def find(self, name: str, asker: Asker) -> JobView:
        """A job that somebody may see.

        Raises:
            JobUnknown: there is none of that id, or not for them.
        """
        for view in self._board.look(ids=[name.strip()]):
            if view.job.tenant in asker.tenants:
                return view
        raise JobUnknown(f"No run has the id “{name.strip()[:60]}” here.", "See /runs for the ids.")

    def cancel(self, name: str, asker: Asker) -> Literal["cancelled", "left"]:
        """Take a run back, or only stop watching it where others watch it too.

        Raises:
            JobUnknown: there is none of that id, or not for them.
            NotAllowed: it is another's, or has ended.
        """
        view = self.find(name, asker)
        if view.status in ENDED:
            raise NotAllowed("This run has ended already.", "There is nothing to cancel.")
        watches = self._records.watches(job=view.id, open_only=False)
        own = [watch for watch in watches if watch.user == asker.user]
        if not own and not asker.manages:
            raise NotAllowed(
                "Somebody else asked for this run.",
                "They can cancel it, and so can whoever may delete messages here.",
            )
        others = [watch for watch in watches if watch.user != asker.user and not watch.ended]
        if others and not asker.manages:
            self._records.end(watch.message for watch in own)
            return "left"
        self._board.cancel([view.id])
        return "cancelled"

    def askers(self, tenant: str, run_id: str) -> tuple[dict[str, set[int]], list[Watch]]:
        """Who asked for a recording: users by job, and the messages about it."""
        jobs = {watch.job for watch in self._records.of_tenant(tenant)}
        about = [
            view.id
            for view in self._board.look(ids=sorted(jobs))
            if view.outcome and view.outcome.run_id == run_id
        ]
        watches = [w for job in about for w in self._records.watches(job=job, open_only=False)]
        return {job: {w.user for w in watches if w.job == job} for job in about}, watches

    def stop(self, tenant: str, source_id: str) -> None:
        """Take back what is under way for a recording."""
        jobs = {
            watch.job
            for watch in self._records.of_tenant(tenant)
            if not watch.ended and stable_id("source", tenant, "web", watch.url) == source_id
        }
        self._board.cancel(sorted(jobs))

    def forget(self, jobs: Collection[str]) -> None:
        """Forget that jobs ever were."""
        self._board.delete(list(jobs))

    def leave(self, guild: int) -> list[str]:
        """A guild does not want the bot any more: what nobody else watches is taken back.

        Returns:
            The jobs.
        """
        jobs = self._records.leave(guild)
        self._board.cancel(jobs)
        return jobs

    # -- one order ----------------------------------------------------------------------------

    def _under_way(self, job: Job) -> str | None:
        """The job that does the same already, or more of it."""

        def is_enough(depth: Depth) -> bool:
            return _DEPTHS.index(depth) >= _DEPTHS.index(job.depth)

        for name, coming in self._coming.items():
            is_same = (coming.job.tenant, coming.job.url) == (job.tenant, job.url)
            if is_same and is_enough(coming.job.depth) and coming.job.speakers >= job.speakers:
                return name
        if not job.speakers:
            for watch in self._records.running(job.tenant, job.url):
                if is_enough(watch.depth):
                    return watch.job
        return None

    def _name(self, job: Job) -> str:
        """An id of its own for each time; the link's part of it is for the operator's eye."""
        link = stable_id("job", job.tenant, job.url, job.depth)[:8]
        return f"discord-{link}-{uuid.uuid4().hex[:8]}"

    def _within_quota(self, name: str, job: Job, asker: Asker, rules: Rules) -> Job:
        charge = Charge(runs=1, dollars=expected(job, self._settings))
        left = self._quotas.reserve(name, asker.user, asker.guild, rules, charge)
        return job.model_copy(
            update={"most_minutes": _limit(left.minutes), "most_dollars": _limit(left.dollars)}
        )

    def _arrived(self, ticket: Ticket) -> None:
        with self._lock:
            if self._coming.get(ticket.name) is ticket:
                del self._coming[ticket.name]


def expected(job: Job, settings: Settings) -> float:
    """US dollars that a job may cost; 0 where that is not known."""
    return (settings.llm_dollars(job.depth) if settings.llm else None) or 0.0


def _limit(amount: float) -> float | None:
    return None if math.isinf(amount) else amount
