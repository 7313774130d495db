"""The vector store on a Qdrant server: one collection for all tenants."""

from __future__ import annotations

import asyncio
import functools
import json
import re
import threading
import uuid
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import numpy as np
import structlog
from numpy.typing import NDArray

from ...errors import (
    DiskFull,
    EmbedderMismatch,
    StorageError,
    VectorsAccessDenied,
    VectorsUnreachable,
)
from ...events import Progress, silent
from ...models.memory import Counts, Hit, Record
from ...runs import digest
from .. import bm25, ranking
from ..ports import Encode, Mode, Where
from ..ranking import Found, Request
from ..worker import closed
from . import points
from .points import BATCH, FORMAT, TEXT, WORDS

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient, models

_T = TypeVar("_T")

COLLECTION = "autointel"
"""An alias; the collection behind it is another one for each embedder."""

_OLDEST = (1, 19)
"""The first version that counts the rarity of a word within one tenant."""

_TIMEOUT_S = 20
_PATIENCE_AT_START_S = 8.0
_PAUSES_S = (0.2, 0.6, 1.5, 3.0)
_PAGE = 1_000

log = structlog.get_logger(__name__)


class QdrantVectors:
    """A ``VectorStore`` on a server. Blocks while it connects; any thread or event loop may use it.

    What fails for a moment (no connection, no answer in time, status 429 or 5xx) is repeated for
    about five seconds. A repeat does no harm, because a record always has the same id.

    Args:
        url: of its REST interface, ``http`` or ``https``.
        key: its API key.
        embedder: name of the model that makes the vectors.
        dimension: their length.
        client: used in place of a connection to ``url``; for tests.

    Raises:
        VectorsUnreachable: no usable answer.
        VectorsAccessDenied: the key is missing, wrong, or may not write.
        EmbedderMismatch: the collection was filled by another embedder; it is left as it is.
        StorageError: the server is too old, or the collection was written by a newer version.
    """

    def __init__(
        self,
        url: str,
        key: str | None,
        embedder: str,
        dimension: int,
        *,
        client: AsyncQdrantClient | None = None,
    ) -> None:
        self._thread = _Loop("qdrant")
        try:
            self._server = self._thread.run_now(_connect(url, key, client))
            try:
                card = self._thread.run_now(self._prepare(embedder, dimension))
            except BaseException:
                self._thread.run_now(self._server.close())
                raise
        except BaseException:
            self._thread.close()
            raise
        self.identity: str = card["identity"]

    @classmethod
    def reembed(
        cls,
        url: str,
        key: str | None,
        embedder: str,
        dimension: int,
        encode: Encode,
        progress: Progress = silent,
        *,
        client: AsyncQdrantClient | None = None,
    ) -> int:
        """Give every record the vector of another embedder; blocks.

        A new collection grows beside the old one and takes its place at the end. Killed meanwhile,
        the same call goes on with the source that it was at. Nothing may write to the old one.

        Returns:
            How many records the collection holds.
        """
        thread = _Loop("qdrant")
        try:
            return thread.run_now(
                _reembedded(url, key, client, embedder, dimension, encode, progress)
            )
        finally:
            thread.close()

    async def replace(
        self,
        tenant: str,
        source_id: str,
        records: Sequence[Record],
        vectors: NDArray[np.float32],
    ) -> frozenset[str]:
        """Hold exactly these records of a source; returns the ids it holds then."""
        return await self._thread.run(
            self._server.replace(COLLECTION, tenant, source_id, records, vectors)
        )

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
        ask = functools.partial(self._server.query, where)
        return await self._thread.run(
            ranking.search(
                ask, vectors, limit, mode=mode, texts=texts, diversity=diversity, apart=apart
            )
        )

    async def neighbours(
        self, tenant: str, source_id: str, positions: Sequence[int], before: int, after: int
    ) -> list[list[Record]]:
        """For each position the segments around it, in order."""
        rows = points.rows(positions, before, after)
        segments = (
            await self._thread.run(self._server.segments(tenant, source_id, rows)) if rows else []
        )
        return points.around(segments, positions, before, after)

    async def ids(self, tenant: str, source_id: str) -> frozenset[str]:
        """The ids of all records held of a source."""
        return await self._thread.run(self._server.ids(COLLECTION, tenant, source_id))

    async def tenants(self) -> tuple[str, ...]:
        """Whoever anything is held of, sorted."""
        return await self._thread.run(self._server.values(COLLECTION, "tenant", None))

    async def sources(self, tenant: str) -> tuple[str, ...]:
        """The ids of all sources held of a tenant, sorted."""
        return await self._thread.run(
            self._server.values(COLLECTION, "source_id", _filter(Where(tenant)))
        )

    async def forget(self, tenant: str, source_id: str) -> int:
        """Hold nothing more of a source; returns how many records are gone."""
        return await self._thread.run(self._server.forget(tenant, source_id))

    async def purge(self) -> None:
        """Nothing that we could do: the server vacuums its segments when it will.

        It does so where more than ``deleted_threshold`` of a segment is gone.
        """

    async def export(
        self, tenant: str, source_id: str
    ) -> AsyncIterator[tuple[list[Record], NDArray[np.float32]]]:
        """All records of a source in batches, each with its vector."""
        offset: Any = None
        where = Where(tenant, source=source_id)
        while True:
            found, offset = await self._thread.run(
                self._server.page(COLLECTION, _filter(where), offset, BATCH, [TEXT])
            )
            if found:
                records = [points.record(each.id, each.payload) for each in found]
                yield records, np.stack([points.text_vector(each.vector) for each in found])
            if offset is None:
                return

    async def counts(self, tenant: str) -> Counts:
        """What is held of a tenant."""
        return await self._thread.run(self._server.counts(tenant))

    def close(self) -> None:
        """End the connection; twice is harmless."""
        if self._thread.open:
            self._thread.run_now(self._server.close())
            self._thread.close()

    async def _prepare(self, embedder: str, dimension: int) -> dict[str, Any]:
        server = self._server
        name = await server.current(_name(embedder, dimension))
        if name is None:
            name = _name(embedder, dimension)
            await server.make(name, _card(embedder, dimension))
        if await server.named() is None:
            await server.rename(name)
        card = await server.card(name)
        if (card["embedder"], card["dimension"]) != (embedder, dimension):
            raise EmbedderMismatch(
                f"{server.where} holds vectors of {card['embedder']} ({card['dimension']} numbers "
                f"each), not of {embedder} ({dimension})."
            )
        await server.index(name)
        return card


