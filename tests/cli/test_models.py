"""``autointel models``: what is here, what is used, and how to get what is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.fixtures_whisper import build_tiny_whisper
from tests.hub import serve_hub
from ultimate_discord_intelligence_bot.cli import app


@pytest.fixture(autouse=True)
def _own_folders(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOINTEL_DATA_DIR", str(data_dir))
    monkeypatch.setenv("AUTOINTEL_WHISPER_DEVICE", "cpu")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["models", *arguments])


def test_fetched_by_default_is_the_model_that_is_used(
    tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve_hub(build_tiny_whisper(tmp_path / "published")) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        fetched = invoke("fetch")
    assert fetched.exit_code == 0
    assert str(data_dir / "models" / "small") in fetched.stdout
    models = {model["name"]: model for model in json.loads(invoke("list", "--json").stdout)}
    assert models["small"]["folder"] == str(data_dir / "models" / "small")
    assert [name for name, model in models.items() if model["used"]] == ["small"]
    assert models["turbo"] == {"name": "turbo", "megabytes": 1618, "folder": None, "used": False}


def test_the_list_says_what_to_do_when_nothing_is_here() -> None:
    result = invoke("list")
    assert result.exit_code == 0
    assert "not here" in result.stdout
    assert "autointel models fetch small" in result.stderr


def test_a_folder_of_ones_own_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = build_tiny_whisper(tmp_path / "mine")
    monkeypatch.setenv("AUTOINTEL_WHISPER_MODEL", str(folder))
    assert str(folder) in invoke("list").stderr


def test_an_unknown_name() -> None:
    result = invoke("fetch", "enormous")
    assert result.exit_code == 3
    assert "large-v3" in result.stderr
