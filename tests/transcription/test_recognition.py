"""Listening in a process of its own: to whole files, and to files that are still growing."""

# ruff: noqa: ASYNC110, ASYNC240 - small files, and processes that can only be watched

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.clarity import assert_clear
from tests.fixtures_whisper import SAYS, build_tiny_whisper
from tests.media import make_silence, make_tone, make_video_without_sound, make_voice
from ultimate_discord_intelligence_bot.errors import (
    AutointelError,
    ModelMissing,
    NoAudio,
    NoSpeech,
    NotMedia,
    TranscriptionError,
    WorkerDied,
)
from ultimate_discord_intelligence_bot.events import silent
from ultimate_discord_intelligence_bot.models.media import Acquisition, Growing, MediaFile, Source
from ultimate_discord_intelligence_bot.models.transcript import Transcript
from ultimate_discord_intelligence_bot.settings import Settings
from ultimate_discord_intelligence_bot.transcription import recognition, worker
from ultimate_discord_intelligence_bot.transcription.recognition import (
    Heard,
    Listening,
    TellHeard,
    engine,
    keep_quiet,
    listen,
    recognise,
)

SENTENCES = ["The moon is made of rock.", "Nobody has found any cheese there."]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_whisper(tmp_path_factory.mktemp("whisper") / "tiny")


@pytest.fixture(scope="session")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_voice(tmp_path_factory.mktemp("voice") / "talk.mp3", [(0.5, 4.0)], 6.0)


@pytest.fixture(scope="session")
def long_voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_voice(tmp_path_factory.mktemp("voice") / "long.mp3", [(0.0, 200.0)], 200.0)


@pytest.fixture
def settings(settings: Settings, tiny: Path) -> Settings:
    return settings.model_copy(update={"whisper_model": str(tiny)})


def without_model(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update={"whisper_model": "small", **changes})


def media_file(path: Path) -> MediaFile:
    data = path.read_bytes()
    return MediaFile(path=path, sha256=hashlib.sha256(data).hexdigest(), size=len(data))


def acquisition(path: Path, title: str = "Talk", language: str | None = None) -> Acquisition:
    source = Source(id="s", url="file:///talk", title=title, platform="file", language=language)
    return Acquisition(
        source=source,
        media=media_file(path),
        acquired_at=datetime.now(UTC),
    )


async def refused(path: Path, settings: Settings, kind: type[AutointelError]) -> AutointelError:
    with pytest.raises(kind) as caught:
        await recognise(acquisition(path), settings, silent)
    assert_clear(caught.value)
    return caught.value


def children() -> set[int]:
    """The processes that listen for this one."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            command = stat.with_name("cmdline").read_bytes()
        except (OSError, IndexError):
            continue
        if parent == os.getpid() and b"transcription.worker" in command:
            found.add(int(stat.parent.name))
    return found


# -- whole files --------------------------------------------------------------------------------


async def test_speech_becomes_sentences_with_times(voice: Path, settings: Settings) -> None:
    told: list[tuple[float | None, str]] = []
    found = await recognise(acquisition(voice), settings, lambda f, m: told.append((f, m)))
    assert (found.origin, found.language) == ("speech recognition", "en")
    assert found.model == "faster-whisper tiny"
    assert [segment.text for segment in found.segments] == SENTENCES
    first, second = found.segments
    assert 0.0 < first.start < first.end <= second.start < second.end < 6
    assert (0.0, "listening 0:00 of 0:06") in told
    assert all(f is None or 0 <= f <= 1 for f, _ in told)


async def test_many_segments_come_over(
    voice: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child whose transcript is far larger than a message may be."""
    program = (
        "from ultimate_discord_intelligence_bot.transcription import worker as w;"
        "from ultimate_discord_intelligence_bot.models.transcript import *;"
        "w.TASKS['recognise'] = lambda r, say, i: w._handed_over(Transcript(segments=tuple("
        "Segment(index=n, start=n, end=n, text='x' * 1000) for n in range(9000)),"
        "origin='speech recognition'), say);"
        "w.serve(w.work, w.explain)"
    )
    module = Path("huge_listener.py")
    module.write_text(program)
    monkeypatch.setenv("PYTHONPATH", f"{Path.cwd()}:{os.environ['PYTHONPATH']}")
    monkeypatch.setattr(recognition, "WORKER", module.stem)
    found = await recognise(acquisition(voice), settings, silent)
    assert [segment.index for segment in found.segments] == list(range(9000))


async def test_errors_come_over_as_they_are(
    tmp_path: Path, voice: Path, settings: Settings
) -> None:
    none = without_model(settings)
    mute = make_video_without_sound(tmp_path / "mute.mp4")
    text = tmp_path / "text.mp3"
    text.write_text("these are words, not sound\n" * 200)
    await refused(mute, none, NoAudio)
    await refused(make_silence(tmp_path / "silence.mp3"), none, NoSpeech)
    await refused(make_tone(tmp_path / "tone.mp3"), none, NoSpeech)
    await refused(text, none, NotMedia)
    missing = await refused(voice, none, ModelMissing)
    assert "autointel models fetch small" in missing.remedy
    german = settings.model_copy(update={"language": "de"})
    assert "“de”" in (await refused(voice, german, TranscriptionError)).message


