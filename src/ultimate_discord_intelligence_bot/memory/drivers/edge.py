"""The vector store in a folder, by Qdrant Edge: exact search, every write in its log first."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DiskFull, EmbedderMismatch, NotWritable, StorageError, storage_error
from ...models.memory import Counts, Hit, Record
from ...runs import sync_folder, write_atomically
from ..ports import Where
from ..worker import Worker

if TYPE_CHECKING:
    import qdrant_edge

_FORMAT = 1
_EXACT, _ROUGH = "exact", "rough"
_BATCH = 256
_RESERVE = 64 * 1024 * 1024
"""Bytes of disk that must stay free. The store writes through memory maps: on a full disk the
kernel kills the process (SIGBUS) before any error can be returned, so we refuse earlier."""


class EdgeVectors:
    """A ``VectorStore`` in one folder, owned by one thread.

    Args:
        folder: made when it is not there.
        embedder: name of the model that makes the vectors.
        dimension: their length.

    Raises:
        EmbedderMismatch: the folder was filled by another embedder; it is left as it is.
        StorageError: damaged, or written by a newer version.
        NotWritable, DiskFull: the folder cannot be written to.
    """

    def __init__(self, folder: Path, embedder: str, dimension: int) -> None:
        self._folder = folder
        self._dimension = dimension
        self._worker = Worker("vectors")
        try:
            self.identity, self._shard = self._worker.run_now(self._open, embedder)
        except BaseException:
            self._worker.close()
            raise

    async def replace(
        self,
        tenant: str,
        source_id: str,
        records: Sequence[Record],
        vectors: NDArray[np.float32],
    ) -> frozenset[str]:
        """Hold exactly these records of a source; returns the ids it holds then."""
        for first in range(0, len(records), _BATCH):
            batch = records[first : first + _BATCH]
            await self._worker.run(self._upsert, batch, vectors)
        where = Where(tenant, source=source_id)
        wanted = {record.id for record in records}
        gone = sorted(await self._worker.run(self._ids, where) - wanted)
        for first in range(0, len(gone), _BATCH):
            await self._worker.run(self._delete, gone[first : first + _BATCH])
        await self._worker.run(self._flush)
        return frozenset(await self._worker.run(self._ids, where))

    async def search(
        self, vectors: NDArray[np.float32], limit: int, where: Where
    ) -> list[list[Hit]]:
        """For each row the nearest records, best first."""
        found: list[list[Hit]] = []
        for first in range(0, len(vectors), _BATCH):
            batch = vectors[first : first + _BATCH]
            found += await self._worker.run(self._search, batch, limit, where)
        return found

    async def counts(self, tenant: str) -> Counts:
        """What is held of a tenant."""
        return await self._worker.run(self._counts, tenant)

    def close(self) -> None:
        """Flush and let go of the folder."""
        try:
            self._worker.run_now(self._close)
        finally:
            self._worker.close()

    # -- in the owner thread --------------------------------------------------------------

    def _open(self, embedder: str) -> tuple[str, qdrant_edge.EdgeShard]:
        import qdrant_edge

        if not self._folder.exists():
            self._create(embedder)
        card = _read_card(self._folder / "store.json")
        if (card["embedder"], card["dimension"]) != (embedder, self._dimension):
            raise EmbedderMismatch(
                f"{self._folder} holds vectors of {card['embedder']} ({card['dimension']} numbers "
                f"each), not of {embedder} ({self._dimension})."
            )
        with _in_our_words(self._folder):
            return card["identity"], qdrant_edge.EdgeShard.load(str(self._folder / "shard"))

    def _create(self, embedder: str) -> None:
        """Make the store beside its place and move it there whole, so that it is never half."""
        import qdrant_edge as edge

        beside = self._folder.with_name(self._folder.name + ".new")
        try:
            if beside.exists():
                shutil.rmtree(beside)
            beside.mkdir(parents=True)
            self._require_space(beside)
            card = {
                "format": _FORMAT,
                "identity": str(uuid.uuid4()),
                "embedder": embedder,
                "dimension": self._dimension,
            }
            write_atomically(beside / "store.json", json.dumps(card, indent=1).encode())
            with _in_our_words(self._folder):
                vectors = edge.EdgeVectorParams(size=self._dimension, distance=edge.Distance.Cosine)
                config = edge.EdgeConfig(vectors=vectors, wal_enabled=True)
                shard = edge.EdgeShard.create(str(beside / "shard"), config)
                for name, schema in (
                    ("tenant", edge.KeywordIndexParams(is_tenant=True)),
                    ("source_id", edge.PayloadSchemaType.Keyword),
                    ("kind", edge.PayloadSchemaType.Keyword),
                ):
                    shard.update(edge.UpdateOperation.create_field_index(name, schema))
                shard.flush()
                shard.close()
            beside.rename(self._folder)
            sync_folder(self._folder.parent)
        except OSError as error:
            raise storage_error(error, self._folder) from error

    def _upsert(self, records: Sequence[Record], vectors: NDArray[np.float32]) -> None:
        import qdrant_edge as edge

        self._require_space(self._folder)
        points = [
            edge.Point(record.id, vectors[record.row].tolist(), _payload(record))
            for record in records
        ]
        with _in_our_words(self._folder):
            self._shard.update(edge.UpdateOperation.upsert_points(points))

    def _delete(self, ids: Sequence[str]) -> None:
        import qdrant_edge as edge

        with _in_our_words(self._folder):
            self._shard.update(edge.UpdateOperation.delete_points([*ids]))

    def _ids(self, where: Where) -> set[str]:
        import qdrant_edge as edge

        found: set[str] = set()
        offset = None
        while True:
            request = edge.ScrollRequest(
                offset=offset,
                limit=10_000,
                filter=_filter(where),
                with_payload=False,
                with_vector=False,
            )
            with _in_our_words(self._folder):
                points, offset = self._shard.scroll(request)
            found.update(str(point.id) for point in points)
            if offset is None:
                return found

    def _search(self, vectors: NDArray[np.float32], limit: int, where: Where) -> list[list[Hit]]:
        import qdrant_edge as edge

        exactly = edge.SearchParams(exact=True)
        requests = [
            edge.QueryRequest(
                limit=limit,
                query=edge.Query.Nearest(vector.tolist()),
                filter=_filter(where),
                with_payload=True,
                params=exactly,
            )
            for vector in vectors
        ]
        with _in_our_words(self._folder):
            answers = self._shard.query_batch(edge.QueryBatchRequest(requests))
        return [[_hit(point) for point in points] for points in answers]

    def _counts(self, tenant: str) -> Counts:
        import qdrant_edge as edge

        def count(where: Where) -> int:
            return int(self._shard.count(edge.CountRequest(filter=_filter(where))))

        with _in_our_words(self._folder):
            sources = self._shard.facet(
                edge.FacetRequest(
                    "source_id", limit=1_000_000, exact=True, filter=_filter(Where(tenant))
                )
            )
            return Counts(
                sources=len(sources.hits),
                segments=count(Where(tenant, kind="segment")),
                claims=count(Where(tenant, kind="claim")),
            )

    def _flush(self) -> None:
        with _in_our_words(self._folder):
            self._shard.flush()

    def _close(self) -> None:
        with _in_our_words(self._folder):
            self._shard.flush()
            self._shard.close()

    def _require_space(self, folder: Path) -> None:
        free = shutil.disk_usage(folder).free
        if free < _RESERVE:
            raise DiskFull(
                f"The disk is almost full: {free // 2**20} MB are free at {folder}, "
                f"{_RESERVE // 2**20} MB are needed."
            )


def _filter(where: Where) -> qdrant_edge.Filter:
    import qdrant_edge as edge

    def equals(key: str, value: str) -> qdrant_edge.FieldCondition:
        return edge.FieldCondition(key, match=edge.MatchValue(value))

    wanted = {"tenant": where.tenant, "kind": where.kind, "source_id": where.source}
    unwanted = {"source_id": where.exclude_source, "exact": _ROUGH if where.exact else None}
    return edge.Filter(
        must=[equals(key, value) for key, value in wanted.items() if value],
        must_not=[equals(key, value) for key, value in unwanted.items() if value],
    )


def _payload(record: Record) -> dict[str, Any]:
    # A filter cannot match a boolean: Qdrant Edge takes it for a number.
    exact = {"exact": _EXACT if record.exact else _ROUGH}
    return record.model_dump(mode="json", exclude={"id"}) | exact


def _hit(point: qdrant_edge.ScoredPoint) -> Hit:
    stored = point.payload or {}
    return Hit(
        id=str(point.id),
        kind=stored["kind"],
        text=stored["text"],
        start=stored["start"],
        end=stored["end"],
        speaker=stored["speaker"],
        source_id=stored["source_id"],
        source=stored["title"],
        url=stored["url"],
        published=stored["published"],
        exact=stored.get("exact") != _ROUGH,
        score=min(1.0, max(-1.0, round(point.score, 6))),
    )


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card: dict[str, Any] = json.loads(path.read_bytes())
        if card["format"] != _FORMAT:
            raise StorageError(
                f"{path.parent} has format {card['format']}; this version reads {_FORMAT}.",
                "Use the version that wrote it, or a new AUTOINTEL_DATA_DIR.",
            )
        return {name: card[name] for name in ("identity", "embedder", "dimension")}
    except OSError as error:
        raise _damaged(path.parent, error.strerror or str(error)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path.parent, f"{path.name} is not readable") from error


def _damaged(folder: Path, reason: str) -> StorageError:
    return StorageError(
        f"{folder} cannot be used ({reason}).",
        "Move it away and run the recordings again: they will be remembered anew.",
    )


@contextmanager
def _in_our_words(folder: Path) -> Iterator[None]:
    """Qdrant Edge raises bare ``Exception`` with the reason in its text."""
    try:
        yield
    except Exception as error:
        reason = str(error)
        lowered = reason.lower()
        if "os error 28" in lowered or "no space left" in lowered:
            raise DiskFull(f"The disk is full: {folder} could not be written.") from error
        if "os error 13" in lowered or "os error 30" in lowered:
            raise NotWritable(f"{folder} cannot be written ({reason}).") from error
        raise _damaged(folder, reason) from error
