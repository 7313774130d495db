"""What it costs to ask the command for help, and to have CrewAI."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.figures import Figures
from tests.benchmarks.measure import interleave

pytestmark = pytest.mark.benchmark


def succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, timeout=60).returncode == 0


def test_help_costs_at_most_twice_the_import_of_typer_and_rich(figures: Figures) -> None:
    autointel = str(Path(sys.executable).with_name("autointel"))

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


CREWAI = """
from ultimate_discord_intelligence_bot.llm.quiet import import_crewai
import_crewai()
import crewai
assert crewai.Crew and crewai.BaseLLM
"""


def test_crewai_is_there_sooner_without_the_client_of_qdrant(figures: Figures) -> None:
    seconds, succeeded = interleave(
        {
            "with it": lambda: succeeds(sys.executable, "-c", f"import qdrant_client\n{CREWAI}"),
            "without it": lambda: succeeds(sys.executable, "-c", CREWAI),
        },
        rounds=3,
    )
    found = figures.compare("Importing CrewAI", seconds, watch={"without it": "with it"})
    assert all(all(values) for values in succeeded.values())
    figures.note("without it / with it", found.ratio("without it").value, "", most=0.95)
