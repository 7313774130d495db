"""Fetching one recording: what is known about it, its captions, its sound."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path, PurePosixPath
from typing import Any, cast
from urllib.parse import urlsplit

from ..errors import (
    HostUnknown,
    NetworkFailed,
    NoAudio,
    NoMediaFound,
    NotMedia,
    NotYetLive,
    TooLarge,
    TooLong,
)
from ..processes import Say
from .diagnosis import causes, diagnose
from .fingerprint import file_hash
from .identity import Register
from .listing import only_in_feed, only_recording
from .localfile import check_media
from .metadata import described, seconds
from .meter import Meter
from .partial import (
    ContentChanged,
    Partial,
    PartialFile,
    PartialStream,
    pieces_outline,
    playlist_outline,
)
from .request import Request
from .sidecar import captions_suffix
from .tracks import Track, choose_tracks
from .ytdlp import downloader

_MEGABYTE = 1_000_000
_LARGEST_PAGE = 64 * _MEGABYTE
_LARGEST_CAPTIONS = 32 * _MEGABYTE
_TIMEOUTS_TO_LOOK = 15
_PLAYLISTS = {"m3u8_native", "m3u8"}
_PIECES = "http_dash_segments"
_PROTOCOLS = {"http", "https", *_PLAYLISTS, _PIECES}
_SECONDS_BETWEEN_PROGRESS = 0.25
_BUSY = {429, 500, 502, 503, 504}
_LONGEST_WAIT = 120.0
# yt-dlp takes every text that begins with "<" for a page.
_LIKE_STREAMS = {".m3u", ".m3u8"}
_CAPTIONS_LIKE_PAGES = {".ttml", ".dfxp"}


def fetch(request: Request, say: Say, meter: Meter) -> dict[str, Any]:
    """Download one recording and its best captions.

    Whatever stays in the folder after a failure is used by the next attempt.

    Returns:
        Where the files are and what is known about them; or ``known``, when the recording was
        fetched before.

    Raises:
        AutointelError: as for ``download``.
    """
    reach = _Reach()
    try:
        return _fetch(request, say, meter, reach)
    except Exception as error:
        if notice := interruption(error, request["url"], reach):
            say({"notice": notice})
        raise


def _fetch(request: Request, say: Say, meter: Meter, reach: _Reach) -> dict[str, Any]:
    news = News(request["largest"], say)
    options = {"outtmpl": {"default": "media.%(kept_as)s.%(ext)s"}, "progress_hooks": [news.hear]}
    with downloader(request, meter, **options) as ydl:
        reach.watch(ydl)
        say({"progress": {"fraction": None, "message": "looking at the link"}})
        meter.start(
            _LARGEST_PAGE,
            NoMediaFound("The page is endless and offers no media."),
            _TIMEOUTS_TO_LOOK * request["timeout"],
        )
        info = single_item(ydl, request["url"])
        check(info, request["longest"])
        known = described(info, request["url"])
        if (met := _met_before(request, known["url"])) is not None:
            return {"known": met}
        captions = write_captions(ydl, info, request, meter, reach)
        if not captions:
            news.describe(known)
        target = write_media(ydl, info, meter, request["largest"], reach, news)
    media, info_found = examined(target, bool(captions), request["longest"])
    return {"media": media, "captions": captions, "info": known | info_found}


def _met_before(request: Request, address: str) -> dict[str, Any] | None:
    """What was fetched from a canonical address before."""
    if (place := request.get("register")) is None:
        return None
    register = Register(Path(place[0]), place[1], request["language"])
    found = register.find_whole(address)
    return found.model_dump(mode="json") if found else None


# -- what is behind the link --------------------------------------------------------------------


def single_item(ydl: Any, url: str) -> dict[str, Any]:
    """What is known about the one recording behind a link, its format chosen."""
    if PurePosixPath(urlsplit(url).path).suffix.lower() in _CAPTIONS_LIKE_PAGES:
        return _file_as_it_is(ydl, url)
    info = only_recording(ydl, _extracted(ydl, url))
    if not info or info.get("_type", "video") != "video":
        raise NoMediaFound("There is no audio or video behind the link.")
    return dict(info)


def _extracted(ydl: Any, url: str) -> dict[str, Any] | None:
    from yt_dlp.utils import DownloadError

    if PurePosixPath(urlsplit(url).path).suffix.lower() in _LIKE_STREAMS:
        url = only_in_feed(ydl, url) or url
    try:
        return cast("dict[str, Any] | None", ydl.extract_info(url, download=False))
    except DownloadError as error:
        if not isinstance(diagnose(error, url), NoMediaFound):
            raise
        only = only_in_feed(ydl, url)
        if only is None:
            raise
        return cast("dict[str, Any] | None", ydl.extract_info(only, download=False))


def _file_as_it_is(ydl: Any, url: str) -> dict[str, Any]:
    stem = PurePosixPath(urlsplit(url).path).stem
    item = {"id": stem, "title": stem, "url": url, "ext": "ttml", "direct": True}
    item |= {"webpage_url": url, "extractor": "generic", "extractor_key": "Generic"}
    return dict(ydl.process_ie_result(item, download=False))


def check(info: dict[str, Any], longest: float) -> None:
    """Refuse what is live, too long, or would leave http."""
    if info.get("is_live") or info.get("live_status") in {"is_live", "is_upcoming"}:
        raise NotYetLive("This is a live broadcast.")
    duration = seconds(info.get("duration")) or 0
    if duration > longest:
        raise TooLong(f"It lasts {duration / 3600:.1f} hours; the limit is {longest / 3600:g}.")
    protocol = info.get("protocol") or "http"
    if not set(protocol.split("+")) <= _PROTOCOLS:
        raise NoMediaFound(f"Its media is offered over {protocol} only, not over http.")


# -- captions -------------------------------------------------------------------------------------


def write_captions(
    ydl: Any, info: dict[str, Any], request: Request, meter: Meter, reach: _Reach
) -> list[dict[str, Any]]:
    """Write the best caption tracks; the media is worth having without them.

    A failure that may pass ends this attempt unless it is the last one: without captions somebody
    would have to listen to hours of sound.
    """
    from yt_dlp.utils import YoutubeDLError

    written = []
    for track in choose_tracks(info, request["language"]):
        path = Path(request["folder"]) / f"captions.{track.kind}{track.suffix}"
        for old in path.parent.glob(f"{path.name}*"):
            old.unlink()
        meter.start(_LARGEST_CAPTIONS, TooLarge("The captions are too large."))
        try:
            _write_track(ydl, info, track, path)
        except (YoutubeDLError, TooLarge) as error:
            if not request.get("last", True) and interruption(error, request["url"], reach):
                raise
            sys.stderr.write(f"captions could not be fetched: {error}\n")
            path.unlink(missing_ok=True)
        if path.is_file():
            digest = file_hash(path)
            about = {"language": track.language, "kind": track.kind}
            written.append({"file": path.name, "sha256": digest, **about})
    return written


def _write_track(ydl: Any, info: dict[str, Any], track: Track, path: Path) -> None:
    if track.entry.get("data") is not None:
        path.write_text(track.entry["data"], encoding="utf-8", newline="")
    else:
        entry = {"http_headers": info.get("http_headers"), **track.entry}
        ydl.dl(str(path), entry, subtitle=True)


# -- media ----------------------------------------------------------------------------------------


def write_media(
    ydl: Any, info: dict[str, Any], meter: Meter, largest: int, reach: _Reach, news: News
) -> Path:
    """Download the chosen format, or the rest of it; returns the file."""
    from yt_dlp.utils import DownloadError

    info["kept_as"] = re.sub(r"[^\w-]", "_", str(info.get("format_id") or "0"))[:60]
    target = Path(ydl.prepare_filename(info))
    _remove_others(target)
    refusal = too_large(largest)
    meter.start(largest, refusal)
    kept = partial_of(ydl, info, target, reach)
    ydl.urlopen = kept.open
    try:
        for again in (True, False):
            meter.start(largest - kept.size, refusal)
            news.follow(kept)
            try:
                ydl.process_info(dict(info))
                break
            except ContentChanged as error:
                kept.forget()
                if not again:
                    raise NetworkFailed("The file changes while it is downloaded.") from error
            except DownloadError as error:
                if error.exc_info[1] is not None:
                    raise
                # It gave up by itself, with words but without a cause.
                if reach.failure is not None:
                    raise reach.failure from error
                if meter.received == 0 and kept.size == 0:
                    empty = "The file behind the link is empty (0 bytes)."
                    raise NoMediaFound(empty) from error
                raise NetworkFailed("The download broke off.") from error
    finally:
        ydl.urlopen = reach.open
    if not target.is_file():
        raise NoMediaFound("The site offered a recording but did not deliver it.")
    return target


def _remove_others(target: Path) -> None:
    """Remove what is left of other formats; only one is kept."""
    for path in target.parent.glob("media.*"):
        if not path.name.startswith(target.name):
            path.unlink()


def partial_of(ydl: Any, info: dict[str, Any], target: Path, reach: _Reach) -> Partial:
    """What is there already of the chosen format."""
    from yt_dlp.networking import Request as HTTPRequest

    protocol = info.get("protocol") or "http"
    if protocol == _PIECES:
        return PartialStream(target, reach.open, pieces_outline(info.get("fragments")))
    if protocol not in _PLAYLISTS:
        return PartialFile(target, reach.open)
    answer = ydl.urlopen(HTTPRequest(info["url"], headers=info.get("http_headers") or {}))
    playlist = answer.read().decode("utf-8", "ignore")
    # So that it is the one that is judged here which is followed.
    info |= {"hls_media_playlist_data": playlist, "url": answer.url}
    return PartialStream(target, reach.open, playlist_outline(playlist))


def examined(path: Path, captioned: bool, longest: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """Look into what was downloaded, as into any file of a stranger.

    Returns:
        The file, and what it tells of itself.
    """
    name, told = path.name, {}
    suffix = captions_suffix(path)
    if suffix is None:
        try:
            found = check_media(path, captioned, longest)
        except NotMedia as error:
            said = error.message.replace(name, "it")
            raise NoMediaFound(f"What the link leads to is not media: {said}") from error
        except (NoAudio, TooLong) as error:
            raise type(error)(error.message.replace(name, "The recording"), error.remedy) from error
        told = {"found_duration": found.duration}
    size = path.stat().st_size
    return {"file": name, "sha256": file_hash(path), "size": size, "captions": suffix}, told


def too_large(limit: int) -> TooLarge:
    return TooLarge(f"The download is larger than {limit / _MEGABYTE:.0f} MB.")


# -- what the parent is told ----------------------------------------------------------------------


class News:
    """What a download tells of itself: how far it is, and that its file can be read already.

    Args:
        largest: bytes; a download that announces more is ended.
    """

    def __init__(self, largest: int, say: Say) -> None:
        self._largest = largest
        self._say = say
        self._kept: Partial | None = None
        self._begun = False
        self._about: dict[str, Any] | None = None
        self._last = 0.0

    def describe(self, known: dict[str, Any]) -> None:
        """The file is worth reading while it grows; this is what is known about it."""
        self._about = {name: known[name] for name in ("title", "description", "language")}

    def follow(self, kept: Partial) -> None:
        """From now on it is the media that is downloaded."""
        self._kept = kept

    def hear(self, status: dict[str, Any]) -> None:
        """Take in what yt-dlp says, and pass it on a few times per second."""
        if max(status.get("total_bytes") or 0, status.get("downloaded_bytes") or 0) > self._largest:
            raise too_large(self._largest)
        if self._kept is None or status.get("status") != "downloading":
            return
        if not self._begun:
            self._begun = True
            self._say({"notice": {"begun": True}})
        self._kept.progressed()
        self._announce(Path(status["tmpfilename"]))
        if time.monotonic() - self._last >= _SECONDS_BETWEEN_PROGRESS:
            self._last = time.monotonic()
            self._say({"progress": _progress(status)})

    def _announce(self, part: Path) -> None:
        if self._about is None or not part.is_file() or not part.stat().st_size:
            return
        about, self._about = self._about, None
        if captions_suffix(part) is None:
            self._say({"notice": {"growing": {"path": str(part), **about}}})


def _progress(status: dict[str, Any]) -> dict[str, Any]:
    done = status.get("downloaded_bytes") or 0
    total = status.get("total_bytes") or status.get("total_bytes_estimate")
    if not total:
        return {"fraction": None, "message": f"{done / _MEGABYTE:.1f} MB"}
    message = f"{done / _MEGABYTE:.1f} of {total / _MEGABYTE:.1f} MB"
    return {"fraction": min(1.0, done / total), "message": message}


# -- failures that may pass -----------------------------------------------------------------------


class _Reach:
    """How far a download got with the hosts.

    Attributes:
        answered: whether any of them has answered.
        failure: why the last request failed, if it did; yt-dlp forgets some reasons.
    """

    def __init__(self) -> None:
        self.answered = False
        self.failure: Exception | None = None

    def watch(self, ydl: Any) -> None:
        self._open: Callable[[Any], Any] = ydl.urlopen
        ydl.urlopen = self.open

    def open(self, request: Any) -> Any:
        try:
            response = self._open(request)
        except Exception as error:
            self.failure = error
            raise
        self.answered, self.failure = True, None
        return response


def interruption(error: Exception, url: str, reach: _Reach) -> dict[str, Any] | None:
    """What to tell the parent of a failure that may pass: how many seconds to wait at least.

    None for one that will be the same next time, or that asks for too much patience. A host that
    has never answered is taken for one that is not there.
    """
    from yt_dlp.networking.exceptions import CertificateVerifyError, HTTPError

    chain = [*causes(error), *(causes(reach.failure) if reach.failure else ())]
    for cause in chain:
        if isinstance(cause, HTTPError):
            wait = _retry_after(cause.response.headers.get("Retry-After"))
            passes = cause.status in _BUSY and wait <= _LONGEST_WAIT
            return {"interrupted": {"busy": True, "wait": wait}} if passes else None
        if isinstance(cause, CertificateVerifyError):
            return None
    if reach.answered and type(diagnose(error, url)) in {NetworkFailed, HostUnknown}:
        return {"interrupted": {"busy": False, "wait": 0.0}}
    return None


def _retry_after(value: str | None) -> float:
    """Seconds from now; RFC 9110, section 10.2.3."""
    if not value:
        return 0.0
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return 0.0
