"""What was heard before and what was written about it."""

from __future__ import annotations

import asyncio
import base64
import pickle
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack

import structlog

from ..briefing import render_html, render_webvtt
from ..bucket import Bucket
from ..errors import (
    AutointelError,
    BriefingGone,
    LibraryBusy,
    ServiceGone,
    StorageError,
    WorkerDied,
)
from ..events import silent
from ..jobs.job import Outcome
from ..models.graph import Link, LinkKind, StatedClaim
from ..models.memory import Forgotten, Hit, Stats
from ..models.report import Report
from ..processes import Child, Message
from ..settings import Depth, Settings

if TYPE_CHECKING:
    from ..memory import ClaimFilter

Relation = Literal["contradictions", "agreements", "repetitions"]

PATIENCE = 30.0
"""Seconds that an answer may take, the wait for it included."""

SILENCE = 60.0
"""Seconds without a question after which the memory is given back."""

ATTACHED = 10 << 20
"""Bytes of the files that Discord takes with a message, where nobody pays for more."""

_FORGETTING = 600.0
_MOST_WAITING = 64
_MOST = 200
_LARGEST = 64 << 20
_AT_ONCE = 2
"""Briefings that are in memory at the same time."""

_KINDS: dict[Relation, LinkKind] = {
    "contradictions": "CONTRADICTS",
    "agreements": "AGREES",
    "repetitions": "SAME_AS",
}

_READER = f"{__package__}.reader"
_T = TypeVar("_T")

log = structlog.get_logger(__name__)


