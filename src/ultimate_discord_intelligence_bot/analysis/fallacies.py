"""Possible fallacies: passages whose argument is of a kind known to mislead.

Read by the branch ``fallacies`` of the encoder (see MODEL_CARD_fallacies.md). A false alarm accuses
somebody, so silence is the rule: only what reaches the shipped confidence is told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..embedding import load_embedder
from ..models.analysis import Fallacies, Fallacy
from ..models.artifact import Vectors
from ..models.transcript import Segment, Transcript
from .branches import Floats, facts, load_branch, sigmoid, softmax
from .taxonomy import kind_of
from .words import words

NONE, OTHER, EMOTION = "none", "other", "appeal to emotion"
"""Labels of the branch that are no kinds: nothing wrong; not in MAFALDA; which emotion is open."""

FEELINGS_OF = {
    "appeal to fear": ("fear", "nervousness"),
    "appeal to anger": ("anger", "annoyance", "disgust", "disapproval"),
    "appeal to pity": ("sadness", "grief", "remorse", "caring", "disappointment"),
    "appeal to positive emotion": (
        "joy",
        "admiration",
        "approval",
        "excitement",
        "love",
        "optimism",
        "pride",
        "desire",
        "gratitude",
    ),
}
"""GoEmotions that tell which emotion an appeal rests on."""

_LOOKED_AT = 0.3
"""A sentence less likely than this to be fallacious begins and ends no passage."""

_MOST_SENTENCES = 4
_MOST_WORDS = 90
_READ = 2_000
_BREVITY = 0.02
"""What each further sentence of a passage must add to its confidence."""

Read = Callable[[Sequence[str]], tuple[Floats, Floats]]
"""Fallacy and emotion logits of texts."""


@dataclass(frozen=True)
class Scale:
    """How logits of the branch are read.

    Attributes:
        labels: of the fallacy reading, ``NONE`` first.
        emotions: of the emotion reading.
        temperature: what makes its probabilities right on average.
        threshold: least probability of a label that is told.
    """

    labels: Sequence[str]
    emotions: Sequence[str]
    temperature: float
    threshold: float

    @classmethod
    def shipped(cls) -> Scale:
        """As training left it."""
        fallacy = facts("fallacy")
        return cls(
            fallacy["labels"],
            facts("emotion")["labels"],
            fallacy["temperature"],
            fallacy["threshold"],
        )

    def probabilities(self, logits: Floats) -> Floats:
        return softmax(logits / np.float32(self.temperature))


@dataclass(frozen=True)
class Passage:
    """Sentences ``first`` to ``last``, both included, that may be fallacious."""

    first: int
    last: int
    label: str
    confidence: float


def find_fallacies(transcript: Transcript, vectors: Vectors) -> Fallacies:
    """Passages of one speaker that are probably fallacious, in order of time.

    Args:
        transcript: of the whole recording.
        vectors: with a ``fallacy`` and an ``emotion`` reading of each segment.
    """
    scale = Scale.shipped()
    segments = transcript.segments
    if not segments:
        return Fallacies(fallacies=(), threshold=scale.threshold)
    passages = find_passages(
        [segment.text for segment in segments],
        [segment.speaker for segment in segments],
        (vectors.readings["fallacy"], vectors.readings["emotion"]),
        read_passages,
        scale,
    )
    return Fallacies(
        fallacies=tuple(_finding(passage, segments) for passage in passages),
        threshold=scale.threshold,
    )


def read_passages(texts: Sequence[str]) -> tuple[Floats, Floats]:
    """Fallacy and emotion logits of texts that are no segments."""
    branches = load_branch("fallacies"), load_branch("affect")
    _, readings = load_embedder().read(texts, branches)
    return readings["fallacy"], readings["emotion"]


def _finding(passage: Passage, segments: Sequence[Segment]) -> Fallacy:
    inside = segments[passage.first : passage.last + 1]
    text = " ".join(segment.text for segment in inside)
    kind = kind_of(passage.label)
    if kind is None:
        raise ValueError(f"{passage.label!r} is not a kind of the taxonomy")
    return Fallacy(
        text=text,
        segment=inside[0].index,
        last=inside[-1].index,
        start=inside[0].start,
        end=inside[-1].end,
        speaker=inside[0].speaker,
        label=kind.name,
        category=kind.category,
        confidence=round(passage.confidence, 4),
        explanation=kind.explanation,
    )


_END = re.compile(r"[.!?…]+[\"'”’)\]]*\s+|\n+")


def spans_of(text: str) -> list[tuple[int, int]]:
    """Begin and end of each sentence of a text, without the white space around it."""
    ends = [match.end() for match in _END.finditer(text)]
    spans = []
    for begin, end in pairwise([0, *ends, len(text)]):
        inner = text[begin:end].strip()
        if inner:
            start = begin + text[begin:end].index(inner)
            spans.append((start, start + len(inner)))
    return spans


# -- which sentences -----------------------------------------------------------------------------


def find_passages(
    sentences: Sequence[str],
    speakers: Sequence[str | None],
    readings: tuple[Floats, Floats],
    read: Read,
    scale: Scale,
) -> list[Passage]:
    """Passages of which a label is probable enough; they do not overlap.

    Sentences are judged alone; around those that look suspicious, passages of up to four sentences
    of the same speaker as well. The most probable are kept, a shorter one before a longer; what
    follows directly on its like is joined to it.

    Args:
        sentences: in order.
        speakers: of each sentence.
        readings: fallacy and emotion logits of each sentence.
        read: gives the same for passages.
        scale: how to take the logits, and how probable is enough.
    """
    suspicious = 1 - scale.probabilities(readings[0])[:, 0] >= _LOOKED_AT
    spans = [(int(i), int(i)) for i in np.flatnonzero(suspicious)]
    wider = sorted(set(_wider(spans, sentences, speakers)))
    logits, feelings = readings[0][suspicious], readings[1][suspicious]
    if wider:
        texts = [" ".join(sentences[first : last + 1]) for first, last in wider]
        more, felt = read(texts)
        logits, feelings = np.vstack([logits, more]), np.vstack([feelings, felt])
    labels, confidences = _labels(logits, feelings, scale)
    found = [
        Passage(first, last, label, confidence)
        for (first, last), label, confidence in zip(
            [*spans, *wider], labels, confidences, strict=True
        )
        if confidence >= scale.threshold
    ]
    return _joined(_apart(found), speakers)


def _wider(
    spans: Sequence[tuple[int, int]], sentences: Sequence[str], speakers: Sequence[str | None]
) -> Iterator[tuple[int, int]]:
    """Passages of two to four sentences of one speaker that hold a suspicious one."""
    lengths = [len(words(sentence[:_READ])) for sentence in sentences]
    for index, _ in spans:
        for size in range(2, _MOST_SENTENCES + 1):
            for first in range(max(0, index - size + 1), min(index, len(sentences) - size) + 1):
                last = first + size - 1
                alone = len(set(speakers[first : last + 1])) == 1
                if alone and sum(lengths[first : last + 1]) <= _MOST_WORDS:
                    yield first, last


def _labels(logits: Floats, feelings: Floats, scale: Scale) -> tuple[list[str], list[float]]:
    """The most probable kind of each text, and its probability."""
    names, sure = scale.labels, scale.probabilities(logits)
    known = [i for i, name in enumerate(names) if name not in (NONE, OTHER)]
    best = [known[i] for i in sure[:, known].argmax(axis=1)] if len(sure) else []
    felt = sigmoid(feelings)
    labels = []
    for row, index in enumerate(best):
        name = names[index]
        if name == EMOTION:
            strength = {
                kind: max(felt[row, scale.emotions.index(feeling)] for feeling in group)
                for kind, group in FEELINGS_OF.items()
            }
            name = max(strength, key=lambda kind: strength[kind])
        labels.append(name)
    return labels, [float(sure[row, index]) for row, index in enumerate(best)]


def _apart(found: list[Passage]) -> list[Passage]:
    """The best of those that overlap, in order of place."""
    best = sorted(
        found, key=lambda p: (_BREVITY * (p.last - p.first) - p.confidence, p.first, p.last)
    )
    taken: set[int] = set()
    kept = []
    for passage in best:
        inside = set(range(passage.first, passage.last + 1))
        if not inside & taken:
            taken |= inside
            kept.append(passage)
    return sorted(kept, key=lambda passage: passage.first)


def _joined(passages: list[Passage], speakers: Sequence[str | None]) -> list[Passage]:
    """Neighbours of the same kind and speaker as one."""
    kept = passages[:1]
    for before, passage in pairwise(passages):
        last = kept[-1]
        if (
            before.last + 1 == passage.first
            and before.label == passage.label
            and speakers[before.last] == speakers[passage.first]
        ):
            sure = max(last.confidence, passage.confidence)
            kept[-1] = Passage(last.first, passage.last, last.label, sure)
        else:
            kept.append(passage)
    return kept
