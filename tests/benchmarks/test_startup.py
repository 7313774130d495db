"""What it costs to ask the command for help, and to have CrewAI."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.figures import Figures
from tests.benchmarks.measure import interleave
from ultimate_discord_intelligence_bot.llm.quiet import QUIET

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


OURS = """
from ultimate_discord_intelligence_bot.llm.quiet import import_crewai
import_crewai()
"""


def test_crewai_is_there_sooner_without_what_nobody_needs(
    figures: Figures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)

    def imports(first: str) -> bool:
        work = f"{first}\nimport crewai\nassert crewai.Crew and crewai.BaseLLM"
        return succeeds(sys.executable, "-c", work)

    seconds, succeeded = interleave(
        {"import crewai": lambda: imports(""), "as we do it": lambda: imports(OURS)}, rounds=3
    )
    found = figures.compare("Importing CrewAI", seconds, watch={"as we do it": "import crewai"})
    assert all(all(values) for values in succeeded.values())
    ratio = found.ratio("as we do it").value
    figures.note("as we do it / import crewai", ratio, "", most=0.7)
