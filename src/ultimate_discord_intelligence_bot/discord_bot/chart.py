"""The emotions of a recording over time as a picture, and the same in words."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..briefing.wording import clock
from ..models.analysis import Ekman
from ..models.report import Report

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

WIDTH, HEIGHT = 800, 320
MOST = 5
"""Lines that can still be told apart."""

_FINER = 2
"""Drawn so many times larger and made smaller, for smooth lines."""
_LEFT, _TOP, _RIGHT, _BOTTOM = 52, 40, 650, 272
_FARTHEST = 1e8
"""Seconds, three years; what is said to be later is a mistake."""

_LEAST = 0.02
"""An emotion that never has a larger share is not drawn."""

_GROUND, _GRID, _INK = "#1e2228", "#454c57", "#e8eaed"
_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
_SHARES = (0.02, 0.05, 0.1, 0.2, 0.25)


@dataclass(frozen=True)
class Style:
    """How a line is told from the others, even without its colour.

    Attributes:
        dashes: lengths drawn and left out in turn, in pixels; empty for a whole line.
        corners: of the mark at its highest place; 0 is a disc.
        turned: degrees.
    """

    colour: str
    dashes: tuple[int, ...]
    corners: int
    turned: int = 0


STYLES: dict[Ekman, Style] = {
    "joy": Style("#f0e442", (), 0),
    "sadness": Style("#56b4e9", (14, 6), 3, 60),
    "anger": Style("#ff7a3d", (3, 5), 3),
    "fear": Style("#e29ccb", (14, 5, 3, 5), 4, 45),
    "surprise": Style("#ffb000", (7, 5), 4),
    "disgust": Style("#20c997", (22, 5, 3, 5, 3, 5), 6),
}
"""Colours after Okabe and Ito (2008), some made lighter for the dark ground.

