"""A small internet on loopback for the sources of evidence, and a client to ask it."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ultimate_discord_intelligence_bot.settings import Settings, load_settings
from ultimate_discord_intelligence_bot.verification.sources import WebClient


@dataclass
class Asked:
    """A request that the site got; ``target`` is what stood in its first line."""

    method: str
    target: str
    path: str
    params: dict[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reply:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    wait: float = 0.0
    drip: float | None = None
    endless: bool = False


Answering = Callable[[Asked], Reply]


class Site:
    """A server that answers as it is told, path by path, and remembers what it was asked.

    Attributes:
        busiest: most requests that were answered at the same time.
    """

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.busiest = 0
        self._now = 0
        self._replies: defaultdict[str, list[Reply | Answering]] = defaultdict(list)
        self._closing = threading.Event()
        self._lock = threading.Lock()
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with suppress(ConnectionError):
                    site._answer(self)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *args: Any) -> None: ...

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *args: Any) -> None: ...

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}"

    def says(self, path: str, *replies: Reply | Answering) -> str:
        """Set the replies to a path, the last one for ever; returns its address."""
        self._replies[path] = list(replies)
        return self.url + path

    def says_json(self, path: str, answer: Any, **more: Any) -> str:
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return self.says(path, Reply(200, body, {"Content-Type": "application/json"}, **more))

    def says_page(self, path: str, html: str, kind: str = "text/html; charset=utf-8") -> str:
        return self.says(path, Reply(200, html.encode(), {"Content-Type": kind}))

    def count(self, path: str) -> int:
        return Counter(asked.path for asked in self.asked)[path]

    def close(self) -> None:
        self._closing.set()
        self.server.shutdown()
        self.server.server_close()

    def _answer(self, to: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(to.path)
        body = to.rfile.read(int(to.headers.get("Content-Length") or 0))
        params = {name: values[0] for name, values in parse_qs(parts.query).items()}
        asked = Asked(to.command, to.path, parts.path, params, dict(to.headers), body)
        with self._lock:
            self.asked.append(asked)
            self._now += 1
            self.busiest = max(self.busiest, self._now)
            waiting = self._replies.get(parts.path) or [Reply(404)]
            reply = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        try:
            self._send(to, reply(asked) if callable(reply) else reply)
        finally:
            with self._lock:
                self._now -= 1

    def _send(self, to: BaseHTTPRequestHandler, reply: Reply) -> None:
        time.sleep(reply.wait)
        to.send_response(reply.status)
        for name, value in reply.headers.items():
            to.send_header(name, value)
        if not (reply.endless or reply.drip):
            to.send_header("Content-Length", str(len(reply.body)))
            to.end_headers()
            to.wfile.write(reply.body)
            return
        to.close_connection = True
        to.send_header("Connection", "close")
        to.end_headers()
        while not self._closing.is_set():
            to.wfile.write(reply.body)
            time.sleep(reply.drip or 0)


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    thread = threading.Thread(target=site.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield site
    site.close()
    thread.join(5)


@pytest.fixture
def cache_folder(data_dir: Path) -> Path:
    return data_dir / "cache" / "web"


@pytest.fixture
async def web(settings: Settings, cache_folder: Path) -> AsyncIterator[WebClient]:
    """A client that may be led to 127.0.0.1."""
    async with WebClient(settings, cache_folder) as client:
        yield client


@pytest.fixture
def guarded(data_dir: Path) -> Callable[..., Settings]:
    """Settings under which links may lead nowhere inside, unless told."""

    def make(**overrides: Any) -> Settings:
        chosen = {"AUTOINTEL_DATA_DIR": data_dir, "AUTOINTEL_ALLOWED_HOSTS": "192.0.2.1"}
        return load_settings(**(chosen | overrides))

    return make


@pytest.fixture(autouse=True)
def _wikipedia_as_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTOINTEL_WIKIPEDIA", raising=False)
