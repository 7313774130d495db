"""From what somebody typed to a link or a file that can be worked on."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

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
_TRACKING = re.compile(
    r"utm_\w*|(?:fb|g|d|tt|tw|y)clid|msclkid|[gw]braid|igsh|igshid|mc_[ce]id|mkt_tok|_hs(?:enc|mi)",
    re.IGNORECASE,
)
_YOUTUBE_ID = re.compile(r"[\w-]{11}")
_YOUTUBE_ITEM_PATH = re.compile(r"/(?:shorts|live|embed|v|e)/([\w-]{11})/?")
_YOUTUBE_NO_IDS = {"videoseries", "live_stream"}
_SPOTIFY_LANGUAGE = re.compile(r"^/intl-[a-z-]+(?=/)")
_PERCENT = re.compile(r"%([0-9A-Fa-f]{2})")
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_SAFE = "%/:?#[]@!$&'()*+,;=-._~"
_DEFAULT_PORT = {"http": 80, "https": 443}


class _Site(NamedTuple):
    """A site of which more is known.

    Attributes:
        host: the one of its names that stands for all.
        noise: parameters that do not change what a link leads to.
    """

    host: str
    noise: frozenset[str]


def _site(names: str, noise: str) -> dict[str, _Site]:
    hosts = names.split()
    return {host: _Site(hosts[0], frozenset(noise.split())) for host in hosts}


_YOUTUBE_NOISE = "si feature pp app ab_channel"
_YOUTUBE = {
    **_site("www.youtube.com youtube.com m.youtube.com", _YOUTUBE_NOISE),
    **_site("music.youtube.com", _YOUTUBE_NOISE),
    **_site("www.youtube-nocookie.com youtube-nocookie.com", _YOUTUBE_NOISE),
}
_SITES = {
    **_YOUTUBE,
    **_site("vimeo.com www.vimeo.com", "share fl fe"),
    **_site(
        "player.vimeo.com",
        "autoplay autopause badge byline color controls dnt loop muted player_id app_id portrait "
        "title transparent",
    ),
    **_site("www.twitch.tv twitch.tv m.twitch.tv go.twitch.tv", "t tt_content tt_medium"),
    **_site("soundcloud.com www.soundcloud.com m.soundcloud.com", "si ref in"),
    **_site("open.spotify.com play.spotify.com", "si context nd dlsi"),
}


def parse_locator(text: str, *, allow_files: bool) -> Locator:
    """Decide whether the text is a web link or a local file, and check it without any I/O but stat.

    Links are brought into one form, so that the same recording is recognised again: scheme and
    host in lower case, one way to write each character, no fragment, no default port, no tracking
    parameters, one name for each site that has several, one address per YouTube video.

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
        raise _too_long(text)
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
    scheme, host = parts.scheme.lower(), _host(parts)
    if video := _youtube_video(host, parts):
        return f"https://www.youtube.com/watch?v={video}"
    path, port = _normalised(parts.path) or "/", parts.port
    site = _SITES.get(host) if port in (None, _DEFAULT_PORT[scheme]) else None
    if site:
        scheme, host, port = "https", site.host, None
        if host == "open.spotify.com":
            path = _SPOTIFY_LANGUAGE.sub("", path)
    netloc = f"[{host}]" if ":" in host else host
    if port not in (None, _DEFAULT_PORT[scheme]):
        netloc += f":{port}"
    pieces = (piece for piece in _normalised(parts.query).split("&"))
    query = "&".join(piece for piece in pieces if not _is_noise(piece.partition("=")[0], site))
    url = urlunsplit((scheme, netloc, path, query, ""))
    if len(url) > _LONGEST:
        raise _too_long(url)
    return url


def _too_long(text: str) -> InputError:
    return InputError(f"That is {len(text)} characters long; a link is at most {_LONGEST}.")


def _host(parts: SplitResult) -> str:
    """The host in lower case and in the form that is looked up (IDNA 2008 after UTS 46)."""
    host = str(parts.hostname).rstrip(".")
    if host.isascii():
        return host
    import idna

    try:
        found = idna.encode(host, uts46=True).decode().lower().rstrip(".")
    except (idna.IDNAError, UnicodeError) as error:
        raise InputError("The link names no valid host.") from error
    if not found or found.startswith(".") or ".." in found:
        raise InputError("The link names no valid host.")
    return found


def _normalised(text: str) -> str:
    """A path or query with every character written in one way; RFC 3986, section 6.2.2."""

    def decoded(match: re.Match[str]) -> str:
        character = chr(int(match[1], 16))
        return character if character in _UNRESERVED else match[0].upper()

    return _PERCENT.sub(decoded, _LONE_PERCENT.sub("%25", quote(text, safe=_SAFE)))


def _is_noise(name: str, site: _Site | None) -> bool:
    return bool(_TRACKING.fullmatch(name)) or (site is not None and name in site.noise)


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
    if candidate is None or candidate in _YOUTUBE_NO_IDS:
        return None
    return candidate if _YOUTUBE_ID.fullmatch(candidate) else None
