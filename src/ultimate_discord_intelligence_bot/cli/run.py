"""``autointel run``: one briefing for each input."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from ..autonomous_orchestrator import AutonomousIntelligenceOrchestrator, RunResult
from ..briefing.wording import clock, counted, tally
from ..models.report import Report
from ..observability import configure_logging
from ..plans import Flags, plan
from ..settings import Depth, Settings, load_settings
from .progress import PhaseProgress
from .terminal import Exit, orderly_exit, show_error, stderr, stdout

_SHOWN = 8


def run(
    inputs: Sequence[str], *, depth: str | None, out: Path | None, as_json: bool, fresh: bool
) -> int:
    """Analyse every input in turn; returns the exit code."""
    with orderly_exit():
        settings = load_settings()
        configure_logging(settings.log_level)
        wanted = Depth(depth) if depth else settings.depth
        codes = []
        for number, text in enumerate(inputs, start=1):
            folder = out / f"{number:02d}-{_slug(text)}" if out and len(inputs) > 1 else out
            result = _run_one(text, wanted, settings, folder, fresh=fresh)
            _print_json(result) if as_json else _print(result)
            codes.append(_exit_code(result))
        return next((c for c in (Exit.UNUSABLE, Exit.FAILED, Exit.PARTIAL) if c in codes), 0)


def _run_one(
    text: str, depth: Depth, settings: Settings, out: Path | None, *, fresh: bool
) -> RunResult:
    orchestrator = AutonomousIntelligenceOrchestrator(settings, allow_files=True)
    stderr.print(f"[bold]{escape(text)}[/] [dim]{depth}[/]")
    with PhaseProgress(orchestrator.events, plan(depth, Flags.of(settings))):
        return asyncio.run(
            orchestrator.execute_autonomous_intelligence_workflow(text, depth, fresh=fresh, out=out)
        )


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
        "error": error and {"code": error.code, "message": error.message, "remedy": error.remedy},
    }
    print(json.dumps(document, ensure_ascii=False))  # noqa: T201


def _print(result: RunResult) -> None:
    if result.error:
        show_error(result.error, result.url)
        if result.run_id and result.phases:
            stderr.print("  Finished stages are kept; the same command continues there.")
    elif result.report:
        _print_briefing(result, result.report)


def _print_briefing(result: RunResult, report: Report) -> None:
    stdout.print(f"\n[bold]{escape(report.source.title)}[/]")
    stdout.print(f"{clock(report.duration)} · {report.transcript.origin} · {_counts(report)}")
    for point in (report.key_points or ())[:_SHOWN]:
        item = point.item
        who = f"{escape(item.speaker)}: " if item.speaker else ""
        stdout.print(f"  [cyan]{clock(item.start):>7}[/]  {who}{escape(item.text)}")
    for pair in (report.contradictions or ())[:_SHOWN]:
        stdout.print(
            f"  [yellow]contradiction:[/] {clock(pair.first.start)} “{escape(pair.first.text)}” "
            f"and {clock(pair.second.start)} “{escape(pair.second.text)}”"
        )
    for missing in result.missing:
        stdout.print(
            f"  [yellow]missing:[/] {missing.stage}: {escape(missing.reason)} "
            f"{escape(missing.remedy)}"
        )
    if result.reused:
        stdout.print(f"Reused from an earlier run: {', '.join(result.reused)}.")
    stdout.print(f"Briefing: {escape(str(result.out))}/report.html")


def _counts(report: Report) -> str:
    parts = {
        "chapter": report.chapters,
        "check-worthy claim": report.claims,
        "contradiction": report.contradictions,
    }
    told = [counted(len(part), name) for name, part in parts.items() if part is not None]
    if report.verdicts:
        most_first = sorted(tally(report), key=lambda pair: -pair[1])
        each = ", ".join(f"{count} {label}" for label, count in most_first)
        told.append(f"{counted(len(report.verdicts), 'verdict')} ({each})")
    return ", ".join(told)


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text.rstrip("/").rsplit("/", 1)[-1]).strip("-")[:40]
