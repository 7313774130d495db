"""The same recording under another link is recognised, and not downloaded again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.media import make_tone
from tests.web import Web, serve
from ultimate_discord_intelligence_bot.acquisition import acquire, parse_locator
from ultimate_discord_intelligence_bot.acquisition.identity import Register
from ultimate_discord_intelligence_bot.events import silent
from ultimate_discord_intelligence_bot.models.media import Acquisition
from ultimate_discord_intelligence_bot.runs import Run
from ultimate_discord_intelligence_bot.settings import Depth, Settings


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    folder = tmp_path / "www"
    folder.mkdir()
    make_tone(folder / "talk.mp4", 5)
    make_tone(folder / "other.mp4", 4)
    (folder / "mirror.mp4").write_bytes((folder / "talk.mp4").read_bytes())
    (folder / "mirror.mp4.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:02.000\nHello.\n")
    with serve(folder) as server:
        yield server


def run_of(web: Web, path: str, settings: Settings, *, fresh: bool = False) -> Run:
    locator = parse_locator(web.url + path, allow_files=False)
    return Run(locator, Depth.STANDARD, settings, fresh=fresh)


async def fetched(web: Web, path: str, settings: Settings) -> Acquisition:
    return await acquire(run_of(web, path, settings), silent)


async def test_by_the_address_that_a_link_leads_to(web: Web, settings: Settings) -> None:
    first = await fetched(web, "/ranges/talk.mp4", settings)
    asked = web.requests["/ranges/talk.mp4"]
    told: list[str] = []
    run = run_of(web, "/to?/ranges/talk.mp4", settings)
    assert await acquire(run, lambda _, message: told.append(message)) == first
    # It was looked at, which takes two requests, but not downloaded, which takes a third one.
    assert web.requests["/ranges/talk.mp4"] - asked == 2
    assert "the same recording as “Talk”, which is here already" in told
    assert not run.media_folder.exists() or not list(run.media_folder.iterdir())


async def test_an_address_that_is_known_is_not_even_looked_at(web: Web, settings: Settings) -> None:
    first = await fetched(web, "/to?/talk.mp4", settings)
    assert first.source.url == f"{web.url}/talk.mp4"
    asked = web.requests.copy()
    assert await fetched(web, "/talk.mp4", settings) == first
    assert web.requests == asked


async def test_by_its_content(web: Web, settings: Settings) -> None:
    first = await fetched(web, "/talk.mp4", settings)
    run = run_of(web, "/mirror.mp4", settings)
    assert await acquire(run, silent) == first
    assert not list(run.media_folder.iterdir())
    asked = web.requests.copy()
    assert await fetched(web, "/mirror.mp4", settings) == first
    assert web.requests == asked


async def test_a_link_that_brings_captions_is_kept_under_the_old_identity(
    web: Web, settings: Settings
) -> None:
    first = await fetched(web, "/talk.mp4", settings)
    second = await fetched(web, "/page-with/mirror.mp4", settings)
    assert second.source.id == first.source.id
    assert len(second.captions) == 1
    assert second.media is not None
    assert first.media is not None
    assert second.media.sha256 == first.media.sha256
    assert second.media.path != first.media.path


async def test_another_recording_is_another_one(web: Web, settings: Settings) -> None:
    first = await fetched(web, "/talk.mp4", settings)
    second = await fetched(web, "/other.mp4", settings)
    assert second.source.id != first.source.id


@pytest.mark.parametrize("change", [{"tenant": "somebody-else"}, {"language": "de"}])
async def test_neither_tenants_nor_languages_share(
    web: Web, settings: Settings, change: dict[str, str]
) -> None:
    first = await fetched(web, "/talk.mp4", settings)
    other = await fetched(web, "/mirror.mp4", settings.model_copy(update=change))
    assert other.media is not None
    assert first.media is not None
    assert other.media.path != first.media.path


async def test_when_its_files_are_gone_only_its_identity_remains(
    web: Web, settings: Settings
) -> None:
    first = await fetched(web, "/talk.mp4", settings)
    assert first.media is not None
    first.media.path.unlink()
    second = await fetched(web, "/mirror.mp4", settings)
    assert second.source.id == first.source.id
    assert second.media is not None
    assert second.media.path.is_file()
    assert await fetched(web, "/talk.mp4", settings) != first


async def test_a_fresh_run_downloads_again_and_is_remembered(web: Web, settings: Settings) -> None:
    first = await fetched(web, "/talk.mp4", settings)
    fresh = await acquire(run_of(web, "/mirror.mp4", settings, fresh=True), silent)
    assert fresh.source.id == first.source.id
    assert fresh.media is not None
    assert first.media is not None
    assert fresh.media.path != first.media.path
    assert await fetched(web, "/mirror.mp4", settings) == fresh


async def test_what_is_damaged_is_ignored_and_mended(web: Web, settings: Settings) -> None:
    first = await fetched(web, "/talk.mp4", settings)
    register = Register.of(settings)
    for damage in (b"", b"{}", b"\xff", b'{"name": "x", "acquisition": 3}'):
        for entry in (settings.data_dir / "known").iterdir():
            entry.write_bytes(damage)
        assert register.find_whole(first.source.url) is None
        register.enter(first)
        assert register.find_whole(first.source.url) == first


async def test_of_two_links_at_once_one_is_downloaded(web: Web, settings: Settings) -> None:
    first, second = await asyncio.gather(
        fetched(web, "/to?/ranges/talk.mp4", settings), fetched(web, "/ranges/talk.mp4", settings)
    )
    assert first == second
    assert len(web.answers) <= 4
