"""Emotion over time: GoEmotions of each segment, grouped to Ekman's for the course and its peaks.

Read by the branch ``affect`` of the encoder (see MODEL_CARD_affect.md).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..models.analysis import Ekman, EmotionPeak, EmotionPoint, Emotions, SegmentEmotion
from ..models.artifact import Vectors
from ..models.transcript import Segment, Transcript
from .branches import facts, sigmoid
from .words import words

Array = NDArray[np.float64]

GROUPS: dict[Ekman, tuple[str, ...]] = {
    "anger": ("anger", "annoyance", "disapproval"),
    "disgust": ("disgust",),
    "fear": ("fear", "nervousness"),
    "joy": (
        "joy",
        "amusement",
        "approval",
        "excitement",
        "gratitude",
        "love",
        "optimism",
        "relief",
        "pride",
        "admiration",
        "desire",
        "caring",
    ),
    "sadness": ("sadness", "disappointment", "embarrassment", "grief", "remorse"),
    "surprise": ("surprise", "realization", "confusion", "curiosity"),
    "neutral": ("neutral",),
}
"""The grouping of the GoEmotions paper (Demszky et al. 2020, appendix)."""

NAMES: tuple[Ekman, ...] = tuple(GROUPS)

_POINTS = 120
_NARROWEST = 15.0  # seconds of smoothing for short recordings
_SHARE_OF_WHOLE = 1 / 60
_MOST_PEAKS = 8
_LIKELY = 0.5
_READ = 2_000
_LONG = 40  # words from which a segment counts no more


def trace_emotions(transcript: Transcript, vectors: Vectors) -> Emotions:
    """Emotions of every segment, their smoothed course, and where they are strongest.

    The course has up to 120 points at even distances; each is a mean of the segments around it,
    weighted by their length in words and by a Gaussian over time (standard deviation a sixtieth of
    the recording, at least 15 seconds). A peak is a local maximum of a group other than neutral
    that stands out from its own course by more than one standard deviation, and near which some
    segment more likely than not shows that emotion; its quote is the clearest of these.
    """
    segments = transcript.segments
    if not segments:
        return Emotions(segments=(), timeline=(), peaks=())
    labels, thresholds = facts("emotion")["labels"], np.array(facts("emotion")["thresholds"])
    lengths = np.array([len(words(s.text[:_READ])) for s in segments], float)
    sure = sigmoid(vectors.readings["emotion"]) * (lengths > 0)[:, None]
    groups = _grouped(sure, labels)
    groups[lengths == 0, NAMES.index("neutral")] = 1.0
    shown = sure >= thresholds
    middles = np.array([(segment.start + segment.end) / 2 for segment in segments])
    times, course = _course(middles, np.clip(lengths, 0.1, _LONG), groups)
    return Emotions(
        segments=tuple(
            SegmentEmotion(
                segment=segment.index,
                start=segment.start,
                labels=tuple(
                    labels[i]
                    for i in np.argsort(-sure[row], kind="stable")
                    if shown[row, i] and labels[i] != "neutral"
                ),
                basic=NAMES[int(groups[row].argmax())],
            )
            for row, segment in enumerate(segments)
        ),
        timeline=tuple(
            EmotionPoint(
                time=round(float(time), 2),
                values={n: round(float(v), 4) for n, v in zip(NAMES, row, strict=True)},
            )
            for time, row in zip(times, course, strict=True)
        ),
        peaks=_peaks(segments, middles, times, course, sure * (sure >= _LIKELY), labels),
    )


def _grouped(sure: NDArray[np.float32], labels: list[str]) -> Array:
    """Share of each Ekman group in a segment; rows add up to 1."""
    sums = np.stack(
        [sure[:, [labels.index(name) for name in GROUPS[group]]].max(axis=1) for group in NAMES],
        axis=1,
    ).astype(float)
    return np.asarray(sums / np.maximum(sums.sum(axis=1, keepdims=True), 1e-9))


def _course(middles: Array, weights: Array, groups: Array) -> tuple[Array, Array]:
    """Times in seconds, and the share of each group there."""
    begin, end = float(middles.min()), float(middles.max())
    width = max(_NARROWEST, (end - begin) * _SHARE_OF_WHOLE)
    count = int(np.clip((end - begin) / width * 2, 1, _POINTS))
    times = np.linspace(begin, end, count) if count > 1 else np.array([(begin + end) / 2])
    # In blocks, so that ten hours take no more memory than one.
    course = np.empty((count, groups.shape[1]))
    for row, time in enumerate(times):
        near = weights * np.exp(-0.5 * ((middles - time) / width) ** 2)
        if near.sum() < 1e-12:
            near = (np.abs(middles - time) == np.abs(middles - time).min()).astype(float)
        course[row] = near @ groups / near.sum()
    return times, course


def _peaks(
    segments: tuple[Segment, ...],
    middles: Array,
    times: Array,
    course: Array,
    likely: NDArray[np.float32],
    labels: list[str],
) -> tuple[EmotionPeak, ...]:
    reach = (times[1] - times[0]) if len(times) > 1 else np.inf
    found: list[tuple[float, EmotionPeak]] = []
    for group, name in enumerate(NAMES):
        if name == "neutral":
            continue
        columns = np.array([labels.index(label) for label in GROUPS[name]])
        curve = course[:, group]
        high = curve.mean() + curve.std()
        for place in _maxima(curve):
            near = np.flatnonzero(np.abs(middles - times[place]) <= reach)
            if curve[place] < high or not len(near) or not likely[np.ix_(near, columns)].any():
                continue
            row, column = np.unravel_index(
                likely[np.ix_(near, columns)].argmax(), (len(near), len(columns))
            )
            segment = segments[near[row]]
            peak = EmotionPeak(
                text=segment.text,
                segment=segment.index,
                start=segment.start,
                end=segment.end,
                speaker=segment.speaker,
                emotion=name,
                label=labels[int(columns[column])],
                value=round(float(curve[place]), 4),
            )
            found.append((float(curve[place] - curve.mean()) / (float(curve.std()) + 1e-3), peak))
    found.sort(key=lambda item: (-item[0], item[1].start))
    # A sentence may be the clearest of two neighbouring maxima, or of two groups.
    best = {peak.segment: peak for _, peak in reversed(found[: 3 * _MOST_PEAKS])}
    kept = [peak for _, peak in found if best.get(peak.segment) is peak][:_MOST_PEAKS]
    return tuple(sorted(kept, key=lambda peak: peak.start))


def _maxima(curve: Array) -> list[int]:
    """Places no lower than their neighbours; of a plateau the first."""
    padded = np.concatenate([[-np.inf], curve, [-np.inf]])
    higher = (padded[1:-1] > padded[:-2]) & (padded[1:-1] >= padded[2:])
    return [int(place) for place in np.flatnonzero(higher)]
