"""The client that all sources ask through: guarded, throttled, bounded, cached, and discreet."""

from __future__ import annotations

import asyncio
import gzip
import logging
import os
import socket
import ssl
import time
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat
from cryptography.x509.oid import NameOID
from pydantic import BaseModel, SecretStr

from tests.clarity import assert_clear
from tests.verification.sources.conftest import Asked, Reply, Site
from ultimate_discord_intelligence_bot.errors import SourceFailed
from ultimate_discord_intelligence_bot.settings import Settings, load_settings
from ultimate_discord_intelligence_bot.verification.sources.cache import Answer, AnswerCache
from ultimate_discord_intelligence_bot.verification.sources.web import Key, Service, WebClient

SECRET = "sk-4f1d0c2b9a"
ORACLE = Service("Oracle", "ORACLE_API_KEY", Key(SecretStr(SECRET), prefix="Bearer "))
JSON = {"Content-Type": "application/json"}
HTML = {"Content-Type": "text/html"}

Guarded = Callable[..., Settings]


class Truth(BaseModel):
    truth: int


async def failure(asking: Any) -> SourceFailed:
    with pytest.raises(SourceFailed) as caught:
        await asking
    assert_clear(caught.value)
    assert SECRET not in str(caught.value)
    return caught.value


def contents(folder: Path) -> list[str]:
    return [path.read_text() for path in folder.iterdir()]


# -- APIs -----------------------------------------------------------------------------------------


async def test_an_answer_has_the_shape_that_was_asked_for(site: Site, web: WebClient) -> None:
    url = site.says_json("/ask", {"truth": 42, "more": []})
    answer = await web.fetch_json(ORACLE, url, Truth, params={"q": "a & b"})
    assert answer == Truth(truth=42)
    [asked] = site.asked
    assert (asked.method, asked.params) == ("GET", {"q": "a & b"})
    assert asked.headers["Authorization"] == f"Bearer {SECRET}"
    assert asked.headers["User-Agent"].startswith("Autointel/")


async def test_what_is_given_as_json_is_posted(site: Site, web: WebClient) -> None:
    url = site.says_json("/ask", {"truth": 1})
    await web.fetch_json(ORACLE, url, Truth, json={"query": "größer"})
    assert (site.asked[0].method, site.asked[0].json) == ("POST", {"query": "größer"})


@pytest.mark.parametrize("place", ["header", "query", "cookie"])
async def test_a_key_goes_where_the_service_wants_it(
    site: Site, web: WebClient, place: Any
) -> None:
    url = site.says_json("/ask", {"truth": 1})
    service = Service("Oracle", "ORACLE_API_KEY", Key(SecretStr(SECRET), "token", place))
    await web.fetch_json(service, url, Truth, params={"q": "x"})
    [asked] = site.asked
    assert asked.params["q"] == "x"
    found = {
        "header": asked.headers.get("token"),
        "query": asked.params.get("token"),
        "cookie": asked.headers.get("Cookie", "").removeprefix("token="),
    }
    assert found[place] == SECRET
    assert SECRET not in (found | {place: None}).values()


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(500), "HTTP 500"),
        (Reply(404), "HTTP 404"),
        (Reply(401), "ORACLE_API_KEY"),
        (Reply(302, headers={"Location": "/other"}), "ORACLE_API_KEY"),
        (Reply(200, b"{'truth': 1}"), "form it documents"),
        (Reply(200, b'{"truth": 1'), "form it documents"),
        (Reply(200, b'{"truth": "forty"}'), "truth"),
        (Reply(200, b"[" * 100_000), "form it documents"),
        (Reply(200, b"<html>", HTML), "form it documents"),
        (Reply(200, b"nonsense", {"Content-Encoding": "gzip"}), "damaged"),
        (Reply(200, b"nonsense", {"Content-Encoding": "br"}), "packing"),
        (Reply(200, b"x" * 65_536, endless=True), "more than 8 MB"),
    ],
)
async def test_a_service_that_fails_is_named_with_the_reason(
    site: Site, web: WebClient, reply: Reply, told: str
) -> None:
    error = await failure(web.fetch_json(ORACLE, site.says("/ask", reply), Truth))
    assert error.message.startswith("Oracle ")
    assert told in str(error)
    assert site.count("/other") == 0


