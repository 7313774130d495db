"""The trained branches of the encoder: what each reads, and how its logits become probabilities."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..embedding import Branch

Floats = NDArray[np.float32]

TASKS = {
    "claims": ("claim",),
    "fallacies": ("fallacy", "logic", "cocolofa"),
    "affect": ("emotion", "sentiment"),
}
"""What each branch judges; a branch is the file ``<name>.onnx``, with a model card beside it."""


@cache
def load_branch(name: str) -> Branch:
    """The branch of that name; loaded once for the process."""
    return Branch.load(_model(name))


@cache
def branches_digest() -> str:
    """Changes with the weights of any branch."""
    digest = hashlib.sha256()
    for name in TASKS:
        digest.update(_model(name))
    return digest.hexdigest()[:16]


def _model(name: str) -> bytes:
    return resources.files(__package__).joinpath(f"{name}.onnx").read_bytes()


def load_branches() -> tuple[Branch, ...]:
    """All branches, for one pass over a transcript."""
    return tuple(load_branch(name) for name in TASKS)


def facts(task: str) -> dict[str, Any]:
    """What training left behind for a task: labels, thresholds, calibration, figures."""
    branch = next(name for name, tasks in TASKS.items() if task in tasks)
    found: dict[str, Any] = load_branch(branch).facts[task]
    return found


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
