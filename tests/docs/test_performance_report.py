"""Benchmarks fail on a regression and not on noise; the report is made of the history."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks import report
from tests.benchmarks.figures import (
    TOLERANCE,
    Bar,
    Comparison,
    Figure,
    Ratio,
    Recording,
    Timeline,
    load_baseline,
)
from tests.benchmarks.report import Entry
from tests.conftest import ROOT

ELSEWHERE = """
from pathlib import Path
from tests.benchmarks import figures, report

here = Path(__file__).parent
figures.BASELINE = here / "baseline.json"
report.HISTORY, report.DOCS = here / "history.json", here
report.REPORT, report.PLOTS = here / "report.md", here / "plots"
"""
"""A ``conftest.py`` that keeps everything in its own folder."""

BENCHMARK = """
def test_speed(figures):
    seconds = {{"theirs": [1.0, 1.0, 1.0], "ours": {ours}}}
    figures.compare("Speed", seconds, watch={{"ours": "theirs"}})
    figures.note("size", 3, "MB")
    {promise}
"""


def bench(
    folder: Path, ours: list[float], *options: str, promise: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a benchmark in which our side took so long, as `make bench` does."""
    (folder / "conftest.py").write_text(ELSEWHERE)
    (folder / "test_speed.py").write_text(BENCHMARK.format(ours=ours, promise=promise))
    command = ["-m", "pytest", "-p", "tests.benchmarks.conftest", f"--rootdir={folder}"]
    return subprocess.run(
        [sys.executable, *command, f"--basetemp={folder / 'tmp'}", str(folder), "-s", *options],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT}:{os.environ['PYTHONPATH']}",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )


