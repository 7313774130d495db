"""Runs that kill themselves at some moment, each in a process of its own.

These are forked from one that has imported CrewAI already, which takes longer than the run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

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
        run(*wanted["arguments"])
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class KilledRun(Protocol):
    """Runs something in a data folder until a stage has ``started`` or ``finished``.

    Returns:
        The exit status; that of a run which got no further is ``-SIGKILL``.
    """

    def __call__(
        self, data_dir: Path, source: Path, stage: str, kind: str, depth: str, **environment: str
    ) -> int: ...


@contextmanager
def nursery() -> Iterator[KilledRun]:
    """One process from which they all are forked."""
    command = [sys.executable, "-c", _NURSERY]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def killed_run(
            data_dir: Path, source: Path, stage: str, kind: str, depth: str, **environment: str
        ) -> int:
            wanted = {
                "arguments": [str(source), stage, kind, depth],
                "folder": str(Path.cwd()),
                "environment": {
                    **os.environ,
                    "AUTOINTEL_DATA_DIR": str(data_dir.absolute()),
                    **environment,
                },
            }
            assert process.stdin
            assert process.stdout
            process.stdin.write(json.dumps(wanted) + "\n")
            process.stdin.flush()
            return int(process.stdout.readline())

        try:
            yield killed_run
        finally:
            process.kill()
