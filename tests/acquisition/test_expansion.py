"""Feeds, pages and playlists, against a real server on loopback and the real yt-dlp."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from tests.clarity import assert_clear
from tests.media import make_tone
from tests.web import Web, serve
from ultimate_discord_intelligence_bot.acquisition import acquire, expand, parse_locator
from ultimate_discord_intelligence_bot.errors import (
    AddressRefused,
    AutointelError,
    InputError,
    ListLink,
    NoMediaFound,
    NotFound,
    UnsupportedSite,
)
from ultimate_discord_intelligence_bot.events import silent
from ultimate_discord_intelligence_bot.models.media import Listing, Locator
from ultimate_discord_intelligence_bot.runs import Run
from ultimate_discord_intelligence_bot.settings import Depth, Settings

NEWEST = date(2026, 5, 31)


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("www")
    make_tone(folder / "film.mp4")
    make_tone(folder / "other-film.mp4")
    (folder / "weekly.xml").write_text(rss(weekly(30)))
    (folder / "one.xml").write_text(rss(weekly(1)))
    (folder / "atom.xml").write_text(ATOM)
    (folder / "long.xml").write_text(rss(weekly(100_000)))
    (folder / "hits.m3u").write_text(M3U)
    with serve(folder) as server:
        yield server


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"network_timeout": 2.0})


def rss(items: Iterable[str]) -> str:
    return (
        '<?xml version="1.0"?>\n<rss version="2.0"'
        ' xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd">\n<channel>'
        "<title>Weekly  talk</title><link>https://pod.example/</link>"
        f"<image><title>A picture</title></image>{''.join(items)}</channel></rss>"
    )


def episode(number: int, day: date | None, link: str = "") -> str:
    link = link or f"https://pod.example/{number}.mp3?utm_source=feed"
    published = f"<pubDate>{format_datetime(moment(day))}</pubDate>" if day else ""
    return (
        f"<item><title>Episode {number} &amp; more</title>{published}"
        f'<enclosure url="{link}" type="audio/mpeg" length="1"/>'
        f"<itunes:duration>1:00:{number % 60:02}</itunes:duration></item>"
    )


def moment(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def weekly(count: int) -> Iterator[str]:
    for number in range(count):
        yield episode(count - number, NEWEST - timedelta(weeks=min(number, 500)))


ATOM = """\ufeff<?xml version="1.0" encoding="utf-8"?><!-- a feed -->
<feed xmlns="http://www.w3.org/2005/Atom"><title>Notes</title>
<entry><title>Heard</title><published>2026-03-01T10:00:00Z</published>
 <link rel="alternate" href="/notes/heard"/>
 <link rel="enclosure" type="image/png" href="/notes/heard.png"/>
 <link rel="enclosure" type="audio/mpeg" href="/notes/heard.mp3"/></entry>
<entry><title>Seen</title><updated>2026-02-01T10:00:00Z</updated>
 <link href="https://tube.example/watch?v=1"/></entry>
