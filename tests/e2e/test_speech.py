"""Media without captions, heard by the real WhisperModel on a tiny model."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import content, execute
from tests.fixtures_whisper import SAYS, build_tiny_whisper
from tests.media import make_voice
from tests.web import serve
from ultimate_discord_intelligence_bot.errors import ModelMissing


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return make_voice(tmp_path / "my_first-talk.wav", [(0.5, 4.0)], 6.0)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return build_tiny_whisper(tmp_path / "whisper")


def test_a_recording_is_heard(recording: Path, model: Path, data_dir: Path) -> None:
    result = execute(data_dir, recording, AUTOINTEL_WHISPER_MODEL=str(model))
    assert result.status == "complete"
    report = content(result)
    assert report["source"]["title"] == "My first talk"
    assert report["transcript"]["origin"] == "speech recognition"
    heard = " ".join(segment["text"] for segment in report["transcript"]["segments"])
    assert SAYS.split()[0] in heard


def test_another_model_hears_anew(recording: Path, model: Path, data_dir: Path) -> None:
    execute(data_dir, recording, AUTOINTEL_WHISPER_MODEL=str(model))
    other = build_tiny_whisper(model.with_name("other"))
    again = execute(data_dir, recording, AUTOINTEL_WHISPER_MODEL=str(other))
    assert "acquisition" in again.reused
    assert "transcription" not in again.reused


def test_without_a_model_the_message_names_the_ways_out(recording: Path, data_dir: Path) -> None:
    result = execute(data_dir, recording)
    assert isinstance(result.error, ModelMissing)
    for way in ("autointel models fetch small", "VTT", "AUTOINTEL_OFFLINE_ASR"):
        assert way in result.error.remedy


def test_a_link_gives_the_same_transcript_heard_during_or_after_the_download(
    recording: Path, model: Path, tmp_path: Path
) -> None:
    heard = []
    with serve(recording.parent) as web:
        for streamed in ("true", "false"):
            result = execute(
                tmp_path / streamed,
                f"{web.url}/{recording.name}",
                AUTOINTEL_WHISPER_MODEL=str(model),
                ENABLE_STREAMED_TRANSCRIPTION=streamed,
            )
            heard.append(content(result)["transcript"])
    assert heard[0] == heard[1]


def test_a_link_to_a_recording_is_fetched_and_heard_once(
    recording: Path, model: Path, data_dir: Path
) -> None:
    with serve(recording.parent) as web:
        url = f"{web.url}/{recording.name}"
        first = execute(data_dir, url, AUTOINTEL_WHISPER_MODEL=str(model))
        asked = sum(web.requests.values())
        second = execute(data_dir, url, AUTOINTEL_WHISPER_MODEL=str(model))
        assert sum(web.requests.values()) == asked
    assert first.status == "complete"
    assert {"acquisition", "transcription"} <= set(second.reused)
    assert content(second) == content(first)
    assert content(first)["source"]["url"] == url
