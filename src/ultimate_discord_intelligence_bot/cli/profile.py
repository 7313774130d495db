"""``autointel profile``: why a run took as long as it did."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path

from rich.markup import escape

from ..acquisition import parse_locator
from ..briefing.wording import one_line
from ..critical_path import Gain, Profile, Span, Step, critical_path, gains, steps
from ..observability import configure_logging
from ..runs import Run, find_profile
from ..settings import Depth, Settings, load_settings
from .terminal import Exit, orderly_exit, stdout

_ID = re.compile(r"[0-9a-f-]{4,36}")
_JOB = re.compile(r"[^/:]+-[0-9a-f]{8}-[0-9a-f]{4}")
_NARROW, _WIDE = 40, 80
"""Columns of the time axis: as many as the terminal has room for, between these."""

_BESIDE = 70
_TOLD = 5
_WORTH_TELLING = 0.01
"""The least share of a run that a gain or a stage of the path must be, and the least seconds of a
wait."""

_LEGEND = "█ works  ▒ works ahead  ░ waits for a machine  ─ is held by a barrier  ● critical path"


def profile(name: str, depth: str | None, *, as_json: bool) -> int:
    """Print the times of a run; returns the exit code."""
    with orderly_exit():
        settings = load_settings()
        configure_logging(settings)
        found = _profile(settings, name, Depth(depth) if depth else None)
        _print_json(found) if as_json else _print(found)
        return Exit.COMPLETE


def _profile(settings: Settings, name: str, depth: Depth | None) -> Profile:
    if _ID.fullmatch(name):
        return find_profile(settings, name, depth)
    if _JOB.fullmatch(name) and not Path(name).exists():
        from ..jobs.board import Board

        with Board(settings) as board:
            job = board.one(name).job
        settings = settings.model_copy(update={"tenant": job.tenant})
        name, depth = job.url, depth or job.depth
    locator = parse_locator(name, allow_files=True)
    return find_profile(settings, Run(locator, settings.depth, settings).id, depth)


def _print_json(found: Profile) -> None:
    on_path = [step.stage for step in critical_path(found.spans)]
    told = steps(found.spans)
    document = {
        **found.model_dump(mode="json", exclude={"spans"}),
        "pipelined": found.pipelined,
        "stages": [
            span.model_dump(mode="json", exclude={"wave", "reads"})
            | asdict(told[span.stage])
            | {"critical": span.stage in on_path}
            for span in found.spans
        ],
        "path": on_path,
        "gains": [asdict(gain) for gain in gains(found)],
    }
    print(json.dumps(document, ensure_ascii=False, indent=1))  # noqa: T201


def _print(found: Profile) -> None:
    path = critical_path(found.spans)
    on_path = {step.stage for step in path}
    told = steps(found.spans)
    how = "pipelined" if found.pipelined else "wave after wave"
    stdout.print(f"[bold]{escape(one_line(found.input))}[/]")
    stdout.print(f"{found.depth}, {found.status}, {how}: {_seconds(found.seconds)}")
    wide = max((len(span.stage) for span in found.spans), default=0)
    for span in found.spans:
        _print_stage(span, told[span.stage], found.seconds, wide, on_path)
    stdout.print(f"  [dim]{_LEGEND}[/]")
    _print_path(path, found)
    _print_gains(found)


def _print_stage(span: Span, step: Step, whole: float, wide: int, on_path: Collection[str]) -> None:
    critical = span.stage in on_path
    mark, style = ("●", "bold") if critical else (" ", "default")
    state = "" if span.status == "done" else f" {span.status}"
    stdout.print(
        f"[{style}]{mark} {span.stage:<{wide}} {_bar(span, step, whole)} "
        f"{_seconds(step.worked):>8}[/]{state}[dim]{_waits(step)}[/]"
    )


def _bar(span: Span, step: Step, whole: float) -> str:
    """One stage on the time axis of its run, which is as wide for all of them."""
    due = step.ready + step.barrier
    begun = due + step.machine
    width = max(_NARROW, min(_WIDE, stdout.width - _BESIDE))
    cells = [" "] * width
    parts = [("─", step.ready, due), ("░", due, begun)]
    if span.ahead is not None:
        parts.append(("▒", span.ahead[0], min(span.ahead[1], begun)))
    parts.append(("█", begun, span.ended))
    for sign, since, until in parts:
        first, last = (round(moment / whole * width) if whole else 0 for moment in (since, until))
        cells[first:last] = sign * (last - first)
    if step.worked > 0:  # however short, it is to be seen
        first = min(int(begun / whole * width), width - 1)
        cells[first] = "█" if cells[first] in " ─░" else cells[first]
    return "".join(cells)


def _waits(step: Step) -> str:
    told = [f"after {step.waited_for}"] if step.waited_for else []
    if step.barrier >= _WORTH_TELLING:
        told.append(f"held {_seconds(step.barrier)} by a barrier")
    if step.machine >= _WORTH_TELLING:
        what = "for the machine" if step.waited_for else "until the run was ready"
        told.append(f"{_seconds(step.machine)} {what}")
    return "  " + ", ".join(told) if told else ""


def _print_path(path: Collection[Step], found: Profile) -> None:
    worked = sum(step.worked for step in path)
    waited = sum(step.machine for step in path if step.waited_for)
    ready = sum(step.machine for step in path if not step.waited_for)
    rest = found.seconds - worked - waited - ready
    # Stages whose share nobody would notice would hide those that matter.
    telling = [
        f"{step.stage} {_share(step.worked, found)}"
        for step in path
        if step.worked >= _WORTH_TELLING * found.seconds
    ]
    stdout.print(f"[bold]Critical path:[/] {' → '.join(telling) or 'nothing took long'}")
    stdout.print(
        f"  of {_seconds(found.seconds)}: getting ready {_share(ready, found)}, work "
        f"{_share(worked, found)}, waiting for the machine {_share(waited, found)}, after the last "
        f"stage {_share(rest, found)}"
    )


def _print_gains(found: Profile) -> None:
    least = _WORTH_TELLING * found.seconds
    worth = [gain for gain in gains(found) if gain.seconds >= least][:_TOLD]
    if worth:
        stdout.print("[bold]What would shorten it most[/], at the best:")
    for gain in worth:
        stdout.print(f"  {_seconds(gain.seconds):>8}  {_share(gain.seconds, found)}  {_in(gain)}")


def _in(gain: Gain) -> str:
    """What would have to be different."""
    if gain.without == "barriers":
        return "no barriers between the tasks of the crew (ENABLE_PIPELINED_RUN=true)"
    if gain.without == "start":
        return "ready at once"
    if gain.without == "machine":
        return "no waiting for the machine, such as for a place in a queue"
    return f"no time for {gain.stage}"


def _share(seconds: float, found: Profile) -> str:
    return f"{seconds / found.seconds:.0%}" if found.seconds else "0%"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 100 else f"{seconds:.0f} s"
