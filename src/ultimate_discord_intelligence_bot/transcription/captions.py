"""Reading caption files that anybody may have written: WebVTT, SubRip, json3 and TTML."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import structlog

from ..errors import BadCaptions
from .cue import Cue, in_order
from .json3 import is_json3, read_json3
from .language import word_count
from .screen import Shown, spoken
from .ttml import is_ttml, read_ttml

_LARGEST = 16_000_000
_MOST_LOST = 0.5

# Twelve hours of automatic captions, which show every word about three times, are well below.
_MOST_CAPTIONS = 100_000
_MOST_LINES = 700_000
_MOST_WORDS = 700_000
_MOST_CHARACTERS = 8_000_000

_FASTEST = 12.0
"""Words in a second that nobody can say; counted over the longest recording."""

_FEW_WORDS = 10_000
"""Words that are never too many, however short recordings have to be."""

_LINE_END = re.compile(r"\r\n|\r|\n")
_SPACE = re.compile(r"\s+")
_TIME = re.compile(
    r"(?<![\d:.,])(-?)(?:(\d{1,10}):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,9}))?(?![\d:])"
)

log = structlog.get_logger(__name__)


def read_captions(path: Path, longest: float) -> list[Cue]:
    """The spoken text of a caption file as cues in order of time that do not overlap.

    The format is told by the content. Markup, sound descriptions and what rolling captions repeat
    are removed; speakers are taken from voice tags and agents, from ``NAME:`` where that is a habit
    of the file, and ``>>`` begins a new turn.

    Args:
        path: a WebVTT, SubRip, json3 or TTML file.
        longest: seconds that a recording may last; later cues are a sign of damage.

    Raises:
        BadCaptions: it cannot be read as captions, or its encoding is unknown.
    """
    name = path.name
    shown = sorted(dict.fromkeys(_shown(_content(path), path)), key=lambda caption: caption.start)
    if not shown:
        raise BadCaptions(f"{name} contains no captions.")
    if shown[-1].start > longest:
        raise BadCaptions(
            f"{name} has a caption after {shown[-1].start / 3600:.1f} hours, later than the limit "
            f"of {longest / 3600:g} hours.",
            "Correct its times, or raise AUTOINTEL_MAX_DURATION_HOURS.",
        )
    _bound(len(shown), _MOST_CAPTIONS, name)
    _bound(sum(len(line) for s in shown for line in s.lines), _MOST_CHARACTERS, name)
    spaces = (space for caption in shown for line in caption.lines for space in _gaps(line))
    _bound(sum(1 for _ in islice(spaces, _MOST_WORDS + 1)), _MOST_WORDS, name)
    cues = in_order(spoken(shown))
    _bound(sum(word_count(cue.text) for cue in cues), max(_FEW_WORDS, longest * _FASTEST), name)
    return cues


def _gaps(line: str) -> Iterator[object]:
    yield line
    yield from _SPACE.finditer(line)


def _bound(count: float, most: float, name: str) -> None:
    if count > most:
        raise BadCaptions(
            f"{name} holds more than can be said in the longest recording.",
            "Check that it is a caption file of one recording, and split it if it is.",
        )


# -- bytes to captions ------------------------------------------------------------------------


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise BadCaptions(f"{path.name} cannot be read ({error.strerror}).") from error
    if len(data) > _LARGEST:
        limit = _LARGEST // 1_000_000
        raise BadCaptions(f"{path.name} is larger than {limit} MB, too large for captions.")
    return data


def _shown(data: bytes, path: Path) -> list[Shown]:
    if is_ttml(data):
        return read_ttml(data, path.name)
    text = _decoded(data, path).lstrip("\ufeff \t\r\n")
    if is_json3(text):
        return read_json3(text, path.name)
    _bound(text.count("\n") + text.count("\r"), _MOST_LINES, path.name)
    _bound(text.count("-->"), _MOST_CAPTIONS, path.name)
    return [
        Shown(
            caption.start_time.in_milliseconds() / 1000,
            caption.end_time.in_milliseconds() / 1000,
            tuple(caption.lines),
        )
        for caption in _parsed(text, path.name)
    ]


def _decoded(data: bytes, path: Path) -> str:
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadCaptions(
            f"{path.name} is not encoded in UTF-8 (line {line}), so its letters would be guesses.",
            f"Convert it, for instance with: iconv -f WINDOWS-1252 -t UTF-8 '{path.name}' "
            "-o converted" + path.suffix,
        ) from error
    if "\0" in text:
        raise BadCaptions(f"{path.name} is binary data or in an encoding other than UTF-8.")
    return text


def _parsed(text: str, name: str) -> list[Any]:
    import webvtt
    from webvtt.errors import MalformedCaptionError, MalformedFileError

    lines = [_timing(line) if "-->" in line else line for line in _LINE_END.split(text)]
    kind = "vtt" if text.startswith("WEBVTT") else "srt"
    if kind == "srt":
        lines = list(_numbered(lines))
    try:
        captions: list[Any] = webvtt.from_buffer(
            io.StringIO("\n".join(lines)), format=kind
        ).captions
    except (MalformedFileError, MalformedCaptionError, ValueError) as error:
        raise BadCaptions(f"{name} is neither WebVTT, SubRip, json3 nor TTML.") from error
    timings = sum("-->" in line for line in lines)
    lost = timings - len(captions)
    if lost > _MOST_LOST * timings:
        raise BadCaptions(f"{name} is damaged: {lost} of {timings} captions cannot be read.")
    if lost:
        log.warning("captions_without_text_or_time", file=name, count=lost)
    return captions


def _timing(line: str) -> str:
    """A timing line without what people get wrong.

    Negative times become 0; missing hours or milliseconds and the other format's comma are mended.
    """
    return _TIME.sub(_full_time, line)


def _full_time(time: re.Match[str]) -> str:
    sign, hours, minutes, seconds, fraction = time.groups()
    if sign:
        return "00:00:00.000"
    fraction = (fraction or "")[:3].ljust(3, "0")
    return f"{int(hours or 0):02}:{int(minutes):02}:{int(seconds):02}.{fraction}"


def _numbered(lines: Iterable[str]) -> Iterator[str]:
    """SubRip from its first caption on, every one with a number before its times."""
    before, begun = "", False
    for line in lines:
        line = line.rstrip()
        if "-->" in line:
            if not begun or not before.isdecimal():
                yield "1"
            begun = True
        if begun:
            yield line
        before = line or before
