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

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

BATCH = 32
MOST_WINDOWS = 16

_loading = threading.Lock()


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

    def encode(self, texts: Sequence[str], progress: Progress = silent) -> NDArray[np.float32]:
        """One batched pass over all texts.

        A text of white space or nothing gives the model's vector of an empty sentence. Other
        threads run meanwhile.

        Args:
            texts: in any order; a vector does not depend on its neighbours (within 1e-5).
            progress: called after every batch.

        Returns:
            float32 rows of length 1, shape (len(texts), dimension), in the order of the texts.
        """
        windows, owners = self._windows(texts)
        lengths = np.array([len(window) for window in windows], np.int64)
        sums = np.zeros((len(texts), self.dimension), np.float32)
        order = np.argsort(-lengths, kind="stable")
        for begin in range(0, len(order), BATCH):
            chosen = order[begin : begin + BATCH]
            vectors = self._run([windows[i] for i in chosen])
            np.add.at(sums, owners[chosen], vectors * lengths[chosen, None])
            done = min(begin + BATCH, len(order))
            progress(done / len(order), f"{done} of {len(order)} passages")
        return np.asarray(sums / np.linalg.norm(sums, axis=1, keepdims=True))

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

    def _run(self, windows: list[list[int]]) -> NDArray[np.float32]:
        ids = np.zeros((len(windows), max(map(len, windows))), np.int64)
        mask = np.zeros_like(ids)
        for row, window in enumerate(windows):
            ids[row, : len(window)] = window
            mask[row, : len(window)] = 1
        vectors: NDArray[np.float32]
        (vectors,) = self._session.run(["vectors"], {"ids": ids, "mask": mask})
        return vectors


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
    import onnxruntime
    from tokenizers import Tokenizer

    model = resources.files(__package__).joinpath("minilm.onnx").read_bytes()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Idle threads must sleep, not spin: other stages want the cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    packed = session.get_modelmeta().custom_metadata_map["tokenizer"]
    tokenizer = Tokenizer.from_str(lzma.decompress(base64.b85decode(packed)).decode())
    return Embedder(session, tokenizer)
