"""The history of what was measured, and the report that is made of it."""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.benchmarks.figures import (
    BASELINE,
    TOLERANCE,
    Bar,
    Comparison,
    Figure,
    Recording,
    Timeline,
    load_baseline,
)

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "analysis"
HISTORY = DOCS / "performance_history.json"
REPORT = DOCS / "performance_report.md"
PLOTS = DOCS / "performance"
LIBRARIES = ("crewai", "dbos", "numpy", "onnxruntime", "qdrant-edge-py", "tokenizers")
SHOWN = 10
"""Recorded runs in the table of ratios over time."""


@dataclass(frozen=True)
class Entry:
    """One recorded run of the benchmarks.

    Attributes:
        about: when, on which commit, machine and versions.
    """

    about: dict[str, Any]
    recording: Recording

    @property
    def name(self) -> str:
        return f"{self.about['recorded_at'][:10]}, {self.about['commit']}"


def record(recording: Recording) -> None:
    """Add to the history."""
    history = [*load_history(), Entry(surroundings(), recording)]
    entries = [{**entry.about, **entry.recording.as_json()} for entry in history]
    lines = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in entries)
    HISTORY.write_text(f"[\n{lines}\n]\n")


def write() -> None:
    """Write the report and its plots, where anything was ever recorded."""
    history = load_history()
    if not history:
        return
    for path, text in rendered(history, load_baseline()).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def load_history() -> list[Entry]:
    """All recorded runs, the oldest first."""
    if not HISTORY.exists():
        return []
    parts = ("comparisons", "figures", "timelines")
    return [
        Entry(
            {name: value for name, value in each.items() if name not in parts},
            Recording.from_json(each),
        )
        for each in json.loads(HISTORY.read_text())
    ]


def surroundings() -> dict[str, Any]:
    """What the figures depend on besides the code."""
    cpu = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "recorded_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "--short", "HEAD") + ("+" if _git("diff", "HEAD") else ""),
        "machine": {
            "processor": cpu[1] if cpu else platform.machine(),
            "cores": os.cpu_count(),
            "memory": f"{memory / 2**30:.0f} GiB",
            "system": f"{platform.system()} {platform.release()}",
            "load": round(os.getloadavg()[2], 2),
        },
        "versions": {"python": platform.python_version()}
        | {library: version(library) for library in LIBRARIES},
    }


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


# -- the report -----------------------------------------------------------------------------------


def rendered(history: Sequence[Entry], baseline: dict[str, float]) -> dict[Path, str]:
    """The report and its plots, by path."""
    newest = _newest(history)
    plots = {_plot(t.title): timeline(t) for _, each in newest for t in each.timelines}
    return {REPORT: report(history, baseline), **plots}


def report(history: Sequence[Entry], baseline: dict[str, float]) -> str:
    """The document, from the newest figures of each benchmark."""
    last = history[-1].about
    machine, versions = last["machine"], last["versions"]
    sections = "\n".join(_section(test, entry) for test, entry in _sections(history))
    return f"""# Performance report

Written by `make bench` from `performance_history.json`; do not edit.

Both sides of every comparison run interleaved in one session, every other round backwards, and the
benchmarks assert that their results are equal. *Ratio* is that of the medians to the first side.
Seconds tell as much of the machine as of the code: trust the ratios.

| | |
|---|---|
| recorded | {last["recorded_at"]}, commit `{last["commit"]}` |
| machine | {machine["cores"]} × {machine["processor"]}, {machine["memory"]}, {machine["system"]} |
| load at the end, over 15 minutes | {machine["load"]} |
| versions | {", ".join(f"{name} {number}" for name, number in versions.items())} |

## What is promised

Every benchmark fails where one of these is more than it may be.

{_table(("promise", "measured", "at most", "benchmark"), _promises(history))}

## Ratios that are watched

A ratio of one side to another that was interleaved with it: the median of the rounds' ratios, and
half the distance between the least and the greatest of them as its noise. The benchmarks fail when
a ratio less its noise is over {TOLERANCE} × its baseline, which is kept in
`tests/benchmarks/{BASELINE.name}`. Where a ratio is meant to change, `make bench-baseline` measures
all of them anew and keeps them: commit that file with the change that it goes with, and say why.

{_table(("ratio", "now", "baseline"), _watched(history, baseline))}

## Over time

The {SHOWN} last recorded runs of the simulated stages, the newest first.

{_over_time(history)}

{sections}"""


def _newest(history: Sequence[Entry]) -> list[tuple[Entry, Recording]]:
    """For each benchmark, the last run that it was part of, with what it measured there."""
    found: dict[str, tuple[Entry, Recording]] = {}
    for entry in history:
        for test, recording in _by_test(entry.recording).items():
            found[test] = (entry, recording)
    return list(found.values())


def _by_test(recording: Recording) -> dict[str, Recording]:
    found: dict[str, Recording] = {}
    for comparison in recording.comparisons:
        found.setdefault(comparison.test, Recording()).comparisons.append(comparison)
    for figure in recording.figures:
        found.setdefault(figure.test, Recording()).figures.append(figure)
    for each in recording.timelines:
        found.setdefault(each.test, Recording()).timelines.append(each)
    return found


def _sections(history: Sequence[Entry]) -> list[tuple[str, list[tuple[Entry, Recording]]]]:
    """The benchmarks by file, those of whole runs first."""
    files: dict[str, list[tuple[Entry, Recording]]] = {}
    for entry, recording in _newest(history):
        [test] = _by_test(recording)
        files.setdefault(test.partition("::")[0], []).append((entry, recording))
    return sorted(files.items(), key=lambda item: ("autointel_performance" not in item[0], item[0]))


