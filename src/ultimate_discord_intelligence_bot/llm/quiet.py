"""Imports CrewAI so that it is silent, private, and writes nothing into the user's home."""

from __future__ import annotations

import gc
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from pathlib import Path

QUIET = {
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "CREWAI_DISABLE_VERSION_CHECK": "true",
    "OTEL_SDK_DISABLED": "true",
    "PYTHON_DOTENV_DISABLED": "1",
}
_importing = threading.Lock()


class _NotCrewai(logging.Filter):
    """Leaves out what CrewAI logs of failures under nobody's name; we tell each of them once."""

    def filter(self, record: logging.LogRecord) -> bool:
        return f"{os.sep}crewai{os.sep}" not in record.pathname


class _Absent(MetaPathFinder):
    """Lets one thread do without a package that is installed.

    For CrewAI, Qdrant's client is an extra: where there is none, its own memory, which we do not
    use, offers no Qdrant. Importing that client is a quarter of what importing CrewAI takes.
    """

    def __init__(self, package: str) -> None:
        self._package, self._thread = package, threading.get_ident()

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == self._package and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    def __enter__(self) -> None:
        sys.meta_path.insert(0, self)

    def __exit__(self, *_: object) -> None:
        sys.meta_path.remove(self)


def import_crewai() -> None:
    """Import CrewAI (seconds, the first time)."""
    with _importing:
        if "crewai" not in sys.modules:
            with _private_home(), _Absent("qdrant_client"), _garbage_left():
                import crewai  # noqa: F401
            logging.getLogger().addFilter(_NotCrewai())
            logging.getLogger("crewai").setLevel(logging.CRITICAL)


def hush() -> None:
    """Let CrewAI print nothing from here on in this context: task, or thread started with it."""
    from crewai_core.printer import set_suppress_console_output

    set_suppress_console_output(True)


@contextmanager
def _garbage_left() -> Iterator[None]:
    """Look for no garbage among what is imported, now or later.

    Now it would take a quarter of the time, later halt every thread for 0.2 s at a time.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collects:
            gc.enable()


@contextmanager
def _private_home() -> Iterator[None]:
    """Let CrewAI write its ``secret.key`` to a folder of its own: it does so when imported."""
    folder = Path(tempfile.gettempdir()) / f"autointel-crewai-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    os.environ.update(QUIET, CREWAI_STORAGE_DIR=str(folder))
    home = os.environ.get("HOME")
    os.environ["HOME"] = str(folder)
    try:
        yield
    finally:
        if home is not None:  # where there was none, libraries are content with this one
            os.environ["HOME"] = home