async def test_a_service_that_is_not_there(web: WebClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    error = await failure(web.fetch_json(ORACLE, f"http://127.0.0.1:{port}/ask", Truth))
    assert error.message == "Oracle could not be connected to."


async def test_a_name_that_stands_for_nothing(web: WebClient) -> None:
    error = await failure(web.fetch_json(ORACLE, "https://oracle.invalid/ask", Truth))
    assert "oracle.invalid is not known" in error.message


async def test_the_limit_of_time_is_for_the_whole_answer(
    site: Site, data_dir: Path, cache_folder: Path
) -> None:
    settings = load_settings(AUTOINTEL_DATA_DIR=data_dir, AUTOINTEL_NETWORK_TIMEOUT=0.3)
    async with WebClient(settings, cache_folder) as web:
        dripping = site.says("/drip", Reply(200, b" ", JSON, drip=0.02))
        assert "within 0.3 seconds" in str(await failure(web.fetch_json(ORACLE, dripping, Truth)))
        silent = site.says("/silent", Reply(wait=0.6))
        assert "within 0.3 seconds" in str(await failure(web.fetch_page(silent)))


async def test_a_service_that_keeps_failing_is_left_alone(site: Site, web: WebClient) -> None:
    url = site.says("/ask", Reply(500))
    for number in range(5):
        error = await failure(web.fetch_json(ORACLE, url, Truth, params={"q": number}))
    assert site.count("/ask") == 3
    assert "asked no more" in error.message
    other = Service("Other", "OTHER_URL")
    assert await web.fetch_json(other, site.says_json("/good", {"truth": 1}), Truth)


# -- patience -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503])
async def test_who_asks_for_patience_is_asked_once_more(
    site: Site, web: WebClient, status: int
) -> None:
    busy = Reply(status, headers={"Retry-After": "0"})
    url = site.says("/ask", busy, Reply(200, b'{"truth": 1}'))
    assert await web.fetch_json(ORACLE, url, Truth) == Truth(truth=1)
    assert site.count("/ask") == 2


async def test_who_asks_for_patience_twice_has_failed(site: Site, web: WebClient) -> None:
    url = site.says("/ask", Reply(429, headers={"Retry-After": "0"}))
    assert "HTTP 429" in (await failure(web.fetch_json(ORACLE, url, Truth))).message
    assert site.count("/ask") == 2


@pytest.mark.parametrize(
    "pause",
    ["3600", formatdate(time.time() + 3600, usegmt=True)],
    ids=["seconds", "date"],  # the same in all processes that share the tests
)
async def test_a_long_pause_is_not_waited_for(site: Site, web: WebClient, pause: str) -> None:
    url = site.says("/ask", Reply(429, headers={"Retry-After": pause}))
    await failure(web.fetch_json(ORACLE, url, Truth))
    assert site.count("/ask") == 1


async def test_a_pause_is_kept(site: Site, web: WebClient) -> None:
    busy = Reply(429, headers={"Retry-After": "1"})
    url = site.says("/ask", busy, Reply(200, b'{"truth": 1}'))
    begin = time.monotonic()
    await web.fetch_json(ORACLE, url, Truth)
    assert time.monotonic() - begin >= 1.0


async def test_a_host_is_asked_by_few_at_once(site: Site, web: WebClient) -> None:
    url = site.says_json("/ask", {"truth": 1}, wait=0.05)
    service = Service("Oracle", "ORACLE_URL", at_once=2, gap=0.0)
    await asyncio.gather(*(web.fetch_json(service, url, Truth, params={"q": i}) for i in range(8)))
    assert (site.count("/ask"), site.busiest) == (8, 2)


# -- what is remembered ---------------------------------------------------------------------------


async def test_identical_requests_are_made_once(site: Site, web: WebClient) -> None:
    url = site.says_json("/ask", {"truth": 1}, wait=0.05)
    asking = (web.fetch_json(ORACLE, url, Truth, params={"q": "x"}) for _ in range(5))
    assert await asyncio.gather(*asking) == [Truth(truth=1)] * 5
    assert site.count("/ask") == 1


async def test_one_who_gives_up_takes_nothing_from_the_others(site: Site, web: WebClient) -> None:
    url = site.says_json("/ask", {"truth": 1}, wait=0.1)
    impatient = asyncio.create_task(web.fetch_json(ORACLE, url, Truth))
    patient = asyncio.create_task(web.fetch_json(ORACLE, url, Truth))
    await asyncio.sleep(0.03)
    impatient.cancel()
    assert await patient == Truth(truth=1)


async def test_answers_outlive_the_client(
    site: Site, settings: Settings, cache_folder: Path
) -> None:
    api = site.says_json("/ask", {"truth": 1})
    page = site.says_page("/page", "<p>Words.</p>")
    for _ in range(2):
        async with WebClient(settings, cache_folder) as web:
            assert await web.fetch_json(ORACLE, api, Truth) == Truth(truth=1)
            assert (await web.fetch_page(page)).text == "<p>Words.</p>"
    assert len(site.asked) == 2


async def test_failures_are_not_remembered(site: Site, web: WebClient) -> None:
    url = site.says("/ask", Reply(500), Reply(200, b'{"truth": 1}'))
    await failure(web.fetch_json(ORACLE, url, Truth))
    assert await web.fetch_json(ORACLE, url, Truth) == Truth(truth=1)


def test_old_answers_are_forgotten(cache_folder: Path) -> None:
    cache = AnswerCache(cache_folder, days=1)
    answer = Answer("http://a.test/", "text/html", "words")
    cache.write("old", answer)
    cache.write("new", answer)
    long_ago = time.time() - 90_000
    os.utime(cache_folder / "old.json", (long_ago, long_ago))
    assert cache.read("old") is None
    assert cache.read("new") == answer
    cache.open()
    assert [path.name for path in cache_folder.iterdir()] == ["new.json"]


def test_the_oldest_answers_make_room(cache_folder: Path) -> None:
    cache = AnswerCache(cache_folder, most_bytes=10_000)
    for number in range(30):
        cache.write(f"{number:02}", Answer("http://a.test/", "text/html", "x" * 1_000))
        os.utime(cache_folder / f"{number:02}.json", (time.time(), time.time() - 100 + number))
    sizes = {path.stem: path.stat().st_size for path in cache_folder.iterdir()}
    assert sum(sizes.values()) <= 10_000
    assert "29" in sizes


def test_a_damaged_answer_is_none(cache_folder: Path) -> None:
    cache = AnswerCache(cache_folder)
    cache.write("one", Answer("http://a.test/", "text/html", "words"))
    for damage in (b"", b"{}", b"[]", b'{"url": 1', b"\xff"):
        (cache_folder / "one.json").write_bytes(damage)
        assert cache.read("one") is None


async def test_a_cache_that_cannot_be_written_harms_nobody(
    site: Site, settings: Settings, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    async with WebClient(settings, blocked / "cache") as web:
        url = site.says_json("/ask", {"truth": 1})
        assert await web.fetch_json(ORACLE, url, Truth) == Truth(truth=1)


# -- pages ----------------------------------------------------------------------------------------


async def test_a_page_is_read_where_redirects_lead(site: Site, web: WebClient) -> None:
    site.says_page("/new", "<p>Moved.</p>")
    old = site.says("/old", Reply(301, headers={"Location": "/new"}))
    assert await web.fetch_page(old) == Answer(f"{site.url}/new", "text/html", "<p>Moved.</p>")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html; charset=utf-8", "Über".encode()),
        ("text/html; charset=ISO-8859-1", "Über".encode("latin-1")),
        ("text/html", b'<meta charset="windows-1252">' + "Über".encode("cp1252")),
        ("text/html", "Über".encode()),
        ("TEXT/HTML ;charset='utf-8'", "Über".encode()),
        ("text/html; charset=zlib", "Über".encode()),
        ("text/html; charset=punycode", "Über".encode()),
        ("text/html; charset=../../etc", "Über".encode()),
    ],
)
async def test_the_encoding_of_a_page(site: Site, web: WebClient, kind: str, body: bytes) -> None:
    url = site.says("/page", Reply(200, body, {"Content-Type": kind}))
    assert (await web.fetch_page(url)).text.endswith("Über")


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
async def test_a_packed_page(site: Site, web: WebClient, pack: Callable[[bytes], bytes]) -> None:
    packing = "gzip" if pack is gzip.compress else "deflate"
    headers = HTML | {"Content-Encoding": packing}
    url = site.says("/page", Reply(200, pack(b"words " * 10_000), headers))
    assert (await web.fetch_page(url)).text == "words " * 10_000


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(200, b"%PDF", {"Content-Type": "application/pdf"}), "application/pdf"),
        (Reply(200, b"words"), "something"),
        (Reply(404, b"words", HTML), "HTTP 404"),
        (Reply(200, bytes(2_200_000), HTML), "more than 2 MB"),
        (Reply(200, b"x" * 65_536, HTML, endless=True), "more than 2 MB"),
        (Reply(302, b"x" * 65_536, HTML | {"Location": "/bad"}, endless=True), "circle"),
        (Reply(302, headers={"Location": "/bad"}), "circle"),
        (Reply(302, headers={"Location": "file:///etc/passwd"}), "http(s)"),
        (Reply(302, headers={"Location": "ws://127.0.0.1/"}), "http(s)"),
        (Reply(302, headers={"Location": "http://[::1/"}), "127.0.0.1"),
    ],
)
async def test_a_page_that_cannot_be_had(
    site: Site, web: WebClient, reply: Reply, told: str
) -> None:
    assert told in (await failure(web.fetch_page(site.says("/bad", reply)))).message


