"""The exceptions of yt-dlp and its network stack, told in our words."""

from __future__ import annotations

import errno
import inspect
import io
import socket
import ssl
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest
import yaml
import yt_dlp.cookies
import yt_dlp.networking.exceptions
import yt_dlp.utils
from hypothesis import given
from hypothesis import strategies as st
from yt_dlp import YoutubeDL
from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.networking import Response
from yt_dlp.networking.exceptions import (
    CertificateVerifyError,
    HTTPError,
    IncompleteRead,
    ProxyError,
    RequestError,
    SSLError,
    TransportError,
)
from yt_dlp.utils import (
    DownloadError,
    ExtractorError,
    GeoRestrictedError,
    UnsupportedError,
    UserNotLive,
    YoutubeDLError,
)

from tests.clarity import assert_clear
from ultimate_discord_intelligence_bot.acquisition.diagnosis import diagnose, kind_of
from ultimate_discord_intelligence_bot.errors import (
    AccessDenied,
    AcquisitionError,
    AddressRefused,
    AutointelError,
    BotCheck,
    DiskFull,
    DrmProtected,
    GeoBlocked,
    HostUnknown,
    LoginRequired,
    MembersOnly,
    NetworkFailed,
    NoMediaFound,
    NotFound,
    NotYetLive,
    Private,
    RedirectLoop,
    Removed,
    UnsupportedSite,
)

LINK = "https://example.com/talk"
TABLE: dict[str, list[list[str]]] = yaml.safe_load(
    Path(__file__).with_name("yt_dlp_messages.yaml").read_text(encoding="utf-8")
)
ROWS = [(kind, *row) for kind, rows in TABLE.items() for row in rows]


def answered(status: int, **fields: bool) -> HTTPError:
    return HTTPError(Response(io.BytesIO(), LINK, {}, status, "reason"), **fields)


def wrapped(error: Exception) -> Exception:
    """As yt-dlp does it: an extractor's error around it, and a download error around that."""
    extractor = ExtractorError(f"Unable to download webpage: {error}", cause=error, expected=True)
    return reported(extractor)


def reported(error: BaseException) -> Exception:
    return cast("Exception", DownloadError(f"ERROR: {error}", (type(error), error, None)))


# -- the table of real messages -------------------------------------------------------------------


class Site(InfoExtractor):  # type: ignore[misc]
    """Raises as the extractors do."""


@cache
def site() -> Site:
    return Site(YoutubeDL({"quiet": True}))


def login(words: str) -> None:
    site().raise_login_required(words)


def formats(words: str) -> None:
    site().raise_no_formats(words, expected=True)


def geo(words: str) -> None:
    site().raise_geo_restricted(words)


def raising(error: Callable[[str], Exception]) -> Callable[[str], None]:
    def raise_it(words: str) -> None:
        raise error(words)

    return raise_it


HOW: dict[str, Callable[[str], None]] = {
    "expected": raising(lambda words: ExtractorError(words, expected=True)),
    "unexpected": raising(ExtractorError),
    "login": login,
    "formats": formats,
    "geo": geo,
    "live": raising(lambda _: UserNotLive()),
    "url": raising(UnsupportedError),
    "download": raising(lambda words: DownloadError(f"ERROR: {words}")),
    "request": raising(RequestError),
}


def raised(extractor: str, words: str, how: str = "expected") -> Exception:
    """The exception that reaches us when an extractor says these words."""
    try:
        HOW[how](words)
    except ExtractorError as error:
        error.ie, error.video_id = extractor, "a-1B_c"
        return reported(error)
    except YoutubeDLError as error:
        return error  # type: ignore[no-any-return]
    raise AssertionError


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}: {row[1]}: {row[2][:60]}")
def test_real_messages_have_the_kind_that_a_user_understands(row: tuple[str, ...]) -> None:
    kind, extractor, words, *how = row
    found = diagnose(raised(extractor, words, *how), LINK)
    assert found.code == kind
    assert_clear(found)
    assert_decent(found)


def assert_decent(found: AutointelError) -> None:
    """Our sentence with the host, then only the words of the site."""
    assert "xample.com" in found.message
    assert len(found.message) < 330
    for noise in (
        "ERROR",
        "--",
        "http:",
        "https:",
        "yt-dlp/",
        "report this",
        "caused by",
        "a-1B_c",
    ):
        assert noise not in found.message


def test_the_table_is_large_and_has_rows_of_each_kind() -> None:
    assert len(ROWS) >= 150
    assert len({(row[1], row[2]) for row in ROWS}) == len(ROWS)
    assert min(len(rows) for rows in TABLE.values()) >= 5


@pytest.mark.parametrize("row", ROWS[::7], ids=lambda row: row[2][:60])
def test_the_words_count_also_without_the_types(row: tuple[str, ...]) -> None:
    """For instance from a version that raises something new."""
    kind, extractor, words, *how = row
    if not {*how} & {"geo", "url", "unexpected"}:
        assert diagnose(DownloadError(f"ERROR: [{extractor}] a-1B_c: {words}"), LINK).code == kind


