"""What went wrong with a link, from the exceptions that yt-dlp and its network stack raise.

An exception tells by its type where it can, else by its words. Words are looked up in one table,
in order of precedence; words in a language or of a site that the table does not know end in a
general kind, with the words quoted.
"""

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
    BotCheck,
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
    SettingsError,
    UnsupportedScheme,
    UnsupportedSite,
    storage_error,
)

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES}
_LONGEST_QUOTE = 200
_LONGEST_TEXT = 4000
_MOST_CAUSES = 100

Kind = type[AcquisitionError]
Judge = Callable[[BaseException, str], AutointelError | None]

_THING = (
    r"(?:video|vod|track|song|playlist|post|tweet|clip|episode|content|stream|livestream|show|"
    r"account|album|channel|profile|group|subreddit|event|item|set|media|page|program|broadcast|"
    r"space|media|recording|favorites list)s?"
)
_PLACE = r"(?:country|region|location|territory|area)"
_LIVE = r"\b(?:live(?:stream)?|stream|event|premiere|broadcast|space|program|ride|webinar)"

WORDS: tuple[tuple[str, Kind], ...] = (
    # A request for proof of being human speaks of signing in, too.
    (r"not a (?:ro)?bot\b|suspected as a bot|anti-?bot|captcha|cloudflare", BotCheck),
    (r"rate[- ]?limit|too many requests|you have reached your play limit", BotCheck),
    (r"this content isn.t available, try again later", BotCheck),
    (r"unusual traffic|requests automated|automated (?:access|queries|requests)", BotCheck),
    (r"your ip (?:address )?(?:is|has been|may be) .{0,15}(?:blocked|unable)", BotCheck),
    (r"request (?:is|has been) (?:blocked|rejected)|tls fingerprint|impersonat", BotCheck),
    (r"cookies \(not necessarily logged in\)", BotCheck),
    # Sites that refuse copies of everything.
    (r"\bdrm\b.{0,10}protect|\bunsupported drm\b|in f4m drm|drm[- ]?encrypted", DrmProtected),
    (r"website is (?:not|no longer) supported", UnsupportedSite),
    # A country is named more often than not beside other reasons.
    (
        rf"(?:in|from|outside) (?:of )?(?:your|this) (?:current )?(?:geographic )?{_PLACE}",
        GeoBlocked,
    ),
    (rf"not available to viewers in|{_PLACE} is not allowed|in selected countries", GeoBlocked),
    (r"geo-?(?:graphic(?:al)? )? ?(?:re|e)stric|geo-?block|geo-?lock", GeoBlocked),
    (rf"{_THING} is (?:only )?available (?:only )?in (?-i:[A-Z][\w ]+)(?: only|\.?$)", GeoBlocked),
    (r"only licensed to users in|blocked .{0,30}(?:government|censorship|filtering)", GeoBlocked),
    (r"tv providers|cable service provider", MembersOnly),
    # What a login itself answers, before everything that mentions passwords or subscriptions.
    (r"(?:user ?name|user id|e-?mail).{0,25}password|password.{0,25}(?:user ?name)", LoginRequired),
    (r"(?:login|account|invalid|wrong) credentials|invalid username", LoginRequired),
    (r"(?:unable|failed) to log ?in\b|login failed", LoginRequired),
    (r"token.{0,40}(?:expired|invalid)|expired token", LoginRequired),
    # Paid for.
    (r"members[- ]only|\b(?:for|to|by) (?:[\w']+ ){0,2}members\b(?! of)", MembersOnly),
    (r"join this channel|members on level|(?:subscriber|supporter|patron)s?-only", MembersOnly),
    (r"(?:for|requires? an?|appropriate|provider|without a) (?:\w+ )?subscri", MembersOnly),
    (r"subscri(?:ption|be) (?:is )?(?:needed|required|to (?:download|watch))", MembersOnly),
    (r"not subscribed to|premium (?:video|users?|supporters?|subscri|account)", MembersOnly),
    (r"\bvip accounts?\b|\bpatrons only\b", MembersOnly),
    (r"(?:requires?|need to|with|coin|ticket) (?:a )?(?:payment|purchase|rental)", MembersOnly),
    (r"is (?:paid|not free)\b|have to pay|does not have tickets|to rent or buy", MembersOnly),
    (r"(?:account|you) (?:does|do) ?n[o']t have access to th(?:e|is)", MembersOnly),
    # Chosen people only; a password is given by the owner.
    (rf"(?<!downloading )\bprivate {_THING}\b|\b(?:is|are|set to|in a?) ?private\b", Private),
    (r"either private|protected tweet|users who follow|privacy settings", Private),
    (r"password[- ]protected|protected by a pass(?:word|code)", Private),
    (r"(?:wrong|incorrect|invalid) (?:video )?pass(?:word|code)", Private),
    (r"permission to view|not authorized to view|not been made available to anyone", Private),
    (r"owner only shared|small group of people|granted access to", Private),
    # Age and login.
    (r"(?:confirm|verify) your age|age[- ](?:restrict|verif|gate|limit|confirm)", LoginRequired),
    (r"adult verification|inappropriate for|users older than|\bnsfw\b", LoginRequired),
    (r"only available after \d|sensitive content", LoginRequired),
    # Broadcasts; one that is over and was not kept is gone.
    (r"replay is disabled|no archive|no video for download|vod is not available", Removed),
    (r"live stream recording is not available", Removed),
    (rf"{_LIVE}\b.{{0,60}}(?:will (?:begin|start|be available)|starts? (?:in|at)\b)", NotYetLive),
    (rf"{_LIVE}\b.{{0,30}}(?:scheduled|not (?:yet )?(?:started|begun)\b)", NotYetLive),
    (rf"{_LIVE}\b.{{0,30}}(?:has|was)? ?ended", NotYetLive),
    (r"^premiere(?:s in| will)|will (?:begin|premiere) (?:in|shortly)", NotYetLive),
    (
        r"(?:not|n't) (?:currently |yet )?live\b|\bis (?:currently )?offline\b|now offline",
        NotYetLive,
    ),
    (r"(?:not|n't) (?:yet |available )(?:available|yet)\b|will be available after", NotYetLive),
    (r"not downloadable yet|is processing|uploading or processing", NotYetLive),
    (r"no active streams|neither archive nor live", NotYetLive),
    # Gone.
    (r"copyright|\b(?:been|was|were|be) (?:removed|deleted|taken down|banned)\b", Removed),
    (r"\bremoved (?:by|for|because)\b|\bdeleted (?:by|video)|\bviolat(?:ed|es|ing)\b", Removed),
    (r"(?:terminated|suspended|closed)\b.{0,20}(?:account|user)?\.?$", Removed),
    (r"account (?:associated|has been).{0,60}(?:terminated|closed|suspended)", Removed),
    (r"n?o longer (?:available|exists?|online)|rights expired", Removed),
    (r"\bexpired\b|http error 410\b", Removed),
    # Login, in general.
    (r"\b(?:sign|log)(?:ged)?[- ]in(?:to)?\b|\blog into\b|\blogin (?:is|to|if)\b", LoginRequired),
    (r"(?:requires?|need) (?:a )?login|login (?:details|required)|registered users", LoginRequired),
    (
        r"(?:require[sd]?|account|needed).{0,12}authentication|authentication (?:is )?required",
        LoginRequired,
    ),
    (r"account (?:that .{0,30})?(?:is )?(?:needed|required)|unverified account", LoginRequired),
    (r"opted in is required|http error 401\b", LoginRequired),
    (r"http error 402\b", MembersOnly),
    (r"http error 451\b|unavailable for legal reasons", GeoBlocked),
    (r"http error 4(?:29|20)\b", BotCheck),
    # No sound or picture in what is there.
    (r"requested format is not available|no (?:video|media) formats|no formats", NoMediaFound),
    (
        r"\b(?:no|any|neither) (?:\w+[ /-]){0,2}(?:videos?|audio|media|songs?|tracks?|sources?)\b",
        NoMediaFound,
    ),
    (
        r"(?:is ?n.t|is not|not) an? (?:video|media|file|animated)|empty media response",
        NoMediaFound,
    ),
    (r"does ?n[o']t (?:contain|have) (?:an? |any )?(?:video|audio|media)", NoMediaFound),
    (r"no downloads available|is unplayable|downloaded file is empty", NoMediaFound),
    # Troubles of the moment.
    (r"http error 5\d\d\b|http error 407\b|service (?:is )?temporarily|server-side", NetworkFailed),
    (r"timed? ?out\b|connection (?:was )?(?:re(?:set|fused)|aborted|closed|broken)", NetworkFailed),
    (r"network error|network is unreachable|remote end closed|bytes read", NetworkFailed),
    (
        r"did not get any data|incomplete data|content too short|fragment \d+ not found",
        NetworkFailed,
    ),
    (r"certificate|\bssl\b|sslv3|legacy_renegotiation|unable to connect to proxy", NetworkFailed),
    (r"something went wrong|an? (?:\w+ )?error (?:has )?occurred while", NetworkFailed),
    # Not there; the site rarely says why.
    (r"http error 404\b|does ?n[o']t exist|no such\b|could ?n[o']t find this", NotFound),
    (rf"\b{_THING}\b.{{0,20}}not found|not archived|page not found", NotFound),
    (r"invalid (?:\w+ )?url|not a valid url|looks truncated|does not have a \w+ tab", NotFound),
    (rf"\b{_THING}\b.{{0,20}}(?:unavailable|not (?:currently )?available|n't available)", NotFound),
    (
        r"^(?:content |this page is )?(?:currently )?unavailable|is inaccessible",
        NotFound,
    ),
    (r"http error 403\b|forbidden|access (?:is )?denied|is (?:restricted|locked)", AccessDenied),
    (r"playback on other websites|embed-only", AccessDenied),
    (r"http error 4\d\d\b", AcquisitionError),
    # What yt-dlp adds when nothing but a login helps.
    (r"--cookies|--username|--netrc", LoginRequired),
    # yt-dlp does not understand what it got.
    (r"^unable to download\b", NetworkFailed),
    (
        r"^(?:unable|failed) to |^(?:could not|cannot|can't) |^unsupported |^missing ",
        UnsupportedSite,
    ),
    (r"not found\. please install|phantomjs", UnsupportedSite),
    (
        r"extractor error|failed to parse|\bnot (?:currently )?supported\b|^unexpected ",
        UnsupportedSite,
    ),
)
"""What yt-dlp and the sites say, in order of precedence; patterns ignore case."""

