"""The only way out: a client that is guarded, throttled, bounded and cached."""

from __future__ import annotations

import asyncio
import codecs
import random
import re
import time
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar
from urllib.parse import urlsplit

import structlog
from pydantic import SecretStr, TypeAdapter, ValidationError

from ... import __version__
from ...errors import AutointelError, HostUnknown, SourceFailed
from ...network import DEFAULT_PORTS, allowed_places
from ...settings import Settings
from .cache import Answer, AnswerCache, request_key
from .throttle import Turns

if TYPE_CHECKING:
    import httpx

_T = TypeVar("_T")

_AGENT = f"Autointel/{__version__} (ultimate-discord-intelligence-bot)"
_PAGE_KINDS = {"text/html", "text/plain"}
_MOST_OF_A_PAGE = 2 * 1024 * 1024
_MOST_OF_JSON = 8 * 1024 * 1024
_MOST_REDIRECTS = 5
_LONGEST_PAUSE = 20.0
_FIRST_PAUSE = 1.0
_STRIKES = 3
_BUSY = {429, 503}

# Only encodings of the web: Python knows others, some of which take quadratic time.
_CHARSETS = re.compile(
    r"utf-8|utf-16(?:-[bl]e)?|ascii|iso8859-\d+|cp(?:125\d|866|874|932|949)|koi8-[ru]|gbk"
    r"|gb18030|gb2312|big5(?:hkscs)?|euc_jp|euc_kr|shift_jis|iso2022_jp|mac-(?:roman|cyrillic)"
)
_CHARSET = re.compile(r"[A-Za-z0-9_:-]{2,40}")
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.I)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Key:
    """A key and where it is put; added to a request on its way out, where nothing records it.

    Attributes:
        name: of the header, query parameter or cookie.
        prefix: what stands before the value, such as ``Bearer`` and a space.
    """

    value: SecretStr
    name: str = "Authorization"
    place: Literal["header", "query", "cookie"] = "header"
    prefix: str = ""

    @property
    def sent(self) -> str:
        """The value as it is sent."""
        return self.prefix + self.value.get_secret_value()


@dataclass(frozen=True)
class Service:
    """An API that the operator configured.

    Attributes:
        name: as errors tell it.
        setting: the environment variable that configures it.
        remedy: what to do when it refuses us; by default to check the setting.
        at_once: most requests at the same time.
        gap: least seconds between the beginnings of two requests.
        nothing: the HTTP status that means that there is nothing; the answer then is ``null``.
    """

    name: str
    setting: str
    key: Key | None = None
    remedy: str = ""
    at_once: int = 4
    gap: float = 0.05
    nothing: int | None = None

    @property
    def when_refused(self) -> str:
        """What to do when it refuses us."""
        return self.remedy or f"Check {self.setting}."


