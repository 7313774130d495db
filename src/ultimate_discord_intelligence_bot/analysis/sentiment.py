"""Sentiment over time: how positive or negative each segment is worded.

Read by the branch ``affect`` of the encoder (see MODEL_CARD_affect.md).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..models.analysis import SegmentSentiment, Sentiment
from ..models.artifact import Vectors
from ..models.transcript import Transcript
from .branches import softmax
from .words import words

LABELS: tuple[Literal["negative"], Literal["neutral"], Literal["positive"]] = (
    "negative",
    "neutral",
    "positive",
)

_READ = 2_000


def score_sentiment(transcript: Transcript, vectors: Vectors) -> Sentiment:
    """Label and value of every segment, and their mean weighted by length in words.

    A segment without words is neutral with the value 0.
    """
    if not transcript.segments:
        return Sentiment(segments=(), mean=0.0)
    probabilities = softmax(vectors.readings["sentiment"])
    lengths = np.array([len(words(s.text[:_READ])) for s in transcript.segments], float)
    values = np.where(lengths > 0, probabilities[:, 2] - probabilities[:, 0], 0.0)
    labels = np.where(lengths > 0, probabilities.argmax(axis=1), 1)
    segments = tuple(
        SegmentSentiment(
            segment=segment.index,
            start=segment.start,
            label=LABELS[label],
            value=round(float(value), 4),
        )
        for segment, label, value in zip(transcript.segments, labels, values, strict=True)
    )
    mean = float(values @ lengths / lengths.sum()) if lengths.sum() else 0.0
    return Sentiment(segments=segments, mean=round(mean, 4))
