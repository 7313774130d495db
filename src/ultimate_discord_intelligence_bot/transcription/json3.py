"""YouTube's timed text as JSON, called json3: events of words with offsets in milliseconds."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..errors import BadCaptions
from .screen import Shown

_LATEST = 1e12
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass
class _Text:
    """What a window shows, as it grows; milliseconds, and markup as in WebVTT."""

    start: float
    end: float
    parts: list[str] = field(default_factory=list)


def is_json3(text: str) -> bool:
    """Whether a text is a JSON object that may have events."""
    return text.startswith("{") and '"events"' in text


def read_json3(text: str, name: str) -> list[Shown]:
    """The captions of json3; the time of each word becomes an inline time tag.

    An event may add to the text of its window (``aAppend``), even in the middle of a word. Events
    without text define windows and styles. What does not look like an event is passed over.

    Raises:
        BadCaptions: it is not JSON, or has no list of events.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadCaptions(
            f"{name} looks like YouTube's json3, but is not valid JSON.", "Download it again."
        ) from error
    events = document.get("events") if isinstance(document, dict) else None
    if not isinstance(events, list):
        raise BadCaptions(f"{name} is JSON, but not captions in YouTube's json3.")
    return [
        Shown(shown.start / 1000, shown.end / 1000, tuple("".join(shown.parts).split("\n")))
        for shown in _windows(events)
    ]


def _windows(events: list[Any]) -> list[_Text]:
    shown: list[_Text] = []
    windows: dict[Any, _Text] = {}
    for event in events:
        start = _number(event, "tStartMs")
        parts = list(_parts(event, start or 0.0))
        if start is None or not parts:
            continue
        length = _number(event, "dDurationMs")
        end = math.inf if length is None else start + max(0.0, length)
        window = str(event.get("wWinId"))
        text = windows.get(window)
        if text is None or not event.get("aAppend"):
            text = windows[window] = _Text(start, end)
            shown.append(text)
        elif "".join(parts).strip():
            text.end = max(text.end, end)
            text.parts.append(_tag(start))
        text.parts += parts
    return shown


def _parts(event: Any, start: float) -> Iterator[str]:
    segments = event.get("segs") if isinstance(event, dict) else None
    for segment in segments if isinstance(segments, list) else ():
        text = segment.get("utf8") if isinstance(segment, dict) else None
        if not isinstance(text, str):
            continue
        offset = _number(segment, "tOffsetMs")
        if offset is not None and offset > 0:
            yield _tag(start + offset)
        yield html.escape(_LONE_SURROGATE.sub("\ufffd", text), quote=False)


def _tag(milliseconds: float) -> str:
    minutes, rest = divmod(max(0, round(milliseconds)), 60_000)
    return f"<{minutes // 60}:{minutes % 60:02}:{rest / 1000:06.3f}>"


def _number(thing: Any, key: str) -> float | None:
    value = thing.get(key) if isinstance(thing, dict) else None
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LATEST:
        return float(value)
    return None
