"""One process owns a data folder; the kernel gives it back when that process ends.

``owner.lock`` names the process that holds it, and where it answers the questions of others.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import NamedTuple

from ..errors import DataFolderInUse, storage_error
from .service import Address


class Owner(NamedTuple):
    """Who has a data folder; what is not known is None."""

    process: int | None
    service: Address | None


class Ownership:
    """An exclusive lock on ``owner.lock``.

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
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise storage_error(error, path) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.fchmod(self._descriptor, 0o600)
            self._write({"process": os.getpid()})
        except BlockingIOError:
            os.close(self._descriptor)
            owner = owner_of(data_dir)
            who = f"process {owner.process}" if owner.process else "another process"
            raise DataFolderInUse(f"{data_dir} is in use by {who}.") from None
        except OSError as error:
            os.close(self._descriptor)
            raise storage_error(error, path) from error

    def announce(self, service: Address) -> None:
        """Tell other processes where the memory answers."""
        key = service.key.hex()
        self._write({"process": os.getpid(), "path": service.path, "key": key})

    def _write(self, card: dict[str, object]) -> None:
        data = json.dumps(card).encode()
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, data, 0)

    def close(self) -> None:
        """Let others have the folder."""
        os.close(self._descriptor)


def owner_of(data_dir: Path) -> Owner:
    """Who had a data folder last; may have ended since."""
    try:
        card = json.loads((data_dir / "owner.lock").read_bytes())
        process = int(card["process"])
    except (OSError, ValueError, KeyError, TypeError):
        return Owner(None, None)
    try:
        return Owner(process, Address(str(card["path"]), bytes.fromhex(card["key"])))
    except (KeyError, TypeError, ValueError):
        return Owner(process, None)
