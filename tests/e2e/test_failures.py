"""What a user is told when something cannot be had."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.conftest import content, execute
from ultimate_discord_intelligence_bot import analysis, transcription
from ultimate_discord_intelligence_bot.errors import (
    NotWritable,
    TranscriptionError,
)
from ultimate_discord_intelligence_bot.events import Progress
from ultimate_discord_intelligence_bot.inputs import Inputs
from ultimate_discord_intelligence_bot.models.report import Report
from ultimate_discord_intelligence_bot.plans import Flags, plan
from ultimate_discord_intelligence_bot.runner import Work
from ultimate_discord_intelligence_bot.settings import Depth
from ultimate_discord_intelligence_bot.stages import StageWork

AUTOINTEL = Path(sys.executable).with_name("autointel")
OPTIONAL = [stage.name for stage in plan(Depth.EXPERIMENTAL, Flags()).stages if not stage.critical]


def _break(monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    """Let the work of a stage fail with an error nobody foresaw."""
    everything = StageWork.all

    async def fail(inputs: Inputs, progress: Progress) -> Report:
        raise RuntimeError("the wire is cut")

    def broken(self: StageWork) -> dict[str, Work]:
        work = everything(self)
        return {**work, stage: replace(work[stage], do=fail)}

    monkeypatch.setattr(StageWork, "all", broken)


@pytest.mark.parametrize("stage", OPTIONAL)
def test_an_optional_stage_that_fails_is_reported_as_missing(
    stage: str, data_dir: Path, debate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        _break(patch, stage)
        result = execute(data_dir, debate, "experimental")
    assert result.status == "partial"
    assert stage in {missing.stage for missing in result.missing}
    report = content(result)
    (missing,) = [m for m in report["missing"] if m["stage"] == stage]
    assert "the wire is cut" in missing["reason"]
    assert missing["remedy"]
    assert result.out is not None
    for name in ("report.md", "report.html"):
        assert "the wire is cut" in (result.out / name).read_text()
    mended = execute(data_dir, debate, "experimental")
    assert mended.status == "complete"
    assert stage not in mended.reused
    assert content(mended)["missing"] == []


def test_a_failed_transcription_ends_the_run_with_one_error_and_keeps_what_was_acquired(
    data_dir: Path, debate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise TranscriptionError("It was too quiet.", "Speak up.")

    with monkeypatch.context() as patch:
        patch.setattr(transcription, "transcribe", fail)
        result = execute(data_dir, debate)
    assert result.status == "failed"
    assert result.out is None
    assert result.error is not None
    assert (result.error.message, result.error.remedy) == ("It was too quiet.", "Speak up.")
    assert execute(data_dir, debate).reused == ("acquisition",)


def test_a_language_the_analysts_do_not_know_is_said(data_dir: Path, tmp_path: Path) -> None:
    assert not analysis.applies_to("de")
    captions = tmp_path / "rede.vtt"
    captions.write_text("WEBVTT\n\n00:01.000 --> 00:04.000\nIm Jahr 1990 kam die Einheit.\n")
    result = execute(data_dir, captions, AUTOINTEL_LANGUAGE="de")
    assert result.status == "partial"
    assert {"chapters", "claims", "sentiment"} <= {m.stage for m in result.missing}
    assert any("English" in missing.reason for missing in result.missing)
    assert content(result)["transcript"]["language"] == "de"


def test_a_data_folder_that_cannot_be_written(tmp_path: Path, debate: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    result = execute(tmp_path / "file" / "data", debate)
    assert isinstance(result.error, NotWritable)
    assert "AUTOINTEL_DATA_DIR" in result.error.remedy


def test_a_data_folder_that_another_process_owns_is_shared(data_dir: Path, debate: Path) -> None:
    script = (
        "import sys\n"
        "from ultimate_discord_intelligence_bot.settings import load_settings\n"
        "from ultimate_discord_intelligence_bot.stages import memory_for\n"
        "with memory_for(load_settings()):\n"
        "    print('open', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    environment = os.environ | {"AUTOINTEL_DATA_DIR": str(data_dir)}
    with subprocess.Popen(
        [sys.executable, "-c", script],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "open\n"
        shared = execute(data_dir, debate, "deep")
        assert shared.status == "complete"
        owner.kill()
    again = execute(data_dir, debate, "deep")
    assert content(again) == content(shared)
    assert {"vector_memory", "graph_memory"} <= set(again.reused)


def _can_mount() -> bool:
    unshare = shutil.which("unshare")
    command = [str(unshare), "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return unshare is not None and subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.skipif(not _can_mount(), reason="a small disk needs user namespaces (unshare -rm)")
@pytest.mark.parametrize(("kilobytes", "code"), [(64, 5), (4_000, 5), (68_000, 4)])
def test_a_disk_that_is_really_full(
    kilobytes: int, code: int, tmp_path: Path, debate: Path
) -> None:
    """Full from the start, nearly full, and full in the middle of the run."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = (
        f"mount -t tmpfs -o size={kilobytes}k tmpfs {disk} && "
        f"exec {AUTOINTEL} run {debate} --depth deep"
    )
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", command],
        env=os.environ | {"AUTOINTEL_DATA_DIR": str(disk / "data")},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == code, done.stderr
    assert "The disk is" in done.stderr + done.stdout
    assert "Free some space" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
