"""A model hub on loopback: enough of its interface for the hub's own client."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Serves one folder as every model.

    Attributes:
        requests: path and ``Range`` of every request for a file.
        cut: a file, and the bytes of it after which a connection breaks off; once.
        down: answers nothing but 503 to files from now on.
        spoiled: sends other bytes than it tells the hash of.
    """

    def __init__(self, folder: Path) -> None:
        hub = self
        self.folder = folder
        self.requests: list[tuple[str, str | None]] = []
        self.cut: tuple[str, int] | None = None
        self.down = False
        self.spoiled = False

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with suppress(ConnectionError):
                    hub.answer(self)

            def log_message(self, *args: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, to: BaseHTTPRequestHandler) -> None:
        path = to.path.partition("?")[0]
        if path.startswith("/api/models/"):
            _send(to, 200, json.dumps(self._described(path[len("/api/models/") :])).encode())
        elif match := re.fullmatch(rf"/[\w.-]+/[\w.-]+/resolve/{COMMIT}/([\w.]+)", path):
            self._file(to, match[1])
        else:
            _send(to, 404, b"")

    def _described(self, repository: str) -> dict[str, Any]:
        siblings = []
        for file in sorted(self.folder.iterdir()):
            data = file.read_bytes()
            sibling: dict[str, Any] = {"rfilename": file.name, "size": len(data), "blobId": "0"}
            if file.name == "model.bin":
                digest = hashlib.sha256(data).hexdigest()
                sibling["lfs"] = {"sha256": digest, "size": len(data), "pointerSize": 1}
            siblings.append(sibling)
        siblings += [{"rfilename": "../../outside.bin", "size": 1}, {"rfilename": "README.md"}]
        return {"id": repository, "sha": COMMIT, "siblings": siblings}

    def _file(self, to: BaseHTTPRequestHandler, name: str) -> None:
        wanted = to.headers.get("Range")
        self.requests.append((name, wanted))
        if self.down:
            _send(to, 503, b"")
            return
        data = (self.folder / name).read_bytes()
        if self.spoiled and name == "model.bin":
            data = data[:-1] + bytes([data[-1] ^ 1])
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        to.send_response(206 if wanted else 200)
        to.send_header("Content-Length", str(len(data) - start))
        if wanted:
            to.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        to.end_headers()
        if self.cut is not None and self.cut[0] == name:
            data, self.cut = data[: start + self.cut[1]], None
            to.close_connection = True
        to.wfile.write(data[start:])


def _send(to: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
    to.send_response(status)
    to.send_header("Content-Type", "application/json")
    to.send_header("Content-Length", str(len(body)))
    to.end_headers()
    to.wfile.write(body)


@contextmanager
def serve_hub(folder: Path) -> Iterator[Hub]:
    hub = Hub(folder)
    thread = threading.Thread(target=hub.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.server.shutdown()
        hub.server.server_close()
        thread.join(5)
