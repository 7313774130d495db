"""Whoever watches over a process is told how it stands, at once and honestly."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from ultimate_discord_intelligence_bot.errors import JobsUnreachable, SettingsError
from ultimate_discord_intelligence_bot.metrics import Metrics
from ultimate_discord_intelligence_bot.monitor import (
    Check,
    Monitor,
    Probe,
    next_address,
    parse_address,
)


@contextmanager
def monitor(**checks: Check) -> Iterator[httpx.Client]:
    with Monitor("0", Metrics(), checks) as shown:
        address = f"http://127.0.0.1:{shown.port}"
        with httpx.Client(base_url=address, trust_env=False) as client:
            yield client


def wait_for(event: threading.Event) -> Callable[[], None]:
    def wait() -> None:
        event.wait(60)

    return wait


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_figures_are_at_metrics() -> None:
    with monitor() as client:
        answer = client.get("/metrics")
    assert answer.status_code == 200
    assert "autointel_parallel_tasks_count 0.0" in answer.text


def test_a_process_that_is_well_says_so() -> None:
    with monitor(database=lambda: None, lease=lambda: None) as client:
        answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "checks": {"database": "ok", "lease": "ok"}}


def test_a_process_that_is_not_well_says_what_is_wrong() -> None:
    with monitor(database=lambda: None, lease=lambda: "It is lost.") as client:
        answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "failing",
        "checks": {"database": "ok", "lease": "It is lost."},
    }


@pytest.mark.parametrize("path", ["/", "/metrics/../etc/passwd", "/healthz/", "//metrics"])
def test_there_is_nothing_else(path: str) -> None:
    with monitor() as client:
        assert client.get(path).status_code == 404


def test_nothing_can_be_posted() -> None:
    with monitor() as client:
        assert client.post("/metrics", content=b"x").status_code == 501


def test_whoever_says_nothing_holds_nobody_up() -> None:
    with monitor(database=lambda: None) as client:
        port = client.base_url.port
        assert port
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
        try:
            assert client.get("/healthz").status_code == 200
        finally:
            for connection in silent:
                connection.close()


def test_a_database_that_hangs_does_not_hang_the_answer() -> None:
    released = threading.Event()
    with (
        Probe("hanging", wait_for(released), every=0.01, patience=0.05) as probe,
        monitor(database=probe.problem) as client,
    ):
        until(lambda: probe.problem() not in (None, "Not looked at yet."))
        began = time.monotonic()
        answer = client.get("/healthz")
        took = time.monotonic() - began
        released.set()
        assert answer.status_code == 503
        assert answer.json()["checks"]["database"].startswith("No answer for ")
        assert took < 1
        until(lambda: probe.problem() is None)


def test_what_was_not_looked_at_yet_is_not_called_well() -> None:
    released = threading.Event()
    with Probe("slow", wait_for(released), every=60) as probe:
        assert probe.problem() == "Not looked at yet."
        released.set()
        until(lambda: probe.problem() is None)


def test_a_probe_tells_what_it_saw_last() -> None:
    seen: list[Exception | None] = [JobsUnreachable("The jobs are away."), ValueError("odd"), None]

    def look() -> None:
        if len(seen) > 1:
            error = seen.pop(0)
            if error is not None:
                raise error

    problems = []
    with Probe("wavering", look, every=0.05) as probe:
        until(lambda: problems.append(probe.problem()) or len(seen) == 1)  # type: ignore[func-returns-value]
        until(lambda: probe.problem() is None)
    assert any(p and p.startswith("The jobs are away.") for p in problems)


def test_a_port_that_is_taken_is_a_message() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(SettingsError, match="own port") as caught:
            Monitor(address, Metrics(), {})
    assert address in caught.value.message


@pytest.mark.parametrize(
    ("text", "parsed", "following"),
    [
        ("9464", ("127.0.0.1", 9464), "127.0.0.1:9465"),
        ("0.0.0.0:9464", ("0.0.0.0", 9464), "0.0.0.0:9465"),
        ("[::1]:9464", ("::1", 9464), "[::1]:9465"),
        ("worker.internal:80", ("worker.internal", 80), "worker.internal:81"),
        ("0", ("127.0.0.1", 0), "127.0.0.1:0"),
    ],
)
def test_an_address_is_of_this_machine_unless_it_says_otherwise(
    text: str, parsed: tuple[str, int], following: str
) -> None:
    assert parse_address(text) == parsed
    assert next_address(text) == following


def test_a_number_that_is_no_port_is_a_message() -> None:
    with pytest.raises(SettingsError, match="65535"):
        parse_address("70000")


def test_it_also_listens_on_the_newer_protocol() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with Monitor("[::1]:0", Metrics(), {}) as shown:
        answer = httpx.get(f"http://[::1]:{shown.port}/healthz", trust_env=False)
    assert json.loads(answer.content)["status"] == "ok"
