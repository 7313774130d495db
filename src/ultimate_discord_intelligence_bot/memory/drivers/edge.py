"""The vector store in a folder, by Qdrant Edge: exact search, every write in its log first."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import structlog
from numpy.typing import NDArray

from ...errors import (
    DataFolderInUse,
    DiskFull,
    EmbedderMismatch,
    NotWritable,
    StorageError,
    storage_error,
)
from ...events import Progress, silent
from ...models.memory import Counts, Hit, Record
from ...runs import sync_folder, write_atomically
from .. import bm25, ranking
from ..ports import Encode, Mode, Where
from ..ranking import Found, Request
from ..worker import Worker
from . import points
from .points import BATCH, FORMAT, TEXT, WORDS

if TYPE_CHECKING:
    import qdrant_edge

_RESERVE = 64 * 1024 * 1024
"""Bytes of disk that must stay free. The store writes through memory maps: on a full disk the
kernel kills the process (SIGBUS) before any error can be returned, so we refuse earlier."""

_PAGE = 10_000

log = structlog.get_logger(__name__)


class EdgeVectors:
    """A ``VectorStore`` in one folder, owned by one thread.

    A folder of an older format is brought to this one first, some 5,000 records a second; killed
    meanwhile, it goes on where it was.

    Args:
        folder: made when it is not there.
        embedder: name of the model that makes the vectors.
        dimension: their length.

    Raises:
        EmbedderMismatch: the folder was filled by another embedder; it is left as it is.
        StorageError: damaged, in use, or written by a newer version.
        NotWritable, DiskFull: the folder cannot be written to.
    """

    def __init__(self, folder: Path, embedder: str, dimension: int) -> None:
        self._folder = folder
        self._worker = Worker("vectors")
        try:
            self.identity, self._shard = self._worker.run_now(_open, folder, embedder, dimension)
        except BaseException:
            self._worker.close()
            raise

    @staticmethod
    def reembed(
        folder: Path,
        embedder: str,
        dimension: int,
        encode: Encode,
        progress: Progress = silent,
    ) -> int:
        """Give every record of a closed store the vector of another embedder; blocks.

        The new store grows beside the old one and takes its place at the end. Killed meanwhile,
        the same call goes on with the source that it was at.

        Args:
            folder: of the store; nobody may have it open.
            embedder: name of the model that ``encode`` is.
            dimension: length of its vectors.
            encode: texts to rows of length 1, shape (texts, dimension).
            progress: told how far it is after each source.

        Returns:
            How many records the store holds.
        """
        _recover(folder)
        card = _read_card(folder / "store.json")
        target = card | {"format": FORMAT, "embedder": embedder, "dimension": dimension}
        return _Rebuilding(folder, target, encode, progress).run()

    async def replace(
        self,
        tenant: str,
        source_id: str,
        records: Sequence[Record],
        vectors: NDArray[np.float32],
    ) -> frozenset[str]:
        """Hold exactly these records of a source; returns the ids it holds then."""
        held = await self.ids(tenant, source_id)
        new = sorted({record.id for record in records} - held)
        for first in range(0, len(new), BATCH):
            if await self._worker.run(self._any_of, new[first : first + BATCH]):
                raise points.foreign(source_id)
        words = await self._worker.run(bm25.passages, records)
        for first in range(0, len(records), BATCH):
            some = slice(first, first + BATCH)
            rows = vectors[[record.row for record in records[some]]]
            await self._worker.run(self._upsert, records[some], rows, words[some])
        gone = await self.ids(tenant, source_id) - {record.id for record in records}
        await self._delete(sorted(gone))
        return await self.ids(tenant, source_id)

    async def search(
        self,
        vectors: NDArray[np.float32],
        limit: int,
        where: Where,
        *,
        mode: Mode = "dense",
        texts: Sequence[str] = (),
        diversity: float = 0.0,
        apart: int = 0,
    ) -> list[list[Hit]]:
        """For each query the records that fit best; see ``VectorStore``."""

        async def ask(requests: Sequence[Request], with_vectors: bool) -> list[list[Found]]:
            found: list[list[Found]] = []
            for first in range(0, len(requests), BATCH):
                batch = requests[first : first + BATCH]
                found += await self._worker.run(self._query, batch, where, with_vectors)
            return found

        return await ranking.search(
            ask, vectors, limit, mode=mode, texts=texts, diversity=diversity, apart=apart
        )

    async def neighbours(
        self, tenant: str, source_id: str, positions: Sequence[int], before: int, after: int
    ) -> list[list[Record]]:
        """For each position the segments around it, in order."""
        rows = points.rows(positions, before, after)
        segments = await self._worker.run(self._segments, tenant, source_id, rows) if rows else []
        return points.around(segments, positions, before, after)

    async def ids(self, tenant: str, source_id: str) -> frozenset[str]:
        """The ids of all records held of a source."""
        return await self._worker.run(self._ids, Where(tenant, source=source_id))

    async def tenants(self) -> tuple[str, ...]:
        """Whoever anything is held of, sorted."""
        return await self._worker.run(self._tenants)

    async def sources(self, tenant: str) -> tuple[str, ...]:
        """The ids of all sources held of a tenant, sorted."""
        return await self._worker.run(self._sources, tenant)

    async def forget(self, tenant: str, source_id: str) -> int:
        """Hold nothing more of a source; returns how many records are gone."""
        gone = await self.ids(tenant, source_id)
        await self._delete(sorted(gone))
        return len(gone)

    async def purge(self) -> None:
        """Leave nothing in the files of what is held no more.

        The library keeps deleted points in its segments and its log, so everything that is held
        is copied to a new store, some 5,000 records a second, which takes the place of this one.
        Killed meanwhile, the old store stays as it was.
        """
        await self._worker.run(self._purge)

    async def export(
        self, tenant: str, source_id: str
    ) -> AsyncIterator[tuple[list[Record], NDArray[np.float32]]]:
        """All records of a source in batches, each with its vector."""
        offset = None
        where = Where(tenant, source=source_id)
        while True:
            batch, offset = await self._worker.run(self._read, where, offset)
            if batch:
                yield [record for record, _ in batch], np.stack([vector for _, vector in batch])
            if offset is None:
                return

    async def counts(self, tenant: str) -> Counts:
        """What is held of a tenant."""
        return await self._worker.run(self._counts, tenant)

    def close(self) -> None:
        """Flush and let go of the folder."""
        try:
            self._worker.run_now(self._close)
        finally:
            self._worker.close()

    async def _delete(self, ids: Sequence[str]) -> None:
        for first in range(0, len(ids), BATCH):
            await self._worker.run(self._delete_some, ids[first : first + BATCH])
        await self._worker.run(self._flush)

    # -- in the owner thread --------------------------------------------------------------

    def _upsert(
        self, records: Sequence[Record], rows: NDArray[np.float32], words: Sequence[bm25.Words]
    ) -> None:
        _require_space(self._folder)
        with _in_our_words(self._folder):
            self._shard.update(_upsertion(records, rows, words))

    def _delete_some(self, ids: Sequence[str]) -> None:
        with _in_our_words(self._folder):
            _delete(self._shard, ids)

    def _ids(self, where: Where) -> frozenset[str]:
        with _in_our_words(self._folder):
            return _ids(self._shard, where)

    def _any_of(self, ids: Sequence[str]) -> bool:
        with _in_our_words(self._folder):
            return bool(self._shard.retrieve([*ids], False, False))

    def _segments(self, tenant: str, source_id: str, rows: Sequence[int]) -> list[Record]:
        import qdrant_edge as edge

        condition = _filter(Where(tenant, kind="segment", source=source_id))
        near = edge.FieldCondition("row", match=edge.MatchAny([*rows]))
        both = edge.Filter(must=[condition, near])
        with _in_our_words(self._folder):
            pages = _pages(self._shard, both)
            return [points.record(point.id, point.payload) for page in pages for point in page]

    def _query(
        self, requests: Sequence[Request], where: Where, with_vectors: bool
    ) -> list[list[Found]]:
        import qdrant_edge as edge

        condition = _filter(where)
        # The rarity of a word is counted over what the tenant has now: no other tenant shows in a
        # score, nor does what was forgotten.
        tenant = edge.IdfParams(corpus=_filter(Where(where.tenant)))
        queries = [
            edge.QueryRequest(
                limit=request.limit,
                query=_query(request.about),
                filter=condition,
                with_payload=True,
                with_vector=[TEXT] if with_vectors else False,
                params=edge.SearchParams(
                    exact=True, idf=tenant if isinstance(request.about, bm25.Words) else None
                ),
            )
            for request in requests
        ]
        with _in_our_words(self._folder):
            answers = self._shard.query_batch(edge.QueryBatchRequest(queries))
        return [
            [_found(point, request) for point in answer]
            for request, answer in zip(requests, answers, strict=True)
        ]

    def _tenants(self) -> tuple[str, ...]:
        with _in_our_words(self._folder):
            return _values(self._shard, "tenant")

    def _sources(self, tenant: str) -> tuple[str, ...]:
        with _in_our_words(self._folder):
            return _values(self._shard, "source_id", _filter(Where(tenant)))

    def _read(
        self, where: Where, offset: Any
    ) -> tuple[list[tuple[Record, NDArray[np.float32]]], Any]:
        import qdrant_edge as edge

        request = edge.ScrollRequest(
            offset=offset,
            limit=BATCH,
            filter=_filter(where),
            with_payload=True,
            with_vector=[TEXT],
        )
        with _in_our_words(self._folder):
            found, following = self._shard.scroll(request)
        return [
            (points.record(point.id, point.payload), points.text_vector(point.vector))
            for point in found
        ], following

    def _counts(self, tenant: str) -> Counts:
        import qdrant_edge as edge

        def count(where: Where) -> int:
            return int(self._shard.count(edge.CountRequest(filter=_filter(where))))

        with _in_our_words(self._folder):
            return Counts(
                sources=len(_values(self._shard, "source_id", _filter(Where(tenant)))),
                segments=count(Where(tenant, kind="segment")),
                claims=count(Where(tenant, kind="claim")),
            )

    def _flush(self) -> None:
        with _in_our_words(self._folder):
            self._shard.flush()

    def _purge(self) -> None:
        card = _read_card(self._folder / "store.json")
        self._close()
        try:
            # What grows there already may hold what was forgotten since.
            _discard(_beside(self._folder, "next"))
            _Rebuilding(self._folder, card, None, silent).run()
        except BaseException:
            _discard(_beside(self._folder, "next"))
            raise
        finally:
            self._shard = _load_to_write(self._folder)

    def _close(self) -> None:
        with _in_our_words(self._folder):
            try:
                self._flush()
                _leave_count(self._folder, self._shard)
            except StorageError as error:  # nothing is lost: every write is in the log already
                log.warning("vectors_not_flushed", reason=error.message, remedy=error.remedy)
            finally:
                self._shard.close()


class _Rebuilding:
    """A store that grows beside another one, source by source, and takes its place.

    The folder ``NAME.next`` holds it; a file ``unfinished`` in it says so until it is whole. Begun
    before, it goes on with the sources that it does not have as the old store has them.
    """

    def __init__(
        self, folder: Path, card: dict[str, Any], encode: Encode | None, progress: Progress
    ) -> None:
        self._folder, self._card = folder, card
        self._encode, self._progress = encode, progress
        self._next = _beside(folder, "next")
        older = _read_card(folder / "store.json")["format"] < FORMAT
        self._copy = self._write_anew if encode or older else self._write_same

    def run(self) -> int:
        with _in_our_words(self._folder), closing(_load(self._folder)) as old:
            sources = _sources(old)
            self._begin()
            with closing(_load(self._next)) as new:
                for where in set(_sources(new)) - set(sources):
                    _delete(new, _ids(new, where))
                for place, where in enumerate(sources, 1):
                    held, there = _ids(old, where), _ids(new, where)
                    if held != there:
                        _delete(new, there - held)
                        self._copy(old, new, where)
                    self._progress(place / len(sources), f"{place} of {len(sources)}")
                new.flush()
                count = int(new.info().points_count)
                if count != int(old.info().points_count):
                    raise _damaged(self._folder, "not every record could be read")
        _swap(self._folder)
        return count

    def _begin(self) -> None:
        """Make the new store, where it was not begun before."""
        with suppress(StorageError):
            if _read_card(self._next / "store.json") == self._card:
                return
        _make(self._next, self._card, unfinished=True)

    def _write_same(
        self, old: qdrant_edge.EdgeShard, new: qdrant_edge.EdgeShard, where: Where
    ) -> None:
        import qdrant_edge as edge

        for page in _pages(old, _filter(where), vectors=True):
            _require_space(self._folder)
            same = [edge.Point(point.id, point.vector or {}, point.payload) for point in page]
            new.update(edge.UpdateOperation.upsert_points(same))

    def _write_anew(
        self, old: qdrant_edge.EdgeShard, new: qdrant_edge.EdgeShard, where: Where
    ) -> None:
        records: list[Record] = []
        kept: list[NDArray[np.float32]] = []
        for page in _pages(old, _filter(where), vectors=self._encode is None):
            records += [points.record(point.id, point.payload) for point in page]
            if self._encode is None:
                kept += [points.text_vector(point.vector) for point in page]
        words = bm25.passages(records)
        for first in range(0, len(records), BATCH):
            some = slice(first, first + BATCH)
            rows = self._encode([r.text for r in records[some]]) if self._encode else kept[some]
            rows = points.checked(np.array(rows, np.float32), len(records[some]), self._card)
            _require_space(self._folder)
            new.update(_upsertion(records[some], rows, words[some]))


# -- folders ------------------------------------------------------------------------------


def _open(folder: Path, embedder: str, dimension: int) -> tuple[str, qdrant_edge.EdgeShard]:
    _recover(folder)
    if not folder.exists():
        _create(folder, embedder, dimension)
    card = _read_card(folder / "store.json")
    if (card["embedder"], card["dimension"]) != (embedder, dimension):
        raise EmbedderMismatch(
            f"{folder} holds vectors of {card['embedder']} ({card['dimension']} numbers each), "
            f"not of {embedder} ({dimension})."
        )
    if card["format"] < FORMAT:
        log.info("vectors_migrated", folder=str(folder), format=FORMAT)
        _Rebuilding(folder, card | {"format": FORMAT}, None, silent).run()
    return card["identity"], _load_to_write(folder)


def _leave_count(folder: Path, shard: qdrant_edge.EdgeShard) -> None:
    """Note how many records a store holds that is closed in order."""
    count = int(shard.info().points_count)
    write_atomically(folder / "closed.json", json.dumps({"records": count}).encode())


def _compare_count(folder: Path, shard: qdrant_edge.EdgeShard) -> None:
    """Refuse a store that has lost records since it was closed.

    A file that was cut off costs records, of which the library says nothing.
    """
    path = folder / "closed.json"
    with suppress(ValueError, KeyError, TypeError, FileNotFoundError):
        left, held = int(json.loads(path.read_bytes())["records"]), int(shard.info().points_count)
        if held != left:
            raise _damaged(folder, f"of {left} records {held} can be read")
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(error, path) from error


def _recover(folder: Path) -> None:
    """End what a killed process began: a whole new store takes the place of the old one."""
    old, following = _beside(folder, "old"), _beside(folder, "next")
    try:
        if old.exists() and not folder.exists():
            whole = following.exists() and not (following / "unfinished").exists()
            (following if whole else old).rename(folder)
            sync_folder(folder.parent)
    except OSError as error:
        raise storage_error(error, folder) from error
    _discard(old)


def _swap(folder: Path) -> None:
    old, following = _beside(folder, "old"), _beside(folder, "next")
    try:
        (following / "unfinished").unlink()
        sync_folder(following)
        folder.rename(old)
        following.rename(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise storage_error(error, folder) from error
    _discard(old)


def _create(folder: Path, embedder: str, dimension: int) -> None:
    """Make the store beside its place and move it there whole, so that it is never half."""
    beside = _beside(folder, "new")
    card = {
        "format": FORMAT,
        "identity": str(uuid.uuid4()),
        "embedder": embedder,
        "dimension": dimension,
    }
    _make(beside, card, unfinished=False)
    try:
        beside.rename(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise storage_error(error, folder) from error


def _make(folder: Path, card: dict[str, Any], *, unfinished: bool) -> None:
    """An empty store in a folder, in place of whatever was there; its card comes last."""
    import qdrant_edge as edge

    _discard(folder)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise storage_error(error, folder) from error
    _require_space(folder)
    if unfinished:
        write_atomically(folder / "unfinished", b"")
    kinds = edge.PayloadSchemaType
    with _in_our_words(folder):
        config = edge.EdgeConfig(
            vectors={TEXT: edge.EdgeVectorParams(card["dimension"], edge.Distance.Cosine)},
            sparse_vectors={WORDS: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)},
            wal_enabled=True,
        )
        with closing(edge.EdgeShard.create(str(folder / "shard"), config)) as shard:
            indexes: dict[str, Any] = {"tenant": edge.KeywordIndexParams(is_tenant=True)}
            indexes |= {name: getattr(kinds, kind.title()) for name, kind in points.INDEXES.items()}
            for name, schema in indexes.items():
                shard.update(edge.UpdateOperation.create_field_index(name, schema))
            shard.flush()
    write_atomically(folder / "store.json", json.dumps(card, indent=1).encode())


def _discard(folder: Path) -> None:
    try:
        if folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        raise storage_error(error, folder) from error


def _beside(folder: Path, what: str) -> Path:
    return folder.with_name(f"{folder.name}.{what}")


def _load(folder: Path) -> qdrant_edge.EdgeShard:
    import qdrant_edge

    return qdrant_edge.EdgeShard.load(str(folder / "shard"))


def _load_to_write(folder: Path) -> qdrant_edge.EdgeShard:
    with _in_our_words(folder):
        shard = _load(folder)
        try:
            _compare_count(folder, shard)
        except BaseException:
            shard.close()
            raise
    return shard


def _require_space(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < _RESERVE:
        raise DiskFull(
            f"The disk is almost full: {free // 2**20} MB are free at {folder}, "
            f"{_RESERVE // 2**20} MB are needed."
        )


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card: dict[str, Any] = json.loads(path.read_bytes())
        if card["format"] not in range(1, FORMAT + 1):
            raise StorageError(
                f"{path.parent} has format {card['format']}; this version reads {FORMAT}.",
                "Use the version that wrote it, or a new AUTOINTEL_DATA_DIR.",
            )
        return {name: card[name] for name in ("format", "identity", "embedder", "dimension")}
    except OSError as error:
        raise _damaged(path.parent, error.strerror or str(error)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path.parent, f"{path.name} is not readable") from error


# -- in the terms of Qdrant Edge --------------------------------------------------------------


def _upsertion(
    records: Sequence[Record], rows: NDArray[np.float32], words: Sequence[bm25.Words]
) -> qdrant_edge.UpdateOperation:
    import qdrant_edge as edge

    return edge.UpdateOperation.upsert_points(
        [
            edge.Point(
                record.id,
                {TEXT: row, WORDS: edge.SparseVector([*some.indices], [*some.values])},
                points.payload(record),
            )
            for record, row, some in zip(records, rows.tolist(), words, strict=True)
        ]
    )


def _query(about: NDArray[np.float32] | bm25.Words) -> qdrant_edge.Query:
    import qdrant_edge as edge

    if isinstance(about, bm25.Words):
        sparse = edge.SparseVector([*about.indices], [*about.values])
        return edge.Query.Nearest(sparse, WORDS)
    return edge.Query.Nearest(about.tolist(), TEXT)


def _found(point: qdrant_edge.ScoredPoint, request: Request) -> Found:
    cosine = not isinstance(request.about, bm25.Words)
    hit = points.hit(point.id, point.payload, point.score, cosine=cosine)
    return Found(hit, points.text_vector(point.vector) if point.vector else None)


def _pages(
    shard: qdrant_edge.EdgeShard,
    condition: qdrant_edge.Filter,
    *,
    payload: bool = True,
    vectors: bool = False,
) -> Iterator[list[qdrant_edge.Record]]:
    import qdrant_edge as edge

    offset = None
    while True:
        request = edge.ScrollRequest(
            offset=offset,
            limit=BATCH if vectors else _PAGE,
            filter=condition,
            with_payload=payload,
            with_vector=vectors,
        )
        found, offset = shard.scroll(request)
        yield found
        if offset is None:
            return


def _ids(shard: qdrant_edge.EdgeShard, where: Where) -> frozenset[str]:
    pages = _pages(shard, _filter(where), payload=False)
    return frozenset(str(point.id) for page in pages for point in page)


def _delete(shard: qdrant_edge.EdgeShard, ids: Collection[str]) -> None:
    import qdrant_edge as edge

    if ids:
        shard.update(edge.UpdateOperation.delete_points([*ids]))


def _sources(shard: qdrant_edge.EdgeShard) -> list[Where]:
    """Every source of every tenant, sorted."""
    return [
        Where(tenant, source=source)
        for tenant in _values(shard, "tenant")
        for source in _values(shard, "source_id", _filter(Where(tenant)))
    ]


def _values(
    shard: qdrant_edge.EdgeShard, field: str, condition: qdrant_edge.Filter | None = None
) -> tuple[str, ...]:
    """The different values of a field, sorted."""
    import qdrant_edge as edge

    request = edge.FacetRequest(field, limit=points.MOST_SOURCES, exact=True, filter=condition)
    return tuple(sorted(str(hit.value) for hit in shard.facet(request).hits))


def _filter(where: Where) -> qdrant_edge.Filter:
    import qdrant_edge as edge

    def equals(key: str, value: str) -> qdrant_edge.FieldCondition:
        return edge.FieldCondition(key, match=edge.MatchValue(value))

    must: list[Any] = [equals(key, value) for key, value in points.wanted(where).items()]
    if where.since or where.until:
        days = edge.RangeDateTime(
            gte=where.since.isoformat() if where.since else None,
            lte=where.until.isoformat() if where.until else None,
        )
        must.append(edge.FieldCondition("published", range=days))
    return edge.Filter(
        must=must,
        must_not=[equals(key, value) for key, value in points.unwanted(where).items()],
    )


def _damaged(folder: Path, reason: str) -> StorageError:
    return StorageError(
        f"{folder} cannot be used ({reason}).",
        "Move it away and run the recordings again: they will be remembered anew.",
    )


@contextmanager
def _in_our_words(folder: Path) -> Iterator[None]:
    """Qdrant Edge raises bare ``Exception`` with the reason in its text, and panics of Rust."""
    try:
        yield
    except BaseException as error:
        if type(error) is not Exception and type(error).__name__ != "PanicException":
            raise
        reason = str(error)
        lowered = reason.lower()
        if "os error 28" in lowered or "no space left" in lowered:
            raise DiskFull(f"The disk is full: {folder} could not be written.") from error
        if "os error 13" in lowered or "os error 30" in lowered:
            raise NotWritable(f"{folder} cannot be written ({reason}).") from error
        if "wouldblock" in lowered:
            raise DataFolderInUse(f"{folder} is in use by another process.") from error
        raise _damaged(folder, reason) from error
