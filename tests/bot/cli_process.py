"""``autointel bot`` or ``autointel serve`` in a process of its own, led to a local Discord.

Arguments: which of them, then the ``url`` and the ``gateway`` of the server. The bot that ``serve``
begins is led there, too.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

from tests.discord_server import connect
from ultimate_discord_intelligence_bot.cli import app, serve


class Place(NamedTuple):
    """Where a server listens in another process."""

    url: str
    gateway: str


if __name__ == "__main__":
    place = Place(*sys.argv[2:])
    serve.COMMAND[:] = [sys.executable, __file__, "bot", *place]
    del sys.argv[2:]
    with connect(place):
        app()