async def test_a_small_body_that_stands_for_a_large_one(site: Site, web: WebClient) -> None:
    bomb = gzip.compress(bytes(200 * 1024 * 1024))
    url = site.says("/bomb", Reply(200, bomb, HTML | {"Content-Encoding": "gzip"}))
    assert "more than 2 MB" in (await failure(web.fetch_page(url))).message


@pytest.mark.parametrize(
    "url",
    [
        "",
        "words",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "javascript:alert(1)",
        "http://",
        "http:///page",
        "http://[::1",
        "http://127.0.0.1:99999/",
        "http://a b.invalid/",
        "http://0177.0.0.1/",
        "http://\x00/",
        "http://" + "a" * 70_000,
    ],
)
async def test_a_link_that_is_none(web: WebClient, url: str) -> None:
    await failure(web.fetch_page(url))


async def test_pages_leave_no_cookies(site: Site, web: WebClient) -> None:
    await web.fetch_page(site.says("/set", Reply(200, b"", HTML | {"Set-Cookie": "a=b"})))
    await web.fetch_page(site.says_page("/look", "words"))
    assert "Cookie" not in site.asked[-1].headers


# -- the guard ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]", "0"],
)
async def test_a_page_inside_is_not_read(
    site: Site, guarded: Guarded, cache_folder: Path, host: str
) -> None:
    site.says_page("/page", "the inside")
    async with WebClient(guarded(), cache_folder) as web:
        error = await failure(web.fetch_page(f"http://{host}:{site.port}/page"))
    assert "inside the network" in error.message or "is not known" in error.message
    assert site.asked == []