_WORDS = tuple((re.compile(pattern, re.IGNORECASE), kind) for pattern, kind in WORDS)

_SENTENCES: dict[Kind, str] = {
    AccessDenied: "{host} does not let us in",
    AcquisitionError: "{host} could not be read",
    BotCheck: "{host} takes us for a robot, or finds that we ask too often",
    DrmProtected: "{host} protects this against copying",
    GeoBlocked: "{host} does not show this in the country that we are in",
    LoginRequired: "{host} wants a login, or a proof of age, before it shows this",
    MembersOnly: "{host} shows this only to those who pay for it",
    NetworkFailed: "{host} did not deliver",
    NoMediaFound: "There is no audio or video to be found at {host}",
    NotFound: "{host} has nothing to show at this address",
    NotYetLive: "{host} has no recording of this yet",
    Private: "{host} shows this only to people whom its owner has chosen",
    Removed: "{host} does not have this any more",
    UnsupportedSite: "The pages of {host} cannot be read",
}

_UPDATE = "If it plays in a browser, update the package yt-dlp; else give the file itself."
_REMEDIES: tuple[tuple[re.Pattern[str], Kind, str], ...] = (
    (re.compile("ended|downloadable yet", re.I), NotYetLive,
     "Try again in some hours: many sites publish the recording then."),
    (re.compile("processing", re.I), NotYetLive, "Try again in some minutes."),
    (re.compile("not (?:currently )?live|offline", re.I), NotYetLive,
     "Give the link of one of its recordings."),
    (re.compile("password|passcode", re.I), Private,
     "Get the recording from its owner and give the file itself."),
    (re.compile("http error 5|went wrong|server-side|temporarily", re.I), NetworkFailed,
     "The fault is theirs: try again later."),
    (re.compile("http error 407|proxy", re.I), NetworkFailed, "Check AUTOINTEL_PROXY."),
    (re.compile("^(?:unable|failed|could|cannot|can't|missing|unexpected|an extractor)", re.I),
     UnsupportedSite, _UPDATE),
)  # fmt: skip
"""Where the usual remedy of a kind would not help."""


