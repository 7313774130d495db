"""Links that want more than their share of memory, disk or time, and ways around the guard."""

from __future__ import annotations

import gzip
import json
import socketserver
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import brotli
import pytest

from tests.visits import Visit
from tests.web_of_hosts import PUBLIC, VICTIM, Handler, Internet, send
from ultimate_discord_intelligence_bot.errors import (
    AddressRefused,
    AutointelError,
    NetworkFailed,
    NoMediaFound,
    TooLarge,
    UnsupportedSite,
)

MEGABYTE = 1_000_000
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: %s\r\n"
PAGE, MEDIA = HEAD % b"text/html", HEAD % b"audio/mpeg"
HLS = "application/vnd.apple.mpegurl"
QUICK = 0.5
"""A network timeout; three times as long is waited for what drips."""
ENDLESS_PAGE = "It has a page or playlist of more than 32 MB or 500000 lines."


@pytest.fixture
def usual(hosts: Internet) -> float:
    """The memory, in megabytes, of a download process that has nothing special to do."""
    return 100.0


# -- what unfolds ---------------------------------------------------------------------------------


def deflated(megabytes: int, wbits: int = 31) -> tuple[bytes, bytes, int]:
    """White space that unfolds for ever: a beginning, a piece to repeat, and how often."""
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    head = packer.compress(b"<!DOCTYPE html><html>") + packer.flush(zlib.Z_FULL_FLUSH)
    piece = packer.compress(b" " * MEGABYTE) + packer.flush(zlib.Z_FULL_FLUSH)
    return head, piece, megabytes


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_page_that_unfolds_to_ten_gigabytes(
    hosts: Internet, visit: Visit, usual: float, coding: str
) -> None:
    head, piece, times = deflated(10_000, 31 if coding == "gzip" else 15)
    head = PAGE + f"Content-Encoding: {coding}\r\n\r\n".encode() + head
    link = hosts.endless("/page", head, piece, end=times)
    error = await visit.fails(link, NoMediaFound)
    assert error.message == ENDLESS_PAGE
    assert visit.peak < usual + 150


async def test_a_page_folded_five_times(hosts: Internet, visit: Visit, usual: float) -> None:
    body = b"<!DOCTYPE html><html>" + b" " * (100 * MEGABYTE)
    for _ in range(5):
        body = gzip.compress(body, 1 if len(body) > MEGABYTE else 9)
    codings = {"Content-Encoding": ", ".join(["gzip"] * 5)}
    link = hosts.page("/page", lambda to: send(to, body, headers=codings))
    error = await visit.fails(link, NoMediaFound)
    assert error.message == ENDLESS_PAGE
    assert visit.peak < usual + 150


async def test_a_page_packed_with_brotli(hosts: Internet, visit: Visit, usual: float) -> None:
    body = brotli.compress(b"<!DOCTYPE html><html>" + b" " * (300 * MEGABYTE), quality=1)
    headers = {"Content-Encoding": "br"}
    link = hosts.page("/page", lambda to: send(to, body, headers=headers))
    error = await visit.fails(link, NoMediaFound)
    assert error.message == ENDLESS_PAGE
    assert visit.peak < usual + 150


async def test_media_that_unfolds(hosts: Internet, visit: Visit, usual: float) -> None:
    head, piece, times = deflated(10_000)
    head = MEDIA + b"Content-Encoding: gzip\r\n\r\n" + head
    error = await visit.fails(hosts.endless("/talk.mp3", head, piece, end=times), TooLarge)
    assert error.message == "The download is larger than 3 MB."
    assert visit.peak < usual + 150


async def test_a_redirect_whose_body_unfolds(hosts: Internet, visit: Visit, usual: float) -> None:
    head, piece, times = deflated(10_000)
    start = b"HTTP/1.1 302 Found\r\nLocation: /talk.mp3\r\nConnection: close\r\n"
    link = hosts.endless("/go", start + b"Content-Encoding: gzip\r\n\r\n" + head, piece, end=times)
    error = await visit.fails(link, NoMediaFound)
    assert error.message == "The page is endless and offers no media."
    assert visit.peak < usual + 250


async def test_an_error_page_without_an_end(hosts: Internet, visit: Visit, usual: float) -> None:
    start = b"HTTP/1.1 403 Forbidden\r\nServer: cloudflare\r\nConnection: close\r\n\r\n"
    await visit.fails(hosts.endless("/page", start, b"x" * 65536), NoMediaFound)
    assert visit.peak < usual + 250


