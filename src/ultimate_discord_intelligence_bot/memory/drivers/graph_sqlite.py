"""The graph in a SQLite file: a table of nodes and one of the relations between them."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import AsyncIterator, Collection, Mapping
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from ...errors import StorageError
from ...models.graph import (
    Graph,
    Link,
    LinkKind,
    Mention,
    Node,
    NodeLabel,
    Relation,
    Scalar,
    StatedClaim,
)
from ..database import AFTER_DAMAGE, Database
from ..graph import (
    LABELS,
    LINKS,
    checked,
    fold,
    folded_of,
    foreign,
    link,
    mention,
    names_of,
    restore_order,
    stated_claim,
)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS store (identity TEXT NOT NULL);
CREATE TABLE node (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    source_id TEXT NOT NULL,
    label TEXT NOT NULL,
    folded TEXT,
    properties TEXT NOT NULL,
    published TEXT AS (json_extract(properties, '$.published')),
    "start" REAL AS (json_extract(properties, '$.start'))
);
CREATE TABLE relation (
    "start" INTEGER NOT NULL REFERENCES node ON DELETE CASCADE,
    kind TEXT NOT NULL,
    "end" INTEGER NOT NULL REFERENCES node ON DELETE CASCADE,
    properties TEXT NOT NULL,
    PRIMARY KEY ("start", kind, "end")
) WITHOUT ROWID;
CREATE TABLE name (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    node INTEGER NOT NULL REFERENCES node ON DELETE CASCADE,
    PRIMARY KEY (tenant, name, node)
) WITHOUT ROWID;
CREATE INDEX node_source ON node (tenant, source_id, label, "start");
CREATE INDEX node_label ON node (tenant, label, published, source_id);
CREATE INDEX node_speaker ON node (tenant, folded) WHERE label = 'Speaker';
CREATE INDEX relation_end ON relation ("end", kind);
CREATE INDEX relation_link ON relation (kind)
    WHERE kind IN ('SAME_AS', 'AGREES', 'CONTRADICTS');
CREATE INDEX name_node ON name (node)
"""

_CLAIMS = """
SELECT c.uid, c.properties, o.properties, s.properties, v.properties
FROM {nodes}
LEFT JOIN relation rs ON rs."start" = c.id AND rs.kind = 'STATED_BY'
LEFT JOIN node s ON s.id = rs."end"
LEFT JOIN relation rv ON rv."start" = c.id AND rv.kind = 'JUDGED'
LEFT JOIN node v ON v.id = rv."end"
WHERE o.tenant = :tenant AND o.label = 'Source'
AND c.tenant = :tenant AND c.source_id = o.source_id AND c.label = 'Claim' AND {where}
ORDER BY o.published DESC, o.source_id, c."start", c.uid
LIMIT :limit
"""
_NEWEST_CLAIMS = _CLAIMS.replace("{nodes}", "node o CROSS JOIN node c")
_THESE_CLAIMS = _CLAIMS.replace("{nodes}", "node c CROSS JOIN node o").replace(
    "{where}", "c.uid IN (SELECT value FROM json_each(:uids))"
)
_STATED_BY = """
    SELECT r."start" FROM node p JOIN relation r ON r."end" = p.id AND r.kind = 'STATED_BY'
    WHERE p.tenant = :tenant AND p.label = 'Speaker' AND p.folded = :speaker
"""
_CLAIM_FILTERS = {
    "source_id": "o.source_id = :source_id",
    "since": "o.published >= :since",
    "until": "o.published <= :until",
    "speaker": f"c.id IN ({_STATED_BY})",
    "verdict": "json_extract(v.properties, '$.label') = :verdict",
    "words": ("NOT EXISTS (SELECT 1 FROM json_each(:words) w WHERE instr(c.folded, w.value) = 0)"),
}

_LINKS = """
SELECT r.kind, r.properties, a.uid, b.uid
FROM relation r
JOIN node a ON a.id = r."start" AND a.tenant = :tenant AND a.label = 'Claim'
JOIN node b ON b.id = r."end" AND b.tenant = :tenant AND b.label = 'Claim'
WHERE r.kind IN ('SAME_AS', 'AGREES', 'CONTRADICTS')
AND r.kind IN (SELECT value FROM json_each(:kinds))
AND (a.uid < b.uid OR NOT EXISTS (
    SELECT 1 FROM relation back
    WHERE back."start" = r."end" AND back.kind = r.kind AND back."end" = r."start"))
AND {where}
ORDER BY json_extract(r.properties, '$.since') DESC, a.uid, b.uid, r.kind
LIMIT :limit
"""
_LINK_FILTERS = {
    "source_id": ":source_id IN (a.source_id, b.source_id)",
    "speaker": f"(a.id IN ({_STATED_BY}) OR b.id IN ({_STATED_BY}))",
}

