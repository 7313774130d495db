"""Figures for Prometheus: what this process has done and how it stands.

The instruments listen to ``events.telemetry`` and to nobody else; whoever works does not know of
them. Labels are bounded: names from our own code and settings, never links, ids or tenants.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from .errors import (
    AutointelError,
    DrmProtected,
    GeoBlocked,
    InputError,
    MembersOnly,
    NoAudio,
    NoMediaFound,
    NoSpeech,
    NotFound,
    Private,
    TooLarge,
)
from .events import (
    BotEvent,
    BreakerEvent,
    CommandEvent,
    EditEvent,
    ModelRequest,
    RunEvent,
    StageEvent,
    StoreCall,
    Telemetry,
    telemetry,
)
from .settings import Depth

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import GaugeMetricFamily

WINDOW_S = 3600.0
"""Over which the rates that are gauges are computed."""

_MOST_REMEMBERED = 100_000
"""Runs of the window; more of them do not change a rate."""

_MOST_VALUES = 64
"""Values that a label may take; what comes after them is ``other``."""

_OF_THE_INPUT = (
    InputError,
    NotFound,
    Private,
    MembersOnly,
    GeoBlocked,
    DrmProtected,
    NoMediaFound,
    TooLarge,
    NoAudio,
    NoSpeech,
)
"""What is wrong with the recording that somebody asked for: nobody can mend it but they."""

_STATUSES = ("complete", "partial", "failed", "refused", "cancelled")
_OUTCOMES = ("answered", "throttled", "failed", "refused", "cancelled")

_RUN_S = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 720, 900, 1800, 3600, 7200, 14400)
_PHASE_S = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200)
_MODEL_S = (0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300)
_STORE_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_ANSWER_S = (0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 2.5, 3, 5, 10)


@dataclass(frozen=True)
class Metric:
    """A name that Prometheus sees.

    Attributes:
        kind: of a gauge that is not known there is no sample.
        buckets: upper bounds, of a histogram.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()


