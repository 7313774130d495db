"""``autointel claims``, ``contradictions``, ``timeline``: questions over all recordings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from ..briefing.wording import clock, one_line
from ..memory import ClaimFilter
from ..models.artifact import Model
from ..models.graph import Link, LinkKind, Mention, StatedClaim
from ..observability import configure_logging
from ..recall import Recall
from ..settings import Settings, load_settings
from ..stages import memory_for
from . import signals
from .terminal import orderly_exit, stderr, stdout

_KINDS: dict[str, LinkKind] = {
    "contradictions": "CONTRADICTS",
    "agreements": "AGREES",
    "repetitions": "SAME_AS",
}


def claims(wanted: ClaimFilter, *, as_json: bool) -> int:
    """Print claims of all recordings; returns the exit code."""
    with orderly_exit():
        settings = _settings()
        found = signals.run(_claims(settings, wanted))
        if as_json:
            _print_json(found)
        elif found:
            _print_claims(found)
        else:
            stderr.print("No such claims. They are remembered by `autointel run --depth deep`.")
        return 0


def links(kind: str, *, source: str | None, speaker: str | None, limit: int, as_json: bool) -> int:
    """Print pairs of claims of different recordings; returns the exit code."""
    with orderly_exit():
        settings = _settings()
        found = signals.run(_links(settings, _KINDS[kind], source, speaker, limit))
        if as_json:
            _print_json(found)
        elif found:
            for link in found:
                _print_link(link)
        else:
            stderr.print(f"No {kind} between the claims of different recordings.")
        return 0


def timeline(name: str, *, limit: int, as_json: bool) -> int:
    """Print every mention of somebody or something; returns the exit code."""
    with orderly_exit():
        settings = _settings()
        found = signals.run(_timeline(settings, name, limit))
        if as_json:
            _print_json(found)
        elif found:
            _print_mentions(found)
        else:
            stderr.print(f"{escape(name)} is not mentioned, or not by that name.")
        return 0


def _settings() -> Settings:
    settings = load_settings()
    configure_logging(settings)
    return settings


async def _claims(settings: Settings, wanted: ClaimFilter) -> tuple[StatedClaim, ...]:
    with memory_for(settings) as memory:
        return await Recall(memory, settings, allow_files=True).claims(wanted)


async def _links(
    settings: Settings, kind: LinkKind, source: str | None, speaker: str | None, limit: int
) -> tuple[Link, ...]:
    with memory_for(settings) as memory:
        recall = Recall(memory, settings, allow_files=True)
        return await recall.links(kind, source=source, speaker=speaker, limit=limit)


async def _timeline(settings: Settings, name: str, limit: int) -> tuple[Mention, ...]:
    with memory_for(settings) as memory:
        return await memory.timeline(settings.tenant, name, limit=limit)


def _print_json(found: Sequence[Model]) -> None:
    rows: list[Any] = [item.model_dump(mode="json") for item in found]
    print(json.dumps(rows, ensure_ascii=False, indent=1))  # noqa: T201


def _print_claims(found: Sequence[StatedClaim]) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("published", no_wrap=True, style="dim")
    table.add_column("at", no_wrap=True, justify="right", style="cyan")
    table.add_column("speaker")
    table.add_column("claim", overflow="fold", ratio=1)
    table.add_column("verdict")
    table.add_column("recording", style="dim")
    for claim in found:
        table.add_row(
            _day(claim.published),
            clock(claim.start),
            escape(claim.speaker or ""),
            escape(one_line(claim.text)),
            claim.verdict or "",
            escape(one_line(claim.title)),
        )
    stdout.print(table)


def _print_link(link: Link) -> None:
    for claim in (link.first, link.second):
        who = f"{escape(claim.speaker)}: " if claim.speaker else ""
        stdout.print(
            f"[dim]{_day(claim.published):<10}[/] [cyan]{clock(claim.start):>7}[/]  {who}"
            f"“{escape(one_line(claim.text))}”"
        )
        stdout.print(f"{'':>18}  [dim]{escape(one_line(claim.title))} · {escape(claim.url)}[/]")
    stdout.print(f"{'':>18}  → {escape(link.reason)}\n")


def _print_mentions(found: Sequence[Mention]) -> None:
    for mention in found:
        who = f"{escape(mention.speaker)}: " if mention.speaker else ""
        stdout.print(
            f"[dim]{_day(mention.published):<10}[/] [cyan]{clock(mention.start):>7}[/]  {who}"
            f"{escape(one_line(mention.text))}"
        )
        stdout.print(
            f"{'':>18}  [dim]{escape(mention.entity)} · {escape(one_line(mention.title))} · "
            f"{escape(mention.url)}[/]"
        )


def _day(day: date | None) -> str:
    return day.isoformat() if day else "no date"