<entry><title>Nothing to hear</title></entry>
</feed>"""

M3U = """#EXTM3U
#EXTINF:61.5,The first, with a comma
https://pod.example/1.mp3
#EXTINF:-1,
2.mp3
"""


async def listed(
    link: str, settings: Settings, limit: int | None = None, since: date | None = None
) -> Listing:
    locator = parse_locator(link, allow_files=False)
    found = await expand(locator, settings, silent, limit=limit, since=since)
    assert found is not None
    return found


def urls(listing: Listing) -> list[str]:
    return [item.url for item in listing.items]


async def refused(link: str, settings: Settings) -> AutointelError:
    run = Run(parse_locator(link, allow_files=False), Depth.STANDARD, settings)
    with pytest.raises(AutointelError) as caught:
        await acquire(run, silent)
    assert_clear(caught.value)
    return caught.value


# -- feeds ----------------------------------------------------------------------------------------


async def test_a_podcast_feed_lists_its_episodes(web: Web, settings: Settings) -> None:
    told: list[str] = []
    locator = parse_locator(f"{web.url}/weekly.xml", allow_files=False)
    found = await expand(locator, settings, lambda _, message: told.append(message))
    assert found is not None
    assert (found.title, found.total, found.notes) == ("Weekly talk", 30, ())
    assert len(found.items) == 30
    newest = found.items[0]
    assert newest.url == "https://pod.example/30.mp3"
    assert newest.title == "Episode 30 & more"
    assert newest.published == NEWEST
    assert newest.duration == 3630
    assert told == ["looking at the link", "30 recordings found"]


async def test_a_limit_and_a_first_day(web: Web, settings: Settings) -> None:
    link = f"{web.url}/weekly.xml"
    few = await listed(link, settings, limit=5)
    assert urls(few) == [f"https://pod.example/{n}.mp3" for n in (30, 29, 28, 27, 26)]
    fresh = await listed(link, settings, since=NEWEST - timedelta(weeks=2))
    assert len(fresh.items) == 3
    both = await listed(link, settings, limit=2, since=NEWEST - timedelta(weeks=2))
    assert urls(both) == urls(fresh)[:2]
    none = await listed(link, settings, since=NEWEST + timedelta(days=1))
    assert none.items == ()


async def test_an_atom_feed(web: Web, settings: Settings) -> None:
    found = await listed(f"{web.url}/atom.xml", settings)
    assert found.title == "Notes"
    assert urls(found) == [f"{web.url}/notes/heard.mp3", "https://tube.example/watch?v=1"]
    assert [item.published for item in found.items] == [date(2026, 3, 1), date(2026, 2, 1)]
    assert found.notes == ("1 entry was left out: without a link to a recording on the web.",)


async def test_a_playlist_file(web: Web, settings: Settings) -> None:
    found = await listed(f"{web.url}/hits.m3u", settings)
    assert urls(found) == ["https://pod.example/1.mp3", f"{web.url}/2.mp3"]
    assert (found.items[0].title, found.items[0].duration) == ("The first, with a comma", 61.5)
    assert (found.items[1].title, found.items[1].duration) == (None, None)


async def test_a_feed_of_a_hundred_thousand_is_cut_and_says_so(
    web: Web, settings: Settings
) -> None:
    found = await listed(f"{web.url}/long.xml", settings)
    assert len(found.items) == 10_000
    assert found.items[0].url == "https://pod.example/100000.mp3"
    assert found.notes == (
        "The list has more than 10,000 recordings; these are the first. "
        "--limit says how many to take.",
    )
    assert found.total is None


async def test_hostile_entries_are_dropped_and_counted(web: Web, settings: Settings) -> None:
    bad = [
        "file:///etc/passwd",
        "data:audio/mpeg;base64,AAAA",
        "javascript:alert(1)",
        "http://127.0.0.2/inside.mp3",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/inside.mp3",
        "http://2130706434/inside.mp3",
        "https://user:password@pod.example/1.mp3",
        f"{web.url}/hostile.xml",
        "https://pod.example/" + "x" * 5000,
    ]
    good = ["https://pod.example/1.mp3", "https://pod.example/1.mp3#t=5"]
    items = [episode(number, NEWEST, link) for number, link in enumerate(bad + good)]
    (web.folder / "hostile.xml").write_text(rss(items))
    web.requests.clear()
    found = await listed(f"{web.url}/hostile.xml", settings)
    assert urls(found) == ["https://pod.example/1.mp3"]
    assert found.notes == (
        f"{len(bad)} entries were left out: without a link to a recording on the web.",
    )
    assert dict(web.requests) == {"/hostile.xml": 1}


@pytest.mark.parametrize(
    "inside",
    [
        "<item><title>cut off",
        '<!DOCTYPE r [<!ENTITY a "aaaa">]><rss><channel><item>&a;</item></channel></rss>',
    ],
)
async def test_a_damaged_feed_is_no_list(web: Web, settings: Settings, inside: str) -> None:
    (web.folder / "damaged.xml").write_text(f"<rss><channel>{inside}")
    with pytest.raises(NoMediaFound) as caught:
        await listed(f"{web.url}/damaged.xml", settings)
    assert_clear(caught.value)


async def test_a_feed_that_breaks_off_is_as_long_as_it_is(web: Web, settings: Settings) -> None:
    whole = rss(weekly(3))
    (web.folder / "broken.xml").write_text(whole[: whole.index("Episode 1 ")])
    found = await listed(f"{web.url}/broken.xml", settings)
    assert len(found.items) == 2
    assert found.notes == ("The list broke off: The feed is damaged.",)


# -- dates that the list does not tell ------------------------------------------------------------


async def test_recordings_without_a_date_are_looked_at(web: Web, settings: Settings) -> None:
    for number, day in ((1, "2026-05-01"), (2, "2024-05-01")):
        (web.folder / f"talk{number}.html").write_text(
            '<!DOCTYPE html><html><title>Talk</title><script type="application/ld+json">'
            '{"@context": "https://schema.org", "@type": "VideoObject", "name": "Talk",'
            f' "uploadDate": "{day}", "contentUrl": "{web.url}/film.mp4"}}</script></html>'
        )
    links = [f"{web.url}/talk1.html", f"{web.url}/talk2.html", f"{web.url}/film.mp4"]
    links += [f"{web.url}/status/404", "http://localhost:1/inside"]
    items = [episode(number, None, link) for number, link in enumerate(links)]
    (web.folder / "undated.xml").write_text(rss(items))
    found = await listed(f"{web.url}/undated.xml", settings, since=date(2026, 1, 1))
    assert [(item.url, item.published) for item in found.items] == [
        (f"{web.url}/talk1.html", date(2026, 5, 1))
    ]
    assert found.notes == (
        "2 entries were left out: private, removed or not published yet.",
        "1 entry was left out: without a date to compare.",
    )


# -- other lists and what is none -----------------------------------------------------------------


async def test_a_page_with_several_videos(web: Web, settings: Settings) -> None:
    found = await listed(f"{web.url}/pages-with/film.mp4", settings)
    assert urls(found) == [f"{web.url}/film.mp4", f"{web.url}/other-film.mp4"]
    assert found.title == "A page"
    assert found.total == 2


@pytest.mark.parametrize("path", ["/film.mp4", "/page-with/film.mp4", "/one.xml"])
async def test_one_recording_is_no_list(web: Web, settings: Settings, path: str) -> None:
    locator = parse_locator(web.url + path, allow_files=False)
    assert await expand(locator, settings, silent, limit=3) is None


async def test_a_file_is_no_list(settings: Settings, tmp_path: Path) -> None:
    locator = Locator(kind="file", value=str(tmp_path / "talk.mp3"))
    assert await expand(locator, settings, silent) is None


@pytest.mark.parametrize(("path", "kind"), [("/status/404", NotFound), ("/page", UnsupportedSite)])
async def test_a_link_that_leads_nowhere_says_so(
    web: Web, settings: Settings, path: str, kind: type[AutointelError]
) -> None:
    with pytest.raises(kind) as caught:
        await listed(web.url + path, settings)
    assert_clear(caught.value)


async def test_a_list_inside_the_network_is_refused(web: Web, settings: Settings) -> None:
    outside = settings.model_copy(update={"allowed_hosts": ""})
    with pytest.raises(AddressRefused):
        await listed(f"{web.url}/weekly.xml", outside)


async def test_a_limit_below_one_asks_for_nothing(web: Web, settings: Settings) -> None:
    with pytest.raises(InputError):
        await listed(f"{web.url}/weekly.xml", settings, limit=0)


# -- a run on a list ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/weekly.xml", "The link leads to “Weekly talk”, a list of 30 recordings."),
        ("/atom.xml", "The link leads to “Notes”, a list of 2 recordings."),
        ("/hits.m3u", "The link leads to a list of 2 recordings."),
        ("/pages-with/film.mp4", "The link leads to “A page”, a list of 2 recordings."),
    ],
)
async def test_a_run_on_a_list_asks_which_one(
    web: Web, settings: Settings, path: str, message: str
) -> None:
    error = await refused(web.url + path, settings)
    assert isinstance(error, ListLink)
    assert error.message == message
    assert "--limit" in error.remedy


async def test_a_run_on_a_list_of_one_takes_it(web: Web, settings: Settings) -> None:
    for name, feed in {
        "single.xml": rss([episode(1, NEWEST, f"{web.url}/film.mp4")]),
        "single-atom.xml": '<feed xmlns="http://www.w3.org/2005/Atom"><entry>'
        f'<link href="{web.url}/film.mp4"/></entry></feed>',
    }.items():
        (web.folder / name).write_text(feed)
        locator = parse_locator(f"{web.url}/{name}", allow_files=False)
        found = await acquire(Run(locator, Depth.STANDARD, settings), silent)
        assert found.media is not None
