"""The memory as the rest of the program sees it: one vector store and one graph, sharing ids."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

import numpy as np
import structlog
from numpy.typing import NDArray

from ..closing import Closing
from ..errors import AutointelError, BundleInvalid, EmbedderMismatch, StorageError
from ..models.graph import Graph, Link, LinkKind, Mention, Node, StatedClaim
from ..models.media import Source
from ..models.memory import Counts, Discrepancy, Forgotten, Hit, Receipt, Record, Stats
from ..models.verification import Verdict
from ..runs import stable_id
from .archive import Archive
from .bundle import Portion
from .graph import checked
from .outbox import (
    Outbox,
    Pending,
    Store,
    packed_graph,
    packed_vectors,
    unpacked_graph,
    unpacked_vectors,
)
from .ownership import Ownership
from .ports import Where
from .records import digest_of
from .stores import Servers, open_graph, open_vectors
from .trimming import without, without_speaker
from .worker import closed

log = structlog.get_logger(__name__)

_MOST_FETCHED = 10_000


class ClaimFilter(TypedDict, total=False):
    """Which claims are asked for; see ``GraphStore.claims``."""

    source_id: str | None
    speaker: str | None
    verdict: str | None
    since: date | None
    until: date | None
    words: str | None
    limit: int


class _Stores:
    """What all handles of one data folder share."""

    def __init__(self, data_dir: Path, embedder: str, dimension: int, servers: Servers) -> None:
        self.embedder, self.dimension, self.servers = embedder, dimension, servers
        self.references = 0
        self._background: set[threading.Thread] = set()
        folder = data_dir / "memory"
        with ExitStack() as opened:
            opened.callback(Ownership(data_dir).close)
            self.vectors = open_vectors(folder, embedder, dimension, servers)
            opened.callback(self.vectors.close)
            self.graph = open_graph(folder, servers)
            opened.callback(self.graph.close)
            self.outbox = Outbox(folder / "outbox.sqlite")
            opened.callback(self.outbox.close)
            self.archive = Archive(folder / "verdicts.sqlite")
            opened.callback(self.archive.close)
            self._opened = opened.pop_all()
        self.identity = stable_id("memory", self.vectors.identity, self.graph.identity)

    def later(self, write: Coroutine[Any, Any, object]) -> None:
        """Do something in the background; closing waits for it."""
        thread = threading.Thread(target=self._do, args=(write,), name="deferred")
        self._background.add(thread)
        thread.start()

    def _do(self, write: Coroutine[Any, Any, object]) -> None:
        try:
            asyncio.run(write)
        except AutointelError as error:
            # It is in the outbox: the next process makes up for it.
            log.warning("deferred_write_failed", code=error.code, reason=error.message)
        finally:
            self._background.discard(threading.current_thread())

    def close(self) -> None:
        for thread in list(self._background):
            thread.join()
        self._opened.close()


_open_stores: dict[Path, _Stores] = {}
_registry = threading.Lock()


def open_memory(
    data_dir: Path, *, embedder: str, dimension: int, servers: Servers | None = None
) -> Memory:
    """A handle on the memory in a data folder, made when it is not there.

    All handles of a process share one set of stores, which is closed with the last of them.
    Blocks for a few hundred milliseconds the first time.

    Args:
        data_dir: where the embedded stores are, and what is noted of every write.
        embedder: name of the model that makes the vectors.
        dimension: their length.
        servers: stores that are not embedded; by default all are.

    Raises:
        DataFolderInUse: another process owns the folder; names it.
        EmbedderMismatch: the store was filled with vectors of another model.
        NotWritable, DiskFull, StorageError: the folder or a server cannot be used; nothing is ever
            wiped.
    """
    key = data_dir.resolve()
    servers = servers or Servers()
    with _registry:
        stores = _open_stores.get(key)
        if stores is None:
            stores = _open_stores[key] = _Stores(key, embedder, dimension, servers)
        elif (stores.embedder, stores.dimension) != (embedder, dimension):
            raise EmbedderMismatch(
                f"{data_dir} is open for vectors of {stores.embedder} ({stores.dimension} numbers "
                f"each), not of {embedder} ({dimension})."
            )
        elif stores.servers != servers:
            raise StorageError(
                f"{data_dir} is open with other servers.", "Give all runs of a process the same."
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
        """Writes that an earlier process began and nobody has made up for; see ``recover``."""
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
        await stores.outbox.begin(write, packed_vectors(records, vectors))
        return await _write_vectors(stores, write, records, vectors)

    async def remember_graph(self, graph: Graph) -> Receipt:
        """Let the graph hold exactly this of a source.

        Raises:
            GraphInvalid: the graph contradicts itself.
            StorageError: it could not be written; repeat it, nothing is doubled.
        """
        stores = self._stores
        write = _pending(graph)
        await stores.outbox.begin(write, packed_graph(graph))
        return await _write_graph(stores, write, graph)

    async def defer_graph(self, graph: Graph) -> Receipt:
        """Promise to let the graph hold this, and return before it does.

        What is promised is on disk: the write goes on in the background until the memory is
        closed, and is made up for by ``recover`` where the process ended before.
        """
        stores = self._stores
        write = _pending(checked(graph))
        await stores.outbox.begin(write, packed_graph(graph))
        stores.later(_write_graph(stores, write, graph))
        return Receipt(store="graph", records=len(_shared_ids(graph)), digest=_shared(graph))

    async def recover(self) -> tuple[Pending, ...]:
        """Finish every write that an earlier process began; returns those that were finished.

        A write that an older version noted without what was to be written is left to its run.
        """
        stores, finished = self._stores, []
        for write in self.unfinished():
            payload = await stores.outbox.payload(write)
            if payload is None:
                continue
            if write.store == "vector":
                records, vectors = unpacked_vectors(payload)
                await _write_vectors(stores, write, records, vectors)
            else:
                await _write_graph(stores, write, unpacked_graph(payload))
            finished.append(write)
        return tuple(finished)

    # -- what is kept, and whether it is whole ----------------------------------------------

    async def check(self, tenant: str) -> tuple[Discrepancy, ...]:
        """Compare what the stores hold with one another and with what they have confirmed."""
        stores = self._stores
        in_vectors = set(await stores.vectors.sources(tenant))
        titles = {
            str(node.properties["source_id"]): str(node.properties["title"])
            for node in await stores.graph.sources(tenant)
        }
        confirmed = {(w.source_id, w.store): w.digest for w in await stores.outbox.held(tenant)}
        unfinished = {(w.source_id, w.store) for w in self.unfinished() if w.tenant == tenant}
        known = in_vectors | set(titles) | {source for source, _ in (*confirmed, *unfinished)}
        found = []
        for source_id in sorted(known):
            vectors = await stores.vectors.ids(tenant, source_id)
            nodes = await stores.graph.ids(tenant, source_id)
            problems = []
            if any((source_id, store) in unfinished for store in ("vector", "graph")):
                problems.append("a write was not finished")
            held: dict[Store, frozenset[str]] = {"vector": vectors, "graph": nodes}
            for store, ids in held.items():
                if (source_id, store) in unfinished:
                    continue
                expected = confirmed.get((source_id, store))
                if expected is not None and expected != digest_of(ids):
                    problems.append(f"the {store} store does not hold what it confirmed")
            if nodes and vectors - nodes and not problems:
                problems.append(f"{len(vectors - nodes)} records are not in the graph")
            found += [
                Discrepancy(source_id=source_id, title=titles.get(source_id), problem=problem)
                for problem in problems
            ]
        return tuple(found)

    async def forget(self, tenant: str, source_id: str) -> Forgotten:
        """Remove a source from everything, and look whether it is gone.

        Raises:
            StorageError: something of it is still there.
        """
        stores = self._stores
        records = await stores.vectors.forget(tenant, source_id)
        nodes = await stores.graph.forget(tenant, source_id)
        verdicts = await stores.archive.forget(tenant, source_id)
        await self._forget_evidence(tenant, lambda n: n.properties.get("origin") == source_id)
        verdicts += await stores.archive.forget_evidence(
            tenant, lambda evidence: evidence.source_id == source_id
        )
        await stores.outbox.forget(tenant, source_id)
        left = await stores.vectors.ids(tenant, source_id)
        left |= await stores.graph.ids(tenant, source_id)
        if left:
            raise StorageError(
                f"{len(left)} records of {source_id} are still there.", "Repeat the command."
            )
        return Forgotten(source_id=source_id, records=records, nodes=nodes, verdicts=verdicts)

    async def forget_speaker(self, tenant: str, name: str) -> tuple[str, ...]:
        """Remove all that somebody of this name said, in every recording, and what quotes it.

        Returns:
            The ids of the sources that were changed.

        Raises:
            StorageError: something of it is still there.
        """
        folded = name.casefold()
        changed = []
        async for portion in self.export(tenant):
            if any((record.speaker or "").casefold() == folded for record in portion.records):
                await self.take(tenant, without_speaker(portion, name))
                changed.append(portion.source_id)
        await self._forget_evidence(
            tenant, lambda node: str(node.properties.get("speaker", "")).casefold() == folded
        )
        await self._stores.archive.forget_evidence(
            tenant, lambda evidence: (evidence.speaker or "").casefold() == folded
        )
        if await self._stores.graph.claims(tenant, speaker=name, limit=1):
            raise StorageError(f"Claims of {name} are still there.", "Repeat the command.")
        return tuple(changed)

    async def _forget_evidence(self, tenant: str, is_gone: Callable[[Node], bool]) -> None:
        """Remove evidence from the verdicts of all sources, and the verdicts that rested on it."""

        def is_evidence(node: Node) -> bool:
            return node.label == "Evidence" and is_gone(node)

        async for graph in self._stores.graph.export(tenant):
            if any(map(is_evidence, graph.nodes)):
                await self.remember_graph(without(graph, is_evidence))

    async def export(self, tenant: str) -> AsyncIterator[Portion]:
        """Everything of a tenant, source by source.

        Sources whose graphs link to one another in a circle come twice, see ``GraphStore.export``.
        """
        stores = self._stores
        left = set(await stores.vectors.sources(tenant))
        async for graph in stores.graph.export(tenant):
            left.discard(graph.source_id)
            yield await self._portion(tenant, graph.source_id, graph)
        for source_id in sorted(left):
            yield await self._portion(tenant, source_id, None)

    async def _portion(self, tenant: str, source_id: str, graph: Graph | None) -> Portion:
        stores = self._stores
        records: list[Record] = []
        parts = [np.zeros((0, stores.dimension), np.float32)]
        async for some, vectors in stores.vectors.export(tenant, source_id):
            records += some
            parts.append(vectors)
        return Portion(
            source_id=source_id,
            records=tuple(records),
            vectors=np.concatenate(parts),
            graph=graph,
            verdicts=await stores.archive.of_source(tenant, source_id),
        )

    async def take(self, tenant: str, portion: Portion) -> None:
        """Remember what was exported, as it was. Twice is harmless.

        Raises:
            BundleInvalid: it belongs to another tenant.
            EmbedderMismatch: its vectors are of another length.
        """
        stores = self._stores
        if any((r.tenant, r.source_id) != (tenant, portion.source_id) for r in portion.records):
            raise BundleInvalid(f"{portion.source_id} belongs to another tenant than {tenant}.")
        _check_vectors(portion.vectors, stores.dimension)
        rows = max((record.row for record in portion.records), default=-1) + 1
        vectors = np.zeros((rows, stores.dimension), np.float32)
        for record, vector in zip(portion.records, portion.vectors, strict=True):
            vectors[record.row] = vector
        digest = digest_of(record.id for record in portion.records)
        write = Pending(tenant, portion.source_id, "vector", digest)
        await stores.outbox.begin(write, packed_vectors(portion.records, vectors))
        await _write_vectors(stores, write, portion.records, vectors)
        if portion.graph is not None:
            await self.remember_graph(portion.graph)
        await stores.archive.restore(tenant, portion.source_id, portion.verdicts)

    # -- questions to the graph ---------------------------------------------------------------

    async def remembered(self, tenant: str) -> tuple[str, ...]:
        """The ids of all sources that the vector store holds, sorted."""
        return await self._stores.vectors.sources(tenant)

    async def sources(self, tenant: str) -> tuple[Node, ...]:
        """The nodes of all sources that the graph knows, newest first."""
        return await self._stores.graph.sources(tenant)

    async def claims(self, tenant: str, **wanted: Unpack[ClaimFilter]) -> tuple[StatedClaim, ...]:
        """Claims, the newest source first; see ``GraphStore.claims``."""
        return await self._stores.graph.claims(tenant, **wanted)

    async def links(
        self,
        tenant: str,
        kinds: Collection[LinkKind],
        *,
        source_id: str | None = None,
        speaker: str | None = None,
        limit: int = 100,
    ) -> tuple[Link, ...]:
        """Pairs of claims in relation to one another; see ``GraphStore.links``."""
        return await self._stores.graph.links(
            tenant, kinds, source_id=source_id, speaker=speaker, limit=limit
        )

    async def timeline(self, tenant: str, name: str, *, limit: int = 1000) -> tuple[Mention, ...]:
        """Every mention of somebody or something; see ``GraphStore.timeline``."""
        return await self._stores.graph.timeline(tenant, name, limit=limit)

    # -- verdicts -------------------------------------------------------------------------------

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
        nodes = await stores.graph.counts(tenant)
        return Stats(
            vector=await stores.vectors.counts(tenant),
            graph=Counts(sources=nodes["Source"], segments=nodes["Segment"], claims=nodes["Claim"]),
            nodes={label: count for label, count in nodes.items() if count},
        )


def _pending(graph: Graph) -> Pending:
    digest = digest_of(node.uid for node in graph.nodes)
    return Pending(graph.tenant, graph.source_id, "graph", digest)


def _shared_ids(graph: Graph) -> frozenset[str]:
    """The ids that a graph shares with the vector store."""
    return frozenset(node.uid for node in graph.nodes if node.label in ("Segment", "Claim"))


def _shared(graph: Graph) -> str:
    return digest_of(_shared_ids(graph))


async def _write_vectors(
    stores: _Stores, write: Pending, records: Sequence[Record], vectors: NDArray[np.float32]
) -> Receipt:
    held = await stores.vectors.replace(write.tenant, write.source_id, records, vectors)
    return await _finish(stores.outbox, write, held, held)


async def _write_graph(stores: _Stores, write: Pending, graph: Graph) -> Receipt:
    held = await stores.graph.replace(graph)
    return await _finish(stores.outbox, write, held, held & _shared_ids(graph))


async def _finish(
    outbox: Outbox, write: Pending, held: frozenset[str], shared: frozenset[str]
) -> Receipt:
    """Compare what a store holds with what was written, and strike it off.

    Args:
        outbox: that knows of the write.
        write: as it was begun.
        held: ids of everything that the store holds of the source now.
        shared: of them, those of segments and claims, which both stores have.
    """
    receipt = Receipt(store=write.store, records=len(shared), digest=digest_of(shared))
    if digest_of(held) != write.digest:
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
