"""Taking files into the library."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import DocumentRefused, InputError
from ..events import Progress, silent
from ..models.knowledge import Addition, Document, Refusal, Skipped
from .documents import content_id, read_bytes
from .folder import documents_at
from .library import Library
from .reader import Reader, Reading

_AT_ONCE = 256


class Encoder(Protocol):
    """Turns texts into unit-length rows, shape (texts, dimension), as ``embedding.Embedder``."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


async def add(
    library: Library,
    paths: Sequence[Path],
    encoder: Encoder,
    progress: Progress = silent,
) -> Addition:
    """Take in files and all documents below folders; what cannot be read is told, not raised.

    A file that is there already is left alone, one that has changed replaces what it was. Each
    document is whole in the library or not at all, so that an addition that was broken off is
    simply done again.

    Args:
        library: opened for the encoder's model.
        paths: files and folders.
        encoder: makes the vectors.
        progress: told which file is being read or embedded.

    Raises:
        StorageError: the library cannot be written.
    """
    added: list[Document] = []
    files, skipped, refused = await asyncio.to_thread(_gather, paths)
    unchanged = 0
    async with Reader() as reader:
        for number, path in enumerate(files):
            shown = _Shown(progress, number, len(files), path.name)
            try:
                document = await _add_one(library, path, reader, encoder, shown)
            except DocumentRefused as error:
                refused.append(Refusal(path=path, reason=error.message, remedy=error.remedy))
                continue
            if document is None:
                unchanged += 1
            else:
                added.append(document)
    progress(1.0, f"{len(files)} files")
    return Addition(
        added=tuple(added), unchanged=unchanged, refused=tuple(refused), skipped=skipped
    )


class _Shown:
    """Progress of one file among many."""

    def __init__(self, progress: Progress, number: int, of: int, name: str) -> None:
        self._progress, self._number, self._of, self._name = progress, number, of, name

    def __call__(self, fraction: float, doing: str) -> None:
        self._progress((self._number + fraction) / self._of, f"{self._name}: {doing}")


def _gather(paths: Sequence[Path]) -> tuple[list[Path], Skipped, list[Refusal]]:
    files: dict[Path, None] = {}
    skipped: Counter[str] = Counter()
    refused: list[Refusal] = []
    for path in paths:
        try:
            found = documents_at(path)
        except InputError as error:
            refused.append(Refusal(path=path, reason=error.message, remedy=error.remedy))
            continue
        files.update(dict.fromkeys(found.paths))
        refused += found.refused
        skipped += found.skipped
    return list(files), Skipped(**skipped), refused


async def _add_one(
    library: Library, path: Path, reader: Reader, encoder: Encoder, shown: _Shown
) -> Document | None:
    """The document that was added; None when it was there already."""
    shown(0.0, "reading")
    if await asyncio.to_thread(_is_there, library, path):
        return None
    reading = await reader.read(path)
    vectors = await _encode(reading, encoder, shown)
    return await asyncio.to_thread(library.keep, path, reading, vectors)


def _is_there(library: Library, path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise DocumentRefused(
            "Its name is no valid UTF-8.", "Rename it and add it again."
        ) from None
    return library.holds(path, content_id(read_bytes(path)))


async def _encode(reading: Reading, encoder: Encoder, shown: _Shown) -> NDArray[np.float32]:
    """Vectors of all passages, some at a time, so that it can be broken off."""
    texts = [passage.text for passage in reading.passages]
    parts = []
    for first in range(0, len(texts), _AT_ONCE):
        shown(first / len(texts), f"{first} of {len(texts)} passages")
        parts.append(await asyncio.to_thread(encoder.encode, texts[first : first + _AT_ONCE]))
    return np.concatenate(parts)
