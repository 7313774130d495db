"""``autointel serve``: all that one machine needs, a worker and, with a token, the Discord bot."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

from ..jobs.database import QUEUES
from ..monitor import next_address
from ..settings import load_settings
from .terminal import Exit, orderly_exit, stderr
from .worker import worker

COMMAND = [sys.executable, "-P", "-m", "ultimate_discord_intelligence_bot", "bot"]

_PAUSES = (1.0, 2.0, 5.0, 15.0, 60.0)
_STEADY_S = 300.0
"""A bot that has lived so long has earned a short pause again."""


def serve(*, concurrency: int | None, patience: int) -> int:
    """Do jobs of all queues, with the bot beside; returns the exit code."""
    with orderly_exit():
        settings = load_settings()
        token, metrics = settings.discord_token, settings.metrics_address
        beside_it = next_address(metrics) if metrics else None
    if token is None:
        stderr.print("No Discord bot: DISCORD_BOT_TOKEN is not set. `autointel bot` says more.")
        return worker(QUEUES, concurrency=concurrency, patience=patience)
    beside = _Beside(beside_it)
    try:
        return worker(QUEUES, concurrency=concurrency, patience=patience)
    finally:
        beside.close()


class _Beside:
    """The bot in a process of its own, so that the work never makes it wait; begun again when it
    dies, but not when it cannot run as it is set up.

    Args:
        metrics_address: where the bot shows its metrics; the worker's own is another one.
    """

    def __init__(self, metrics_address: str | None) -> None:
        self._environment = dict(os.environ)
        if metrics_address is not None:
            self._environment["AUTOINTEL_METRICS_ADDRESS"] = metrics_address
        self._leaving = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._keep, name="bot", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the bot, and wait until it has shown what is final."""
        with self._lock:
            self._leaving.set()
            if self._process is not None:
                self._process.terminate()
        self._thread.join()

    def _keep(self) -> None:
        deaths = 0
        while (process := self._begin()) is not None:
            began = time.monotonic()
            code = process.wait()
            if self._leaving.is_set() or code == Exit.COMPLETE:
                return
            if code == Exit.UNUSABLE:
                stderr.print("The bot cannot run as it is set up; the worker goes on without it.")
                return
            deaths = 0 if time.monotonic() - began > _STEADY_S else deaths
            pause = _PAUSES[min(deaths, len(_PAUSES) - 1)]
            deaths += 1
            stderr.print(f"The bot ended (exit status {code}); it begins again in {pause:.0f} s.")
            self._leaving.wait(pause)

    def _begin(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._leaving.is_set():
                return None
            # In a session of its own: Ctrl-C is for us, and we end it in our own time.
            self._process = subprocess.Popen(  # noqa: S603
                COMMAND, env=self._environment, start_new_session=True
            )
            return self._process
