"""What a run tells becomes spans, and they reach the collector."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator

import pytest

from tests.otlp_collector import Collector, collecting
from ultimate_discord_intelligence_bot.errors import DiskFull
from ultimate_discord_intelligence_bot.events import (
    ModelRequest,
    RunEvent,
    StageEvent,
    reported,
    telemetry,
)
from ultimate_discord_intelligence_bot.settings import load_settings
from ultimate_discord_intelligence_bot.traces import begin_tracing, end_tracing


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as stub:
        begin_tracing(load_settings(AUTOINTEL_TRACES_URL=stub.url))
        try:
            yield stub
        finally:
            end_tracing()


def tell(kind: str, stage: str, run: str = "r1", **more: object) -> None:
    telemetry.emit(StageEvent(run, "analysis", stage, kind, **more))  # type: ignore[arg-type]


def request(stage: str, outcome: str = "answered", run: str = "r1", attempt: int = 1) -> None:
    telemetry.emit(
        ModelRequest(run, stage, "openai", outcome, attempt, 0.25, prompt=7, dollars=0.01)  # type: ignore[arg-type]
    )


def test_a_run_holds_its_stages_and_they_hold_the_requests(collector: Collector) -> None:
    with reported("r1", "deep") as ending:
        tell("started", "claims")
        request("claims", "throttled")
        request("claims", attempt=2)
        tell("finished", "claims", seconds=1.0)
        tell("reused", "chapters", seconds=0.5)
        tell("failed", "summary", seconds=0.0, message="It needs claims")
        ending.status = "partial"
    end_tracing()
    (run,) = collector.named("run")
    stages = {name: collector.named(name)[0] for name in ("claims", "chapters", "summary")}
    requests = collector.named("model request")
    assert collector.paths == {"/v1/traces"}
    assert run.parent == b""
    assert {span.parent for span in stages.values()} == {run.id}
    assert {span.parent for span in requests} == {stages["claims"].id}
    assert {span.trace for span in collector.spans} == {run.trace}
    assert {span.attributes["autointel.run.id"] for span in collector.spans} == {"r1"}
    assert run.attributes["autointel.status"] == "partial"
    told = {
        name: (span.attributes["autointel.status"], span.attributes["autointel.reused"])
        for name, span in stages.items()
    }
    assert told == {
        "claims": ("done", False),
        "chapters": ("reused", True),
        "summary": ("skipped", False),
    }
    assert stages["chapters"].seconds == pytest.approx(0.5, abs=0.1)
    assert [span.failed for span in requests] == [True, False]
    assert [span.attributes["autointel.model.attempt"] for span in requests] == [1, 2]


def test_a_failure_is_told_by_its_code_and_without_a_word(collector: Collector) -> None:
    secret = "https://example.org/?token=abcdef"

    def run() -> None:
        with reported("r1", "deep"):
            tell("started", "claims")
            tell("progress", "claims", message=secret, fraction=0.5)
            tell("failed", "claims", message=secret, seconds=1.0, code="disk_full")
            raise DiskFull(secret)

    with pytest.raises(DiskFull):
        run()
    end_tracing()
    assert all(span.failed for span in collector.spans)
    assert {span.attributes["error.type"] for span in collector.spans} == {"disk_full"}
    assert b"token" not in b"".join(collector.bodies)


def test_what_was_cancelled_is_no_failure_and_leaves_nothing_open(collector: Collector) -> None:
    telemetry.emit(RunEvent("r1", "deep", "started"))
    tell("started", "claims")
    telemetry.emit(RunEvent("r1", "deep", "ended", status="cancelled"))
    end_tracing()
    assert {span.attributes["autointel.status"] for span in collector.spans} == {"cancelled"}
    assert not any(span.failed for span in collector.spans)


def test_runs_side_by_side_do_not_meet(collector: Collector) -> None:
    with reported("r1", "deep"), reported("r2", "deep"):
        for run in ("r1", "r2"):
            tell("started", "claims", run)
        for run in ("r2", "r1"):
            request("claims", run=run)
            tell("finished", "claims", run, seconds=0.1)
    end_tracing()
    for run in ("r1", "r2"):
        mine = [s for s in collector.spans if s.attributes["autointel.run.id"] == run]
        assert sorted(span.name for span in mine) == ["claims", "model request", "run"]
        assert len({span.trace for span in mine}) == 1


def test_crewai_is_not_let_speak_by_us(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_tracing()
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    begin_tracing(load_settings(AUTOINTEL_TRACES_URL=collector.url))
    assert os.environ["OTEL_SDK_DISABLED"] == "true"
    with reported("r1", "deep"):
        """Nothing is done."""
    end_tracing()
    assert collector.named("run")
    from opentelemetry import trace

    assert not trace.get_tracer_provider().__class__.__module__.startswith("opentelemetry.sdk")


def test_without_an_address_nobody_listens() -> None:
    begin_tracing(load_settings())
    assert not telemetry._subscribers


def test_a_collector_that_is_away_costs_the_run_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    begin_tracing(load_settings(AUTOINTEL_TRACES_URL=f"http://127.0.0.1:{port}"))
    began = time.monotonic()
    with reported("r1", "deep"):
        tell("started", "claims")
    assert time.monotonic() - began < 1
    end_tracing()
