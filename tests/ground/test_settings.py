"""Settings: one documented field each, and errors that name the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from ultimate_discord_intelligence_bot.errors import SettingsError
from ultimate_discord_intelligence_bot.settings import Depth, Settings, load_settings


def test_everything_has_a_default() -> None:
    settings = load_settings()
    assert settings.depth is Depth.STANDARD
    assert settings.data_dir.name == "autointel"


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("AUTOINTEL_TENANT=from-file\nAUTOINTEL_DEPTH=deep\n")
    monkeypatch.setenv("AUTOINTEL_TENANT", "from-environment")
    settings = load_settings()
    assert (settings.tenant, settings.depth) == ("from-environment", Depth.DEEP)


def test_an_empty_value_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOINTEL_MAX_DOWNLOAD_MB", "")
    assert load_settings().max_download_mb == 2048


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AUTOINTEL_MAX_DOWNLOAD_MB", "lots"),
        ("AUTOINTEL_MAX_DOWNLOAD_MB", "0"),
        ("AUTOINTEL_DEPTH", "bottomless"),
        ("AUTOINTEL_TENANT", "../other"),
        ("AUTOINTEL_NETWORK_TIMEOUT", "-1"),
        ("AUTOINTEL_LANGUAGE", "english"),
        ("ENABLE_PARALLEL_ANALYSIS", "perhaps"),
    ],
)
def test_a_bad_value_gives_its_name_the_value_and_the_remedy(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert name in caught.value.message
    assert repr(value) in caught.value.message
    assert ".env.example" in caught.value.remedy


def test_every_field_is_documented_and_has_its_own_name() -> None:
    names = [field.validation_alias for field in Settings.model_fields.values()]
    assert len(set(names)) == len(names)
    for field in Settings.model_fields.values():
        assert field.description
        assert field.description.rstrip().endswith((".", "autointel"))


def test_settings_are_a_snapshot() -> None:
    assert issubclass(Settings, BaseSettings)
    with pytest.raises(ValueError, match="frozen"):
        load_settings().depth = Depth.DEEP  # type: ignore[misc]
