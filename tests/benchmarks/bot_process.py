"""``autointel bot`` in a process of its own, led to a local Discord.

Arguments: the ``url`` and the ``gateway`` of the server. All else is told by the environment.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

from tests.discord_server import connect
from ultimate_discord_intelligence_bot.cli.bot import bot


class Place(NamedTuple):
    """Where a server listens in another process."""

    url: str
    gateway: str


if __name__ == "__main__":
    with connect(Place(*sys.argv[1:])):
        sys.exit(bot())