CATALOGUE = (
    Metric(
        "autointel_execution_duration_seconds",
        "histogram",
        ("depth",),
        "Seconds from the beginning of a run to its briefing. Runs that brought none, and those "
        "for which nothing had to be done anew, are not in it.",
        _RUN_S,
    ),
    Metric(
        "autointel_phase_duration_seconds",
        "histogram",
        ("phase",),
        "Seconds from the beginning of the first stage of a phase to the end of its last one, of "
        "the same runs.",
        _PHASE_S,
    ),
    Metric("autointel_parallel_tasks_count", "gauge", (), "Stages under way in this process."),
    Metric(
        "autointel_memory_usage_bytes",
        "gauge",
        (),
        "Main memory of this process that is resident; without the processes it starts.",
    ),
    Metric(
        "autointel_success_rate",
        "gauge",
        (),
        "Share (0 to 1) of the runs that ended in this process within the last hour and brought a "
        "briefing, complete or partial. Refused and cancelled runs do not count; without any other "
        "there is no sample. Over several processes use autointel_runs_total.",
    ),
    Metric(
        "autointel_error_rate",
        "gauge",
        ("error_type",),
        "Share (0 to 1) of the same runs that failed with this error. Errors that did not happen "
        "within the hour have no sample. Over several processes use autointel_errors_total.",
    ),
    Metric(
        "autointel_runs_total",
        "counter",
        ("depth", "status"),
        "Runs that ended. status: complete; partial, where something is missing from the briefing; "
        "failed; refused, where the recording itself cannot be used (private, gone, silent, …); "
        "cancelled, also where another worker goes on with it.",
    ),
    Metric(
        "autointel_errors_total",
        "counter",
        ("error_type",),
        "Runs that failed or were refused, by the code of the error; internal where it has none.",
    ),
    Metric(
        "autointel_stages_total",
        "counter",
        ("phase", "status"),
        "Stages that ended. status: done, reused, failed.",
    ),
    Metric(
        "autointel_last_event_timestamp_seconds",
        "gauge",
        (),
        "When a stage of this process last gave a sign of life, in seconds since 1970.",
    ),
    Metric(
        "autointel_queue_jobs",
        "gauge",
        ("queue", "state"),
        "Jobs in the database, which all processes share: take the maximum. state: waiting, "
        "running.",
    ),
    Metric(
        "autointel_queue_oldest_waiting_seconds",
        "gauge",
        ("queue",),
        "How long the job has waited that waits longest; 0 where none does.",
    ),
    Metric(
        "autointel_workers_alive", "gauge", (), "Workers of the database that hold their lease."
    ),
    Metric(
        "autointel_model_requests_total",
        "counter",
        ("provider", "outcome"),
        "Requests to language models. outcome: answered; throttled, where the provider says that "
        "it is asked too often; failed, where it is at fault or out of reach; refused, where "
        "asking again is of no use; cancelled.",
    ),
    Metric(
        "autointel_model_retries_total",
        "counter",
        ("provider",),
        "Of them, those that repeat one that brought no answer.",
    ),
    Metric(
        "autointel_model_request_duration_seconds",
        "histogram",
        ("provider",),
        "Seconds until a request was answered. Waiting for its turn is not in it.",
        _MODEL_S,
    ),
    Metric(
        "autointel_model_tokens_total",
        "counter",
        ("provider", "kind"),
        "Tokens. kind: prompt, without those that the provider had kept; cached, which it had; "
        "completion.",
    ),
    Metric(
        "autointel_model_dollars_total",
        "counter",
        ("provider",),
        "US dollars, as far as prices are known.",
    ),
    Metric(
        "autointel_model_breaker_open",
        "gauge",
        ("provider",),
        "1 while the circuit breaker leaves a provider alone because it is down, else 0.",
    ),
    Metric(
        "autointel_store_duration_seconds",
        "histogram",
        ("store", "operation"),
        "Seconds that a store takes. store: vector, graph. operation: write (a whole recording), "
        "search.",
        _STORE_S,
    ),
    Metric(
        "autointel_store_errors_total",
        "counter",
        ("store", "operation"),
        "Writes and searches that failed.",
    ),
    Metric(
        "autointel_store_bytes",
        "gauge",
        ("store",),
        "Disk space of the files of the data folder. store: vector, graph (embedded ones only), "
        "outbox, jobs.",
    ),
    Metric(
        "autointel_outbox_writes",
        "gauge",
        (),
        "Writes to the memory that have begun and that a store has not confirmed.",
    ),
    Metric(
        "autointel_bot_commands_total",
        "counter",
        ("command", "outcome"),
        "Commands and buttons of the Discord bot. outcome: answered; refused, where the person can "
        "mend it; failed; too_late, where Discord did not wait.",
    ),
    Metric(
        "autointel_bot_acknowledgement_seconds",
        "histogram",
        (),
        "Seconds until Discord had the first answer to a command; it waits for three.",
        _ANSWER_S,
    ),
    Metric(
        "autointel_bot_edits_total",
        "counter",
        ("outcome",),
        "Edits of messages by the bot. outcome: sent; failed, to be tried again; throttled, put "
        "off by a limit of Discord, and counted once more when it ends.",
    ),
    Metric("autointel_bot_watches", "gauge", (), "Messages that the bot keeps up to date."),
    Metric("autointel_bot_online", "gauge", (), "1 while the bot is connected to Discord, else 0."),
)


