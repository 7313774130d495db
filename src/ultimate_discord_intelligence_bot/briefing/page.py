"""The briefing as one self-contained web page: no request leaves it."""

from __future__ import annotations

import base64
import hashlib
import mimetypes
import os
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..models.analysis import Chapter, EmotionPeak
from ..models.report import Linked, Report
from ..models.transcript import Segment
from ..models.verification import Label
from . import wording
from .claimreview import claim_reviews, embedded

if TYPE_CHECKING:
    from jinja2 import Environment, Template

_MEDIA_TYPES = {
    ".opus": "audio/ogg",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".m4a": "audio/mp4",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".mp3": "audio/mpeg",
    ".flac": "audio/flac",
    ".wav": "audio/wav",
    ".mkv": "video/x-matroska",
}
_TONES = {
    Label.SUPPORTED: "supported",
    Label.REFUTED: "refuted",
    Label.NOT_ENOUGH_EVIDENCE: "open",
    Label.CONFLICTING: "conflicting",
}
_WIDE, _HIGH = 1000, 100  # the drawing's own units


@dataclass(frozen=True)
class Player:
    """What the page plays.

    Attributes:
        src: a ``data:`` or ``file:`` address, or one relative to the page.
        embedded: whether the sound is inside the page.
    """

    src: str
    embedded: bool


@dataclass(frozen=True)
class Piece:
    """A stretch of a sentence; ``claim`` is the number of the claim it states, or None."""

    text: str
    claim: int | None


@dataclass(frozen=True)
class Turn:
    """Consecutive sentences of one speaker."""

    speaker: str | None
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class Passage:
    """The transcript of one chapter; ``number`` and ``chapter`` are None before the first."""

    number: int | None
    chapter: Chapter | None
    turns: tuple[Turn, ...]


@dataclass(frozen=True)
class Band:
    """A chapter on the time line; x and width in its units of a thousandth."""

    number: int
    title: str
    x: float
    width: float


@dataclass(frozen=True)
class Course:
    """One emotion over time, drawn.

    Attributes:
        name: of the Ekman group.
        path: outline of its area.
        most: its largest share, 0 to 1.
        peaks: x and y of its peaks, and what peaks there.
    """

    name: str
    path: str
    most: float
    peaks: tuple[tuple[float, float, Linked[EmotionPeak]], ...]


def media_player(media: Path, folder: Path, embed_limit_mb: float) -> Player:
    """Embed media up to a size in megabytes; refer to larger media where it lies.

    Raises:
        OSError: the media cannot be read.
    """
    if media.stat().st_size <= embed_limit_mb * 1_000_000:
        kind = _MEDIA_TYPES.get(media.suffix.lower()) or mimetypes.guess_type(media.name)[0]
        encoded = base64.b64encode(media.read_bytes()).decode()
        return Player(f"data:{kind or 'application/octet-stream'};base64,{encoded}", True)
    media, folder = media.resolve(), folder.resolve()
    if media.is_relative_to(folder):
        return Player(quote(os.path.relpath(media, folder)), False)
    return Player(media.as_uri(), False)


def render_html(report: Report, player: Player | None = None) -> str:
    """The whole briefing as HTML; without a player, times lead to the source."""
    template, style, script = _template()
    return template.render(
        report=report,
        player=player,
        style=style,
        script=script,
        policy=_policy(style, script, player),
        passages=_passages(report),
        pieces=_pieces(report),
        verdicts={verdict.claim: verdict for verdict in report.verdicts or ()},
        numbers={claim.item.id: n for n, claim in enumerate(report.claims or (), 1)},
        bands=_bands(report),
        curve=_curve(report),
        courses=_courses(report),
        doubts=_doubts(report),
        duration=_duration(report),
        segment_at=_finder(report),
        mood=wording.mood(report) if report.sentiment is not None else None,
        reviews=embedded(claim_reviews(report)),
        words=wording,
        tone=_TONES.get,
    )