# -- every exception class ------------------------------------------------------------------------


def exceptions(module: ModuleType) -> Iterator[type[BaseException]]:
    for _, kind in inspect.getmembers(module, inspect.isclass):
        if issubclass(kind, BaseException):
            yield kind


CLASSES = sorted(
    {
        *exceptions(yt_dlp.utils),
        *exceptions(yt_dlp.networking.exceptions),
        yt_dlp.cookies.CookieLoadError,
    },
    key=lambda kind: kind.__name__,
)

EXPECTED = {
    "CertificateVerifyError": "network_failed",
    "ContentTooShortError": "network_failed",
    "CookieLoadError": "bad_setting",
    "EntryNotInPlaylist": "not_found",
    "GeoRestrictedError": "geo_blocked",
    "HTTPError": "network_failed",
    "IncompleteRead": "network_failed",
    "NoSupportingHandlers": "unsupported_scheme",
    "ProxyError": "network_failed",
    "ReExtractInfo": "network_failed",
    "RegexNotFoundError": "unsupported_site",
    "RequestError": "network_failed",
    "SSLError": "network_failed",
    "ThrottledDownload": "network_failed",
    "TransportError": "network_failed",
    "UnavailableVideoError": "network_failed",
    "UnsupportedError": "unsupported_site",
    "UnsupportedRequest": "network_failed",
    "UserNotLive": "not_yet_live",
}
"""The others say nothing by their type: acquisition_failed, or what their words say."""


def made(kind: type[BaseException]) -> BaseException:
    """An instance, whatever the constructor wants."""
    if kind is HTTPError:
        return cast("BaseException", answered(500))
    try:
        wanted = inspect.signature(kind).parameters.values()
    except ValueError:  # it has the constructor of a built-in exception
        return kind("word")
    needed = [p for p in wanted if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    lists = {"unsupported_errors", "unexpected_errors"}
    return kind(*([] if p.name in lists else "word" for p in needed))


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_exception_of_yt_dlp_is_one_of_ours(kind: type[BaseException]) -> None:
    error = made(kind)
    extractor = issubclass(kind, ExtractorError)
    expected = EXPECTED.get(
        kind.__name__, "unsupported_site" if extractor else "acquisition_failed"
    )
    for shape in (error, reported(error)) if isinstance(error, YoutubeDLError) else (error,):
        found = diagnose(shape, LINK)
        assert found.code == expected
        assert_clear(found)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_so_is_one_that_a_later_version_derives_from_it(kind: type[BaseException]) -> None:
    def init(self: BaseException, *args: Any) -> None:
        BaseException.__init__(self, *args)

    later = type("LaterError", (kind,), {"__init__": init})
    found = diagnose(later("a new word"), LINK)
    assert type(found) is not AutointelError
    assert_clear(found)


# -- causes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (wrapped(answered(400)), AcquisitionError),
        (wrapped(answered(401)), LoginRequired),
        (wrapped(answered(402)), MembersOnly),
        (wrapped(answered(403)), AccessDenied),
        (wrapped(answered(404)), NotFound),
        (wrapped(answered(407)), NetworkFailed),
        (wrapped(answered(410)), Removed),
        (wrapped(answered(429)), BotCheck),
        (wrapped(answered(451)), GeoBlocked),
        (wrapped(answered(503)), NetworkFailed),
        (wrapped(answered(302, redirect_loop=True)), RedirectLoop),
        (wrapped(TransportError(cause=socket.gaierror(-2, "unknown"))), HostUnknown),
        (wrapped(TransportError(cause=ConnectionResetError(104, "reset"))), NetworkFailed),
        (wrapped(TransportError(cause=TimeoutError("timed out"))), NetworkFailed),
        (wrapped(SSLError(cause=ssl.SSLError("bad"))), NetworkFailed),
        (wrapped(IncompleteRead(partial=3, expected=9)), NetworkFailed),
        (wrapped(OSError(errno.ENOSPC, "No space left on device")), DiskFull),
        (wrapped(TransportError(cause=AddressRefused("It leads inside."))), AddressRefused),
        (RuntimeError("a defect"), AcquisitionError),
    ],
)
def test_each_cause_is_found_however_deep(error: Exception, kind: type[AutointelError]) -> None:
    found = diagnose(error, LINK)
    assert type(found) is kind
    assert_clear(found)


def test_what_a_site_says_counts_more_than_the_status_it_says_it_with() -> None:
    try:
        try:
            raise answered(403)
        except HTTPError:
            login("Private subreddit; an account that has been approved is required")
    except ExtractorError as error:
        found = diagnose(reported(error), LINK)
    assert type(found) is Private


def test_countries_are_named_when_the_site_names_them() -> None:
    found = diagnose(GeoRestrictedError("not here", countries=["DE", "FR"]), LINK)
    assert found.message == "example.com shows this only in DE, FR."
    assert "DE or FR" in found.remedy


