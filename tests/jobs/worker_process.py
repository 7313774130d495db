"""A worker in a process of its own, which writes down every stage that it has done.

Arguments: the log, how many jobs at a time, the queues. It drains at SIGTERM. A job whose file is
called ``poison`` kills it.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from ultimate_discord_intelligence_bot import acquisition
from ultimate_discord_intelligence_bot.cli.signals import Told
from ultimate_discord_intelligence_bot.events import EventStream, StageEvent
from ultimate_discord_intelligence_bot.jobs.worker import Worker
from ultimate_discord_intelligence_bot.models.media import Acquisition
from ultimate_discord_intelligence_bot.observability import configure_logging
from ultimate_discord_intelligence_bot.runs import Run
from ultimate_discord_intelligence_bot.settings import load_settings


def main(log: Path, concurrency: int, queues: list[str]) -> None:
    configure_logging(load_settings(AUTOINTEL_LOG_LEVEL="error"))
    told = Told()
    events = EventStream()
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(event: StageEvent) -> None:
        if event.kind in ("started", "finished"):
            line = f"{event.kind} {event.run_id} {event.stage} {os.getpid()}\n"
            os.write(descriptor, line.encode())

    events.subscribe(note)
    _let_poison_kill()
    worker = Worker(load_settings(), events=events, queues=queues, concurrency=concurrency)
    print("ready", worker.name, flush=True)
    told.wait()
    worker.close(60)


def _let_poison_kill() -> None:
    original = acquisition.acquire

    async def acquire(run: Run, *rest: Any) -> Acquisition:
        if "poison" in run.locator.value:
            os.kill(os.getpid(), signal.SIGKILL)
        return await original(run, *rest)

    setattr(acquisition, "acquire", acquire)  # noqa: B010


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split(","))
