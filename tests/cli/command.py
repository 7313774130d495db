"""The command in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_AUTOINTEL = Path(sys.executable).with_name("autointel")


@contextmanager
def started(data_dir: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Runs while this is entered; it is killed if it goes on after that."""
    with subprocess.Popen(
        [_AUTOINTEL, *words],
        env={**os.environ, "AUTOINTEL_DATA_DIR": str(data_dir)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell may ignore it
    ) as process:
        try:
            yield process
        finally:
            process.kill()
