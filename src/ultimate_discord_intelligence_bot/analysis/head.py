"""Linear classifiers over frozen sentence vectors: how they are kept and applied."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Head:
    """Multinomial logistic regression; scaling of inputs and calibration are in the weights.

    Attributes:
        weights: shape (inputs, classes).
        bias: shape (classes,).
        measured: one clause with the figures on held-out data, written by the training script.
        threshold: probability of the last class from which it counts as found; 0 when unused.
    """

    weights: Floats
    bias: Floats
    measured: str
    threshold: float = 0.0

    def probabilities(self, inputs: Floats) -> Floats:
        """One row of class probabilities for each row of inputs."""
        logits = inputs @ self.weights + self.bias
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)

    def save(self, path: Path) -> None:
        np.savez(
            path,
            weights=self.weights,
            bias=self.bias,
            measured=np.str_(self.measured),
            threshold=np.float64(self.threshold),
        )

    @classmethod
    def load(cls, data: bytes) -> Head:
        with np.load(io.BytesIO(data), allow_pickle=False) as kept:
            return cls(
                kept["weights"], kept["bias"], str(kept["measured"]), float(kept["threshold"])
            )


@cache
def load_head(name: str) -> Head:
    """The trained head that comes with the package: ``claims`` or ``sentiment``."""
    return Head.load(resources.files(__package__).joinpath(f"{name}.npz").read_bytes())
