"""The memory as the rest of the program sees it: one vector store and one graph, sharing ids."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Literal, TypedDict, Unpack

import numpy as np
import structlog
from numpy.typing import NDArray

from ..closing import Closing
from ..errors import (
    BundleInvalid,
    EmbedderMismatch,
    GraphInvalid,
    NameUnknown,
    StorageError,
)
from ..events import store_call
from ..models.analysis import Entities
from ..models.graph import Graph, Link, LinkKind, Mention, Node, StatedClaim
from ..models.media import Source
from ..models.memory import Counts, Discrepancy, Forgotten, Hit, Receipt, Record, Stats
from ..models.verification import SameEntity, Verdict
from .bundle import Portion
from .graph import checked
from .identities import Decision, pair, resolve
from .outbox import (
    Pending,
    Store,
    packed_graph,
    packed_vectors,
)
from .ports import Mode, Where
from .records import digest_of
from .servers import Servers
from .stores import Stores, hold, let_go, promised
from .trimming import without, without_speaker
from .worker import closed

log = structlog.get_logger(__name__)

_MOST_FETCHED = 10_000
_MOST_ROWS = 200_000
"""Of one source; two days of speech have fewer."""
_OPENING = 20
"""Rows of which one is still there when a speaker has been forgotten."""


class ClaimFilter(TypedDict, total=False):
    """Which claims are asked for; see ``GraphStore.claims``."""

    source_id: str | None
    speaker: str | None
    verdict: str | None
    since: date | None
    until: date | None
    words: str | None
    limit: int


class SearchFilter(TypedDict, total=False):
    """Which passages are asked for; see ``Where``."""

    kind: Literal["segment", "claim"] | None
    source: str | None
    exclude_source: str | None
    exact: bool
    speaker: str | None
    since: date | None
    until: date | None
    verdict: str | None
    language: str | None


def open_here(data_dir: Path, embedder: str, dimension: int, servers: Servers) -> Memory:
    """A handle on the memory of a data folder that this process owns from now on.

    All handles of a process share one set of stores, which is closed with the last of them.

    Raises:
        DataFolderInUse: another process owns the folder; names it.
        EmbedderMismatch, NotWritable, DiskFull, StorageError: see ``open_memory``.
    """
    return Memory(hold(data_dir, embedder, dimension, servers, Memory))


class Memory(Closing):
    """One handle on the memory. Use as a context manager, or call ``close``.

    Any thread and any event loop may use it. Whoever writes a source is alone with it, as a run
    is that holds its folder.
    """

    def __init__(self, stores: Stores) -> None:
        self._shared: Stores | None = stores

    def close(self) -> None:
        """Give up this handle; the last one of a folder closes its stores. Twice is harmless."""
        stores, self._shared = self._shared, None
        if stores is not None:
            let_go(stores)

    @property
    def _stores(self) -> Stores:
        if self._shared is None:
            raise closed()
        return self._shared

    @property
    def identity(self) -> str:
        """A uuid that changes when a store was made anew, and must be filled again."""
        return self._stores.identity

    @property
    def embedder(self) -> str:
        """Name of the model that makes its vectors."""
        return self._stores.embedder

    @property
    def servers(self) -> Servers:
        """Where the stores are."""
        return self._stores.servers

    @property
    def dimension(self) -> int:
        """Length of its vectors."""
        return self._stores.dimension

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
        return await stores.write_vectors(write, records, vectors)

    async def remember_graph(self, graph: Graph) -> Receipt:
        """Let the graph hold exactly this of a source.

        Raises:
            GraphInvalid: the graph contradicts itself.
            StorageError: it could not be written; repeat it, nothing is doubled.
        """
        stores = self._stores
        graph = await stores.identities.corrected(graph)
        write = _pending(graph)
        await stores.outbox.begin(write, packed_graph(graph))
        return await stores.write_graph(write, graph)

    async def defer_graph(self, graph: Graph) -> Receipt:
        """Promise to let the graph hold this, and return before it does.

        What is promised is on disk: the write goes on in the background until the memory is
        closed, and is made up for by ``recover`` where the process ended before.
        """
        stores = self._stores
        graph = await stores.identities.corrected(checked(graph))
        write = _pending(graph)
        await stores.outbox.begin(write, packed_graph(graph))
        stores.later(stores.write_graph(write, graph))
        return promised(graph)

    async def recover(self) -> tuple[Pending, ...]:
        """Finish all that an earlier process began; returns the writes that were finished.

        A write of which nobody knows what was to be written is left to its run.

        Raises:
            StorageError: a store could not be written; what the other was to hold is finished.
        """
        stores = self._stores
        await stores.purge()
        finished: list[Pending] = []
        failed: dict[Store, StorageError] = {}
        for write in self.unfinished():
            if write.store in failed:
                continue
            try:
                if await stores.redo(write):
                    finished.append(write)
            except GraphInvalid as error:
                log.warning("write_left_unfinished", source=write.source_id, reason=error.message)
            except StorageError as error:
                failed[write.store] = error
        for failure in failed.values():
            raise failure
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

    async def forget(self, tenant: str, source_id: str, *, purge: bool = True) -> Forgotten:
        """Remove a source from everything, and look whether it is gone.

        Args:
            tenant: whose memory it is.
            source_id: of the source.
            purge: whether to clean the files at once, as ``purge`` does.

        Raises:
            StorageError: something of it is still there.
        """
        stores = self._stores
        stores.begin_to_forget()
        await self._forget_evidence(tenant, lambda n: n.properties.get("origin") == source_id)
        verdicts = await stores.archive.forget_evidence(
            tenant, lambda evidence: evidence.source_id == source_id
        )
        verdicts += await stores.archive.forget(tenant, source_id)
        await stores.outbox.forget(tenant, source_id)
        await stores.identities.forget(tenant, await stores.graph.ids(tenant, source_id))
        records = await stores.vectors.forget(tenant, source_id)
        # Last, because it is by the graph that a repeat finds a source of that name.
        nodes = await stores.graph.forget(tenant, source_id)
        left = await stores.vectors.ids(tenant, source_id)
        left |= await stores.graph.ids(tenant, source_id)
        if left:
            raise StorageError(
                f"{len(left)} records of {source_id} are still there.", "Repeat the command."
            )
        if purge:
            await stores.purge()
        return Forgotten(source_id=source_id, records=records, nodes=nodes, verdicts=verdicts)

    async def purge(self) -> None:
        """Leave nothing in any file of what was forgotten.

        The embedded vectors are copied for it, some 5,000 records a second, so whoever forgets
        many sources does it once. Servers clean their files when they will.

        Raises:
            DiskFull: no room for the copy; ``recover`` does it when there is.
        """
        await self._stores.purge()

    async def spoken_by(self, tenant: str, name: str) -> tuple[str, ...]:
        """The ids of the sources in which somebody of this name speaks, sorted."""
        vectors, folded = self._stores.vectors, name.casefold()
        found = set()
        for source_id in await vectors.sources(tenant):
            async for records, _ in vectors.export(tenant, source_id):
                if any((record.speaker or "").casefold() == folded for record in records):
                    found.add(source_id)
        return tuple(sorted(found))

    async def forget_speaker(self, tenant: str, name: str) -> tuple[str, ...]:
        """Remove all that somebody of this name said, in every recording, and what quotes it.

        Returns:
            The ids of the sources that were changed.

        Raises:
            StorageError: something of it is still there.
        """
        self._stores.begin_to_forget()
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
        await self._stores.purge()
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
        entities = _entities(graph) if graph else frozenset()
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
            decisions=await stores.identities.about(tenant, entities) if entities else (),
        )

    async def take(self, tenant: str, portion: Portion) -> None:
        """Remember what was exported, as it was. Twice is harmless.

        Raises:
            BundleInvalid: it belongs to another tenant, or contradicts itself.
            EmbedderMismatch: its vectors are of another length.
        """
        stores = self._stores
        _check_portion(portion, tenant)
        _check_vectors(portion.vectors, stores.dimension)
        rows = max((record.row for record in portion.records), default=-1) + 1
        vectors = np.zeros((rows, stores.dimension), np.float32)
        for record, vector in zip(portion.records, portion.vectors, strict=True):
            vectors[record.row] = vector
        digest = digest_of(record.id for record in portion.records)
        write = Pending(tenant, portion.source_id, "vector", digest)
        await stores.outbox.begin(write, packed_vectors(portion.records, vectors))
        await stores.write_vectors(write, portion.records, vectors)
        await stores.identities.decide(tenant, portion.decisions)
        if portion.graph is not None:
            await self.remember_graph(portion.graph)
        await stores.archive.restore(tenant, portion.source_id, portion.verdicts)

    # -- questions to the graph ---------------------------------------------------------------

    async def tenants(self) -> tuple[str, ...]:
        """Everybody of whom a store holds something, sorted."""
        stores = self._stores
        return tuple(sorted({*await stores.vectors.tenants(), *await stores.graph.tenants()}))

    async def remembered(self, tenant: str) -> tuple[str, ...]:
        """The ids of all sources of which a store holds something, sorted."""
        stores = self._stores
        nodes = await stores.graph.sources(tenant)
        in_graph = (str(node.properties["source_id"]) for node in nodes)
        return tuple(sorted({*await stores.vectors.sources(tenant), *in_graph}))

    async def untouched(self, tenant: str, since: datetime) -> tuple[str, ...]:
        """The ids of sources of which nothing was remembered anew from a moment on, sorted."""
        return await self._stores.outbox.untouched(tenant, since.timestamp())

    async def extent(self, tenant: str, source_id: str) -> tuple[int, int]:
        """How many records and how many nodes of the graph are held of a source."""
        stores = self._stores
        records = await stores.vectors.ids(tenant, source_id)
        return len(records), len(await stores.graph.ids(tenant, source_id))

    async def sources(self, tenant: str) -> tuple[Node, ...]:
        """The nodes of all sources that the graph knows, newest first."""
        return await self._stores.graph.sources(tenant)

    async def names(self, tenant: str) -> dict[str, set[str]]:
        """What the recordings that are remembered are called, by id: title and link.

        The graph knows them; of those that only the vector store holds one segment each is asked
        for its title.
        """
        stores = self._stores
        known = {
            str(node.properties["source_id"]): {
                str(node.properties[name]) for name in ("title", "url") if name in node.properties
            }
            for node in await stores.graph.sources(tenant)
        }
        unknown = [id_ for id_ in await self.remembered(tenant) if id_ not in known]
        near = await asyncio.gather(
            *(stores.vectors.neighbours(tenant, id_, [0], 0, _OPENING) for id_ in unknown)
        )
        for id_, [opening] in zip(unknown, near, strict=True):
            known[id_] = {record.title for record in opening}
        return known

    async def claims(self, tenant: str, **wanted: Unpack[ClaimFilter]) -> tuple[StatedClaim, ...]:
        """Claims, the newest source first; see ``GraphStore.claims``."""
        with store_call("graph", "search"):
            return await self._stores.graph.claims(tenant, **wanted)

    async def labels(self, tenant: str, source_id: str) -> dict[str, str]:
        """The verdicts on the claims of a source, by the id of the claim's record."""
        claims = await self._stores.graph.claims(tenant, source_id=source_id, limit=_MOST_FETCHED)
        return {claim.id: claim.verdict for claim in claims if claim.verdict}

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
        with store_call("graph", "search"):
            return await self._stores.graph.links(
                tenant, kinds, source_id=source_id, speaker=speaker, limit=limit
            )

    async def timeline(self, tenant: str, name: str, *, limit: int = 1000) -> tuple[Mention, ...]:
        """Every mention of somebody or something; see ``GraphStore.timeline``."""
        with store_call("graph", "search"):
            return await self._stores.graph.timeline(tenant, name, limit=limit)

    # -- who is the same ------------------------------------------------------------------------

    async def resolve(
        self, tenant: str, source_id: str, entities: Entities
    ) -> tuple[SameEntity, ...]:
        """Which entities of a recording are surely ones of other recordings."""
        names = {name for entity in entities.entities for name in (entity.name, *entity.aliases)}
        known = await self._stores.graph.entities(tenant, names)
        others = [node for node in known if node.properties["source_id"] != source_id]
        return resolve(entities, others)

    async def decide(
        self, tenant: str, name: str, other: str, *, same: bool, today: date
    ) -> tuple[str, ...]:
        """Join or part, for good, all that is called by one name and all called by another.

        Returns:
            The ids of the recordings whose graphs were changed.

        Raises:
            NameUnknown: nobody is called so, or both names are those of one in one recording.
        """
        stores = self._stores
        ours, theirs = [await stores.graph.entities(tenant, [each]) for each in (name, other)]
        for called, nodes in ((name, ours), (other, theirs)):
            if not nodes:
                raise NameUnknown(f"Nobody and nothing called “{called}” is remembered.")
        pairs = _pairs(ours, theirs, same=same)
        if not pairs:
            raise NameUnknown(f"“{name}” and “{other}” are names of one in the same recording.")
        await stores.identities.decide(
            tenant, [Decision(*each, same=same, decided=today) for each in sorted(pairs)]
        )
        concerned = {uid for each in pairs for uid in each}
        changed = sorted(
            {str(n.properties["source_id"]) for n in (*ours, *theirs) if n.uid in concerned}
        )
        for source_id in changed:
            await self.remember_graph(await stores.graph.read(tenant, source_id))
        return tuple(changed)

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
        vector: NDArray[np.float32] | None,
        *,
        tenant: str,
        limit: int,
        mode: Mode = "dense",
        text: str = "",
        diversity: float = 0.0,
        apart: int = 0,
        **wanted: Unpack[SearchFilter],
    ) -> list[Hit]:
        """The remembered passages that fit one query best; see ``search_many``."""
        [hits] = await self.search_many(
            None if vector is None else np.asarray(vector)[np.newaxis],
            tenant=tenant,
            limit=limit,
            mode=mode,
            texts=[text],
            diversity=diversity,
            apart=apart,
            **wanted,
        )
        return hits

    async def search_many(
        self,
        vectors: NDArray[np.float32] | None,
        *,
        tenant: str,
        limit: int,
        mode: Mode = "dense",
        texts: Sequence[str] = (),
        diversity: float = 0.0,
        apart: int = 0,
        **wanted: Unpack[SearchFilter],
    ) -> list[list[Hit]]:
        """For each query the remembered passages that fit it best, in one batch.

        The same store always gives the same answer; see ``VectorStore.search``.

        Args:
            vectors: the queries by meaning, shape (queries, dimension); None where ``words`` needs
                none.
            tenant: whose memory is searched.
            limit: most hits per query.
            mode: by meaning, by words, or both.
            texts: the queries in words, for ``words`` and ``hybrid``.
            diversity: 0 to 1: how much a hit loses for being like a better one.
            apart: rows that hits of one source must be apart.
            wanted: what may be returned; evidence must be ``exact``.

        Raises:
            EmbedderMismatch: vectors of another length than the store's.
        """
        stores = self._stores
        if vectors is None:
            vectors = np.zeros((0, stores.dimension), np.float32)
        _check_vectors(vectors, stores.dimension)
        with store_call("vector", "search"):
            return await stores.vectors.search(
                vectors,
                limit,
                Where(tenant, **wanted),
                mode=mode,
                texts=texts,
                diversity=diversity,
                apart=apart,
            )

    async def neighbours(self, tenant: str, hits: Sequence[Hit], around: int) -> list[list[Record]]:
        """For each hit the segments from ``around`` before its own to ``around`` after it.

        In order and with its own; one question for each source that the hits are of.
        """
        rows: dict[str, list[int]] = {}
        for hit in hits:
            if hit.row is not None:
                rows.setdefault(hit.source_id, []).append(hit.row)
        near = await asyncio.gather(
            *(
                self._stores.vectors.neighbours(tenant, source, positions, around, around)
                for source, positions in rows.items()
            )
        )
        found = {
            (source, row): records
            for (source, positions), answers in zip(rows.items(), near, strict=True)
            for row, records in zip(positions, answers, strict=True)
        }
        return [found.get((hit.source_id, hit.row or 0), []) for hit in hits]

    async def stats(self, tenant: str) -> Stats:
        """How much is remembered."""
        stores = self._stores
        nodes = await stores.graph.counts(tenant)
        return Stats(
            vector=await stores.vectors.counts(tenant),
            graph=Counts(sources=nodes["Source"], segments=nodes["Segment"], claims=nodes["Claim"]),
            nodes={label: count for label, count in nodes.items() if count},
        )


