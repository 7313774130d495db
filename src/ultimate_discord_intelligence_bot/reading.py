"""Reading a transcript with the encoder: in one pass, or piece by piece while it is written."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Sequence

import numpy as np

from . import analysis
from .embedding import Branch, load_embedder
from .events import Progress, silent
from .models.artifact import Vectors
from .models.transcript import Transcript

_USUAL, _MOST = 32, 64
"""Sentences of a batch of recognised speech."""

_Texts = tuple[str, ...]


class Reading:
    """What the encoder makes of the sentences of one recording. Thread-safe.

    The last digits of a vector depend on what is read beside it. What was recognised is therefore
    read in batches whose borders follow from the words alone: they are the same, to the last
    digit, whether they were read ahead or not.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[tuple[bool, _Texts], Vectors] = {}
        self._begun: _Texts = ()

    def ahead(self, texts: Sequence[str], language: str | None) -> None:
        """Read what is probably the next part of a transcript. Takes its time.

        Args:
            texts: sentences; those of a batch that is not full yet are read with the next part.
            language: of the recording, as far as it is known.
        """
        with self._lock:
            *full, self._begun = _batches([*self._begun, *texts])
            for batch in full:
                self._read(batch, analysis.applies_to(language), silent)

    def whole(self, transcript: Transcript, progress: Progress) -> Vectors:
        """The vectors of a transcript, with the readings of all branches where they apply.

        Args:
            transcript: of which some may have been read ahead.
            progress: told how far the reading is.
        """
        texts = tuple(segment.text for segment in transcript.segments)
        known = analysis.applies_to(transcript.language)
        with self._lock:
            if transcript.origin != "speech recognition" or not texts:
                return self._read(texts, known, progress)
            found = []
            for batch in filter(None, _batches(texts)):
                found.append(self._read(batch, known, silent))
                done = sum(len(vectors.array) for vectors in found)
                progress(done / len(texts), f"{done} of {len(texts)} passages")
            return _joined(found)

    def _read(self, batch: _Texts, known: bool, progress: Progress) -> Vectors:
        if (known, batch) not in self._found:
            branches: Sequence[Branch] = analysis.load_branches() if known else ()
            read = load_embedder().read(batch, branches, progress)
            self._found[known, batch] = Vectors(*read)
        return self._found[known, batch]


def _batches(texts: Sequence[str]) -> list[_Texts]:
    """Full batches, and at last one that more could be added to.

    A text alone says whether a batch ends with it, so that one more or less changes one batch and
    not all that follow.
    """
    batches: list[list[str]] = [[]]
    for text in texts:
        batches[-1].append(text)
        ends = zlib.crc32(text.encode("utf-8", "replace")) % _USUAL == 0
        if ends or len(batches[-1]) == _MOST:
            batches.append([])
    return [tuple(batch) for batch in batches]


def _joined(parts: Sequence[Vectors]) -> Vectors:
    readings = {
        name: np.concatenate([part.readings[name] for part in parts]) for name in parts[0].readings
    }
    return Vectors(np.concatenate([part.array for part in parts]), readings)