_TIMELINE = """
WITH RECURSIVE same (id) AS (
    SELECT node FROM name WHERE tenant = :tenant AND name = :name
    UNION
    SELECT r."end" FROM same JOIN relation r ON r."start" = same.id AND r.kind = 'SAME_AS'
    UNION
    SELECT r."start" FROM same JOIN relation r ON r."end" = same.id AND r.kind = 'SAME_AS'
)
SELECT e.properties, g.properties, m.properties, o.properties, p.properties
FROM same
CROSS JOIN node e ON e.id = same.id AND e.tenant = :tenant AND e.label = 'Entity'
CROSS JOIN relation m ON m."end" = e.id AND m.kind = 'MENTIONS'
CROSS JOIN node g ON g.id = m."start" AND g.tenant = :tenant AND g.label = 'Segment'
CROSS JOIN node o ON o.tenant = :tenant AND o.source_id = g.source_id AND o.label = 'Source'
LEFT JOIN relation r ON r."start" = g.id AND r.kind = 'SPOKEN_BY'
LEFT JOIN node p ON p.id = r."end"
ORDER BY o.published IS NULL, o.published, o.source_id,
    coalesce(json_extract(m.properties, '$.at'), g."start"), g.uid, e.uid
LIMIT :limit
"""

_RELATIONS = """
SELECT r.kind, a.uid, b.uid, r.properties, b.source_id = a.source_id
FROM node a
CROSS JOIN relation r ON r."start" = a.id
CROSS JOIN node b ON b.id = r."end"
WHERE a.tenant = ? AND a.source_id = ?
ORDER BY a.uid, b.uid, r.kind
"""


