"""Which speech model is taken, what is said when it is not here, and how it is fetched."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clarity import assert_clear
from tests.fixtures_whisper import build_tiny_whisper
from tests.hub import Hub, serve_hub
from ultimate_discord_intelligence_bot.errors import (
    InputError,
    ModelMissing,
    ModelUnreachable,
    TranscriptionError,
)
from ultimate_discord_intelligence_bot.events import silent
from ultimate_discord_intelligence_bot.settings import Settings
from ultimate_discord_intelligence_bot.transcription import weights
from ultimate_discord_intelligence_bot.transcription.hub import fetch
from ultimate_discord_intelligence_bot.transcription.weights import (
    ALIASES,
    MEGABYTES,
    choose,
    find_weights,
    here,
    load,
)


def using(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update=changes)


def keep(settings: Settings, *names: str) -> None:
    for name in names:
        build_tiny_whisper(settings.data_dir / "models" / name)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: 1)
    formats = {"float16", "float32", "int8_float16"}
    monkeypatch.setattr("ctranslate2.get_supported_compute_types", lambda device: formats)


@pytest.fixture(autouse=True)
def _no_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))


# -- the choice ---------------------------------------------------------------------------------


def test_auto_is_small_in_int8_on_a_cpu(settings: Settings) -> None:
    keep(settings, "small", "turbo", "tiny")
    found = choose(using(settings, whisper_device="cpu"))
    assert (found.name, found.device, found.compute, found.note) == ("small", "cpu", "int8", "")


@pytest.mark.usefixtures("gpu")
def test_auto_is_turbo_in_float16_on_a_gpu(settings: Settings) -> None:
    keep(settings, "small", "turbo", "tiny")
    found = choose(settings)
    assert (found.name, found.device, found.compute, found.note) == ("turbo", "cuda", "float16", "")


def test_the_best_of_what_is_here_is_taken_and_told(settings: Settings) -> None:
    keep(settings, "tiny", "base")
    found = choose(using(settings, whisper_device="cpu"))
    assert found.name == "base"
    assert "autointel models fetch small" in found.note


def test_a_model_that_is_named_is_the_one_that_is_taken(settings: Settings) -> None:
    keep(settings, "small", "large-v3")
    found = choose(using(settings, whisper_model="large"))
    assert (found.name, found.note) == ("large-v3", "")
    with pytest.raises(ModelMissing):
        choose(using(settings, whisper_model="base"))


def test_a_number_format_of_the_settings(settings: Settings) -> None:
    keep(settings, "small")
    settings = using(settings, whisper_device="cpu")
    assert choose(using(settings, whisper_compute="float32")).compute == "float32"
    with pytest.raises(TranscriptionError) as caught:
        choose(using(settings, whisper_compute="float16"))
    assert_clear(caught.value)
    assert "AUTOINTEL_WHISPER_COMPUTE" in caught.value.message


def test_a_device_that_is_not_there(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: 0)
    with pytest.raises(TranscriptionError):
        choose(using(settings, whisper_device="cuda"))


def test_every_name_is_one_that_can_be_fetched() -> None:
    from faster_whisper import available_models

    assert set(MEGABYTES) | set(ALIASES) == set(available_models())


# -- what is not here ---------------------------------------------------------------------------


def test_a_missing_model_names_the_ways_out(settings: Settings) -> None:
    with pytest.raises(ModelMissing) as caught:
        choose(using(settings, whisper_device="cpu"))
    error = caught.value
    assert error.message == "The speech model “small” is not on this machine."
    for way in ("autointel models fetch small", "484 MB", "VTT", "AUTOINTEL_OFFLINE_ASR"):
        assert way in error.remedy


@pytest.mark.parametrize("name", ["no-such-name", "some/where/else", "-odd--name-", "/none"])
def test_a_name_that_nobody_knows(settings: Settings, name: str) -> None:
    with pytest.raises(ModelMissing) as caught:
        find_weights(name, settings)
    assert name in caught.value.message
    assert "autointel models list" in caught.value.remedy


@pytest.mark.parametrize("part", weights.PARTS)
def test_an_incomplete_folder(settings: Settings, tmp_path: Path, part: str) -> None:
    folder = build_tiny_whisper(tmp_path / "mine")
    (folder / part).unlink()
    with pytest.raises(ModelMissing) as caught:
        find_weights(str(folder), settings)
    assert part in caught.value.message


@pytest.mark.parametrize("part", ["model.bin", "tokenizer.json"])
def test_a_damaged_folder(settings: Settings, tmp_path: Path, part: str) -> None:
    folder = build_tiny_whisper(tmp_path / "mine")
    (folder / part).write_bytes(b"not a model")
    with pytest.raises(ModelMissing) as caught:
        load(choose(using(settings, whisper_model=str(folder))))
    assert_clear(caught.value)


# -- fetching -------------------------------------------------------------------------------------


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    folder = build_tiny_whisper(tmp_path / "published")
    (folder / "notes.txt").write_text("not needed")
    with serve_hub(folder) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        yield hub


def test_a_model_is_fetched_once_and_can_be_loaded(settings: Settings, hub: Hub) -> None:
    told: list[float | None] = []
    folder = asyncio.run(fetch("tiny", settings, lambda f, _: told.append(f)))
    assert folder == settings.data_dir / "models" / "tiny"
    assert told[-1] == 1.0
    assert here(settings) == {"tiny": folder}
    assert sorted(file.name for file in folder.parent.iterdir()) == ["tiny"]
    assert "notes.txt" not in {file.name for file in folder.iterdir()}
    assert not (settings.data_dir / "outside.bin").exists()
    asked = len(hub.requests)
    assert asyncio.run(fetch("tiny", settings, silent)) == folder
    assert len(hub.requests) == asked


def test_a_connection_that_breaks_off_is_taken_up_again(settings: Settings, hub: Hub) -> None:
    large = bytes(range(256)) * 48_000
    (hub.folder / "vocabulary.txt").write_bytes(large)
    hub.cut = ("vocabulary.txt", 11_000_000)
    folder = asyncio.run(fetch("tiny", settings, silent))
    assert (folder / "vocabulary.txt").read_bytes() == large
    again = [wanted for name, wanted in hub.requests if name == "vocabulary.txt"]
    assert again == [None, f"bytes={10 * 1024 * 1024}-"]  # the client keeps whole pieces of 10 MB


def test_what_arrived_before_is_not_fetched_again(settings: Settings, hub: Hub) -> None:
    whole = (hub.folder / "model.bin").read_bytes()
    left = settings.data_dir / "models" / ".tiny-0123456789ab"
    left.mkdir(parents=True)
    (left / "model.bin.part").write_bytes(whole[:5000])
    assert here(settings) == {}
    folder = asyncio.run(fetch("tiny", settings, silent))
    assert (folder / "model.bin").read_bytes() == whole
    assert ("model.bin", "bytes=5000-") in hub.requests


def test_a_file_that_arrives_damaged_is_no_model(settings: Settings, hub: Hub) -> None:
    hub.spoiled = True
    with pytest.raises(ModelMissing) as caught:
        asyncio.run(fetch("tiny", settings, silent))
    assert "damaged" in caught.value.message
    assert here(settings) == {}
    hub.spoiled = False
    assert asyncio.run(fetch("tiny", settings, silent)).is_dir()


def test_fetching_mends_a_model_that_is_damaged(settings: Settings, hub: Hub) -> None:
    keep(settings, "tiny")
    model = settings.data_dir / "models" / "tiny" / "model.bin"
    model.write_bytes(b"not a model")
    asyncio.run(fetch("tiny", settings, silent))
    assert model.read_bytes() == (hub.folder / "model.bin").read_bytes()


def test_a_published_model_that_cannot_be_loaded(settings: Settings, hub: Hub) -> None:
    (hub.folder / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelMissing):
        asyncio.run(fetch("tiny", settings, silent))
    assert list((settings.data_dir / "models").iterdir()) == []


def test_a_hub_that_cannot_be_reached(
    settings: Settings, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.down = True
    with pytest.raises(ModelUnreachable):
        asyncio.run(fetch("tiny", settings, silent))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelUnreachable) as caught:
        asyncio.run(fetch("tiny", settings, silent))
    assert_clear(caught.value)
    assert "HF_ENDPOINT" in caught.value.remedy
    assert str(settings.data_dir / "models" / "tiny") in caught.value.remedy


def test_an_unknown_name_is_answered_with_the_names(settings: Settings) -> None:
    with pytest.raises(InputError) as caught:
        asyncio.run(fetch("huge", settings, silent))
    assert "large-v3" in caught.value.remedy
