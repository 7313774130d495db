"""From an acquisition to a transcript, with the real WhisperModel on a tiny model."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.clarity import assert_clear
from tests.fixtures_whisper import build_tiny_whisper
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
from ultimate_discord_intelligence_bot.transcription import transcribe

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


GERMAN = (
    "Heute sehen wir uns den Mond an, und ich werde euch erzählen, warum er aus Gestein besteht "
    "und nicht aus Käse, wie manche Leute immer noch glauben."
)
ENGLISH = (
    "Today we look at the moon, and I will tell you why it is made of rock and not of cheese, as "
    "some people still seem to believe."
)
GARBLED = "WEBVTT\n\n" + "\n".join(
    f"00:{n:02}.000 --> 00:{n + 1:02}.000\nGrÃ¼ÃŸe aus KÃ¶ln {n}\n" for n in range(20)
)


def saying(text: str) -> str:
    return f"WEBVTT\n\n00:00.000 --> 00:20.000\n{text}\n"


def of(what: Acquisition, **known: object) -> Acquisition:
    """The same of a source that more is known about."""
    return what.model_copy(update={"source": what.source.model_copy(update=known)})


async def test_the_recordings_own_language_comes_before_english(
    tmp_path: Path, settings: Settings
) -> None:
    tracks = [
        captions(tmp_path / "en.vtt", saying(ENGLISH), language="en"),
        captions(tmp_path / "de.vtt", saying(GERMAN), language="de-AT"),
    ]
    found = await transcribe(of(acquisition(None, *tracks), language="de"), settings, silent)
    assert (found.language, found.notes) == ("de", ())


async def test_captions_that_end_early_give_way_to_the_next_track_with_a_note(
    tmp_path: Path, settings: Settings
) -> None:
    short = captions(tmp_path / "h.vtt")
    lines = "\n".join(
        f"{m:02}:00.000 --> {m:02}:40.000\n{ENGLISH} That was minute {m}.\n" for m in range(59)
    )
    whole = captions(tmp_path / "a.vtt", f"WEBVTT\n\n{lines}", kind="automatic")
    found = await transcribe(of(acquisition(None, short, whole), duration=3600.0), settings, silent)
    assert found.origin == "automatic captions"
    assert found.notes == ("The human captions were passed over: they end after 0 of 60 minutes.",)


async def test_garbled_captions_give_way_to_the_sound(
    tmp_path: Path, settings: Settings, voice: Path
) -> None:
    found = await transcribe(
        acquisition(voice, captions(tmp_path / "x.vtt", GARBLED)), settings, silent
    )
    assert found.origin == "speech recognition"
    assert found.notes[0] == (
        "The human captions were passed over: their letters were damaged when somebody converted "
        "them."
    )


async def test_garbage_is_not_used_even_where_there_is_nothing_else(
    tmp_path: Path, without_model: Settings, voice: Path
) -> None:
    garbled = captions(tmp_path / "x.vtt", GARBLED)
    await refused(acquisition(None, garbled), without_model, BadCaptions)
    error = await refused(acquisition(voice, garbled), without_model, ModelMissing)
    assert "damaged" in error.message


async def test_short_captions_are_better_than_nothing(
    tmp_path: Path, without_model: Settings, voice: Path
) -> None:
    short = captions(tmp_path / "x.vtt")
    alone = of(acquisition(None, short), duration=3600.0)
    found = await transcribe(alone, without_model, silent)
    assert (found.origin, text_of(found)) == ("human captions", "Hello there.")
    assert found.notes == (
        "The human captions are used although they end after 0 of 60 minutes: nothing better was "
        "found. There is no sound to listen to.",
    )
    with_sound = of(acquisition(voice, short), duration=3600.0)
    found = await transcribe(with_sound, without_model, silent)
    assert text_of(found) == "Hello there."
    assert "large-v3" in found.notes[0]


async def test_silence_leaves_the_few_captions_there_are(
    tmp_path: Path, settings: Settings
) -> None:
    """As of a nature film with hardly a word in it."""
    mute = make_silence(tmp_path / "x.mp3")
    short = of(acquisition(mute, captions(tmp_path / "x.vtt")), duration=3600.0)
    assert text_of(await transcribe(short, settings, silent)) == "Hello there."


async def test_captions_in_another_language_than_the_one_wanted_are_a_last_resort(
    tmp_path: Path, settings: Settings, voice: Path
) -> None:
    english = captions(tmp_path / "x.vtt", saying(ENGLISH), language="de")
    german = settings.model_copy(update={"language": "de"})
    found = await transcribe(acquisition(None, english), german, silent)
    assert found.language == "en"
    assert found.notes == (
        "The human captions are used although they are in English, not in German: nothing better "
        "was found. There is no sound to listen to.",
        "The captions are labelled German, but are in English.",
    )
    found = await transcribe(
        acquisition(voice, english), settings.model_copy(update={"language": "en"}), silent
    )
    assert (found.origin, found.language) == ("human captions", "en")


async def test_a_translation_is_told_as_such(tmp_path: Path, settings: Settings) -> None:
    english = captions(tmp_path / "x.vtt", saying(ENGLISH), language="en")
    found = await transcribe(of(acquisition(None, english), language="de"), settings, silent)
    assert found.notes == (
        "The captions are in English, the recording is in German: quotes are those of the "
        "translation.",
    )


async def test_the_language_is_found_where_nobody_tells_it(
    tmp_path: Path, settings: Settings
) -> None:
    unlabelled = captions(tmp_path / "x.vtt", saying(GERMAN))
    assert (await transcribe(acquisition(None, unlabelled), settings, silent)).language == "de"
    unlabelled = captions(tmp_path / "y.vtt")
    assert (await transcribe(acquisition(None, unlabelled), settings, silent)).language is None


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
    assert all(0 <= f <= 1 for f in told if f is not None)


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
    assert "VTT" in error.remedy


async def test_a_device_that_is_not_there(voice: Path, settings: Settings) -> None:
    import ctranslate2

    if ctranslate2.get_cuda_device_count():
        pytest.skip("this machine has a CUDA device")
    cuda = settings.model_copy(update={"whisper_device": "cuda"})
    await refused(acquisition(voice), cuda, TranscriptionError)


# -- cancelling -----------------------------------------------------------------------------------


async def test_cancelling_ends_the_work(tmp_path: Path, settings: Settings) -> None:
    file = make_voice(tmp_path / "long.wav", [(0.0, 600.0)], seconds=600.0)
    begun = asyncio.Event()
    told: list[float | None] = []

    def progress(fraction: float | None, message: str) -> None:
        told.append(fraction)
        begun.set()

    task = asyncio.create_task(transcribe(acquisition(file), settings, progress))
    await asyncio.wait_for(begun.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    steps = len(told)
    await asyncio.sleep(0.5)
    assert len(told) == steps
