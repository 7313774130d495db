"""How much members and guilds may use within 24 hours."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass

from ..errors import QuotaReached
from ..settings import Settings
from .records import HOUR, KEPT_HOURS, Records
from .rules import Quota, Rules

_MEASURES = ("runs", "minutes", "dollars")
_UNITS = (1, 1_000, 1_000_000)
"""How many of the whole numbers in the file make one of each."""

_MOST = 2**42
"""More than anybody uses, in those numbers; what has no end is kept as this."""

_Amounts = tuple[int, ...]


@dataclass(frozen=True)
class Charge:
    """What a run uses, or what may be used; ``math.inf``: as much as one likes.

    Attributes:
        runs: recordings that are asked for, a whole number.
        minutes: of recorded sound.
        dollars: for a language model.

    Raises:
        ValueError: one of them is negative or not a number.
    """

    runs: float = 0
    minutes: float = 0.0
    dollars: float = 0.0

    def __post_init__(self) -> None:
        if not all(amount >= 0 for amount in astuple(self)):
            raise ValueError(f"{self} cannot be used.")


class Quotas:
    """Counts what members and guilds use, and refuses what would be too much.

    A run counts in the hour in which it was asked for and in the next 24: for whoever asked,
    wherever they did, and in a guild for the guild too. Any thread may use it; a call takes less
    than a millisecond.

    Args:
        records: where it is kept.
        settings: hold what the operator allows; a guild may allow less.
        clock: seconds since 1970.
    """

    def __init__(
        self, records: Records, settings: Settings, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._records = records
        self._of_users = quota(settings.discord_user_quota)
        self._of_guilds = quota(settings.discord_guild_quota)
        self._clock = clock

    def reserve(
        self, job: str, user: int, guild: int | None, rules: Rules, expected: Charge
    ) -> Charge:
        """Set aside what a run is expected to use, in place of what was reserved for it before.

        Args:
            job: id of the run.
            user: who asks.
            guild: where; None: in a direct conversation.
            rules: of the guild.
            expected: as far as it is known. Where no minutes are expected, some must be left all
                the same: every recording has a length. Dollars are not needed by every run.

        Returns:
            What is left for it, its own share included; it may use no more minutes and dollars.

        Raises:
            QuotaReached: too little is left; nothing has changed.
        """
        amounts = _whole(expected)
        runs, minutes, dollars = amounts
        with self._records.transaction() as database:
            now = self._clock()
            _give_back(database, job)
            accounts = self._accounts(database, user, guild, rules, now)
            _check(accounts, (runs, max(1, minutes), dollars), now)
            _take(database, _Reservation(job, user, guild, int(now // HOUR), amounts))
        return _least(accounts)

    def measure(self, job: str, minutes: float) -> QuotaReached | None:
        """Count how long the recording of a run is, in place of what was expected.

        Args:
            job: id of the run; one for which nothing is reserved changes nothing.
            minutes: of recorded sound.

        Returns:
            Why it may not be so long, where it may not; what was reserved is unchanged then.
        """
        try:
            with self._records.transaction() as database:
                now = self._clock()
                reserved = _give_back(database, job)
                if reserved is None or reserved.hour < _first_hour(now):
                    return None
                runs, _, dollars = reserved.amounts
                _, length, _ = _whole(Charge(minutes=minutes))
                user, guild = reserved.user, reserved.guild
                rules = Rules() if guild is None else self._records.rules(guild)
                _check(self._accounts(database, user, guild, rules, now), (0, length, 0), now)
                measured = (runs, length, dollars)
                _take(database, _Reservation(job, user, guild, reserved.hour, measured))
        except QuotaReached as error:
            return error
        return None

    def settle(self, job: str, actual: Charge | None) -> None:
        """Count what a run has used in place of what was reserved for it; twice is harmless.

        Args:
            job: id of the run; one for which nothing is reserved changes nothing.
            actual: None: it never ran, and all is given back.
        """
        with self._records.transaction() as database:
            reserved = _give_back(database, job)
            if reserved is not None and actual is not None:
                _add(database, reserved, _whole(actual))

    def reserved(self) -> list[str]:
        """Ids of the runs for which something is reserved: what they use is not yet known."""
        with self._records.transaction() as database:
            return [job for (job,) in database.execute("SELECT job FROM reservation")]

    def left(self, user: int, guild: int | None, rules: Rules) -> tuple[Charge, Charge]:
        """What a member may still use, and what a guild may: no end where there is no guild."""
        with self._records.transaction() as database:
            accounts = self._accounts(database, user, guild, rules, self._clock())
        return _least(accounts[:1]), _least(accounts[1:])

    def _accounts(
        self, database: sqlite3.Connection, user: int, guild: int | None, rules: Rules, now: float
    ) -> list[_Account]:
        """Whoever pays for a run: the member, then the guild."""
        payers = [("You have", f"user:{user}", self._of_users, rules.user)]
        if guild is not None:
            payers.append(("This server has", f"guild:{guild}", self._of_guilds, rules.guild))
        return [
            _Account(who, operators, stricter(operators, own), _hours(database, payer, now))
            for who, payer, operators, own in payers
        ]


def quota(text: str) -> Quota:
    """The quota that a setting describes, such as ``runs=20,minutes=600,dollars=``."""
    parts = dict(part.split("=") for part in text.split(","))
    return Quota.model_validate({name: amount or None for name, amount in parts.items()})


def stricter(one: Quota, other: Quota | None) -> Quota:
    """The smaller amount of each measure."""
    limits = {}
    for name in _MEASURES:
        amounts = [getattr(each, name) for each in (one, other) if each is not None]
        limits[name] = min((amount for amount in amounts if amount is not None), default=None)
    return Quota.model_validate(limits)


# -- what is kept -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Reservation:
    job: str
    user: int
    guild: int | None
    hour: int
    amounts: _Amounts

    @property
    def payers(self) -> list[str]:
        guilds = [] if self.guild is None else [f"guild:{self.guild}"]
        return [f"user:{self.user}", *guilds]


def _take(database: sqlite3.Connection, reservation: _Reservation) -> None:
    """Keep a reservation, and count it."""
    kept = (reservation.job, reservation.user, reservation.guild, reservation.hour)
    database.execute(
        "INSERT INTO reservation VALUES (?, ?, ?, ?, ?, ?, ?)", (*kept, *reservation.amounts)
    )
    for payer in reservation.payers:
        # No more than one row for each hour that counts.
        database.execute(
            "DELETE FROM usage WHERE payer = ? AND hour <= ?",
            (payer, reservation.hour - KEPT_HOURS),
        )
        database.execute(
            "INSERT INTO usage VALUES (?, ?, 0, 0, 0) ON CONFLICT DO NOTHING",
            (payer, reservation.hour),
        )
    _add(database, reservation, reservation.amounts)


def _give_back(database: sqlite3.Connection, job: str) -> _Reservation | None:
    """Count what is reserved for a job no more; returns what that was."""
    row = database.execute("SELECT * FROM reservation WHERE job = ?", (job,)).fetchone()
    if row is None:
        return None
    database.execute("DELETE FROM reservation WHERE job = ?", (job,))
    job, user, guild, hour, *amounts = row
    reserved = _Reservation(job, user, guild, hour, tuple(amounts))
    _add(database, reserved, tuple(-amount for amount in reserved.amounts))
    return reserved


def _add(database: sqlite3.Connection, reservation: _Reservation, amounts: _Amounts) -> None:
    """Change what is counted for the payers, where their hour is still kept."""
    database.executemany(
        "UPDATE usage SET runs = runs + ?, minutes = minutes + ?, dollars = dollars + ?"
        " WHERE payer = ? AND hour = ?",
        [(*amounts, payer, reservation.hour) for payer in reservation.payers],
    )


def _hours(database: sqlite3.Connection, payer: str, now: float) -> list[_Amounts]:
    """What was used in each hour that counts, the oldest first: hour, runs, minutes, dollars."""
    return database.execute(
        "SELECT hour, runs, minutes, dollars FROM usage WHERE payer = ? AND hour >= ?"
        " ORDER BY hour",
        (payer, _first_hour(now)),
    ).fetchall()


def _first_hour(now: float) -> int:
    return int(now // HOUR) - KEPT_HOURS + 1


def _whole(charge: Charge) -> _Amounts:
    amounts = zip(astuple(charge), _UNITS, strict=True)
    return tuple(round(min(amount * unit, _MOST)) for amount, unit in amounts)


# -- what is allowed ----------------------------------------------------------------------------


class _Account:
    """What somebody has used, and may use.

    Args:
        who: begins a sentence about them.
        operators: what the operator allows them.
        limit: what is allowed where they ask, which may be less.
        hours: what they have used, as ``_hours`` gives it.

    Attributes:
        used, allowed: in whole numbers, for each measure.
    """

    def __init__(self, who: str, operators: Quota, limit: Quota, hours: Sequence[_Amounts]) -> None:
        self.who, self._hours = who, hours
        self._operators = _allowed(operators)
        self.allowed = _allowed(limit)
        self.used = [sum(hour[at] for hour in hours) for at in (1, 2, 3)]

    @property
    def left(self) -> list[float]:
        return [max(0, most - used) for most, used in zip(self.allowed, self.used, strict=True)]

    def free_at(self, measure: int, need: int) -> float:
        """When so much of a measure will be free, in seconds since 1970; never: infinity."""
        over = self.used[measure] + need - self.allowed[measure]
        for hour, *amounts in self._hours:
            over -= amounts[measure]
            if over <= 0:
                return (hour + KEPT_HOURS) * HOUR
        return math.inf

    def refusal(self, measure: int, need: int, now: float) -> QuotaReached:
        """Says that so much is not left, and what to do."""
        used, allowed = self.used[measure], self.allowed[measure]
        message = f"{self.who} used {_of(measure, used, allowed)} of the last 24 hours"
        # A thousandth of a minute stands for a length that nobody knows.
        if used < allowed and need > 1:
            message += f", and this may take {_said(measure, need)}"
        return QuotaReached(f"{message}.", self._remedy(measure, need, now))

    def _remedy(self, measure: int, need: int, now: float) -> str:
        at = self.free_at(measure, need)
        if math.isfinite(at):
            return f"Ask again in about {_span(at - now)}."
        if self.allowed[measure] < self._operators[measure]:
            return "An admin of this server can change that with /settings."
        return "Waiting does not help: whoever runs this bot allows no more."


def _allowed(limit: Quota) -> list[float]:
    amounts = [getattr(limit, name) for name in _MEASURES]
    return [
        math.inf if amount is None else round(min(amount * unit, _MOST))
        for amount, unit in zip(amounts, _UNITS, strict=True)
    ]


def _check(accounts: Sequence[_Account], needs: _Amounts, now: float) -> None:
    """Refuse what is not left; of several reasons the one that lasts longest is given."""
    short = [
        (account.free_at(measure, need), account, measure, need)
        for account in accounts
        for measure, need in enumerate(needs)
        if need and account.used[measure] + need > account.allowed[measure]
    ]
    if short:
        _, account, measure, need = max(short, key=lambda each: each[0])
        raise account.refusal(measure, need, now)


def _least(accounts: Sequence[_Account]) -> Charge:
    """What all of them have left."""
    left = [
        min((account.left[measure] / unit for account in accounts), default=math.inf)
        for measure, unit in enumerate(_UNITS)
    ]
    return Charge(*left)


# -- in words -----------------------------------------------------------------------------------


def _of(measure: int, used: float, allowed: float) -> str:
    name = _MEASURES[measure]
    if name == "dollars":
        return f"{_said(measure, used)} of {_said(measure, allowed)}"
    return f"{_number(measure, used)} of {_said(measure, allowed)}"


def _said(measure: int, amount: float) -> str:
    name = _MEASURES[measure]
    number = _number(measure, amount)
    return f"${number}" if name == "dollars" else f"{number} {name}"


def _number(measure: int, amount: float) -> str:
    digits = {"runs": 0, "minutes": 1, "dollars": 2}[_MEASURES[measure]]
    text = f"{amount / _UNITS[measure]:,.{digits}f}"
    return text if digits == 2 else text.removesuffix(".0")


def _span(seconds: float) -> str:
    count, unit = math.ceil(seconds / 60), "minute"
    if count >= 60:
        count, unit = math.ceil(seconds / HOUR), "hour"
    return f"{count} {unit}{'' if count == 1 else 's'}"
