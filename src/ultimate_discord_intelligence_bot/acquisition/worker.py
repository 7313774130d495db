"""The process that talks to the outside: yt-dlp, alone, killable, and gone with its parent.

Started as ``python -m …acquisition.worker`` (see ``processes``). Every connection of a download
is made here and nowhere else.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, cast

from ..errors import AutointelError
from ..processes import Inbox, Message, Say, serve
from .diagnosis import diagnose
from .fetching import fetch
from .ytdlp import Request

TASKS: dict[str, Callable[[Request, Say], Message]] = {"fetch": fetch}


def work(message: Message, say: Say, inbox: Inbox) -> Message:
    """Do what the parent asks for."""
    request = cast("Request", message)
    return TASKS[request["task"]](request, say)


def explain(error: Exception, message: dict[str, Any]) -> AutointelError:
    """The error to show for what yt-dlp or its network stack raised."""
    return diagnose(error, message["url"])


if __name__ == "__main__":
    os.environ["YTDLP_NO_PLUGINS"] = "1"
    serve(work, explain)
