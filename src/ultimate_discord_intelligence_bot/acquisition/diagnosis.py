"""What went wrong with a link, from the exceptions that yt-dlp and its network stack raise."""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import (
    AccessDenied,
    AcquisitionError,
    AutointelError,
    HostUnknown,
    NetworkFailed,
    NoMediaFound,
    NotFound,
    RedirectLoop,
    UnsupportedScheme,
    storage_error,
)

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES}
_WORDS: tuple[tuple[re.Pattern[str], type[AcquisitionError]], ...] = (
    (re.compile(r"private|members.only|sign in|log.?in|cookies|password|paid", re.I), AccessDenied),
    (re.compile(r"removed|deleted|terminated|does not exist|not found|no longer", re.I), NotFound),
)
"""The last resort, for sites that tell it in words only."""

Judge = Callable[[BaseException, str], AutointelError | None]


def diagnose(error: BaseException, url: str) -> AutointelError:
    """The error to show for an exception out of a download.

    Looks at the types of the whole chain of causes first, at the wording only at the end.
    """
    chain = list(_causes(error))
    judges: tuple[Judge, ...] = (
        lambda cause, _: cause if isinstance(cause, AutointelError) else None,
        _disk,
        _status,
        _host,
        _scheme,
        _site,
        _network,
    )
    for judge in judges:
        for cause in chain:
            if found := judge(cause, url):
                return found
    return AcquisitionError(f"{_host_of(url)} could not be read: {_first_line(error)}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and everything it says it came from, nearest first."""
    waiting: list[Any] = [error]
    seen: set[int] = set()
    while waiting:
        cause = waiting.pop(0)
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [getattr(cause, name, None) for name in ("cause", "reason", "__cause__")]
        waiting += [*(getattr(cause, "exc_info", None) or ()), *cause.args, cause.__context__]


def _disk(cause: BaseException, url: str) -> AutointelError | None:
    if isinstance(cause, OSError) and cause.errno in _DISK:
        return storage_error(cause, Path(cause.filename or "the download"))
    return None


def _status(cause: BaseException, url: str) -> AutointelError | None:
    from yt_dlp.networking.exceptions import HTTPError

    if not isinstance(cause, HTTPError):
        return None
    host, status = _host_of(url), cause.status
    if cause.redirect_loop:
        return RedirectLoop(f"{host} redirects in a circle.")
    if status in {404, 410}:
        return NotFound(f"{host} has nothing at this address (HTTP {status}).")
    if status in {401, 402, 403, 407, 451}:
        return AccessDenied(f"{host} does not let us in (HTTP {status}).")
    return NetworkFailed(f"{host} answered with an error (HTTP {status}).")


def _host(cause: BaseException, url: str) -> AutointelError | None:
    if isinstance(cause, socket.gaierror):
        return HostUnknown(f"There is no host named {_host_of(url)}, or it cannot be looked up.")
    return None


def _scheme(cause: BaseException, url: str) -> AutointelError | None:
    from requests.exceptions import InvalidSchema
    from yt_dlp.networking.exceptions import NoSupportingHandlers

    if isinstance(cause, InvalidSchema | NoSupportingHandlers):
        return UnsupportedScheme(
            f"{_host_of(url)} sends us on to an address that is neither http nor https."
        )
    return None


def _site(cause: BaseException, url: str) -> AutointelError | None:
    from yt_dlp.networking.exceptions import RequestError
    from yt_dlp.utils import ExtractorError, GeoRestrictedError, UnsupportedError

    if isinstance(cause, GeoRestrictedError):
        return AccessDenied(f"{_host_of(url)} does not show this in the country we are in.")
    if isinstance(cause, UnsupportedError):
        return NoMediaFound(f"There is no audio or video to be found at {_host_of(url)}.")
    if not isinstance(cause, ExtractorError) or isinstance(cause.cause, RequestError):
        return None
    said = _first_line(cause)
    kind = next((kind for words, kind in _WORDS if words.search(said)), NoMediaFound)
    return kind(f"{_host_of(url)} says: {said}")


def _network(cause: BaseException, url: str) -> AutointelError | None:
    from yt_dlp.networking.exceptions import RequestError
    from yt_dlp.utils import ContentTooShortError

    if isinstance(cause, RequestError | ConnectionError | TimeoutError | ContentTooShortError):
        return NetworkFailed(f"The connection to {_host_of(url)} failed ({_reason(cause)}).")
    return None


def _reason(cause: BaseException) -> str:
    """A few words on a failed connection; its own text is a tower of quoted exceptions."""
    from yt_dlp.networking.exceptions import IncompleteRead, SSLError

    for inner in _causes(cause):
        if isinstance(inner, SSLError):
            return "it could not be secured"
        if isinstance(inner, ConnectionRefusedError):
            return "refused"
        if isinstance(inner, TimeoutError) or "Timeout" in type(inner).__name__:
            return "no answer in time"
        if isinstance(inner, IncompleteRead):
            return "it broke off"
        if isinstance(inner, ConnectionError):
            return "it was cut"
    return _first_line(cause)


def _host_of(url: str) -> str:
    return urlsplit(url).hostname or "the host"


def _first_line(error: BaseException) -> str:
    text = str(getattr(error, "orig_msg", None) or error).strip() or type(error).__name__
    text = re.sub(r"^(?:ERROR: )?(?:\[[^\]]*\] )?(?:[\w-]+: )?", "", text.splitlines()[0])
    return text.split("; please report this issue", 1)[0][:300]