class Metrics:
    """The instruments of this process. Thread-safe. Imports prometheus-client (some 50 ms).

    Args:
        clock: seconds since 1970.

    Attributes:
        registry: what Prometheus is shown.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        from prometheus_client import (
            CollectorRegistry,
            Histogram,
            ProcessCollector,
            disable_created_metrics,
        )
        from prometheus_client import Counter as Count

        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._clock = clock
        self._lock = threading.Lock()
        self._doing: dict[str, set[str]] = {}
        self._ended: deque[tuple[float, str | None]] = deque(maxlen=_MOST_REMEMBERED)
        self._gauges: dict[str, dict[tuple[str, ...], float]] = {}
        self._values: dict[str, set[str]] = {}
        self.registry: CollectorRegistry = CollectorRegistry()
        self._instruments: dict[str, Any] = {}
        for metric in CATALOGUE:
            about = (metric.name, metric.help, metric.labels)
            if metric.kind == "histogram":
                self._instruments[metric.name] = Histogram(
                    *about, buckets=metric.buckets, registry=self.registry
                )
            elif metric.kind == "counter":
                self._instruments[metric.name] = Count(*about, registry=self.registry)
        self.registry.register(_Gauges(self._standing))
        ProcessCollector(registry=self.registry)
        self._begin_at_zero()

    def follow(self) -> Callable[[], None]:
        """Listen from now on; the returned function ends it."""
        return telemetry.subscribe(self.hear)

    def hear(self, event: Telemetry) -> None:
        """Take an event into account."""
        match event:
            case StageEvent():
                self._hear_stage(event)
            case RunEvent():
                self._hear_run(event)
            case ModelRequest():
                self._hear_model(event)
            case StoreCall():
                self._hear_store(event)
            case BreakerEvent():
                self.set("autointel_model_breaker_open", event.is_open, event.provider)
            case CommandEvent() | EditEvent() | BotEvent():
                self._hear_bot(event)

    def set(self, name: str, value: float, *labels: str) -> None:
        """Let a gauge stand at a value from now on, for these values of its labels."""
        with self._lock:
            self._gauges.setdefault(name, {})[labels] = float(value)

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """All figures as text, and its content type; ``accept`` is the header of that name."""
        from prometheus_client.exposition import choose_encoder

        encode, kind = choose_encoder(accept)
        return encode(self.registry), kind

    # -- what is heard ------------------------------------------------------------------------

    def _hear_stage(self, event: StageEvent) -> None:
        self.set("autointel_last_event_timestamp_seconds", self._clock())
        status = {"finished": "done", "reused": "reused", "failed": "failed"}.get(event.kind)
        with self._lock:
            if event.kind == "started":
                self._doing.setdefault(event.run_id, set()).add(event.stage)
            elif status is not None and event.run_id in self._doing:
                self._doing[event.run_id].discard(event.stage)
        if status is not None:
            self._count("autointel_stages_total", event.phase, status)

    def _hear_run(self, event: RunEvent) -> None:
        if event.kind == "started":
            return
        with self._lock:
            self._doing.pop(event.run_id, None)  # what was cancelled tells no end
        if event.purpose != "run" or event.status is None:
            return
        status, code = event.status, None
        if status == "failed":
            code = event.error.code if isinstance(event.error, AutointelError) else "internal"
            status_shown = "refused" if isinstance(event.error, _OF_THE_INPUT) else "failed"
            self._count("autointel_errors_total", code)
        else:
            status_shown = status
        self._count("autointel_runs_total", event.depth, status_shown)
        if status_shown not in ("refused", "cancelled"):
            with self._lock:
                self._ended.append((self._clock(), code))
        if status in ("complete", "partial") and not event.reused:
            self._observe("autointel_execution_duration_seconds", event.seconds, event.depth)
            for phase, seconds in event.phases.items():
                self._observe("autointel_phase_duration_seconds", seconds, phase)

    def _hear_model(self, event: ModelRequest) -> None:
        provider = event.provider
        self._count("autointel_model_requests_total", provider, event.outcome)
        if event.attempt > 1:
            self._count("autointel_model_retries_total", provider)
        if event.outcome != "answered":
            return
        self._observe("autointel_model_request_duration_seconds", event.seconds, provider)
        name = "autointel_model_tokens_total"
        self._count(name, provider, "prompt", by=max(0, event.prompt - event.cached))
        self._count(name, provider, "cached", by=event.cached)
        self._count(name, provider, "completion", by=event.completion)
        if event.dollars:
            self._count("autointel_model_dollars_total", provider, by=event.dollars)

    def _hear_store(self, event: StoreCall) -> None:
        where = event.store, event.operation
        if event.error is None:
            self._observe("autointel_store_duration_seconds", event.seconds, *where)
        elif isinstance(event.error, Exception):  # to be cancelled is no error
            self._count("autointel_store_errors_total", *where)

    def _hear_bot(self, event: CommandEvent | EditEvent | BotEvent) -> None:
        match event:
            case CommandEvent():
                self._count("autointel_bot_commands_total", event.command, event.outcome)
                if event.acknowledged is not None:
                    self._observe("autointel_bot_acknowledgement_seconds", event.acknowledged)
            case EditEvent():
                self._count("autointel_bot_edits_total", event.outcome)
            case BotEvent():
                if event.online is not None:
                    self.set("autointel_bot_online", event.online)
                if event.watches is not None:
                    self.set("autointel_bot_watches", event.watches)

    # -- the instruments ------------------------------------------------------------------------

    def _count(self, name: str, *labels: str, by: float = 1) -> None:
        self._of(name, labels).inc(by)

    def _observe(self, name: str, seconds: float, *labels: str) -> None:
        self._of(name, labels).observe(seconds)

    def _of(self, name: str, labels: tuple[str, ...]) -> Any:
        instrument = self._instruments[name]
        return (
            instrument.labels(*(self._bounded(name, v) for v in labels)) if labels else instrument
        )

    def _bounded(self, name: str, value: str) -> str:
        with self._lock:
            known = self._values.setdefault(name, set())
            if value not in known and len(known) >= self._most(name):
                return "other"
            known.add(value)
        return value

    @staticmethod
    def _most(name: str) -> int:
        return 4 * _MOST_VALUES if name == "autointel_errors_total" else _MOST_VALUES

    def _begin_at_zero(self) -> None:
        """A counter that appears with its first event has, for PromQL, not counted that one."""
        for depth in Depth:
            for status in _STATUSES:
                self._count("autointel_runs_total", depth, status, by=0)
        for code in error_codes():
            self._count("autointel_errors_total", code, by=0)
        for outcome in ("sent", "failed", "throttled"):
            self._count("autointel_bot_edits_total", outcome, by=0)

    def _standing(self) -> dict[str, dict[tuple[str, ...], float]]:
        """The gauges as they stand."""
        now = self._clock()
        with self._lock:
            standing = {name: dict(values) for name, values in self._gauges.items()}
            doing = sum(map(len, self._doing.values()))
            while self._ended and self._ended[0][0] <= now - WINDOW_S:
                self._ended.popleft()
            codes = Counter(code for _, code in self._ended)
        standing["autointel_parallel_tasks_count"] = {(): doing}
        standing["autointel_memory_usage_bytes"] = {(): resident_bytes()}
        if ended := codes.total():
            standing["autointel_success_rate"] = {(): codes.pop(None, 0) / ended}
            standing["autointel_error_rate"] = {(str(c),): n / ended for c, n in codes.items()}
        return standing


class _Gauges:
    """A collector of the gauges that have a value."""

    def __init__(self, standing: Callable[[], Mapping[str, Mapping[tuple[str, ...], float]]]):
        self._standing = standing

    def describe(self) -> Iterator[GaugeMetricFamily]:
        yield from self._families({})

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield from self._families(self._standing())

    def _families(
        self, standing: Mapping[str, Mapping[tuple[str, ...], float]]
    ) -> Iterator[GaugeMetricFamily]:
        from prometheus_client.core import GaugeMetricFamily

        for metric in CATALOGUE:
            if metric.kind == "gauge":
                family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
                for labels, value in standing.get(metric.name, {}).items():
                    family.add_metric(labels, value)
                yield family


def error_codes() -> frozenset[str]:
    """What the label ``error_type`` may be."""
    kinds = [AutointelError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return frozenset(kind.code for kind in kinds) | {"internal"}


def resident_bytes() -> float:
    """Main memory of this process; where the system does not tell, the most it ever had."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return float(most if sys.platform == "darwin" else 1024 * most)
    return float(pages * os.sysconf("SC_PAGE_SIZE"))
