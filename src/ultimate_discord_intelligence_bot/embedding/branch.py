"""A branch of the encoder: layers trained for one kind of judgement, grown from its middle."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .session import open_session

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Floats = NDArray[np.float32]


class Branch:
    """Reads texts that the encoder is reading anyway. Thread-safe.

    Attributes:
        tasks: what it judges; the names of its outputs.
        facts: what its training left behind (labels, thresholds, figures), by task.
    """

    def __init__(self, session: InferenceSession) -> None:
        self._session = session
        self.tasks: tuple[str, ...] = tuple(output.name for output in session.get_outputs())
        self.facts: dict[str, Any] = json.loads(
            session.get_modelmeta().custom_metadata_map["facts"]
        )

    @classmethod
    def load(cls, model: bytes) -> Branch:
        """The branch that an ONNX file holds."""
        return cls(open_session(model))

    def read(self, hidden: Floats, mask: NDArray[np.int64]) -> dict[str, Floats]:
        """Logits of every text, shape (texts, classes), by task.

        Args:
            hidden: what the encoder's trunk makes of each token; shape (texts, tokens, dimension).
            mask: 1 where there is a token; shape (texts, tokens).
        """
        found = self._session.run(list(self.tasks), {"hidden": hidden, "mask": mask})
        return dict(zip(self.tasks, found, strict=True))
