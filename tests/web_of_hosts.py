"""A small internet on loopback: public hosts, and a victim inside that must never be reached."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PUBLIC = ("127.0.0.2", "127.0.0.3")
VICTIM = "127.0.0.1"

Handler = BaseHTTPRequestHandler
Answer = Callable[[Handler], None]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: str, port: int, answer: Answer) -> None:
        self.connections = 0

        class Answering(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                # Every request looks the host up and connects anew.
                self.close_connection = True
                with suppress(ConnectionError):
                    answer(self)

            do_POST = do_CONNECT = do_GET  # noqa: N815

            def do_HEAD(self) -> None:
                self.do_GET()

            def log_message(self, *args: Any) -> None: ...

        super().__init__((address, port), Answering)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Internet:
    """Hosts on one port: all the public ones answer alike, the victim has media for everybody.

    Attributes:
        pages: answers by path.
        asked: paths that public hosts were asked for, with the address in front.
    """

    def __init__(self, media: bytes) -> None:
        self.media = media
        self.pages: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.closing = threading.Event()
        self._victim = _Server(VICTIM, 0, lambda to: send(to, media, "audio/mpeg"))
        self.port: int = self._victim.server_port
        self._servers = [self._victim]
        self._servers += [_Server(address, self.port, self._answer) for address in PUBLIC]
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://{PUBLIC[0]}:{self.port}"

    @property
    def other(self) -> str:
        return f"http://{PUBLIC[1]}:{self.port}"

    @property
    def victim(self) -> str:
        return f"http://{VICTIM}:{self.port}"

    @property
    def hits(self) -> int:
        """Connections that the victim has got."""
        return self._victim.connections

    def host(self, address: str, answer: Answer) -> str:
        """Add a host on a port of its own; returns its authority."""
        server = _Server(address, 0, answer)
        self._servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return f"{address}:{server.server_port}"

    def text(self, path: str, text: str) -> str:
        """Offer a page, with the hosts filled in; returns its address."""
        for name in ("victim", "other", "url"):
            text = text.replace(f"{{{name}}}", getattr(self, name))
        kind = {"m3u8": "application/vnd.apple.mpegurl", "mpd": "application/dash+xml"}
        kind |= {"mp3": "audio/mpeg", "ts": "video/mp2t", "vtt": "text/vtt"}
        type_ = kind.get(path.rpartition(".")[2], "text/html")
        return self.page(path, lambda to: send(to, text.encode(), type_))

    def page(self, path: str, answer: Answer) -> str:
        self.pages[path] = answer
        return self.url + path

    def redirect(self, path: str, target: str, status: int = 302) -> str:
        return self.page(
            path, lambda to: send(to, b"", status=status, headers={"Location": target})
        )

    def endless(
        self, path: str, head: bytes, piece: bytes, pause: float = 0.0, end: int | None = None
    ) -> str:
        """Offer raw bytes: a beginning, then a piece again and again."""

        def answer(to: Handler) -> None:
            to.wfile.write(head)
            sent = 0
            while not self.closing.is_set() and (end is None or sent < end):
                to.wfile.write(piece)
                sent += 1
                time.sleep(pause)

        return self.page(path, answer)

    def _answer(self, to: Handler) -> None:
        path = to.path.partition("?")[0]
        self.asked.append(f"{to.connection.getsockname()[0]}{to.path}")
        if page := self.pages.get(path):
            page(to)
        elif path.endswith(".mp3"):
            send(to, self.media, "audio/mpeg")
        else:
            send(to, b"nothing here", status=404)

    def close(self) -> None:
        self.closing.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()


def send(
    to: Handler,
    body: bytes,
    kind: str = "text/html",
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> None:
    to.send_response(status)
    given = {"Content-Type": kind, "Connection": "close", **(headers or {})}
    for name, value in given.items():
        to.send_header(name, value)
    to.send_header("Content-Length", str(len(body)))
    to.end_headers()
    to.wfile.write(body)


@contextmanager
def internet(media: bytes) -> Iterator[Internet]:
    """Be online until the end of the block."""
    web = Internet(media)
    try:
        yield web
    finally:
        web.close()
