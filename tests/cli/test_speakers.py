"""``autointel speakers``: seeing who speaks, and naming them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.conftest import ROOT
from tests.fixtures_whisper import build_tiny_whisper
from tests.media import make_voice
from ultimate_discord_intelligence_bot.cli import app


@pytest.fixture(autouse=True)
def _own_data_folder(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOINTEL_DATA_DIR", str(data_dir))


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """The captions of the sample debate, heard already."""
    path = Path(shutil.copy(ROOT / "examples" / "debate.vtt", tmp_path / "talk.vtt"))
    assert (
        invoke("run", str(path), "--depth", "deep", "--out", str(tmp_path / "out")).exit_code == 0
    )
    return path


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def names(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return [speaker["name"] for speaker in json.loads(result.stdout)]


def test_it_lists_who_speaks_how_long_and_what(talk: Path) -> None:
    found = json.loads(invoke("speakers", str(talk), "--json").stdout)
    assert len(found) > 1
    assert [speaker["number"] for speaker in found] == list(range(1, len(found) + 1))
    assert all(speaker["seconds"] > 0 and speaker["sample"] for speaker in found)
    shown = invoke("speakers", str(talk)).stdout
    assert all(speaker["name"] in shown for speaker in found)


def test_a_name_follows_everywhere(talk: Path, tmp_path: Path) -> None:
    before, *others = names(invoke("speakers", str(talk), "--json"))
    result = invoke("speakers", str(talk), "1=Ada  Lovelace")
    assert result.exit_code == 0, result.output
    assert "Ada Lovelace" in result.stdout
    for name in ("report.json", "report.md", "report.html", "transcript.vtt"):
        text = (tmp_path / "out" / name).read_text()
        assert "Ada Lovelace" in text
        assert f"{before}**" not in text
    hits = json.loads(invoke("search", "people on the Moon", "--json", "--limit", "50").stdout)
    assert "Ada Lovelace" in {hit["speaker"] for hit in hits}
    assert before not in {hit["speaker"] for hit in hits}
    assert names(invoke("speakers", str(talk), "--json")) == ["Ada Lovelace", *others]


def test_a_name_can_be_corrected_and_forgotten(talk: Path) -> None:
    before = names(invoke("speakers", str(talk), "--json"))
    invoke("speakers", str(talk), "1=Aad")
    invoke("speakers", str(talk), "1=Ada", "2=Ben")
    assert names(invoke("speakers", str(talk), "--json"))[:2] == ["Ada", "Ben"]
    assert names(invoke("speakers", str(talk), "--reset", "--json")) == before


def test_the_run_is_done_again_as_it_was_done_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise another setting of today would have the recording heard anew."""
    model = build_tiny_whisper(tmp_path / "whisper")
    recording = make_voice(tmp_path / "talk.wav", [(0.5, 4.0)], 6.0)
    with monkeypatch.context() as then:
        then.setenv("AUTOINTEL_WHISPER_MODEL", str(model))
        then.setenv("AUTOINTEL_DIARIZATION", "true")
        assert invoke("run", str(recording)).exit_code == 0
    assert names(invoke("speakers", str(recording), "--json")) == ["Speaker 1 (estimated)"]
    assert names(invoke("speakers", str(recording), "1=Ada", "--json")) == ["Ada"]


def test_a_run_is_known_by_its_id_too(talk: Path) -> None:
    (run,) = [json.loads(line) for line in invoke("run", str(talk), "--json").stdout.splitlines()]
    by_id = invoke("speakers", run["run_id"][:8], "--json")
    assert names(by_id) == names(invoke("speakers", str(talk), "--json"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("{talk}", "Ada"), "names nobody"),
        (("{talk}", "1="), "names nobody"),
        (("{talk}", "9=Ada"), "There is no speaker 9"),
        (("0123abcd",), "No finished run"),
        (("missing.vtt",), "There is no file"),
    ],
)
def test_what_cannot_be_done_is_told(talk: Path, arguments: tuple[str, ...], told: str) -> None:
    result = invoke("speakers", *(argument.format(talk=talk) for argument in arguments))
    assert result.exit_code == 3
    assert told in result.stderr
    assert "→" in result.stderr
