"""What a playlist, channel, feed or page with several recordings lists, read as far as wanted."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Any, cast

from ..errors import (
    BotCheck,
    HostUnknown,
    ListLink,
    NetworkFailed,
    TooLarge,
)
from ..processes import Message, Say
from .diagnosis import diagnose
from .entry import (
    DATES,
    LINKS,
    addresses,
    canonical_link,
    count_of,
    day_of,
    host_in,
    is_gone,
    listed,
    may_be_list,
    seconds_of,
)
from .feed import Entry, Found, open_feed
from .metadata import line
from .meter import Meter
from .request import ListRequest, Request
from .ytdlp import downloader

MOST_ITEMS = 10_000
"""Recordings in a list that nobody limited."""
MOST_ENTRIES = 50_000
"""Entries that are looked at, whatever they turn out to be."""
MOST_LISTS = 100
"""Lists in a list that are opened."""
DEEPEST = 3
LONGEST = 600.0
"""Seconds for the whole list; what was found until then is given."""
PAUSE = 0.5
"""Seconds between two recordings that are looked at because their list does not date them."""

_OLDER_IN_A_ROW = 8
_MOST_REDIRECTIONS = 8
_LARGEST = 256_000_000
_BATCH = 100
_LONGEST_TITLE = 500
_LONGEST_SHOWN = 120
_LISTS = {"playlist", "multi_video"}
_NUMERIC_HOST = re.compile(r"[\d.]+|0x[\da-f.x]+|.*:.*|(?:.*\.)?localhost", re.IGNORECASE)
_MOST_FAILURES = 3
_PASSING = (NetworkFailed, HostUnknown, BotCheck)
"""What may befall the next look-up, too."""


def list_items(request: Request, say: Say, meter: Meter) -> Message:
    """Read what a link lists; the recordings are given as notices.

    Returns:
        ``list``: whether the link leads to several recordings at all; ``title`` and ``total`` of
        the list, as far as known; ``notes``: what the reader should know, one sentence each.
    """
    wanted = cast("ListRequest", request)
    with downloader(request, meter) as ydl:
        say({"progress": {"fraction": None, "message": "looking at the link"}})
        reading = Reading(ydl, request["url"], meter)
        reading.begin()
        found = open_list(ydl, request["url"])
        if found is None:
            return {"list": False}
        items = reading.items(found)
        if wanted["since"]:
            items = reading.since(items, date.fromisoformat(wanted["since"]))
        reading.give(items, wanted["limit"], say)
    alone = reading.alone and not wanted["since"]
    return {
        "list": not alone,
        "title": line(found.title, _LONGEST_TITLE),
        "total": reading.recordings if reading.whole else found.total,
        "notes": [*reading.tally.notes(), *reading.notes],
    }


# -- opening --------------------------------------------------------------------------------------


def open_list(ydl: Any, url: str, reader: str | None = None) -> Found | None:
    """The list that a link leads to; None when it leads to one recording.

    Args:
        ydl: yt-dlp.
        url: the link.
        reader: the extractor of yt-dlp that reads it, when known.

    Raises:
        YoutubeDLError: the link cannot be followed or understood.
    """
    if reader is None and (feed := _feed_at(ydl, url)):
        return feed
    info = _followed(ydl, url, reader)
    if info is None or info.get("_type", "video") not in _LISTS:
        return None
    return Found(
        title=info.get("title"),
        entries=iter(info.get("entries") or ()),
        total=count_of(info.get("playlist_count")),
        reader=info.get("extractor_key"),
        url=info.get("webpage_url") or url,
    )


def _feed_at(ydl: Any, url: str) -> Found | None:
    """A feed, unless a part of yt-dlp knows the site better."""
    known = any(ie.suitable(url) for key, ie in ydl._ies.items() if key != "Generic")
    return None if known else open_feed(ydl, url)


def _followed(ydl: Any, url: str, reader: str | None = None) -> Entry | None:
    """What is known of the page that a link leads to in the end, its entries not yet read."""
    info: Entry | None = {"_type": "url", "url": url, "ie_key": reader}
    known: Entry = {}
    for _ in range(_MOST_REDIRECTIONS):
        if info is None or (kind := info.get("_type", "video")) not in LINKS:
            break
        if kind == "url_transparent":
            known |= {name: info[name] for name in DATES if info.get(name)}
        key = info.get("ie_key")
        info = ydl.extract_info(info["url"], download=False, process=False, ie_key=key)
    if info is None:
        return None
    # The date of a file on a server is only that of its copying.
    mere = DATES if info.get("direct") else ()
    return {name: value for name, value in info.items() if name not in mere} | known


# -- one recording where a list is ----------------------------------------------------------------


def only_recording(ydl: Any, info: Entry | None) -> Entry | None:
    """The one recording in what yt-dlp found; a list of one is that recording.

    Raises:
        ListLink: there are several.
    """
    for _ in range(DEEPEST + 1):
        if info is None or info.get("_type", "video") not in _LISTS:
            break
        entries = list(islice(info.get("entries") or (), 2))
        if len(entries) > 1:
            lists = any(may_be_list(ydl, entry, info.get("extractor_key")) for entry in entries)
            raise _list_link(info.get("title"), None if lists else info.get("playlist_count"))
        info = _only_one(ydl, info, entries[0]) if entries else None
    return info


def _only_one(ydl: Any, page: Entry, entry: Entry) -> Any:
    """The only recording of a page; yt-dlp numbers it nevertheless."""
    if entry.get("title") == f"{page.get('title')} (1)":
        entry["title"] = page["title"]
    return ydl.process_ie_result(entry, download=False)


def only_in_feed(ydl: Any, url: str) -> str | None:
    """The link of the only recording in a feed that yt-dlp does not read; None for no feed.

    Raises:
        ListLink: there are several.
    """
    feed = _feed_at(ydl, url)
    if feed is None:
        return None
    reading = Reading(ydl, url)
    links = [item["url"] for item in reading.items(feed)]
    if len(links) > 1:
        raise _list_link(feed.title, len(links) if reading.whole else None)
    return links[0] if links else None


def _list_link(title: Any, total: Any) -> ListLink:
    name, count = line(title, _LONGEST_TITLE), count_of(total)
    what = f"a list of {count} recordings" if count else "a list of several recordings"
    if not name:
        return ListLink(f"The link leads to {what}.")
    shown = name if len(name) <= _LONGEST_SHOWN else name[: _LONGEST_SHOWN - 1] + "…"
    return ListLink(f"The link leads to “{shown}”, {what}.")


# -- reading --------------------------------------------------------------------------------------


@dataclass
class Tally:
    """Entries that were left out."""

    unavailable: int = 0
    unusable: int = 0
    undated: int = 0

    def notes(self) -> list[str]:
        """One sentence for each reason that occurred."""
        reasons = (
            (self.unavailable, "private, removed or not published yet"),
            (self.unusable, "without a link to a recording on the web"),
            (self.undated, "without a date to compare"),
        )
        return [
            f"{count} {'entry was' if count == 1 else 'entries were'} left out: {reason}."
            for count, reason in reasons
            if count
        ]


@dataclass
class Reading:
    """One reading of a list and of the lists in it.

    Attributes:
        url: the link of the list.
        meter: counts what is received; None where somebody else starts it.
        until: monotonic time after which nothing more is read.
        tally: what was left out.
        notes: why the list is not whole, when it is not.
        recordings: how many different ones were met.
    """

    ydl: Any
    url: str
    meter: Meter | None = None
    until: float = field(default_factory=lambda: time.monotonic() + LONGEST)
    tally: Tally = field(default_factory=Tally)
    notes: list[str] = field(default_factory=list)
    recordings: int = 0
    _exhausted: bool = False
    _entries: int = 0
    _failures: int = 0
    _met: set[str] = field(default_factory=set)
    _lists: set[str] = field(default_factory=set)
    _no_lists: set[str] = field(default_factory=set)

    @property
    def whole(self) -> bool:
        """Whether the list was read to its end."""
        return self._exhausted and not self.notes

    @property
    def alone(self) -> bool:
        """Whether the list is nothing but one recording."""
        return self.whole and self._entries == self.recordings == 1

    def begin(self) -> None:
        """Let the next part of the work receive as much, and take as long, as a list may."""
        if self.meter is not None:
            what = f"The list is larger than {_LARGEST / 1e6:.0f} MB."
            left = max(0.0, self.until - time.monotonic()) + LONGEST / 10
            self.meter.start(_LARGEST, TooLarge(what, "Ask for less of it: --limit 100."), left)

    def items(self, found: Found, depth: int = 0) -> Iterator[Entry]:
        """The recordings of a list and of the lists in it, each once."""
        self._lists.add(canonical_link(found.url) or found.url)
        for entry in found.entries:
            self._entries += 1
            late = time.monotonic() > self.until
            if late or self._entries > MOST_ENTRIES:
                bound = f"{LONGEST / 60:.0f} minutes" if late else f"{MOST_ENTRIES:,} entries"
                self.notes.append(f"The list was left after {bound}; what follows is missing.")
            if self.notes:
                return
            yield from self._behind(entry, found, depth)
        self._exhausted = depth == 0

    def _behind(self, entry: Any, found: Found, depth: int) -> Iterator[Entry]:
        """The recordings behind an entry: itself, or those of the list that it is."""
        if not isinstance(entry, dict) or is_gone(entry):
            self.tally.unavailable += 1
            return
        kind = entry.get("_type", "video")
        inner: Found | None = None
        if kind in _LISTS:
            inner = Found(None, iter(listed(entry.get("entries"))), None, found.reader, found.url)
        elif kind in LINKS and self._is_list(entry, found):
            if not self._may_open(entry["url"], depth):
                self.tally.unusable += 1
                return
            try:
                inner = open_list(self.ydl, entry["url"], entry["ie_key"])
            except Exception as error:
                self._unavailable(error, entry["url"])
                return
            if inner is None:
                self._no_lists.add(entry["ie_key"])
        if inner is not None and depth >= DEEPEST:
            self.tally.unusable += 1
        elif inner is not None:
            yield from self.items(inner, depth + 1)
        elif item := self._item(entry):
            self.recordings += 1
            yield item

    def _is_list(self, entry: Entry, found: Found) -> bool:
        return entry.get("ie_key") not in self._no_lists and may_be_list(
            self.ydl, entry, found.reader
        )

    def _may_open(self, url: str, depth: int) -> bool:
        name = canonical_link(url) or url
        fresh = name not in self._lists and len(self._lists) < MOST_LISTS and depth < DEEPEST
        return fresh and self._permitted(url)

    def _permitted(self, url: str) -> bool:
        return self.meter is None or self.meter.guard.permits(url)

    def _unavailable(self, error: Exception, url: str) -> None:
        """Count an entry that cannot be opened; a row of broken connections ends the list."""
        cause = diagnose(error, url)
        self._failures = self._failures + 1 if isinstance(cause, _PASSING) else 0
        if self._failures == _MOST_FAILURES:
            raise cause from error
        self.tally.unavailable += 1

    def _item(self, entry: Entry) -> Entry | None:
        links = filter(None, map(canonical_link, addresses(entry)))
        link = next((link for link in links if link not in self._lists), None)
        if link is None or (_NUMERIC_HOST.fullmatch(host_in(link)) and not self._permitted(link)):
            self.tally.unusable += 1
            return None
        if link in self._met:
            return None
        self._met.add(link)
        return {
            "url": link,
            "title": line(entry.get("title"), _LONGEST_TITLE),
            "published": day_of(entry),
            "duration": seconds_of(entry.get("duration")),
        }

    # -- choosing -------------------------------------------------------------------------------

    def since(self, items: Iterator[Entry], first: date) -> Iterator[Entry]:
        """Those published on a day or later.

        A recording that its list does not date is looked at itself; one that has no date even
        then is left out and counted. A list that clearly goes from new to old is read no further
        than a few recordings before the day; an old one at its head does not end it.
        """
        recent: deque[date] = deque(maxlen=_OLDER_IN_A_ROW)
        for item in items:
            day = item["published"] or self._looked_up(item["url"])
            if day is None:
                continue
            recent.append(day)
            if day >= first:
                yield {**item, "published": day}
            elif _goes_back(recent, first):
                return

    def _looked_up(self, url: str) -> date | None:
        """The day that a recording itself tells."""
        if not self._permitted(url):
            self.tally.unusable += 1
            return None
        time.sleep(PAUSE)
        self.begin()
        try:
            info = _followed(self.ydl, url)
        except Exception as error:
            self._unavailable(error, url)
            return None
        finally:
            self.begin()
        day = day_of(info) if info else None
        self.tally.undated += day is None
        return day

    # -- giving ---------------------------------------------------------------------------------

    def give(self, items: Iterator[Entry], limit: int | None, say: Say) -> None:
        """Send the items as notices, in batches, up to the limit.

        A list that breaks off is as long as it is; only without any item it is an error.
        """
        batch: list[Entry] = []
        count = 0
        try:
            for item in items:
                if limit is None and count == MOST_ITEMS:
                    self.notes.append(
                        f"The list has more than {MOST_ITEMS:,} recordings; these are the first. "
                        "--limit says how many to take."
                    )
                    break
                count += 1
                batch.append(item | {"published": item["published"] and str(item["published"])})
                if len(batch) == _BATCH:
                    _send(batch, count, say)
                if count == limit:
                    break
        except Exception as error:
            if not count:
                raise
            self.notes.append(f"The list broke off: {diagnose(error, self.url).message}")
        _send(batch, count, say)


def _send(batch: list[Entry], count: int, say: Say) -> None:
    if batch:
        say({"notice": {"items": batch.copy()}})
        say({"progress": {"fraction": None, "message": f"{count:,} recordings found"}})
        batch.clear()


def _goes_back(days: deque[date], first: date) -> bool:
    """Whether the days go from new to old and are all before the first that is wanted."""
    pairs = zip(days, islice(days, 1, None), strict=False)
    return (
        len(days) == _OLDER_IN_A_ROW
        and max(days) < first
        and days[0] > days[-1]
        and all(earlier >= later for earlier, later in pairs)
    )
