"""The trained analysts on texts by themselves, without a transcript: for measuring them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..embedding import load_embedder
from ..events import Progress, silent
from . import claims
from .branches import Floats, facts, load_branch, sigmoid, softmax
from .fallacies import NONE, Scale, find_passages, read_passages, spans_of
from .sentiment import LABELS
from .taxonomy import kind_of, plain

Span = tuple[int, int, str]
"""Begin and end of a passage in characters, and its kind."""


def _readings(texts: Sequence[str], branch: str, progress: Progress) -> dict[str, Floats]:
    return load_embedder().judge(texts, [load_branch(branch)], progress)


def are_claims(texts: Sequence[str], progress: Progress = silent) -> list[bool]:
    """Whether each sentence is check-worthy, at the threshold that ships."""
    if not texts:
        return []
    found, _ = claims.are_claims(texts, _readings(texts, "claims", progress)["claim"])
    return [bool(yes) for yes in found]


def emotions_of(texts: Sequence[str], progress: Progress = silent) -> list[set[str]]:
    """The GoEmotions of each text that reach their thresholds; there may be none."""
    if not texts:
        return []
    labels, limits = facts("emotion")["labels"], np.array(facts("emotion")["thresholds"])
    sure = sigmoid(_readings(texts, "affect", progress)["emotion"])
    return [{labels[i] for i in np.flatnonzero(row >= limits)} for row in sure]


def sentiments_of(texts: Sequence[str], progress: Progress = silent) -> list[str]:
    """``negative``, ``neutral`` or ``positive`` for each text."""
    if not texts:
        return []
    logits = _readings(texts, "affect", progress)["sentiment"]
    return [LABELS[i] for i in logits.argmax(axis=1)]


def are_fallacious(texts: Sequence[str], progress: Progress = silent) -> list[bool]:
    """Whether each text argues fallaciously: more likely than not, by comments on news."""
    if not texts:
        return []
    sure = softmax(_readings(texts, "fallacies", progress)["cocolofa"])
    return [bool(yes) for yes in 1 - sure[:, 0] >= facts("cocolofa")["threshold"]]


def fallacies_of(
    texts: Sequence[str], among: Sequence[str], progress: Progress = silent
) -> list[str]:
    """The likeliest of the given labels for each text.

    Args:
        texts: to be judged.
        among: labels of LOGIC, of CoCoLoFa (with ``none``) or of MAFALDA, spelled in any way; the
            head that was trained on the set they come from chooses between them. Some kinds of
            MAFALDA are in no training set and never chosen.
        progress: called after every batch.
    """
    if not texts:
        return []
    task, column = _head_for(among)
    logits = _readings(texts, "fallacies", progress)[task]
    known = [(name, place) for name in among if (place := column(name)) is not None]
    if not known:
        return [among[0]] * len(texts)
    chosen = logits[:, [place for _, place in known]].argmax(axis=1)
    return [known[i][0] for i in chosen]


def knows_fallacy(label: str) -> bool:
    """Whether a label, spelled in any way, is one that ``fallacies_of`` can choose."""
    known = (*facts("logic")["labels"], *facts("cocolofa")["labels"])
    return kind_of(label) is not None or plain(label) in {plain(name) for name in known}


def _head_for(among: Sequence[str]) -> tuple[str, Callable[[str], int | None]]:
    """The task whose labels these are, and the column of a label."""
    for task in ("logic", "cocolofa"):
        places = {plain(name): place for place, name in enumerate(facts(task)["labels"])}
        if all(plain(name) in places for name in among):
            return task, lambda name, places=places: places[plain(name)]
    names = list(facts("fallacy")["labels"])

    def column(name: str) -> int | None:
        kind = kind_of(name)
        wanted = NONE if plain(name) == NONE else kind.name if kind else plain(name)
        return names.index(wanted) if wanted in names else None

    return "fallacy", column


def fallacy_spans(texts: Sequence[str], progress: Progress = silent) -> list[list[Span]]:
    """What the analyst would mark in each text, taken as words of one speaker."""
    places = [spans_of(text) for text in texts]
    sentences = [
        [text[begin:end] for begin, end in inside]
        for text, inside in zip(texts, places, strict=True)
    ]
    every = [sentence for inside in sentences for sentence in inside]
    if not every:
        return [[] for _ in texts]
    readings = load_embedder().judge(every, [load_branch("fallacies"), load_branch("affect")])
    logits, feelings = readings["fallacy"], readings["emotion"]
    scale, found, first = Scale.shipped(), [], 0
    for number, (inside, parts) in enumerate(zip(places, sentences, strict=True), 1):
        here = slice(first, first + len(parts))
        first += len(parts)
        passages = find_passages(
            parts, [None] * len(parts), (logits[here], feelings[here]), read_passages, scale
        )
        found.append([(inside[p.first][0], inside[p.last][1], p.label) for p in passages])
        progress(number / len(texts), f"{number} of {len(texts)} texts")
    return found
