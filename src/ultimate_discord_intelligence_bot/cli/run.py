"""``autointel run``: one briefing for each input."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from rich.markup import escape

from ..acquisition import expand, parse_locator
from ..autonomous_orchestrator import AutonomousIntelligenceOrchestrator, RunResult, Spent
from ..briefing.wording import clock, counted, gaps, tally
from ..errors import AutointelError
from ..forecast import Forecast
from ..machine import share_heap
from ..models.report import Report
from ..models.verification import Statement
from ..observability import configure_logging
from ..plans import FREE, only, plan_for
from ..settings import Depth, Settings, load_settings
from . import signals
from .progress import PhaseProgress
from .terminal import Exit, orderly_exit, show_error, stderr, stdout

_SHOWN = 8


@dataclass(frozen=True)
class Request:
    """What ``autointel run`` was asked to do with its inputs; its options, one by one."""

    depth: str | None = None
    out: Path | None = None
    fresh: bool = False
    limit: int | None = None
    since: date | None = None
    estimate: bool = False

    @property
    def chooses(self) -> bool:
        """Whether recordings are to be chosen from lists."""
        return self.limit is not None or self.since is not None


def run(inputs: Sequence[str], request: Request, *, as_json: bool) -> int:
    """Analyse every input in turn; returns the exit code."""
    with orderly_exit():
        settings = load_settings()
        configure_logging(settings)
        share_heap()
        if request.estimate:
            return _estimate(inputs, request, settings, as_json=as_json)
        codes = []
        for result in _results(inputs, request, settings):
            _print_json(result) if as_json else _print(result)
            codes.append(_exit_code(result))
        return next((c for c in (Exit.UNUSABLE, Exit.FAILED, Exit.PARTIAL) if c in codes), 0)


def _results(inputs: Sequence[str], request: Request, settings: Settings) -> Iterator[RunResult]:
    several = len(inputs) > 1 or request.chooses
    number = 0
    for text in inputs:
        try:
            recordings = _recordings(text, request, settings)
        except AutointelError as error:
            yield RunResult(url=text, status="failed", error=error)
            continue
        for recording in recordings:
            number += 1
            out = request.out
            if out and several:
                out = out / f"{number:02d}-{_slug(recording)}"
            yield _run_one(recording, request, settings, out)


def _recordings(text: str, request: Request, settings: Settings) -> Sequence[str]:
    """The chosen recordings of a list, or the one recording itself."""
    if not request.chooses:
        return [text]
    locator = parse_locator(text, allow_files=True)
    if locator.kind == "file":
        return [text]
    with stderr.status("looking at the list") as status:
        listing = signals.run(
            expand(
                locator,
                settings,
                lambda _, message: status.update(escape(message)),
                limit=request.limit,
                since=request.since,
            )
        )
    if listing is None:
        return [text]
    chosen = counted(len(listing.items), "recording")
    of_all = f" of {listing.total}" if listing.total else ""
    stderr.print(f"[bold]{escape(listing.title or text)}[/]: {chosen}{of_all}")
    for note in listing.notes:
        stderr.print(f"  [yellow]note:[/] {escape(note)}")
    return [item.url for item in listing.items]


def _run_one(text: str, request: Request, settings: Settings, out: Path | None) -> RunResult:
    depth = Depth(request.depth) if request.depth else settings.depth
    orchestrator = AutonomousIntelligenceOrchestrator(settings, allow_files=True)
    stderr.print(f"[bold]{escape(text)}[/] [dim]{depth}[/]")
    with PhaseProgress(orchestrator.events, plan_for(depth, settings)):
        return signals.run(
            orchestrator.execute_autonomous_intelligence_workflow(
                text, depth, fresh=request.fresh, out=out
            )
        )


def _estimate(inputs: Sequence[str], request: Request, settings: Settings, *, as_json: bool) -> int:
    """Tell what the language model would cost for each input; returns the exit code."""
    depth = Depth(request.depth) if request.depth else settings.depth
    codes = []
    for text in (recording for given in inputs for recording in _chosen(given, request, settings)):
        orchestrator = AutonomousIntelligenceOrchestrator(settings, allow_files=True)
        try:
            with PhaseProgress(orchestrator.events, only(plan_for(depth, settings), FREE)):
                told = signals.run(orchestrator.estimate(text, depth))
        except AutointelError as error:
            show_error(error, text)
            codes.append(Exit.of(error))
            continue
        if as_json:
            print(json.dumps({"input": text, **asdict(told)}, ensure_ascii=False))  # noqa: T201
        else:
            _print_forecast(text, told)
    return max(codes, default=Exit.COMPLETE)


def _chosen(text: str, request: Request, settings: Settings) -> Sequence[str]:
    try:
        return _recordings(text, request, settings)
    except AutointelError as error:
        show_error(error, text)
        return []


def _print_forecast(text: str, told: Forecast) -> None:
    cost = "at an unknown price" if told.dollars is None else f"at most ${told.dollars:.4f}"
    cap = "" if told.budget is None else f" of a budget of ${told.budget:.2f}"
    stdout.print(
        f"[bold]{escape(text)}[/]: {escape(told.model)}, {counted(told.calls, 'call')}, about "
        f"{told.prompt_tokens:,} tokens read, at most {told.answer_tokens:,} written; {cost}{cap}"
    )
    if told.dollars is None:
        stdout.print("  Set AUTOINTEL_LLM_PRICE to have it told, and the budget kept to.")


def _exit_code(result: RunResult) -> Exit:
    if result.error:
        return Exit.of(result.error)
    return Exit.PARTIAL if result.status == "partial" else Exit.COMPLETE


def _print_json(result: RunResult) -> None:
    error = result.error
    document = {
        "run_id": result.run_id,
        "input": result.url,
        "status": result.status,
        "out": str(result.out) if result.out else None,
        "reused": list(result.reused),
        "phases": {phase: round(seconds, 3) for phase, seconds in result.phases.items()},
        "missing": [missing.model_dump() for missing in result.missing],
        "spent": result.spent and asdict(result.spent),
        "error": error and {"code": error.code, "message": error.message, "remedy": error.remedy},
    }
    print(json.dumps(document, ensure_ascii=False))  # noqa: T201


def _print(result: RunResult) -> None:
    if result.error:
        show_error(result.error, result.url)
        if len(result.phases) > 1:  # the first one, at least, was finished
            stderr.print("  Finished stages are kept; the same command continues there.")
    elif result.report:
        _print_briefing(result, result.report)


def _print_briefing(result: RunResult, report: Report) -> None:
    stdout.print(f"\n[bold]{escape(report.source.title)}[/]")
    stdout.print(f"{clock(report.duration)} · {report.transcript.origin} · {_counts(report)}")
    for note in report.transcript.notes:
        stdout.print(f"  [yellow]note:[/] {escape(note)}")
    for point in (report.key_points or ())[:_SHOWN]:
        item = point.item
        who = f"{escape(item.speaker)}: " if item.speaker else ""
        who += "" if report.transcript.exact else "≈ "
        stdout.print(f"  [cyan]{clock(item.start):>7}[/]  {who}{escape(item.text)}")
    for pair in (report.contradictions or ())[:_SHOWN]:
        first, second = (_said(statement, report) for statement in (pair.first, pair.second))
        stdout.print(f"  [yellow]contradiction:[/] {first} and {second}")
    for gap in gaps(report):
        stdout.print(
            f"  [yellow]missing:[/] {gap.stages}: {escape(gap.reason)} {escape(gap.remedy)}"
        )
    for note in report.notes:
        stdout.print(f"  [yellow]note:[/] {escape(note)}")
    if result.spent and result.spent.calls + result.spent.reused:
        stdout.print(_told_spent(result.spent))
    if result.reused:
        stdout.print(f"Reused from an earlier run: {', '.join(result.reused)}.")
    stdout.print(f"Briefing: {escape(str(result.out))}/report.html")


def _said(statement: Statement, report: Report) -> str:
    """When and what somebody said, and where, unless it is in this recording."""
    elsewhere = statement.source_id != report.source.id
    where = f" in {escape(statement.title)}" if elsewhere else ""
    return f"{clock(statement.start)} “{escape(statement.text)}”{where}"


def _told_spent(spent: Spent) -> str:
    tokens = f"{spent.prompt_tokens + spent.completion_tokens:,} tokens"
    cost = "price unknown" if spent.dollars is None else f"${spent.dollars:.4f}"
    again = f", {spent.reused} answered before" if spent.reused else ""
    return f"Language model: {counted(spent.calls, 'call')}{again}, {tokens}, {cost}."


def _counts(report: Report) -> str:
    parts = {
        "chapter": report.chapters,
        "check-worthy claim": report.claims,
        "contradiction": report.contradictions,
    }
    told = [counted(len(part), name) for name, part in parts.items() if part is not None]
    if report.fallacies:
        many = len(report.fallacies)
        told.append(f"{many} possible {'fallacy' if many == 1 else 'fallacies'}")
    if report.verdicts:
        most_first = sorted(tally(report), key=lambda pair: -pair[1])
        each = ", ".join(f"{count} {label}" for label, count in most_first)
        told.append(f"{counted(len(report.verdicts), 'verdict')} ({each})")
    return ", ".join(told)


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text.rstrip("/").rsplit("/", 1)[-1]).strip("-")[:40]
