"""The exceptions of yt-dlp and its network stack, told in our words."""

from __future__ import annotations

import errno
import io
import socket
import ssl

import pytest
from yt_dlp.networking import Response
from yt_dlp.networking.exceptions import HTTPError, IncompleteRead, SSLError, TransportError
from yt_dlp.utils import DownloadError, ExtractorError, GeoRestrictedError

from tests.clarity import assert_clear
from ultimate_discord_intelligence_bot.acquisition.diagnosis import diagnose
from ultimate_discord_intelligence_bot.errors import (
    AccessDenied,
    AcquisitionError,
    AutointelError,
    DiskFull,
    HostUnknown,
    NetworkFailed,
    NoMediaFound,
    NotFound,
    RedirectLoop,
)

LINK = "https://example.com/talk"


def answered(status: int, **fields: bool) -> HTTPError:
    return HTTPError(Response(io.BytesIO(), LINK, {}, status, "reason"), **fields)


def wrapped(error: Exception) -> DownloadError:
    """As yt-dlp does it: an extractor's error around it, and a download error around that."""
    extractor = ExtractorError("Unable to download webpage", cause=error)
    return DownloadError("ERROR: x", (type(extractor), extractor, None))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (wrapped(answered(404)), NotFound),
        (wrapped(answered(410)), NotFound),
        (wrapped(answered(401)), AccessDenied),
        (wrapped(answered(451)), AccessDenied),
        (wrapped(answered(429)), NetworkFailed),
        (wrapped(answered(503)), NetworkFailed),
        (wrapped(answered(302, redirect_loop=True)), RedirectLoop),
        (wrapped(TransportError(cause=socket.gaierror(-2, "unknown"))), HostUnknown),
        (wrapped(TransportError(cause=ConnectionResetError(104, "reset"))), NetworkFailed),
        (wrapped(TransportError(cause=TimeoutError("timed out"))), NetworkFailed),
        (wrapped(SSLError(cause=ssl.SSLError("bad"))), NetworkFailed),
        (wrapped(IncompleteRead(partial=3, expected=9)), NetworkFailed),
        (GeoRestrictedError("not here"), AccessDenied),
        (wrapped(OSError(errno.ENOSPC, "No space left on device")), DiskFull),
        (ExtractorError("[site] 7: Private video. Sign in", expected=True), AccessDenied),
        (ExtractorError("This video has been removed", expected=True), NotFound),
        (ExtractorError("No video formats found!", expected=True), NoMediaFound),
        (RuntimeError("a defect"), AcquisitionError),
    ],
)
def test_each_cause_is_found_however_deep(error: Exception, kind: type[AutointelError]) -> None:
    found = diagnose(error, LINK)
    assert type(found) is kind
    assert_clear(found)


def test_what_a_site_says_is_passed_on_without_decoration() -> None:
    found = diagnose(ExtractorError("[site] 7: Private video", expected=True), LINK)
    assert found.message == "example.com says: Private video"


def test_an_exception_that_is_its_own_cause_ends() -> None:
    error = ValueError("round")
    error.__cause__ = error
    assert type(diagnose(error, LINK)) is AcquisitionError
