"""A worker in a process of its own whose stages sleep; it drains at SIGTERM.

Arguments: seconds by stage as JSON, and how many jobs are done at a time.
"""

from __future__ import annotations

import json
import sys

from tests.simulation import simulated
from ultimate_discord_intelligence_bot.cli.signals import Told
from ultimate_discord_intelligence_bot.jobs.worker import Worker
from ultimate_discord_intelligence_bot.observability import configure_logging
from ultimate_discord_intelligence_bot.settings import load_settings

if __name__ == "__main__":
    configure_logging(load_settings(AUTOINTEL_LOG_LEVEL="error"))
    told = Told()
    with simulated(json.loads(sys.argv[1])), Worker(load_settings(), concurrency=int(sys.argv[2])):
        print("ready", flush=True)
        told.wait()
