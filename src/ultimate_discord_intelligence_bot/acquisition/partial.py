"""The part of a download that is there already, and the proof that the rest belongs to it."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from ..runs import write_atomically

_RANGE = re.compile(r"bytes=(\d+)-")
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_RANGE_NOT_SATISFIABLE = 416
_PARTIAL_CONTENT = 206

Open = Callable[[Any], Any]


class ContentChanged(Exception):
    """What the server sends is not the rest of what is there; the part must be thrown away."""


class Partial(Protocol):
    """What is there of one file, for one attempt to complete it."""

    @property
    def size(self) -> int: ...

    def forget(self) -> None: ...

    def open(self, request: Any) -> Any: ...

    def progressed(self) -> None: ...


class _Files:
    """The files that yt-dlp and we keep while one file is incomplete.

    A reader may have the part open, so it is removed and made anew, never emptied.
    """

    def __init__(self, target: Path, plain_open: Open) -> None:
        self.target = target
        self.part = target.with_name(f"{target.name}.part")
        self.state = target.with_name(f"{target.name}.ytdl")
        self.origin = target.with_name(f"{target.name}.origin")
        self._plain_open = plain_open

    @property
    def size(self) -> int:
        """Bytes of the part."""
        return self.part.stat().st_size if self.part.is_file() else 0

    def forget(self) -> None:
        """Remove everything, so that the download begins anew."""
        for path in self.target.parent.glob("*"):
            if path.name.startswith(self.target.name):
                path.unlink()

    def read_origin(self) -> dict[str, Any]:
        try:
            found = json.loads(self.origin.read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def write_origin(self, origin: Mapping[str, Any]) -> None:
        write_atomically(self.origin, json.dumps(origin).encode())


# -- one file, in one request or many ---------------------------------------------------------


@dataclass(frozen=True)
class _Origin:
    """What a server says about the content it sends.

    Attributes:
        validator: a strong ETag or a date; None when nothing proves that content is the same.
        length: bytes of the whole.
    """

    validator: str | None = None
    length: int | None = None


class PartialFile(_Files):
    """A file that is continued with Range and If-Range.

    Method: RFC 9110, sections 13.1.5 and 14.2. What the server answers is compared as well, for
    servers that ignore If-Range.
    """

    def __init__(self, target: Path, plain_open: Open) -> None:
        super().__init__(target, plain_open)
        match self.read_origin():
            case {"validator": str(validator), "length": int() | None as length}:
                self._known = _Origin(validator, length)
            case _:
                self._known = _Origin()
        if self.target.is_file():
            self.target.replace(self.part)
        if not self._known.validator or not self.size:
            self.forget()
        elif self._known.length and self.size >= self._known.length:
            # Complete: asking for the last byte again proves that it still is what is offered.
            os.truncate(self.part, self._known.length - 1)

    def open(self, request: Any) -> Any:
        """Send a request for the file, or for the rest of it.

        Raises:
            ContentChanged: it is another file by now.
        """
        from yt_dlp.networking.exceptions import HTTPError

        match = _RANGE.match(request.headers.get("Range") or "")
        start = int(match[1]) if match else 0
        if start and self._known.validator:
            request.headers["If-Range"] = self._known.validator
        try:
            response = self._plain_open(request)
        except HTTPError as error:
            if start and error.status == _RANGE_NOT_SATISFIABLE:
                raise ContentChanged from error
            raise
        if start and response.status == _PARTIAL_CONTENT:
            self._compare(response, start)
        else:
            if start:
                self.forget()
            self._remember(response)
        return response

    def progressed(self) -> None:
        """Nothing to note: the size of the part says it all."""

    def _compare(self, response: Any, start: int) -> None:
        said, known = _origin(response.headers), self._known
        match = _CONTENT_RANGE.match(response.headers.get("Content-Range") or "")
        same = (
            match is not None
            and int(match[1]) == start
            and said.validator in (None, known.validator)
            and (said.length == known.length or None in (said.length, known.length))
        )
        if not same:
            response.close()
            raise ContentChanged

    def _remember(self, response: Any) -> None:
        self._known = _origin(response.headers)
        if self._known.validator:
            self.write_origin(asdict(self._known))


def _origin(headers: Any) -> _Origin:
    etag, modified = headers.get("ETag"), headers.get("Last-Modified")
    strong = etag if etag and not etag.startswith("W/") else None
    # The bytes of a compressed answer cannot be counted in the file.
    if headers.get("Content-Encoding", "identity") != "identity":
        return _Origin()
    match = _CONTENT_RANGE.match(headers.get("Content-Range") or "")
    length = match[2] if match else headers.get("Content-Length") or ""
    return _Origin(strong or modified, int(length) if length.isdecimal() else None)


# -- one file, made of many ------------------------------------------------------------------


class PartialStream(_Files):
    """A file that yt-dlp puts together from the pieces of a playlist, continued piece by piece.

    yt-dlp notes the number of the last piece after it has written it. A process that is killed
    between the two would write a piece twice, so the size that belongs to a number is kept too.
    """

    def __init__(self, target: Path, plain_open: Open, outline: str | None) -> None:
        super().__init__(target, plain_open)
        self._outline = outline
        self._noted = -1
        self._remove_pieces()
        match self.read_origin():
            case {"outline": str(known), "size": int(size), "state": dict(state)} if (
                known == outline and 0 < size <= self.size
            ):
                os.truncate(self.part, size)
                self.state.write_text(json.dumps(state))
            case _:
                self.forget()

    def open(self, request: Any) -> Any:
        """Send a request for a piece or a key."""
        return self._plain_open(request)

    def progressed(self) -> None:
        """Note how far the file is, whenever a piece was added."""
        size = self.size
        if self._outline is None or size in (0, self._noted):
            return
        try:
            state = json.loads(self.state.read_bytes())
        except (OSError, ValueError):
            return  # a moment at which yt-dlp writes or has removed it
        self._noted = size
        self.write_origin({"outline": self._outline, "size": size, "state": state})

    def _remove_pieces(self) -> None:
        for path in self.target.parent.glob("*"):
            if path.name.startswith(f"{self.part.name}-Frag"):
                path.unlink()


def playlist_outline(text: str) -> str | None:
    """A hash of the pieces that an HLS playlist names; None when they cannot be continued.

    Queries are left out, as they often carry signatures that change. yt-dlp loses count of keys
    and byte ranges when it continues, so a playlist with these is begun anew.
    """
    lines = [line.strip() for line in text.splitlines()]
    encrypted = any(s.startswith("#EXT-X-KEY") and "METHOD=NONE" not in s for s in lines)
    if encrypted or any("BYTERANGE" in line for line in lines):
        return None
    marks = ("#EXTINF", "#EXT-X-DISCONTINUITY", "#EXT-X-MAP", "#EXT-X-MEDIA-SEQUENCE")
    return _hash(
        line.partition("?")[0]
        for line in lines
        if line and (not line.startswith("#") or line.startswith(marks))
    )


def pieces_outline(fragments: Any) -> str | None:
    """A hash of the pieces that a DASH manifest names; None when they are not all known yet."""
    if not isinstance(fragments, list) or not fragments:
        return None
    return _hash(
        f"{urlsplit(str(piece.get('url') or piece.get('path'))).path} {piece.get('duration')}"
        for piece in fragments
    )


def _hash(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