async def test_cancelling_kills_the_process_within_two_seconds(
    long_voice: Path, settings: Settings
) -> None:
    begun = asyncio.Event()

    def progress(fraction: float | None, message: str) -> None:
        if fraction:
            begun.set()

    task = asyncio.create_task(recognise(acquisition(long_voice), settings, progress))
    await asyncio.wait_for(begun.wait(), 30)
    assert len(children()) == 1
    since = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - since < 2
    assert not children()


async def test_a_crash_of_the_process_is_an_error_like_any_other(
    long_voice: Path, settings: Settings
) -> None:
    def crash(fraction: float | None, message: str) -> None:
        for pid in children():
            os.kill(pid, signal.SIGSEGV)

    with pytest.raises(WorkerDied) as caught:
        await recognise(acquisition(long_voice), settings, crash)
    assert_clear(caught.value)
    assert "AUTOINTEL_WHISPER_MODEL" in caught.value.remedy


async def test_several_at_once_do_not_meet(voice: Path, settings: Settings) -> None:
    four = (recognise(acquisition(voice), settings, silent) for _ in range(4))
    assert len({found.model_dump_json() for found in await asyncio.gather(*four)}) == 1


@pytest.mark.parametrize("event", ["socket.connect", "subprocess.Popen", "os.posix_spawn"])
def test_the_process_reaches_nothing_outside(event: str) -> None:
    with pytest.raises(PermissionError):
        worker.refuse(event, ())
    worker.refuse("open", ())


async def test_sentences_are_told_while_the_rest_is_listened_to(
    long_voice: Path, settings: Settings
) -> None:
    told: list[Heard] = []
    found = await recognise(acquisition(long_voice), settings, silent, tell_heard=told.append)
    texts = [text for part in told for text in part.texts]
    assert texts == SENTENCES[:1]
    assert [segment.text for segment in found.segments] == SENTENCES
    assert {part.language for part in told} == {"en"}


# -- which engine -------------------------------------------------------------------------------


def roughly(*_: Any) -> Transcript:
    return Transcript.model_validate(
        {
            "segments": [{"index": 0, "start": 0, "end": 1, "text": "the moon"}],
            "origin": "low-accuracy speech recognition",
        }
    )


def asked(path: Path) -> dict[str, Any]:
    return {"path": str(path), "terms": [], "spoken": None}


@pytest.fixture
def rough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_roughly", roughly)


@pytest.mark.usefixtures("rough")
def test_the_rough_engine_only_when_asked_for(voice: Path, settings: Settings) -> None:
    def origin(settings: Settings) -> str:
        return worker._recognised(asked(voice), settings, silent).origin

    allowed = {"offline_asr": "fallback"}
    assert origin(settings.model_copy(update=allowed)) == "speech recognition"
    assert origin(without_model(settings, **allowed)) == "low-accuracy speech recognition"
    only = settings.model_copy(update={"offline_asr": "only"})
    assert origin(only) == "low-accuracy speech recognition"
    with pytest.raises(ModelMissing):
        origin(without_model(settings))


@pytest.mark.usefixtures("rough")
def test_a_fallback_is_told(voice: Path, settings: Settings) -> None:
    found = worker._recognised(
        asked(voice), without_model(settings, offline_asr="fallback"), silent
    )
    assert found.notes == ("The speech model “small” is not on this machine.",)


def test_another_engine_has_another_name(settings: Settings, tmp_path: Path) -> None:
    other = str(build_tiny_whisper(tmp_path / "other"))
    names = {
        engine(settings),
        engine(settings.model_copy(update={"whisper_model": other})),
        engine(settings.model_copy(update={"offline_asr": "only"})),
        engine(without_model(settings)),
    }
    assert len(names) == 4


# -- growing files ------------------------------------------------------------------------------


@asynccontextmanager
async def listening_to(
    path: Path, settings: Settings, title: str = "Talk", tell: TellHeard = keep_quiet
) -> AsyncIterator[Listening]:
    listening = listen(Growing(path=path, title=title), settings, tell)
    try:
        yield listening
    finally:
        await listening.cancel()
        assert not children()


