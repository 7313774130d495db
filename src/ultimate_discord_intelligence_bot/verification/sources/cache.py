"""Answers of the web, kept on disk for some days."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import structlog

from ...errors import StorageError
from ...runs import write_atomically

_DAYS = 7
_MOST_BYTES = 200 * 1024 * 1024

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Answer:
    """What a server said.

    Attributes:
        url: where it said so, after redirects; without any key.
        kind: media type, lower case.
        text: the decoded body.
    """

    url: str
    kind: str
    text: str


def request_key(*parts: Any) -> str:
    """Name of the answer to a request, made of everything but its key."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


class AnswerCache:
    """Answers by the key of their request, one file each. Its methods block.

    Args:
        folder: made when something is written.
        days: how long an answer is good.
        most_bytes: of all answers together; beyond that the oldest are forgotten.
    """

    def __init__(self, folder: Path, days: float = _DAYS, most_bytes: int = _MOST_BYTES) -> None:
        self._folder = folder
        self._seconds = days * 86_400
        self._most = most_bytes
        self._size = 0

    def open(self) -> None:
        """Forget what is too old or too much."""
        now = time.time()
        files = []
        for path in self._folder.glob("*.json"):
            try:
                files.append((path.stat().st_mtime, path.stat().st_size, path))
            except FileNotFoundError:
                continue
        self._size = sum(size for _, size, _ in files)
        for written, size, path in sorted(files):
            if now - written > self._seconds or self._size > self._most * 0.8:
                path.unlink(missing_ok=True)
                self._size -= size

    def read(self, key: str) -> Answer | None:
        """The answer, or None when it is not there, too old or damaged."""
        path = self._folder / f"{key}.json"
        try:
            if time.time() - path.stat().st_mtime > self._seconds:
                return None
            return Answer(**json.loads(path.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            log.warning("answer_unreadable", path=str(path), reason=str(error)[:200])
            return None

    def write(self, key: str, answer: Answer) -> None:
        """Keep an answer. That it could not be kept is logged and harms nobody."""
        data = json.dumps(asdict(answer), ensure_ascii=False).encode("utf-8", "replace")
        try:
            write_atomically(self._folder / f"{key}.json", data)
        except StorageError as error:
            log.warning("answer_not_kept", reason=error.message)
            return
        self._size += len(data)
        if self._size > self._most:
            self.open()
