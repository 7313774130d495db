"""``autointel worker``: does jobs until it is told to end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..briefing.wording import counted
from ..errors import SettingsError
from ..jobs.database import QUEUES
from ..jobs.worker import Worker
from ..machine import share_heap
from ..observability import configure_logging
from ..settings import load_settings
from .monitoring import monitored
from .signals import Told
from .terminal import Exit, orderly_exit, stderr

if TYPE_CHECKING:
    from ..monitor import Check


def worker(queues: Sequence[str], *, concurrency: int | None, patience: int) -> int:
    """Do jobs; the first SIGTERM or Ctrl-C drains, a second one ends at once."""
    with orderly_exit():
        if unknown := set(queues) - set(QUEUES):
            raise SettingsError(
                f"There is no queue called {', '.join(sorted(unknown))}.",
                f"There are {' and '.join(QUEUES)}.",
            )
        settings = load_settings()
        configure_logging(settings)
        share_heap()
        told = Told()
        checks: dict[str, Check] = dict.fromkeys(("lease", "queue"), _starting)
        with monitored(settings, checks):
            here = Worker(settings, queues=queues, concurrency=concurrency)
            checks.update(lease=here.lease_problem, queue=here.queue_problem)
            many = counted(here.concurrency, "job")
            stderr.print(
                f"Worker {here.name}: up to {many} of {', '.join(queues)}. Ctrl-C ends it."
            )
            told.wait()
            stderr.print("Taking nothing new; what has begun is finished. Once more ends at once.")
            here.close(patience)
        stderr.print("Ended.")
        return Exit.COMPLETE


def _starting() -> str:
    return "The worker is starting."
