"""What the instruments make of what they hear."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultimate_discord_intelligence_bot.errors import (
    AutointelError,
    DiskFull,
    NetworkFailed,
    Private,
)
from ultimate_discord_intelligence_bot.events import (
    BotEvent,
    BreakerEvent,
    CommandEvent,
    EditEvent,
    ModelRequest,
    RunEvent,
    StageEvent,
    reported,
    store_call,
)
from ultimate_discord_intelligence_bot.metrics import CATALOGUE, WINDOW_S, Metrics, error_codes


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def ended(status: Any = "complete", error: BaseException | None = None, **more: Any) -> RunEvent:
    more = {"depth": "deep", "seconds": 4.0, **more}
    return RunEvent("run", kind="ended", status=status, error=error, **more)


def stage(kind: Any, name: str = "claims", run: str = "run") -> StageEvent:
    return StageEvent(run, "analysis", name, kind)


# -- runs -----------------------------------------------------------------------------------------


def test_a_run_is_counted_and_timed_with_its_phases() -> None:
    metrics = Metrics()
    metrics.hear(ended(seconds=40.0, phases={"analysis": 30.0}))
    assert value(metrics, "autointel_runs_total", depth="deep", status="complete") == 1
    assert value(metrics, "autointel_execution_duration_seconds_sum", depth="deep") == 40
    assert value(metrics, "autointel_phase_duration_seconds_sum", phase="analysis") == 30


def test_the_limit_of_the_alert_is_a_bound_of_the_histogram() -> None:
    metrics = Metrics()
    for seconds in (719.0, 721.0):
        metrics.hear(ended(depth="experimental", seconds=seconds))
    name = "autointel_execution_duration_seconds_bucket"
    assert value(metrics, name, depth="experimental", le="720.0") == 1


def test_a_run_for_which_nothing_was_done_does_not_count_as_fast() -> None:
    metrics = Metrics()
    metrics.hear(ended(reused=True, seconds=0.1))
    assert value(metrics, "autointel_runs_total", depth="deep", status="complete") == 1
    assert value(metrics, "autointel_execution_duration_seconds_count", depth="deep") is None


def test_what_was_done_for_another_purpose_is_no_run() -> None:
    metrics = Metrics()
    metrics.hear(ended(purpose="listen"))
    assert value(metrics, "autointel_runs_total", depth="deep", status="complete") == 0


def test_a_recording_that_cannot_be_had_is_no_failure_of_ours() -> None:
    metrics = Metrics()
    metrics.hear(ended("failed", Private("It is private.")))
    assert value(metrics, "autointel_runs_total", depth="deep", status="refused") == 1
    assert value(metrics, "autointel_runs_total", depth="deep", status="failed") == 0
    assert value(metrics, "autointel_errors_total", error_type="private") == 1
    assert value(metrics, "autointel_success_rate") is None


def test_an_error_that_nobody_foresaw_has_a_name_as_well() -> None:
    metrics = Metrics()
    metrics.hear(ended("failed", ZeroDivisionError("https://example.org/?token=abc")))
    assert value(metrics, "autointel_errors_total", error_type="internal") == 1


def test_counters_are_there_before_they_count() -> None:
    metrics = Metrics()
    for code in error_codes():
        assert value(metrics, "autointel_errors_total", error_type=code) == 0
    for status in ("complete", "partial", "failed", "refused", "cancelled"):
        assert value(metrics, "autointel_runs_total", depth="standard", status=status) == 0


def test_rates_are_those_of_the_last_hour() -> None:
    clock = Clock()
    metrics = Metrics(clock=clock)
    metrics.hear(ended("failed", DiskFull("Full.")))
    clock.now += WINDOW_S / 2
    for event in (ended(), ended("partial"), ended("failed", NetworkFailed("Away."))):
        metrics.hear(event)
    metrics.hear(ended("cancelled"))
    assert value(metrics, "autointel_success_rate") == 0.5
    assert value(metrics, "autointel_error_rate", error_type="disk_full") == 0.25
    clock.now += WINDOW_S / 2
    assert value(metrics, "autointel_success_rate") == pytest.approx(2 / 3)
    assert value(metrics, "autointel_error_rate", error_type="disk_full") is None
    clock.now += WINDOW_S
    assert value(metrics, "autointel_success_rate") is None


@given(st.lists(st.sampled_from(["complete", "partial", "failed"]), min_size=1, max_size=30))
def test_the_rates_add_up_to_one(statuses: list[Any]) -> None:
    metrics = Metrics()
    errors: tuple[AutointelError, ...] = (DiskFull("Full."), NetworkFailed("Away."))
    for number, status in enumerate(statuses):
        metrics.hear(ended(status, errors[number % 2] if status == "failed" else None))
    codes = [value(metrics, "autointel_error_rate", error_type=error.code) for error in errors]
    success = value(metrics, "autointel_success_rate")
    assert success is not None
    assert success + sum(filter(None, codes)) == pytest.approx(1)


def test_the_run_itself_tells_how_it_ended() -> None:
    metrics = Metrics()
    unfollow = metrics.follow()
    try:
        with reported("a", "standard") as ending:
            ending.status = "partial"
        with pytest.raises(ZeroDivisionError), reported("b", "standard"):
            raise ZeroDivisionError
        with pytest.raises(asyncio.CancelledError), reported("c", "standard"):
            raise asyncio.CancelledError
    finally:
        unfollow()
    with reported("d", "standard"):
        """Nobody listens any more."""
    for status, count in {"partial": 1, "failed": 1, "cancelled": 1, "complete": 0}.items():
        assert value(metrics, "autointel_runs_total", depth="standard", status=status) == count


# -- stages ---------------------------------------------------------------------------------------


def test_tasks_that_are_under_way_are_counted() -> None:
    metrics = Metrics()
    for event in (
        stage("started", "claims"),
        stage("started", "chapters"),
        stage("started", "claims", run="other"),
        stage("reused", "sentiment"),
        stage("finished", "claims"),
    ):
        metrics.hear(event)
    assert value(metrics, "autointel_parallel_tasks_count") == 2
    assert value(metrics, "autointel_stages_total", phase="analysis", status="done") == 1
    assert value(metrics, "autointel_stages_total", phase="analysis", status="reused") == 1


def test_a_run_that_is_cancelled_leaves_no_task_under_way() -> None:
    metrics = Metrics()
    metrics.hear(stage("started"))
    metrics.hear(ended("cancelled"))
    assert value(metrics, "autointel_parallel_tasks_count") == 0


def test_a_sign_of_life_is_dated() -> None:
    clock = Clock()
    metrics = Metrics(clock=clock)
    assert value(metrics, "autointel_last_event_timestamp_seconds") is None
    metrics.hear(stage("progress"))
    assert value(metrics, "autointel_last_event_timestamp_seconds") == clock.now


# -- means and bot --------------------------------------------------------------------------------


def test_requests_to_a_model_are_counted_with_what_they_cost() -> None:
    metrics = Metrics()
    request: dict[str, Any] = {"run_id": "run", "stage": "claims", "provider": "openai"}
    request["seconds"] = 2.0
    metrics.hear(ModelRequest(**request, outcome="throttled", attempt=1))
    metrics.hear(
        ModelRequest(
            **request,
            outcome="answered",
            attempt=2,
            prompt=100,
            cached=60,
            completion=10,
            dollars=0.5,
        )
    )
    for outcome in ("throttled", "answered"):
        name = "autointel_model_requests_total"
        assert value(metrics, name, provider="openai", outcome=outcome) == 1
    assert value(metrics, "autointel_model_retries_total", provider="openai") == 1
    assert value(metrics, "autointel_model_dollars_total", provider="openai") == 0.5
    tokens = {
        kind: value(metrics, "autointel_model_tokens_total", provider="openai", kind=kind)
        for kind in ("prompt", "cached", "completion")
    }
    assert tokens == {"prompt": 40, "cached": 60, "completion": 10}
    seconds = "autointel_model_request_duration_seconds_count"
    assert value(metrics, seconds, provider="openai") == 1


def test_a_breaker_is_open_until_it_closes() -> None:
    metrics = Metrics()
    for is_open in (True, False):
        metrics.hear(BreakerEvent("openai", is_open))
        assert value(metrics, "autointel_model_breaker_open", provider="openai") == is_open


def test_what_a_store_does_is_timed_and_its_errors_counted() -> None:
    metrics = Metrics()
    unfollow = metrics.follow()
    try:
        with store_call("vector", "search"):
            """Something is found."""
        with pytest.raises(DiskFull), store_call("vector", "write"):
            raise DiskFull("Full.")
        with pytest.raises(asyncio.CancelledError), store_call("graph", "write"):
            raise asyncio.CancelledError
    finally:
        unfollow()
    seconds, errors = "autointel_store_duration_seconds_count", "autointel_store_errors_total"
    assert value(metrics, seconds, store="vector", operation="search") == 1
    assert value(metrics, errors, store="vector", operation="write") == 1
    assert value(metrics, errors, store="graph", operation="write") is None


def test_a_process_without_a_bot_says_nothing_of_one() -> None:
    metrics = Metrics()
    assert value(metrics, "autointel_bot_online") is None
    metrics.hear(BotEvent(online=True, watches=3))
    metrics.hear(BotEvent(online=False))
    assert value(metrics, "autointel_bot_online") == 0
    assert value(metrics, "autointel_bot_watches") == 3


def test_commands_and_edits_of_the_bot_are_counted() -> None:
    metrics = Metrics()
    metrics.hear(CommandEvent("analyse", "answered", 0.2))
    metrics.hear(CommandEvent("analyse", "too_late"))
    metrics.hear(EditEvent("throttled"))
    name = "autointel_bot_commands_total"
    assert value(metrics, name, command="analyse", outcome="answered") == 1
    assert value(metrics, name, command="analyse", outcome="too_late") == 1
    assert value(metrics, "autointel_bot_acknowledgement_seconds_count") == 1
    assert value(metrics, "autointel_bot_edits_total", outcome="throttled") == 1


def test_a_label_that_takes_ever_new_values_is_cut_off() -> None:
    metrics = Metrics()
    for number in range(1000):
        metrics.hear(CommandEvent(f"command-{number}", "answered"))
    names = set(re.findall(rb'bot_commands_total\{command="([^"]+)"', metrics.exposition()[0]))
    assert len(names) < 70
    assert b"other" in names


# -- the registry ---------------------------------------------------------------------------------


def test_the_registry_is_the_catalogue() -> None:
    families = {family.name: family.type for family in Metrics().registry.collect()}
    ours = {name: kind for name, kind in families.items() if name.startswith("autointel_")}
    expected = {metric.name.removesuffix("_total"): metric.kind for metric in CATALOGUE}
    assert ours == expected


def test_it_is_text_that_prometheus_reads() -> None:
    text, kind = Metrics().exposition()
    assert kind.startswith("text/plain")
    assert b"# TYPE autointel_runs_total counter" in text
    assert b"_created" not in text


def test_memory_is_that_of_this_process() -> None:
    used = value(Metrics(), "autointel_memory_usage_bytes")
    assert used is not None
    assert 10e6 < used < 100e9


def test_whoever_does_not_show_metrics_does_not_load_the_library() -> None:
    package = "ultimate_discord_intelligence_bot"
    script = (
        f"import sys, {package}.cli, {package}.metrics, {package}.monitor, {package}.traces, "
        f"{package}.cli.monitoring\n"
        "assert not {'prometheus_client', 'opentelemetry'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