def diagnose(error: BaseException, url: str) -> AutointelError:
    """The error to show for an exception out of yt-dlp or its network stack.

    The types of the whole chain of causes come first, then the words of those that have some,
    then what is left: a broken connection, a page not understood, or anything else.

    Args:
        error: as caught.
        url: the link the user gave; its host is named in the message.
    """
    chain = list(causes(error))
    for judge in (_ours, _disk, _type, _words, _network, _unexpected):
        for cause in chain:
            if found := judge(cause, url):
                return found
    return _error(AcquisitionError, url, _quotable(_text(error)))


def causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and everything it says it came from, nearest first."""
    waiting: list[Any] = [error]
    seen: set[int] = set()
    while waiting and len(seen) < _MOST_CAUSES:
        cause = waiting.pop(0)
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [getattr(cause, name, None) for name in ("cause", "reason", "__cause__")]
        waiting += [*(getattr(cause, "exc_info", None) or ()), *cause.args, cause.__context__]


# -- judges: each knows one way in which an exception tells what happened -----------------------


def _ours(cause: BaseException, url: str) -> AutointelError | None:
    return cause if isinstance(cause, AutointelError) else None


def _disk(cause: BaseException, url: str) -> AutointelError | None:
    if isinstance(cause, OSError) and cause.errno in _DISK:
        return storage_error(cause, Path(cause.filename or "the download"))
    return None


def _type(cause: BaseException, url: str) -> AutointelError | None:
    """Exceptions whose type says it all."""
    from requests.exceptions import InvalidSchema
    from yt_dlp.cookies import CookieLoadError
    from yt_dlp.networking.exceptions import HTTPError, NoSupportingHandlers
    from yt_dlp.utils import EntryNotInPlaylist, GeoRestrictedError, UnsupportedError, UserNotLive

    host = _host_of(url)
    match cause:
        case GeoRestrictedError():
            return _geo_blocked(cause, url)
        case UserNotLive():
            return _error(NotYetLive, url, _quotable(_text(cause)), "not live")
        case UnsupportedError():
            return UnsupportedSite(f"There is no audio or video to be found at {host}.")
        case EntryNotInPlaylist():
            return _error(NotFound, url)
        case CookieLoadError():
            return SettingsError(
                "The cookies file AUTOINTEL_COOKIES_FILE cannot be read.",
                "Export it again from the browser, in Netscape format.",
            )
        case HTTPError(redirect_loop=True):
            return RedirectLoop(f"{host} redirects in a circle.")
        case InvalidSchema() | NoSupportingHandlers() if "impersonat" not in str(cause).lower():
            return UnsupportedScheme(
                f"{host} sends us on to an address that is neither http nor https."
            )
        case socket.gaierror():
            return HostUnknown(f"There is no host named {host}, or it cannot be looked up.")
    return None


def _geo_blocked(cause: Any, url: str) -> AutointelError:
    countries = [str(c)[:30] for c in (getattr(cause, "countries", None) or ())]
    if not 1 <= len(countries) <= 12 or isinstance(cause.countries, str):
        return _error(GeoBlocked, url, _quotable(_text(cause)))
    return GeoBlocked(
        f"{_host_of(url)} shows this only in {', '.join(countries)}.",
        f"Set AUTOINTEL_PROXY to a proxy in {' or '.join(countries[:3])}.",
    )


def _words(cause: BaseException, url: str) -> AutointelError | None:
    from yt_dlp.networking.exceptions import TransportError
    from yt_dlp.utils import YoutubeDLError

    if not isinstance(cause, YoutubeDLError) or isinstance(cause, TransportError):
        return None
    text = _text(cause)
    kind = kind_of(text)
    if kind is None:
        return None
    if status := re.search(r"\bHTTP Error (\d{3})\b", text):
        return _error(kind, url, text=text, aside=f"HTTP {status[1]}")
    if kind is NetworkFailed and (found := _network_below(cause, url)):
        return found
    return _error(kind, url, _quotable(text), text)


def _network_below(cause: BaseException, url: str) -> AutointelError | None:
    return next(filter(None, (_network(inner, url) for inner in causes(cause))), None)


def _network(cause: BaseException, url: str) -> AutointelError | None:
    from yt_dlp.networking.exceptions import CertificateVerifyError, ProxyError, RequestError
    from yt_dlp.utils import ContentTooShortError, ReExtractInfo, UnavailableVideoError

    broken = (ContentTooShortError, ReExtractInfo, UnavailableVideoError)
    if not isinstance(cause, (RequestError, ConnectionError, TimeoutError, *broken)):
        return None
    remedy = None
    if isinstance(cause, ProxyError):
        remedy = "Check AUTOINTEL_PROXY, and that the proxy runs."
    elif isinstance(cause, CertificateVerifyError):
        remedy = "Check the spelling of the link and the clock of this machine."
    reason = _reason(cause)
    return NetworkFailed(f"The connection to {_host_of(url)} failed ({reason}).", remedy)


def _unexpected(cause: BaseException, url: str) -> AutointelError | None:
    """An extractor that stumbled: what it met was not what its site used to send."""
    from yt_dlp.utils import ExtractorError

    if isinstance(cause, ExtractorError) and not getattr(cause, "expected", False):
        return _error(UnsupportedSite, url, _quotable(_text(cause)), remedy=_UPDATE)
    return None


def _reason(cause: BaseException) -> str:
    """A few words on a failed connection; its own text is a tower of quoted exceptions."""
    from yt_dlp.networking.exceptions import IncompleteRead, ProxyError, SSLError
    from yt_dlp.utils import ContentTooShortError

    for inner in causes(cause):
        if isinstance(inner, ProxyError):
            return "the proxy did not help"
        if isinstance(inner, SSLError):
            return "it could not be secured"
        if isinstance(inner, ConnectionRefusedError):
            return "refused"
        if isinstance(inner, TimeoutError) or "Timeout" in type(inner).__name__:
            return "no answer in time"
        if isinstance(inner, IncompleteRead | ContentTooShortError):
            return "it broke off"
        if isinstance(inner, ConnectionError):
            return "it was cut"
    return "no answer"


# -- words ----------------------------------------------------------------------------------------

_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_PREFIX = re.compile(r"^(?:ERROR: ?)?(?:\[[\w:.+ -]{1,60}\] ?)?(?:[\w.%-]{1,80}: (?=\S))?")
_NOISE = re.compile(
    r"\(caused by .*"
    r"|;? ?please report this issue on .*"
    r"|Confirm you are on the latest version.*"
    r"|[.,;]? *(?:Use|Try|Pass|See|Visit|You may want to use|If using)\s+(?:\S+ ){0,3}?"
    r"(?:`|\"?--|https?:).*"
    r"|[.,;]? *use the --[\w-]+ option\.?|[.,;] use --[\w-]+.*|,[^,]*\bwith --.*|\(with --[^)]*\)"
    r"|Learn more\.?$",
    re.IGNORECASE,
)
_LINK = re.compile(r"[a-z][a-z0-9+.-]*://\S+|\bwww\.\S+", re.IGNORECASE)
_SAYS = re.compile(r"^(?:[\w.:-]{1,40} )?(?:said|says|returned error): ", re.IGNORECASE)
_QUOTED = re.compile(r"(?<!said: )(?<!says: )(?:\"[^\"]*\"|“[^”]*”|«[^»]*»|(?<!\w)'[^']*'(?!\w))")


def kind_of(text: str) -> Kind | None:
    """The kind of trouble that words tell of; None when they are not known.

    What stands between quotation marks is somebody's title and does not count, unless a site is
    quoted as having said it.
    """
    bare = _QUOTED.sub("…", text)
    return next((kind for pattern, kind in _WORDS if pattern.search(bare)), None)


def _text(error: BaseException) -> str:
    """The words of an exception, on one line, without what yt-dlp puts in front."""
    said = str(getattr(error, "orig_msg", None) or error)[:_LONGEST_TEXT]
    said = "".join(c if c.isprintable() else " " for c in _ESCAPES.sub("", said))
    said = " ".join(said.split())
    if getattr(error, "orig_msg", None) is None:
        said = _PREFIX.sub("", said)
    return said.replace("’", "'")


def _quotable(text: str) -> str:
    """What remains of the words for a reader: no advice to users of yt-dlp, no links."""
    text = _SAYS.sub("", _LINK.sub("", _NOISE.sub("", text)))
    text = " ".join(text.split()).strip(" .,;:")
    return text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 1].rstrip() + "…"


def _error(
    kind: Kind,
    url: str,
    quote: str = "",
    text: str = "",
    aside: str = "",
    remedy: str | None = None,
) -> AutointelError:
    """Our sentence on a kind, then the words of the site, and a remedy that helps."""
    sentence = _SENTENCES[kind].format(host=_host_of(url))
    if aside:
        sentence += f" ({aside})"
    if quote:
        sentence += f": “{quote}”"
    for pattern, concerned, better in _REMEDIES:
        if remedy is None and concerned is kind and pattern.search(text):
            remedy = better
    return kind(f"{sentence}.", remedy)


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or "The host"
    except ValueError:
        return "The host"