# -- what does not end ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "piece", "kind", "message"),
    [
        (
            PAGE + b"Transfer-Encoding: chunked\r\n\r\n",
            b"10000\r\n" + b"<" * 65536 + b"\r\n",
            NoMediaFound,
            ENDLESS_PAGE,
        ),
        (
            MEDIA + b"Transfer-Encoding: chunked\r\n\r\n",
            b"10000\r\n" + b"\xff" * 65536 + b"\r\n",
            TooLarge,
            "The download is larger than 3 MB.",
        ),
    ],
    ids=["page", "media"],
)
async def test_a_body_without_an_end(
    hosts: Internet,
    visit: Visit,
    usual: float,
    start: bytes,
    piece: bytes,
    kind: type[NoMediaFound],
    message: str,
) -> None:
    error = await visit.fails(hosts.endless("/talk", start, piece), kind)
    assert error.message == message
    assert visit.peak < usual + 150


@pytest.mark.parametrize(
    "piece", [b"X-More: " + b"x" * 1000 + b"\r\n", b"x" * 65536], ids=["many", "long"]
)
async def test_headers_without_an_end(
    hosts: Internet, visit: Visit, usual: float, piece: bytes
) -> None:
    await visit.fails(hosts.endless("/talk.mp3", b"HTTP/1.1 200 OK\r\n", piece), NetworkFailed)
    assert visit.peak < usual + 50


async def test_a_promise_that_is_repeated_for_ever(hosts: Internet, visit: Visit) -> None:
    visit.overrides["AUTOINTEL_NETWORK_TIMEOUT"] = QUICK
    link = hosts.endless("/talk.mp3", b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
    error = await visit.fails(link, NetworkFailed)
    assert error.message == "127.0.0.2 has not answered within 2 s."
    assert visit.seconds < 20


# -- what only drips ------------------------------------------------------------------------------

DRIPS = "127.0.0.2 sends too slowly: less than 1 kB/s for 2 s."


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (b"", "127.0.0.2 has not answered within 2 s."),
        (PAGE + b"X-More: ", "127.0.0.2 has not answered within 2 s."),
        (PAGE + b"\r\n<html>", DRIPS),
        (PAGE + b"Transfer-Encoding: chunked\r\n\r\n1;", DRIPS),
        (MEDIA + b"Content-Length: 2000000\r\n\r\n" + b"\xff" * 5000, DRIPS),
        (PAGE + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x08\0\0\0\0\0\x03", DRIPS),
    ],
    ids=["status", "header", "page", "chunk size", "media", "gzip header"],
)
async def test_a_byte_now_and_then(
    hosts: Internet, visit: Visit, start: bytes, message: str
) -> None:
    visit.overrides["AUTOINTEL_NETWORK_TIMEOUT"] = QUICK
    error = await visit.fails(hosts.endless("/talk", start, b"x", pause=0.1), NetworkFailed)
    assert error.message == message
    assert visit.seconds < 20