STEADY = [0.50, 0.51, 0.49]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One with a baseline of 0.5."""
    assert bench(tmp_path, STEADY, "--new-baseline").returncode == 0
    assert json.loads((tmp_path / "baseline.json").read_text()) == {"Speed: ours / theirs": 0.5}
    return tmp_path


@pytest.mark.parametrize(
    ("ours", "fails"),
    [
        pytest.param([0.50, 0.51, 0.49], False, id="as it was"),
        pytest.param([0.10, 0.11, 0.10], False, id="faster"),
        pytest.param([0.56, 0.57, 0.56], False, id="a little slower"),
        pytest.param([0.61, 0.60, 0.61], True, id="a fifth slower"),
        pytest.param([0.45, 0.95, 0.60], False, id="who knows"),
        pytest.param([0.90, 1.30, 1.00], True, id="noisy and twice as slow"),
    ],
)
def test_a_regression_fails_and_noise_does_not(
    ours: list[float], fails: bool, folder: Path
) -> None:
    done = bench(folder, ours)
    assert done.returncode == int(fails), done.stdout
    assert ("the baseline is 0.500" in done.stdout) is fails
    assert ("make bench-baseline" in done.stdout) is fails


def test_a_new_baseline_takes_a_regression_as_it_is(folder: Path) -> None:
    assert bench(folder, [0.8, 0.8, 0.8], "--new-baseline").returncode == 0
    assert bench(folder, [0.8, 0.8, 0.8]).returncode == 0


def test_what_was_recorded_is_in_the_history_and_in_the_report(folder: Path) -> None:
    for _ in range(2):
        assert bench(folder, STEADY, "--record").returncode == 0
    history = json.loads((folder / "history.json").read_text())
    assert len(history) == 2
    assert history[1]["comparisons"][0]["seconds"]["ours"] == STEADY
    assert history[1]["figures"][0]["value"] == 3
    text = (folder / "report.md").read_text()
    assert "| Speed: ours / theirs | 0.500 ± 0.010 | 0.500 |" in text
    assert "| size | 3 MB |" in text


@pytest.mark.parametrize("size", [2.9, 3.0, 3.1])
def test_what_is_more_than_was_promised_fails(size: float, tmp_path: Path) -> None:
    done = bench(tmp_path, STEADY, promise=f"figures.note('height', {size}, 'm', most=3)")
    assert done.returncode == int(size > 3), done.stdout
    assert ("height: 3.1 m (at most 3)" in done.stdout) is (size > 3)


def test_what_is_promised_is_in_the_report(folder: Path) -> None:
    done = bench(folder, STEADY, "--record", promise="figures.note('height', 2.9, 'm', most=3)")
    assert done.returncode == 0, done.stdout
    assert "| height | 2.9 m | 3 m | Speed |" in (folder / "report.md").read_text()


def test_of_a_session_that_failed_only_what_passed_is_recorded(folder: Path) -> None:
    assert bench(folder, [0.9, 0.9, 0.9], "--record").returncode == 1
    assert not (folder / "history.json").exists()
    with (folder / "test_size.py").open("w") as other:
        other.write("def test_size(figures):\n    figures.note('height', 3, 'm')\n")
    assert bench(folder, [0.9, 0.9, 0.9], "--record").returncode == 1
    [recorded] = json.loads((folder / "history.json").read_text())
    assert [figure["name"] for figure in recorded["figures"]] == ["height"]
    assert recorded["comparisons"] == []


ROUNDS = st.lists(st.tuples(st.floats(0.1, 10), st.floats(0.1, 10)), min_size=1, max_size=9)


@given(ROUNDS)
def test_a_ratio_is_that_of_some_rounds_and_its_noise_covers_half_of_all(
    rounds: list[tuple[float, float]],
) -> None:
    ours, against = zip(*rounds, strict=True)
    ratio = Ratio.of(ours, against)
    each = [our / other for our, other in rounds]
    assert min(each) <= ratio.value <= max(each)
    assert ratio.noise == pytest.approx((max(each) - min(each)) / 2)


@given(ROUNDS)
def test_no_ratio_has_regressed_from_itself(rounds: list[tuple[float, float]]) -> None:
    ours, against = zip(*rounds, strict=True)
    ratio = Ratio.of(ours, against)
    assert not ratio.regressed(ratio.value)


@given(st.floats(0.01, 100), st.floats(0, 0.5), st.floats(1.2, 10))
def test_growth_beyond_tolerance_and_noise_is_a_regression(
    baseline: float, noise: float, factor: float
) -> None:
    grown = TOLERANCE * baseline * factor + noise
    assert Ratio(grown, noise).regressed(baseline)
    assert not Ratio(grown, grown).regressed(baseline)


def entry(commit: str, *tests: str) -> Entry:
    """A recorded run of benchmarks of those names."""
    about = {
        "recorded_at": datetime(2025, 1, 2, tzinfo=UTC).isoformat(),
        "commit": commit,
        "machine": {"processor": "X", "cores": 2, "memory": "8 GiB", "system": "S", "load": 0.1},
        "versions": {"python": "3.11"},
    }
    bars = [Bar("one", 0.0, 1.0), Bar("a < b", 1.0, 2.0, ahead=0.5)]
    recording = Recording(
        [Comparison(t, f"Of {t}", {"a": [2.0], "b": [1.0]}, {"b": "a"}) for t in tests],
        [Figure(t, f"name in {commit}", 1.5, "ms") for t in tests],
        [Timeline(t, f"Line of {t}", bars) for t in tests],
    )
    return Entry(about, recording)


def test_a_benchmark_that_did_not_run_keeps_its_last_figures_with_their_commit() -> None:
    history = [entry("old", "test_x.py::test_one", "test_y.py::test_two")]
    history.append(entry("new", "test_x.py::test_one"))
    text = report.report(history, {})
    assert text.index("commit `new`") < text.index("## X") < text.index("## Y")
    assert "Recorded 2025-01-02, new." in text.partition("## X")[2].partition("## Y")[0]
    assert "Recorded 2025-01-02, old." in text.partition("## Y")[2]


def test_the_runs_over_time_are_those_in_which_the_simulation_ran() -> None:
    history = [entry("old", "test_x.py::test_one"), entry("new", "test_y.py::test_two")]
    comparisons = history[0].recording.comparisons
    comparisons[0] = replace(comparisons[0], title="Simulated")
    table = report.report(history, {}).partition("## Over time")[2].partition("## ")[0]
    assert "| recorded | Simulated: b / a |" in table
    assert "old | 0.500 |" in table
    assert "new" not in table.partition("| --- |")[2]


def test_a_recording_comes_back_from_json_as_it_was() -> None:
    recording = entry("c", "test_x.py::test_one").recording
    assert Recording.from_json(json.loads(json.dumps(recording.as_json()))) == recording


def test_plots_are_well_formed() -> None:
    [plot] = [
        text
        for path, text in report.rendered([entry("c", "test_x.py::test_one")], {}).items()
        if path.suffix == ".svg"
    ]
    drawn = ET.fromstring(plot)
    kinds = [each.get("class") for each in drawn.iter("{http://www.w3.org/2000/svg}rect")]
    assert kinds == ["work", "ahead", "work"]


def test_the_report_is_that_of_the_history() -> None:
    history = report.load_history()
    if not history:
        pytest.skip("nothing was recorded yet; run `make bench-baseline`")
    for path, text in report.rendered(history, load_baseline()).items():
        assert path.read_text() == text, "run `make bench`"
    assert load_baseline().keys() >= history[-1].recording.ratios.keys()
