"""Live progress of a run on stderr: one line for each phase."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from ..events import EventStream, StageEvent
from ..plans import Plan
from .terminal import stderr

_ENDS = ("finished", "reused", "failed")


class PhaseProgress:
    """Subscribes to the events of one run while it is shown.

    On a terminal the phases are bars that fill; elsewhere each phase is one line when it ends.
    """

    def __init__(self, events: EventStream, plan: Plan) -> None:
        self._events = events
        self._left: dict[str, set[str]] = {}
        for stage in plan.stages:
            self._left.setdefault(stage.phase, set()).add(stage.name)
        self._total = {phase: len(stages) for phase, stages in self._left.items()}
        self._seconds = dict.fromkeys(self._left, 0.0)
        self._reused = dict.fromkeys(self._left, 0)
        self._lock = threading.Lock()
        self._bars = Progress(
            TextColumn("{task.description:<14}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", style="dim"),
            console=stderr,
            disable=not stderr.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {
            phase: self._bars.add_task(phase, total=total, start=False, visible=False, note="")
            for phase, total in self._total.items()
        }

    def __enter__(self) -> Self:
        self._unsubscribe = self._events.subscribe(self._receive)
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._unsubscribe()
        self._bars.stop()

    def _receive(self, event: StageEvent) -> None:
        with self._lock:
            task = self._tasks[event.phase]
            self._bars.start_task(task)
            self._bars.update(task, visible=True)
            if event.kind in _ENDS:
                self._end(event, task)
            else:
                self._advance(event, task)

    def _advance(self, event: StageEvent, task: TaskID) -> None:
        done = self._total[event.phase] - len(self._left[event.phase])
        note = event.message or event.stage.replace("_", " ")
        self._bars.update(task, completed=done + (event.fraction or 0.0), note=note)

    def _end(self, event: StageEvent, task: TaskID) -> None:
        left = self._left[event.phase]
        left.discard(event.stage)
        self._seconds[event.phase] += event.seconds or 0.0
        self._reused[event.phase] += event.kind == "reused"
        note = f"{event.stage.replace('_', ' ')} failed" if event.kind == "failed" else ""
        if not left:
            self._bars.stop_task(task)
            note = note or self._summary(event.phase)
            if not stderr.is_terminal:
                stderr.print(f"{event.phase:<14} {note}")
        self._bars.update(task, completed=self._total[event.phase] - len(left), note=note)

    def _summary(self, phase: str) -> str:
        if self._reused[phase] == self._total[phase]:
            return "reused"
        return f"{self._seconds[phase]:.1f} s of work"
