"""Counting what comes in from the network."""

from __future__ import annotations

from typing import Any

from ..errors import AutointelError, TooLarge


class Meter:
    """Counts received bytes and refuses too many; each part of the work starts it anew."""

    def __init__(self) -> None:
        self.start(0, TooLarge(""))

    def start(self, limit: int, refusal: AutointelError) -> None:
        self.limit = limit
        self.refusal = refusal
        self.received = 0

    def count(self, data: bytes) -> bytes:
        self.received += len(data)
        if self.received > self.limit:
            raise self.refusal
        return data


class MeteredStream:
    """A response body whose bytes are counted; in everything else the original."""

    def __init__(self, body: Any, meter: Meter) -> None:
        self._body = body
        self._meter = meter

    def read(self, *args: Any, **kwargs: Any) -> bytes:
        return self._meter.count(self._body.read(*args, **kwargs))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)
