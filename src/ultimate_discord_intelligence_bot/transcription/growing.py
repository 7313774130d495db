"""Reading a file that is still being written."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

_WAIT = 0.05
"""Seconds between two looks at a file that has not grown."""

_READ = 1 << 20
_ATOMS_BEFORE_INDEX = 16


class GrowingFile:
    """A file that is read from its beginning to its end, waiting where the end is not final.

    What is read stays the same file when it is renamed meanwhile.

    Args:
        path: of a file that grows at its end.
        whole: set when the file will not grow any more.
    """

    def __init__(self, path: Path, whole: threading.Event) -> None:
        self.name = path.name
        self._file = path.open("rb", buffering=0)
        self._whole = whole
        self._hash = hashlib.sha256()

    def read(self, size: int) -> bytes:
        """The next bytes, at least one unless the file is whole and at its end."""
        while True:
            final = self._whole.is_set()  # asked first: what is written before it is set counts
            data = self._file.read(size) or b""
            if data or final:
                self._hash.update(data)
                return data
            self._whole.wait(_WAIT)

    def sha256(self) -> str:
        """The hash of the whole file; reads what is left of it."""
        while self.read(_READ):
            pass
        return self._hash.hexdigest()

    def index_is_last(self) -> bool:
        """Whether this is an MP4 that cannot be understood before its end is there.

        Waits until it has grown far enough to tell. Atoms: ISO/IEC 14496-12, section 4.2.
        """
        place = 0
        for _ in range(_ATOMS_BEFORE_INDEX):
            head = self._at(place, 16)
            kind = head[4:8]
            if kind == b"moov" or (place == 0 and kind != b"ftyp"):
                return False
            if kind == b"mdat" or len(head) < 16:
                return True
            size = int.from_bytes(head[8:16] if head[:4] == b"\0\0\0\1" else head[:4], "big")
            place += max(size, 8)
        return True

    def close(self) -> None:
        self._file.close()

    def _at(self, place: int, size: int) -> bytes:
        """Bytes somewhere in the file; the place of `read` stays."""
        while True:
            final = self._whole.is_set()
            data = os.pread(self._file.fileno(), size, place)
            if len(data) == size or final:
                return data
            self._whole.wait(_WAIT)


def whole_file(path: Path) -> GrowingFile:
    """A file that grows no more, read in the same way."""
    whole = threading.Event()
    whole.set()
    return GrowingFile(path, whole)
