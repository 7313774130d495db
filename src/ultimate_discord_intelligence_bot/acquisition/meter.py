"""Counting what comes in from the network, and how fast."""

from __future__ import annotations

import itertools
import math
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from ..errors import AutointelError, NetworkFailed, NoMediaFound, TooLarge
from .guard import Guard

SLOWEST = 1000
"""Bytes per second below which a server only drips."""
_PIECE = 16 << 10
_AT_ONCE = 64 << 10
_LARGEST_PAGE = 32_000_000
_MOST_LINES = 500_000
_LINE_ENDS = re.compile(rb"[\n\r\v\f\x1c-\x1e]|\xc2\x85|\xe2\x80[\xa8\xa9]")
"""Everything at which `str.splitlines` splits, in UTF-8."""
_LONGEST_TICK = 0.25


class Meter:
    """Counts received bytes and refuses too many; each part of the work starts it anew.

    It also ends the process when it waits too long for the network. Socket timeouts do not: a
    byte now and then, in headers or in a body, keeps them quiet for ever.

    Args:
        guard: told of every request; ends the process.
        patience: seconds within which a server must have answered, and in which a body must
            bring `SLOWEST` bytes per second. Only time spent waiting for the network counts.
    """

    def __init__(self, guard: Guard, patience: float) -> None:
        self.guard = guard
        self.patience = patience
        self._numbers = itertools.count()
        self._waits: dict[int, tuple[float, AutointelError]] = {}
        self._until = math.inf
        self.start(0, TooLarge(""))
        threading.Thread(target=self._watch, daemon=True).start()

    def start(self, limit: int, refusal: AutointelError, seconds: float = math.inf) -> None:
        """Begin a part of the work.

        Args:
            limit: bytes it may receive.
            refusal: raised when it receives more.
            seconds: how long it may take in all.
        """
        self.limit = limit
        self.refusal = refusal
        self.received = 0
        self._until = time.monotonic() + seconds

    def count(self, data: bytes) -> bytes:
        self.received += len(data)
        if self.received > self.limit:
            raise self.refusal
        return data

    @contextmanager
    def request(self, url: str) -> Iterator[None]:
        """Make a request: until its headers are there, redirects not included."""
        self.guard.head_for(url)
        failed = NetworkFailed(f"{host_of(url)} has not answered within {self.patience:.0f} s.")
        with self.waiting(self.patience, failed):
            yield

    @contextmanager
    def waiting(self, seconds: float, failed: AutointelError) -> Iterator[None]:
        """Wait for the network; the process ends when the block takes longer."""
        number = next(self._numbers)
        self._waits[number] = (time.monotonic() + seconds, failed)
        try:
            yield
        finally:
            del self._waits[number]

    def _watch(self) -> None:
        while True:
            time.sleep(min(_LONGEST_TICK, self.patience / 10))
            now = time.monotonic()
            for until, failed in tuple(self._waits.values()):
                if now > until:
                    self.guard.end(failed)
            if now > self._until:
                self.guard.end(NetworkFailed("The site takes too long to say what it offers."))


class MeteredStream:
    """A response body whose bytes are counted; in everything else the original.

    However much is asked for, it is received and unpacked in pieces, so that nothing unfolds in
    memory before it is counted.
    """

    def __init__(self, body: Any, meter: Meter, url: str) -> None:
        self._body = body
        self._meter = meter
        self._drips = NetworkFailed(
            f"{host_of(url)} sends too slowly: less than {SLOWEST / 1000:g} kB/s for "
            f"{meter.patience:.0f} s."
        )
        self._waited = 0.0
        self._mark = 0

    def read(self, amt: int | None = None, decode_content: bool | None = None) -> bytes:
        """At most 64 KiB, and less only at the end; all with no amount, as the original has it."""
        if amt is None or amt < 0:
            return b"".join(self.stream(_AT_ONCE, decode_content))
        data = b""
        amt = min(amt, _AT_ONCE)
        while len(data) < amt and (piece := self._piece(amt - len(data), decode_content)):
            data += piece
        return data

    def stream(self, amt: int, decode_content: bool | None = None) -> Iterator[bytes]:
        while data := self.read(amt, decode_content):
            yield data

    def _piece(self, amt: int, decode_content: bool | None) -> bytes:
        began = time.monotonic()
        with self._meter.waiting(self._meter.patience - self._waited, self._drips):
            piece = self._body.read1(min(amt, _PIECE), decode_content=decode_content)
        self._waited += time.monotonic() - began
        # What came over the wire; a few bytes may unfold to many.
        if self._body.tell() - self._mark >= SLOWEST * self._meter.patience:
            self._waited, self._mark = 0.0, self._body.tell()
        return self._meter.count(piece or b"")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)


def in_memory(read: Callable[[int], bytes]) -> Callable[..., bytes]:
    """A response's ``read`` that refuses to hold more than a page or playlist can be.

    Of a playlist every line becomes some hundred bytes of what is understood of it.

    Raises:
        NoMediaFound: there are more than 32 MB or 500,000 lines to be read at once.
    """

    def bounded(amt: int | None = None) -> bytes:
        if amt is not None:
            return read(amt)
        kept = bytearray()
        lines = 0
        while piece := read(_AT_ONCE):
            kept += piece
            lines += len(_LINE_ENDS.findall(piece))
            if len(kept) > _LARGEST_PAGE or lines > _MOST_LINES:
                raise NoMediaFound(
                    f"It has a page or playlist of more than {_LARGEST_PAGE / 1e6:.0f} MB or "
                    f"{_MOST_LINES} lines."
                )
        return bytes(kept)

    return bounded


def host_of(url: str) -> str:
    """The host of a URL, fit to be shown."""
    return (urlsplit(url).hostname or "the host")[:100]
