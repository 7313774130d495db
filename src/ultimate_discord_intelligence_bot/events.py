"""Streams of events: whoever wants to know subscribes, whoever works only emits.

Every run has a stream of its own, which faces follow. What concerns the process as a whole goes to
``telemetry`` as well, to which metrics and traces subscribe.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Generic, Literal, TypeAlias, TypeVar

import structlog

E = TypeVar("E")

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
        code: of the error, on failed; None where the stage was skipped for want of its needs.
    """

    run_id: str
    phase: str
    stage: str
    kind: Kind
    message: str = ""
    fraction: float | None = None
    seconds: float | None = None
    at: float = field(default_factory=time.monotonic)
    code: str | None = None


@dataclass(frozen=True)
class RunEvent:
    """The beginning or the end of what is done for one recording.

    Attributes:
        purpose: a whole run; its speech recognition alone, for a run elsewhere; or an estimate of
            what it would cost.
        status: at the end: of the briefing, ``failed``, or ``cancelled``.
        seconds: at the end: how long it took.
        reused: at the end: whether nothing had to be done anew.
        phases: at the end: seconds by phase.
        error: at the end: why it failed.
    """

    run_id: str
    depth: str
    kind: Literal["started", "ended"]
    purpose: Literal["run", "listen", "estimate"] = "run"
    status: Literal["complete", "partial", "failed", "cancelled"] | None = None
    seconds: float = 0.0
    reused: bool = False
    phases: Mapping[str, float] = field(default_factory=dict)
    error: BaseException | None = None


@dataclass(frozen=True)
class ModelRequest:
    """One request to a language model has come to its end.

    Attributes:
        run_id, stage: on whose behalf it was made.
        provider: such as ``openai``.
        outcome: ``throttled`` where the provider says that it is asked too often, ``failed`` where
            it is at fault or out of reach, ``refused`` where asking again is of no use.
        attempt: 1 for the first request of a call.
        seconds: until the answer was there, or the failure.
        prompt, cached, completion: tokens; the cached ones are among those of the prompt.
        dollars: None when the price is unknown, or there was no answer.
    """

    run_id: str
    stage: str
    provider: str
    outcome: Literal["answered", "throttled", "failed", "refused", "cancelled"]
    attempt: int
    seconds: float
    prompt: int = 0
    cached: int = 0
    completion: int = 0
    dollars: float | None = None


@dataclass(frozen=True)
class BreakerEvent:
    """The circuit breaker before a provider has opened, or closed again."""

    provider: str
    is_open: bool


@dataclass(frozen=True)
class StoreCall:
    """A store of the memory has been asked something, or given something to keep.

    Attributes:
        error: why that came to nothing.
    """

    store: Literal["vector", "graph"]
    operation: Literal["write", "search"]
    seconds: float
    error: BaseException | None = None


@dataclass(frozen=True)
class CommandEvent:
    """The Discord bot has done what somebody asked for, with a command or a button.

    Attributes:
        command: name of the command, or of the kind of button.
        outcome: ``refused`` where the person could mend it, ``failed`` where we must,
            ``too_late`` where Discord did not wait for us.
        acknowledged: seconds until Discord had our first answer; None where it had none.
    """

    command: str
    outcome: Literal["answered", "refused", "failed", "too_late"]
    acknowledged: float | None = None


@dataclass(frozen=True)
class EditEvent:
    """The Discord bot has tried to show something in a message.

    Attributes:
        outcome: ``throttled`` where a limit of Discord puts it off; its end is told as well.
    """

    outcome: Literal["sent", "failed", "throttled"]


@dataclass(frozen=True)
class BotEvent:
    """How the Discord bot stands; None means as before.

    Attributes:
        online: whether it is connected.
        watches: messages that are followed.
    """

    online: bool | None = None
    watches: int | None = None


Telemetry: TypeAlias = (
    StageEvent
    | RunEvent
    | ModelRequest
    | BreakerEvent
    | StoreCall
    | CommandEvent
    | EditEvent
    | BotEvent
)


class Stream(Generic[E]):
    """Delivers events to subscribers in the thread that emits them. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscribers: tuple[Callable[[E], None], ...] = ()

    def subscribe(self, subscriber: Callable[[E], None]) -> Callable[[], None]:
        """Start delivery; call the returned function to end it."""
        with self._lock:
            self._subscribers = (*self._subscribers, subscriber)

        def unsubscribe() -> None:
            with self._lock:
                self._subscribers = tuple(s for s in self._subscribers if s is not subscriber)

        return unsubscribe

    def emit(self, event: E) -> None:
        """Deliver to everyone; a subscriber that fails is logged and harms nobody."""
        for subscriber in self._subscribers:
            try:
                subscriber(event)
            except Exception:
                kind = getattr(event, "kind", type(event).__name__)
                structlog.get_logger(__name__).exception("subscriber_failed", kind=kind)


class EventStream(Stream[StageEvent]):
    """What the stages of runs tell: one for each run, or for all runs of a face."""


Subscriber = Callable[[StageEvent], None]

telemetry: Stream[Telemetry] = Stream()
"""Of the whole process."""


@contextmanager
def store_call(
    store: Literal["vector", "graph"], operation: Literal["write", "search"]
) -> Iterator[None]:
    """Tell how long a store takes for what is done inside."""
    began, failure = time.monotonic(), None
    try:
        yield
    except BaseException as error:
        failure = error
        raise
    finally:
        telemetry.emit(StoreCall(store, operation, time.monotonic() - began, failure))


class Ending:
    """How what is done for a recording ends; filled in before its end.

    Attributes:
        status, error, phases, reused: as of ``RunEvent``.
    """

    status: Literal["complete", "partial", "failed"] = "complete"
    error: BaseException | None = None
    reused: bool = False
    phases: Mapping[str, float] = MappingProxyType({})


@contextmanager
def reported(
    run_id: str, depth: str, purpose: Literal["run", "listen", "estimate"] = "run"
) -> Iterator[Ending]:
    """Tell the beginning and the end of what is done inside, however it ends."""
    telemetry.emit(RunEvent(run_id, depth, "started", purpose))
    began, ending = time.monotonic(), Ending()
    status: Literal["complete", "partial", "failed", "cancelled"] = "cancelled"
    try:
        yield ending
        status = ending.status
    except Exception as error:
        status, ending.error = "failed", error
        raise
    finally:
        telemetry.emit(
            RunEvent(
                run_id,
                depth,
                "ended",
                purpose,
                status,
                time.monotonic() - began,
                ending.reused,
                ending.phases,
                ending.error,
            )
        )
