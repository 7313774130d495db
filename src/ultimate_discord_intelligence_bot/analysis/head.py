"""A linear classifier over the sentence vector: how it is kept and applied."""

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
    """Multinomial logistic regression.

    Attributes:
        labels: its classes.
        weights: shape (dimension, classes).
        bias: shape (classes,).
        measured: one clause with the figures on held-out data, written by the training script.
    """

    labels: tuple[str, ...]
    weights: Floats
    bias: Floats
    measured: str

    def logits(self, vectors: Floats) -> Floats:
        """One row of class logits for each vector."""
        return np.asarray(vectors @ self.weights + self.bias, np.float32)

    def save(self, path: Path) -> None:
        np.savez(
            path,
            labels=np.array(self.labels),
            weights=self.weights,
            bias=self.bias,
            measured=np.str_(self.measured),
        )

    @classmethod
    def load(cls, data: bytes) -> Head:
        with np.load(io.BytesIO(data), allow_pickle=False) as kept:
            labels = tuple(str(label) for label in kept["labels"])
            return cls(labels, kept["weights"], kept["bias"], str(kept["measured"]))


@cache
def load_head(name: str) -> Head:
    """The trained head that comes with the package as ``<name>.npz``."""
    return Head.load(resources.files(__package__).joinpath(f"{name}.npz").read_bytes())
