"""Local recordings and caption files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clarity import assert_clear
from tests.media import (
    make_silence,
    make_tone,
    make_truncated,
    make_video_without_sound,
)
from ultimate_discord_intelligence_bot.acquisition import acquire, fingerprint, parse_locator
from ultimate_discord_intelligence_bot.errors import (
    AutointelError,
    BadCaptions,
    FileMissing,
    NoAudio,
    NotMedia,
    TooLarge,
)
from ultimate_discord_intelligence_bot.events import silent
from ultimate_discord_intelligence_bot.models.media import Acquisition
from ultimate_discord_intelligence_bot.runs import Run
from ultimate_discord_intelligence_bot.settings import Depth, Settings

VTT = "WEBVTT\n\n00:00.000 --> 00:02.000\nHello there.\n"
SRT = "1\n00:00:00,000 --> 00:00:02,000\nHello there.\n"


async def acquired(path: Path, settings: Settings) -> Acquisition:
    locator = parse_locator(str(path), allow_files=True)
    return await acquire(Run(locator, Depth.STANDARD, settings), silent)


async def refused(path: Path, settings: Settings, kind: type[AutointelError]) -> AutointelError:
    with pytest.raises(kind) as caught:
        await acquired(path, settings)
    assert_clear(caught.value)
    return caught.value


@pytest.mark.parametrize("name", ["talk.mp3", "talk.wav", "talk.ogg", "talk.mp4", "talk.m4a"])
async def test_a_recording_stays_where_it_is(tmp_path: Path, settings: Settings, name: str) -> None:
    file = make_tone(tmp_path / name)
    found = await acquired(file, settings)
    assert found.media is not None
    assert found.media.path == file
    assert found.media.size == file.stat().st_size
    assert found.source.duration == pytest.approx(3.0, abs=0.2)
    assert found.source.url == file.as_uri()
    assert found.source.platform == "file"
    assert not settings.data_dir.exists()


async def test_content_counts_and_not_the_name(tmp_path: Path, settings: Settings) -> None:
    file = make_tone(tmp_path / "talk.wav").rename(tmp_path / "talk.txt")
    assert (await acquired(file, settings)).media is not None
    captions = tmp_path / "captions.mp3"
    captions.write_text(VTT)
    found = await acquired(captions, settings)
    assert found.media is None
    assert [track.path for track in found.captions] == [captions]


async def test_the_title_is_the_tag_or_a_readable_name(tmp_path: Path, settings: Settings) -> None:
    tagged = make_tone(tmp_path / "a.mp3", title="A talk about tags")
    assert (await acquired(tagged, settings)).source.title == "A talk about tags"
    plain = make_tone(tmp_path / "my_first-talk.wav")
    assert (await acquired(plain, settings)).source.title == "My first talk"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("talk.en.vtt", VTT),
        ("talk.srt", SRT),
        ("talk.ttml", '<?xml version="1.0"?>\n<tt xmlns="http://www.w3.org/ns/ttml"></tt>'),
        ("talk.en.json3", '{"wireMagic": "pb3", "events": []}'),
    ],
)
async def test_captions_alone_are_a_complete_input(
    tmp_path: Path, settings: Settings, name: str, text: str
) -> None:
    (tmp_path / name).write_text(text)
    found = await acquired(tmp_path / name, settings)
    assert found.media is None
    assert len(found.captions) == 1
    assert found.captions[0].language == ("en" if ".en." in name else None)
    assert found.source.title == "Talk"


async def test_captions_beside_a_recording_come_along(tmp_path: Path, settings: Settings) -> None:
    file = make_tone(tmp_path / "talk.mp3")
    for name in ("talk.vtt", "talk.de-AT.srt", "talk.eng.vtt", "talker.vtt", "talk.final.vtt"):
        (tmp_path / name).write_text(SRT if name.endswith("srt") else VTT)
    (tmp_path / "talk.fr.vtt").touch()
    (tmp_path / "talk.ja.ttml").write_text("<tt></tt>")
    (tmp_path / "talk.ko.json3").write_text('{"events": [{"tStartMs": 0}]}')
    found = await acquired(file, settings)
    assert {track.path.name: track.language for track in found.captions} == {
        "talk.vtt": None,
        "talk.de-AT.srt": "de-AT",
        "talk.eng.vtt": "en",
        "talk.ja.ttml": "ja",
        "talk.ko.json3": "ko",
    }


async def test_a_video_without_sound_needs_captions(tmp_path: Path, settings: Settings) -> None:
    file = make_video_without_sound(tmp_path / "mute.mp4")
    await refused(file, settings, NoAudio)
    (tmp_path / "mute.vtt").write_text(VTT)
    assert (await acquired(file, settings)).captions


async def test_silence_is_a_recording_like_any_other(tmp_path: Path, settings: Settings) -> None:
    assert (await acquired(make_silence(tmp_path / "s.mp3"), settings)).media is not None


async def test_text_with_the_name_of_a_recording(tmp_path: Path, settings: Settings) -> None:
    file = tmp_path / "talk.mp3"
    file.write_text("These are words about a talk.\n" * 100)
    error = await refused(file, settings, NotMedia)
    assert "talk.mp3" in error.message


@pytest.mark.parametrize("index_first", [True, False])
async def test_a_truncated_mp4(tmp_path: Path, settings: Settings, index_first: bool) -> None:
    file = make_truncated(tmp_path / "talk.mp4", index_first=index_first)
    await refused(file, settings, NotMedia)


async def test_a_wav_that_misstates_its_bytes_per_second(
    tmp_path: Path, settings: Settings
) -> None:
    """As flite writes it at 8 kHz: whoever winds it forward by that figure lands off its end."""
    file = make_silence(tmp_path / "talk.wav", 20.0)
    content = bytearray(file.read_bytes())
    content[28:32] = (2 * int.from_bytes(content[28:32], "little")).to_bytes(4, "little")
    file.write_bytes(content)
    assert (await acquired(file, settings)).source.duration == pytest.approx(20.0, abs=0.1)


@pytest.mark.parametrize(
    "content",
    [
        b"\0" * 5000,
        b"\x89PNG\r\n\x1a\n" + b"\0" * 100,
        b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"<?xml version='1.0'?><MPD></MPD>",
        b"%PDF-1.7\n" + b"x" * 1000,
    ],
)
async def test_other_things_are_no_media(
    tmp_path: Path, settings: Settings, content: bytes
) -> None:
    file = tmp_path / "talk.mp4"
    file.write_bytes(content)
    await refused(file, settings, NotMedia)


async def test_a_caption_file_without_captions(tmp_path: Path, settings: Settings) -> None:
    file = tmp_path / "talk.srt"
    file.write_text("Dear diary, nothing happened.")
    await refused(file, settings, BadCaptions)


async def test_a_file_that_vanished_or_became_empty(tmp_path: Path, settings: Settings) -> None:
    file = make_tone(tmp_path / "talk.wav")
    run = Run(parse_locator(str(file), allow_files=True), Depth.STANDARD, settings)
    file.write_bytes(b"")
    with pytest.raises(NotMedia, match="empty") as caught:
        await acquire(run, silent)
    assert_clear(caught.value)
    file.unlink()
    with pytest.raises(FileMissing) as gone:
        await acquire(run, silent)
    assert_clear(gone.value)
    with pytest.raises(FileMissing):
        fingerprint(run.locator)


async def test_a_recording_that_lasts_too_long(tmp_path: Path, settings: Settings) -> None:
    short = settings.model_copy(update={"max_duration_hours": 0.0005})
    await refused(make_tone(tmp_path / "talk.wav"), short, TooLarge)


def test_the_fingerprint_follows_the_content(tmp_path: Path) -> None:
    file = make_tone(tmp_path / "talk.wav")
    locator = parse_locator(str(file), allow_files=True)
    first = fingerprint(locator)
    assert fingerprint(locator) == first
    (tmp_path / "talk.vtt").write_text(VTT)
    with_captions = fingerprint(locator)
    (tmp_path / "talk.vtt").write_text(VTT.replace("Hello", "Goodbye"))
    with_others = fingerprint(locator)
    make_tone(file, seconds=2)
    assert len({first, with_captions, with_others, fingerprint(locator)}) == 4


def test_the_fingerprint_of_a_page_is_its_address() -> None:
    links = ["https://example.com/a", "https://EXAMPLE.com/a#x", "https://example.com/b"]
    a, same, b = (fingerprint(parse_locator(link, allow_files=False)) for link in links)
    assert a == same != b
