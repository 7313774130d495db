"""One real run in a process of its own, and what it took, as JSON.

Arguments: the recording and the depth. Settings come from the environment.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ultimate_discord_intelligence_bot import crew_builders  # noqa: F401 - imports take seconds
from ultimate_discord_intelligence_bot.autonomous_orchestrator import (
    AutonomousIntelligenceOrchestrator,
)
from ultimate_discord_intelligence_bot.embedding import Embedder


def main(source: str, depth: str) -> dict[str, Any]:
    passes: list[int] = []
    read = Embedder.read

    def counted(self: Embedder, texts: Sequence[str], *more: Any) -> Any:
        passes.append(len(texts))
        return read(self, texts, *more)

    setattr(Embedder, "read", counted)  # noqa: B010 - for the type checker
    orchestrator = AutonomousIntelligenceOrchestrator(allow_files=True)
    began = time.perf_counter()
    run = orchestrator.execute_autonomous_intelligence_workflow(source, depth)
    result = asyncio.run(run)
    seconds = time.perf_counter() - began
    assert result.out is not None, result.error
    report = json.loads((result.out / "report.json").read_text())
    del report["acquired_at"]
    status = Path("/proc/self/status").read_text()
    return {
        "seconds": seconds,
        "status": result.status,
        "phases": result.phases,
        "passes": passes,
        "report": report,
        # Not getrusage: its peak begins with that of the process that started this one.
        "peak_mb": int(status.partition("VmHWM:")[2].split()[0]) / 1024,
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