async def test_a_secure_connection_that_drips(hosts: Internet, visit: Visit) -> None:
    class Drip(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(b"\x16\x03\x03\x40\x00\x02")
            while not hosts.closing.wait(0.1):
                self.request.sendall(b"\0")

    visit.overrides["AUTOINTEL_NETWORK_TIMEOUT"] = QUICK
    with _serving(Drip) as address:
        await visit.fails(f"https://{address}/talk.mp3", NetworkFailed)
    assert visit.seconds < 20


async def test_a_slow_but_steady_host_is_waited_for(
    hosts: Internet, visit: Visit, tone: bytes
) -> None:
    """Four times as slow as the timeout of one piece, but faster than a drip."""
    visit.overrides["AUTOINTEL_NETWORK_TIMEOUT"] = 1.0
    step = len(tone) // 20

    def answer(to: Handler) -> None:
        to.wfile.write(MEDIA + f"Content-Length: {len(tone)}\r\n\r\n".encode())
        for begin in range(0, len(tone), step):
            to.wfile.write(tone[begin : begin + step])
            time.sleep(0.2)

    assert (await visit(hosts.page("/talk.mp3", answer))).media is not None
    assert visit.seconds > 3


async def test_an_own_limit_on_the_rate_is_no_drip(
    hosts: Internet, visit: Visit, tone: bytes
) -> None:
    visit.overrides |= {"AUTOINTEL_NETWORK_TIMEOUT": 0.3, "AUTOINTEL_RATE_LIMIT_KB": 8}
    found = await visit(f"{hosts.url}/talk.mp3")
    assert found.media is not None


# -- playlists and manifests ----------------------------------------------------------------------


async def test_a_hundred_thousand_segments(
    hosts: Internet, visit: Visit, usual: float, tone: bytes
) -> None:
    lines = "".join(f"#EXTINF:1,\n/piece.mp3?{number}\n" for number in range(100_000))
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n{lines}#EXT-X-ENDLIST\n"
    visit.overrides["AUTOINTEL_MAX_DURATION_HOURS"] = 100
    error = await visit.fails(hosts.text("/a.m3u8", playlist), TooLarge)
    assert error.message.startswith("The recording comes in 100000 pieces; at most 50000")
    assert len(hosts.asked) < 10
    assert visit.peak < usual + 250


@pytest.mark.parametrize(
    ("lines", "kind"), [(400_000, TooLarge), (15_000_000, NoMediaFound)], ids=["many", "too many"]
)
async def test_a_playlist_of_nothing_but_lines(
    hosts: Internet, visit: Visit, usual: float, lines: int, kind: type[NoMediaFound]
) -> None:
    """Thirty megabytes that would be gigabytes once they are understood."""
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:9,\n" + b"a\n" * lines
    link = hosts.page("/a.m3u8", lambda to: send(to, playlist + b"#EXT-X-ENDLIST\n", HLS))
    hosts.text("/a", "a piece")
    await visit.fails(link, kind)
    assert visit.peak < usual + 400


async def test_data_that_is_small_until_it_is_understood(hosts: Internet, visit: Visit) -> None:
    page = b'<script type="application/ld+json">[' + b"{}," * 10_000_000 + b"{}]</script>"
    visit.overrides["AUTOINTEL_NETWORK_TIMEOUT"] = 20
    link = hosts.page("/page", lambda to: send(to, b"<html>" + page))
    with pytest.raises(AutointelError) as caught:
        await visit(link)
    assert isinstance(caught.value, NoMediaFound), repr(caught.value)
    assert visit.peak < 1200


async def test_a_manifest_of_entities(hosts: Internet, visit: Visit, usual: float) -> None:
    entities = '<!ENTITY e0 "lollollollol">' + "".join(
        f'<!ENTITY e{level} "{f"&e{level - 1};" * 10}">' for level in range(1, 10)
    )
    manifest = f'<?xml version="1.0"?><!DOCTYPE MPD [{entities}]><MPD>&e9;</MPD>'
    await visit.fails(hosts.text("/a.mpd", manifest), UnsupportedSite)
    assert visit.peak < usual + 150


@contextmanager
def _serving(handler: type[socketserver.BaseRequestHandler]) -> Iterator[str]:
    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            if not isinstance(sys.exception(), ConnectionError):
                super().handle_error(request, client_address)

    with Server((PUBLIC[0], 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"{PUBLIC[0]}:{server.server_address[1]}"
        server.shutdown()


# -- behind a proxy -------------------------------------------------------------------------------


class Proxy:
    """A proxy that fetches nothing: it answers for every host."""

    def __init__(self, hosts: Internet, media: bytes) -> None:
        self.asked: list[str] = []
        self.pages: dict[str, str] = {}
        self.media = media
        self.address = hosts.host("127.0.0.4", self._answer)

    def _answer(self, to: Handler) -> None:
        self.asked.append(to.path)
        if target := self.pages.get(to.path):
            send(to, b"", status=302, headers={"Location": target})
        else:
            send(to, self.media, "audio/mpeg")


@pytest.fixture
def proxy(hosts: Internet, visit: Visit, tone: bytes) -> Proxy:
    proxy = Proxy(hosts, tone)
    visit.overrides |= {
        "AUTOINTEL_PROXY": f"http://{proxy.address}",
        "AUTOINTEL_ALLOWED_HOSTS": "",
    }
    return proxy


async def test_a_proxy_inside_the_network_is_used(visit: Visit, proxy: Proxy) -> None:
    for link in ("http://93.184.215.14/talk.mp3", "http://only-the-proxy-knows.test/talk.mp3"):
        assert (await visit(link)).media is not None
        assert link in proxy.asked


@pytest.mark.parametrize(
    ("host", "place"),
    [
        (VICTIM, VICTIM),
        ("inner.test", f"inner.test ({VICTIM})"),
        ("127.0.0.4", "127.0.0.4"),
    ],
)
async def test_a_proxy_is_not_asked_for_inner_hosts(
    hosts: Internet,
    visit: Visit,
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    place: str,
) -> None:
    monkeypatch.setenv("AUTOINTEL_TEST_NAMES", json.dumps({"inner.test": [VICTIM]}))
    port = proxy.address.partition(":")[2] if host == "127.0.0.4" else hosts.port
    await visit.refused(f"http://{host}:{port}/talk.mp3", place)
    assert (proxy.asked, hosts.hits) == ([], 0)


async def test_a_redirect_behind_a_proxy(hosts: Internet, visit: Visit, proxy: Proxy) -> None:
    proxy.pages["http://93.184.215.14/go"] = f"{hosts.victim}/talk.mp3"
    await visit.refused("http://93.184.215.14/go")
    assert (proxy.asked, hosts.hits) == (["http://93.184.215.14/go"], 0)


async def test_proxies_of_the_environment_are_not_used(
    hosts: Internet, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, hosts.victim)
    assert (await visit(f"{hosts.url}/talk.mp3")).media is not None
    with pytest.raises(AddressRefused):
        await visit(f"{hosts.victim}/talk.mp3")
    assert hosts.hits == 0