@pytest.mark.parametrize("countries", [None, [], ["A"] * 200, "DE"])
def test_other_countries_are_not(countries: Any) -> None:
    found = diagnose(GeoRestrictedError("not here", countries=countries), LINK)
    assert found.message == (
        "example.com does not show this in the country that we are in: “not here”."
    )


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (wrapped(ProxyError("no")), "AUTOINTEL_PROXY"),
        (wrapped(CertificateVerifyError("no")), "clock"),
        (wrapped(answered(502)), "theirs"),
        (raised("x", "This livestream has ended"), "hours"),
        (raised("x", "This video is processing"), "minutes"),
        (raised("x", "", "live"), "one of its recordings"),
        (raised("x", "Unable to extract title", "unexpected"), "update the package yt-dlp"),
        (raised("x", "Something odd", "unexpected"), "update the package yt-dlp"),
        (raised("x", "This video is protected by a password"), "the file itself"),
    ],
)
def test_the_remedy_is_one_that_helps(error: Exception, remedy: str) -> None:
    assert remedy in diagnose(error, LINK).remedy


def test_an_exception_that_is_its_own_cause_ends() -> None:
    error = ValueError("round")
    error.__cause__ = error
    assert type(diagnose(error, LINK)) is AcquisitionError


# -- precedence -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Sign in to confirm you're not a bot", BotCheck),
        ("Sign in to confirm your age", LoginRequired),
        ("Sign in to see this", LoginRequired),
        ("Private video. Sign in if you've been granted access to this video", Private),
        ("Join this channel to get access to members-only content. Please sign in", MembersOnly),
        ("Video unavailable. This video is private", Private),
        ("Video unavailable. This video is not available in your country", GeoBlocked),
        ("Video unavailable. This video has been removed by the uploader", Removed),
        ("Video unavailable", NotFound),
        ("blocked it in your country on copyright grounds", GeoBlocked),
        ("blocked it on copyright grounds", Removed),
        ("Unable to login: the subscription has expired", LoginRequired),
        ("This video is DRM protected and for members only", DrmProtected),
        ("This event has ended and there is no archive", Removed),
        ("This event has ended", NotYetLive),
        ("Requested format is not available", NoMediaFound),
        ("Unable to extract title", UnsupportedSite),
        ("Unable to download webpage", NetworkFailed),
        ("Unable to download webpage: HTTP Error 404: Not Found", NotFound),
    ],
)
def test_the_telling_words_win(words: str, kind: type[AutointelError]) -> None:
    assert kind_of(words) is kind


@pytest.mark.parametrize(
    "words",
    [
        'Unable to extract title for "Private life of bees"',
        "Unable to extract thumbnail of “This video is private”",
        'Unable to extract "HTTP Error 404: the lost episode"',
        "Unable to extract description: The private lives of members of parliament",
        "Unable to extract uploader: Sold out and signed",
        "Unable to extract series: Removing wallpaper, deleting files",
        "Unable to extract chapter: Living live near a robot",
        "Unable to extract tags: geography, country, premium chocolate, login bonus",
    ],
)
def test_a_title_with_telling_words_triggers_nothing(words: str) -> None:
    assert kind_of(words) is UnsupportedSite


@pytest.mark.parametrize(
    "words", ["Dieses Video ist privat", "動画は視聴できません", "", "42", "The bees are fine"]
)
def test_unknown_words_have_no_kind(words: str) -> None:
    assert kind_of(words) is None


# -- what is quoted -------------------------------------------------------------------------------


def test_what_a_site_says_is_passed_on_without_decoration() -> None:
    found = diagnose(raised("site", "Private video", "login"), LINK)
    assert found.message == (
        "example.com shows this only to people whom its owner has chosen: “Private video”."
    )


@pytest.mark.parametrize(
    ("words", "quoted"),
    [
        ("\x1b[31mPrivate\nvideo\x1b[0m \u202e", "Private video"),
        (
            "Site said: Private video. Ask at https://example.org/?a=b now",
            "Private video. Ask at now",
        ),
        ("Private video. Use --cookies or else", "Private video"),
        ("Private video; please report this issue on  https://x/ .", "Private video"),
        ("Private video (caused by <HTTPError 403: Forbidden>)", "Private video"),
        ("Private video, use the --video-password option", "Private video"),
    ],
)
def test_noise_and_links_are_not_quoted(words: str, quoted: str) -> None:
    assert f"“{quoted}”" in diagnose(ExtractorError(words, expected=True), LINK).message


def test_what_is_quoted_is_short() -> None:
    found = diagnose(ExtractorError("Private video " + "x" * 100_000, expected=True), LINK)
    assert len(found.message) < 300
    assert found.message.endswith("x…”.")


@given(st.text())
def test_any_words_make_a_clear_error(words: str) -> None:
    found = diagnose(ExtractorError(words, expected=True), LINK)
    assert isinstance(found, AcquisitionError)
    assert len(found.message) < 330
    assert found.message.isprintable()


def test_a_link_without_a_readable_host_does_no_harm() -> None:
    assert "The host" in diagnose(ExtractorError("Private video"), "http://[").message
