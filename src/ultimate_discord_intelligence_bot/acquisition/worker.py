"""The process that talks to the outside: yt-dlp, alone, killable, and gone with its parent.

Started as ``python -m …acquisition.worker`` (see ``processes``). Every connection of a download
is made here and nowhere else.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from ..errors import AutointelError, NoMediaFound, RedirectLoop
from ..processes import Inbox, Message, Say, give_up, serve
from .diagnosis import causes, diagnose
from .fetching import fetch
from .guard import Guard
from .listing import list_items
from .meter import Meter
from .request import Request

TASKS: dict[str, Callable[[Request, Say, Meter], Message]] = {"fetch": fetch, "list": list_items}

_TIMEOUTS_OF_PATIENCE = 3
_MOST_MEMORY = 1 << 30


def work(message: Message, say: Say, inbox: Inbox) -> Message:
    """Do what the parent asks for."""
    request = cast("Request", message)
    guard = Guard(request["allowed_hosts"], request["proxy"], partial(give_up, say))
    guard.install()
    meter = Meter(guard, _TIMEOUTS_OF_PATIENCE * request["timeout"])
    return TASKS[request["task"]](request, say, meter)


def explain(error: Exception, message: dict[str, Any]) -> AutointelError:
    """The error to show for what yt-dlp or its network stack raised."""
    for cause in causes(error):
        if isinstance(cause, MemoryError):
            return NoMediaFound("What the site sends is too much to be understood.")
        if isinstance(cause, RecursionError):
            return RedirectLoop("The link leads from page to page without an end.")
    return diagnose(error, message["url"])


def bound_memory() -> None:
    """Let nothing that was received, however it is folded, take the memory of the machine."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = _MOST_MEMORY if hard == resource.RLIM_INFINITY else min(_MOST_MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


if __name__ == "__main__":
    os.environ |= {"YTDLP_NO_PLUGINS": "1", "DENO_NO_UPDATE_CHECK": "1"}
    bound_memory()
    serve(work, explain)
