"""Sentiment over time: how positive or negative each segment is worded.

A logistic head over the sentence vector, trained on comments and posts
(see MODEL_CARD_sentiment.md).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..models.analysis import SegmentSentiment, Sentiment
from ..models.artifact import Vectors
from ..models.transcript import Transcript
from .head import load_head
from .words import words

LABELS: tuple[Literal["negative"], Literal["neutral"], Literal["positive"]] = (
    "negative",
    "neutral",
    "positive",
)


def score_sentiment(transcript: Transcript, vectors: Vectors) -> Sentiment:
    """Label and value of every segment, and their mean weighted by length in words.

    A segment without words is neutral with the value 0.
    """
    probabilities = load_head("sentiment").probabilities(vectors.array)
    lengths = np.array([len(words(segment.text)) for segment in transcript.segments], float)
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
