"""all-MiniLM-L6-v2 through onnxruntime, from one file inside the package."""

from __future__ import annotations

import base64
import lzma
import threading
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..events import Progress, silent
from ..machine import cores, watch
from .branch import Branch
from .session import open_session, run_to

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

Floats = NDArray[np.float32]

BATCH = 32
PIECES = 1024
"""Windows, and word pieces in them, that are read together: the memory goes with the pieces, and
more of them are not read faster."""

MOST_WINDOWS = 16

_VECTORS, _HIDDEN = "vectors", "hidden"

_loading = threading.Lock()

_turns = threading.Semaphore(max(1, cores() // 4))
"""A batch uses several cores; more of them at once take memory and are not faster."""


class Embedder:
    """Turns texts into unit vectors. Thread-safe; one for the whole process is enough.

    Attributes:
        name: of the model; a store of vectors keeps it and refuses any other.
        dimension: length of a vector.
        window: word pieces the model sees at once, its two marks included. A longer text is cut
            into windows without overlap; its vector is the mean of theirs, weighted by length. Of a
            text with more than 16 windows (over 4,000 pieces) 16 are read, evenly spread.
    """

    def __init__(self, session: InferenceSession, tokenizer: Tokenizer) -> None:
        facts = session.get_modelmeta().custom_metadata_map
        self.name: str = facts["name"]
        self.window = int(facts["window"])
        self.dimension: int = session.get_outputs()[0].shape[1]
        self._session = session
        self._tokenizer = tokenizer
        self._first, self._last = tokenizer.encode("").ids

    def encode(self, texts: Sequence[str], progress: Progress = silent) -> Floats:
        """One batched pass over all texts.

        A text of white space or nothing gives the model's vector of an empty sentence. Other
        threads run meanwhile.

        Args:
            texts: in any order; a vector does not depend on its neighbours (within 1e-5).
            progress: called after every batch.

        Returns:
            float32 rows of length 1, shape (len(texts), dimension), in the order of the texts.
        """
        return self.read(texts, (), progress)[0]

    def read(
        self, texts: Sequence[str], branches: Sequence[Branch], progress: Progress = silent
    ) -> tuple[Floats, dict[str, Floats]]:
        """As ``encode``; in the same pass each branch judges every text.

        Returns:
            The vectors; and the logits by task, shape (len(texts), classes). Those of a text of
            several windows are their mean, weighted by length.
        """
        sums, lengths = self._passes(texts, branches, True, progress)
        if not len(texts):
            return np.zeros((0, self.dimension), np.float32), {}
        vectors = sums.pop(_VECTORS)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), {
            name: rows / lengths for name, rows in sums.items()
        }

    def judge(
        self, texts: Sequence[str], branches: Sequence[Branch], progress: Progress = silent
    ) -> dict[str, Floats]:
        """The logits of ``read`` without the vectors: half the work for one branch."""
        sums, lengths = self._passes(texts, branches, False, progress)
        return {name: rows / lengths for name, rows in sums.items()}

    def _passes(
        self, texts: Sequence[str], branches: Sequence[Branch], vectors: bool, progress: Progress
    ) -> tuple[dict[str, Floats], Floats]:
        """Sums over the windows of each text, weighted by their length; and its whole length."""
        windows, owners = self._windows(texts)
        lengths = np.array([len(window) for window in windows], np.float32)
        whole = np.zeros((len(texts), 1), np.float32)
        np.add.at(whole[:, 0], owners, lengths)
        sums: dict[str, Floats] = {}
        order = np.argsort(-lengths, kind="stable")
        done = 0
        while done < len(order):
            chosen = order[done : done + _at_once(int(lengths[order[done]]))]
            with _turns:
                found = self._run([windows[i] for i in chosen], branches, vectors)
            for name, rows in found.items():
                if name not in sums:
                    sums[name] = np.zeros((len(texts), rows.shape[1]), np.float32)
                np.add.at(sums[name], owners[chosen], rows * lengths[chosen, None])
            done += len(chosen)
            progress(done / len(order), f"{done} of {len(order)} passages")
        return sums, whole

    def _windows(self, texts: Sequence[str]) -> tuple[list[list[int]], NDArray[np.int64]]:
        """Word pieces of every window, and for each the index of its text."""
        # A lone surrogate is legal in a Python string but not in UTF-8.
        clean = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        windows: list[list[int]] = []
        owners: list[int] = []
        room = self.window - 2
        for owner, encoding in enumerate(
            self._tokenizer.encode_batch_fast(clean, add_special_tokens=False)
        ):
            pieces = encoding.ids
            for begin in _spread(range(0, max(len(pieces), 1), room)):
                windows.append([self._first, *pieces[begin : begin + room], self._last])
                owners.append(owner)
        return windows, np.array(owners, np.int64)

    def _run(
        self, windows: list[list[int]], branches: Sequence[Branch], vectors: bool
    ) -> dict[str, Floats]:
        """Vectors of the windows, where wanted, and what the branches read in them, by name."""
        ids = np.zeros((len(windows), max(map(len, windows))), np.int64)
        mask = np.zeros_like(ids)
        for row, window in enumerate(windows):
            ids[row, : len(window)] = window
            mask[row, : len(window)] = 1
        wanted = [_VECTORS] * vectors + [_HIDDEN] * bool(branches)
        found = run_to(self._session, wanted, {"ids": ids, "mask": mask})
        hidden = found.pop(_HIDDEN, None)
        for branch in branches:
            found |= branch.read(hidden, mask)
        return found


def _at_once(longest: int) -> int:
    """Windows of at most so many pieces that are read together: fewer while memory is short."""
    pieces = PIECES // 4 if watch.is_short() else PIECES
    return max(1, min(BATCH, pieces // longest))


def _spread(begins: range) -> list[int]:
    """All window beginnings, or ``MOST_WINDOWS`` of them at even distances."""
    if len(begins) <= MOST_WINDOWS:
        return list(begins)
    return [begins[i] for i in np.linspace(0, len(begins) - 1, MOST_WINDOWS, dtype=int)]


def load_embedder() -> Embedder:
    """The embedder of this process: loaded on the first call, shared from then on."""
    with _loading:
        return _load()


@cache
def _load() -> Embedder:
    from tokenizers import Tokenizer

    session = open_session(resources.files(__package__).joinpath("minilm.onnx").read_bytes())
    packed = session.get_modelmeta().custom_metadata_map["tokenizer"]
    tokenizer = Tokenizer.from_str(lzma.decompress(base64.b85decode(packed)).decode())
    return Embedder(session, tokenizer)
