"""``autointel profile``: why a run took as long as it did, whatever became of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.jobs.conftest import all_ended, wait_for
from tests.simulation import simulated
from ultimate_discord_intelligence_bot.cli import app
from ultimate_discord_intelligence_bot.critical_path import Profile
from ultimate_discord_intelligence_bot.jobs.board import Board, name_of
from ultimate_discord_intelligence_bot.jobs.job import Job
from ultimate_discord_intelligence_bot.jobs.worker import Worker
from ultimate_discord_intelligence_bot.settings import Depth, Settings, load_settings

SLEEPS = {"acquisition": 0.2, "sentiment": 1.5, "claims": 0.1, "key_points": 1.0}


@pytest.fixture(autouse=True)
def _own_data_folder(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOINTEL_DATA_DIR", str(data_dir))


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def profile(*arguments: str) -> dict[str, Any]:
    result = invoke("profile", *arguments, "--json")
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def stages(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["stage"]: each for each in found["stages"]}


def gained(found: dict[str, Any]) -> dict[str, float]:
    return {gain["stage"] or gain["without"]: gain["seconds"] for gain in found["gains"]}


def test_it_names_who_waited_for_whom_and_what_would_help(debate: Path) -> None:
    with simulated(SLEEPS):
        invoke("run", str(debate))
    found = profile(str(debate))
    assert (found["depth"], found["status"], found["pipelined"]) == ("standard", "complete", False)
    told = stages(found)
    assert told["sentiment"]["worked"] >= SLEEPS["sentiment"]
    # It reads chapters and claims, and was held until their slow sister had ended.
    read = max(told[name]["ended"] for name in ("embedding", "chapters", "claims"))
    assert told["key_points"]["waited_for"] == "sentiment"
    assert told["key_points"]["barrier"] == pytest.approx(told["sentiment"]["ended"] - read)
    assert {"acquisition", "sentiment", "key_points", "briefing"} <= set(found["path"])
    assert not told["claims"]["critical"]
    assert {"barriers", "sentiment", "key_points", "start"} <= gained(found).keys()
    shown = invoke("profile", str(debate)).stdout
    (line,) = [line for line in shown.splitlines() if line.startswith("● key_points")]
    assert re.search(r"after sentiment, held [\d.]+ s by a barrier", line)
    assert "ENABLE_PIPELINED_RUN=true" in shown


def test_a_pipelined_run_has_no_barriers(debate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENABLE_PIPELINED_RUN", "true")
    with simulated(SLEEPS):
        invoke("run", str(debate))
    found = profile(str(debate))
    assert found["pipelined"]
    assert all(each["barrier"] == 0 for each in found["stages"])
    assert stages(found)["key_points"]["waited_for"] in ("chapters", "claims")
    assert "barriers" not in gained(found)
    assert "sentiment" in found["path"]
    assert ", pipelined: " in invoke("profile", str(debate)).stdout


def test_who_works_ahead_is_shown(debate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENABLE_PIPELINED_RUN", "true")
    invoke("run", str(debate))
    found = profile(str(debate))
    since, until = stages(found)["embedding"]["ahead"]
    assert 0 <= since <= until <= stages(found)["embedding"]["began"]


def test_each_depth_has_its_own_and_the_latest_is_shown(debate: Path) -> None:
    with simulated():
        invoke("run", str(debate), "--depth", "deep")
        run_id = json.loads(invoke("run", str(debate), "--json").stdout)["run_id"]
    assert profile(run_id[:8])["depth"] == "standard"
    deep = profile(run_id[:8], "--depth", "deep")
    assert "verdicts" in stages(deep)
    shown = invoke("profile", run_id[:8], "--depth", "experimental")
    assert shown.exit_code == 3
    assert "at the depth experimental" in shown.stderr


def test_what_was_reused_is_told(debate: Path) -> None:
    with simulated():
        invoke("run", str(debate))
        invoke("run", str(debate))
    assert {each["status"] for each in profile(str(debate))["stages"]} == {"reused"}
    assert "reused" in invoke("profile", str(debate)).stdout


def test_a_run_that_failed_has_one_too(tmp_path: Path) -> None:
    silent = tmp_path / "talk.vtt"
    silent.write_text("WEBVTT\n\n00:00.000 --> 00:01.000\n♪♪\n")
    assert invoke("run", str(silent)).exit_code == 3
    found = profile(str(silent))
    assert found["status"] == "failed"
    assert found["path"][-1] == found["stages"][-1]["stage"]
    assert found["stages"][-1]["status"] == "failed"
    assert "failed" in invoke("profile", str(silent)).stdout


def test_a_job_is_found_by_its_own_id(debate: Path, settings: Settings) -> None:
    job = Job(url=str(debate), depth=Depth.STANDARD, tenant="somebody", files=True)
    with simulated(), Board(settings) as board, Worker(settings):
        name = board.put(job, name_of(job, "monday"))
        wait_for(board, all_ended)
    found = profile(name)
    assert (found["tenant"], found["status"]) == ("somebody", "complete")


def test_another_tenant_s_runs_are_not_there(debate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with simulated():
        invoke("run", str(debate))
    (run,) = [path.parts[-3] for path in _profiles()]
    monkeypatch.setenv("AUTOINTEL_TENANT", "somebody")
    assert invoke("profile", run).exit_code == 3
    assert invoke("profile", str(debate)).exit_code == 3


@pytest.mark.parametrize(
    ("name", "says"),
    [("abcdef", "begins with “abcdef”"), ("talk.mp3", "talk.mp3"), ("b-0123456789-ab", "b-0123")],
)
def test_what_never_ran_has_none(name: str, says: str) -> None:
    result = invoke("profile", name)
    assert result.exit_code == 3
    assert says in result.stderr


def test_a_job_that_is_unknown_is_called_so() -> None:
    result = invoke("profile", "monday-01234567-89ab")
    assert result.exit_code == 3
    assert "No job has an id" in result.stderr


@pytest.mark.parametrize("damage", [lambda data: data[:40], lambda data: b"[]"])
def test_a_damaged_file_is_named(debate: Path, damage: Callable[[bytes], bytes]) -> None:
    with simulated():
        invoke("run", str(debate))
    (path,) = _profiles()
    path.write_bytes(damage(path.read_bytes()))
    result = invoke("profile", str(debate))
    assert result.exit_code == 5
    assert path.name in result.stderr


def test_no_name_in_it_reaches_the_terminal_as_markup(debate: Path) -> None:
    with simulated():
        invoke("run", str(debate))
    (path,) = _profiles()
    found = Profile.decode(path.read_bytes())
    path.write_bytes(found.model_copy(update={"input": "[bold]x\x1b[31m"}).encode())
    shown = invoke("profile", str(debate)).stdout
    assert "[bold]x" in shown
    assert "\x1b[31m" not in shown


def test_a_profile_that_cannot_be_kept_costs_no_run(debate: Path) -> None:
    with simulated():
        invoke("run", str(debate))
        (path,) = _profiles()
        path.unlink()
        path.parent.rmdir()
        path.parent.write_bytes(b"")
        assert invoke("run", str(debate)).exit_code == 0


def _profiles() -> list[Path]:
    return [*load_settings().data_dir.glob("runs/*/profile/*.json")]
