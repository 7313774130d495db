"""``autointel batch``: a list of links, each of them a job."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ..acquisition import parse_locator
from ..briefing.wording import clock, counted
from ..errors import FileMissing, InputError
from ..events import EventStream, StageEvent
from ..jobs.batch import Batch, Progress
from ..jobs.board import Board
from ..jobs.job import JobView
from ..jobs.lists import read_list
from ..jobs.summary import Totals, exit_code_of
from ..jobs.worker import Worker
from ..machine import share_heap
from ..observability import configure_logging
from ..runs import Run
from ..settings import Depth, Settings, load_settings
from .terminal import Exit, orderly_exit, stderr, stdout

_SHOWN, _REFUSED = 10, 5
_POLL_S = 0.5
_CODES = {"complete": Exit.COMPLETE, "partial": Exit.PARTIAL, "failed": Exit.FAILED}


@dataclass(frozen=True)
class Request:
    """What ``autointel batch`` was asked to do; its options, one by one."""

    source: str
    depth: str | None = None
    name: str | None = None
    out: Path | None = None
    concurrency: int | None = None
    resume: bool = False
    retry_failed: bool = False
    detach: bool = False


def batch(request: Request, *, as_json: bool) -> int:
    """Put the links of a list up and do them; returns the exit code."""
    with orderly_exit():
        settings = load_settings()
        configure_logging(settings)
        share_heap()
        with Board(settings) as board:
            found = _batch(request, settings)
            _tell(found)
            found.put_up(board, again=request.retry_failed)
            if request.detach:
                _detached(found, as_json=as_json)
                return Exit.COMPLETE
            _work(found, board, request, settings)
            totals = found.summarise(board, ended=True)
        _print(found, totals, as_json=as_json)
        return _CODES[exit_code_of(totals)]


def _batch(request: Request, settings: Settings) -> Batch:
    again = request.resume or request.retry_failed
    name = request.name
    source = request.source if request.source == "-" else str(Path(request.source).absolute())
    if again:
        name = Batch.find(settings, source, name).name
    depth = Depth(request.depth) if request.depth else settings.depth
    with _opened(request.source) as file:
        return Batch.begin(
            settings, read_list(file), source=source, depth=depth, name=name, out=request.out
        )


@contextmanager
def _opened(source: str) -> Iterator[IO[bytes]]:
    if source == "-":
        yield sys.stdin.buffer
        return
    with ExitStack() as opened:
        try:
            file = opened.enter_context(Path(source).open("rb"))
        except OSError as error:
            raise FileMissing(f"{source} cannot be read ({error.strerror}).") from error
        yield file


def _tell(found: Batch) -> None:
    stderr.print(f"[bold]{escape(found.name)}[/]: {counted(found.size, 'recording')}")
    for refused in found.refused[:_REFUSED]:
        stderr.print(
            f"  [yellow]line {refused.line}:[/] {escape(refused.text)} – {escape(refused.reason)}"
        )
    if len(found.refused) > _REFUSED:
        stderr.print(f"  … and {len(found.refused) - _REFUSED} more lines that cannot be used.")
    if found.repeats:
        stderr.print(f"  {counted(found.repeats, 'link')} stood there before.")


def _work(found: Batch, board: Board, request: Request, settings: Settings) -> None:
    events = EventStream()
    with ExitStack() as opened:
        worker = opened.enter_context(
            Worker(settings, events=events, concurrency=request.concurrency)
        )
        try:
            _follow(Progress(found, board), _Screen(found, events, settings))
        except KeyboardInterrupt:
            found.take_back(board)
            worker.close()
            found.summarise(board, ended=False)
            stderr.print(
                f"Interrupted. `autointel batch {escape(request.source)} --resume` goes on; what "
                "was finished is kept."
            )
            raise


def _follow(progress: Progress, screen: _Screen) -> None:
    with screen:
        while True:
            began = time.monotonic()
            for view in progress.news():
                screen.ended(view)
            if progress.left <= 0:
                return
            screen.show(progress)
            # A long list must not be asked about without pause.
            time.sleep(max(_POLL_S, 5 * (time.monotonic() - began)))


class _Screen:
    """Shows a batch on stderr: a table that lives on a terminal, elsewhere a line a recording."""

    def __init__(self, batch: Batch, events: EventStream, settings: Settings) -> None:
        self._batch, self._events, self._settings = batch, events, settings
        self._stages: dict[str, str] = {}
        self._began = time.monotonic()
        self._live = Live(console=stderr, refresh_per_second=4, transient=True)

    def __enter__(self) -> None:
        self._unsubscribe = self._events.subscribe(self._receive)
        if stderr.is_terminal:
            self._live.start()

    def __exit__(self, *_: object) -> None:
        self._unsubscribe()
        if stderr.is_terminal:
            self._live.stop()

    def ended(self, view: JobView) -> None:
        """One line for a recording that has ended."""
        name = view.outcome.title if view.outcome else view.job.url
        took = f" [dim]{clock(view.seconds)}[/]" if view.seconds is not None else ""
        why = f": {escape(view.error)}" if view.error else ""
        colour = {"complete": "green", "partial": "yellow"}.get(view.status, "red")
        stderr.print(f"[{colour}]{view.status:<9}[/] {escape(name)}{took}{why}")

    def show(self, progress: Progress) -> None:
        """How the batch stands."""
        if not stderr.is_terminal:
            return
        table = Table.grid(padding=(0, 2))
        for view in progress.running(_SHOWN):
            table.add_row(self._stage(view), escape(view.job.url), self._elapsed(view))
        self._live.update(Group(table, Text(self._line(progress), style="bold")))

    def _line(self, progress: Progress) -> str:
        done, elapsed = progress.ended.total(), time.monotonic() - self._began
        told = f"{done} of {self._batch.size}"
        bad = done - progress.ended["complete"] - progress.ended["partial"]
        told += f", {bad} failed" if bad else ""
        if done:
            told += f", {clock(elapsed / done * progress.left)} to go"
        return told

    def _elapsed(self, view: JobView) -> str:
        return clock(time.time() - view.began.timestamp()) if view.began else ""

    def _stage(self, view: JobView) -> str:
        try:
            locator = parse_locator(view.job.url, allow_files=False)
        except InputError:
            return ""
        settings = self._settings.model_copy(update={"tenant": view.job.tenant})
        return self._stages.get(Run(locator, view.job.depth, settings).id, "beginning")

    def _receive(self, event: StageEvent) -> None:
        self._stages[event.run_id] = event.stage.replace("_", " ")


def _detached(found: Batch, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"batch": found.name, "size": found.size}))  # noqa: T201
    else:
        stdout.print(
            f"Put up. Workers do them; `autointel jobs list --batch {escape(found.name)}` shows "
            "how they stand."
        )


def _print(found: Batch, totals: Totals, *, as_json: bool) -> None:
    if as_json:
        told = {"batch": found.name, "folder": str(found.folder), **asdict(totals)}
        print(json.dumps(told, ensure_ascii=False))  # noqa: T201
        return
    counts = ", ".join(f"{count} {status}" for status, count in totals.statuses.items() if count)
    stdout.print(f"{counted(totals.rows, 'recording')}: {counts or 'nothing to do'}.")
    stdout.print(f"Summary: {escape(str(found.folder / 'index.html'))}")
    if totals.statuses.get("failed") or totals.statuses.get("parked"):
        stdout.print(f"  → `autointel batch {escape(found.source)} --retry-failed` tries again.")
