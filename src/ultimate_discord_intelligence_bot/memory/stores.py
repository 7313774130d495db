"""Which stores are used: embedded ones in the data folder, or servers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..settings import Settings
from .graph import GraphStore
from .ports import VectorStore


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


def open_vectors(folder: Path, embedder: str, dimension: int, servers: Servers) -> VectorStore:
    """The vector store, made when it is not there. Blocks."""
    if servers.qdrant_url:
        from .drivers.qdrant import QdrantVectors

        return QdrantVectors(servers.qdrant_url, servers.qdrant_key, embedder, dimension)
    from .drivers.edge import EdgeVectors

    return EdgeVectors(folder / "vectors", embedder, dimension)


def open_graph(folder: Path, servers: Servers) -> GraphStore:
    """The graph, made when it is not there. Blocks."""
    if servers.neo4j_uri:
        from .drivers.neo4j import Neo4jGraph

        return Neo4jGraph(
            servers.neo4j_uri,
            servers.neo4j_user,
            servers.neo4j_password or "",
            servers.neo4j_database,
        )
    from .drivers.graph_sqlite import SqliteGraph

    return SqliteGraph(folder / "graph.sqlite")
