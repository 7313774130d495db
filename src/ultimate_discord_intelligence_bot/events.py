"""One stream of events per process; faces and metrics subscribe, stages only emit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import structlog

Kind = Literal["started", "progress", "partial", "reused", "finished", "failed"]

Progress = Callable[[float | None, str], None]
"""How a stage tells how far it is: a fraction from 0 to 1 (None when unknown) and a few words."""


def silent(fraction: float | None, message: str) -> None:
    """A ``Progress`` for callers that do not care."""


@dataclass(frozen=True)
class StageEvent:
    """Something that happened to one stage of one run.

    Attributes:
        seconds: duration of the stage, on reused, finished and failed.
        fraction: 0 to 1, on progress.
        at: monotonic clock, seconds.
    """

    run_id: str
    phase: str
    stage: str
    kind: Kind
    message: str = ""
    fraction: float | None = None
    seconds: float | None = None
    at: float = field(default_factory=time.monotonic)


Subscriber = Callable[[StageEvent], None]


class EventStream:
    """Delivers events to subscribers in the thread that emits them. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscribers: tuple[Subscriber, ...] = ()

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Start delivery; call the returned function to end it."""
        with self._lock:
            self._subscribers = (*self._subscribers, subscriber)

        def unsubscribe() -> None:
            with self._lock:
                self._subscribers = tuple(s for s in self._subscribers if s is not subscriber)

        return unsubscribe

    def emit(self, event: StageEvent) -> None:
        """Deliver to everyone; a subscriber that fails is logged and harms nobody."""
        for subscriber in self._subscribers:
            try:
                subscriber(event)
            except Exception:
                structlog.get_logger(__name__).exception("subscriber_failed", kind=event.kind)