@pytest.mark.parametrize(
    "target", ["http://127.0.0.2:{}/page", "http://10.0.0.1/", "http://[::1]/"]
)
async def test_a_redirect_to_the_inside_is_not_followed(
    site: Site, guarded: Guarded, cache_folder: Path, target: str
) -> None:
    allowed = guarded(AUTOINTEL_ALLOWED_HOSTS="127.0.0.1")
    url = site.says("/go", Reply(302, headers={"Location": target.format(site.port)}))
    async with WebClient(allowed, cache_folder) as web:
        error = await failure(web.fetch_page(url))
    assert "inside the network" in error.message
    assert "AUTOINTEL_ALLOWED_HOSTS" in error.remedy
    assert len(site.asked) == 1


async def test_a_name_that_changes_its_address_gains_nothing(
    site: Site, guarded: Guarded, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up = socket.getaddrinfo
    answers = ["127.0.0.1", "127.0.0.2", "127.0.0.2"]

    def rebinding(host: Any, *args: Any, **options: Any) -> Any:
        return looked_up(answers.pop(0) if host == "rebind.test" else host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    site.says_page("/page", "words")
    async with WebClient(guarded(AUTOINTEL_ALLOWED_HOSTS="127.0.0.1"), cache_folder) as web:
        assert (await web.fetch_page(f"http://rebind.test:{site.port}/page")).text == "words"
    assert site.asked[0].headers["Host"] == f"rebind.test:{site.port}"
    # One look-up, and what it gave was connected to.
    assert len(answers) == 2


async def test_only_the_addresses_that_are_allowed_are_tried(
    site: Site, guarded: Guarded, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up = socket.getaddrinfo

    def both(host: Any, *args: Any, **options: Any) -> Any:
        hosts = ["127.0.0.2", "127.0.0.1"] if host == "both.test" else [host]
        return [entry for each in hosts for entry in looked_up(each, *args, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    site.says_page("/page", "words")
    async with WebClient(guarded(AUTOINTEL_ALLOWED_HOSTS="127.0.0.1"), cache_folder) as web:
        assert (await web.fetch_page(f"http://both.test:{site.port}/page")).text == "words"


async def test_an_api_inside_is_asked_when_the_operator_named_it(
    site: Site, guarded: Guarded, cache_folder: Path
) -> None:
    url = site.says_json("/ask", {"truth": 1})
    async with WebClient(guarded(), cache_folder) as web:
        error = await failure(web.fetch_json(ORACLE, url, Truth))
        assert "inside the network" in error.message
        web.trust(f"http://127.0.0.1:{site.port + 1}")
        await failure(web.fetch_json(ORACLE, url, Truth, params={"q": 1}))
        assert site.asked == []
        web.trust(site.url)
        assert await web.fetch_json(ORACLE, url, Truth) == Truth(truth=1)
        # The trust is in the API; pages there remain inside.
        error = await failure(web.fetch_page(site.says_page("/page", "the inside")))
        assert "inside the network" in error.message
    assert len(site.asked) == 1


@pytest.fixture
def secure(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The port of a site with a certificate for secure.test; all names stand for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "secure.test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("secure.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, private = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(certificate.public_bytes(Encoding.PEM))
    private.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, private)
    site.server.socket = context.wrap_socket(site.server.socket, server_side=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(chain))
    looked_up = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *args, **more: looked_up("127.0.0.1", *args, **more)
    )
    return str(site.port)


async def test_a_certificate_must_be_for_the_name_and_not_for_the_address(
    site: Site, settings: Settings, cache_folder: Path, secure: str
) -> None:
    site.says_page("/page", "words")
    async with WebClient(settings, cache_folder) as web:
        assert (await web.fetch_page(f"https://secure.test:{secure}/page")).text == "words"
        error = await failure(web.fetch_page(f"https://other.test:{secure}/page"))
    assert error.message == "other.test could not be connected to."
    assert len(site.asked) == 1


# -- the proxy ------------------------------------------------------------------------------------


async def test_a_proxy_is_asked_for_pages(site: Site, guarded: Guarded, cache_folder: Path) -> None:
    settings = guarded(AUTOINTEL_PROXY=site.url, AUTOINTEL_ALLOWED_HOSTS="127.0.0.9")
    site.says_page("/page", "through the proxy")
    async with WebClient(settings, cache_folder) as web:
        answer = await web.fetch_page("http://127.0.0.9:81/page")
    assert answer.text == "through the proxy"
    assert [asked.target for asked in site.asked] == ["http://127.0.0.9:81/page"]


@pytest.mark.parametrize("host", ["10.0.0.1", "localhost", "127.0.0.1:{}"])
async def test_a_proxy_is_not_asked_for_the_inside(
    site: Site, guarded: Guarded, cache_folder: Path, host: str
) -> None:
    async with WebClient(guarded(AUTOINTEL_PROXY=site.url), cache_folder) as web:
        error = await failure(web.fetch_page(f"http://{host.format(site.port)}/page"))
    assert "inside the network" in error.message
    assert site.asked == []


async def test_an_api_inside_is_asked_without_the_proxy(
    site: Site, guarded: Guarded, cache_folder: Path
) -> None:
    url = site.says_json("/ask", {"truth": 1})
    async with WebClient(guarded(AUTOINTEL_PROXY="http://127.0.0.1:9"), cache_folder) as web:
        web.trust(url)
        assert await web.fetch_json(ORACLE, url, Truth) == Truth(truth=1)
    assert site.asked[0].target == "/ask"


async def test_a_proxy_that_cannot_be_used_is_told(guarded: Guarded, cache_folder: Path) -> None:
    for proxy in ("socks4://127.0.0.1:9", "http://127.0.0.1:9"):
        settings = guarded(AUTOINTEL_PROXY=proxy, AUTOINTEL_ALLOWED_HOSTS="127.0.0.9")
        async with WebClient(settings, cache_folder) as web:
            await failure(web.fetch_page("http://127.0.0.9/page"))


# -- keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["header", "query", "cookie"])
async def test_a_key_is_written_nowhere(
    site: Site,
    settings: Settings,
    cache_folder: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    place: Any,
) -> None:
    def echo(asked: Asked) -> Reply:
        sent = f"{asked.target} {asked.headers}"
        return Reply(200, b'{"truth": 1, "echo": "%s"}' % sent.replace('"', "").encode(), JSON)

    caplog.set_level(logging.DEBUG)
    service = Service("Oracle", "ORACLE_API_KEY", Key(SecretStr(SECRET), "token", place))
    replies: list[Reply | Callable[[Asked], Reply]] = [
        Reply(500),
        Reply(200, b'{"truth": 1}'),
        echo,
        Reply(401, SECRET.encode()),
        Reply(302, headers={"Location": "/"}),
    ]
    async with WebClient(settings, cache_folder) as web:
        for number, reply in enumerate(replies):
            url = site.says(f"/{number}", reply)
            [result] = await asyncio.gather(
                web.fetch_json(service, url, Truth), return_exceptions=True
            )
            error = result if isinstance(result, SourceFailed) else SourceFailed("")
            assert SECRET not in f"{error!r} {error.__context__!r} {error.__cause__!r}"
    assert all(SECRET in f"{asked.target} {asked.headers}" for asked in site.asked)
    kept = contents(cache_folder)
    assert len(kept) == 1
    written = "".join((*kept, *(record.getMessage() for record in caplog.records)))
    assert SECRET not in written + str(capfd.readouterr())
    assert SECRET not in repr(service)
