"""Every flag setting at every depth builds, runs to the end and gives the same report."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.conftest import content, execute
from ultimate_discord_intelligence_bot.settings import Depth

EXAMPLES = Path(__file__).parents[2] / "examples"
FLAGS = (
    "ENABLE_PARALLEL_AUTOINTEL",
    "ENABLE_PARALLEL_ANALYSIS",
    "ENABLE_PARALLEL_FACT_CHECKING",
    "ENABLE_PARALLEL_MEMORY_OPS",
    "ENABLE_PIPELINED_RUN",
)
SETTINGS = [
    dict(zip(FLAGS, values, strict=True))
    for values in itertools.product((1, 0), repeat=5)
    # The master switch turns everything off: once is enough to see that it does.
    if values != (0, *values[1:4], 1) or not any(values[1:4])
]


def _name(flags: dict[str, int]) -> str:
    return "".join(map(str, flags.values()))


@pytest.fixture(scope="session")
def reports() -> dict[str, dict[str, Any]]:
    """The first report of each depth in this process, to which all others are compared."""
    return {}


@pytest.mark.xdist_group("flags")
@pytest.mark.parametrize("depth", Depth)
@pytest.mark.parametrize("flags", SETTINGS, ids=_name)
def test_every_flag_setting_gives_the_same_report(
    flags: dict[str, int],
    depth: Depth,
    debate: Path,
    fresh_copy: Callable[[str], Path],
    reports: dict[str, dict[str, Any]],
) -> None:
    result = execute(fresh_copy("data"), debate, depth, **flags)
    assert result.status == "complete"
    assert result.reused == ()
    report = content(result)
    assert report == reports.setdefault(depth, report)


def test_a_claim_is_supported_by_what_another_recording_said(
    debate: Path, fresh_copy: Callable[[str], Path]
) -> None:
    report = content(execute(fresh_copy("data"), debate, "comprehensive"))
    claims = {claim["item"]["id"]: claim["item"]["text"] for claim in report["claims"]}
    supported = {claims[v["claim"]]: v for v in report["verdicts"] if v["label"] == "Supported"}
    verdict = supported["Between 1969 and 1972, twelve people walked on the Moon."]
    evidence = verdict["evidence"][0]
    assert (evidence["title"], evidence["stance"]) == ("Almanac", "supports")
    assert evidence["passage"] == "Between 1969 and 1972, 12 people walked on the Moon."
    assert evidence["url"].endswith("almanac.vtt#t=5")
    assert not any(v["evidence"] == [] for v in supported.values())


def test_the_fallacies_of_the_script_are_told_and_no_others(
    debate: Path, fresh_copy: Callable[[str], Path]
) -> None:
    script = yaml.safe_load((EXAMPLES / "debate.yaml").read_text("utf-8"))
    meant = {
        line["text"]: line["fallacy"]
        for topic in script["topics"]
        for line in topic["sentences"]
        if line["kind"] == "fallacy"
    }

    report = content(execute(fresh_copy("data"), debate, "deep"))

    told = {linked["item"]["text"]: linked["item"]["label"] for linked in report["fallacies"]}
    assert told == meant


def test_each_depth_tells_more_than_the_one_before(
    debate: Path, fresh_copy: Callable[[str], Path]
) -> None:
    data_dir = fresh_copy("data")
    told = []
    for depth in Depth:
        report = content(execute(data_dir, debate, depth))
        told.append({name for name, part in report.items() if part})
    standard, deep, comprehensive, experimental = told
    assert {"summary", "chapters", "key_points", "claims", "sentiment"} <= standard
    assert {"fallacies", "positions", "emotions", "entities", "signals"} <= deep - standard
    assert "verdicts" in deep - standard
    assert "contradictions" in comprehensive - deep
    assert experimental >= comprehensive
