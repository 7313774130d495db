"""Fetching one recording: what is known about it, its captions, its sound."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from ..errors import ListLink, NetworkFailed, NoMediaFound, NotYetLive, TooLarge, TooLong
from ..processes import Say
from .meter import Meter
from .tracks import Track, choose_track
from .ytdlp import Request, downloader

_MEGABYTE = 1_000_000
_LARGEST_PAGE = 64 * _MEGABYTE
_LARGEST_CAPTIONS = 32 * _MEGABYTE
_TIMEOUTS_TO_LOOK = 15
_PROTOCOLS = {"http", "https", "m3u8_native", "m3u8", "http_dash_segments"}
_SECONDS_BETWEEN_PROGRESS = 0.25


def fetch(request: Request, say: Say, meter: Meter) -> dict[str, Any]:
    """Download one recording and its best captions; returns where they are and what is known."""
    folder = Path(request["folder"])
    with downloader(request, meter, progress_hooks=[progress_hook(request["largest"], say)]) as ydl:
        say({"progress": {"fraction": None, "message": "looking at the link"}})
        meter.start(
            _LARGEST_PAGE,
            NoMediaFound("The page is endless and offers no media."),
            _TIMEOUTS_TO_LOOK * request["timeout"],
        )
        info = single_item(ydl, request["url"])
        check(info, request["longest"])
        track = choose_track(info, request["language"])
        captions = []
        if track is not None:
            meter.start(_LARGEST_CAPTIONS, TooLarge("The captions are too large."))
            captions = write_captions(ydl, info, track, folder)
        meter.start(request["largest"], too_large(request["largest"]))
        write_media(ydl, info, meter)
    media = [path for path in folder.glob("media.*") if path.suffix not in {".part", ".ytdl"}]
    if len(media) != 1:
        raise NoMediaFound("The site offered a recording but did not deliver it.")
    return {"media": media[0].name, "captions": captions, "info": metadata(info)}


def single_item(ydl: Any, url: str) -> dict[str, Any]:
    """What is known about the one recording behind a link, its format chosen."""
    info = ydl.extract_info(url, download=False)
    if info and info.get("_type", "video") in {"playlist", "multi_video"}:
        entries = list(islice(info.get("entries") or (), 2))
        if len(entries) > 1:
            raise ListLink("The link leads to a list of several recordings.")
        info = ydl.process_ie_result(entries[0], download=False) if entries else None
    if not info or info.get("_type", "video") != "video":
        raise NoMediaFound("There is no audio or video behind the link.")
    return dict(info)


def check(info: dict[str, Any], longest: float) -> None:
    """Refuse what is live, too long, or would leave http."""
    if info.get("is_live") or info.get("live_status") in {"is_live", "is_upcoming"}:
        raise NotYetLive("This is a live broadcast.")
    duration = info.get("duration") or 0
    if duration > longest:
        raise TooLong(f"It lasts {duration / 3600:.1f} hours; the limit is {longest / 3600:g}.")
    protocol = info.get("protocol") or "http"
    if not set(protocol.split("+")) <= _PROTOCOLS:
        raise NoMediaFound(f"Its media is offered over {protocol} only, not over http.")


def write_media(ydl: Any, info: dict[str, Any], meter: Meter) -> None:
    """Download the chosen format."""
    from yt_dlp.utils import DownloadError

    try:
        ydl.process_info(info)
    except DownloadError as error:
        if error.exc_info[1] is not None:
            raise
        # It gave up by itself, with words but without a cause.
        if meter.received == 0:
            raise NoMediaFound("The file behind the link is empty (0 bytes).") from error
        raise NetworkFailed("The download broke off, also when it was repeated.") from error


def write_captions(
    ydl: Any, info: dict[str, Any], track: Track, folder: Path
) -> list[dict[str, Any]]:
    """Write a caption track; the media is worth having without it, so a failure is only told."""
    from yt_dlp.utils import YoutubeDLError

    path = folder / f"captions.{track.ext}"
    try:
        if track.entry.get("data") is not None:
            path.write_text(track.entry["data"], encoding="utf-8", newline="")
        else:
            entry = {"http_headers": info.get("http_headers"), **track.entry}
            ydl.dl(str(path), entry, subtitle=True)
    except (YoutubeDLError, TooLarge) as error:
        sys.stderr.write(f"captions could not be fetched: {error}\n")
        path.unlink(missing_ok=True)
    if not path.is_file():
        return []
    return [{"file": path.name, "language": track.language, "kind": track.kind}]


def metadata(info: dict[str, Any]) -> dict[str, Any]:
    """The published facts about a recording, cut to sane lengths."""
    direct = bool(info.get("direct"))
    return {
        "title": _text(info.get("title"), 500),
        "direct": direct,
        "platform": str(info.get("extractor_key") or "generic").lower(),
        "uploader": _text(info.get("uploader") or info.get("channel"), 200),
        # For a file on a server this is only the time at which it was put there.
        "published": None if direct else info.get("release_date") or info.get("upload_date"),
        "duration": info.get("duration"),
        "language": _text(info.get("language"), 20),
        "description": _text(info.get("description"), 20_000),
        "chapters": [
            {"title": _text(c.get("title"), 300), "start": c["start_time"], "end": c["end_time"]}
            for c in islice(info.get("chapters") or (), 1000)
            if c.get("start_time") is not None and c.get("end_time") is not None
        ],
    }


def _text(value: Any, longest: int) -> str | None:
    return str(value).strip()[:longest] or None if value else None


def progress_hook(largest: int, say: Say) -> Callable[[dict[str, Any]], None]:
    """Tells how far a download is, a few times per second, and ends one that announces too much."""
    last = 0.0

    def hook(status: dict[str, Any]) -> None:
        nonlocal last
        total = status.get("total_bytes") or status.get("total_bytes_estimate")
        if status.get("total_bytes") and status["total_bytes"] > largest:
            raise too_large(largest)
        now = time.monotonic()
        if status.get("status") != "downloading" or now - last < _SECONDS_BETWEEN_PROGRESS:
            return
        last = now
        done = status.get("downloaded_bytes") or 0
        message = f"{done / _MEGABYTE:.1f} MB"
        if total:
            message = f"{done / _MEGABYTE:.1f} of {total / _MEGABYTE:.1f} MB"
        fraction = min(1.0, done / total) if total else None
        say({"progress": {"fraction": fraction, "message": message}})

    return hook


def too_large(limit: int) -> TooLarge:
    return TooLarge(f"The download is larger than {limit / _MEGABYTE:.0f} MB.")
