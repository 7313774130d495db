"""TTML, also called DFXP, IMSC or EBU-TT: captions as XML.

Timed Text Markup Language 2: https://www.w3.org/TR/ttml2/
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from ..errors import BadCaptions
from .screen import Shown

_LOOKS = re.compile(rb"\s*<(?:\?xml|!--|!DOCTYPE|(?:[\w.-]+:)?tt[\s>])")
_PIECE = 1 << 16
_DEEPEST = 50
_MOST_ELEMENTS = 250_000

_CLOCK = re.compile(
    r"(?:(\d{1,9}):)?(\d{1,9}):(\d{1,9})(?:[.,](\d{1,15})|:(\d{1,9})(?:\.(\d{1,9}))?)?"
)
_OFFSET = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)(h|m|s|ms|f|t)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_ANNOTATIONS = {"text", "textContainer", "delimiter"}


def is_ttml(data: bytes) -> bool:
    """Whether bytes begin like XML, in whatever encoding."""
    head = data[:4096].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe")
    return _LOOKS.match(head) is not None


def read_ttml(data: bytes, name: str) -> list[Shown]:
    """The captions of a TTML document of any version.

    Times of ``body``, ``div``, ``p`` and ``span`` are nested as the standard says; agents become
    voice tags, and a line in another colour than the one before begins a turn, as broadcasters
    use colours. Ruby annotations are not speech.

    Args:
        data: XML with its own declaration of its encoding.
        name: of the file, for messages.

    Raises:
        BadCaptions: it is not well-formed, not TTML, or built to exhaust the reader.
    """
    reader = _Reader(name)
    parser = DefusedXMLParser(target=reader)
    try:
        for first in range(0, len(data), _PIECE):
            parser.feed(data[first : first + _PIECE])
        parser.close()
    except ParseError as error:
        raise BadCaptions(
            f"{name} is not well-formed XML (line {error.position[0]}).", "Download it again."
        ) from error
    except DefusedXmlException as error:
        raise BadCaptions(f"{name} defines XML entities, which captions never need.") from error
    except (ValueError, LookupError) as error:
        raise BadCaptions(f"{name} is in an encoding that cannot be read ({error}).") from error
    return reader.shown


@dataclass(frozen=True, slots=True)
class _Scope:
    """What an element hands down to those inside it.

    Attributes:
        name: without its namespace.
        start, end: seconds, when it is active; whether anything said so is ``timed``.
        clock: what times inside count from: the start, or in a sequence the end of the last child.
        agent: id of who speaks.
        preserve: whether line ends in the text are line ends on screen.
        silent: whether the text is only an annotation.
    """

    name: str
    start: float = 0.0
    end: float = math.inf
    timed: bool = False
    clock: float = 0.0
    sequence: bool = False
    agent: str | None = None
    colour: str | None = None
    preserve: bool = False
    silent: bool = False


_Piece = tuple[str, _Scope]


class _Reader:
    """Takes the events of the XML parser and keeps nothing but captions."""

    def __init__(self, name: str) -> None:
        self.shown: list[Shown] = []
        self._file = name
        self._elements = 0
        self._stack: list[_Scope] = []
        self._frame_rate = 30.0
        self._tick_rate = 1.0
        self._colours: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._agent: str | None = None
        self._last_colour: str | None = None
        self._pieces: list[_Piece] = []

    # -- events -----------------------------------------------------------------------------------

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._elements += 1
        if len(self._stack) >= _DEEPEST or self._elements > _MOST_ELEMENTS:
            raise BadCaptions(f"{self._file} has more elements than captions need.")
        local = _local(tag)
        given = {_local(key): value for key, value in attributes.items()} if attributes else {}
        if not self._stack:
            self._begin_document(local, given)
        if local in ("style", "region") and "id" in given and (colour := self._colour(given)):
            self._colours[given["id"]] = colour
        elif local == "agent":
            self._agent = given.get("id")
        elif local == "br" and self._pieces:
            self._pieces.append(("\n", self._stack[-1]))
        outer = self._stack[-1] if self._stack else _Scope("")
        self._stack.append(self._scope(local, given, outer))

    def data(self, text: str) -> None:
        scope = self._stack[-1]
        if scope.name in ("p", "span") and not scope.silent:
            if not scope.preserve:
                text = text.replace("\n", " ")
            self._pieces.append((text, scope))
        elif scope.name == "name" and self._agent is not None:
            known = self._names.get(self._agent, "")
            self._names[self._agent] = (known + text)[:80]

    def end(self, _tag: str) -> None:
        scope = self._stack.pop()
        if self._stack and self._stack[-1].sequence and scope.timed and scope.end < math.inf:
            self._stack[-1] = replace(self._stack[-1], clock=scope.end)
        if scope.name == "agent":
            self._agent = None
        elif scope.name == "p":
            self.shown += self._captions()
            self._pieces = []

    def close(self) -> None:
        """The end of the document; the captions are in ``shown``."""

    # -- meaning ----------------------------------------------------------------------------------

    def _begin_document(self, local: str, given: Mapping[str, str]) -> None:
        if local != "tt":
            raise BadCaptions(f"{self._file} is XML, but not TTML.")
        multiplier = re.split(r"[\s:]+", given.get("frameRateMultiplier", "1 1"))
        rate = _positive(given.get("frameRate"), 30.0) * _positive(multiplier[0], 1.0)
        self._frame_rate = rate / _positive("".join(multiplier[1:2]), 1.0)
        ticks = self._frame_rate if "frameRate" in given else 1.0
        self._tick_rate = _positive(given.get("tickRate"), ticks)

    def _scope(self, local: str, given: Mapping[str, str], outer: _Scope) -> _Scope:
        scope = replace(outer, name=local, clock=outer.clock, sequence=False)
        if not given:
            return replace(scope, start=outer.clock) if outer.sequence else scope
        begin, end, length = (self._seconds(given.get(key)) for key in ("begin", "end", "dur"))
        start = outer.clock + (begin or 0.0)
        ends = (outer.end, outer.clock + _known(end), start + _known(length))
        space = given.get("space")
        return replace(
            scope,
            start=start,
            end=max(start, min(ends)),
            timed=outer.timed or begin is not None or end is not None or length is not None,
            clock=start,
            sequence=given.get("timeContainer") == "seq",
            agent=given.get("agent", outer.agent),
            colour=self._colour(given) or outer.colour,
            preserve=space == "preserve" if space else outer.preserve,
            silent=outer.silent or given.get("ruby") in _ANNOTATIONS,
        )

    def _colour(self, given: Mapping[str, str]) -> str | None:
        if "color" in given:
            return given["color"].strip().lower()
        styles = (self._colours.get(style) for style in given.get("style", "").split())
        return next(filter(None, styles), None)

    def _seconds(self, text: str | None) -> float | None:
        """A time expression in seconds; None where it is none."""
        text = (text or "").strip()
        if match := _CLOCK.fullmatch(text):
            hours, minutes, seconds, fraction, frames, _ = match.groups()
            whole = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)
            return whole + float(f"0.{fraction or 0}") + int(frames or 0) / self._frame_rate
        if match := _OFFSET.fullmatch(text):
            rates = {"f": 1 / self._frame_rate, "t": 1 / self._tick_rate}
            return float(match[1]) * (_UNITS | rates)[match[2]]
        return None

    # -- captions ---------------------------------------------------------------------------------

    def _captions(self) -> Iterator[Shown]:
        """One caption for each time that the pieces of a paragraph have."""
        timed = (piece for piece in self._pieces if piece[1].timed)
        for (start, end), pieces in groupby(
            timed, key=lambda piece: (piece[1].start, piece[1].end)
        ):
            lines = "".join(self._marked(list(pieces))).split("\n")
            if any(line.strip() for line in lines):
                yield Shown(start, end, tuple(lines))

    def _marked(self, pieces: list[_Piece]) -> Iterator[str]:
        """The text with turns and voices as WebVTT writes them."""
        at_line_start = True
        voice: str | None = None
        for text, scope in pieces:
            if text.strip():
                if at_line_start and self._last_colour not in (None, scope.colour or ""):
                    yield ">> "
                self._last_colour = scope.colour or ""
                speaker = " ".join(self._names.get(scope.agent or "", "").split()) or None
                if speaker != voice:
                    yield f"<v {html.escape(speaker)}>" if speaker else "</v>"
                    voice = speaker
                at_line_start = False
            yield html.escape(text, quote=False)
            at_line_start = at_line_start or text.endswith("\n")


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _known(seconds: float | None) -> float:
    return math.inf if seconds is None else seconds


def _positive(text: str | None, default: float) -> float:
    """A rate, or what holds where none is given that makes sense."""
    try:
        value = float(text or "")
    except ValueError:
        return default
    return value if 0 < value < 1e12 else default