@cache
def _template() -> tuple[Template, str, str]:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment: Environment = Environment(
        loader=PackageLoader(__package__ or "", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clock"] = wording.clock
    environment.filters["line"] = wording.one_line
    return environment.get_template("report.html"), *_assets(environment)


def _assets(environment: Environment) -> tuple[str, str]:
    loader: Any = environment.loader
    return (
        loader.get_source(environment, "report.css")[0],
        loader.get_source(environment, "report.js")[0],
    )


def _policy(style: str, script: str, player: Player | None) -> str:
    """Only our own style and script, and the one media file, may load."""
    media = "'none'" if player is None else "data:" if player.embedded else "'self' file:"
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        f"media-src {media}; img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _duration(report: Report) -> float:
    return max(report.duration, report.transcript.duration, 0.001)


def _finder(report: Report) -> Any:
    starts = [segment.start for segment in report.transcript.segments]

    def segment_at(seconds: float) -> int:
        """Index of the segment spoken at a time, or the last one before it."""
        return max(bisect_right(starts, seconds + 0.01) - 1, 0)

    return segment_at


def _passages(report: Report) -> tuple[Passage, ...]:
    """The transcript cut at the first segment of each chapter."""
    chapters = [linked.item for linked in report.chapters or ()]
    segments = report.transcript.segments
    edges = [(0, None, None)] if not chapters or chapters[0].first > 0 else []
    cuts: list[tuple[int, int | None, Chapter | None]] = [*edges]
    cuts += [(chapter.first, number, chapter) for number, chapter in enumerate(chapters, 1)]
    ends = [cut[0] for cut in cuts[1:]] + [len(segments)]
    return tuple(
        Passage(number, chapter, tuple(_turns(segments[first:end])))
        for (first, number, chapter), end in zip(cuts, ends, strict=True)
    )


def _turns(segments: tuple[Segment, ...]) -> Iterator[Turn]:
    for speaker, group in groupby(segments, key=lambda segment: segment.speaker):
        yield Turn(speaker, tuple(group))


def _pieces(report: Report) -> dict[int, tuple[Piece, ...]]:
    """Sentences that hold claims, by segment, cut so that each claim is a piece of its own."""
    found: dict[int, list[tuple[int, int, int]]] = {}
    for number, linked in enumerate(report.claims or (), 1):
        claim = linked.item
        start = report.transcript.segments[claim.segment].text.index(claim.text)
        found.setdefault(claim.segment, []).append((start, start + len(claim.text), number))
    return {
        index: tuple(_cut(report.transcript.segments[index].text, sorted(spans)))
        for index, spans in found.items()
    }


def _cut(text: str, spans: list[tuple[int, int, int]]) -> Iterator[Piece]:
    at = 0
    for start, end, number in spans:
        if start < at:  # two claims share words: the first keeps them
            continue
        if start > at:
            yield Piece(text[at:start], None)
        yield Piece(text[start:end], number)
        at = end
    if at < len(text):
        yield Piece(text[at:], None)


def _bands(report: Report) -> tuple[Band, ...]:
    scale = _WIDE / _duration(report)
    return tuple(
        Band(
            number,
            linked.item.title,
            round(linked.item.start * scale, 1),
            max(round((linked.item.end - linked.item.start) * scale, 1), 1.0),
        )
        for number, linked in enumerate(report.chapters or (), 1)
    )


def _curve(report: Report) -> dict[str, str]:
    """Outlines of the bars above (``positive``) and below the middle line (``negative``)."""
    scale = _WIDE / _duration(report)
    outlines: dict[str, list[str]] = {"positive": [], "negative": []}
    middle = _HIGH / 2
    for entry in report.sentiment or ():
        if entry.segment >= len(report.transcript.segments):
            continue
        segment = report.transcript.segments[entry.segment]
        left, right = segment.start * scale, segment.end * scale
        top = middle - max(-1.0, min(1.0, entry.value)) * (middle - 2)
        side = "positive" if entry.value >= 0 else "negative"
        outlines[side].append(
            f"M{left:.1f} {middle:g}H{max(right - 1, left + 0.5):.1f}V{top:.1f}H{left:.1f}Z"
        )
    return {side: "".join(paths) for side, paths in outlines.items()}


_FAINTEST, _LOWEST_SCALE = 0.05, 0.3
_ROW = 40  # height of one course, in the drawing's own units


def _courses(report: Report) -> tuple[Course, ...]:
    """The emotions that occur, the strongest first, all drawn to one scale."""
    points = report.emotion_timeline or ()
    names = [name for name in (points[0].values if points else ()) if name != "neutral"]
    most = {name: max(point.values.get(name, 0.0) for point in points) for name in names}
    scale = _WIDE / _duration(report)
    highest = max([*most.values(), _LOWEST_SCALE])
    return tuple(
        Course(
            name,
            _area([(p.time * scale, _height(p.values.get(name, 0.0), highest)) for p in points]),
            most[name],
            tuple(
                (round(peak.item.start * scale, 1), _height(peak.item.value, highest), peak)
                for peak in report.emotion_peaks or ()
                if peak.item.emotion == name
            ),
        )
        for name in sorted(names, key=lambda name: -most[name])
        if most[name] >= _FAINTEST
    )


def _height(value: float, highest: float) -> float:
    return round(_ROW - min(max(value, 0.0) / highest, 1.0) * (_ROW - 4), 1)


def _area(points: list[tuple[float, float]]) -> str:
    if len(points) == 1:
        points = [(0.0, points[0][1]), (float(_WIDE), points[0][1])]
    line = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return f"M{points[0][0]:.1f} {_ROW}L{line}L{points[-1][0]:.1f} {_ROW}Z"


def _doubts(report: Report) -> dict[int, tuple[int, bool]]:
    """The number of the possible fallacy that a segment is part of, and whether it begins there."""
    return {
        index: (number, index == linked.item.segment)
        for number, linked in enumerate(report.fallacies or (), 1)
        for index in range(linked.item.segment, linked.item.last + 1)
    }