def _entities(graph: Graph) -> frozenset[str]:
    return frozenset(node.uid for node in graph.nodes if node.label == "Entity")


def _pairs(ours: Sequence[Node], theirs: Sequence[Node], *, same: bool) -> set[tuple[str, str]]:
    """Who is to be joined, each with the first, or to be parted, each from each."""
    if same:
        first, *others = sorted({node.uid for node in (*ours, *theirs)})
        return {pair(first, uid) for uid in others}
    both = {node.uid for node in ours} & {node.uid for node in theirs}
    return {pair(a.uid, b.uid) for a in ours for b in theirs if not {a.uid, b.uid} & both}


def _pending(graph: Graph) -> Pending:
    digest = digest_of(node.uid for node in graph.nodes)
    return Pending(graph.tenant, graph.source_id, "graph", digest)


def _check_records(records: Sequence[Record], source: Source, tenant: str) -> None:
    if any((record.source_id, record.tenant) != (source.id, tenant) for record in records):
        raise ValueError("a record belongs to another source or tenant")


def _check_portion(portion: Portion, tenant: str) -> None:
    """A bundle may have been made by anybody."""
    key = tenant, portion.source_id
    graph = portion.graph
    if any((r.tenant, r.source_id) != key for r in portion.records) or (
        graph and (graph.tenant, graph.source_id) != key
    ):
        raise BundleInvalid(f"{portion.source_id} belongs to another tenant than {tenant}.")
    if len(portion.records) != len(portion.vectors) or not np.isfinite(portion.vectors).all():
        raise BundleInvalid(f"The vectors of {portion.source_id} do not fit its records.")
    if any(not 0 <= record.row < _MOST_ROWS for record in portion.records):
        raise BundleInvalid(f"A record of {portion.source_id} has a row that cannot be.")


def _check_vectors(vectors: NDArray[np.float32], dimension: int) -> None:
    if vectors.ndim != 2 or (len(vectors) and vectors.shape[1] != dimension):
        raise EmbedderMismatch(
            f"The memory holds vectors of {dimension} numbers, not of shape {vectors.shape}."
        )
    if not np.isfinite(vectors).all():
        raise ValueError("a vector holds a number that is not finite")
