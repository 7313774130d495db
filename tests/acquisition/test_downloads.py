"""Links, against a real server on loopback and the real yt-dlp."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clarity import assert_clear
from tests.media import make_hls, make_tone, make_video_without_sound
from tests.processes import alive, worker_of
from tests.web import Web, serve
from ultimate_discord_intelligence_bot.acquisition import acquire, parse_locator
from ultimate_discord_intelligence_bot.errors import (
    AccessDenied,
    AutointelError,
    DiskFull,
    HostUnknown,
    ListLink,
    NetworkFailed,
    NoAudio,
    NoMediaFound,
    NotFound,
    NotWritable,
    RedirectLoop,
    TooLarge,
    UnsupportedScheme,
    UnsupportedSite,
)
from ultimate_discord_intelligence_bot.events import silent
from ultimate_discord_intelligence_bot.models.media import Acquisition
from ultimate_discord_intelligence_bot.runs import Run
from ultimate_discord_intelligence_bot.settings import Depth, Settings

SRT = "1\n00:00:00,000 --> 00:00:02,000\nHello there.\n"
TTML = (
    '<?xml version="1.0"?><tt xmlns="http://www.w3.org/ns/ttml"><body><div>'
    '<p begin="0s" end="2s">Hello there.</p></div></body></tt>'
)
JSON3 = '{"wireMagic": "pb3", "events": [{"tStartMs": 0, "segs": [{"utf8": "Hello there."}]}]}'
VTT = "WEBVTT\n\n00:00.000 --> 00:02.000\nHello there.\n"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("www")
    make_tone(folder / "some_talk.mp3")
    make_hls(folder / "stream.m3u8")
    make_tone(folder / "film.mp4")
    make_tone(folder / "other-film.mp4")
    make_video_without_sound(folder / "mute.mp4")
    (folder / "film.mp4.vtt").write_text(VTT)
    for suffix, text in (("vtt", VTT), ("srt", SRT), ("ttml", TTML), ("json3", JSON3)):
        (folder / f"talk.en.{suffix}").write_text(text)
    with serve(folder) as server:
        yield server


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"max_download_mb": 3, "network_timeout": 1.0, "download_retries": 0}
    )


def run_of(link: str, settings: Settings) -> Run:
    return Run(parse_locator(link, allow_files=False), Depth.STANDARD, settings)


async def fetched(link: str, settings: Settings) -> Acquisition:
    return await acquire(run_of(link, settings), silent)


async def test_a_direct_link_to_media(web: Web, settings: Settings) -> None:
    run = run_of(f"{web.url}/some_talk.mp3", settings)
    told: list[str] = []
    found = await acquire(run, lambda _, message: told.append(message))
    assert found.media is not None
    assert found.media.path.parent == run.media_folder
    assert found.media.path.read_bytes() == (web.folder / "some_talk.mp3").read_bytes()
    assert found.captions == ()
    assert found.source.id == run.source_id
    assert found.source.url == run.locator.value
    assert found.source.title == "Some talk"
    assert found.source.duration == pytest.approx(3.0, abs=0.1)
    assert told
    assert [path.name for path in run.media_folder.iterdir()] == ["media.mp3"]


async def test_a_page_with_one_video_and_its_captions(web: Web, settings: Settings) -> None:
    found = await fetched(f"{web.url}/page-with/film.mp4", settings)
    assert found.media is not None
    (track,) = found.captions
    assert (track.language, track.kind) == ("en", "human")
    assert track.path.read_text() == VTT


@pytest.mark.parametrize("suffix", [".vtt", ".srt", ".ttml", ".json3"])
async def test_a_direct_link_to_captions(web: Web, settings: Settings, suffix: str) -> None:
    found = await fetched(f"{web.url}/talk.en{suffix}", settings)
    assert found.media is None
    (track,) = found.captions
    assert (track.language, track.path.suffix) == ("en", suffix)
    assert track.path.read_bytes() == (web.folder / f"talk.en{suffix}").read_bytes()


async def test_a_download_is_as_fast_as_the_setting_allows(web: Web, settings: Settings) -> None:
    settings = settings.model_copy(update={"rate_limit_kb": 20})
    began = time.monotonic()
    found = await fetched(f"{web.url}/film.mp4", settings)
    assert found.media is not None
    # The first block is not waited for.
    assert time.monotonic() - began > found.media.size / 20_000 * 0.7


async def test_a_redirect_to_media_is_followed(web: Web, settings: Settings) -> None:
    assert (await fetched(f"{web.url}/to?/some_talk.mp3", settings)).media is not None


async def test_a_stream_in_pieces_needs_no_other_program(web: Web, settings: Settings) -> None:
    found = await fetched(f"{web.url}/stream.m3u8", settings)
    assert found.source.duration == pytest.approx(6.0, abs=0.3)


async def test_a_second_download_replaces_the_first(web: Web, settings: Settings) -> None:
    first = await fetched(f"{web.url}/some_talk.mp3", settings)
    second = await fetched(f"{web.url}/some_talk.mp3", settings)
    assert first.media == second.media


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/status/404", NotFound),
        ("/status/403", AccessDenied),
        ("/status/500", NetworkFailed),
        ("/loop", RedirectLoop),
        ("/to?ftp://127.0.0.1/a.mp3", UnsupportedScheme),
        ("/to?file:///etc/passwd", UnsupportedScheme),
        ("/page", UnsupportedSite),
        ("/text.mp3", NoMediaFound),
        ("/empty.mp3", NoMediaFound),
        ("/mute.mp4", NoAudio),
        ("/pages-with/film.mp4", ListLink),
        ("/endless.mp3", TooLarge),
        ("/endless-page", NoMediaFound),
        ("/silent", NetworkFailed),
        ("/cut/some_talk.mp3", NetworkFailed),
    ],
)
async def test_a_link_that_leads_nowhere_is_told_with_its_remedy(
    web: Web, settings: Settings, path: str, kind: type[AutointelError]
) -> None:
    run = run_of(web.url + path, settings)
    with pytest.raises(kind) as caught:
        await acquire(run, silent)
    assert type(caught.value) is kind
    assert_clear(caught.value)
    assert not list(run.media_folder.iterdir())


@pytest.mark.parametrize(
    ("link", "kind"),
    [("http://nowhere.invalid/talk.mp3", HostUnknown), ("http://127.0.0.1:9/a", NetworkFailed)],
)
async def test_a_host_that_is_not_there(
    settings: Settings, link: str, kind: type[AutointelError]
) -> None:
    with pytest.raises(kind) as caught:
        await fetched(link, settings)
    assert_clear(caught.value)


async def test_a_disk_that_fills_up(web: Web, settings: Settings) -> None:
    run = run_of(f"{web.url}/some_talk.mp3", settings)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(DiskFull) as caught:
            await acquire(run, silent)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert_clear(caught.value)
    assert not list(run.media_folder.iterdir())


@pytest.fixture
def blocked(data_dir: Path) -> Path:
    """A file where the data folder should be."""
    data_dir.write_text("a file is in the way")
    return data_dir


@pytest.mark.usefixtures("blocked")
async def test_a_data_folder_that_cannot_be_made(web: Web, settings: Settings) -> None:
    with pytest.raises(NotWritable) as caught:
        await fetched(f"{web.url}/some_talk.mp3", settings)
    assert_clear(caught.value)


async def test_cancelling_kills_the_worker_at_once(web: Web, settings: Settings) -> None:
    run = run_of(f"{web.url}/slow.mp3", settings)
    task = asyncio.create_task(acquire(run, silent))
    worker = await worker_of(os.getpid(), lambda: web.requests["/slow.mp3"] > 0)
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 1
    assert not alive(worker)
    assert not list(run.media_folder.iterdir())


async def test_the_worker_dies_with_its_parent(
    web: Web, settings: Settings, tmp_path: Path
) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import asyncio\n"
        "from ultimate_discord_intelligence_bot.acquisition.download import WORKER\n"
        "from ultimate_discord_intelligence_bot.processes import delegate\n"
        "from ultimate_discord_intelligence_bot.events import silent\n"
        f"request = dict(task='fetch', url={web.url + '/slow.mp3?2'!r}, folder={str(tmp_path)!r}, "
        "largest=10**6, longest=3600, timeout=20, language=None, "
        "allowed_hosts='127.0.0.1', proxy=None)\n"
        "asyncio.run(delegate(WORKER, request, silent))\n"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, str(script))
    worker = await worker_of(parent.pid, lambda: web.requests["/slow.mp3?2"] > 0)
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    deadline = time.monotonic() + 5
    while alive(worker):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