async def _connect(url: str, key: str | None, client: AsyncQdrantClient | None) -> _Server:
    from qdrant_client import AsyncQdrantClient

    with warnings.catch_warnings():
        # A key over plain http is the user's choice, made with QDRANT_URL.
        warnings.simplefilter("ignore", UserWarning)
        server = _Server(
            client
            or AsyncQdrantClient(
                url=url, api_key=key, timeout=_TIMEOUT_S, check_compatibility=False
            ),
            _without_password(url),
        )
    try:
        await asyncio.wait_for(server.check_version(), _PATIENCE_AT_START_S)
    except TimeoutError:
        await server.close()
        raise VectorsUnreachable(f"{server.where} gives no answer.") from None
    except BaseException:
        await server.close()
        raise
    return server


async def _reembedded(
    url: str,
    key: str | None,
    client: AsyncQdrantClient | None,
    embedder: str,
    dimension: int,
    encode: Encode,
    progress: Progress,
) -> int:
    server = await _connect(url, key, client)
    try:
        new = _name(embedder, dimension)
        old = await server.current(new)
        if old is None:
            return 0
        if old == new:
            return await server.count(new, None)
        card = await server.card(old) | {"embedder": embedder, "dimension": dimension}
        if await server.exists(new) and await server.card(new) != card:
            await server.drop(new)
        if not await server.exists(new):
            await server.make(new, card)
        await server.index(new)
        await _copy(server, old, new, card, encode, progress)
        held = await server.count(new, None)
        if held != await server.count(old, None):
            raise StorageError(
                f"{server.where} changed while it was embedded anew.",
                "End what writes to it, then repeat; what is done is kept.",
            )
        await server.rename(new)
        await server.drop(old)
        return held
    finally:
        await server.close()


async def _copy(
    server: _Server,
    old: str,
    new: str,
    card: dict[str, Any],
    encode: Encode,
    progress: Progress,
) -> None:
    """Source by source; one that the new collection has whole is not read again."""
    sources = [
        (tenant, source)
        for tenant in await server.values(old, "tenant", None)
        for source in await server.values(old, "source_id", _filter(Where(tenant)))
    ]
    for place, (tenant, source) in enumerate(sources, 1):
        ids = await server.ids(old, tenant, source)
        if ids != await server.ids(new, tenant, source):
            found = await server.all(old, _filter(Where(tenant, source=source)), payload=True)
            records = [points.record(each.id, each.payload) for each in found]
            rows = await asyncio.to_thread(encode, [record.text for record in records])
            await server.write(new, records, points.checked(rows, len(records), card))
        progress(place / len(sources), f"{place} of {len(sources)}")


