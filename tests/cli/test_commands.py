"""The command line as a user and as a program meets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ultimate_discord_intelligence_bot import __version__
from ultimate_discord_intelligence_bot.cli import app

AUTOINTEL = Path(sys.executable).with_name("autointel")
PHASES = ["acquisition", "transcription", "analysis", "memory", "briefing"]


@pytest.fixture(autouse=True)
def _own_data_folder(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOINTEL_DATA_DIR", str(data_dir))


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def objects(result: Result) -> list[dict[str, Any]]:
    """One JSON object for each line of stdout."""
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_run_prints_one_object_for_each_input(debate: Path) -> None:
    captions = str(debate.with_suffix(".vtt"))
    result = invoke("run", str(debate), captions, "--json")
    assert result.exit_code == 0
    first, second = objects(result)
    assert set(first) >= {"run_id", "status", "out", "reused", "phases", "error"}
    assert first["status"] == "complete"
    assert first["reused"] == []
    assert list(first["phases"]) == PHASES
    assert all(seconds >= 0 for seconds in first["phases"].values())
    assert first["error"] is None
    assert first["run_id"] != second["run_id"]
    for name in ("report.json", "report.md", "report.html", "transcript.vtt"):
        assert (Path(first["out"]) / name).stat().st_size > 0


def test_a_second_run_says_what_it_reused(debate: Path) -> None:
    invoke("run", str(debate))
    again = invoke("run", str(debate))
    assert "Reused from an earlier run: acquisition, transcription" in again.stdout
    (document,) = objects(invoke("run", str(debate), "--json"))
    assert "transcription" in document["reused"]
    (document,) = objects(invoke("run", str(debate), "--json", "--fresh"))
    assert document["reused"] == []


def test_run_shows_every_phase_and_then_the_briefing(debate: Path) -> None:
    result = invoke("run", str(debate), "--depth", "deep")
    for phase in (*PHASES, "verification"):
        assert phase in result.stderr
    assert "People or robots: who should explore Mars?" in result.stdout
    (path,) = [line for line in result.stdout.splitlines() if line.endswith("report.html")]
    report = json.loads(Path(path.removeprefix("Briefing: ")).with_name("report.json").read_text())
    assert report["key_points"]
    for point in report["key_points"]:
        assert point["item"]["text"] in result.stdout
    assert f"{len(report['verdicts'])} verdicts" in result.stdout


def test_captions_alone_are_as_long_as_what_is_said(debate: Path) -> None:
    assert "2:26 · human captions" in invoke("run", str(debate.with_suffix(".vtt"))).stdout


def test_out_is_where_the_briefing_goes(debate: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    (document,) = objects(invoke("run", str(debate), "--json", "--out", str(out)))
    assert document["out"] == str(out)
    assert (out / "report.json").exists()
    both = objects(
        invoke("run", str(debate), str(debate.with_suffix(".vtt")), "--json", "--out", str(out))
    )
    assert len({document["out"] for document in both}) == 2
    assert all(Path(document["out"]).parent == out for document in both)


def test_search_finds_what_was_heard(debate: Path) -> None:
    invoke("run", str(debate))
    result = invoke("search", "how many people walked on the lunar surface", "--json")
    assert result.exit_code == 0
    hits = json.loads(result.stdout)
    assert list(hits[0]) == ["text", "start", "end", "speaker", "source", "url", "score", "exact"]
    assert "twelve people walked on the Moon" in hits[0]["text"]
    assert hits[0]["speaker"] == "Ruth"
    address, _, moment = hits[0]["url"].partition("#t=")
    assert address == debate.as_uri()
    assert float(moment) == pytest.approx(hits[0]["start"], abs=0.01)
    scores = [hit["score"] for hit in hits]
    assert scores == sorted(scores, reverse=True)
    shown = invoke("search", "how many people walked on the lunar surface", "--limit", "1")
    assert "twelve people walked on the Moon" in shown.stdout
    assert "#t=" in shown.stdout


def test_search_over_nothing_says_so() -> None:
    result = invoke("search", "anything")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "autointel run" in result.stderr
    assert json.loads(invoke("search", "anything", "--json").stdout) == []


def test_search_for_nothing_is_refused() -> None:
    result = invoke("search", "  ")
    assert result.exit_code == 3
    assert "nothing to look for" in result.stderr


def test_the_version_is_shown() -> None:
    assert invoke("--version").stdout.strip() == f"autointel {__version__}"


def test_the_help_documents_the_exit_codes() -> None:
    assert "4 a briefing lacks a part" in " ".join(invoke("--help").stdout.split())


def test_an_unknown_depth_is_wrong_usage(debate: Path) -> None:
    result = invoke("run", str(debate), "--depth", "bottomless")
    assert result.exit_code == 2
    assert "standard" in result.stderr


def test_a_bad_setting_ends_every_command(debate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOINTEL_MAX_DOWNLOAD_MB", "lots")
    for arguments in (["run", str(debate)], ["search", "x"], ["doctor"]):
        result = invoke(*arguments)
        assert result.exit_code == 5
        assert "AUTOINTEL_MAX_DOWNLOAD_MB='lots'" in result.output


def test_doctor_says_what_is_missing_and_how_to_mend_it(data_dir: Path) -> None:
    result = invoke("doctor", "--json")
    assert result.exit_code == 0
    findings = {finding["name"]: finding for finding in json.loads(result.stdout)}
    assert findings["embedder"]["status"] == "ok"
    assert str(data_dir) in findings["data folder"]["detail"]
    assert findings["speech model"]["status"] == "warning"
    assert "autointel models fetch" in findings["speech model"]["remedy"]
    assert "speech model" in invoke("doctor").stdout


def test_doctor_tells_how_much_is_remembered(debate: Path) -> None:
    invoke("run", str(debate))
    assert "recordings 1, passages 29" in invoke("doctor").stdout


def test_doctor_fails_when_the_data_folder_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("AUTOINTEL_DATA_DIR", str(tmp_path / "file" / "data"))
    result = invoke("doctor")
    assert result.exit_code == 5
    assert "AUTOINTEL_DATA_DIR" in result.stdout


def test_results_go_to_stdout_and_everything_else_to_stderr(debate: Path) -> None:
    done = subprocess.run(
        [AUTOINTEL, "run", str(debate), "--json"], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["status"] == "complete"
    assert "acquisition" in done.stderr


def test_a_defect_of_ours_is_one_clear_error(debate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("one by zero")

    monkeypatch.setattr("ultimate_discord_intelligence_bot.cli.run._print_json", broken)
    result = invoke("run", str(debate), "--json")
    assert result.exit_code == 1
    assert "ZeroDivisionError: one by zero" in result.stderr
    assert "AUTOINTEL_LOG_LEVEL=debug" in result.stderr
    assert "Traceback" not in result.stderr
    monkeypatch.setenv("AUTOINTEL_LOG_LEVEL", "debug")
    assert "Traceback" in invoke("run", str(debate), "--json").stderr


def test_an_interrupted_run_says_that_nothing_is_lost(debate: Path) -> None:
    import signal

    script = (
        "import os, signal, sys\n"
        "from ultimate_discord_intelligence_bot import cli\n"
        "from ultimate_discord_intelligence_bot.events import EventStream\n"
        "emit = EventStream.emit\n"
        "def interrupt(self, event):\n"
        "    emit(self, event)\n"
        "    if event.stage == 'claims':\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "EventStream.emit = interrupt\n"
        "cli.app(['run', sys.argv[1]])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(debate)],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=100,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert done.returncode == 130
    assert "Finished stages are kept" in done.stderr
    assert "Traceback" not in done.stderr