class WebClient:
    """Asks APIs and reads pages. One for each run, open within ``async with``.

    Identical requests at the same time are made once; answers are kept for 7 days. Pages and
    APIs have connections of their own, so that no link rides on the trust in an API.

    Args:
        settings: of the run; AUTOINTEL_ALLOWED_HOSTS, AUTOINTEL_PROXY and the network timeout,
            which here bounds a whole request.
        cache_folder: where answers are kept.
    """

    def __init__(self, settings: Settings, cache_folder: Path) -> None:
        self._settings = settings
        self._patience = settings.network_timeout
        self._cache = AnswerCache(cache_folder)
        self._trusted: set[tuple[str, int]] = set()
        self._turns: dict[str, Turns] = {}
        self._strikes: Counter[str] = Counter()
        self._flying: dict[str, asyncio.Task[Answer]] = {}
        self._apis: httpx.AsyncClient | None = None
        self._pages: httpx.AsyncClient | None = None

    def trust(self, url: str) -> None:
        """Let an API be inside the network, because the operator named it: this host and port.

        No page may be there for that reason.
        """
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
        self._trusted.add(((parts.hostname or "").lower(), port))

    async def __aenter__(self) -> WebClient:
        """Open the client.

        Raises:
            SettingsError: AUTOINTEL_ALLOWED_HOSTS cannot be understood.
        """
        await asyncio.to_thread(self._cache.open)
        allowed = await asyncio.to_thread(allowed_places, self._settings.allowed_hosts)
        self._apis, self._pages = await asyncio.to_thread(
            _clients, allowed, self._trusted, self._settings.proxy, self._patience
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        flying = list(self._flying.values())
        for task in flying:
            task.cancel()
        await asyncio.gather(*flying, return_exceptions=True)
        for client in (self._apis, self._pages):
            if client is not None:
                await client.aclose()
        self._apis = self._pages = None

    # -- APIs ---------------------------------------------------------------------------------

    async def fetch_json(
        self,
        service: Service,
        url: str,
        shape: type[_T],
        *,
        params: Mapping[str, str | int] | None = None,
        json: Mapping[str, Any] | None = None,
    ) -> _T:
        """Ask an API: POST when there is something to post, GET otherwise.

        After three failures in a row a service is asked no more in this run. Redirects are not
        followed, so that a key never reaches another host.

        Args:
            service: who is asked, and the key for it.
            url: of the endpoint; chosen by the operator or by us, never by a transcript.
            shape: what the answer is validated as, e.g. a pydantic model.
            params: query parameters, added to those of the URL.
            json: what is posted.

        Raises:
            SourceFailed: no usable answer; says which service, why, and what to do.
        """
        if self._strikes[service.name] >= _STRIKES:
            raise SourceFailed(
                f"{service.name} failed {_STRIKES} times in a row and is asked no more in this run."
            )
        method = "GET" if json is None else "POST"
        key = request_key("api", method, url, params, json)

        async def ask() -> Answer:
            client = _opened(self._apis)
            extensions = {}
            if service.key:
                from .transport import KEY

                extensions[KEY] = (service.key.name, service.key.sent, service.key.place)
            request = client.build_request(
                method, url, params=_merged(url, params), json=json, extensions=extensions
            )
            turns = self._turns_at(request.url, service.at_once, service.gap)
            answer = await self._asked(client, request, turns, _MOST_OF_JSON, service)
            _parsed(service, shape, answer.text)
            return answer

        try:
            answer = await self._once(key, ask, service.key)
        except SourceFailed:
            self._strikes[service.name] += 1
            raise
        self._strikes[service.name] = 0
        parsed: _T = _parsed(service, shape, answer.text)
        return parsed

    # -- pages --------------------------------------------------------------------------------

    async def fetch_page(self, url: str) -> Answer:
        """Read a page that a stranger named: at most 2 MB of HTML or plain text.

        Raises:
            SourceFailed: it cannot be had; says which host, why, and what to do.
        """
        import httpx

        client = _opened(self._pages)
        try:
            request = client.build_request("GET", url)
        except httpx.InvalidURL:
            raise SourceFailed("A search result has a malformed link.") from None

        async def read() -> Answer:
            turns = self._turns_at(request.url, 2, 0.5)
            return await self._asked(client, request, turns, _MOST_OF_A_PAGE, None)

        return await self._once(request_key("page", url), read, None)

    # -- both ---------------------------------------------------------------------------------

    def _turns_at(self, url: httpx.URL, at_once: int, gap: float) -> Turns:
        return self._turns.setdefault(url.netloc.decode(), Turns(at_once, gap))

    async def _once(
        self, key: str, fetch: Callable[[], Awaitable[Answer]], secret: Key | None
    ) -> Answer:
        """The answer from the cache, from the same request in flight, or fetched now."""

        async def fly() -> Answer:
            if (kept := await asyncio.to_thread(self._cache.read, key)) is not None:
                return kept
            answer = await fetch()
            # A server may echo what it was sent.
            if secret is None or secret.value.get_secret_value() not in answer.text:
                await asyncio.to_thread(self._cache.write, key, answer)
            return answer

        task = self._flying.get(key)
        if task is None:
            task = self._flying[key] = asyncio.create_task(fly())
            task.add_done_callback(lambda done: self._landed(key, done))
        # One who waits may give up without harm to the others.
        return await asyncio.shield(task)

    def _landed(self, key: str, task: asyncio.Task[Answer]) -> None:
        self._flying.pop(key, None)
        if not task.cancelled():
            task.exception()

    async def _asked(
        self,
        client: httpx.AsyncClient,
        request: httpx.Request,
        turns: Turns,
        most: int,
        service: Service | None,
    ) -> Answer:
        """One request, made again once when the server asks for patience."""
        _check_proxy(self._settings.proxy)
        who = service.name if service else request.url.host[:100] or "A link without a host"

        async def attempt() -> Answer | _Busy:
            async with turns:
                with _told(who, self._patience):
                    async with asyncio.timeout(self._patience):
                        return await _exchange(client, request, most, service)

        answer = await attempt()
        if isinstance(answer, _Busy) and answer.pause <= _LONGEST_PAUSE:
            log.debug("web_busy", who=who, status=answer.status, pause=answer.pause)
            turns.pause(answer.pause * random.uniform(1.0, 1.25))  # noqa: S311 - no secret
            answer = await attempt()
        if isinstance(answer, _Busy):
            raise SourceFailed(f"{who} is asked too much (HTTP {answer.status}).")
        return answer


@dataclass(frozen=True)
class _Busy:
    status: int
    pause: float


async def _exchange(
    client: httpx.AsyncClient, request: httpx.Request, most: int, service: Service | None
) -> Answer | _Busy:
    response = await _final(client, request, _MOST_REDIRECTS if service is None else 0)
    try:
        if response.status_code in _BUSY:
            return _Busy(response.status_code, _pause(response.headers.get("retry-after")))
        who = service.name if service else response.url.host[:100]
        if service and response.status_code == service.nothing:
            return Answer(str(response.url), "application/json", "null")
        if response.status_code != 200:
            _refused(who, response.status_code, service)
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if service is None and kind not in _PAGE_KINDS:
            raise SourceFailed(f"{who} sent {kind[:60] or 'something'} instead of a page of text.")
        data = await _body(response, most, who)
        charset = response.charset_encoding if service is None else "utf-8"
        return Answer(str(response.url), kind, _decoded(data, charset))
    finally:
        await response.aclose()


async def _final(
    client: httpx.AsyncClient, request: httpx.Request, redirects: int
) -> httpx.Response:
    """The response after redirects; httpx would read their bodies, however long."""
    response = await client.send(request, stream=True)
    while redirects and response.next_request is not None:
        await response.aclose()
        response = await client.send(response.next_request, stream=True)
        redirects -= 1
    return response


def _refused(who: str, status: int, service: Service | None) -> NoReturn:
    if service is None:
        how = "redirects in a circle" if 300 <= status < 400 else f"answered with HTTP {status}"
        raise SourceFailed(f"{who} {how}.")
    if 300 <= status < 400:
        raise SourceFailed(
            f"{who} says that it is somewhere else now (HTTP {status}).",
            f"Correct its address: {service.setting}.",
        )
    if status in (401, 402, 403):
        raise SourceFailed(f"{who} refuses us (HTTP {status}).", service.when_refused)
    raise SourceFailed(f"{who} answered with HTTP {status}.")


def _pause(retry_after: str | None) -> float:
    """Seconds to wait, as told in seconds or as a date (RFC 9110, 10.2.3)."""
    if retry_after is None:
        return _FIRST_PAUSE
    if retry_after.strip().isdecimal():
        return float(retry_after[:9])
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, OverflowError):
        return _FIRST_PAUSE


