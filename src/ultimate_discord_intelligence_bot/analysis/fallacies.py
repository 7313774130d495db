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
"""A sentence less likely than this to be fallacious is not looked at."""

_REACH = ((0, 1), (1, 0), (0, 2), (1, 1), (2, 0), (1, 2), (2, 1))
"""Sentences before and after a suspicious one that a passage around it may take in."""

_SHARE_CLOSER, _ALWAYS_CLOSER = 0.02, 8
_MOST_WORDS = 90
_READ = 2_000
_BREVITY = 0.02
"""What each further sentence of a passage must add to its confidence."""

Read = Callable[[Sequence[str]], Floats]
"""Fallacy logits of texts."""


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


def read_passages(texts: Sequence[str]) -> Floats:
    """Fallacy logits of texts that are no segments."""
    return load_embedder().judge(texts, [load_branch("fallacies")])["fallacy"]


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
        read: gives fallacy logits of passages.
        scale: how to take the logits, and how probable is enough.
    """
    logits, feelings = readings
    doubt = 1 - scale.probabilities(logits)[:, 0]
    closer = _closer(doubt)
    wider = sorted(set(_wider(closer, sentences, speakers)))
    spans = [(int(i), int(i)) for i in np.flatnonzero(doubt >= _LOOKED_AT)]
    logits = logits[doubt >= _LOOKED_AT]
    if wider:
        texts = [" ".join(sentences[first : last + 1]) for first, last in wider]
        logits = np.vstack([logits, read(texts)])
    found = []
    for (first, last), (label, confidence) in zip(
        [*spans, *wider], _labels(logits, scale), strict=True
    ):
        if confidence >= scale.threshold:
            if label == EMOTION:
                label = _appeal(feelings[first : last + 1], scale)
            found.append(Passage(first, last, label, confidence))
    return _joined(_apart(found), speakers)


def _closer(doubt: Floats) -> list[int]:
    """The sentences around which passages are judged: the most suspicious, up to 2 %.

    So that even talk full of suspicious sentences costs little more than one pass.
    """
    count = max(_ALWAYS_CLOSER, round(_SHARE_CLOSER * len(doubt)))
    most = np.argsort(-doubt, kind="stable")[:count]
    return sorted(int(i) for i in most if doubt[i] >= _LOOKED_AT)


def _wider(
    around: Sequence[int], sentences: Sequence[str], speakers: Sequence[str | None]
) -> Iterator[tuple[int, int]]:
    """Passages of two to four sentences of one speaker that hold one of these."""
    lengths = [len(words(sentence[:_READ])) for sentence in sentences]
    for index in around:
        for before, after in _REACH:
            first, last = index - before, index + after
            if first < 0 or last >= len(sentences):
                continue
            alone = len(set(speakers[first : last + 1])) == 1
            if alone and sum(lengths[first : last + 1]) <= _MOST_WORDS:
                yield first, last


def _labels(logits: Floats, scale: Scale) -> list[tuple[str, float]]:
    """The most probable kind of each text, and its probability."""
    known = [i for i, name in enumerate(scale.labels) if name not in (NONE, OTHER)]
    sure = scale.probabilities(logits)[:, known]
    return [(scale.labels[known[int(row.argmax())]], float(row.max())) for row in sure]


def _appeal(feelings: Floats, scale: Scale) -> str:
    """Which emotion an appeal rests on, by the emotion logits of its sentences."""
    felt = sigmoid(feelings).max(axis=0)
    strength = {
        kind: max(felt[scale.emotions.index(feeling)] for feeling in group)
        for kind, group in FEELINGS_OF.items()
    }
    return max(strength, key=lambda kind: strength[kind])


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
