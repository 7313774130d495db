"""A child process that does one piece of work and can be killed at any moment.

The parent writes JSON lines to the child's stdin: the request, then anything it wants to tell it
while it works. The child writes JSON lines to stdout: any number of ``{"progress": …}`` and
``{"notice": …}``, then one ``{"result": …}`` or ``{"error": …}``. When the parent dies or lets go,
the child and everything it started is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, NoReturn, Self, cast

import structlog

from .errors import AutointelError, WorkerDied, rebuilt
from .events import Progress

_LONGEST_LINE = 4 << 20
_KEPT_STDERR = 20_000

Message = dict[str, Any]
Say = Callable[[Message], None]
Inbox = queue.SimpleQueue[Message]

log = structlog.get_logger(__name__)


# -- the parent's side ------------------------------------------------------------------------


class Child:
    """A running ``python -m module`` with its request; on any way out of the block it is dead."""

    def __init__(self, module: str, request: Mapping[str, Any]) -> None:
        self._module = module
        self._request = dict(request)

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", self._module),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            limit=_LONGEST_LINE,
        )
        stderr = cast("asyncio.StreamReader", self._process.stderr)
        self._complaints = asyncio.create_task(_tail(stderr))
        await self.tell(self._request)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        said = await self._complaints
        if said:
            log.debug("child_said", module=self._module, text=said)

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    async def tell(self, message: Mapping[str, Any]) -> None:
        """Send the child a message; one that has died is noticed by `result`."""
        stdin = cast("asyncio.StreamWriter", self._process.stdin)
        with contextlib.suppress(ConnectionError):
            stdin.write(json.dumps(message).encode() + b"\n")
            await stdin.drain()

    async def result(self, progress: Progress, notice: Say | None = None) -> Message:
        """Listen until the child has a result.

        Args:
            progress: told how far the child is.
            notice: given what the child finds out on its way.

        Raises:
            AutointelError: as the child raised it.
            WorkerDied: the child ended without a result.
        """
        async for line in cast("asyncio.StreamReader", self._process.stdout):
            message = json.loads(line)
            if "progress" in message:
                progress(message["progress"]["fraction"], message["progress"]["message"])
            elif "notice" in message and notice:
                notice(message["notice"])
            elif "error" in message:
                raise rebuilt(**message["error"])
            elif "result" in message:
                return cast("Message", message["result"])
        status = await self._process.wait()
        raise WorkerDied(f"The process {self._module} ended unexpectedly (exit status {status}).")


async def delegate(
    module: str, request: Mapping[str, Any], progress: Progress, notice: Say | None = None
) -> Message:
    """Let a child process do one piece of work and return its result.

    Raises:
        AutointelError: as for `Child.result`.
    """
    async with Child(module, request) as child:
        return await child.result(progress, notice)


async def _tail(stream: asyncio.StreamReader) -> str:
    kept = b""
    while piece := await stream.read(65536):
        kept = (kept + piece)[-_KEPT_STDERR:]
    return kept.decode(errors="replace")


# -- the child's side -------------------------------------------------------------------------


def serve(
    work: Callable[[Message, Say, Inbox], Message],
    explain: Callable[[Exception, Message], AutointelError],
) -> None:
    """Be the child: read the request, do the work, answer, end. Never returns.

    Args:
        work: gets the request, a way to speak and what the parent tells meanwhile.
        explain: the error to show for an exception that is not one of ours yet.
    """
    inbox: Inbox = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(inbox,), daemon=True).start()
    request = inbox.get()
    # Whatever a library prints must not get between our lines.
    with os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace") as channel:
        os.dup2(2, 1)
        lock = threading.Lock()

        def say(message: Message) -> None:
            with lock:
                channel.write(json.dumps(message, ensure_ascii=False) + "\n")
                channel.flush()

        try:
            say({"result": work(request, say, inbox)})
        except Exception as error:
            found = error if isinstance(error, AutointelError) else explain(error, request)
            if found is not error:
                traceback.print_exc()
            say(failure(found))
    sys.stderr.flush()
    os._exit(0)


def failure(error: AutointelError) -> Message:
    """The line that tells the parent of an error."""
    return {"error": {"code": error.code, "message": error.message, "remedy": error.remedy}}


def give_up(say: Say, error: AutointelError) -> NoReturn:
    """End the child from anywhere, whatever it is doing; nothing of it can catch this."""
    try:
        say(failure(error))
    finally:
        os._exit(0)


def _listen(inbox: Inbox) -> None:
    """Pass on what the parent says; when its end is closed, end the whole process group."""
    data = b""
    while piece := os.read(0, 65536):
        *lines, data = (data + piece).split(b"\n")
        for line in lines:
            inbox.put(json.loads(line))
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
