"""Short of memory, with a model that is slow and refuses: everything ends well, only later."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.benchmarks.figures import Figures
from tests.fixtures_whisper import build_tiny_whisper
from tests.llm.conftest import ask, echo
from tests.media import make_voice
from tests.model_server import Fault, ModelServer, serving
from tests.newsroom import answer
from ultimate_discord_intelligence_bot import machine
from ultimate_discord_intelligence_bot.autonomous_orchestrator import (
    AutonomousIntelligenceOrchestrator,
    RunResult,
)
from ultimate_discord_intelligence_bot.errors import ModelUnavailable
from ultimate_discord_intelligence_bot.events import EventStream, StageEvent
from ultimate_discord_intelligence_bot.llm.gate import Gate
from ultimate_discord_intelligence_bot.llm.gateway import Account, Gateway
from ultimate_discord_intelligence_bot.llm.ledger import Budget, Ledger
from ultimate_discord_intelligence_bot.llm.provider import Address, CrewProvider
from ultimate_discord_intelligence_bot.machine import MB, Memory
from ultimate_discord_intelligence_bot.settings import load_settings

RUNS = 4
BALLAST = 400
"""Megabytes of the speech model: that of ``small``, or nearly."""

FOR_RUNS = 400
"""Megabytes by which the process itself may grow while all runs are under way."""

MOST_ERRORS = 1.0
"""In a hundred."""

FAULTS: tuple[Fault, ...] = ("429", "503", "429", "500")
"""What the provider answers to the first requests."""


@dataclass
class Diary:
    """What was seen of one side."""

    peak: float = 0.0
    seconds: float = 0.0
    events: list[StageEvent] = field(default_factory=list)
    refused: int = 0
    reports: list[dict[str, Any]] = field(default_factory=list)

    @property
    def waited(self) -> int:
        """Recordings that waited for memory."""
        return len({e.run_id for e in self.events if e.message == "waiting for memory"})

    @property
    def error_rate(self) -> float:
        kinds = Counter(event.kind for event in self.events)
        return kinds["failed"] / (kinds["failed"] + kinds["finished"])


@contextmanager
def watched(diary: Diary) -> Iterator[None]:
    """Notes memory, by the sum of the proportional set sizes of all processes."""
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.02):
            diary.peak = max(diary.peak, machine.family_footprint() / MB)

    watcher = threading.Thread(target=look)
    watcher.start()
    began = time.monotonic()
    try:
        yield
    finally:
        diary.seconds = time.monotonic() - began
        ended.set()
        watcher.join()


def pressed(folder: Path, talks: list[Path], model: Path, stub: ModelServer, **more: Any) -> Diary:
    """All recordings at once, in a data folder of their own."""
    diary = Diary()
    events = EventStream()
    events.subscribe(diary.events.append)
    settings = load_settings(
        AUTOINTEL_DATA_DIR=folder,
        AUTOINTEL_WHISPER_MODEL=str(model),
        AUTOINTEL_LLM="openai/stub",
        AUTOINTEL_LLM_BASE_URL=stub.url,
        AUTOINTEL_LLM_PRICE="1/4",
        AUTOINTEL_LOG_LEVEL="error",
        **more,
    )
    conductor = AutonomousIntelligenceOrchestrator(settings, events=events, allow_files=True)

    async def every() -> list[RunResult]:
        return await asyncio.gather(
            *(conductor.execute_autonomous_intelligence_workflow(str(talk)) for talk in talks)
        )

    before = stub.answered
    with watched(diary), capture_logs():
        results = asyncio.run(every())
    assert [(result.status, result.missing) for result in results] == [("complete", ())] * len(
        talks
    )
    assert stub.answered > before
    diary.refused = sum(request.fault is not None for request in stub.seen)
    diary.reports = [content(result) for result in results]
    return diary


def content(result: RunResult) -> dict[str, Any]:
    """The report as it was written, without its one timing."""
    assert result.out is not None
    report: dict[str, Any] = json.loads((result.out / "report.json").read_text())
    del report["acquired_at"]
    return report


@pytest.mark.benchmark
def test_runs_that_would_not_fit_together_take_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figures: Figures
) -> None:
    model = build_tiny_whisper(tmp_path / "whisper", ballast=BALLAST)
    talks = [make_voice(tmp_path / f"talk_{n}.flac", [(0.5, 25.0 + n)], 30.0) for n in range(RUNS)]
    with serving(answer) as quick:
        undisturbed = [
            pressed(tmp_path / f"alone-{n}", [talk], model, quick).reports[0]
            for n, talk in enumerate(talks)
        ]
    base = machine.family_footprint() / MB
    need = 250 + 1.5 * BALLAST
    limit = int(base + FOR_RUNS + need)
    sides: dict[str, Diary] = {}
    with serving(answer, latency=0.3, capacity=2, retry_after="0.2") as slow:
        slow.faults.extend(FAULTS)
        sides["adaptive"] = pressed(
            tmp_path / "adaptive", talks, model, slow, AUTOINTEL_MEMORY_MB=limit
        )
        slow.seen.clear()
        slow.faults.extend(FAULTS)
        with monkeypatch.context() as patch:
            endless = Memory(1 << 50, 1 << 50)
            patch.setattr(machine, "memory", lambda most_mb=None: endless)
            sides["fixed: all at once"] = pressed(tmp_path / "fixed", talks, model, slow)
    figures.compare(
        f"{RUNS} recordings of half a minute, short of memory",
        {name: [diary.seconds] for name, diary in sides.items()},
    )
    figures.note("taken before", base, "MB")
    for name, diary in sides.items():
        promised = name == "adaptive"
        figures.note(f"peak memory, {name}", diary.peak, "MB", most=limit if promised else None)
        figures.note(f"that waited for memory, {name}", diary.waited, "recordings")
        figures.note(f"requests refused, {name}", diary.refused, "")
        figures.note(f"failed stages, {name}", 100 * diary.error_rate, "%", most=MOST_ERRORS)
        assert 100 * diary.error_rate < MOST_ERRORS
        assert diary.reports == undisturbed
    assert sides["fixed: all at once"].peak > limit
    assert sides["adaptive"].waited
    assert sides["adaptive"].refused


@pytest.mark.benchmark
def test_a_provider_that_is_pressed_loses_no_call_where_the_number_at_once_follows_it(
    monkeypatch: pytest.MonkeyPatch, figures: Figures
) -> None:
    """It takes three requests at once, and every answer takes its time."""
    calls, most = 120, 24
    refused: dict[str, int] = {}
    lost: dict[str, int] = {}
    seconds: dict[str, float] = {}

    async def every(gateway: Gateway) -> list[object]:
        account = Account(Ledger(Budget(), None), "reading", "somebody")
        asked = (gateway.complete(ask(f"Question {n}"), account) for n in range(calls))
        return list(await asyncio.gather(*asked, return_exceptions=True))

    for name in ("adaptive", "fixed"):
        with (
            serving(echo, latency=0.05, capacity=3, retry_after="0.2") as stub,
            monkeypatch.context() as patch,
            capture_logs(),
        ):
            if name == "fixed":
                patch.setattr(Gate, "_decrease", lambda gate, passage, factor: None)
            address = Address("openai", "stub", "k3y", stub.url, timeout=5.0)
            gateway = Gateway(CrewProvider(address), gate=Gate(most))
            began = time.monotonic()
            answers = asyncio.run(every(gateway))
            seconds[name] = time.monotonic() - began
            gateway.close()
            lost[name] = sum(isinstance(answer, ModelUnavailable) for answer in answers)
            refused[name] = sum(request.fault is not None for request in stub.seen)
            assert lost[name] + stub.answered == calls
    figures.compare(
        f"{calls} questions, up to {most} at once, to a provider that takes 3",
        {name: [taken] for name, taken in seconds.items()},
    )
    for name in refused:
        promised = MOST_ERRORS if name == "adaptive" else None
        figures.note(f"refused, {name}", refused[name], "")
        figures.note(f"without an answer, {name}", 100 * lost[name] / calls, "%", most=promised)
    assert refused["adaptive"] < refused["fixed"]
