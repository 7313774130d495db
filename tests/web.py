"""A real HTTP server on loopback that behaves well or badly, path by path."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_TYPES = {
    ".mp3": "audio/mpeg",
    ".wav": "audio/wav",
    ".mp4": "video/mp4",
    ".ogg": "audio/ogg",
    ".vtt": "text/vtt",
    ".srt": "application/x-subrip",
    ".html": "text/html",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".ts": "video/mp2t",
}


_PIECE = 16384


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client may hang up at any time; everything else is a defect of the test."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Web:
    """The server. Files of ``folder`` are served by name; other paths misbehave as named.

    Paths: ``/status/404``, ``/loop``, ``/to?SCHEME-URL``, ``/page``, ``/page-with/NAME``,
    ``/pages-with/NAME``, ``/endless.mp3``, ``/endless-page``, ``/slow.mp3`` (never ends, a byte
    now and then), ``/cut/NAME`` (half of a file), ``/text.mp3``, ``/empty.mp3``,
    ``/ranges/NAME`` and ``/whole/NAME`` (a file with a tag, in parts or only as a whole),
    ``/plays/PATH`` (a page with one video, at that path).

    Attributes:
        requests: how often each path was asked for.
        headers: of the last request for each path.
        answers: those of ``/ranges`` and ``/whole``: the first byte and how many were sent.
        breaks: after how many bytes the next of those answers break off; None for not at all.
        statuses: what is answered instead of the next of those answers, with headers.
        busy: paths that are answered with status 503.
        pace: bytes per second in those answers; None for as fast as possible.
        tag: the ETag of their present content.
    """

    def __init__(self, folder: Path) -> None:
        web = self
        self.folder = folder
        self.requests: Counter[str] = Counter()
        self.headers: dict[str, Message] = {}
        self.answers: list[tuple[int, int]] = []
        self.breaks: list[int | None] = []
        self.statuses: list[tuple[int, dict[str, str]]] = []
        self.busy: set[str] = set()
        self.pace: int | None = None
        self.tag: str | None = '"one"'
        self.closing = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                web.requests[self.path] += 1
                web.headers[self.path] = self.headers
                with suppress(ConnectionError):
                    web.answer(self)

            def do_HEAD(self) -> None:
                self.do_GET()

            def log_message(self, *args: Any) -> None: ...

        self.server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, to: BaseHTTPRequestHandler) -> None:
        path, _, query = to.path.partition("?")
        _, first, *rest = path.split("/")
        behave = getattr(self, f"_{first.replace('-', '_').partition('.')[0]}", None)
        if path in self.busy:
            _send(to, 503, b"come back later")
        elif (self.folder / path[1:]).is_file():
            self._file(to, self.folder / path[1:])
        elif behave is None:
            _send(to, 404, b"nothing here")
        else:
            behave(to, "/".join(rest) or query)

    def _file(self, to: BaseHTTPRequestHandler, file: Path) -> None:
        data = file.read_bytes()
        _send(to, 200, data, _TYPES.get(file.suffix, "application/octet-stream"))

    def _plays(self, to: BaseHTTPRequestHandler, path: str) -> None:
        page = f'<!DOCTYPE html><title>A talk</title><video src="{self.url}/{path}"></video>'
        _send(to, 200, page.encode())

    def _ranges(self, to: BaseHTTPRequestHandler, name: str) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", to.headers.get("Range") or "")
        valid = to.headers.get("If-Range") in (None, self.tag)
        self._kept(to, name, int(asked[1]) if asked and valid else None)

    def _whole(self, to: BaseHTTPRequestHandler, name: str) -> None:
        self._kept(to, name, None)

    def _kept(self, to: BaseHTTPRequestHandler, name: str, start: int | None) -> None:
        to.close_connection = True
        if self.statuses:
            status, headers = self.statuses.pop(0)
            _send(to, status, b"sorry", headers=headers)
            return
        data = (self.folder / name).read_bytes()
        if start is not None and start >= len(data):
            _send(to, 416, b"there is no such part")
            return
        to.send_response(200 if start is None else 206)
        to.send_header("Content-Type", _TYPES[Path(name).suffix])
        to.send_header("Content-Length", str(len(data) - (start or 0)))
        if self.tag:
            to.send_header("ETag", self.tag)
        if start is not None:
            to.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        to.end_headers()
        end = self.breaks.pop(0) if self.breaks else None
        self._send_slowly(to, start or 0, data[start or 0 :][:end])

    def _send_slowly(self, to: BaseHTTPRequestHandler, start: int, data: bytes) -> None:
        sent = 0
        try:
            while sent < len(data) and not self.closing.is_set():
                to.wfile.write(data[sent : sent + _PIECE])
                sent = min(len(data), sent + _PIECE)
                if self.pace:
                    time.sleep(_PIECE / self.pace)
        finally:
            self.answers.append((start, sent))

    def _status(self, to: BaseHTTPRequestHandler, code: str) -> None:
        _send(to, int(code), b"sorry")

    def _loop(self, to: BaseHTTPRequestHandler, _: str) -> None:
        self._to(to, "/loop")

    def _to(self, to: BaseHTTPRequestHandler, target: str) -> None:
        to.send_response(302)
        to.send_header("Location", target)
        to.send_header("Content-Length", "0")
        to.end_headers()

    def _page(self, to: BaseHTTPRequestHandler, _: str) -> None:
        _send(to, 200, b"<!DOCTYPE html><html><title>Words</title><p>Only words.</p></html>")

    def _page_with(self, to: BaseHTTPRequestHandler, name: str) -> None:
        self._video_page(to, [name])

    def _pages_with(self, to: BaseHTTPRequestHandler, name: str) -> None:
        self._video_page(to, [name, f"other-{name}"])

    def _video_page(self, to: BaseHTTPRequestHandler, names: list[str]) -> None:
        videos = "".join(
            f'<video><source src="{self.url}/{name}" type="video/mp4">'
            f'<track kind="subtitles" srclang="en" src="{self.url}/{name}.vtt"></video>'
            for name in names
        )
        page = f"<!DOCTYPE html><html><title>A page</title><body>{videos}</body></html>"
        _send(to, 200, page.encode())

    def _endless(self, to: BaseHTTPRequestHandler, _: str) -> None:
        self._pour(to, "audio/mpeg", b"\xff\xfb\x90\x00" * 16384, pause=0)

    def _endless_page(self, to: BaseHTTPRequestHandler, _: str) -> None:
        self._pour(to, "text/html", b"<!DOCTYPE html><html><p>more " * 4000, pause=0)

    def _slow(self, to: BaseHTTPRequestHandler, _: str) -> None:
        self._pour(to, "audio/mpeg", b"\xff", pause=0.05)

    def _silent(self, to: BaseHTTPRequestHandler, _: str) -> None:
        to.close_connection = True
        self.closing.wait(20)

    def _cut(self, to: BaseHTTPRequestHandler, name: str) -> None:
        to.close_connection = True
        data = (self.folder / name).read_bytes()
        to.send_response(200)
        to.send_header("Content-Type", _TYPES[Path(name).suffix])
        to.send_header("Content-Length", str(len(data)))
        to.end_headers()
        to.wfile.write(data[: len(data) // 2])

    def _text(self, to: BaseHTTPRequestHandler, _: str) -> None:
        _send(to, 200, b"these are words, not sound\n" * 200, "audio/mpeg")

    def _empty(self, to: BaseHTTPRequestHandler, _: str) -> None:
        _send(to, 200, b"", "audio/mpeg")

    def _pour(self, to: BaseHTTPRequestHandler, kind: str, piece: bytes, pause: float) -> None:
        """A chunked body without an end."""
        to.close_connection = True
        to.send_response(200)
        to.send_header("Content-Type", kind)
        to.send_header("Transfer-Encoding", "chunked")
        to.end_headers()
        while not self.closing.is_set():
            to.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            time.sleep(pause)


def _send(
    to: BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    kind: str = "text/html; charset=utf-8",
    headers: Mapping[str, str] | None = None,
) -> None:
    to.send_response(status)
    for name, value in (headers or {}).items():
        to.send_header(name, value)
    to.send_header("Content-Type", kind)
    to.send_header("Content-Length", str(len(body)))
    to.end_headers()
    to.wfile.write(body)


@contextmanager
def serve(folder: Path) -> Iterator[Web]:
    """Serve a folder until the end of the block."""
    web = Web(folder)
    thread = threading.Thread(target=web.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield web
    finally:
        web.closing.set()
        web.server.shutdown()
        web.server.server_close()
        thread.join(5)
