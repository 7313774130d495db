"""Channels and playlists of sites that the tests cannot reach: read through stand-in extractors.

The extractors are real ones of yt-dlp's kind; only the pages they would read are made up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yt_dlp import YoutubeDL
from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.utils import ExtractorError

from ultimate_discord_intelligence_bot.acquisition import listing
from ultimate_discord_intelligence_bot.acquisition.listing import (
    Reading,
    only_recording,
    open_list,
)
from ultimate_discord_intelligence_bot.acquisition.ytdlp import Silent
from ultimate_discord_intelligence_bot.errors import ListLink, NetworkFailed
from ultimate_discord_intelligence_bot.processes import Message

Page = Callable[[], Any] | dict[str, Any]
TUBE = "https://tube.example"
TODAY = date(2026, 5, 31)


class Site:
    """A site with channels and videos, and a count of how often each page was asked for."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.visits: list[str] = []
        site = self

        class TubeTabIE(InfoExtractor):  # type: ignore[misc]
            _VALID_URL = r"https?://tube\.example/(?P<id>list/.+)"
            _RETURN_TYPE = "any"

            def _real_extract(self, url: str) -> Any:
                return site.page(url)

        class TubeIE(InfoExtractor):  # type: ignore[misc]
            _VALID_URL = r"https?://tube\.example/(?P<id>v/.+)"
            _RETURN_TYPE = "video"

            def _real_extract(self, url: str) -> Any:
                return site.page(url)

        self.ydl = YoutubeDL(
            {"quiet": True, "logger": Silent(), "extract_flat": "in_playlist"}, auto_init=False
        )
        self.ydl.add_info_extractor(TubeTabIE())
        self.ydl.add_info_extractor(TubeIE())

    def page(self, url: str) -> Any:
        name = url.removeprefix(TUBE)
        self.visits.append(name)
        page = self.pages[name]
        return page() if callable(page) else page

    def list(self, name: str, entries: Any, **known: Any) -> None:
        self.pages[name] = {"_type": "playlist", "id": name, "entries": entries, **known}

    def video(self, name: str, day: date | None = None) -> dict[str, Any]:
        """A page of one video; returns the entry of a list that leads to it."""
        known = {"upload_date": f"{day:%Y%m%d}"} if day else {}
        self.pages[name] = {"id": name, "title": name, "url": f"{TUBE}/file.mp4", **known}
        return entry(name, "Tube")


def entry(name: str, key: str, **known: Any) -> dict[str, Any]:
    return {"_type": "url", "url": TUBE + name, "ie_key": key, **known}


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(listing, "PAUSE", 0.0)
    return Site()


class Read:
    """What a reading gave."""

    def __init__(
        self, site: Site, name: str, limit: int | None = None, since: date | None = None
    ) -> None:
        said: list[Message] = []
        found = open_list(site.ydl, TUBE + name)
        assert found is not None
        self.reading = reading = Reading(site.ydl, TUBE + name)
        items = reading.items(found)
        reading.give(reading.since(items, since) if since else items, limit, said.append)
        self.items = [item for m in said if "notice" in m for item in m["notice"]["items"]]
        self.names = [item["url"].removeprefix(TUBE) for item in self.items]
        self.notes = [*reading.tally.notes(), *reading.notes]


# -- channels and playlists -----------------------------------------------------------------------


def test_a_channel_lists_the_videos_of_its_tabs_each_once(site: Site) -> None:
    a, b, c = (site.video(f"/v/{name}") for name in "abc")
    site.list("/list/me", [entry("/list/me/videos", "TubeTab"), entry("/list/me/live", "TubeTab")])
    site.list("/list/me/videos", [a, b])
    site.list("/list/me/live", [b, c])
    read = Read(site, "/list/me")
    assert read.names == ["/v/a", "/v/b", "/v/c"]
    assert read.reading.whole
    assert site.visits == ["/list/me", "/list/me/videos", "/list/me/live"]


def test_a_channel_that_leads_on_to_its_videos(site: Site) -> None:
    site.pages["/list/me"] = entry("/list/me/videos", "TubeTab")
    site.list("/list/me/videos", [site.video("/v/a"), site.video("/v/b")], title="Me")
    assert Read(site, "/list/me").names == ["/v/a", "/v/b"]


def test_a_list_is_read_no_further_than_wanted(site: Site) -> None:
    read: list[int] = []

    def endless() -> Iterator[dict[str, Any]]:
        for number in range(10**9):
            read.append(number)
            yield entry(f"/v/{number}", "Tube")

    site.list("/list/endless", endless())
    assert len(Read(site, "/list/endless", limit=7).items) == 7
    assert len(read) == 7