async def grow(part: Path, data: bytes, pieces: int = 20) -> Path:
    """Write a file bit by bit, then give it its name."""
    size = -(-len(data) // pieces)
    with part.open("ab") as file:
        for first in range(0, len(data), size):
            file.write(data[first : first + size])
            file.flush()
            await asyncio.sleep(0.01)
    return part.replace(part.with_suffix(""))


async def test_a_download_is_heard_while_it_runs(
    voice: Path, settings: Settings, tmp_path: Path
) -> None:
    expected = await recognise(acquisition(voice), settings, silent)
    part = tmp_path / "download.mp3.part"
    part.touch()
    told: list[str] = []
    async with listening_to(part, settings) as listening:
        whole = await grow(part, voice.read_bytes())
        found = await listening.finish(media_file(whole), lambda _, message: told.append(message))
    assert found == expected
    assert told


async def test_recognition_takes_what_was_heard_already(
    voice: Path, settings: Settings, tmp_path: Path
) -> None:
    part = tmp_path / "download.mp3.part"
    part.touch()
    heard: list[Heard] = []
    async with listening_to(part, settings, tell=heard.append) as listening:
        whole = await grow(part, voice.read_bytes())
        (pid,) = children()
        seen: set[int] = set()
        found = await recognise(
            acquisition(whole), settings, lambda *_: seen.update(children()), listening
        )
        assert seen <= {pid}
        assert [segment.text for segment in found.segments] == SENTENCES
        assert heard == [Heard((SENTENCES[0],), "en")]
        assert not children()


@pytest.mark.parametrize("change", ["begun anew", "replaced", "damaged afterwards"])
async def test_another_file_than_the_one_heard_is_heard_anew(
    change: str, voice: Path, settings: Settings, tmp_path: Path
) -> None:
    other = make_voice(tmp_path / "other.mp3", [(1.0, 5.0)], 7.0).read_bytes()
    part = tmp_path / "download.mp3.part"
    part.write_bytes(voice.read_bytes())
    async with listening_to(part, settings) as listening:
        await read_by_a_child(part)
        if change == "replaced":
            part.unlink()
        if change != "damaged afterwards":
            part.write_bytes(other)
        finished = media_file(part)
        if change == "damaged afterwards":
            finished = finished.model_copy(update={"sha256": "0" * 64})
        assert await listening.finish(finished, silent) is None


async def read_by_a_child(path: Path) -> None:
    """Wait until a process of ours has read something of a file."""
    while True:
        for pid in children():
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                if descriptor.exists() and descriptor.samefile(path):
                    told = Path(f"/proc/{pid}/fdinfo/{descriptor.name}").read_text()
                    if int(told.split()[1]):
                        return
        await asyncio.sleep(0.02)


async def test_an_index_at_the_end_is_given_up(settings: Settings, tmp_path: Path) -> None:
    whole = make_voice(tmp_path / "talk.m4a", [(0.5, 4.0)], 6.0)
    part = tmp_path / "download.m4a.part"
    part.write_bytes(whole.read_bytes()[:2000])
    async with listening_to(part, settings) as listening:
        while children():
            await asyncio.sleep(0.05)
        assert await listening.finish(media_file(whole), silent) is None
    found = await recognise(acquisition(whole), settings, silent, listening)
    assert [segment.text for segment in found.segments] == SENTENCES


async def test_without_a_model_there_is_one_error_at_the_end(
    voice: Path, settings: Settings, tmp_path: Path
) -> None:
    part = tmp_path / "download.mp3.part"
    part.write_bytes(voice.read_bytes())
    none = without_model(settings)
    async with listening_to(part, none) as listening:
        with pytest.raises(ModelMissing):
            await recognise(acquisition(part), none, silent, listening)


async def test_the_rough_engine_does_not_listen_to_growing_files(
    voice: Path, settings: Settings
) -> None:
    only = settings.model_copy(update={"offline_asr": "only"})
    async with listening_to(voice, only) as listening:
        assert await listening.finish(media_file(voice), silent) is None


async def test_another_title_means_another_hint(
    voice: Path, settings: Settings, tmp_path: Path
) -> None:
    part = tmp_path / "download.mp3.part"
    part.write_bytes(voice.read_bytes())
    async with listening_to(part, settings, "A talk with Adaeze") as listening:
        found = await recognise(acquisition(part), settings, silent, listening)
    assert " ".join(segment.text for segment in found.segments) == SAYS


async def test_ending_it_is_quick_and_may_come_twice(long_voice: Path, settings: Settings) -> None:
    listening = listen(Growing(path=long_voice, title="Talk"), settings)
    while not children():
        await asyncio.sleep(0.02)
    await asyncio.sleep(1)
    since = time.monotonic()
    await listening.cancel()
    assert time.monotonic() - since < 2
    assert not children()
    await listening.cancel()
    assert await listening.finish(media_file(long_voice), silent) is None


async def test_a_file_that_is_not_there(settings: Settings, tmp_path: Path) -> None:
    async with listening_to(tmp_path / "none.part", settings) as listening:
        assert await listening.finish(MediaFile(path=tmp_path, sha256="", size=0), silent) is None


async def test_the_rough_recogniser_is_not_let_near_another_language(
    voice: Path, settings: Settings
) -> None:
    german = acquisition(voice, language="de-AT")
    rough = settings.model_copy(update={"offline_asr": "only"})
    with pytest.raises(TranscriptionError, match=r"English only.*German") as caught:
        await recognise(german, rough, silent)
    assert_clear(caught.value)