async def _body(response: httpx.Response, most: int, who: str) -> bytes:
    """The body, unpacked no further than ``most`` bytes: a small one may stand for gigabytes."""
    packing = response.headers.get("content-encoding", "identity").strip().lower()
    if packing not in ("identity", "", "gzip", "x-gzip", "deflate"):
        raise SourceFailed(f"{who} sent a packing that was not asked for ({packing[:20]}).")
    unpacker = None if packing in ("identity", "") else zlib.decompressobj(wbits=47)
    body = bytearray()
    async for piece in response.aiter_raw():
        try:
            body += unpacker.decompress(piece, most + 1 - len(body)) if unpacker else piece
        except zlib.error:
            raise SourceFailed(f"{who} sent a damaged answer.") from None
        if len(body) > most:
            raise SourceFailed(f"{who} sent more than {most >> 20} MB.")
    return bytes(body)


def _decoded(data: bytes, charset: str | None) -> str:
    if charset is None and (match := _META_CHARSET.search(data, 0, 2048)):
        charset = match[1].decode()
    charset = charset if charset and _CHARSET.fullmatch(charset) else "utf-8"
    try:
        name = codecs.lookup(charset).name
    except LookupError:
        name = "utf-8"
    if not _CHARSETS.fullmatch(name):
        name = "utf-8"
    if name in ("ascii", "iso8859-1"):
        name = "cp1252"  # as the WHATWG encoding standard says
    return data.decode(name, "replace").removeprefix("\ufeff")


