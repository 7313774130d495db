"""What a list says of one of its recordings: text of strangers, as yt-dlp hands it on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlsplit

from ..errors import InputError
from .feed import Entry
from .locator import parse_locator
from .metadata import seconds

LINKS = {"url", "url_transparent"}
"""Kinds of entries that only say where the recording is."""

DATES = ("release_date", "upload_date", "release_timestamp", "timestamp")
"""Where yt-dlp tells a date, the best first; two days, two moments."""

_GONE = {"[private video]", "[deleted video]", "[unavailable]", "[removed]"}
_NOT_YET = {"is_live", "is_upcoming"}
_YOUTUBE_ID = re.compile(r"[\w-]{11}")


def may_be_list(ydl: Any, entry: Any, reader: str | None) -> bool:
    """Whether yt-dlp says so, or an entry is read like its list, as the tabs of a channel are."""
    key = entry.get("ie_key") if isinstance(entry, dict) else None
    extractor = ydl._ies.get(key) if key else None
    if extractor is None or not isinstance(entry.get("url"), str):
        return False
    kind = getattr(extractor, "_RETURN_TYPE", None)
    return kind == "playlist" or (key == reader and key != "Generic" and kind != "video")


def is_gone(entry: Entry) -> bool:
    """Whether the list says that the recording cannot be had, or not yet."""
    title = str(entry.get("title") or "").strip().lower()
    private = entry.get("availability") == "private"
    return title in _GONE or private or entry.get("live_status") in _NOT_YET


def addresses(entry: Entry) -> Iterator[str]:
    """Where the recording may be found, the best first."""
    from yt_dlp.utils import unsmuggle_url

    formats = [f for f in listed(entry.get("formats")) if isinstance(f, dict)]
    last = formats[-1].get("url") if formats else None
    pages = (None,) if entry.get("_type") in LINKS else (entry.get("webpage_url"),)
    for address in (*pages, entry.get("url"), last):
        if not isinstance(address, str):
            continue
        if entry.get("ie_key") == "Youtube" and _YOUTUBE_ID.fullmatch(address):
            yield f"https://www.youtube.com/watch?v={address}"
        yield unsmuggle_url(address)[0]


def listed(value: Any) -> Iterable[Any]:
    """What yt-dlp means to be a list, or a generator of its items."""
    return value if isinstance(value, Iterable) and not isinstance(value, str) else ()


def canonical_link(url: str) -> str | None:
    """The link in its one form; None for what is no web link."""
    try:
        return parse_locator(url, allow_files=False).value
    except InputError:
        return None


def host_in(url: str) -> str:
    """The host of a link, empty where it has none."""
    return urlsplit(url).hostname or ""


def day_of(info: Entry) -> date | None:
    """The day of publication, as yt-dlp tells it: ``20260131``, or a moment."""
    for name in DATES[:2]:
        try:
            return datetime.strptime(str(info.get(name) or ""), "%Y%m%d").date()
        except ValueError:
            continue
    for name in DATES[2:]:
        try:
            return datetime.fromtimestamp(float(info.get(name) or "nan"), UTC).date()
        except (ValueError, OverflowError, OSError, TypeError):
            continue
    return None


def seconds_of(value: Any) -> float | None:
    """A duration, also one that is written as text."""
    try:
        return seconds(float(value))
    except (TypeError, ValueError, OverflowError):
        return None


def count_of(value: Any) -> int | None:
    """A number of recordings that can be one."""
    return value if isinstance(value, int) and 0 < value < 10**9 else None
