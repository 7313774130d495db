"""Lists that are one file: RSS and Atom feeds, and M3U playlists that are no stream.

yt-dlp reads RSS 2.0 only, and whole. Here a feed is read as far as it is wanted.
RSS 2.0: https://www.rssboard.org/rss-specification, Atom: RFC 4287, durations: the ``itunes``
elements of podcasts.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast
from urllib.parse import urljoin

from ..errors import NoMediaFound

_HEAD = 16 << 10
_LONGEST_LINE = 16 << 10
_FEED = re.compile(
    rb"\s*(?:<\?.*?\?>\s*|<!--.*?-->\s*|<!DOCTYPE[^>\[]*>\s*)*<(?:\w+:)?(?:rss|feed|RDF)[\s>]", re.S
)
_M3U = re.compile(rb"#EXTM3U\b(?!.*^#EXT-X-)", re.S | re.M)
_TITLE = re.compile(r"#EXTINF:\s*(?P<seconds>-?\d+(?:\.\d+)?)?[^,]*,(?P<title>.*)")

Entry = dict[str, Any]


@dataclass
class Found:
    """A list that was opened.

    Attributes:
        title: None until it is known, which may be while the entries are read.
        entries: as yt-dlp describes entries, one after the other, read when they are asked for.
        total: how many there are, when the list tells.
        reader: the extractor of yt-dlp that reads it; None for ours.
        url: where it is.
    """

    title: str | None
    entries: Iterator[Any]
    total: int | None
    reader: str | None
    url: str


def open_feed(ydl: Any, url: str) -> Found | None:
    """Look whether a link leads to a feed or an M3U playlist, and begin to read it.

    Raises:
        YoutubeDLError: the link cannot be followed.
    """
    response = ydl.urlopen(url)
    head = b""
    while len(head) < _HEAD and (piece := response.read(_HEAD - len(head))):
        head += piece
    head = head.removeprefix(b"\xef\xbb\xbf")
    found = Found(None, iter(()), None, None, response.url)
    if _FEED.match(head):
        found.entries = _feed_entries(_Stream(head, response), found)
    elif _M3U.match(head):
        found.entries = _m3u_entries(_Stream(head, response), found)
    else:
        response.close()
        return None
    return found


class _Stream(io.RawIOBase):
    """What was read already, then the rest."""

    def __init__(self, head: bytes, rest: Any) -> None:
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        wanted = len(buffer)
        data = self._head[:wanted] or self._rest.read(wanted)
        self._head = self._head[wanted:]
        buffer[: len(data)] = data
        return len(data)


# -- RSS and Atom ---------------------------------------------------------------------------------


def _feed_entries(stream: Any, found: Found) -> Iterator[Entry]:
    from xml.etree.ElementTree import ParseError

    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import iterparse

    path: list[Any] = []
    try:
        for event, element in iterparse(io.BufferedReader(stream), ("start", "end")):
            if event == "start":
                path.append(element)
                continue
            path.pop()
            name = _name(element)
            if name == "title" and path and _name(path[-1]) in {"channel", "feed"}:
                found.title = found.title or element.text
            elif name in {"item", "entry"} and len(path) <= 2:
                yield _entry(element, found.url)
                # What was read is forgotten, or a long feed would fill the memory.
                path[-1].clear()
    except (ParseError, DefusedXmlException) as error:
        raise NoMediaFound("The feed is damaged.") from error


def _name(element: Any) -> str:
    return cast("str", element.tag).rpartition("}")[2]


def _entry(item: Any, base: str) -> Entry:
    from yt_dlp.utils import parse_duration

    texts: dict[str, str] = {}
    for child in item:
        if child.text and child.text.strip():
            texts.setdefault(_name(child), child.text.strip())
    published = next(
        (texts[n] for n in ("pubDate", "published", "date", "updated") if n in texts), ""
    )
    link = _media_link(item) or texts.get("link")
    return {
        "_type": "url",
        "url": urljoin(base, link) if link else None,
        "title": texts.get("title"),
        "timestamp": _timestamp(published[:100]),
        "duration": parse_duration(texts["duration"][:100]) if "duration" in texts else None,
    }


def _timestamp(text: str) -> float | None:
    """Seconds since 1970; None when it cannot be understood. Feeds write dates in every way."""
    from yt_dlp.utils import unified_timestamp

    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            return read(text).timestamp()
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
    return cast("float | None", unified_timestamp(text))


def _media_link(item: Any) -> str | None:
    """The recording itself, else the page about it."""
    pages = []
    for child in item.iter():
        name, kind = _name(child), child.get("type") or ""
        address = child.get("href" if name == "link" else "url")
        if not address or kind.startswith("image/"):
            continue
        relation = child.get("rel") or "alternate"
        if name == "enclosure" or (name == "link" and relation == "enclosure"):
            return cast("str", address)
        if name == "link" and relation == "alternate":
            pages.append(address)
    return pages[0] if pages else None


# -- M3U ------------------------------------------------------------------------------------------


def _m3u_entries(stream: Any, found: Found) -> Iterator[Entry]:
    """Each line an address; ``#EXTINF:seconds,title`` before it tells about it."""
    known: Entry = {}
    reader = io.BufferedReader(stream)
    while line := reader.readline(_LONGEST_LINE):
        text = line.decode("utf-8", "replace").strip()
        if about := _TITLE.match(text):
            known = {"title": about["title"].strip(), "duration": float(about["seconds"] or 0)}
        elif text and not text.startswith("#"):
            yield {"_type": "url", "url": urljoin(found.url, text), **known}
            known = {}