class _Server:
    """What we ask of a server, in batches, with patience, and its errors in our words."""

    def __init__(self, client: AsyncQdrantClient, where: str) -> None:
        self._client = client
        self.where = where

    async def close(self) -> None:
        await self._client.close()

    # -- collections ----------------------------------------------------------------------

    async def check_version(self) -> None:
        version = (await self._patiently(self._client.info)).version
        numbers = re.match(r"(\d+)\.(\d+)", version)
        if numbers is None:
            raise self._stranger()
        if (int(numbers[1]), int(numbers[2])) < _OLDEST:
            raise StorageError(
                f"{self.where} is Qdrant {version}.",
                f"Qdrant {'.'.join(map(str, _OLDEST))} or newer is needed: upgrade the server.",
            )

    async def named(self) -> str | None:
        """The collection that bears our name."""
        answer = await self._patiently(self._client.get_aliases)
        names = [a.collection_name for a in answer.aliases if a.alias_name == COLLECTION]
        return names[0] if names else None

    async def current(self, otherwise: str) -> str | None:
        """The collection in use; one that was made and not yet named counts."""
        named = await self.named()
        if named is None and await self.exists(otherwise):
            return otherwise
        return named

    async def exists(self, name: str) -> bool:
        return await self._patiently(self._client.collection_exists, name)

    async def make(self, name: str, card: dict[str, Any]) -> None:
        from qdrant_client import models

        try:
            await self._patiently(
                self._client.create_collection,
                name,
                vectors_config={
                    TEXT: models.VectorParams(
                        size=card["dimension"], distance=models.Distance.COSINE
                    )
                },
                sparse_vectors_config={
                    WORDS: models.SparseVectorParams(modifier=models.Modifier.IDF)
                },
                metadata=card,
            )
        except StorageError:
            # Somebody else was faster, or our first attempt had succeeded unheard.
            if not await self.exists(name):
                raise

    async def index(self, name: str) -> None:
        """Index what can be filtered; an index that is there already is left."""
        from qdrant_client import models

        keyword = models.KeywordIndexType.KEYWORD
        schemas: dict[str, Any] = {
            "tenant": models.KeywordIndexParams(type=keyword, is_tenant=True)
        }
        schemas |= {name: models.PayloadSchemaType(kind) for name, kind in points.INDEXES.items()}
        known = (await self._patiently(self._client.get_collection, name)).payload_schema
        for field, schema in schemas.items():
            if field not in known:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", UserWarning)
                    await self._patiently(
                        self._client.create_payload_index, name, field, field_schema=schema
                    )

    async def rename(self, name: str) -> None:
        """Let a collection bear our name, instead of the one that does; at once."""
        from qdrant_client import models

        changes: list[Any] = []
        if await self.named():
            gone = models.DeleteAlias(alias_name=COLLECTION)
            changes.append(models.DeleteAliasOperation(delete_alias=gone))
        made = models.CreateAlias(collection_name=name, alias_name=COLLECTION)
        changes.append(models.CreateAliasOperation(create_alias=made))
        await self._patiently(self._client.update_collection_aliases, changes)

    async def drop(self, name: str) -> None:
        await self._patiently(self._client.delete_collection, name)

    async def card(self, name: str) -> dict[str, Any]:
        """What we wrote on the collection when we made it."""
        config = (await self._patiently(self._client.get_collection, name)).config
        card = dict(config.metadata or {})
        if card.get("format") != FORMAT or card.keys() != _card("", 0).keys():
            raise StorageError(
                f"The collection {name} on {self.where} has format {card.get('format')}; "
                f"this version reads {FORMAT}.",
                "Use the version that wrote it, or another server.",
            )
        return card

    # -- points ---------------------------------------------------------------------------

    async def replace(
        self,
        name: str,
        tenant: str,
        source_id: str,
        records: Sequence[Record],
        vectors: NDArray[np.float32],
    ) -> frozenset[str]:
        held, wanted = await self.ids(name, tenant, source_id), {each.id for each in records}
        new: list[Any] = sorted(wanted - held)
        for first in range(0, len(new), _PAGE):
            batch = new[first : first + _PAGE]
            if await self._patiently(self._client.retrieve, name, batch, with_payload=False):
                raise points.foreign(source_id)
        await self.write(name, records, vectors[[record.row for record in records]])
        await self.delete(name, sorted(held - wanted))
        return await self.ids(name, tenant, source_id)

    async def write(self, name: str, records: Sequence[Record], rows: NDArray[np.float32]) -> None:
        """Records of one source, all of them, each with its vector."""
        words = await asyncio.to_thread(bm25.passages, records)
        for first in range(0, len(records), BATCH):
            some = slice(first, first + BATCH)
            batch = _points(records[some], rows[some], words[some])
            await self._patiently(self._client.upsert, name, points=batch, wait=True)

    async def delete(self, name: str, ids: Sequence[str]) -> None:
        for first in range(0, len(ids), BATCH):
            batch: list[Any] = list(ids[first : first + BATCH])
            await self._patiently(self._client.delete, name, points_selector=batch, wait=True)

    async def forget(self, tenant: str, source_id: str) -> int:
        gone = await self.ids(COLLECTION, tenant, source_id)
        await self.delete(COLLECTION, sorted(gone))
        return len(gone)

    async def query(
        self, where: Where, requests: Sequence[Request], with_vectors: bool
    ) -> list[list[Found]]:
        """All requests, so many at once."""
        found: list[list[Found]] = []
        for first in range(0, len(requests), BATCH):
            batch = requests[first : first + BATCH]
            answers = await self._patiently(
                self._client.query_batch_points, COLLECTION, _queries(batch, where, with_vectors)
            )
            for request, answer in zip(batch, answers, strict=True):
                found.append([_found(point, request) for point in answer.points])
        return found

    async def segments(self, tenant: str, source_id: str, rows: Sequence[int]) -> list[Record]:
        from qdrant_client import models

        near = models.FieldCondition(key="row", match=models.MatchAny(any=[*rows]))
        segment = _filter(Where(tenant, kind="segment", source=source_id))
        found = await self.all(COLLECTION, models.Filter(must=[segment, near]), payload=True)
        return [points.record(each.id, each.payload) for each in found]

    async def ids(self, name: str, tenant: str, source_id: str) -> frozenset[str]:
        condition = _filter(Where(tenant, source=source_id))
        return frozenset(str(each.id) for each in await self.all(name, condition, payload=False))

    async def all(
        self, name: str, condition: models.Filter, *, payload: bool
    ) -> list[models.Record]:
        found: list[models.Record] = []
        offset: Any = None
        while True:
            page, offset = await self.page(name, condition, offset, _PAGE, False, payload)
            found += page
            if offset is None:
                return found

    async def page(
        self,
        name: str,
        condition: models.Filter,
        offset: Any,
        limit: int,
        vectors: bool | list[str],
        payload: bool = True,
    ) -> tuple[list[models.Record], Any]:
        return await self._patiently(
            self._client.scroll,
            name,
            scroll_filter=condition,
            offset=offset,
            limit=limit,
            with_payload=payload,
            with_vectors=vectors,
        )

    async def values(
        self, name: str, field: str, condition: models.Filter | None
    ) -> tuple[str, ...]:
        """The different values of a field, sorted."""
        answer = await self._patiently(
            self._client.facet,
            name,
            field,
            facet_filter=condition,
            limit=points.MOST_SOURCES,
            exact=True,
        )
        return tuple(sorted(str(hit.value) for hit in answer.hits))

    async def counts(self, tenant: str) -> Counts:
        segments, claims = (Where(tenant, kind="segment"), Where(tenant, kind="claim"))
        return Counts(
            sources=len(await self.values(COLLECTION, "source_id", _filter(Where(tenant)))),
            segments=await self.count(COLLECTION, _filter(segments)),
            claims=await self.count(COLLECTION, _filter(claims)),
        )

    async def count(self, name: str, condition: models.Filter | None) -> int:
        answer = await self._patiently(self._client.count, name, count_filter=condition, exact=True)
        return answer.count

    async def _patiently(self, call: Callable[..., Awaitable[_T]], *args: Any, **kwargs: Any) -> _T:
        for pause in (*_PAUSES_S, None):
            try:
                return await call(*args, **kwargs)
            except Exception as error:
                ours, again = self._in_our_words(error)
                if ours is None:
                    raise
                if pause is None or not again:
                    raise ours from error
                log.info("qdrant_again", reason=ours.message, after_s=pause)
            await asyncio.sleep(pause)
        raise AssertionError("unreachable")

    def _in_our_words(self, error: Exception) -> tuple[StorageError | None, bool]:
        """An error as a user understands it, and whether a repeat may help."""
        from httpx import TransportError, UnsupportedProtocol
        from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
        from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

        if isinstance(error, json.JSONDecodeError):
            return self._stranger(), False
        if isinstance(error, ResponseHandlingException):
            cause = error.source
            if isinstance(cause, TransportError) and not isinstance(cause, UnsupportedProtocol):
                reason = str(cause) or type(cause).__name__
                return VectorsUnreachable(f"{self.where} does not answer ({reason})."), True
            return self._stranger(), False
        if isinstance(error, ResourceExhaustedResponse):
            return VectorsUnreachable(f"{self.where} asks us to wait."), True
        if not isinstance(error, UnexpectedResponse):
            return None, False
        return self._of_status(error.status_code or 0, _said(error.content))

    def _of_status(self, status: int, said: str) -> tuple[StorageError, bool]:
        if status in (401, 403):
            return VectorsAccessDenied(f"{self.where} refuses us ({status}: {said})."), False
        if "no space left" in said.lower() or "disk space" in said.lower():
            return DiskFull(
                f"The disk of {self.where} is full ({said}).",
                "Free some space on the server; then repeat, nothing is lost.",
            ), False
        if status == 404 and "collection" not in said.lower():
            return self._stranger(), False
        message = f"{self.where} failed ({status}: {said})."
        if status == 429 or status >= 500:
            return VectorsUnreachable(message), True
        return StorageError(message, "See what the server logs, then report it."), False

    def _stranger(self) -> VectorsUnreachable:
        return VectorsUnreachable(f"{self.where} does not answer like a Qdrant server.")


