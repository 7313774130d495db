"""From an acquisition to a transcript, with the real WhisperModel on a tiny model."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.clarity import assert_clear
from tests.fixtures_whisper import SAYS, build_tiny_whisper
from tests.media import make_silence, make_tone, make_video_without_sound, make_voice
from ultimate_discord_intelligence_bot.errors import (
    AutointelError,
    BadCaptions,
    ModelMissing,
    NoAudio,
    NoSpeech,
    TranscriptionError,
)
from ultimate_discord_intelligence_bot.events import silent
from ultimate_discord_intelligence_bot.models.media import (
    Acquisition,
    CaptionFile,
    MediaFile,
    Source,
)
from ultimate_discord_intelligence_bot.models.transcript import Transcript
from ultimate_discord_intelligence_bot.settings import Settings
from ultimate_discord_intelligence_bot.transcription import speech, transcribe, weights

VTT = "WEBVTT\n\n00:00.000 --> 00:02.000\nHello there.\n"


def acquisition(media: Path | None, *captions: CaptionFile) -> Acquisition:
    return Acquisition(
        source=Source(id="s", url="file:///talk", title="Talk", platform="file"),
        media=MediaFile(path=media, sha256="0", size=1) if media else None,
        captions=captions,
        acquired_at=datetime.now(UTC),
    )


def captions(path: Path, text: str = VTT, **fields: str) -> CaptionFile:
    path.write_text(text)
    return CaptionFile.model_validate({"path": path, "sha256": "0", **fields})


@pytest.fixture(scope="session")
def tiny_whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_whisper(tmp_path_factory.mktemp("whisper") / "tiny")


@pytest.fixture
def settings(settings: Settings, tiny_whisper: Path) -> Settings:
    return settings.model_copy(update={"whisper_model": str(tiny_whisper)})


@pytest.fixture
def without_model(settings: Settings, tmp_path: Path) -> Settings:
    return settings.model_copy(update={"whisper_model": "large-v3"})


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    return make_voice(tmp_path / "voice.wav", [(1.0, 5.0)], seconds=7.0)


async def refused(
    what: Acquisition, settings: Settings, kind: type[AutointelError]
) -> AutointelError:
    with pytest.raises(kind) as caught:
        await transcribe(what, settings, silent)
    assert_clear(caught.value)
    return caught.value


def text_of(transcript: Transcript) -> str:
    return " ".join(segment.text for segment in transcript.segments)


# -- captions -------------------------------------------------------------------------------------


async def test_human_captions_come_before_automatic_ones(
    tmp_path: Path, settings: Settings
) -> None:
    automatic = captions(tmp_path / "a.vtt", VTT.replace("Hello", "Jello"), kind="automatic")
    human = captions(tmp_path / "h.vtt", language="de")
    found = await transcribe(acquisition(None, automatic, human), settings, silent)
    assert (found.origin, found.language, text_of(found)) == (
        "human captions",
        "de",
        "Hello there.",
    )
    found = await transcribe(acquisition(None, automatic), settings, silent)
    assert found.origin == "automatic captions"


@pytest.mark.parametrize(("wanted", "chosen"), [(None, "en"), ("fr", "fr"), ("it", "en")])
async def test_captions_in_the_wanted_language_then_english(
    tmp_path: Path, settings: Settings, wanted: str | None, chosen: str
) -> None:
    tracks = [captions(tmp_path / f"{tag}.vtt", language=tag) for tag in ("de", "fr", "en-GB")]
    settings = settings.model_copy(update={"language": wanted})
    found = await transcribe(acquisition(None, *tracks), settings, silent)
    assert found.language == chosen


async def test_captions_need_neither_model_nor_media(
    tmp_path: Path, without_model: Settings, voice: Path
) -> None:
    found = await transcribe(
        acquisition(voice, captions(tmp_path / "x.vtt")), without_model, silent
    )
    assert found.model is None


async def test_captions_alone_that_cannot_be_read_end_it(
    tmp_path: Path, settings: Settings
) -> None:
    await refused(acquisition(None, captions(tmp_path / "x.vtt", "hm")), settings, BadCaptions)


async def test_unusable_captions_are_passed_over_where_there_is_sound(
    tmp_path: Path, settings: Settings, without_model: Settings, voice: Path
) -> None:
    both = acquisition(voice, captions(tmp_path / "x.vtt", "hm"))
    assert (await transcribe(both, settings, silent)).origin == "speech recognition"
    error = await refused(both, without_model, ModelMissing)
    assert "x.vtt" in error.message


# -- sound ----------------------------------------------------------------------------------------


async def test_speech_becomes_sentences_with_times(voice: Path, settings: Settings) -> None:
    told: list[float | None] = []
    found = await transcribe(acquisition(voice), settings, lambda f, _: told.append(f))
    assert found.origin == "speech recognition"
    assert found.language == "en"
    assert found.model == "faster-whisper tiny"
    assert [segment.text for segment in found.segments] == [
        "The moon is made of rock.",
        "Nobody has found any cheese there.",
    ]
    first, second = found.segments
    assert 0.3 < first.start < first.end <= second.start < second.end < 6
    assert told
    assert all(f is not None and 0 <= f <= 1 for f in told)


async def test_a_long_recording_is_heard_block_by_block(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech, "_BLOCK", 10.0)
    spoken = [(1.0, 4.0), (8.5, 11.5), (16.0, 18.0)]
    file = make_voice(tmp_path / "long.mp3", spoken, seconds=25.0)
    found = await transcribe(acquisition(file), settings, silent)
    assert text_of(found) == " ".join([SAYS] * 3)
    starts = [s.start for s in found.segments if s.text.startswith("The")]
    assert starts == pytest.approx([start for start, _ in spoken], abs=0.7)


async def test_a_language_that_the_model_does_not_know(voice: Path, settings: Settings) -> None:
    german = settings.model_copy(update={"language": "de"})
    await refused(acquisition(voice), german, TranscriptionError)


async def test_what_whisper_says_to_silence_is_not_believed(
    voice: Path, settings: Settings, tmp_path: Path
) -> None:
    for doubt, believed in ((0.1, True), (0.9, False)):
        model = build_tiny_whisper(tmp_path / str(doubt), "Thanks for watching!", doubt=doubt)
        doubting = settings.model_copy(update={"whisper_model": str(model)})
        if believed:
            found = await transcribe(acquisition(voice), doubting, silent)
            assert text_of(found) == "Thanks for watching!"
        else:
            await refused(acquisition(voice), doubting, NoSpeech)


@pytest.mark.parametrize("make", [make_silence, make_tone])
async def test_silence_is_told_even_without_a_model(
    tmp_path: Path, without_model: Settings, make: type
) -> None:
    await refused(acquisition(make(tmp_path / "x.mp3")), without_model, NoSpeech)


async def test_a_video_without_sound_is_told_even_without_a_model(
    tmp_path: Path, without_model: Settings
) -> None:
    mute = make_video_without_sound(tmp_path / "x.mp4")
    await refused(acquisition(mute), without_model, NoAudio)


# -- weights --------------------------------------------------------------------------------------


def _incomplete(folder: Path, missing: str) -> str:
    build_tiny_whisper(folder)
    (folder / missing).unlink()
    return str(folder)


def _damaged(folder: Path) -> str:
    (build_tiny_whisper(folder) / "model.bin").write_bytes(b"not a model")
    return str(folder)


@pytest.mark.parametrize(
    "model",
    [
        "large-v3",
        "no-such-name",
        "some/where/else",
        "-odd--name-",
        "empty",
        "part",
        "voiceless",
        "damaged",
    ],
)
async def test_a_missing_model_is_one_clear_error(
    tmp_path: Path, voice: Path, settings: Settings, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    _incomplete(tmp_path / "part", "model.bin")
    _incomplete(tmp_path / "voiceless", "tokenizer.json")
    _damaged(tmp_path / "damaged")
    settings = settings.model_copy(update={"whisper_model": model})
    error = await refused(acquisition(voice), settings, ModelMissing)
    assert model in error.message
    assert "AUTOINTEL_WHISPER_MODEL" in error.remedy
    assert "VTT" in error.remedy


async def test_a_device_that_is_not_there(voice: Path, settings: Settings) -> None:
    import ctranslate2

    if ctranslate2.get_cuda_device_count():
        pytest.skip("this machine has a CUDA device")
    cuda = settings.model_copy(update={"whisper_device": "cuda"})
    await refused(acquisition(voice), cuda, TranscriptionError)


async def test_the_model_is_loaded_once(voice: Path, settings: Settings) -> None:
    both = (transcribe(acquisition(voice), settings, silent) for _ in range(2))
    first, second = await asyncio.gather(*both)
    assert first == second
    assert weights.load_model(settings) is weights.load_model(settings)


# -- cancelling -----------------------------------------------------------------------------------


async def test_cancelling_ends_the_work(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech, "_BLOCK", 2.0)
    file = make_voice(tmp_path / "long.wav", [(0.0, 600.0)], seconds=600.0)
    begun = threading.Event()
    told: list[float | None] = []

    def progress(fraction: float | None, message: str) -> None:
        told.append(fraction)
        begun.set()

    task = asyncio.create_task(transcribe(acquisition(file), settings, progress))
    await asyncio.to_thread(begun.wait, 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.5)
    steps = len(told)
    await asyncio.sleep(0.5)
    assert len(told) == steps
