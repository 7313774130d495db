"""One bot has a data folder: two would both answer every command and edit every message."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from ..closing import Closing
from ..errors import BotRunning, storage_error


class Lock(Closing):
    """An exclusive lock on a file that names its process; the kernel frees it with the process.

    Args:
        path: of the file; made when it is not there.

    Raises:
        BotRunning: another bot has it.
        NotWritable, DiskFull: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+")
        except OSError as error:
            raise storage_error(error, path) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._file.truncate(0)
            self._file.write(str(os.getpid()))
            self._file.flush()
        except BlockingIOError:
            self._file.seek(0)
            process = self._file.read(20)
            self._file.close()
            raise BotRunning(f"Process {process} is the bot of {path.parent} already.") from None
        except OSError as error:
            self._file.close()
            raise storage_error(error, path) from error

    def close(self) -> None:
        """Let another bot have it."""
        self._file.close()
