"""The published facts about a recording: text of strangers, made fit to be kept and shown."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from ..errors import AutointelError
from .language import language_tag
from .localfile import pretty
from .locator import parse_locator

_LONGEST_LINK = 2048
_MOST_CHAPTERS = 1000
_LONGEST_SECONDS = 1e7
# Control characters, and those that turn the direction of what stands around them.
_UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
    r"\ufff9-\ufffb\ud800-\udfff]"
)


def described(info: Mapping[str, Any], link: str) -> dict[str, Any]:
    """What yt-dlp knows about a recording, as the fields of a ``Source`` without its id.

    Args:
        info: as yt-dlp extracted it.
        link: what the user gave, in canonical form.
    """
    direct = bool(info.get("direct"))
    duration = seconds(info.get("duration"))
    return {
        "url": canonical(info, link),
        "title": _title(info, direct) or link,
        "platform": (line(info.get("extractor_key"), 60) or "generic").lower(),
        "uploader": line(info.get("uploader") or info.get("channel"), 200),
        # For a file on a server this is only the time at which it was put there.
        "published": None if direct else _day(info.get("release_date") or info.get("upload_date")),
        "duration": duration,
        "language": language_tag(info.get("language")),
        "description": text(info.get("description"), 20_000),
        "extractor": line(info.get("extractor"), 100),
        "thumbnail": _picture(info.get("thumbnail")),
        "chapters": chapters(info.get("chapters"), duration),
    }


def canonical(info: Mapping[str, Any], link: str) -> str:
    """The address that the site itself gives a recording; the link when it gives no clean one.

    A file to which the link was redirected with parameters is not clean: they are mostly a
    signature that expires.
    """
    found = _link(info.get("webpage_url"))
    if found is None:
        return link
    parameters = urlsplit(found).query
    signed = info.get("direct") and parameters and parameters != urlsplit(link).query
    return link if signed else found


def _title(info: Mapping[str, Any], direct: bool) -> str | None:
    title = line(info.get("title"), 500)
    if title and direct:
        return pretty(title)
    if title and str(info.get("id")).endswith("-1"):
        return title.removesuffix(" (1)")  # yt-dlp numbers what it finds on a page, also one alone
    return title


def line(value: object, longest: int) -> str | None:
    """Text on one line, or None when nothing of it can be seen."""
    kept = text(value, 4 * longest)
    return re.sub(r"\s+", " ", kept)[:longest].strip() if kept else None


def text(value: object, longest: int) -> str | None:
    """Text with its lines, without what cannot be seen; None when nothing is left."""
    if not isinstance(value, str):
        return None
    kept = value[: 2 * longest].replace("\r\n", "\n").replace("\r", "\n")
    return _UNPRINTABLE.sub("", kept).strip()[:longest].strip() or None


def seconds(value: object) -> float | None:
    """A duration that can be one: finite and longer than nothing."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if 0 < value < _LONGEST_SECONDS and math.isfinite(value) else None


def chapters(offered: Any, duration: float | None) -> list[dict[str, Any]]:
    """Chapters in order of time, inside the duration and not overlapping; at most 1000."""
    end_of_all = duration or _LONGEST_SECONDS
    found = []
    listed = offered if isinstance(offered, list | tuple) else ()
    for item in islice((each for each in listed if isinstance(each, Mapping)), _MOST_CHAPTERS):
        start, end = _moment(item.get("start_time")), _moment(item.get("end_time"))
        title = line(item.get("title"), 300)
        if title and start is not None and start < end_of_all:
            found.append((start, end_of_all if end is None else min(end, end_of_all), title))
    found.sort()
    following = [start for start, *_ in found[1:]] + [end_of_all]
    return [
        {"title": title, "start": start, "end": min(end, after)}
        for (start, end, title), after in zip(found, following, strict=False)
        if min(end, after) > start
    ]


def _moment(value: object) -> float | None:
    if value == 0 and not isinstance(value, bool):
        return 0.0
    return seconds(value)


def _picture(value: object) -> str | None:
    found = _link(value)
    return found if found and len(found) <= _LONGEST_LINK else None


def _link(value: object) -> str | None:
    try:
        return parse_locator(value, allow_files=False).value if isinstance(value, str) else None
    except AutointelError:
        return None


def _day(value: object) -> str | None:
    """A day as yt-dlp writes it, ``20260131``, in ISO form; None for anything else."""
    try:
        return datetime.strptime(str(value), "%Y%m%d").date().isoformat()
    except ValueError:
        return None
