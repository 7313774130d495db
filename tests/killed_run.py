"""Runs that kill themselves at some moment, each in a process of its own.

These are forked from one that has imported CrewAI already, which takes longer than the run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from ultimate_discord_intelligence_bot.closing import Closing

_NURSERY = """
import asyncio, json, os, signal, sys

from ultimate_discord_intelligence_bot import crew_builders, stages
from ultimate_discord_intelligence_bot.autonomous_orchestrator import (
    AutonomousIntelligenceOrchestrator,
)


def run(source, stage, kind, depth):
    def kill(event):
        if (event.stage, event.kind) == (stage, kind):
            os.kill(os.getpid(), signal.SIGKILL)

    orchestrator = AutonomousIntelligenceOrchestrator(allow_files=True)
    orchestrator.events.subscribe(kill)
    asyncio.run(orchestrator.execute_autonomous_intelligence_workflow(source, depth))


for line in sys.stdin:
    wanted = json.loads(line)
    child = os.fork()
    if child == 0:
        os.environ.update(wanted["environment"])
        os.chdir(wanted["folder"])
        os.dup2(2, 1)
        signal.alarm(100)
        run(*wanted["arguments"])
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class KilledRun(Closing):
    """Lets runs kill themselves, all of them forked from one process."""

    def __init__(self) -> None:
        self._nursery = subprocess.Popen(
            [sys.executable, "-c", _NURSERY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """Run nothing more."""
        self._nursery.kill()
        self._nursery.communicate()

    def __call__(
        self, data_dir: Path, source: Path, stage: str, kind: str, depth: str, **environment: str
    ) -> int:
        """Run something in a data folder until a stage has ``started`` or ``finished``.

        Returns:
            The exit status; ``-SIGKILL`` if it came so far, ``-SIGALRM`` after a hundred seconds.
        """
        data = {"AUTOINTEL_DATA_DIR": str(data_dir.absolute())}
        wanted = {
            "arguments": [str(source), stage, kind, depth],
            "folder": str(Path.cwd()),
            "environment": {**os.environ, **data, **environment},
        }
        assert self._nursery.stdin
        assert self._nursery.stdout
        self._nursery.stdin.write(json.dumps(wanted) + "\n")
        self._nursery.stdin.flush()
        return int(self._nursery.stdout.readline())
