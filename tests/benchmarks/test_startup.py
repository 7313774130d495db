"""What it costs to ask the command for help."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.figures import Figures
from tests.benchmarks.measure import interleave

pytestmark = pytest.mark.benchmark


def test_help_costs_at_most_twice_the_import_of_typer_and_rich(figures: Figures) -> None:
    autointel = str(Path(sys.executable).with_name("autointel"))

    def succeeds(*command: str) -> bool:
        return subprocess.run(command, capture_output=True, timeout=60).returncode == 0

    seconds, succeeded = interleave(
        {
            "python -c 'import typer, rich'": lambda: succeeds(
                sys.executable, "-c", "import typer, rich"
            ),
            "autointel --help": lambda: succeeds(autointel, "--help"),
        },
        rounds=9,
    )
    found = figures.compare(
        "Start-up", seconds, watch={"autointel --help": "python -c 'import typer, rich'"}
    )
    assert all(all(values) for values in succeeded.values())
    ratio = found.ratio("autointel --help").value
    figures.note("autointel --help / its libraries alone", ratio, "", most=2)