class SqliteGraph:
    """A ``GraphStore`` in one file.

    Args:
        path: the file; made when it is not there, brought up to date when it is older.

    Raises:
        StorageError: as ``Database`` does.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA, version=2, migrations={1: _from_version_1})
        self.identity = self._database.transact_now(_identity)

    async def replace(self, graph: Graph) -> frozenset[str]:
        """See ``GraphStore``."""
        graph = checked(graph)
        return await self._database.transact(lambda connection: _replace(connection, graph))

    async def forget(self, tenant: str, source_id: str) -> int:
        """See ``GraphStore``."""

        def body(connection: sqlite3.Connection) -> int:
            return connection.execute(
                "DELETE FROM node WHERE tenant = ? AND source_id = ?", (tenant, source_id)
            ).rowcount

        return await self._database.transact(body)

    async def purge(self) -> None:
        """See ``GraphStore``."""
        await self._database.purge()

    async def ids(self, tenant: str, source_id: str) -> frozenset[str]:
        """See ``GraphStore``."""
        rows = await self._rows(
            "SELECT uid FROM node WHERE tenant = :tenant AND source_id = :source_id",
            tenant=tenant,
            source_id=source_id,
        )
        return frozenset(uid for (uid,) in rows)

    async def tenants(self) -> tuple[str, ...]:
        """See ``GraphStore``."""
        rows = await self._rows("SELECT DISTINCT tenant FROM node WHERE label = 'Source'")
        return tuple(sorted(tenant for (tenant,) in rows))

    async def sources(self, tenant: str) -> tuple[Node, ...]:
        """See ``GraphStore``."""
        rows = await self._rows(
            "SELECT uid, label, properties FROM node WHERE tenant = :tenant"
            " AND label = 'Source' ORDER BY published DESC, source_id",
            tenant=tenant,
        )
        return tuple(_node(*row) for row in rows)

    async def counts(self, tenant: str) -> dict[NodeLabel, int]:
        """See ``GraphStore``."""
        rows = await self._rows(
            "SELECT label, count(*) FROM node WHERE tenant = :tenant GROUP BY label",
            tenant=tenant,
        )
        return dict.fromkeys(LABELS, 0) | dict(rows)

    async def claims(
        self,
        tenant: str,
        *,
        source_id: str | None = None,
        speaker: str | None = None,
        verdict: str | None = None,
        since: date | None = None,
        until: date | None = None,
        words: str | None = None,
        limit: int = 100,
    ) -> tuple[StatedClaim, ...]:
        """See ``GraphStore``."""
        rows = await self._filtered(
            _NEWEST_CLAIMS,
            _CLAIM_FILTERS,
            {
                "source_id": source_id,
                "speaker": None if speaker is None else fold(speaker),
                "verdict": verdict,
                "since": since.isoformat() if since else None,
                "until": until.isoformat() if until else None,
                "words": None if words is None else json.dumps(fold(words).split()),
            },
            tenant=tenant,
            limit=limit,
        )
        return tuple(_claim(*row) for row in rows)

    async def links(
        self,
        tenant: str,
        kinds: Collection[LinkKind],
        *,
        source_id: str | None = None,
        speaker: str | None = None,
        limit: int = 100,
    ) -> tuple[Link, ...]:
        """See ``GraphStore``."""

        def body(connection: sqlite3.Connection) -> tuple[Link, ...]:
            query, parameters = _with_filters(
                _LINKS,
                _LINK_FILTERS,
                {"source_id": source_id, "speaker": None if speaker is None else fold(speaker)},
            )
            found = connection.execute(
                query,
                {
                    "tenant": tenant,
                    "kinds": json.dumps([kind for kind in LINKS if kind in kinds]),
                    "limit": max(limit, 0),
                    **parameters,
                },
            ).fetchall()
            ends = _claims_of(connection, tenant, {uid for row in found for uid in row[2:]})
            return tuple(
                link(kind, _loaded(properties), (ends[a], ends[b]))
                for kind, properties, a, b in found
            )

        return await self._database.transact(body)

    async def entities(self, tenant: str, names: Collection[str]) -> tuple[Node, ...]:
        """See ``GraphStore``."""
        rows = await self._rows(
            "SELECT DISTINCT e.uid, e.label, e.properties FROM json_each(:names) w"
            " CROSS JOIN name k ON k.tenant = :tenant AND k.name = w.value"
            " CROSS JOIN node e ON e.id = k.node ORDER BY e.uid",
            tenant=tenant,
            names=json.dumps([fold(name) for name in names]),
        )
        return tuple(_node(*row) for row in rows)

    async def timeline(self, tenant: str, name: str, *, limit: int = 1000) -> tuple[Mention, ...]:
        """See ``GraphStore``."""
        rows = await self._rows(_TIMELINE, tenant=tenant, name=fold(name), limit=max(limit, 0))
        return tuple(
            mention(
                _loaded(entity),
                _loaded(segment),
                _loaded(relation),
                _loaded(source),
                _property(speaker, "name"),
            )
            for entity, segment, relation, source, speaker in rows
        )

    async def read(self, tenant: str, source_id: str) -> Graph:
        """See ``GraphStore``."""
        return await self._database.transact(partial(_graph, tenant, source_id))

    async def export(self, tenant: str) -> AsyncIterator[Graph]:
        """See ``GraphStore``."""
        sources = await self._rows(
            "SELECT source_id FROM node WHERE tenant = :tenant AND label = 'Source'",
            tenant=tenant,
        )
        links = await self._rows(
            "SELECT DISTINCT a.source_id, b.source_id FROM relation r JOIN node a ON a.id ="
            ' r."start" JOIN node b ON b.id = r."end" AND b.source_id <> a.source_id'
            " WHERE a.tenant = :tenant AND r.kind IN ('SAME_AS', 'AGREES', 'CONTRADICTS')",
            tenant=tenant,
        )
        for source_id in restore_order((row[0] for row in sources), links):
            graph = await self.read(tenant, source_id)
            if graph.nodes:
                yield graph

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    async def _rows(self, query: str, **parameters: Scalar) -> list[tuple[Any, ...]]:
        def body(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
            return connection.execute(query, parameters).fetchall()

        return await self._database.transact(body)

    async def _filtered(
        self,
        query: str,
        filters: Mapping[str, str],
        values: Mapping[str, str | None],
        *,
        tenant: str,
        limit: int,
    ) -> list[tuple[Any, ...]]:
        query, parameters = _with_filters(query, filters, values)
        return await self._rows(query, tenant=tenant, limit=max(limit, 0), **parameters)


def _with_filters(
    query: str, filters: Mapping[str, str], values: Mapping[str, str | None]
) -> tuple[str, dict[str, str]]:
    """The query with those filters for which there is a value, and these values."""
    given = {name: value for name, value in values.items() if value is not None}
    where = " AND ".join(filters[name] for name in given) or "TRUE"
    return query.replace("{where}", where), given


def _replace(connection: sqlite3.Connection, graph: Graph) -> frozenset[str]:
    key = (graph.tenant, graph.source_id)
    uids = {node.uid for node in graph.nodes}
    gone = _ids(connection, key).keys() - uids
    connection.executemany("DELETE FROM node WHERE uid = ?", [(uid,) for uid in gone])
    connection.executemany(
        "INSERT INTO node (uid, tenant, source_id, label, folded, properties)"
        " VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (uid) DO UPDATE SET label = excluded.label, folded = excluded.folded,"
        " properties = excluded.properties"
        " WHERE tenant = excluded.tenant AND source_id = excluded.source_id",
        [
            (node.uid, *key, node.label, folded_of(node), json.dumps(node.properties))
            for node in graph.nodes
        ],
    )
    ids = _ids(connection, key)
    if ids.keys() != uids:
        raise foreign(graph)
    _write_names(connection, graph, ids)
    _write_relations(connection, graph, ids)
    return frozenset(ids)


def _ids(connection: sqlite3.Connection, key: tuple[str, str]) -> dict[str, int]:
    return dict(
        connection.execute("SELECT uid, id FROM node WHERE tenant = ? AND source_id = ?", key)
    )


def _write_names(connection: sqlite3.Connection, graph: Graph, ids: Mapping[str, int]) -> None:
    entities = [node for node in graph.nodes if node.label == "Entity"]
    connection.executemany("DELETE FROM name WHERE node = ?", [(id_,) for id_ in ids.values()])
    connection.executemany(
        "INSERT INTO name VALUES (?, ?, ?)",
        [(graph.tenant, name, ids[node.uid]) for node in entities for name in names_of(node)],
    )


def _write_relations(connection: sqlite3.Connection, graph: Graph, ids: Mapping[str, int]) -> None:
    connection.execute(
        'DELETE FROM relation WHERE "start" IN'
        " (SELECT id FROM node WHERE tenant = ? AND source_id = ?)",
        (graph.tenant, graph.source_id),
    )
    others = dict(
        connection.execute(
            "SELECT uid, id FROM node WHERE tenant = ? AND uid IN (SELECT value FROM json_each(?))",
            (graph.tenant, json.dumps([link.end for link in graph.links])),
        )
    )
    everything = {**others, **ids}
    connection.executemany(
        "INSERT INTO relation VALUES (?, ?, ?, ?)",
        [
            (ids[each.start], each.kind, everything[each.end], json.dumps(each.properties))
            for each in (*graph.relations, *graph.links)
            if each.end in everything
        ],
    )


def _claims_of(
    connection: sqlite3.Connection, tenant: str, uids: Collection[str]
) -> dict[str, StatedClaim]:
    rows = connection.execute(
        _THESE_CLAIMS,
        {"tenant": tenant, "uids": json.dumps(list(uids)), "limit": -1},
    )
    return {row[0]: _claim(*row) for row in rows}


def _graph(tenant: str, source_id: str, connection: sqlite3.Connection) -> Graph:
    nodes = connection.execute(
        "SELECT uid, label, properties FROM node WHERE tenant = ? AND source_id = ? ORDER BY uid",
        (tenant, source_id),
    )
    inner: list[Relation] = []
    links: list[Relation] = []
    for kind, start, end, properties, within in connection.execute(_RELATIONS, (tenant, source_id)):
        relation = Relation(kind=kind, start=start, end=end, properties=_loaded(properties))
        (inner if within else links).append(relation)
    return Graph(
        tenant=tenant,
        source_id=source_id,
        nodes=tuple(_node(*row) for row in nodes),
        relations=tuple(inner),
        links=tuple(links),
    )


def _node(uid: str, label: NodeLabel, properties: str) -> Node:
    return Node(uid=uid, label=label, properties=_loaded(properties))


def _claim(
    uid: str, claim: str, source: str, speaker: str | None, verdict: str | None
) -> StatedClaim:
    return stated_claim(
        uid,
        _loaded(claim),
        _loaded(source),
        _property(speaker, "name"),
        _property(verdict, "label"),
    )


def _loaded(properties: str) -> dict[str, Any]:
    try:
        return dict(json.loads(properties))
    except (TypeError, ValueError) as error:
        raise StorageError("What the graph holds is damaged.", AFTER_DAMAGE) from error


def _property(properties: str | None, name: str) -> str | None:
    return None if properties is None else _loaded(properties).get(name)


def _identity(connection: sqlite3.Connection) -> str:
    row = connection.execute("SELECT identity FROM store").fetchone()
    if row:
        return str(row[0])
    identity = str(uuid.uuid4())
    connection.execute("INSERT INTO store VALUES (?)", (identity,))
    return identity


_FROM_VERSION_1 = """
INSERT INTO node (uid, tenant, source_id, label, properties)
SELECT uid, tenant, id, 'Source', json_patch('{}', json_object(
    'source_id', id, 'tenant', tenant, 'title', title, 'url', url, 'platform', platform,
    'uploader', uploader, 'published', published, 'duration', duration, 'language', language))
