"""Which stores are used: embedded ones in the data folder, or servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import structlog

from ..errors import GraphUnreachable, StorageError, VectorsUnreachable
from ..events import Progress, silent
from ..settings import Settings
from .graph import GraphStore
from .outbox import Outbox
from .ownership import Ownership
from .ports import Encode, VectorStore

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Servers:
    """Where the servers are; what is None is embedded."""

    qdrant_url: str | None = None
    qdrant_key: str | None = field(default=None, repr=False)
    neo4j_uri: str | None = None
    neo4j_user: str = "neo4j"
    neo4j_password: str | None = field(default=None, repr=False)
    neo4j_database: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> Servers:
        """The servers that the settings name."""
        password, key = settings.neo4j_password, settings.qdrant_api_key
        return cls(
            qdrant_url=settings.qdrant_url,
            qdrant_key=key.get_secret_value() if key else None,
            neo4j_uri=settings.neo4j_uri,
            neo4j_user=settings.neo4j_user,
            neo4j_password=password.get_secret_value() if password else None,
            neo4j_database=settings.neo4j_database,
        )


class _Away:
    """A store whose server does not answer: whoever asks something of it is told so."""

    identity = "away"

    def __init__(self, error: StorageError) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        async def tell(*_args: object, **_named: object) -> Any:
            raise self._again()

        return tell

    async def export(self, *_args: object) -> AsyncIterator[Any]:
        raise self._again()
        yield

    def close(self) -> None:
        pass

    def _again(self) -> StorageError:
        return type(self._error)(self._error.message, self._error.remedy)


def open_vectors(folder: Path, embedder: str, dimension: int, servers: Servers) -> VectorStore:
    """The vector store, made when it is not there. Blocks.

    A server that does not answer gives a store that says so whenever it is asked something: what
    needs no memory goes on.
    """
    if servers.qdrant_url:
        from .drivers.qdrant import QdrantVectors

        try:
            return QdrantVectors(servers.qdrant_url, servers.qdrant_key, embedder, dimension)
        except VectorsUnreachable as error:
            log.info("server_away", reason=error.message)
            return cast("VectorStore", _Away(error))
    from .drivers.edge import EdgeVectors

    return EdgeVectors(folder / "vectors", embedder, dimension)


def reembed(
    data_dir: Path,
    servers: Servers,
    embedder: str,
    dimension: int,
    encode: Encode,
    progress: Progress = silent,
) -> int:
    """Give everything remembered the vectors of another embedder; blocks.

    Broken off, the same call goes on where it was. What an earlier process began to write and did
    not finish is left to the next run of that recording.

    Returns:
        How many records there are.

    Raises:
        DataFolderInUse: another process, or this one, has the memory open.
        StorageError: there is not enough room, or a store cannot be used; the old vectors stay.
    """
    ownership = Ownership(data_dir)
    try:
        folder = data_dir / "memory"
        outbox = Outbox(folder / "outbox.sqlite")
        outbox.drop_payloads_now("vector")
        outbox.close()
        if servers.qdrant_url:
            from .drivers.qdrant import QdrantVectors

            where = servers.qdrant_url, servers.qdrant_key
            return QdrantVectors.reembed(*where, embedder, dimension, encode, progress)
        from .drivers.edge import EdgeVectors

        return EdgeVectors.reembed(folder / "vectors", embedder, dimension, encode, progress)
    finally:
        ownership.close()


def open_graph(folder: Path, servers: Servers) -> GraphStore:
    """The graph, made when it is not there. Blocks; as for ``open_vectors``."""
    if servers.neo4j_uri:
        from .drivers.neo4j import Neo4jGraph

        try:
            return Neo4jGraph(
                servers.neo4j_uri,
                servers.neo4j_user,
                servers.neo4j_password or "",
                servers.neo4j_database,
            )
        except GraphUnreachable as error:
            log.info("server_away", reason=error.message)
            return cast("GraphStore", _Away(error))
    from .drivers.graph_sqlite import SqliteGraph

    return SqliteGraph(folder / "graph.sqlite")
