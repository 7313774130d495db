"""What it costs to ask the command for help."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.measure import interleave, show

pytestmark = pytest.mark.benchmark


def test_help_costs_at_most_twice_the_import_of_typer_and_rich() -> None:
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
    show("Start-up", seconds)
    assert all(all(values) for values in succeeded.values())
    base, ours = (statistics.median(values) for values in seconds.values())
    assert ours <= 2 * base