FROM source;
INSERT INTO node (uid, tenant, source_id, label, folded, properties)
SELECT n.uid, o.tenant, o.id, 'Speaker', fold(n.name),
    json_object('source_id', o.id, 'tenant', o.tenant, 'name', n.name)
FROM speaker n JOIN source o ON o.uid = n.source;
INSERT INTO node (uid, tenant, source_id, label, properties)
SELECT n.uid, o.tenant, o.id, 'Chapter', json_object('source_id', o.id, 'tenant', o.tenant,
    'position', n.position, 'title', n.title, 'start', n."start", 'end', n."end")
FROM chapter n JOIN source o ON o.uid = n.source;
INSERT INTO node (uid, tenant, source_id, label, properties)
SELECT n.uid, o.tenant, o.id, 'Topic',
    json_object('source_id', o.id, 'tenant', o.tenant, 'label', n.label, 'share', n.share)
FROM topic n JOIN source o ON o.uid = n.source;
INSERT INTO node (uid, tenant, source_id, label, properties)
SELECT n.uid, o.tenant, o.id, 'Segment', json_object('source_id', o.id, 'tenant', o.tenant,
    'position', n.position, 'text', n.text, 'start', n."start", 'end', n."end")
FROM segment n JOIN source o ON o.uid = n.source;
INSERT INTO node (uid, tenant, source_id, label, folded, properties)
SELECT n.uid, o.tenant, o.id, 'Claim', fold(n.text), json_patch('{}', json_object(
    'source_id', o.id, 'tenant', o.tenant, 'position', g.position, 'text', n.text,
    'start', n."start", 'end', n."end", 'score', n.score))
