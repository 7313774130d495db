"""Whole runs, end to end and by phase: one stage after another, all flags on, and pipelined.

Two sets of stages. **Simulated**: stages that sleep in the proportions of a system that took 11.5
minutes for a recording (see `tests.simulation`), and everything around them real. **Real**: the
sample debate, and an hour of captions, with the local models.

Of a simulated run the least time is known: its critical path (`tests.simulation.least`). What it
takes beyond that is what the crew, the runner, the stores and the briefing cost. What imports and
start-up cost is measured in ``test_startup.py``.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.benchmarks.figures import Bar, Figures
from tests.benchmarks.hour import SEGMENTS, sentences
from tests.benchmarks.measure import interleave
from tests.model_server import serving
from tests.newsroom import answer
from tests.simulation import least, scaled, simulated
from ultimate_discord_intelligence_bot.autonomous_orchestrator import (
    AutonomousIntelligenceOrchestrator,
)
from ultimate_discord_intelligence_bot.critical_path import Profile
from ultimate_discord_intelligence_bot.plans import Phase, plan_for
from ultimate_discord_intelligence_bot.runs import PROFILES
from ultimate_discord_intelligence_bot.settings import Depth, Settings, load_settings

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(300)]

SEQUENTIAL, FLAGS, PIPELINED = "one after another", "all flags on", "pipelined"
MODES: Mapping[str, dict[str, int]] = {
    SEQUENTIAL: {"ENABLE_PARALLEL_AUTOINTEL": 0},
    FLAGS: {},
    PIPELINED: {"ENABLE_PIPELINED_RUN": 1},
}
LATENCY = 0.5
"""Seconds that a language model takes for an answer."""

GROUPS = ("analysis", "fact_checking", "memory_ops")


def settings(flags: Mapping[str, int]) -> Settings:
    """Those of a run in the working folder."""
    return load_settings(AUTOINTEL_DATA_DIR=Path("data").absolute(), **flags)


# -- simulated ------------------------------------------------------------------------------------


class Ran(NamedTuple):
    """A simulated run that is complete."""

    report: str
    phases: dict[str, float]
    profile: Profile


def ran(flags: Mapping[str, int], depth: Depth = Depth.EXPERIMENTAL) -> Ran:
    chosen = settings(flags)
    orchestrator = AutonomousIntelligenceOrchestrator(chosen)
    result = asyncio.run(
        orchestrator.execute_autonomous_intelligence_workflow(
            "https://example.org/talk", depth, fresh=True
        )
    )
    assert result.status == "complete", result.error
    assert result.out is not None
    profile = chosen.data_dir / "runs" / result.run_id / PROFILES / f"{depth}.json"
    return Ran(
        (result.out / "report.json").read_text(),
        result.phases,
        Profile.decode(profile.read_bytes()),
    )


def sides(depth: Depth = Depth.EXPERIMENTAL) -> dict[str, Callable[[], Ran]]:
    return {name: lambda flags=flags: ran(flags, depth) for name, flags in MODES.items()}  # type: ignore[misc]


@pytest.fixture
def _imported(_empty_working_folder: None) -> None:
    """A first run has loaded whatever is loaded once."""
    with simulated():
        ran({})


def bars(profile: Profile) -> Iterator[Bar]:
    for span in profile.spans:
        if span.ended - span.began > 0.02 or span.ahead is not None:
            yield Bar(span.stage, span.began, span.ended, span.ahead and span.ahead[0])


@pytest.mark.usefixtures("_imported")
def test_the_first_system_sixty_times_as_fast(figures: Figures) -> None:
    seconds = scaled(60)
    with simulated(seconds, chapters=100):
        took, runs = interleave(sides(), rounds=2)
    title = "Simulated, experimental, 1/60 of the first system"
    compared = figures.compare(title, took, watch={FLAGS: SEQUENTIAL, PIPELINED: SEQUENTIAL})
    for phase in Phase:
        each = {name: [run.phases[phase] for run in some] for name, some in runs.items()}
        figures.compare(f"Simulated, experimental, phase {phase}", each)
    path = {name: least(Depth.EXPERIMENTAL, settings(f), seconds) for name, f in MODES.items()}
    tasks = len(plan_for(Depth.EXPERIMENTAL, settings({})).stages)
    for name, ideal in path.items():
        figures.note(f"critical path, {name}", ideal, "s")
        beyond = statistics.median(took[name]) - ideal
        figures.note(f"beyond it a task, {name}", beyond / tasks * 1000, "ms")
        figures.timeline(f"Simulated, {name}", bars(runs[name][0].profile))

    assert len({run.report for some in runs.values() for run in some}) == 1
    for name, most in ((FLAGS, 0.55), (PIPELINED, 0.40)):
        figures.note(f"{name} / {SEQUENTIAL}", compared.ratio(name).value, "", most=most)
    beyond = min(took[FLAGS]) / path[FLAGS]
    figures.note(f"{FLAGS} / the critical path", beyond, "", most=1.05)


@pytest.mark.usefixtures("_imported")
def test_what_a_run_costs_besides_its_stages(figures: Figures) -> None:
    with simulated():
        took, runs = interleave(sides(), rounds=7)
    figures.compare("Simulated, experimental, empty stages", took)
    tasks = len(plan_for(Depth.EXPERIMENTAL, settings({})).stages)
    for name, values in took.items():
        figures.note(f"a task, {name}", statistics.median(values) / tasks * 1000, "ms")
    assert len({run.report for some in runs.values() for run in some}) == 1


def every_setting() -> dict[str, dict[str, int]]:
    """All sixteen, and without barriers with all flags on and with all of the groups' off."""
    found: dict[str, dict[str, int]] = {}
    for master, *values in itertools.product((0, 1), repeat=4):
        names = [group.replace("_", " ") for group, on in zip(GROUPS, values, strict=True) if on]
        flags = {f"ENABLE_PARALLEL_{g.upper()}": v for g, v in zip(GROUPS, values, strict=True)}
        label = f"{'on' if master else 'off'}: {', '.join(names) or 'none'}"
        found[label] = flags | {"ENABLE_PARALLEL_AUTOINTEL": master}
    off = {f"ENABLE_PARALLEL_{group.upper()}": 0 for group in GROUPS}
    return found | {
        "pipelined: none": {**off, **MODES[PIPELINED]},
        "pipelined: all": MODES[PIPELINED],
    }