class Library:
    """Asks the memory in a process of its own, so that the bot stays light, and reads briefings.

    The process begins with the first question, is begun anew when it was lost, and ends with this
    one, however that ends. It keeps the memory open between questions; after some silence it gives
    it back. All questions raise LibraryBusy where there are too many or an answer takes too long,
    WorkerDied where the process dies twice over one, and what the memory raises.

    Attributes:
        patience: seconds that an answer may take.

    Args:
        settings: say where everything is.
        patience: seconds that an answer may take.
        silence: seconds after which the memory is given back.
    """

    def __init__(
        self, settings: Settings, *, patience: float = PATIENCE, silence: float = SILENCE
    ) -> None:
        self._settings = settings
        self.patience = patience
        self._silence = silence
        self._bucket = Bucket.of(settings)
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="briefing")
        self._reading = asyncio.Semaphore(_AT_ONCE)
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._child: Child | None = None
        self._said: asyncio.Queue[Message | Exception] = asyncio.Queue()
        self._ends = AsyncExitStack()
        self._closed = False

    async def close(self) -> None:
        """End the process; who still waits for an answer gets ServiceGone."""
        self._closed = True
        await self._let_go()
        self._said.put_nowait(ServiceGone("The bot is ending."))
        self._threads.shutdown(wait=False, cancel_futures=True)

    # -- the memory -----------------------------------------------------------------------------

    async def search(
        self,
        tenant: str,
        words: str,
        *,
        source: str | None = None,
        speaker: str | None = None,
        since: date | None = None,
        limit: int = 10,
    ) -> tuple[Hit, ...]:
        """The passages that fit best, by meaning and by words.

        Args:
            tenant: whose memory it is.
            words: what is looked for.
            source: link, title or id of the only recording that is searched.
            speaker: who says it, spelled as in the transcript.
            since: published on this day or later.
            limit: most passages.

        Raises:
            InputError: there is nothing to look for, or no such recording.
        """
        wanted = {"speaker": speaker, "since": since}
        found: tuple[Hit, ...] = await self._ask(
            "search", tenant, words, source, min(limit, _MOST), wanted
        )
        return found

    async def claims(self, tenant: str, **wanted: Unpack[ClaimFilter]) -> tuple[StatedClaim, ...]:
        """Claims, the newest recording first.

        Args:
            tenant: whose memory it is.
            wanted: its ``source_id`` may be whatever names a recording, its ``verdict`` the
                beginning of a label.

        Raises:
            InputError: there is no such recording or verdict.
        """
        limit = min(wanted.get("limit", _MOST), _MOST)
        found: tuple[StatedClaim, ...] = await self._ask(
            "claims", tenant, {**wanted, "limit": limit}
        )
        return found

    async def links(
        self,
        tenant: str,
        kind: Relation,
        *,
        speaker: str | None = None,
        source: str | None = None,
        limit: int = 100,
    ) -> tuple[Link, ...]:
        """Pairs of claims of different recordings, the latest found first.

        Args:
            tenant: whose memory it is.
            kind: how the two stand to each other.
            speaker: who stated one of them.
            source: link, title or id of the recording that one of them is of.
            limit: most pairs.

        Raises:
            RunUnknown: there is no such recording, or several.
        """
        found: tuple[Link, ...] = await self._ask(
            "links", tenant, _KINDS[kind], source, speaker, min(limit, _MOST)
        )
        return found

    async def source(self, tenant: str, name: str) -> tuple[str, str]:
        """The id and the title of the recording that a link, a title or an id names.

        Raises:
            RunUnknown: there is no such recording, or several.
        """
        found: tuple[str, str] = await self._ask("source", tenant, name)
        return found

    async def sources(
        self, tenant: str, beginning: str, limit: int = 25
    ) -> tuple[tuple[str, str], ...]:
        """Ids and titles of recordings whose title begins so, or has it within; newest first."""
        found: tuple[tuple[str, str], ...] = await self._ask(
            "sources", tenant, beginning[:_MOST], limit
        )
        return found

    async def stats(self, tenant: str) -> Stats:
        """How much is remembered."""
        counts: Stats = await self._ask("stats", tenant)
        return counts

    async def forget(self, tenant: str, source_id: str) -> Forgotten:
        """Remove a recording from everything that holds something of it; may take minutes.

        Raises:
            StorageError: something of it is still there; the same can be asked again.
        """
        patience = max(self.patience, _FORGETTING)
        gone: Forgotten = await self._ask("forget", tenant, source_id, patience=patience)
        return gone

    async def _ask(
        self, name: str, tenant: str, *arguments: Any, patience: float | None = None
    ) -> Any:
        if self._waiting >= _MOST_WAITING:
            raise LibraryBusy(f"{self._waiting} questions wait for the memory already.")
        question = {"question": packed((name, tenant, arguments))}
        self._waiting += 1
        try:
            async with _within(patience or self.patience), self._turn:
                done, answer = await self._answer(question)
        finally:
            self._waiting -= 1
        if not done:
            raise answer
        return answer

    async def _answer(self, question: Message) -> tuple[bool, Any]:
        """What the process says to a question; one that dies over it gets a successor."""
        try:
            told = await self._told(question)
            if isinstance(told, Exception):
                log.warning("reader_died", reason=str(told))
                await self._let_go()
                told = await self._told(question)
        except BaseException:
            # What was asked may still be answered; nobody would know what it belongs to.
            await self._let_go()
            raise
        if isinstance(told, Exception):
            await self._let_go()
            raise WorkerDied("The process that asks the memory died twice over this.") from told
        done, answer = unpacked(told["answer"])
        return done, answer

    async def _told(self, question: Message) -> Message | Exception:
        if self._child is None and not self._closed:
            self._said = asyncio.Queue()
            request = {"settings": packed(self._settings), "silence": self._silence}
            self._child = await self._ends.enter_async_context(Child(_READER, request))
            listening = asyncio.create_task(_listen(self._child, self._said))
            self._ends.callback(listening.cancel)
        if self._child is None or self._closed:
            raise ServiceGone("The bot is ending.", "Ask again when it is back.")
        await self._child.tell(question)
        return await self._said.get()

    async def _let_go(self) -> None:
        self._child = None
        await self._ends.aclose()

    # -- briefings ------------------------------------------------------------------------------

    async def report(self, outcome: Outcome, depth: Depth) -> Report:
        """The report of a job that ended well.

        Args:
            outcome: of the job.
            depth: of the job.

        Raises:
            BriefingGone: it was forgotten or is too old.
            StorageError: it cannot be read.
            LibraryBusy: reading it takes too long.
        """
        return (await self._in_a_thread(partial(self._found, outcome, depth)))[0]

    async def files(
        self, outcome: Outcome, depth: Depth, *, limit: int = ATTACHED
    ) -> dict[str, bytes]:
        """``report.html``, ``transcript.vtt`` and ``report.json`` of a job that ended well.

        The page is without its media, which Discord would not take.

        Args:
            outcome: of the job.
            depth: of the job.
            limit: bytes of them all; those that do not fit are left out.

        Raises:
            BriefingGone, StorageError, LibraryBusy: as for ``report``.
        """
        return await self._in_a_thread(partial(self._files, outcome, depth, limit))

    async def _in_a_thread(self, call: Callable[[], _T]) -> _T:
        async with self._reading, _within(self.patience):
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def _files(self, outcome: Outcome, depth: Depth, limit: int) -> dict[str, bytes]:
        report, data = self._found(outcome, depth)
        files = {
            "report.html": render_html(report).encode(),
            "transcript.vtt": render_webvtt(report).encode(),
            "report.json": data,
        }
        fitting = {}
        for name, content in files.items():
            if len(content) <= limit:
                fitting[name] = content
                limit -= len(content)
        return fitting

    def _found(self, outcome: Outcome, depth: Depth) -> tuple[Report, bytes]:
        """The report and its file: that of this machine, or else that of the bucket."""
        for read in (self._read_here, self._read_there):
            data = read(outcome, depth)
            report = None if data is None else _decoded(data)
            # Another run may have had the same folder since.
            if data and report and (report.run_id, report.depth) == (outcome.run_id, depth):
                return report, data
        raise BriefingGone("This briefing is not here any more.")

    def _read_here(self, outcome: Outcome, depth: Depth) -> bytes | None:
        path = outcome.out / "report.json"
        try:
            with path.open("rb") as file:
                data = file.read(_LARGEST + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise StorageError(f"{path} cannot be read ({error.strerror}).") from error
        _check_size(data)
        return data

    def _read_there(self, outcome: Outcome, depth: Depth) -> bytes | None:
        if self._bucket is None:
            return None
        folder = self._bucket.folder / outcome.run_id / "briefing" / depth
        return asyncio.run(_fetched(self._bucket, folder / "report.json"))


@asynccontextmanager
async def _within(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise LibraryBusy(f"There was no answer within {seconds:g} seconds.") from None


async def _listen(child: Child, said: asyncio.Queue[Message | Exception]) -> None:
    try:
        await child.result(silent, said.put_nowait)
    except (AutointelError, ValueError) as error:  # a line that is too long is a ValueError
        said.put_nowait(error)


async def _fetched(bucket: Bucket, path: Path) -> bytes | None:
    data = bytearray()
    async for piece in bucket.fetch(path):
        data += piece
        _check_size(data)
    return bytes(data) or None


def _check_size(data: bytes | bytearray) -> None:
    if len(data) > _LARGEST:
        raise StorageError(
            f"This briefing has more than {_LARGEST >> 20} megabytes.",
            "Read its files where it was made.",
        )


def _decoded(data: bytes) -> Report | None:
    try:
        return Report.decode(data)
    except ValueError as error:
        log.warning("report_damaged", reason=str(error)[:200])
        return None


# -- between the two processes -------------------------------------------------------------------


def packed(message: object) -> str:
    """Anything as text for the other process, which belongs to this one."""
    return base64.b64encode(pickle.dumps(message)).decode()


def unpacked(text: str) -> Any:
    """What the other process has packed."""
    return pickle.loads(base64.b64decode(text))  # noqa: S301
