"""Reading WebVTT and SubRip files that anybody may have written."""

from __future__ import annotations

import codecs
import io
import re
from pathlib import Path
from typing import Any

import structlog

from ..errors import BadCaptions
from .cue import Cue, in_order
from .screen import Shown, spoken

_LARGEST = 16_000_000
_MOST_LOST = 0.5
_LINE_END = re.compile(r"\r\n|\r|\n")
_NEGATIVE = re.compile(r"(?<![\d.:,])-\d[\d:]*[.,]\d+")
_COMMA = re.compile(r"(?<=\d),(?=\d)")

log = structlog.get_logger(__name__)


def read_captions(path: Path, longest: float) -> list[Cue]:
    """The spoken text of a caption file as cues in order of time that do not overlap.

    Markup, sound descriptions and what rolling captions repeat are removed; speakers are taken
    from voice tags, from ``NAME:`` where that is a habit of the file, and ``>>`` begins a new turn.

    Args:
        path: a WebVTT or SubRip file.
        longest: seconds that a recording may last; later cues are a sign of damage.

    Raises:
        BadCaptions: it cannot be read as captions, or its encoding is unknown.
    """
    text = _decoded(path)
    captions = _parsed(text, path.name)
    if not captions:
        raise BadCaptions(f"{path.name} contains no captions.")
    late = next((c for c in captions if c.start_in_seconds > longest), None)
    if late is not None:
        raise BadCaptions(
            f"{path.name} has a caption at {late.start}, later than the limit of "
            f"{longest / 3600:g} hours.",
            "Correct its times, or raise AUTOINTEL_MAX_DURATION_HOURS.",
        )
    shown = [
        Shown(c.start_time.in_milliseconds() / 1000, c.end_time.in_milliseconds() / 1000, c.lines)
        for c in captions
    ]
    return in_order(spoken(shown))


# -- bytes to captions ------------------------------------------------------------------------


def _decoded(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise BadCaptions(f"{path.name} cannot be read ({error.strerror}).") from error
    if len(data) > _LARGEST:
        limit = _LARGEST // 1_000_000
        raise BadCaptions(f"{path.name} is larger than {limit} MB, too large for captions.")
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

    text = text.lstrip("\ufeff \t\r\n")
    lines = [_timing(line) if "-->" in line else line for line in _LINE_END.split(text)]
    kind = "vtt" if text.startswith("WEBVTT") else "srt"
    if kind == "srt":
        lines = [line.rstrip() for line in lines]
        if "-->" in lines[0]:  # SubRip without its numbers is nearly WebVTT
            kind, lines = "vtt", ["WEBVTT", "", *lines]
    try:
        captions: list[Any] = webvtt.from_buffer(
            io.StringIO("\n".join(lines)), format=kind
        ).captions
    except (MalformedFileError, MalformedCaptionError, ValueError) as error:
        raise BadCaptions(f"{name} is neither WebVTT nor SubRip.") from error
    timings = sum("-->" in line for line in lines)
    lost = timings - len(captions)
    if lost > _MOST_LOST * timings:
        raise BadCaptions(f"{name} is damaged: {lost} of {timings} captions cannot be read.")
    if lost:
        log.warning("captions_without_text_or_time", file=name, count=lost)
    return captions


def _timing(line: str) -> str:
    """A timing line without what people get wrong: negative times, the other format's comma."""
    return _COMMA.sub(".", _NEGATIVE.sub("00:00:00.000", line))
