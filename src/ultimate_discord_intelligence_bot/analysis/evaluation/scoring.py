"""A labelled file and the analysts that ship: how well do they agree?"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...embedding import load_embedder
from ...events import Progress, silent
from .. import readers
from ..branches import facts
from ..chapters import find_boundaries
from ..taxonomy import kind_of
from . import files
from .files import FALLACY, NO_FALLACY
from .metrics import (
    NOTHING,
    Agreement,
    Span,
    accuracy,
    agreement,
    boundary_agreement,
    macro_f1,
    mean,
    micro_f1,
    pk,
    span_agreement,
    window_diff,
)
from .texttiling import text_tiling

Scores = dict[str, Any]
"""Figures by name, ready for JSON: from 0 to 1, counts, or the same by label or baseline."""

_DIGITS = 4


def evaluate(task: str, path: Path, progress: Progress = silent) -> Scores:
    """Score a labelled file.

    Args:
        task: one of ``TASKS``.
        path: JSON lines, as ``autointel evaluate --help`` describes them.
        progress: called now and then.

    Raises:
        EvaluationFileInvalid: the file cannot be read or a line of it not understood.
    """
    scores = {"task": task, **TASKS[task](path, progress)}
    return {name: _rounded(value) for name, value in scores.items()}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DIGITS)
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    return value


def _claims(path: Path, progress: Progress) -> Scores:
    texts, truth = _columns(files.claims_in(path))
    found = readers.are_claims(texts, progress)
    positive = _binary(truth, found)
    return {
        "rows": len(texts),
        "positive_share": sum(truth) / len(truth),
        "positive_f1": positive.f1,
        "precision": positive.precision,
        "recall": positive.recall,
        "macro_f1": macro_f1([True, False], [{t} for t in truth], [{f} for f in found]),
        "accuracy": accuracy(truth, found),
    }


def _binary(truth: Sequence[bool], found: Sequence[bool]) -> Agreement:
    return agreement(True, [{t} for t in truth], [{f} for f in found])


def _emotion(path: Path, progress: Progress) -> Scores:
    texts, truth = _columns(files.emotions_in(path))
    found = readers.emotions_of(texts, progress)
    names: list[str] = facts("emotion")["labels"]
    return {
        "rows": len(texts),
        "macro_f1": macro_f1(names, truth, found),
        "micro_f1": micro_f1(truth, found),
        "accuracy": accuracy(truth, [frozenset(labels) for labels in found]),
        "per_label": {name: agreement(name, truth, found).f1 for name in names},
    }


def _sentiment(path: Path, progress: Progress) -> Scores:
    texts, truth = _columns(files.sentiments_in(path))
    found = readers.sentiments_of(texts, progress)
    return {"rows": len(texts)} | _classes(truth, found, sorted(set(truth)))


def _classes(truth: Sequence[str], found: Sequence[str], names: Sequence[str]) -> Scores:
    """Figures where every text has one label."""
    sets = [{label} for label in truth], [{label} for label in found]
    each = {name: agreement(name, *sets) for name in names}
    return {
        "macro_f1": macro_f1(names, *sets),
        "macro_recall": sum(one.recall for one in each.values()) / len(each),
        "accuracy": accuracy(truth, found),
        "per_label": {name: one.f1 for name, one in each.items()},
    }


def _fallacies(path: Path, progress: Progress) -> Scores:
    texts, truth = _columns(files.fallacies_in(path))
    names = sorted(set(truth))
    scores: Scores = {"rows": len(texts)}
    if FALLACY not in names:
        scores |= _classes(truth, readers.fallacies_of(texts, names, progress), names)
    if NO_FALLACY in names or FALLACY in names:
        told = readers.are_fallacious(texts, progress)
        detected = _binary([label != NO_FALLACY for label in truth], told)
        scores |= {
            "detection_f1": detected.f1,
            "detection_precision": detected.precision,
            "detection_recall": detected.recall,
        }
    kinds = [name for name in names if name not in (NO_FALLACY, FALLACY)]
    if kinds and len(kinds) < len(names):
        rows = [(text, label) for text, label in zip(texts, truth, strict=True) if label in kinds]
        told_kinds = readers.fallacies_of([text for text, _ in rows], kinds, progress)
        sorted_out = _classes([label for _, label in rows], told_kinds, kinds)
        scores["kind_macro_f1"] = sorted_out["macro_f1"]
    return scores


def _fallacy_spans(path: Path, progress: Progress) -> Scores:
    rows = files.spans_in(path)
    told = readers.fallacy_spans([text for text, _ in rows], progress)
    levels: dict[str, list[Agreement]] = {"level0": [], "level1": [], "level2": []}
    for (_, gold), spans in zip(rows, told, strict=True):
        found = [Span(begin, end, frozenset({label})) for begin, end, label in spans]
        for level, scores_of in enumerate(levels.values()):
            scores_of.append(
                span_agreement([_at(level, s) for s in found], [_at(level, s) for s in gold])
            )
    marked = [gold for (_, gold), spans in zip(rows, told, strict=True) if spans]
    clean = [gold for gold in marked if all(NOTHING in span.labels for span in gold)]
    scores: Scores = {
        "rows": len(rows),
        "marked": len(marked),
        "marked_without_cause": len(clean),
    }
    for name, found_at in levels.items():
        average = mean(found_at)
        scores |= {f"{name}_{part}": value for part, value in dataclasses.asdict(average).items()}
    return scores


def _at(level: int, span: Span) -> Span:
    """The span with its labels of that level: 0 any fallacy, 1 category, 2 kind."""
    if level == 2:
        return span
    labels = set()
    for label in span.labels:
        kind = kind_of(label)
        category = kind.category if kind else label
        labels.add(NOTHING if label == NOTHING else "fallacy" if level == 0 else category)
    return Span(span.begin, span.end, frozenset(labels))


def _segments(path: Path, progress: Progress) -> Scores:
    rows = files.conversations_in(path)
    ways: dict[str, list[Scores]] = {}
    for number, row in enumerate(rows, 1):
        vectors = load_embedder().encode(row.turns)
        ours = find_boundaries(row.turns, vectors)
        for name, found in {
            "ours": ours,
            "text_tiling": text_tiling(row.turns),
            "text_tiling_true_number": text_tiling(row.turns, len(row.boundaries)),
            "equal_length": _equal(len(row.turns), len(ours)),
            "equal_length_true_number": _equal(len(row.turns), len(row.boundaries)),
        }.items():
            ways.setdefault(name, []).append(_boundaries(row, found))
        progress(number / len(rows), f"{number} of {len(rows)} conversations")
    means = {
        name: {figure: sum(one[figure] for one in each) / len(each) for figure in each[0]}
        for name, each in ways.items()
    }
    ours_mean = means.pop("ours")
    return {
        "rows": len(rows),
        **ours_mean,
        "baselines": means,
        "beats_baselines": {
            figure: all(
                _better(figure, ours_mean[figure], other[figure]) for other in means.values()
            )
            for figure in ("pk", "window_diff", "boundary_f1")
        },
    }


def _better(figure: str, one: float, other: float) -> bool:
    return one > other if figure == "boundary_f1" else one < other


def _boundaries(row: files.Conversation, found: Sequence[int]) -> Scores:
    near = boundary_agreement(row.boundaries, found)
    return {
        "pk": pk(len(row.turns), row.boundaries, found),
        "window_diff": window_diff(len(row.turns), row.boundaries, found),
        "boundary_f1": near.f1,
        "boundary_precision": near.precision,
        "boundary_recall": near.recall,
        "segments": float(len(found) + 1),
    }


def _equal(turns: int, boundaries: int) -> list[int]:
    """Boundaries at equal distances."""
    places = (round(turns * i / (boundaries + 1)) for i in range(1, boundaries + 1))
    return sorted({place for place in places if 0 < place < turns})


def _columns(rows: Sequence[tuple[str, Any]]) -> tuple[list[str], list[Any]]:
    return [text for text, _ in rows], [label for _, label in rows]


TASKS: Mapping[str, Callable[[Path, Progress], Scores]] = {
    "claims": _claims,
    "fallacies": _fallacies,
    "fallacy-spans": _fallacy_spans,
    "emotion": _emotion,
    "sentiment": _sentiment,
    "segments": _segments,
}
"""What can be scored, and how."""
