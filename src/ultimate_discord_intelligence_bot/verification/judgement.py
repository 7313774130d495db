"""What passages that retrieval found say about a claim, and how far that can be relied upon."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .alignment import Finding, align
from .stance import FLOOR, Stance, compare

CONFIDENCE: dict[tuple[Stance, str], float] = {
    ("supports", "figures"): 0.97,
    ("supports", "words"): 0.96,
    ("refutes", "figures"): 0.96,
    ("refutes", "dates"): 0.96,
    ("refutes", "words"): 0.96,
}
"""How often such a finding was right where it was measured: the half of VitaminC's pages that chose
nothing, pairs of a cosine of at least 0.6 (docs/analysis/verdicts.md). All refutations share one
figure, since some kinds are rare."""


def weigh(
    claim: str, passages: Sequence[str], similarities: NDArray[np.float32]
) -> list[tuple[Stance, float, str]]:
    """What each passage says about a claim.

    Two readers look at every passage: ``compare``, for which both must say the same in the same
    words, and ``align``, which finds the claim within more. Where they contradict each other
    nothing is said.

    Args:
        claim: one sentence that can be understood alone.
        passages: a few sentences each. One that needs its title begins with it ("Venus: It has no
            moon").
        similarities: cosine of each passage to the claim; shape (passages,).

    Returns:
        For each passage its stance; the confidence, 0 to 1: the share of such findings that was
        right where it was measured, 0 when related; and the reason in one clause.
    """
    found = []
    for passage, similarity in zip(passages, similarities, strict=True):
        stance, ground, reason = _read(claim, passage, float(similarity))
        found.append((stance, CONFIDENCE.get((stance, ground), 0.0), reason))
    return found


def _read(claim: str, passage: str, similarity: float) -> Finding:
    if similarity < FLOOR:
        return Finding("related", "", "")
    aligned = align(claim, passage)
    stance, reason = compare(claim, passage, similarity)
    if stance == "related":
        return aligned
    if aligned.stance not in ("related", stance):
        return Finding("related", "", "")
    return Finding(stance, "figures" if stance == "supports" else "words", reason)
