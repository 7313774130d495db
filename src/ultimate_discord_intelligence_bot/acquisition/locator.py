"""From what somebody typed to a link or a file that can be worked on."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from urllib.parse import SplitResult, urlsplit, urlunsplit

from ..errors import FileMissing, InputError, NotMedia, UnsupportedScheme
from ..models.media import Locator

_LONGEST = 4096
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+-]*):(?!\d+(?:/|$))")
_BARE_HOST = re.compile(r"(?:[\w-]+\.)+[A-Za-z]{2,}(?::\d+)?(?:[/?#]\S*)?")
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_FORBIDDEN_IN_URL = re.compile(r"[\s\\<>\"]")
_PATH_LIKE = re.compile(r"^[.~]?/|/|\.\w{2,5}$")
_TRACKING = re.compile(r"(?:utm_\w*|fbclid|gclid|dclid|msclkid|igshid|mc_[ce]id)", re.IGNORECASE)
_YOUTUBE = {"youtube.com", "www.youtube.com", "m.youtube.com", "music.youtube.com"}
_YOUTUBE_ID = re.compile(r"[\w-]{11}")
_YOUTUBE_ITEM_PATH = re.compile(r"/(?:shorts|live|embed|v)/([\w-]{11})/?")
_DEFAULT_PORT = {"http": 80, "https": 443}


def parse_locator(text: str, *, allow_files: bool) -> Locator:
    """Decide whether the text is a web link or a local file, and check it without any I/O but stat.

    Links are brought into one form, so that the same recording is recognised again: scheme and
    host in lower case, no fragment, no tracking parameters, one address per YouTube video.

    Args:
        text: as typed; surrounding white space is ignored.
        allow_files: whether paths are welcome; false wherever a stranger asks.

    Raises:
        UnsupportedScheme: a scheme other than http and https.
        FileMissing: something like a path that leads to no readable regular file.
        NotMedia: an empty file.
        InputError: anything else that is neither a link nor a file.
    """
    text = text.strip()
    if not text:
        raise InputError("Nothing was given.")
    if len(text) > _LONGEST:
        raise InputError(f"That is {len(text)} characters long; a link is at most {_LONGEST}.")
    if _UNPRINTABLE.search(text):
        raise InputError(
            "That contains characters that cannot be shown.",
            "Copy the link again, or rename the file.",
        )
    if text.lower().startswith(("http://", "https://")):
        return Locator(kind="web", value=_canonical(_split(text)))
    if allow_files:
        path = Path(text)
        if text.startswith("~/"):
            path = Path.home() / text[2:]
        if _exists(path):
            return Locator(kind="file", value=str(_checked(path)))
    raise _neither(text, allow_files)


def _neither(text: str, allow_files: bool) -> InputError:
    shown = text if len(text) <= 80 else text[:79] + "…"
    if match := _SCHEME.match(text):
        remedy = None
        if match[1].lower() == "file" and allow_files:
            remedy = "Give the path itself, without file://."
        return UnsupportedScheme(f"Links that start with {match[1]}: are not supported.", remedy)
    if _BARE_HOST.fullmatch(text) and not (allow_files and _looks_like_media(text)):
        return InputError(
            f"“{shown}” is not a complete link.", f"If it is a web page, write https://{shown}"
        )
    if allow_files and _PATH_LIKE.search(text):
        return FileMissing(f"There is no file “{shown}”.")
    kinds = "neither a link nor a file" if allow_files else "not a link"
    return InputError(
        f"“{shown}” is {kinds}.",
        None if allow_files else "Give a link that starts with https:// or http://.",
    )


def _looks_like_media(text: str) -> bool:
    """Whether ``talk.mp4`` is rather a file that is not there than a host without its scheme."""
    known = "mp3 mp4 m4a m4v mkv webm wav ogg oga opus flac aac mov avi vtt srt wma wmv flv ts"
    return "/" not in text and text.rpartition(".")[2].lower() in known.split()


# -- files ----------------------------------------------------------------------------------


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _checked(path: Path) -> Path:
    try:
        path = path.resolve()
        status = path.stat()
    except (OSError, RuntimeError) as error:
        raise FileMissing(f"{path} cannot be reached.") from error
    if stat.S_ISDIR(status.st_mode):
        raise FileMissing(f"{path} is a folder.", "Give the path of one file in it.")
    if not stat.S_ISREG(status.st_mode):
        raise FileMissing(f"{path} is not a regular file.", "Give the path of a file on disk.")
    if status.st_size == 0:
        raise NotMedia(f"{path.name} is empty (0 bytes).", "Download or export it again.")
    if not os.access(path, os.R_OK):
        raise FileMissing(f"{path} may not be read.", "Give yourself the right to read it.")
    return path


# -- links ------------------------------------------------------------------------------------


def _split(url: str) -> SplitResult:
    if _FORBIDDEN_IN_URL.search(url):
        raise InputError(
            "The link contains spaces or other characters that links cannot have.",
            "Copy the link again from the address bar, and quote it.",
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InputError("The link has a malformed host or port.") from error
    if parts.username is not None or parts.password is not None:
        raise InputError(
            "The link carries a user name or password.", "Remove everything before the @."
        )
    if not host or host.startswith(".") or ".." in host or port == 0:
        raise InputError("The link names no valid host.")
    return parts


def _canonical(parts: SplitResult) -> str:
    scheme, host = parts.scheme.lower(), str(parts.hostname).rstrip(".")
    if video := _youtube_video(host, parts):
        return f"https://www.youtube.com/watch?v={video}"
    netloc = f"[{host}]" if ":" in host else host
    if parts.port not in (None, _DEFAULT_PORT[scheme]):
        netloc += f":{parts.port}"
    query = "&".join(
        piece
        for piece in parts.query.split("&")
        if not _TRACKING.fullmatch(piece.partition("=")[0])
        and not (host in _YOUTUBE and piece.startswith("si="))
    )
    return urlunsplit((scheme, netloc, parts.path or "/", query, ""))


def _youtube_video(host: str, parts: SplitResult) -> str | None:
    """The id of the one video a YouTube link leads to; None for channels, playlists, other sites.

    A list or a moment in the link is left out: the recording is the same.
    """
    candidate = None
    if host in {"youtu.be", "www.youtu.be"}:
        candidate = parts.path.strip("/")
    elif host in _YOUTUBE:
        if match := _YOUTUBE_ITEM_PATH.fullmatch(parts.path):
            candidate = match[1]
        elif parts.path == "/watch":
            pieces = (piece.partition("=") for piece in parts.query.split("&"))
            candidate = next((value for name, _, value in pieces if name == "v"), None)
    return candidate if candidate and _YOUTUBE_ID.fullmatch(candidate) else None
