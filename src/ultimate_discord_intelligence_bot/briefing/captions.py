"""The transcript as WebVTT (https://www.w3.org/TR/webvtt1/), speakers as voices."""

from __future__ import annotations

import html
import math

from ..models.report import Report
from ..models.transcript import Segment
from .wording import one_line


def render_webvtt(report: Report) -> str:
    """The transcript as a WebVTT file; cue n is segment n - 1."""
    cues = [_cue(segment) for segment in report.transcript.segments if one_line(segment.text)]
    return "\n\n".join(["WEBVTT", *cues]) + "\n"


def _cue(segment: Segment) -> str:
    start = _milliseconds(segment.start)
    end = max(_milliseconds(segment.end), start + 1)
    text = html.escape(one_line(segment.text), quote=False)
    speaker = html.escape(one_line(segment.speaker or ""), quote=False)
    voiced = f"<v {speaker}>{text}" if speaker else text
    return f"{segment.index + 1}\n{_timestamp(start)} --> {_timestamp(end)}\n{voiced}"


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000) if math.isfinite(seconds) and seconds > 0 else 0


def _timestamp(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03}"
