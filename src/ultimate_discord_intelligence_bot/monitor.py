"""What a process shows to whoever watches over it: ``/metrics`` and ``/healthz`` over HTTP."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SOCK_STREAM, getaddrinfo, socket
from urllib.parse import urlsplit

import structlog

from .closing import Closing
from .errors import AutointelError, SettingsError
from .metrics import Metrics

LOOPBACK = "127.0.0.1"

Check = Callable[[], str | None]
"""Says what is wrong, or None. Answers at once: what takes time is for a ``Probe``."""

_IDLE_S = 10.0
"""A client that says nothing for so long is hung up on."""

_PARTING_S = 1.0

log = structlog.get_logger(__name__)


class Probe(Closing):
    """Looks at something again and again, in a thread of its own, and remembers what it saw.

    So that whoever asks is answered at once, also while what is looked at does not answer.

    Args:
        name: of the thread.
        look: raises where something is wrong.
        every: seconds between two looks.
        patience: seconds that a look may take before its silence counts as an answer.
    """

    def __init__(
        self, name: str, look: Callable[[], None], *, every: float, patience: float = 5.0
    ) -> None:
        self._look, self._every, self._patience = look, every, patience
        self._began: float | None = time.monotonic()
        self._problem: str | None = None
        self._looked = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep_looking, name=name, daemon=True)
        self._thread.start()

    def problem(self) -> str | None:
        """What is wrong; None when nothing is."""
        began = self._began
        if began is not None and (silent := time.monotonic() - began) > self._patience:
            return f"No answer for {silent:.0f} s."
        if not self._thread.is_alive() and not self._ended.is_set():
            return "Nobody looks any more."
        return self._problem if self._looked else "Not looked at yet."

    def close(self) -> None:
        """Look no more; a look that takes its time is not waited for."""
        self._ended.set()
        self._thread.join(_PARTING_S)

    def _keep_looking(self) -> None:
        while True:
            self._began = time.monotonic()
            self._problem = self._seen()
            self._looked, self._began = True, None
            if self._ended.wait(self._every):
                return

    def _seen(self) -> str | None:
        try:
            self._look()
        except AutointelError as error:
            return str(error)
        except Exception as error:
            if self._problem is None:
                log.exception("probe_failed", probe=self._thread.name)
            return f"{type(error).__name__}: {error}"[:300]
        return None


class Monitor(Closing):
    """Answers ``/metrics`` and ``/healthz`` from threads of its own.

    Args:
        address: ``host:port`` or a port of the loopback; port 0 takes any that is free.
        metrics: what ``/metrics`` shows.
        checks: what ``/healthz`` tells: 200 where none of them finds something wrong, else 503.

    Raises:
        SettingsError: nobody can listen there.
    """

    def __init__(self, address: str, metrics: Metrics, checks: Mapping[str, Check]) -> None:
        host, port = parse_address(address)
        handler = type("Handler", (_Handler,), {"metrics": metrics, "checks": checks})
        try:
            family = getaddrinfo(host, port, type=SOCK_STREAM)[0][0]
            server = type("Server", (_Server,), {"address_family": family})
            self._server: ThreadingHTTPServer = server((host, port), handler)
        except OSError as error:
            reason = error.strerror or str(error)
            raise SettingsError(
                f"AUTOINTEL_METRICS_ADDRESS={address} cannot be listened on ({reason}).",
                "Give every process of a machine its own port; empty turns it off.",
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="monitor")
        self._thread.daemon = True
        self._thread.start()
        log.info("monitor_listens", host=host, port=self.port)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def parse_address(address: str) -> tuple[str, int]:
    """Host and port of ``host:port``, ``[address]:port`` or ``port``.

    Raises:
        SettingsError: there is no such port.
    """
    host, _, port = address.rpartition(":")
    if not 0 <= int(port) <= 65_535:
        raise SettingsError(
            f"AUTOINTEL_METRICS_ADDRESS={address} names no port.", "Ports go from 1 to 65535."
        )
    return host.strip("[]") or LOOPBACK, int(port)


def next_address(address: str) -> str:
    """The same host, one port further: for a process that is started beside this one."""
    host, port = parse_address(address)
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{port + 1 if port else 0}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: socket | tuple[bytes, socket], client_address: object) -> None:
        """A client that goes away in the middle is no news."""
        log.debug("monitor_client_failed", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    metrics: Metrics
    checks: Mapping[str, Check]
    timeout = _IDLE_S
    server_version, sys_version = "autointel", ""

    def do_GET(self) -> None:
        match urlsplit(self.path).path:
            case "/metrics":
                self._answer(200, *self.metrics.exposition(self.headers.get("Accept", "")))
            case "/healthz":
                self._answer_health()
            case _:
                self._answer(404, b"There are /metrics and /healthz.\n", "text/plain")

    do_HEAD = do_GET  # noqa: N815

    def _answer_health(self) -> None:
        found = {name: check() for name, check in self.checks.items()}
        well = not any(found.values())
        told = {
            "status": "ok" if well else "failing",
            "checks": {name: problem or "ok" for name, problem in found.items()},
        }
        body = json.dumps(told, ensure_ascii=False).encode() + b"\n"
        self._answer(200 if well else 503, body, "application/json")

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        log.debug("monitor_asked", message=(format % args)[:200])