class _Loop:
    """A thread with an event loop: connections belong to the loop that made them."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    @property
    def open(self) -> bool:
        return not self._loop.is_closed()

    async def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """The result of what runs in the thread; a caller that goes away ends it."""
        self._require_open(work)
        there = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return await asyncio.wrap_future(there)
        except asyncio.CancelledError:
            here = asyncio.current_task()
            if here and here.cancelling():
                raise
            raise closed() from None

    def run_now(self, work: Coroutine[Any, Any, _T]) -> _T:
        """The same for callers without an event loop; blocks."""
        self._require_open(work)
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        """End the thread; what still runs in it is cancelled."""
        self.run_now(_end_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _require_open(self, work: Coroutine[Any, Any, _T]) -> None:
        if not self.open:
            work.close()
            raise closed()


async def _end_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


# -- in the terms of Qdrant --------------------------------------------------------------------


def _name(embedder: str, dimension: int) -> str:
    return f"{COLLECTION}-{digest(f'{FORMAT} {dimension} {embedder}'.encode())[:8]}"


def _card(embedder: str, dimension: int) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "identity": str(uuid.uuid4()),
        "embedder": embedder,
        "dimension": dimension,
    }


def _points(
    records: Sequence[Record], rows: NDArray[np.float32], words: Sequence[bm25.Words]
) -> list[models.PointStruct]:
    from qdrant_client import models

    return [
        models.PointStruct(
            id=record.id,
            vector={
                TEXT: row,
                WORDS: models.SparseVector(indices=[*some.indices], values=[*some.values]),
            },
            payload=points.payload(record),
        )
        for record, row, some in zip(records, rows.tolist(), words, strict=True)
    ]


def _queries(
    requests: Sequence[Request], where: Where, with_vectors: bool
) -> list[models.QueryRequest]:
    from qdrant_client import models

    condition = _filter(where)
    by_meaning = models.SearchParams(exact=True)
    by_words = models.SearchParams(
        exact=True, idf=models.IdfCorpusParams(corpus=_filter(Where(where.tenant)))
    )
    queries = []
    for request in requests:
        about: Any = request.about
        sparse = isinstance(about, bm25.Words)
        if sparse:
            about = models.SparseVector(indices=[*about.indices], values=[*about.values])
        queries.append(
            models.QueryRequest(
                query=models.NearestQuery(nearest=about if sparse else about.tolist()),
                using=WORDS if sparse else TEXT,
                limit=request.limit,
                filter=condition,
                with_payload=True,
                with_vector=[TEXT] if with_vectors else False,
                params=by_words if sparse else by_meaning,
            )
        )
    return queries


def _found(point: models.ScoredPoint, request: Request) -> Found:
    cosine = not isinstance(request.about, bm25.Words)
    hit = points.hit(point.id, point.payload, point.score, cosine=cosine)
    return Found(hit, points.text_vector(point.vector) if point.vector else None)


def _filter(where: Where) -> models.Filter:
    from qdrant_client import models

    def equals(key: str, value: str) -> models.FieldCondition:
        return models.FieldCondition(key=key, match=models.MatchValue(value=value))

    must: list[Any] = [equals(key, value) for key, value in points.wanted(where).items()]
    if where.since or where.until:
        days = models.DatetimeRange(gte=where.since, lte=where.until)
        must.append(models.FieldCondition(key="published", range=days))
    return models.Filter(
        must=must,
        must_not=[equals(key, value) for key, value in points.unwanted(where).items()],
    )


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _said(content: bytes) -> str:
    return content.decode("utf-8", "replace")[:300].strip()