An emotion looks the same in every picture. Each colour has a contrast of at least 4.5 to 1.
"""


@dataclass(frozen=True)
class Picture:
    """A PNG, and what it shows in words."""

    png: bytes
    alt: str


@dataclass(frozen=True)
class _Course:
    """The share of one emotion over time, and where it is highest."""

    emotion: Ekman
    shares: NDArray[np.float64]
    peak: int

    @property
    def height(self) -> float:
        return float(self.shares[self.peak])


def draw(report: Report) -> Picture | None:
    """The emotion timeline of a report; None where no two of its moments are a second apart.

    It is drawn on a ground of its own, so that Discord's themes do not matter. Takes about 50 ms
    of one processor, for long recordings as well.
    """
    times, courses = _read(report)
    if len(times) < 2 or times[-1] - times[0] < 1:
        return None
    return Picture(_png(times, courses), _words(times, courses))


def _read(report: Report) -> tuple[NDArray[np.float64], list[_Course]]:
    """The timeline in order, and the emotions that are worth a line, the strongest first."""
    points = sorted(
        (point for point in report.emotion_timeline or () if 0 <= point.time < _FARTHEST),
        key=lambda point: point.time,
    )
    times = np.array([point.time for point in points])
    courses = []
    for emotion in STYLES if points else ():
        raw = np.array([point.values.get(emotion, 0.0) for point in points])
        shares = np.clip(np.nan_to_num(raw, nan=0.0), 0.0, 1.0)
        course = _Course(emotion, shares, int(shares.argmax()))
        if course.height >= _LEAST:
            courses.append(course)
    return times, sorted(courses, key=lambda course: -course.height)[:MOST]


def _words(times: NDArray[np.float64], courses: Sequence[_Course]) -> str:
    told = f"Emotions from {clock(times[0])} to {clock(times[-1])}, as shares of what was said. "
    if not courses:
        return told + "All of it is neutral."
    first, *others = (
        f"{course.emotion} {{}}at {clock(times[course.peak])} ({course.height:.0%})"
        for course in courses
    )
    told += first.format("is highest ").capitalize()
    return (
        told
        + "".join(f", {other.format('')}" for other in others)
        + ". The rest is neutral or weaker."
    )


# -- drawing -------------------------------------------------------------------------------------


def _png(times: NDArray[np.float64], courses: Sequence[_Course]) -> bytes:
    from PIL import Image, ImageDraw

    large = (WIDTH * _FINER, HEIGHT * _FINER)
    image = Image.new("RGB", large, _GROUND)
    pen = _Pen(ImageDraw.Draw(image))
    step = _share_step(courses)
    most = step * max(1, math.ceil(max((c.height for c in courses), default=0.0) / step - 1e-9))
    pen.text(_LEFT, 12, "Emotions over time, share of what was said", size=15, anchor="la")
    _draw_shares(pen, step, most)
    _draw_times(pen, times)
    across = (times - times[0]) / (times[-1] - times[0]) * (_RIGHT - _LEFT) + _LEFT
    for course in reversed(courses):  # the strongest on top
        down = _BOTTOM - course.shares / most * (_BOTTOM - _TOP)
        style = STYLES[course.emotion]
        pen.curve(*_thinned(across, down), style)
        pen.mark(float(across[course.peak]), float(down[course.peak]), style)
    _draw_legend(pen, times, courses)
    out = io.BytesIO()
    image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).quantize(128).save(out, "PNG")
    return out.getvalue()


def _share_step(courses: Sequence[_Course]) -> float:
    highest = max((course.height for course in courses), default=0.0)
    return next((step for step in _SHARES if highest / step <= 5), _SHARES[-1])


def _draw_shares(pen: _Pen, step: float, most: float) -> None:
    for number in range(round(most / step) + 1):
        y = _BOTTOM - number * step / most * (_BOTTOM - _TOP)
        pen.line([(_LEFT, y), (_RIGHT, y)], _GRID, 1)
        pen.text(_LEFT - 8, y, f"{number * step:.0%}", anchor="rm")


def _draw_times(pen: _Pen, times: NDArray[np.float64]) -> None:
    begin, end = float(times[0]), float(times[-1])
    span = end - begin
    step = next((step for step in _TICKS if span / step <= 7), span / 7)
    for number in range(math.ceil(begin / step), math.floor(end / step) + 1):
        x = _LEFT + (number * step - begin) / span * (_RIGHT - _LEFT)
        pen.line([(x, _BOTTOM), (x, _BOTTOM + 5)], _INK, 1)
        pen.text(x, _BOTTOM + 10, clock(number * step), anchor="ma")
    pen.text(_RIGHT, HEIGHT - 8, "time in the recording", anchor="rd")


def _draw_legend(pen: _Pen, times: NDArray[np.float64], courses: Sequence[_Course]) -> None:
    left = _RIGHT + 16
    if not courses:
        pen.text(left, _TOP, "all neutral", anchor="la")
    for row, course in enumerate(courses):
        y, style = _TOP + 6 + 44 * row, STYLES[course.emotion]
        pen.curve(np.array([left, left + 44.0]), np.array([float(y), float(y)]), style)
        pen.mark(left + 22, y, style)
        pen.text(left + 54, y, course.emotion, size=15, anchor="lm")
        top = f"highest at {clock(times[course.peak])}"
        pen.text(left, y + 11, top, anchor="la")


def _thinned(
    across: NDArray[np.float64], down: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """At most one point for each pixel, the highest of those that fall on it."""
    pixels = across.astype(int)
    starts = np.flatnonzero(np.diff(pixels, prepend=-1))
    return np.maximum.reduceat(across, starts), np.minimum.reduceat(down, starts)


@dataclass(frozen=True)
class _Pen:
    """Draws in pixels of the finished picture."""

    image: ImageDraw

    def text(self, x: float, y: float, words: str, *, anchor: str, size: int = 13) -> None:
        from PIL import ImageFont

        font = ImageFont.load_default(size * _FINER)
        self.image.text((x * _FINER, y * _FINER), words, fill=_INK, font=font, anchor=anchor)

    def line(self, points: Sequence[tuple[float, float]], colour: str, width: float) -> None:
        finer = [(x * _FINER, y * _FINER) for x, y in points]
        self.image.line(finer, fill=colour, width=round(width * _FINER), joint="curve")

    def curve(self, across: NDArray[np.float64], down: NDArray[np.float64], style: Style) -> None:
        """A line through points, in the dashes of its style."""
        lengths = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(across), np.diff(down)))])
        for begin, end in _strokes(float(lengths[-1]), style.dashes):
            first, last = np.searchsorted(lengths, (begin, end))
            along = np.concatenate([[begin], lengths[first:last], [end]])
            xs, ys = np.interp(along, lengths, across), np.interp(along, lengths, down)
            self.line(list(zip(xs.tolist(), ys.tolist(), strict=True)), style.colour, 2.5)

    def mark(self, x: float, y: float, style: Style) -> None:
        place = (x * _FINER, y * _FINER)
        for radius, colour in ((7.5, _GROUND), (6.0, style.colour)):
            if style.corners:
                self.image.regular_polygon(
                    (place, radius * _FINER), style.corners, style.turned, fill=colour
                )
            else:
                self.image.circle(place, radius * _FINER * 0.85, fill=colour)


def _strokes(length: float, dashes: tuple[int, ...]) -> list[tuple[float, float]]:
    """Where strokes begin and end along a line."""
    if not dashes:
        return [(0.0, length)]
    repeats = math.ceil(length / sum(dashes)) + 1
    ends = np.concatenate([[0.0], np.cumsum(np.tile(dashes, repeats))]).tolist()
    drawn = list(pairwise(ends))[::2]
    return [(begin, min(end, length)) for begin, end in drawn if begin < length]