@contextmanager
def _told(who: str, patience: float) -> Iterator[None]:
    """Say every way to fail as a SourceFailed; what was sent is never part of it."""
    import httpcore
    import httpx

    try:
        yield
    except (TimeoutError, httpcore.TimeoutException, httpx.TimeoutException):
        raise SourceFailed(f"{who} has not answered within {patience:g} seconds.") from None
    except SourceFailed:
        raise
    except HostUnknown as error:
        raise SourceFailed(
            f"{who} could not be reached: {error.message}",
            "Check the network connection; the verdicts rest on the other sources.",
        ) from None
    except AutointelError as error:
        raise SourceFailed(f"{who} is not asked. {error.message}", error.remedy) from None
    except (httpcore.UnsupportedProtocol, httpx.UnsupportedProtocol, httpx.InvalidURL):
        raise SourceFailed(f"{who} leads to something else than an http(s) link.") from None
    except httpcore.ProxyError:
        raise SourceFailed("The proxy refused us.", "Check AUTOINTEL_PROXY.") from None
    except (httpcore.ConnectError, OSError):
        raise SourceFailed(f"{who} could not be connected to.") from None
    except (httpcore.NetworkError, httpcore.ProtocolError, httpx.HTTPError):
        raise SourceFailed(f"{who} broke off its answer, or gave none that is HTTP.") from None


def _clients(
    allowed: Any, trusted: set[tuple[str, int]], proxy: str | None, patience: float
) -> tuple[httpx.AsyncClient, httpx.AsyncClient]:
    """One client for APIs and one for pages, with nothing in common."""
    from http.cookiejar import CookieJar, DefaultCookiePolicy

    import httpx

    from .transport import Door, GuardedTransport

    tls = httpx.create_ssl_context()

    def client(trusted_here: set[tuple[str, int]]) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=GuardedTransport(Door(allowed, trusted_here), tls, proxy),
            headers={"User-Agent": _AGENT, "Accept-Encoding": "gzip, deflate"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            timeout=patience,
            trust_env=False,
        )

    return client(trusted), client(set())


def _check_proxy(proxy: str | None) -> None:
    if not (proxy and proxy.startswith("socks")):
        return
    if proxy.startswith("socks4") or find_spec("socksio") is None:
        raise SourceFailed(
            "Evidence cannot be sought through the SOCKS proxy of AUTOINTEL_PROXY.",
            "Use an http:// proxy, or a socks5:// one with the package socksio installed.",
        )


def _opened(client: httpx.AsyncClient | None) -> httpx.AsyncClient:
    if client is None:
        raise RuntimeError("A WebClient is used outside of its `async with`.")
    return client


def _merged(url: str, params: Mapping[str, str | int] | None) -> Any:
    import httpx

    return httpx.URL(url).params.merge(dict(params)) if params else None


@cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)


def _parsed(service: Service, shape: Any, text: str) -> Any:
    try:
        return _adapter(shape).validate_json(text)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])[:80]
        raise SourceFailed(
            f"{service.name} did not answer in the form it documents"
            + (f" (see {where})." if where else "."),
            f"Check {service.setting}; if it is right, its form has changed: report that.",
        ) from None