def test_an_endless_list_ends(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_ENTRIES", 50)
    site.list("/list/same", (entry("/v/same", "Tube") for _ in iter(int, 1)))
    read = Read(site, "/list/same")
    assert read.names == ["/v/same"]
    assert read.notes == ["The list was left after 50 entries; what follows is missing."]


def test_a_slow_list_gives_what_it_gave_in_time(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter(range(0, 10**6, 100))
    monkeypatch.setattr(listing, "time", SimpleNamespace(monotonic=lambda: float(next(now))))
    site.list("/list/slow", (entry(f"/v/{number}", "Tube") for number in range(100)))
    read = Read(site, "/list/slow")
    assert read.names == [f"/v/{number}" for number in range(6)]
    assert read.notes == ["The list was left after 10 minutes; what follows is missing."]


def test_what_is_known_of_an_entry_is_kept(site: Site) -> None:
    known = {"title": " A\ttalk\x00 ", "timestamp": 1_780_000_000, "duration": 61.5}
    site.list("/list/x", [entry("/v/a", "Tube", **known), entry("/v/b", "Tube", duration=-1)])
    first, second = Read(site, "/list/x").items
    assert first == {
        "url": f"{TUBE}/v/a",
        "title": "A talk",
        "published": "2026-05-28",
        "duration": 61.5,
    }
    assert second["duration"] is None


def test_unavailable_entries_are_left_out_and_counted(site: Site) -> None:
    gone = [
        entry("/v/1", "Tube", title="[Private video]"),
        entry("/v/2", "Tube", title="[Deleted video]"),
        entry("/v/3", "Tube", live_status="is_upcoming"),
        entry("/v/4", "Tube", availability="private"),
        None,
    ]
    site.list("/list/x", [*gone, site.video("/v/a")])
    read = Read(site, "/list/x")
    assert read.names == ["/v/a"]
    assert read.notes == ["5 entries were left out: private, removed or not published yet."]


# -- lists that are traps -------------------------------------------------------------------------


def test_a_list_that_lists_itself(site: Site) -> None:
    site.list("/list/me", [entry("/list/me", "TubeTab"), site.video("/v/a")])
    read = Read(site, "/list/me")
    assert read.names == ["/v/a"]
    assert site.visits == ["/list/me"]
    assert "1 entry was left out" in read.notes[0]


def test_lists_in_lists_without_an_end(site: Site) -> None:
    for depth in range(20):
        name = "/list/x" + "/x" * depth
        site.list(name, [entry(f"/v/{depth}", "Tube"), entry(name + "/x", "TubeTab")])
    read = Read(site, "/list/x")
    assert read.names == ["/v/0", "/v/1", "/v/2", "/v/3"]
    assert "1 entry was left out" in read.notes[0]


def test_lists_in_a_list_side_by_side(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_LISTS", 5)
    site.list("/list/all", [entry(f"/list/{n}", "TubeTab") for n in range(100)])
    for number in range(100):
        site.list(f"/list/{number}", [entry(f"/v/{number}", "Tube")])
    assert len(Read(site, "/list/all").items) == 4
    assert len(site.visits) == 5


def test_playlists_within_one_page_are_flattened_to_a_depth(site: Site) -> None:
    nested: dict[str, Any] = entry("/v/deep", "Tube")
    for _ in range(10):
        nested = {"_type": "playlist", "entries": [nested]}
    shallow = {"_type": "playlist", "entries": [entry("/v/a", "Tube")]}
    site.list("/list/x", [shallow, nested])
    read = Read(site, "/list/x")
    assert read.names == ["/v/a"]
    assert "1 entry was left out" in read.notes[0]


def test_an_entry_that_only_looks_like_a_list_is_asked_once(site: Site) -> None:
    """Extractors that read lists and single recordings do not tell which a link is."""
    for number in range(3):
        site.pages[f"/list/talk{number}"] = {"id": "x", "title": "x", "url": f"{TUBE}/file.mp4"}
    site.list("/list/x", [entry(f"/list/talk{number}", "TubeTab") for number in range(3)])
    assert len(Read(site, "/list/x").items) == 3
    assert site.visits == ["/list/x", "/list/talk0"]


def test_a_list_in_the_list_that_cannot_be_opened_is_no_reason_to_end(site: Site) -> None:
    def private() -> None:
        raise ExtractorError("This playlist is private", expected=True)

    site.pages["/list/private"] = private
    site.list("/list/x", [entry("/list/private", "TubeTab"), site.video("/v/a")])
    read = Read(site, "/list/x")
    assert read.names == ["/v/a"]
    assert read.notes == ["1 entry was left out: private, removed or not published yet."]


def test_a_list_that_breaks_off_is_as_long_as_it_is(site: Site) -> None:
    def broken() -> Iterator[dict[str, Any]]:
        yield entry("/v/a", "Tube")
        raise ExtractorError("HTTP Error 503: Service Unavailable", expected=True)

    site.list("/list/x", broken())
    read = Read(site, "/list/x")
    assert read.names == ["/v/a"]
    assert read.notes == ["The list broke off: tube.example did not deliver (HTTP 503)."]


def test_a_list_that_breaks_off_at_once_is_an_error(site: Site) -> None:
    def broken() -> Iterator[dict[str, Any]]:
        raise ExtractorError("HTTP Error 503: Service Unavailable", expected=True)
        yield

    site.list("/list/x", broken())
    with pytest.raises(ExtractorError):
        Read(site, "/list/x")


# -- since a day ----------------------------------------------------------------------------------


def dated(site: Site, days: Sequence[date | None], told: bool) -> None:
    site.list(
        "/list/x",
        [
            site.video(f"/v/{number}", day)
            | ({"upload_date": f"{day:%Y%m%d}"} if told and day else {})
            for number, day in enumerate(days)
        ],
    )


@pytest.mark.parametrize("told", [True, False], ids=["dates in the list", "dates looked up"])
def test_a_channel_is_read_back_to_the_day_and_a_little_further(site: Site, told: bool) -> None:
    dated(site, [TODAY - timedelta(days=n) for n in range(100)], told)
    read = Read(site, "/list/x", since=TODAY - timedelta(days=2))
    assert read.names == ["/v/0", "/v/1", "/v/2"]
    assert [item["published"] for item in read.items] == ["2026-05-31", "2026-05-30", "2026-05-29"]
    assert len(site.visits) == 1 + (0 if told else 3 + 8)


def test_an_old_one_pinned_at_the_head_does_not_end_it(site: Site) -> None:
    days = [TODAY - timedelta(days=1000), *(TODAY - timedelta(days=n) for n in range(3))]
    dated(site, list(days), told=True)
    assert Read(site, "/list/x", since=TODAY - timedelta(days=9)).names == ["/v/1", "/v/2", "/v/3"]


def test_a_list_from_old_to_new_is_read_to_its_end(site: Site) -> None:
    dated(site, [TODAY - timedelta(days=50 - n) for n in range(50)], told=True)
    assert Read(site, "/list/x", since=TODAY - timedelta(days=1)).names == ["/v/49"]


def test_what_has_no_date_at_all_is_left_out_and_counted(site: Site) -> None:
    dated(site, [TODAY, None, TODAY], told=False)
    read = Read(site, "/list/x", since=TODAY)
    assert read.names == ["/v/0", "/v/2"]
    assert read.notes == ["1 entry was left out: without a date to compare."]


def test_a_row_of_broken_connections_ends_the_looking_up(site: Site) -> None:
    def down() -> None:
        raise ExtractorError("HTTP Error 503: Service Unavailable", expected=True)

    entries = [site.video(f"/v/{number}") for number in range(9)]
    site.list("/list/x", entries)
    site.pages |= {f"/v/{number}": down for number in range(9)}
    with pytest.raises(NetworkFailed):
        Read(site, "/list/x", since=TODAY)
    assert len(site.visits) == 1 + 3


@given(
    days=st.lists(st.dates(date(2020, 1, 1), date(2026, 12, 31)), max_size=40),
    first=st.dates(date(2020, 1, 1), date(2026, 12, 31)),
)
def test_in_a_list_from_new_to_old_nothing_is_missed(days: list[date], first: date) -> None:
    site = Site()
    dated(site, sorted(days, reverse=True), told=True)
    wanted = [f"/v/{n}" for n, day in enumerate(sorted(days, reverse=True)) if day >= first]
    assert Read(site, "/list/x", since=first).names == wanted


# -- one recording --------------------------------------------------------------------------------


def extracted(site: Site, name: str) -> Any:
    return only_recording(site.ydl, site.ydl.extract_info(TUBE + name, download=False))


def test_a_list_of_one_is_that_recording_however_deep(site: Site) -> None:
    site.list("/list/a", [entry("/list/b", "TubeTab")])
    site.list("/list/b", [site.video("/v/a")])
    assert extracted(site, "/list/a")["title"] == "/v/a"


def test_a_list_is_refused_with_its_title_and_number(site: Site) -> None:
    site.list("/list/a", [site.video(f"/v/{n}") for n in range(12)], title="Season 1")
    with pytest.raises(ListLink) as caught:
        extracted(site, "/list/a")
    assert caught.value.message == "The link leads to “Season 1”, a list of 12 recordings."


def test_tabs_are_not_counted_as_recordings(site: Site) -> None:
    site.list("/list/a", [entry(f"/list/{n}", "TubeTab") for n in range(3)], title="x" * 1000)
    with pytest.raises(ListLink) as caught:
        extracted(site, "/list/a")
    assert caught.value.message.endswith("x…”, a list of several recordings.")
    assert len(caught.value.message) < 200


ANYTHING = st.one_of(st.none(), st.text(), st.floats(), st.integers(), st.lists(st.none()))
SAID_BY_THE_SITE = [
    "url",
    "title",
    "duration",
    "timestamp",
    "upload_date",
    "formats",
    "webpage_url",
]


@given(
    st.dictionaries(st.sampled_from(SAID_BY_THE_SITE), ANYTHING),
    st.sampled_from(["url", "url_transparent", "video", "playlist"]),
    st.sampled_from([None, "Tube", "TubeTab", "Other"]),
)
def test_no_entry_does_any_harm(strange: dict[str, Any], kind: str, key: str | None) -> None:
    site = Site()
    site.list("/list/x", [{**strange, "_type": kind, "ie_key": key}, site.video("/v/a")])
    assert Read(site, "/list/x").names[-1:] == ["/v/a"]
