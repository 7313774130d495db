"""A batch: many recordings from one list, put up as jobs, and what became of them."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import IO, Any

from ..errors import BatchUnknown, StorageError, storage_error
from ..runs import sync_folder, write_atomically
from ..settings import Depth, Settings
from .board import Board, name_of
from .job import AGAIN, ENDED, Job, JobView, Status
from .lists import Distinct, Entry, Refused
from .summary import Row, Totals, write_summary

_AT_ONCE = 500
_CARD, _LIST = "card.json", "list.jsonl"


@dataclass(frozen=True)
class Listed:
    """A link of a batch.

    Attributes:
        line: where it stands in the list.
        id: of its job.
    """

    line: int
    id: str
    job: Job
    priority: int


class Batch:
    """A folder that keeps the list; the jobs themselves are on the board.

    Attributes:
        name: also that of the folder, and the beginning of the ids of its jobs.
        began: when it was first put up.
        repeats: links that stood in the list before.
        refused: lines that could not be used.
        size: how many jobs it has.
    """

    def __init__(self, folder: Path) -> None:
        try:
            card = json.loads((folder / _CARD).read_bytes())
            self.began = datetime.fromisoformat(card["began"])
            self.source = str(card["source"])
            self.size, self.repeats = int(card["size"]), int(card["repeats"])
            self.refused = tuple(Refused(**row) for row in card["refused"])
        except FileNotFoundError:
            raise BatchUnknown(f"There is no batch at {folder}.") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StorageError(
                f"The batch at {folder} cannot be read ({error}).",
                "Put the list up anew; what was finished is reused.",
            ) from error
        self.folder = folder
        self.name = folder.name

    @classmethod
    def begin(
        cls,
        settings: Settings,
        rows: Iterable[Entry | Refused],
        *,
        source: str,
        depth: Depth,
        name: str | None = None,
        out: Path | None = None,
    ) -> Batch:
        """Keep a list under a name; with a name that is there, the list is added to it.

        Args:
            settings: whose tenant and data folder.
            rows: of the list; read once, and never held all at once.
            source: where the list came from, for the reader.
            depth: for the links that name none.
            name: by default made of the source and the time.
            out: folder for the briefings; by default each run has one of its own.

        Raises:
            StorageError: it cannot be kept.
        """
        now = datetime.now(UTC)
        name = name or f"{_slug(source)}-{now:%Y%m%d-%H%M%S}"
        folder = _folder(settings, name)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            card = _keep(folder, name, rows, settings, depth, out)
        except OSError as error:
            raise storage_error(error, folder) from error
        card |= {"source": source, "began": _began(folder, now).isoformat()}
        write_atomically(folder / _CARD, json.dumps(card).encode())
        return cls(folder)

    @classmethod
    def find(cls, settings: Settings, source: str | None = None, name: str | None = None) -> Batch:
        """The batch of a name, or the latest one of a source.

        Raises:
            BatchUnknown: there is none.
        """
        if name is not None:
            return cls(_folder(settings, name))
        cards = (settings.data_dir / "batches").glob(f"*/{_CARD}")
        batches = [batch for card in cards if (batch := cls(card.parent)).source == source]
        if not batches:
            raise BatchUnknown(f"No batch was begun from {source}.")
        return max(batches, key=lambda batch: batch.began)

    def put_up(self, board: Board, *, again: bool = False) -> None:
        """Put every job up that is not on the board; what is there stays as it is.

        Args:
            board: takes them.
            again: those that were taken back are put up once more, and those that failed.
        """
        for chunk in _chunks(self.listed()):
            there = {view.id: view for view in board.look(ids=[each.id for each in chunk])}
            board.put_all((e.job, e.id, e.priority) for e in chunk if e.id not in there)
            for each in chunk:
                view = there.get(each.id)
                if view and (view.status == "cancelled" or (again and view.status in AGAIN)):
                    board.again(view, priority=each.priority)

    def take_back(self, board: Board) -> None:
        """Cancel every job that has not ended."""
        while left := list(
            board.look(prefix=f"{self.name}-", statuses=["waiting", "running"], limit=_AT_ONCE)
        ):
            board.cancel(view.id for view in left)

    def listed(self) -> Iterator[Listed]:
        """Its links, in the order of the list."""
        with (self.folder / _LIST).open("rb") as file:
            for line in file:
                row = json.loads(line)
                yield Listed(row["line"], row["id"], Job.model_validate(row["job"]), row["rank"])

    def rows(self, board: Board) -> Iterator[Row]:
        """What has become of each link so far."""
        for chunk in _chunks(self.listed()):
            views = {view.id: view for view in board.look(ids=[each.id for each in chunk])}
            for each in chunk:
                yield _row(each, views.get(each.id))

    def summarise(self, board: Board, *, ended: bool) -> Totals:
        """Write ``batch.json``, ``batch.md`` and ``index.html`` into its folder."""
        return write_summary(
            self.folder,
            self.name,
            self.rows(board),
            repeats=self.repeats,
            refused=self.refused,
            began=self.began,
            ended=datetime.now(UTC) if ended else None,
        )


class Progress:
    """Follows a batch: tells of each job once when it has ended.

    Attributes:
        ended: how many have, by status.
    """

    def __init__(self, batch: Batch, board: Board) -> None:
        self._batch, self._board = batch, board
        self._since: datetime | None = None
        self._told: set[str] = set()
        self.ended: Counter[Status] = Counter()

    @property
    def left(self) -> int:
        """How many have not ended."""
        return self._batch.size - self.ended.total()

    def news(self) -> Iterator[JobView]:
        """Jobs that have ended since the last time."""
        told: set[str] = set()
        latest = self._since
        for view in self._ended():
            if view.ended is not None:
                latest = max(latest or view.ended, view.ended)
            told.add(view.id)
            if view.id not in self._told:
                self.ended[view.status] += 1
                yield view
        # Clocks of several machines may differ a little.
        self._since = (latest or self._batch.began) - timedelta(seconds=10)
        self._told |= told

    def _ended(self) -> Iterator[JobView]:
        if self._since is not None:
            yield from self._board.look(
                prefix=f"{self._batch.name}-", statuses=ENDED, ended_after=self._since
            )
            return
        # Of a batch that is gone on with, any number may have ended.
        for chunk in _chunks(self._batch.listed()):
            yield from self._board.look(ids=[each.id for each in chunk], statuses=ENDED)

    def running(self, most: int) -> list[JobView]:
        """Those that are being done now."""
        prefix = f"{self._batch.name}-"
        return list(self._board.look(prefix=prefix, statuses=["running"], limit=most))


def _folder(settings: Settings, name: str) -> Path:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise BatchUnknown(
            f"“{name[:100]}” cannot be the name of a batch.",
            "Use letters, digits, dot, dash and underscore; at most 100 of them.",
        )
    return settings.data_dir / "batches" / name


def _keep(
    folder: Path,
    name: str,
    rows: Iterable[Entry | Refused],
    settings: Settings,
    depth: Depth,
    out: Path | None,
) -> dict[str, Any]:
    """Write the list, after what it held before; returns what the card says of it."""
    path = folder / _LIST
    part = path.with_suffix(".part")
    distinct = Distinct(rows)
    refused: list[dict[str, Any]] = []
    known: set[str] = set()
    with part.open("wb") as file:
        if path.exists():
            for line in path.open("rb"):
                known.add(json.loads(line)["id"])
                file.write(line)
        for row in distinct:
            if isinstance(row, Refused):
                refused.append({"line": row.line, "text": row.text, "reason": row.reason})
                continue
            each = _listed(row, name, settings, depth, out)
            if each.id not in known:
                _write(file, each)
                known.add(each.id)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync_folder(folder)
    return {"size": len(known), "repeats": distinct.repeats, "refused": refused}


def _listed(entry: Entry, name: str, settings: Settings, depth: Depth, out: Path | None) -> Listed:
    job = Job(url=entry.url, depth=entry.depth or depth, tenant=settings.tenant)
    job_id = name_of(job, name)
    if out is not None:
        job = job.model_copy(update={"out": out.absolute() / f"{entry.line:05d}-{job_id[-13:]}"})
    return Listed(entry.line, job_id, job, entry.priority)


def _write(file: IO[bytes], each: Listed) -> None:
    document = {
        "line": each.line,
        "id": each.id,
        "rank": each.priority,
        "job": each.job.model_dump(mode="json"),
    }
    file.write(json.dumps(document).encode() + b"\n")


def _began(folder: Path, now: datetime) -> datetime:
    try:
        return Batch(folder).began
    except (BatchUnknown, StorageError):
        return now


def _chunks(listed: Iterator[Listed]) -> Iterator[list[Listed]]:
    while chunk := list(islice(listed, _AT_ONCE)):
        yield chunk


def _row(each: Listed, view: JobView | None) -> Row:
    row = Row(
        line=each.line,
        url=each.job.url,
        depth=each.job.depth,
        status="waiting",
        run_id="",
        title=None,
        seconds=None,
        out=None,
        missing=(),
        error=None,
        remedy=None,
        claims=None,
        verdicts={},
    )
    if view is None:
        return row
    status = "waiting" if view.status == "running" else view.status
    row = replace(row, status=status, error=view.error, remedy=view.remedy, seconds=view.seconds)
    if (outcome := view.outcome) is None:
        return row
    return replace(
        row,
        run_id=outcome.run_id,
        title=outcome.title,
        seconds=outcome.seconds,
        out=outcome.out,
        missing=outcome.missing,
        claims=outcome.claims,
        verdicts=outcome.verdicts,
    )


def _slug(source: str) -> str:
    stem = Path(source).stem if source != "-" else "list"
    return re.sub(r"[^A-Za-z0-9]+", "-", stem).strip("-")[:40] or "list"
