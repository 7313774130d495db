"""Generated files are those of the code, and say what the plan says."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

from ultimate_discord_intelligence_bot.plans import Flags, Option, plan
from ultimate_discord_intelligence_bot.settings import Depth, Settings

ROOT = Path(__file__).parents[2]


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "scripts" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATED = _generator().GENERATED


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_file_is_up_to_date(name: str) -> None:
    assert (ROOT / name).read_text() == GENERATED[name](), "run `make docs`"


def test_the_example_of_settings_names_every_setting() -> None:
    text = (ROOT / ".env.example").read_text()
    for field in Settings.model_fields.values():
        assert f"\n# {field.description}\n#{field.validation_alias}=" in text


def test_the_dependencies_are_those_of_the_plan() -> None:
    text = (ROOT / "docs/analysis/autointel_task_dependencies.md").read_text()
    for stage in plan(Depth.EXPERIMENTAL, Flags(), set(Option)).stages:
        (row,) = [line for line in text.splitlines() if line.startswith(f"| `{stage.name}` |")]
        assert all(name in row for name in stage.inputs)
        for need in stage.needs:
            assert f"  {need} --> {stage.name}\n" in text


def test_the_matrix_shows_every_wave() -> None:
    text = (ROOT / "docs/analysis/crewai_parallelization_matrix.md").read_text()
    for depth in Depth:
        _, _, table = text.partition(f"## {depth}, all flags on")
        for number, wave in enumerate(plan(depth, Flags(), set(Option)).waves(), start=1):
            names = ", ".join(f"`{stage.name}`" for stage in wave)
            assert f"| {number} | {names} |" in table


def test_the_schema_is_versioned() -> None:
    schema = json.loads((ROOT / "docs/report.schema.json").read_text())
    assert schema["properties"]["schema_version"]["enum"] == ["1.0", "1.1", "1.2"]


def test_the_matrix_says_what_a_pipelined_stage_waits_for() -> None:
    text = (ROOT / "docs/analysis/crewai_parallelization_matrix.md").read_text()
    whole = plan(Depth.EXPERIMENTAL, Flags(), set(Option))
    rows = {
        name: re.findall(r"`(\w+)`", awaited)
        for name, awaited in re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE)
        if name in whole.names
    }
    assert tuple(rows) == whole.names
    implied: dict[str, set[str]] = {}
    for stage in whole.stages:
        implied[stage.name] = set(rows[stage.name]).union(*(implied[n] for n in rows[stage.name]))
        assert set(stage.inputs) <= implied[stage.name]
        assert set(rows[stage.name]) <= set(stage.inputs)