@pytest.mark.usefixtures("_imported")
@pytest.mark.parametrize("depth", Depth)
def test_every_setting(depth: Depth, figures: Figures) -> None:
    def side(flags: dict[str, int]) -> Callable[[], Ran]:
        return lambda: ran(flags, depth)

    with simulated(scaled(3000), chapters=10):
        all_of_them = {name: side(flags) for name, flags in every_setting().items()}
        took, runs = interleave(all_of_them, rounds=2)
    figures.compare(f"Simulated, {depth}, 1/3000 of the first system", took)
    assert len({run.report for some in runs.values() for run in some}) == 1


# -- real -----------------------------------------------------------------------------------------


def _clock(seconds: float) -> str:
    return f"{int(seconds // 3600):02d}:{int(seconds // 60) % 60:02d}:{seconds % 60:06.3f}"


@pytest.fixture
def hour(tmp_path: Path) -> Path:
    length = 3600 / SEGMENTS
    cues = "\n\n".join(
        f"{_clock(i * length)} --> {_clock(i * length + length - 0.2)}\n"
        f"<v {('Ada', 'Ben')[i // 3 % 2]}>{sentence}"
        for i, sentence in enumerate(sentences())
    )
    path = tmp_path / "hour.vtt"
    path.write_text(f"WEBVTT\n\n{cues}\n")
    return path


def really_ran(source: Path, depth: Depth, folder: Path, flags: Mapping[str, int]) -> Any:
    """A run in a process of its own."""
    module = "tests.benchmarks.recorded_run"
    done = subprocess.run(
        [sys.executable, "-m", module, str(source), depth],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "AUTOINTEL_DATA_DIR": str(folder)}
        | {name: str(value) for name, value in flags.items()},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def real_runs(source: Path, depth: Depth, folder: Path) -> dict[str, list[Any]]:
    """Complete runs of each mode, whose reports are equal."""
    folders = (folder / str(number) for number in itertools.count())

    def side(flags: Mapping[str, int]) -> Callable[[], Any]:
        return lambda: really_ran(source, depth, next(folders), flags)

    _, runs = interleave({name: side(flags) for name, flags in MODES.items()}, rounds=2)
    report = runs[SEQUENTIAL][0]["report"]
    for some in runs.values():
        assert [(run["status"], run["report"]) for run in some] == [("complete", report)] * 2
    return runs


