"""The trained branches of the encoder: what each reads, and how its logits become probabilities."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..embedding import Branch

Floats = NDArray[np.float32]

NAMES = ("claims", "fallacies", "affect")
"""Each is a file of this package, ``<name>.onnx``, with a model card beside it."""


@cache
def load_branch(name: str) -> Branch:
    """The branch of that name; loaded once for the process."""
    return Branch.load(resources.files(__package__).joinpath(f"{name}.onnx").read_bytes())


def load_branches() -> tuple[Branch, ...]:
    """All branches, for one pass over a transcript."""
    return tuple(load_branch(name) for name in NAMES)


def facts(task: str) -> dict[str, Any]:
    """What training left behind for a task: labels, thresholds, calibration, figures."""
    found = (load_branch(name).facts.get(task) for name in NAMES)
    return next(fact for fact in found if fact is not None)


def sigmoid(logits: Floats) -> Floats:
    """Probability of each class by itself."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -60, 60))), np.float32)


def softmax(logits: Floats) -> Floats:
    """Probabilities of classes of which exactly one holds; rows add up to 1."""
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True), np.float32)


def claim_probabilities(logits: Floats) -> Floats:
    """Calibrated probability of being check-worthy, from logits of shape (texts, 1)."""
    fact = facts("claim")
    return sigmoid(np.asarray(fact["slope"] * logits[:, 0] + fact["shift"], np.float32))
