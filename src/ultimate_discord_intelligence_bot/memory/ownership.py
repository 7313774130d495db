"""One process owns a data folder; the kernel gives it back when that process ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from ..errors import DataFolderInUse, storage_error


class Ownership:
    """An exclusive lock on ``owner.lock``, which names the process that holds it.

    The lock belongs to the open file, not to the file's existence, so what a killed process left
    behind blocks nobody.

    Raises:
        DataFolderInUse: another process holds it.
        NotWritable: the folder cannot be made or written to.
    """

    def __init__(self, data_dir: Path) -> None:
        path = data_dir / "owner.lock"
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise storage_error(error, path) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)
        except BlockingIOError:
            owner = os.pread(self._descriptor, 20, 0).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            who = f"process {owner}" if owner.isdigit() else "another process"
            raise DataFolderInUse(f"{data_dir} is in use by {who}.") from None
        except OSError as error:
            os.close(self._descriptor)
            raise storage_error(error, path) from error

    def close(self) -> None:
        """Let others have the folder."""
        os.close(self._descriptor)