def tell(title: str, runs: Mapping[str, list[Any]], figures: Figures) -> None:
    """Record times and memory. What runs side by side is in memory at the same time."""
    took = {name: [run["seconds"] for run in some] for name, some in runs.items()}
    figures.compare(title, took, watch={FLAGS: SEQUENTIAL, PIPELINED: SEQUENTIAL})
    for phase in Phase:
        if phase in runs[SEQUENTIAL][0]["phases"]:
            times = {n: [run["phases"][phase] for run in some] for n, some in runs.items()}
            figures.compare(f"{title}, phase {phase}", times)
    peaks = {name: min(run["peak_mb"] for run in some) for name, some in runs.items()}
    for name, peak in peaks.items():
        figures.note(f"peak memory, {name}, imports included", peak, "MB", most=1000)
    for name, most in ((FLAGS, 1.10), (PIPELINED, 1.25)):
        ratio = peaks[name] / peaks[SEQUENTIAL]
        figures.note(f"peak memory, {name} / {SEQUENTIAL}", ratio, "", most=most)


def test_the_sample_debate(debate: Path, tmp_path: Path, figures: Figures) -> None:
    tell(
        "The sample debate, experimental", real_runs(debate, Depth.EXPERIMENTAL, tmp_path), figures
    )


def test_the_sample_debate_with_a_language_model(
    debate: Path, tmp_path: Path, figures: Figures
) -> None:
    folders = (tmp_path / str(number) for number in itertools.count())

    def side(flags: Mapping[str, int]) -> Callable[[], dict[str, Any]]:
        return lambda: execute(next(folders), flags)

    def execute(folder: Path, flags: Mapping[str, int]) -> dict[str, Any]:
        chosen = load_settings(
            AUTOINTEL_DATA_DIR=folder,
            AUTOINTEL_LLM="openai/stub",
            AUTOINTEL_LLM_BASE_URL=server.url,
            **flags,
        )
        orchestrator = AutonomousIntelligenceOrchestrator(chosen, allow_files=True)
        run = orchestrator.execute_autonomous_intelligence_workflow(str(debate), "experimental")
        result = asyncio.run(run)
        assert result.status == "complete", result.error
        assert result.out is not None
        report = json.loads((result.out / "report.json").read_text())
        del report["acquired_at"]
        return dict(report)

    with serving(answer, latency=LATENCY) as server:
        execute(tmp_path / "imports", MODES[FLAGS])
        server.seen.clear()
        took, reports = interleave({n: side(flags) for n, flags in MODES.items()}, rounds=2)
    title = f"The sample debate, experimental, a language model that takes {LATENCY} s"
    compared = figures.compare(title, took, watch={FLAGS: SEQUENTIAL, PIPELINED: SEQUENTIAL})
    figures.note("questions a run", len(server.seen) / 6, "")
    assert all(each == reports[SEQUENTIAL][0] for some in reports.values() for each in some)
    for name, most in ((FLAGS, 0.9), (PIPELINED, 0.75)):
        figures.note(f"{name} / {SEQUENTIAL}", compared.ratio(name).value, "", most=most)


def test_an_hour_of_captions(hour: Path, tmp_path: Path, figures: Figures) -> None:
    runs = real_runs(hour, Depth.STANDARD, tmp_path)
    tell("One hour of captions, standard", runs, figures)
    for run in itertools.chain.from_iterable(runs.values()):
        assert len(run["report"]["transcript"]["segments"]) == SEGMENTS
        assert run["passes"] == [SEGMENTS]
        assert run["peak_mb"] < 1000
    best = min(run["seconds"] for run in runs[FLAGS])
    figures.note(f"{FLAGS}, once everything is loaded", best, "s", most=20)
