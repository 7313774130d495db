"""Reading a transcript with the encoder: in one pass, or piece by piece while it is written."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from . import analysis
from .embedding import Branch, load_embedder
from .events import Progress, silent
from .models.artifact import Vectors
from .models.transcript import Transcript

_Row = dict[str, NDArray[np.float32]]
_VECTOR = ""
"""Where a row keeps its vector, beside the logits of each task."""


class Reading:
    """What the encoder makes of the sentences of one recording. Thread-safe.

    A text is read once, however often it is said.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[tuple[bool, str], _Row] = {}

    def ahead(self, texts: Sequence[str], language: str | None) -> None:
        """Read texts that are probably part of the transcript. Takes its time."""
        with self._lock:
            self._read(texts, analysis.applies_to(language), silent)

    def whole(self, transcript: Transcript, progress: Progress) -> Vectors:
        """The vectors of a transcript, with the readings of all branches where they apply.

        Args:
            transcript: of which some sentences may have been read before.
            progress: told how far the rest is.
        """
        texts = [segment.text for segment in transcript.segments]
        known = analysis.applies_to(transcript.language)
        with self._lock:
            self._read(texts, known, progress)
            rows = [self._rows[known, text] for text in texts]
        arrays = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        return Vectors(arrays.pop(_VECTOR), arrays)

    def _read(self, texts: Sequence[str], known: bool, progress: Progress) -> None:
        new = [text for text in dict.fromkeys(texts) if (known, text) not in self._rows]
        if not new:
            return
        branches: Sequence[Branch] = analysis.load_branches() if known else ()
        vectors, readings = load_embedder().read(new, branches, progress)
        for row, text in enumerate(new):
            logits = {name: found[row] for name, found in readings.items()}
            self._rows[known, text] = {_VECTOR: vectors[row], **logits}