FROM claim n JOIN source o ON o.uid = n.source JOIN segment g ON g.uid = n.made_in;

INSERT INTO relation
SELECT a.id, r.kind, b.id, CASE WHEN r.at IS NULL THEN '{}' ELSE json_object('at', r.at) END
FROM (
    SELECT source AS "from", 'HAS' AS kind, uid AS "to", NULL AS at FROM speaker
    UNION ALL SELECT source, 'HAS', uid, NULL FROM chapter
    UNION ALL SELECT source, 'HAS', uid, NULL FROM topic
    UNION ALL SELECT source, 'HAS', uid, NULL FROM segment
    UNION ALL SELECT topic, 'RUNS_THROUGH', chapter, NULL FROM runs_through
    UNION ALL SELECT uid, 'SPOKEN_BY', spoken_by, "start" FROM segment
    UNION ALL SELECT uid, 'IN', chapter, NULL FROM segment
    UNION ALL SELECT uid, 'MADE_IN', made_in, "start" FROM claim
    UNION ALL SELECT uid, 'STATED_BY', stated_by, "start" FROM claim
) r JOIN node a ON a.uid = r."from" JOIN node b ON b.uid = r."to";

DROP TABLE claim;
DROP TABLE runs_through;
DROP TABLE segment;
DROP TABLE topic;
DROP TABLE chapter;
DROP TABLE speaker;
DROP TABLE source
"""


def _from_version_1(connection: sqlite3.Connection) -> None:
    """There each label had a table, and relations to one node were foreign keys."""
    connection.create_function("fold", 1, fold, deterministic=True)
    for statement in f"{_SCHEMA};{_FROM_VERSION_1}".split(";"):
        connection.execute(statement)
