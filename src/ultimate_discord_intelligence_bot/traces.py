"""Traces for OpenTelemetry: a span for each run, in it one for each stage, in it the model's calls.

Nothing is imported, and nothing sent, unless ``AUTOINTEL_TRACES_URL`` is set.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from . import __version__
from .closing import Closing
from .errors import AutointelError
from .events import ModelRequest, RunEvent, StageEvent, Telemetry, telemetry

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span

    from .settings import Settings

_PATIENCE_S = 5
"""For one attempt to send; a collector that is away loses its traces, and the run nothing."""

_PATH = "/v1/traces"

_SWITCH = "OTEL_SDK_DISABLED"

_beginning = threading.Lock()
_exporting: dict[str, Traces] = {}


def begin_tracing(settings: Settings) -> None:
    """Send traces from now on, where the settings name a collector; again does nothing. Blocks."""
    if settings.traces_url is None:
        return
    with _beginning:
        if settings.traces_url not in _exporting:
            _exporting[settings.traces_url] = Traces(_exporter(settings.traces_url))


def end_tracing() -> None:
    """Send what was not sent yet, and nothing more. The end of the process does the same."""
    with _beginning:
        for traces in _exporting.values():
            traces.close()
        _exporting.clear()


class Traces(Closing):
    """Makes spans of what runs tell, and hands them to an exporter in the background.

    Attributes of spans are names, counts and codes; no text of a recording and no link.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self._lock = threading.Lock()
        self._runs: dict[str, Span] = {}
        self._stages: dict[tuple[str, str], Span] = {}
        with _switched_on():
            self._provider = _provider()
            self._tracer = self._provider.get_tracer("autointel", __version__)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._unsubscribe = telemetry.subscribe(self.hear)

    def close(self) -> None:
        """Send what is finished, and listen no more."""
        self._unsubscribe()
        self._provider.shutdown()

    def hear(self, event: Telemetry) -> None:
        """Begin or end a span."""
        with self._lock:
            match event:
                case RunEvent(kind="started"):
                    self._runs[event.run_id] = self._span(
                        event.purpose, None, {"depth": event.depth, "run.id": event.run_id}
                    )
                case RunEvent():
                    self._end_run(event)
                case StageEvent(kind="started"):
                    self._begin_stage(event)
                case StageEvent(kind="finished" | "failed" | "reused"):
                    self._end_stage(event)
                case ModelRequest():
                    self._add_request(event)

    def _begin_stage(self, event: StageEvent, seconds: float = 0.0) -> Span:
        attributes = {"run.id": event.run_id, "stage": event.stage, "phase": event.phase}
        span = self._span(event.stage, self._runs.get(event.run_id), attributes, seconds)
        self._stages[event.run_id, event.stage] = span
        return span

    def _end_stage(self, event: StageEvent) -> None:
        # What is reused or skipped is told only when that is known.
        span = self._stages.get((event.run_id, event.stage)) or self._begin_stage(
            event, event.seconds or 0.0
        )
        del self._stages[event.run_id, event.stage]
        status = {"finished": "done", "reused": "reused"}.get(event.kind)
        status = status or ("failed" if event.code else "skipped")
        _finish(span, status, event.code, reused=event.kind == "reused")

    def _end_run(self, event: RunEvent) -> None:
        for key in [key for key in self._stages if key[0] == event.run_id]:
            _finish(self._stages.pop(key), "cancelled", None)
        span = self._runs.pop(event.run_id, None)
        if span is not None:
            code = event.error.code if isinstance(event.error, AutointelError) else None
            if event.error is not None and code is None:
                code = "internal"
            _finish(span, event.status or "complete", code, reused=event.reused)

    def _add_request(self, event: ModelRequest) -> None:
        within = self._stages.get((event.run_id, event.stage)) or self._runs.get(event.run_id)
        attributes = {
            "run.id": event.run_id,
            "stage": event.stage,
            "model.provider": event.provider,
            "model.attempt": event.attempt,
            "model.tokens.prompt": event.prompt,
            "model.tokens.cached": event.cached,
            "model.tokens.completion": event.completion,
        }
        if event.dollars is not None:
            attributes["model.dollars"] = event.dollars
        span = self._span("model request", within, attributes, event.seconds)
        failed = event.outcome not in ("answered", "cancelled")
        _finish(span, event.outcome, event.outcome if failed else None)

    def _span(
        self, name: str, within: Span | None, attributes: Mapping[str, Any], seconds: float = 0.0
    ) -> Span:
        """A span that began so many seconds ago."""
        from opentelemetry.context import Context
        from opentelemetry.trace import set_span_in_context

        # An empty context: whatever the caller traces itself has nothing to do with ours.
        context = set_span_in_context(within, Context()) if within else Context()
        return self._tracer.start_span(
            name,
            context,
            attributes={f"autointel.{key}": value for key, value in attributes.items()},
            start_time=time.time_ns() - int(1e9 * seconds),
        )


def _finish(span: Span, status: str, code: str | None, *, reused: bool | None = None) -> None:
    from opentelemetry.trace import Status, StatusCode

    span.set_attribute("autointel.status", status)
    if reused is not None:
        span.set_attribute("autointel.reused", reused)
    if code is not None:
        span.set_attribute("error.type", code)
        span.set_status(Status(StatusCode.ERROR, code))
    span.end()


def _provider() -> TracerProvider:
    """Our own, which nobody else in the process is given."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    about = {"service.name": "autointel", "service.version": __version__}
    return TracerProvider(resource=Resource(about))


def _exporter(url: str) -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    parts = urlsplit(url)
    endpoint = urlunsplit(parts._replace(path=_PATH)) if parts.path in ("", "/") else url
    return OTLPSpanExporter(endpoint=endpoint, timeout=_PATIENCE_S)


@contextmanager
def _switched_on() -> Iterator[None]:
    """CrewAI is kept from tracing by a variable of the environment that would stop us as well."""
    before = os.environ.pop(_SWITCH, None)
    try:
        yield
    finally:
        if before is not None:
            os.environ[_SWITCH] = before
