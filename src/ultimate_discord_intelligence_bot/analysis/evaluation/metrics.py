"""The figures by which analysts are compared, as the literature defines them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass

NOTHING = ""
"""Among the labels of a gold span: perhaps nothing is wrong there."""


@dataclass(frozen=True)
class Agreement:
    """How well found items agree with true ones; all from 0 to 1."""

    precision: float
    recall: float
    f1: float

    @classmethod
    def of(cls, hits: int, found: int, true: int) -> Agreement:
        """From counts; what was asked of nothing is 0."""
        return cls(
            hits / found if found else 0.0,
            hits / true if true else 0.0,
            2 * hits / (found + true) if found + true else 0.0,
        )


def accuracy(truth: Sequence[object], found: Sequence[object]) -> float:
    """Share of texts with exactly the true answer."""
    return sum(a == b for a, b in zip(truth, found, strict=True)) / len(truth)


def agreement(
    label: Hashable,
    truth: Sequence[Collection[Hashable]],
    found: Sequence[Collection[Hashable]],
) -> Agreement:
    """For one label, over texts that each have a set of labels."""
    pairs = [(label in a, label in b) for a, b in zip(truth, found, strict=True)]
    return Agreement.of(
        sum(a and b for a, b in pairs), sum(b for _, b in pairs), sum(a for a, _ in pairs)
    )


def macro_f1(
    labels: Collection[Hashable],
    truth: Sequence[Collection[Hashable]],
    found: Sequence[Collection[Hashable]],
) -> float:
    """Mean over the labels of their F1; a label that neither occurs nor is found counts as 0."""
    return sum(agreement(label, truth, found).f1 for label in labels) / len(labels)


def micro_f1(truth: Sequence[Collection[Hashable]], found: Sequence[Collection[Hashable]]) -> float:
    """F1 over all labels of all texts together."""
    return Agreement.of(
        sum(len(set(a) & set(b)) for a, b in zip(truth, found, strict=True)),
        sum(len(set(b)) for b in found),
        sum(len(set(a)) for a in truth),
    ).f1


# -- spans ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Span:
    """A passage of a text and what it may be called; several labels are alternatives.

    Attributes:
        begin, end: characters, the end excluded.
    """

    begin: int
    end: int
    labels: frozenset[str]


def span_agreement(found: Sequence[Span], gold: Sequence[Span]) -> Agreement:
    """One text by the measure of MAFALDA (Helwe et al., NAACL 2024, section 5).

    A found span scores the share of its length that lies in a gold span with a label of its own,
    taken where that is largest; precision is the mean of this. Recall is the mean over gold spans
    of the largest share of them that one found span with their label covers; a gold span that may
    be nothing need not be found. Finding nothing is precise, and where nothing must be found
    recall is full, so that silence on a text without fallacies is F1 1, and an alarm there F1 0.
    """
    precision = recall = 1.0
    if found:
        best = (max((_shared(span, other, span) for other in gold), default=0.0) for span in found)
        precision = sum(best) / len(found)
    needed = [span for span in gold if NOTHING not in span.labels]
    if needed:
        best = (max((_shared(one, span, span) for one in found), default=0.0) for span in needed)
        recall = sum(best) / len(needed)
    total = precision + recall
    return Agreement(precision, recall, 2 * precision * recall / total if total else 0.0)


def _shared(span: Span, gold: Span, whole: Span) -> float:
    """Share of ``whole`` that a found span has in common with a gold span of its label."""
    if not span.labels & gold.labels - {NOTHING}:
        return 0.0
    common = max(0, min(span.end, gold.end) - max(span.begin, gold.begin))
    return common / max(whole.end - whole.begin, 1)


def mean(scores: Sequence[Agreement]) -> Agreement:
    """Mean over texts, of each number by itself."""
    count = len(scores)
    return Agreement(
        sum(score.precision for score in scores) / count,
        sum(score.recall for score in scores) / count,
        sum(score.f1 for score in scores) / count,
    )


# -- boundaries ----------------------------------------------------------------------------------


def half_length(turns: int, boundaries: Collection[int]) -> int:
    """The window of both measures below: half of the true mean length of a segment."""
    return max(1, round(turns / (len(boundaries) + 1) / 2))


def pk(turns: int, truth: Collection[int], found: Collection[int]) -> float:
    """Share of probes on which both disagree whether two turns share a segment; lower is better.

    Beeferman, Berger & Lafferty 1999.

    Args:
        turns: how many there are.
        truth: turns that begin a segment, without the first.
        found: the same, as found.
    """
    return _probes(turns, truth, found, lambda a, b: bool(a) != bool(b))


def window_diff(turns: int, truth: Collection[int], found: Collection[int]) -> float:
    """As ``pk``, but the number of boundaries in the window must agree (Pevzner & Hearst 2002)."""
    return _probes(turns, truth, found, lambda a, b: a != b)


def _probes(
    turns: int,
    truth: Collection[int],
    found: Collection[int],
    differ: Callable[[int, int], bool],
) -> float:
    window = half_length(turns, truth)
    probes = turns - window
    if probes < 1:
        return 0.0

    def before(boundaries: Collection[int]) -> list[int]:
        """How many boundaries lie at or before each turn."""
        marks, count, counts = set(boundaries), 0, []
        for turn in range(turns):
            count += turn in marks
            counts.append(count)
        return counts

    a, b = before(truth), before(found)
    wrong = sum(differ(a[i + window] - a[i], b[i + window] - b[i]) for i in range(probes))
    return wrong / probes


def boundary_agreement(
    truth: Collection[int], found: Collection[int], tolerance: int = 1
) -> Agreement:
    """Boundaries that are found at most ``tolerance`` turns away, each counted once."""
    free, hits = sorted(found), 0
    for boundary in sorted(truth):
        near = [other for other in free if abs(other - boundary) <= tolerance]
        if near:
            free.remove(min(near, key=lambda other: abs(other - boundary)))
            hits += 1
    return Agreement.of(hits, len(found), len(truth))
