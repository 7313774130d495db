"""Reads files that strangers made, in a process beside this one."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Self

from ..errors import AutointelError, DocumentRefused, WorkerDied
from ..events import silent
from ..models.knowledge import DocumentKind, Place
from ..processes import Child, Message
from .passages import Passage

PATIENCE = 60.0
"""Seconds that reading one file may take."""

_WORKER = f"{__package__}.worker"


@dataclass(frozen=True)
class Reading:
    """A document that was read, as passages; none of them comes twice.

    Attributes:
        id: of its bytes, see ``documents.Content``.
        date: its own, as it says.
    """

    id: str
    kind: DocumentKind
    title: str
    date: date | None
    passages: list[Passage]


class Reader:
    """One process that reads any number of files, one at a time; a new one when it was lost.

    To be entered as a context: at its end no process is left.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._said: asyncio.Queue[Message | AutointelError] = asyncio.Queue()
        self._child: Child | None = None
        self._ends = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._let_go()

    async def read(self, path: Path) -> Reading:
        """All passages of a file.

        Raises:
            DocumentRefused: it cannot be read, is not what its name says, is too large, takes too
                long or brings the process down.
        """
        try:
            async with asyncio.timeout(self._patience):
                await self._ask(path)
                answer = await self._answer()
        except TimeoutError:
            await self._let_go()
            raise DocumentRefused(
                f"Reading it takes longer than {self._patience:g} seconds.", "Split it into parts."
            ) from None
        except WorkerDied as error:
            await self._let_go()
            raise DocumentRefused(
                "It is damaged in a way that nothing can read, or takes too much memory.",
                "Save it anew with another program, or split it into parts.",
            ) from error
        except BaseException:
            # What was asked may still be answered; nobody would know what it belongs to.
            await self._let_go()
            raise
        if isinstance(answer, DocumentRefused):
            raise answer
        return answer

    async def _ask(self, path: Path) -> None:
        if self._child:
            await self._child.tell({"path": str(path)})
            return
        self._said = asyncio.Queue()
        self._child = await self._ends.enter_async_context(Child(_WORKER, {"path": str(path)}))
        listening = asyncio.create_task(self._listen(self._child, self._said))
        self._ends.callback(listening.cancel)

    async def _listen(self, child: Child, said: asyncio.Queue[Message | AutointelError]) -> None:
        try:
            await child.result(silent, said.put_nowait)
        except AutointelError as error:
            said.put_nowait(error)

    async def _answer(self) -> Reading | DocumentRefused:
        """What the process says of a file; raises what ends the process."""
        passages: list[Passage] = []
        while True:
            said = await self._said.get()
            if isinstance(said, AutointelError):
                raise said
            if "refused" in said:
                return DocumentRefused(**said["refused"])
            if "passages" in said:
                passages += [Passage(text, Place(**place)) for text, place in said["passages"]]
                continue
            facts = said["document"]
            when = date.fromisoformat(facts["date"]) if facts["date"] else None
            return Reading(facts["id"], facts["kind"], facts["title"], when, passages)

    async def _let_go(self) -> None:
        self._child = None
        await self._ends.aclose()
