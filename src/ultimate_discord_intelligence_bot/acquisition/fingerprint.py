"""What an input is made of, as one hash."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..errors import FileMissing
from ..models.media import Locator
from .sidecar import sidecars


def fingerprint(locator: Locator) -> str:
    """A name for the present content of an input: another content, another name.

    For a file a hash over its bytes and those of the caption files beside it, for a web page its
    address. Reads every byte; about 1 s per GB.

    Raises:
        FileMissing: the file is gone or cannot be read.
    """
    if locator.kind == "web":
        return hashlib.sha256(locator.value.encode()).hexdigest()
    path = Path(locator.value)
    whole = hashlib.sha256(file_hash(path).encode())
    for sidecar in sidecars(path):
        whole.update(f"\x1f{sidecar.path.name}\x1f{file_hash(sidecar.path)}".encode())
    return whole.hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of a file, hexadecimal, read in blocks.

    Raises:
        FileMissing: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FileMissing(f"{path} cannot be read ({error.strerror}).") from error
