"""``autointel jobs``: what is waiting, being done and done, on all machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from ..briefing.wording import clock, counted
from ..errors import JobUnknown
from ..jobs.board import Board
from ..jobs.job import AGAIN, ENDED, JobView, Status
from ..observability import configure_logging
from ..settings import Settings, load_settings
from .terminal import Exit, orderly_exit, stderr, stdout


def list_jobs(*, batch: str | None, status: Status | None, limit: int, as_json: bool) -> int:
    """Print jobs, the newest first; returns the exit code."""
    with orderly_exit(), Board(_settings()) as board:
        found = list(
            board.look(
                prefix=f"{batch}-" if batch else None,
                statuses=[status] if status else None,
                limit=limit,
                newest_first=True,
            )
        )
        if as_json:
            _print([view.model_dump(mode="json") for view in found])
        elif found:
            stdout.print(_table(found))
        else:
            stderr.print("No such jobs. `autointel batch FILE` puts some up.")
        return Exit.COMPLETE


def show(name: str, *, as_json: bool) -> int:
    """Print one job with its stages; returns the exit code."""
    with orderly_exit(), Board(_settings()) as board:
        view = board.one(name)
        stages = board.stages(view.id)
        if as_json:
            document = view.model_dump(mode="json")
            _print(document | {"stages": [stage.model_dump(mode="json") for stage in stages]})
            return Exit.COMPLETE
        stdout.print(f"[bold]{escape(view.job.url)}[/]  {view.status}, {view.job.depth}")
        stdout.print(f"  job     {view.id}")
        stdout.print(f"  worker  {escape(view.worker or '–')}, {counted(view.tries, 'try')}")
        if view.outcome:
            stdout.print(f"  title   {escape(view.outcome.title)}")
            stdout.print(f"  output  {escape(str(view.outcome.out))}/report.html")
        for missing in view.outcome.missing if view.outcome else ():
            stdout.print(f"  [yellow]missing[/] {escape(missing)}")
        if view.error:
            stdout.print(f"  [red]error[/]   {escape(view.error)}")
            stdout.print(f"          → {escape(view.remedy or '')}")
        for stage in stages:
            stdout.print(f"  {stage.seconds:>8.1f} s  {stage.stage} [dim]{stage.status}[/]")
        return Exit.COMPLETE


def cancel(names: Sequence[str], *, batch: str | None, as_json: bool) -> int:
    """Take jobs back; returns the exit code."""
    with orderly_exit(), Board(_settings()) as board:
        views = _named(board, names, batch)
        ids = [view.id for view in views if view.status not in ENDED]
        board.cancel(ids)
        return _told(ids, "cancelled", as_json=as_json)


def retry(names: Sequence[str], *, batch: str | None, as_json: bool) -> int:
    """Try jobs again that failed, were cancelled or parked; returns the exit code."""
    with orderly_exit(), Board(_settings()) as board:
        again = [view for view in _named(board, names, batch) if view.status in AGAIN]
        for view in again:
            board.again(view)
        return _told([view.id for view in again], "put up again", as_json=as_json)


def prune(days: int | None, *, as_json: bool) -> int:
    """Forget jobs that ended long ago; returns the exit code."""
    with orderly_exit():
        settings = _settings()
        kept = settings.job_days if days is None else days
        with Board(settings) as board:
            gone = board.prune(datetime.now(UTC) - timedelta(days=kept))
        if as_json:
            _print({"jobs": gone})
        else:
            stdout.print(f"{counted(gone, 'job')} forgotten.")
        return Exit.COMPLETE


def _settings() -> Settings:
    settings = load_settings()
    configure_logging(settings)
    return settings


def _named(board: Board, names: Sequence[str], batch: str | None) -> list[JobView]:
    if batch:
        return list(board.look(prefix=f"{batch}-"))
    if not names:
        raise JobUnknown("Nothing says which jobs.", "Give their ids, or --batch.")
    return [board.one(name) for name in names]


def _told(ids: Sequence[str], done: str, *, as_json: bool) -> int:
    if as_json:
        _print({"jobs": list(ids)})
    else:
        stdout.print(f"{counted(len(ids), 'job')} {done}.")
    return Exit.COMPLETE


def _table(found: Sequence[JobView]) -> Table:
    table = Table(box=box.SIMPLE, show_edge=False)
    for heading in ("job", "status", "depth", "took"):
        table.add_column(heading, no_wrap=True)
    table.add_column("recording", overflow="fold")
    for view in found:
        took = clock(view.seconds) if view.seconds is not None else ""
        name = view.outcome.title if view.outcome else view.job.url
        what = f"{name}: {view.error}" if view.error else name
        table.add_row(view.id, view.status, str(view.job.depth), took, escape(what))
    return table


def _print(document: Any) -> None:
    print(json.dumps(document, ensure_ascii=False, indent=1))  # noqa: T201
