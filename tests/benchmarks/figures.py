"""What benchmarks measure: recorded under a name, printed, and compared with the baseline.

Seconds tell as much of the machine as of the code. So two sides run interleaved in one run, and
only the ratio between them is compared with what it used to be.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

BASELINE = Path(__file__).with_name("baseline.json")
TOLERANCE = 1.15
"""How many times the baseline a ratio may be, beyond the noise."""


@dataclass(frozen=True)
class Ratio:
    """How long one side takes, measured by another.

    Attributes:
        value: the median of the rounds' ratios.
        noise: half the distance between the least and the greatest of them.
    """

    value: float
    noise: float

    @classmethod
    def of(cls, ours: Sequence[float], against: Sequence[float]) -> Self:
        """Of two sides that were interleaved: their seconds, round by round."""
        rounds = [our / other for our, other in zip(ours, against, strict=True)]
        return cls(statistics.median(rounds), (max(rounds) - min(rounds)) / 2)

    def regressed(self, baseline: float) -> bool:
        """Whether it has grown by more than is tolerated, and not by chance."""
        return self.value - self.noise > TOLERANCE * baseline

    def __str__(self) -> str:
        return f"{self.value:.3f} ± {self.noise:.3f}"


@dataclass(frozen=True)
class Comparison:
    """Sides that were interleaved in one run.

    Attributes:
        test: where it was measured.
        seconds: of each side, round by round.
        watched: sides whose ratio to another one is compared with the baseline, and that one.
    """

    test: str
    title: str
    seconds: dict[str, list[float]]
    watched: dict[str, str] = field(default_factory=dict)

    @property
    def ratios(self) -> dict[str, Ratio]:
        """Those that are watched, by their names in the baseline."""
        return {
            f"{self.title}: {ours} / {against}": self.ratio(ours)
            for ours, against in self.watched.items()
        }

    def ratio(self, ours: str) -> Ratio:
        """Of a side that is watched."""
        return Ratio.of(self.seconds[ours], self.seconds[self.watched[ours]])


@dataclass(frozen=True)
class Figure:
    """One number, with its unit, and the most that it may be."""

    test: str
    name: str
    value: float
    unit: str
    most: float | None = None


@dataclass(frozen=True)
class Bar:
    """A stage of a run, in seconds since it began; ``ahead`` from when it worked ahead."""

    name: str
    began: float
    ended: float
    ahead: float | None = None


@dataclass(frozen=True)
class Timeline:
    """When each stage of a run was at work."""

    test: str
    title: str
    bars: list[Bar]


@dataclass
class Recording:
    """Everything that was measured in one session."""

    comparisons: list[Comparison] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    timelines: list[Timeline] = field(default_factory=list)

    @property
    def ratios(self) -> dict[str, float]:
        """Those that are watched, to be a baseline."""
        every = (item for each in self.comparisons for item in each.ratios.items())
        return {name: round(ratio.value, 4) for name, ratio in every}

    def without(self, tests: Collection[str]) -> Self:
        """What others measured than these."""
        return type(self)(
            [each for each in self.comparisons if each.test not in tests],
            [each for each in self.figures if each.test not in tests],
            [each for each in self.timelines if each.test not in tests],
        )

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            [Comparison(**each) for each in data["comparisons"]],
            [Figure(**each) for each in data["figures"]],
            [
                Timeline(each["test"], each["title"], [Bar(**bar) for bar in each["bars"]])
                for each in data["timelines"]
            ],
        )


class Figures:
    """Records what one benchmark measures; the fixture ``figures``.

    Args:
        test: its name.
        recording: of the session.
        baseline: ratios by key; None while a new one is made.
    """

    def __init__(
        self, test: str, recording: Recording, baseline: Mapping[str, float] | None
    ) -> None:
        self._test, self._recording, self._baseline = test, recording, baseline
        self.regressions: list[str] = []

    def compare(
        self,
        title: str,
        seconds: Mapping[str, Sequence[float]],
        *,
        watch: Mapping[str, str] | None = None,
    ) -> Comparison:
        """Record sides that were interleaved, and print median, spread and ratio to the first.

        Args:
            title: unique among all benchmarks.
            seconds: of each side, round by round.
            watch: sides whose ratio to another one is to be compared with the baseline, and that
                one. Not for ratios that are decided by the disk or by the number of cores.
        """
        rounded = {name: [round(v, 6) for v in values] for name, values in seconds.items()}
        comparison = Comparison(self._test, title, rounded, dict(watch or {}))
        self._recording.comparisons.append(comparison)
        print(f"\n{title}")
        base = statistics.median(next(iter(seconds.values())))
        for name, values in seconds.items():
            median = statistics.median(values)
            print(
                f"  {name:<42} median {median:8.3f} s  "
                f"({min(values):.3f} to {max(values):.3f}, n={len(values)})  × {median / base:.2f}"
            )
        for name, ratio in comparison.ratios.items():
            self._judge(name, ratio)
        return comparison

    def note(self, name: str, value: float, unit: str, *, most: float | None = None) -> None:
        """Record and print one number; fails where it is more than it may be.

        Args:
            name: what it is of; unique within the benchmark.
            value: in that unit.
            unit: such as ``ms`` or ``MB``; empty for a count or a ratio.
            most: what was promised, in the same unit.
        """
        self._recording.figures.append(Figure(self._test, name, round(value, 4), unit, most))
        bound = "" if most is None else f" (at most {most:g})"
        print(f"  {name:<42} {value:15,.3f} {unit}{bound}")
        assert most is None or value <= most, f"{name}: {value:.4g} {unit}{bound}"

    def timeline(self, title: str, bars: Iterable[Bar]) -> None:
        """Record when each stage of a run was at work."""
        self._recording.timelines.append(Timeline(self._test, title, list(bars)))

    def _judge(self, name: str, ratio: Ratio) -> None:
        known = None if self._baseline is None else self._baseline.get(name)
        print(f"  {name}: {ratio}" + (f", was {known:.3f}" if known else ""))
        if known is not None and ratio.regressed(known):
            self.regressions.append(
                f"{name} is {ratio}; the baseline is {known:.3f}. If that is meant, run "
                "`make bench-baseline`."
            )


def load_baseline() -> dict[str, float]:
    """The ratios as they used to be."""
    return dict(json.loads(BASELINE.read_text())) if BASELINE.exists() else {}


def keep_baseline(ratios: Mapping[str, float]) -> None:
    """Let later sessions be compared with these ratios; those that are not among them stay."""
    kept = load_baseline() | dict(ratios)
    BASELINE.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
