"""The memory as the rest of the program sees it: one vector store and one graph, sharing ids."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..closing import Closing
from ..errors import EmbedderMismatch, StorageError
from ..models.analysis import Chapters
from ..models.media import Source
from ..models.memory import Hit, Receipt, Record, Stats
from ..models.verification import Verdict
from ..runs import stable_id
from .archive import Archive
from .outbox import Outbox, Pending
from .ownership import Ownership
from .ports import GraphStore, VectorStore, Where
from .records import digest_of
from .worker import closed

_MOST_FETCHED = 10_000


class _Stores:
    """What all handles of one data folder share."""

    def __init__(self, data_dir: Path, embedder: str, dimension: int) -> None:
        from .drivers.edge import EdgeVectors
        from .drivers.sqlite import SqliteGraph

        self.embedder, self.dimension, self.references = embedder, dimension, 0
        folder = data_dir / "memory"
        with ExitStack() as opened:
            opened.callback(Ownership(data_dir).close)
            self.vectors: VectorStore = EdgeVectors(folder / "vectors", embedder, dimension)
            opened.callback(self.vectors.close)
            self.graph: GraphStore = SqliteGraph(folder / "graph.sqlite")
            opened.callback(self.graph.close)
            self.outbox = Outbox(folder / "outbox.sqlite")
            opened.callback(self.outbox.close)
            self.archive = Archive(folder / "verdicts.sqlite")
            opened.callback(self.archive.close)
            self._opened = opened.pop_all()
        self.identity = stable_id("memory", self.vectors.identity, self.graph.identity)

    def close(self) -> None:
        self._opened.close()


_open_stores: dict[Path, _Stores] = {}
_registry = threading.Lock()


def open_memory(data_dir: Path, *, embedder: str, dimension: int) -> Memory:
    """A handle on the memory in a data folder, made when it is not there.

    All handles of a process share one set of stores, which is closed with the last of them.
    Blocks for a few hundred milliseconds the first time.

    Raises:
        DataFolderInUse: another process owns the folder; names it.
        EmbedderMismatch: the store was filled with vectors of another model.
        NotWritable, DiskFull, StorageError: the folder cannot be used; nothing is ever wiped.
    """
    key = data_dir.resolve()
    with _registry:
        stores = _open_stores.get(key)
        if stores is None:
            stores = _open_stores[key] = _Stores(key, embedder, dimension)
        elif (stores.embedder, stores.dimension) != (embedder, dimension):
            raise EmbedderMismatch(
                f"{data_dir} is open for vectors of {stores.embedder} ({stores.dimension} numbers "
                f"each), not of {embedder} ({dimension})."
            )
        stores.references += 1
    return Memory(key, stores)


class Memory(Closing):
    """One handle on the memory. Use as a context manager, or call ``close``.

    Any thread and any event loop may use it. Whoever writes a source is alone with it, as a run
    is that holds its folder.
    """

    def __init__(self, data_dir: Path, stores: _Stores) -> None:
        self._data_dir = data_dir
        self._shared: _Stores | None = stores

    def close(self) -> None:
        """Give up this handle; the last one of a folder closes its stores. Twice is harmless."""
        with _registry:
            stores, self._shared = self._shared, None
            if stores is None:
                return
            stores.references -= 1
            if not stores.references:
                del _open_stores[self._data_dir]
                stores.close()

    @property
    def _stores(self) -> _Stores:
        if self._shared is None:
            raise closed()
        return self._shared

    @property
    def identity(self) -> str:
        """A uuid that changes when a store was made anew, and must be filled again."""
        return self._stores.identity

    def unfinished(self) -> tuple[Pending, ...]:
        """Writes an earlier process began and nobody has finished since: their runs redo them."""
        return self._stores.outbox.unfinished

    async def remember_vectors(
        self,
        source: Source,
        tenant: str,
        records: Sequence[Record],
        vectors: NDArray[np.float32],
    ) -> Receipt:
        """Let the vector store hold exactly these records of the source.

        Args:
            source: where they come from.
            tenant: whose memory it is.
            records: as made by ``records_of``.
            vectors: shape (rows, dimension); ``Record.row`` picks a row.

        Raises:
            EmbedderMismatch: vectors of another length than the store's.
            StorageError: it could not be written; repeat it, nothing is doubled.
        """
        stores = self._stores
        _check_records(records, source, tenant)
        _check_vectors(vectors, stores.dimension)
        if any(not 0 <= record.row < len(vectors) for record in records):
            raise ValueError(f"a record names a row outside the {len(vectors)} vectors")
        write = Pending(tenant, source.id, "vector", digest_of(r.id for r in records))
        await stores.outbox.begin(write)
        held = await stores.vectors.replace(tenant, source.id, records, vectors)
        return await _finish(stores.outbox, write, held)

    async def remember_graph(
        self,
        source: Source,
        tenant: str,
        records: Sequence[Record],
        chapters: Chapters | None = None,
    ) -> Receipt:
        """Let the graph hold exactly these records of the source, and its chapters.

        Raises:
            StorageError: it could not be written; repeat it, nothing is doubled.
        """
        stores = self._stores
        _check_records(records, source, tenant)
        homes = {record.row for record in records if record.kind == "segment"}
        if any(record.row not in homes for record in records):
            raise ValueError("a claim names a row that is no segment of its source")
        write = Pending(tenant, source.id, "graph", digest_of(r.id for r in records))
        await stores.outbox.begin(write)
        held = await stores.graph.replace(source, tenant, records, chapters)
        return await _finish(stores.outbox, write, held)

    def recall_verdicts(
        self, texts: Sequence[str], *, tenant: str, since: date, besides: str
    ) -> dict[str, Verdict]:
        """Verdicts on these very words that were reached before; see ``Archive.find_now``."""
        return self._stores.archive.find_now(tenant, texts, since=since, besides=besides)

    async def remember_verdicts(
        self, source: Source, tenant: str, verdicts: Mapping[str, Verdict]
    ) -> None:
        """Let the archive hold exactly these verdicts of the source, by the words of the claim.

        Raises:
            StorageError: it could not be written; repeat it, nothing is doubled.
        """
        await self._stores.archive.keep(tenant, source, verdicts)

    async def search(
        self,
        vector: NDArray[np.float32],
        *,
        tenant: str,
        limit: int,
        kind: Literal["segment", "claim"] | None = None,
        exclude_source: str | None = None,
        source: str | None = None,
    ) -> list[Hit]:
        """The remembered passages nearest to a vector; see ``search_many``."""
        found = await self.search_many(
            np.asarray(vector)[np.newaxis],
            tenant=tenant,
            limit=limit,
            kind=kind,
            exclude_source=exclude_source,
            source=source,
        )
        return found[0]

    async def search_many(
        self,
        vectors: NDArray[np.float32],
        *,
        tenant: str,
        limit: int,
        kind: Literal["segment", "claim"] | None = None,
        exclude_source: str | None = None,
        source: str | None = None,
        exact: bool = False,
    ) -> list[list[Hit]]:
        """For each row of ``vectors`` the nearest remembered passages, in one batch.

        Best first, equal scores in order of id, so the same store always gives the same answer.
        A claim is left out where the segment that holds it is found too: the segment says the
        same, and more.

        Args:
            vectors: shape (queries, dimension).
            tenant: whose memory is searched.
            limit: most hits per query.
            kind: only segments or only claims.
            exclude_source: a source whose records are left out.
            source: the only source whose records are returned.
            exact: only records whose words can be relied on, as evidence must be.
        """
        stores = self._stores
        _check_vectors(vectors, stores.dimension)
        where = Where(tenant, kind, source, exclude_source, exact)
        found: list[list[Hit]] = [[] for _ in vectors]
        if limit < 1:
            return found
        waiting, fetch = list(range(len(vectors))), 2 * limit + 8
        while waiting:
            answers = await stores.vectors.search(vectors[waiting], fetch, where)
            short = []
            for index, hits in zip(waiting, answers, strict=True):
                complete = len(hits) < fetch or fetch >= _MOST_FETCHED
                found[index], settled = _first(hits, limit, complete)
                if not settled:
                    short.append(index)
            waiting, fetch = short, min(4 * fetch, max(_MOST_FETCHED, fetch))
        return found

    async def stats(self, tenant: str) -> Stats:
        """How much is remembered."""
        stores = self._stores
        return Stats(
            vector=await stores.vectors.counts(tenant), graph=await stores.graph.counts(tenant)
        )


async def _finish(outbox: Outbox, write: Pending, held: frozenset[str]) -> Receipt:
    receipt = Receipt(store=write.store, records=len(held), digest=digest_of(held))
    if receipt.digest != write.digest:
        raise StorageError(
            f"The {write.store} store holds other records of {write.source_id} than were written.",
            "Run it again; if it happens twice, report it.",
        )
    await outbox.done(write)
    return receipt


def _first(hits: Sequence[Hit], limit: int, complete: bool) -> tuple[list[Hit], bool]:
    """The first hits in a fixed order, and whether more fetching could not change them."""
    ordered = sorted(hits, key=lambda hit: (-hit.score, hit.id))
    if not complete:
        # Records as good as the last one may have been cut off, so none of them counts yet.
        ordered = [hit for hit in ordered if hit.score > ordered[-1].score]
    passages = _without_repetition(ordered)[:limit]
    return passages, complete or len(passages) == limit


def _without_repetition(hits: Sequence[Hit]) -> list[Hit]:
    segments: dict[str, list[Hit]] = {}
    for hit in hits:
        if hit.kind == "segment":
            segments.setdefault(hit.source_id, []).append(hit)
    return [
        hit
        for hit in hits
        if hit.kind == "segment"
        or not any(_holds(segment, hit) for segment in segments.get(hit.source_id, ()))
    ]


def _holds(segment: Hit, claim: Hit) -> bool:
    overlap = segment.start <= claim.end and claim.start <= segment.end
    return overlap and claim.text in segment.text


def _check_records(records: Sequence[Record], source: Source, tenant: str) -> None:
    if any((record.source_id, record.tenant) != (source.id, tenant) for record in records):
        raise ValueError("a record belongs to another source or tenant")


def _check_vectors(vectors: NDArray[np.float32], dimension: int) -> None:
    if vectors.ndim != 2 or (len(vectors) and vectors.shape[1] != dimension):
        raise EmbedderMismatch(
            f"The memory holds vectors of {dimension} numbers, not of shape {vectors.shape}."
        )
    if not np.isfinite(vectors).all():
        raise ValueError("a vector holds a number that is not finite")
