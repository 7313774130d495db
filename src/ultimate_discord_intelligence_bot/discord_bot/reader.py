"""The process that asks the memory for the bot; it may be killed at any moment.

Started as ``python -m …discord_bot.reader`` (see ``processes``). The parent first gives the
settings, then asks one question after another; each is answered with one notice.
"""

from __future__ import annotations

import asyncio
import queue
import time
import traceback

from ..closing import Closing
from ..errors import AutointelError, CommandCrashed, StorageError
from ..memory import ClaimFilter, Memory, SearchFilter
from ..models.graph import Link, LinkKind, StatedClaim
from ..models.memory import Forgotten, Hit, Stats
from ..oblivion import forget_source
from ..processes import Inbox, Message, Say, serve
from ..recall import Question, Recall, folded
from ..settings import Settings
from ..stages import memory_for
from .library import packed, unpacked

_TITLES_S = 5.0
"""How long the titles of a tenant are kept: while somebody types, each letter asks for them."""

_LONGEST = 2 << 20
"""Characters of an answer; a line between processes holds twice as many."""


class Reader(Closing):
    """Asks the memory, which stays open until it is closed; the next question opens it again.

    The public coroutines are the questions, each on behalf of one tenant.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._memory: Memory | None = None
        self._titles: dict[str, tuple[float, dict[str, str]]] = {}

    def close(self) -> None:
        """Let a worker have the memory."""
        memory, self._memory = self._memory, None
        self._titles.clear()
        if memory is not None:
            memory.close()

    async def search(
        self, tenant: str, words: str, source: str | None, limit: int, wanted: SearchFilter
    ) -> tuple[Hit, ...]:
        """See ``Library``, as for all that follow."""
        question = Question(words, limit=limit, source=source, wanted=wanted).understood()
        found = await self._recall(tenant).search(question)
        return tuple(passage.hit for passage in found.passages)

    async def claims(self, tenant: str, wanted: ClaimFilter) -> tuple[StatedClaim, ...]:
        return await self._recall(tenant).claims(wanted)

    async def links(
        self, tenant: str, kind: LinkKind, source: str | None, speaker: str | None, limit: int
    ) -> tuple[Link, ...]:
        recall = self._recall(tenant)
        return await recall.links(kind, source=source, speaker=speaker, limit=limit)

    async def source(self, tenant: str, name: str) -> tuple[str, str]:
        source_id = await self._recall(tenant).recording_id(name)
        return source_id, (await self._titles_of(tenant)).get(source_id, "")

    async def sources(self, tenant: str, beginning: str, limit: int) -> tuple[tuple[str, str], ...]:
        sought, titles = folded(beginning), await self._titles_of(tenant)
        fitting = ((_place(sought, title), id_, title) for id_, title in titles.items())
        found = [each for each in fitting if each[0] is not None]
        found.sort(key=lambda each: each[0] or 0)  # stable: the newest of equals stays first
        return tuple((id_, title) for _, id_, title in found[:limit])

    async def stats(self, tenant: str) -> Stats:
        return await self._opened().stats(tenant)

    async def forget(self, tenant: str, source_id: str) -> Forgotten:
        self._titles.pop(tenant, None)
        return await forget_source(self._of(tenant), self._opened(), source_id)

    async def _titles_of(self, tenant: str) -> dict[str, str]:
        """By id, the newest first; then those of recordings that have no graph."""
        kept, found = self._titles.get(tenant, (0.0, {}))
        if found and time.monotonic() - kept < _TITLES_S:
            return found
        memory = self._opened()
        nodes = await memory.sources(tenant)
        found = {str(n.properties["source_id"]): str(n.properties.get("title", "")) for n in nodes}
        for id_, names in (await memory.names(tenant)).items():
            found.setdefault(id_, min(names, default=""))
        self._titles[tenant] = time.monotonic(), found
        return found

    def _of(self, tenant: str) -> Settings:
        return self._settings.model_copy(update={"tenant": tenant})

    def _recall(self, tenant: str) -> Recall:
        return Recall(self._opened(), self._of(tenant), allow_files=False)

    def _opened(self) -> Memory:
        if self._memory is None:
            self._memory = memory_for(self._settings)
        return self._memory


def _place(sought: str, title: str) -> int | None:
    """How well a title fits what somebody begins to write, 0 best; None: not at all."""
    title = folded(title)
    if title.startswith(sought):
        return 0
    if f" {sought}" in title:
        return 1
    return 2 if sought in title else None


def work(message: Message, say: Say, inbox: Inbox) -> Message:
    """Answer what the parent asks until it lets go; give the memory back when it is silent."""
    silence = float(message["silence"])
    with Reader(unpacked(message["settings"])) as reader, asyncio.Runner() as runner:
        while True:
            try:
                asked = inbox.get(timeout=silence)
            except queue.Empty:
                reader.close()
                asked = inbox.get()
            say({"notice": {"answer": runner.run(_answer(reader, asked))}})


async def _answer(reader: Reader, asked: Message) -> str:
    """The result of a question or the error that it ended with, and whether it is that."""
    name, tenant, arguments = unpacked(asked["question"])
    try:
        answer = packed((True, await getattr(reader, name)(tenant, *arguments)))
        if len(answer) > _LONGEST:
            raise StorageError("The answer is too long.", "Ask for less at once.")
    except AutointelError as error:
        return packed((False, error))
    except Exception as error:
        traceback.print_exc()
        return packed((False, explain(error, asked)))
    return answer


def explain(error: Exception, message: Message) -> AutointelError:
    """The error to show for an exception that nobody foresaw."""
    reason = f"{type(error).__name__}: {error}"[:300]
    return CommandCrashed(f"The memory could not be asked ({reason}).")


if __name__ == "__main__":
    serve(work, explain)
