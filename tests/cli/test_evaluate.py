"""``autointel evaluate`` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from ultimate_discord_intelligence_bot.cli import app

CLAIM = "Unemployment fell to 3.5 percent in 2019, the lowest rate in fifty years."


def test_without_arguments_it_shows_what_was_measured() -> None:
    shown = CliRunner().invoke(app, ["evaluate"])

    assert shown.exit_code == 0
    for word in ("ClaimBuster", "GoEmotions", "LOGIC", "CoCoLoFa", "published", "English only"):
        assert word in shown.stdout


def test_the_same_as_json() -> None:
    shown = CliRunner().invoke(app, ["evaluate", "--json"])

    rows = json.loads(shown.stdout)
    assert {"task", "data", "split", "rows", "metric", "ours", "published"} <= set(rows[0])


def test_a_file_is_scored(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps({"text": CLAIM, "labels": [1]}))

    shown = CliRunner().invoke(app, ["evaluate", "claims", str(path)])
    data = CliRunner().invoke(app, ["evaluate", "claims", str(path), "--json"])

    assert "positive f1" in shown.stdout
    assert "For comparison, ClaimBuster" in shown.stdout
    assert json.loads(data.stdout)["positive_f1"] == 1.0


def test_a_file_that_cannot_be_understood_ends_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text("not json")

    shown = CliRunner().invoke(app, ["evaluate", "claims", str(path)])

    assert shown.exit_code == 3
    assert "line 1" in shown.stderr
    assert "autointel evaluate --help" in shown.stderr


def test_a_task_without_a_file_is_wrong_usage() -> None:
    shown = CliRunner().invoke(app, ["evaluate", "claims"])

    assert shown.exit_code == 2
    assert "labelled file" in shown.stderr
