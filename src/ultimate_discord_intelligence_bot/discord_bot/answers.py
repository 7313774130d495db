"""What the answers to commands show: what was found, how everything stands, what is allowed.

Pure functions, within Discord's limits by construction, as those of ``screens``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..briefing.wording import MARKS, clock, counted
from ..jobs.job import JobView, Status
from ..models.graph import Link, StatedClaim
from ..models.memory import Hit
from .quotas import Charge
from .rules import Quota, Rules
from .screens import BLUE, GREEN, GREY, RED, Screen, card, fitted, moment, speaking, spoken
from .text import escape, link, snippet

_TEXT = 4000
"""Characters of an answer."""

_SHOWN = 20
"""Claims and runs of an answer; of pairs half as many."""

_VERDICTS = {label.value: mark for label, mark in MARKS.items()}

_OF_JOBS: dict[Status, str] = {
    "waiting": "○",
    "running": "▸",
    "complete": "✓",
    "partial": "◐",
    "failed": "✗",
    "cancelled": "⊘",
    "parked": "‖",
}


def search_results(hits: Sequence[Hit], words: str) -> Screen:
    """Remembered passages that fit, the best first.

    Args:
        hits: as the memory found them.
        words: what was asked.
    """

    def line(entry: tuple[int, Hit], width: int) -> str:
        place, hit = entry
        said = spoken(hit.text, width, exact=hit.exact)
        day = f", {hit.published.isoformat()}" if hit.published else ""
        verdict = f" · {_verdict(hit.verdict)}" if hit.verdict else ""
        where = f"{snippet(hit.source, 60)}{day}, {moment(hit.start, hit.url)}"
        return f"**{place}.** {speaking(hit.speaker)}{said}\n  - {where}{verdict}"

    title = f"“{snippet(words, 200)}”"
    if not hits:
        text = "Nothing that is remembered fits. Try other words, or leave out a filter."
        return Screen(embeds=(card(title, text, GREY),))
    text = fitted(list(enumerate(hits[:10], 1)), line, _TEXT, len(hits))
    return Screen(embeds=(card(title, text, BLUE),))


def claims(found: Sequence[StatedClaim]) -> Screen:
    """Claims of any recordings, with their verdicts, in the order given."""

    def line(entry: tuple[int, StatedClaim], width: int) -> str:
        place, claim = entry
        said = f"**{place}.** {_stated(claim, width)}\n  - {_where(claim)}"
        return f"{said} · {_verdict(claim.verdict) if claim.verdict else 'not checked'}"

    title = counted(len(found), "claim")
    if not found:
        text = (
            "No such claims are remembered. Leave out a filter, or analyse recordings at depth "
            "deep: then their claims are remembered."
        )
        return Screen(embeds=(card("No claims", text, GREY),))
    text = fitted(list(enumerate(found[:_SHOWN], 1)), line, _TEXT, len(found))
    return Screen(embeds=(card(title, text, BLUE),))


def contradictions(found: Sequence[Link]) -> Screen:
    """Pairs of claims that cannot both be true, the older one of each first."""

    def line(entry: tuple[int, Link], width: int) -> str:
        place, pair = entry
        sides = [
            f"  - {_stated(claim, max(30, width // 2))}\n    {_where(claim)}"
            for claim in (pair.first, pair.second)
        ]
        reason = snippet(pair.reason, max(30, width // 2)) or "They cannot both be true."
        return "\n".join([f"**{place}.** {reason}", *sides])

    if not found:
        text = (
            "The claims that are remembered do not contradict each other, as far as they were "
            "compared: that is done from depth comprehensive on."
        )
        return Screen(embeds=(card("No contradictions", text, GREY),))
    text = fitted(list(enumerate(found[: _SHOWN // 2], 1)), line, _TEXT, len(found))
    return Screen(embeds=(card(counted(len(found), "contradiction"), text, BLUE),))


def _stated(claim: StatedClaim, width: int) -> str:
    said = spoken(claim.text, width, exact=True)
    return f"{moment(claim.start, claim.url)} {speaking(claim.speaker)}{said}"


def _where(claim: StatedClaim) -> str:
    day = claim.published.isoformat() if claim.published else "no date"
    return f"{snippet(claim.title, 60) or 'recording without a title'}, {day}"


def _verdict(label: str) -> str:
    return f"{_VERDICTS.get(label, '')} {snippet(label, 60)}".strip()


@dataclass(frozen=True)
class Health:
    """How the whole stands.

    Attributes:
        workers: processes that are alive; None when that cannot be told.
        recordings, passages: that are remembered; None when the memory gave no answer.
        problems: what is wrong, one sentence each.
    """

    waiting: int
    running: int
    workers: int | None = None
    recordings: int | None = None
    passages: int | None = None
    problems: tuple[str, ...] = ()


def status(health: Health) -> Screen:
    """Whether work is being done, what is remembered and what is wrong."""
    stuck = health.workers == 0 and health.waiting
    problems = list(health.problems)
    if stuck:
        problems.insert(0, "Runs wait and nobody works: start `autointel worker`.")
    parts = []
    if problems:
        told = fitted(problems, lambda text, width: f"- {snippet(text, width)}", 2000)
        parts.append(f"{told}\n")
    parts.append(f"{counted(health.running, 'run')} under way, {health.waiting} waiting.")
    if health.workers is not None:
        parts.append(f"{counted(health.workers, 'worker')} alive.")
    if health.recordings is not None:
        passages = f" with {counted(health.passages, 'passage')}" if health.passages else ""
        parts.append(f"{counted(health.recordings, 'recording')} remembered{passages}.")
    title = "✗ Something is wrong" if problems else "✓ All is well"
    return Screen(embeds=(card(title, "\n".join(parts), RED if problems else GREEN),))


def runs(views: Sequence[JobView]) -> Screen:
    """Jobs and how they stand, in the order given."""

    def line(view: JobView, width: int) -> str:
        name = view.outcome.title if view.outcome else view.job.url
        took = f", {clock(view.seconds)}" if view.seconds is not None else ""
        shown = link(snippet(name, min(width, 150)) or "recording", view.job.url)
        told = f"- {_OF_JOBS[view.status]} {view.status}{took}: {shown}, {view.job.depth}"
        return f"{told}, id `{view.id}`"

    text = fitted(views[:_SHOWN], line, _TEXT, len(views)) or _NO_RUNS
    return Screen(embeds=(card("Runs", text, BLUE),))


_NO_RUNS = "There are no runs yet. Use /autointel to have a recording analysed."


def rules(held: Rules, user: Charge, guild: Charge) -> Screen:
    """What those who run a guild have decided, and how much may still be used.

    Args:
        held: what holds in the guild.
        user: what the member who asks may still use; ``math.inf``: as much as they like.
        guild: what all members together may.
    """
    shown = held.channels[:_SHOWN]
    places = " ".join(f"<#{number}>" for number in shown) or "everywhere"
    more = f" and {len(held.channels) - len(shown)} more" if held.channels[_SHOWN:] else ""
    lines = [
        f"**Where it may be asked:** {places}{more}",
        f"**Default depth:** {held.depth or _OPERATOR}",
        f"**Spoken language:** {held.language or _OPERATOR}",
        "",
        "**Within 24 hours**",
        f"- Each member may use: {_quota(held.user)}",
        f"  - You have left: {_amounts(user.runs, user.minutes, user.dollars)}",
        f"- All together may use: {_quota(held.guild)}",
        f"  - Left of it: {_amounts(guild.runs, guild.minutes, guild.dollars)}",
    ]
    return Screen(embeds=(card("Rules of this server", "\n".join(lines), BLUE),))


_OPERATOR = "as the operator of the bot has set it"


def _quota(quota: Quota | None) -> str:
    if quota is None:
        return _OPERATOR
    decided = [
        _amount(amount, unit, digits)
        for amount, unit, digits in (
            (quota.runs, "run", 0),
            (quota.minutes, "minute", 0),
            (quota.dollars, "dollar", 2),
        )
        if amount is not None
    ]
    if len(decided) < 3:
        decided.append(f"otherwise {_OPERATOR}" if decided else _OPERATOR)
    return ", ".join(decided)


def _amounts(runs: float, minutes: float, dollars: float) -> str:
    return ", ".join(
        (_amount(runs, "run", 0), _amount(minutes, "minute", 0), _amount(dollars, "dollar", 2))
    )


def _amount(amount: float, unit: str, digits: int) -> str:
    if amount == math.inf:
        return f"any number of {unit}s"
    return f"{_number(amount, digits)} {unit if amount == 1 else f'{unit}s'}"


def _number(amount: float, digits: int) -> str:
    """Rounded down: nobody is promised what they do not have."""
    if amount >= 1e12:
        return "1,000,000,000,000"
    least = 10**-digits
    return f"{math.floor(amount / least + 1e-9) * least:,.{digits}f}"


def help_text(commands: Mapping[str, str], menus: Mapping[str, str]) -> Screen:
    """What can be asked.

    Args:
        commands: what each of them does, by name.
        menus: where each command of a message's menu is found, by name.
    """
    lines = [f"**{escape(name)}**: {escape(where)}" for name, where in menus.items()]
    lines += [f"**/{escape(name)}**: {escape(does)}" for name, does in commands.items()]
    text = fitted(
        ["Give a link to a video or podcast; get what was said, claimed and checked.", "", *lines],
        lambda line, _: line,
        _TEXT,
    )
    return Screen(embeds=(card("Autointel", text, BLUE),))