def _section(file: str, measured: Iterable[tuple[Entry, Recording]]) -> str:
    heading = file.removeprefix("test_").removesuffix(".py").replace("_", " ").capitalize()
    parts = [f"## {heading}\n\n`tests/benchmarks/{file}`\n"]
    for entry, recording in measured:
        [test] = _by_test(recording)
        parts.append(f"### {_title(test)}\n\nRecorded {entry.name}.\n")
        parts += [_compared(each) for each in recording.comparisons]
        if recording.figures:
            parts.append(_table(("", ""), (_noted(each) for each in recording.figures)) + "\n")
        for each in recording.timelines:
            path = _plot(each.title).relative_to(DOCS)
            parts.append(f"![{each.title}]({path.as_posix()})\n")
    return "\n".join(parts)


def _title(test: str) -> str:
    """What a benchmark is about: its name, in words."""
    words = test.partition("::test_")[2].replace("_", " ").replace("[", " (").replace("]", ")")
    return words[:1].upper() + words[1:]


def _compared(comparison: Comparison) -> str:
    medians = {name: statistics.median(values) for name, values in comparison.seconds.items()}
    base = next(iter(medians.values()))
    rows = (
        (name, _seconds(medians[name]), _spread(values), len(values), f"{medians[name] / base:.2f}")
        for name, values in comparison.seconds.items()
    )
    table = _table(("", "median", "spread", "rounds", "ratio"), rows)
    return f"**{comparison.title}**\n\n{table}\n"


def _spread(values: Sequence[float]) -> str:
    return f"{_seconds(min(values))} to {_seconds(max(values))}" if len(values) > 1 else "–"


def _seconds(value: float) -> str:
    return f"{value * 1000:.1f} ms" if value < 0.1 else f"{value:.3f} s"


def _noted(figure: Figure) -> tuple[str, str]:
    return figure.name, _number(figure.value, figure.unit)


def _number(value: float, unit: str) -> str:
    digits = f"{value:,.3f}".rstrip("0").rstrip(".")
    return f"{digits} {unit}".strip()


def _promises(history: Sequence[Entry]) -> Iterator[tuple[str, ...]]:
    for _, recording in _newest(history):
        for each in recording.figures:
            if each.most is not None:
                most = _number(each.most, each.unit)
                yield each.name, _number(each.value, each.unit), most, _title(each.test)


def _watched(history: Sequence[Entry], baseline: dict[str, float]) -> Iterator[tuple[Any, ...]]:
    for _, recording in _newest(history):
        for name, ratio in (item for c in recording.comparisons for item in c.ratios.items()):
            yield name, str(ratio), _or_nothing(baseline.get(name))


def _over_time(history: Sequence[Entry]) -> str:
    runs = [(entry.name, _simulated(entry)) for entry in reversed(history)]
    shown = [(name, ratios) for name, ratios in runs if ratios][:SHOWN]
    keys = dict.fromkeys(key for _, ratios in shown for key in ratios)
    rows = ((name, *(_or_nothing(ratios.get(key)) for key in keys)) for name, ratios in shown)
    return _table(("recorded", *keys), rows)


def _simulated(entry: Entry) -> dict[str, float]:
    """The ratios of the simulated stages, as far as they were measured."""
    ratios = entry.recording.ratios
    return {key: ratio for key, ratio in ratios.items() if key.startswith("Simulated")}


def _or_nothing(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _table(header: Sequence[Any], rows: Iterable[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


# -- plots ----------------------------------------------------------------------------------------

_WIDTH, _LABELS, _ROW = 900, 150, 22


def _plot(title: str) -> Path:
    return PLOTS / f"{re.sub('[^a-z0-9]+', '-', title.lower()).strip('-')}.svg"


def timeline(of: Timeline) -> str:
    """A bar for each stage, as SVG; light where it worked ahead."""
    whole = max(bar.ended for bar in of.bars)
    scale = (_WIDTH - _LABELS - 60) / whole
    height = _ROW * (len(of.bars) + 2)
    rows = "\n".join(_row(bar, number, scale) for number, bar in enumerate(of.bars))
    legend = "; light: working ahead" if any(bar.ahead is not None for bar in of.bars) else ""
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">
<title>{escape(of.title)}</title>
<style>
text {{ font: 12px sans-serif; fill: #1f2937 }}
.work {{ fill: #2563eb }}
.ahead {{ fill: #93c5fd }}
@media (prefers-color-scheme: dark) {{ text {{ fill: #e5e7eb }} }}
</style>
<text x="0" y="14">{escape(of.title)}: {whole:.2f} s{legend}</text>
{rows}
</svg>
"""


def _row(bar: Bar, number: int, scale: float) -> str:
    top = _ROW * (number + 1) + 4

    def stretch(kind: str, began: float, ended: float) -> str:
        left, width = _LABELS + began * scale, max((ended - began) * scale, 1.5)
        return f'<rect class="{kind}" x="{left:.1f}" y="{top}" width="{width:.1f}" height="14"/>'

    ahead = "" if bar.ahead is None else stretch("ahead", bar.ahead, bar.began)
    end = _LABELS + bar.ended * scale + 6
    return (
        f'<text x="0" y="{top + 12}">{escape(bar.name)}</text>{ahead}'
        f"{stretch('work', bar.began, bar.ended)}"
        f'<text x="{end:.1f}" y="{top + 12}">{bar.ended:.2f}</text>'
    )
