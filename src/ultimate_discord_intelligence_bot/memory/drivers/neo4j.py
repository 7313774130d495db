"""The graph in a Neo4j server."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ...errors import (
    GraphAccessDenied,
    GraphDatabaseUnknown,
    GraphUnreachable,
    StorageError,
)
from ...models.graph import (
    Graph,
    Link,
    LinkKind,
    Mention,
    Node,
    NodeLabel,
    Relation,
    StatedClaim,
)
from ...runs import digest
from ..graph import (
    LABELS,
    LINKS,
    RESERVED,
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
from ..worker import closed

if TYPE_CHECKING:
    from neo4j import AsyncDriver

_T = TypeVar("_T")
_Row = dict[str, Any]

VERSION = 1
_MIGRATIONS: Mapping[int, str] = {}
"""By version, the statement that makes the next version of a database of that one."""

_SCHEMA = (
    "CREATE CONSTRAINT autointel_uid IF NOT EXISTS FOR (n:Memory) REQUIRE n.uid IS UNIQUE",
    "CREATE CONSTRAINT autointel_store IF NOT EXISTS"
    " FOR (n:AutointelStore) REQUIRE n.name IS UNIQUE",
    "CREATE CONSTRAINT autointel_turn IF NOT EXISTS"
    " FOR (n:AutointelTurn) REQUIRE n.number IS UNIQUE",
    "CREATE INDEX autointel_source IF NOT EXISTS FOR (n:Memory) ON (n.tenant, n.source_id)",
    "CREATE INDEX autointel_sources IF NOT EXISTS FOR (n:Source) ON (n.tenant, n.source_id)",
    "CREATE INDEX autointel_claims IF NOT EXISTS FOR (n:Claim) ON (n.tenant, n.source_id)",
    "CREATE INDEX autointel_speakers IF NOT EXISTS FOR (n:Speaker) ON (n.keys)",
    "CREATE TEXT INDEX autointel_names IF NOT EXISTS FOR (n:Entity) ON (n.keys)",
)
_AT_ONCE = 5_000
_PATIENCE_AT_START_S = 8.0
_TURNS = 64

_LEFTOVERS = """
UNWIND $uids AS uid
MATCH (n:Memory {uid: uid})
DETACH DELETE n
"""
_STRANGERS = """
UNWIND $uids AS uid
MATCH (n:Memory {uid: uid})
RETURN count(n) AS number
"""
_NODES = f"""
UNWIND $rows AS row
MERGE (n:Memory {{uid: row.uid}})
REMOVE n:{":".join(LABELS)}
SET n = row.properties, n:{{label}}
"""
_UNRELATE = """
MATCH (n:Memory {tenant: $tenant, source_id: $source_id})-[r]->()
DELETE r
"""
_RELATIONS = """
UNWIND $rows AS row
MATCH (a:Memory {uid: row.start})
MATCH (b:Memory {uid: row.end})
WHERE a.tenant = $tenant AND b.tenant = $tenant
CREATE (a)-[r:{kind}]->(b)
SET r = row.properties
"""
_IDS = "MATCH (n:Memory {tenant: $tenant, source_id: $source_id}) RETURN n.uid AS uid"

_CLAIMS = """
MATCH (o:Source), (c:Claim)
WHERE o.tenant = $tenant AND o.source_id IS NOT NULL
AND c.tenant = $tenant AND c.source_id = o.source_id AND {where}
OPTIONAL MATCH (c)-[:STATED_BY]->(s:Speaker)
OPTIONAL MATCH (c)-[:JUDGED]->(v:Verdict)
RETURN c.uid AS uid, properties(c) AS claim, properties(o) AS source,
    s.name AS speaker, v.label AS verdict
ORDER BY coalesce(o.published, '') DESC, o.source_id, c.start, c.uid
LIMIT $limit
"""
_CLAIM_FILTERS = {
    "source_id": "o.source_id = $source_id",
    "since": "o.published >= $since",
    "until": "o.published <= $until",
    "speaker": "EXISTS { (c)-[:STATED_BY]->(:Speaker {keys: $speaker}) }",
    "verdict": "EXISTS { (c)-[:JUDGED]->(:Verdict {label: $verdict}) }",
    "words": "all(word IN $words WHERE c.folded CONTAINS word)",
    "uids": "c.uid IN $uids",
}
_LINKS = """
MATCH (a:Claim)-[r:{kinds}]->(b:Claim)
WHERE a.tenant = $tenant AND b.tenant = $tenant
AND (a.uid < b.uid OR NOT EXISTS { MATCH (b)-[back]->(a) WHERE type(back) = type(r) })
AND {where}
RETURN type(r) AS kind, properties(r) AS properties, a.uid AS start, b.uid AS end
ORDER BY coalesce(r.since, '') DESC, start, end, kind
LIMIT $limit
"""
_LINK_FILTERS = {
    "source_id": "$source_id IN [a.source_id, b.source_id]",
    "speaker": (
        "(EXISTS { (a)-[:STATED_BY]->(:Speaker {keys: $speaker}) }"
        " OR EXISTS { (b)-[:STATED_BY]->(:Speaker {keys: $speaker}) })"
    ),
}
_NAMED = """
MATCH (e:Entity)
WHERE e.keys CONTAINS $key AND e.tenant = $tenant
RETURN e.uid AS uid
"""
_SAME = """
MATCH (e:Memory)-[:SAME_AS]-(f:Entity)
WHERE e.uid IN $uids AND f.tenant = $tenant
RETURN DISTINCT f.uid AS uid
"""
_MENTIONS = """
MATCH (e:Memory)<-[m:MENTIONS]-(g:Segment)
WHERE e.uid IN $uids AND e.tenant = $tenant AND g.tenant = $tenant
MATCH (o:Source {tenant: $tenant, source_id: g.source_id})
OPTIONAL MATCH (g)-[:SPOKEN_BY]->(s:Speaker)
RETURN properties(e) AS entity, properties(g) AS segment, properties(m) AS relation,
    properties(o) AS source, s.name AS speaker
ORDER BY o.published IS NULL, o.published, o.source_id, coalesce(m.at, g.start), g.uid, e.uid
LIMIT $limit
"""
_NODES_OF = """
MATCH (n:Memory {tenant: $tenant, source_id: $source_id})
RETURN n.uid AS uid, labels(n) AS labels, properties(n) AS properties
ORDER BY uid
"""
_RELATIONS_OF = """
MATCH (a:Memory {tenant: $tenant, source_id: $source_id})-[r]->(b:Memory)
WHERE b.tenant = $tenant
RETURN type(r) AS kind, a.uid AS start, b.uid AS end, properties(r) AS properties,
    b.source_id = a.source_id AS within
ORDER BY start, end, kind
"""


class _Run(Protocol):
    """Runs one statement of a transaction."""

    async def __call__(self, query: str, /, **parameters: Any) -> list[_Row]: ...


class Neo4jGraph:
    """A ``GraphStore`` in one database of a Neo4j server, version 5 or later.

    May be used from any thread and any event loop. Writes of one source take turns, also those of
    several processes. What fails for a reason that may pass is tried again by the driver.

    Args:
        uri: address of the server, such as ``neo4j://localhost:7687``.
        user: name to log in with.
        password: that of the user.
        database: where the graph is kept; None means the home database of the user.
        patience: seconds for which a server may be away or silent before that is an error.

    Raises:
        GraphUnreachable: no Neo4j answers at that address.
        GraphAccessDenied: wrong user or password, or too few rights.
        GraphDatabaseUnknown: there is no such database.
        StorageError: what is there was written by a newer version.
    """

    def __init__(
        self,
        uri: str,
        user: str,
        password: str,
        database: str | None = None,
        *,
        patience: float = 30.0,
    ) -> None:
        self._server = uri.rpartition("@")[2].rpartition("://")[2]
        self._database, self._patience = database, patience
        self._loop = _Loop()
        try:
            self._driver = self._loop.run_now(self._connect(uri, user, password))
            try:
                self.identity = self._loop.run_now(self._prepare())
            except BaseException:
                self._loop.run_now(self._driver.close())
                raise
        except BaseException:
            self._loop.close()
            raise

    async def replace(self, graph: Graph) -> frozenset[str]:
        """See ``GraphStore``."""
        graph = checked(graph)
        return await self._write(lambda run: _replace(run, graph))

    async def forget(self, tenant: str, source_id: str) -> int:
        """See ``GraphStore``."""

        async def body(run: _Run) -> int:
            await _take_turn(run, tenant, source_id)
            held = await _ids(run, tenant, source_id)
            await _in_batches(run, _LEFTOVERS, "uids", sorted(held))
            return len(held)

        return await self._write(body)

    async def purge(self) -> None:
        """Nothing that we could do: the server overwrites and rotates its files when it will.

        Its transaction logs keep what was forgotten for ``db.tx_log.rotation.retention_policy``.
        """

    async def ids(self, tenant: str, source_id: str) -> frozenset[str]:
        """See ``GraphStore``."""
        return await self._read(lambda run: _ids(run, tenant, source_id))

    async def tenants(self) -> tuple[str, ...]:
        """See ``GraphStore``."""
        rows = await self._rows(
            "MATCH (n:Source) WHERE n.source_id IS NOT NULL RETURN DISTINCT n.tenant AS tenant"
        )
        return tuple(sorted(row["tenant"] for row in rows))

    async def sources(self, tenant: str) -> tuple[Node, ...]:
        """See ``GraphStore``."""
        rows = await self._rows(
            "MATCH (n:Source) WHERE n.tenant = $tenant AND n.source_id IS NOT NULL"
            " RETURN n.uid AS uid, labels(n) AS labels, properties(n) AS properties"
            " ORDER BY coalesce(n.published, '') DESC, n.source_id",
            tenant=tenant,
        )
        return tuple(_node(row) for row in rows)

    async def counts(self, tenant: str) -> dict[NodeLabel, int]:
        """See ``GraphStore``."""
        rows = await self._rows(
            "MATCH (n:Memory) WHERE n.tenant = $tenant AND n.source_id IS NOT NULL"
            " RETURN labels(n) AS labels, count(*) AS number",
            tenant=tenant,
        )
        counted = dict.fromkeys(LABELS, 0)
        for row in rows:
            counted[_label(row["labels"])] += row["number"]
        return counted

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
        query, parameters = _with_filters(
            _CLAIMS,
            _CLAIM_FILTERS,
            source_id=source_id,
            speaker=None if speaker is None else _key(tenant, fold(speaker)),
            verdict=verdict,
            since=since.isoformat() if since else None,
            until=until.isoformat() if until else None,
            words=None if words is None else fold(words).split(),
        )
        rows = await self._rows(query, tenant=tenant, limit=max(limit, 0), **parameters)
        return tuple(stated_claim(**row) for row in rows)

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
        wanted = [kind for kind in LINKS if kind in kinds]
        if not wanted:
            return ()
        query, parameters = _with_filters(
            _LINKS.replace("{kinds}", "|".join(wanted)),
            _LINK_FILTERS,
            source_id=source_id,
            speaker=None if speaker is None else _key(tenant, fold(speaker)),
        )

        async def body(run: _Run) -> tuple[Link, ...]:
            found = await run(query, tenant=tenant, limit=max(limit, 0), **parameters)
            uids = sorted({row[end] for row in found for end in ("start", "end")})
            these, only = _with_filters(_CLAIMS, _CLAIM_FILTERS, uids=uids)
            rows = await run(these, tenant=tenant, limit=len(uids), **only)
            ends = {row["uid"]: stated_claim(**row) for row in rows}
            return tuple(
                link(row["kind"], row["properties"], (ends[row["start"]], ends[row["end"]]))
                for row in found
            )

        return await self._read(body)

    async def entities(self, tenant: str, names: Collection[str]) -> tuple[Node, ...]:
        """See ``GraphStore``."""
        keys = sorted({f"|{_key(tenant, fold(name))}|" for name in names})
        rows = await self._rows(
            "UNWIND $keys AS key MATCH (e:Entity)"
            " WHERE e.keys CONTAINS key AND e.tenant = $tenant WITH DISTINCT e"
            " RETURN e.uid AS uid, labels(e) AS labels, properties(e) AS properties"
            " ORDER BY uid",
            tenant=tenant,
            keys=keys,
        )
        return tuple(_node(row) for row in rows)

    async def timeline(self, tenant: str, name: str, *, limit: int = 1000) -> tuple[Mention, ...]:
        """See ``GraphStore``."""

        async def body(run: _Run) -> list[_Row]:
            rows = await run(_NAMED, tenant=tenant, key=f"|{_key(tenant, fold(name))}|")
            same: set[str] = set()
            while fresh := {row["uid"] for row in rows} - same:
                # Step by step: a path of any length would be sought along every way there is.
                same |= fresh
                rows = await run(_SAME, tenant=tenant, uids=sorted(fresh))
            return await run(_MENTIONS, tenant=tenant, uids=sorted(same), limit=max(limit, 0))

        return tuple(mention(**row) for row in await self._read(body))

    async def read(self, tenant: str, source_id: str) -> Graph:
        """See ``GraphStore``."""
        return await self._read(partial(_graph, tenant, source_id))

    async def export(self, tenant: str) -> AsyncIterator[Graph]:
        """See ``GraphStore``."""
        sources = await self.sources(tenant)
        links = await self._rows(
            f"MATCH (a:Memory)-[r:{'|'.join(LINKS)}]->(b:Memory)"
            " WHERE a.tenant = $tenant AND a.source_id <> b.source_id"
            " RETURN DISTINCT a.source_id AS start, b.source_id AS end",
            tenant=tenant,
        )
        order = restore_order(
            (str(node.properties["source_id"]) for node in sources),
            ((row["start"], row["end"]) for row in links),
        )
        for source_id in order:
            graph = await self.read(tenant, source_id)
            if graph.nodes:
                yield graph

    def close(self) -> None:
        """Close all connections; twice is harmless."""
        if not self._loop.closed:
            self._loop.run_now(self._driver.close())
            self._loop.close()

    async def _connect(self, uri: str, user: str, password: str) -> AsyncDriver:
        from neo4j import AsyncGraphDatabase, NotificationMinimumSeverity
        from neo4j.exceptions import ConfigurationError

        # What it says of labels not there yet is no news, and of failures our errors tell.
        logging.getLogger("neo4j").setLevel(logging.CRITICAL)
        if not uri.startswith(("bolt", "neo4j")):
            raise self._no_address()
        try:
            return AsyncGraphDatabase.driver(
                uri,
                auth=(user, password),
                user_agent="autointel",
                connection_timeout=self._patience,
                connection_acquisition_timeout=self._patience,
                max_transaction_retry_time=self._patience,
                warn_notification_severity=NotificationMinimumSeverity.OFF,
                telemetry_disabled=True,
            )
        except (ConfigurationError, ValueError) as error:
            raise self._no_address() from error

    async def _prepare(self) -> str:
        """Make the constraints and bring an older database up to date; returns its identity."""
        with self._in_our_words():
            try:
                patience = min(self._patience, _PATIENCE_AT_START_S)
                await asyncio.wait_for(self._driver.verify_connectivity(), patience)
            except ValueError as error:  # a port that is none
                raise self._no_address() from error
        found = await self._execute(_version, write=False)
        if found > VERSION:
            raise StorageError(
                f"The graph at {self._server} has format {found}; this version of autointel "
                f"reads {VERSION}.",
                "Use the version that wrote it, or another NEO4J_DATABASE.",
            )
        await self._execute(_make_schema, write=True)
        return await self._execute(_up_to_date, write=True)

    async def _rows(self, query: str, **parameters: Any) -> list[_Row]:
        return await self._read(lambda run: run(query, **parameters))

    async def _read(self, body: Callable[[_Run], Coroutine[Any, Any, _T]]) -> _T:
        return await self._loop.run(self._execute(body, write=False))

    async def _write(self, body: Callable[[_Run], Coroutine[Any, Any, _T]]) -> _T:
        return await self._loop.run(self._execute(body, write=True))

    async def _execute(self, body: Callable[[_Run], Coroutine[Any, Any, _T]], *, write: bool) -> _T:
        """Run statements in one transaction, again where the driver knows that this may help."""
        from neo4j import AsyncManagedTransaction

        loop = asyncio.get_running_loop()
        with self._in_our_words():
            # Longer than the driver itself tries again, and anew from each answer.
            async with asyncio.timeout(2 * self._patience) as deadline:

                async def transact(transaction: AsyncManagedTransaction) -> _T:
                    async def run(query: str, /, **parameters: Any) -> list[_Row]:
                        result = await transaction.run(query, parameters)
                        rows = [record.data() async for record in result]
                        deadline.reschedule(loop.time() + 2 * self._patience)
                        return rows

                    return await body(run)

                async with self._driver.session(database=self._database) as session:
                    execute = session.execute_write if write else session.execute_read
                    return await execute(transact)

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        from neo4j.exceptions import (
            AuthError,
            ClientError,
            ConfigurationError,
            DriverError,
            Forbidden,
            Neo4jError,
            TransientError,
        )

        try:
            yield
        except TimeoutError as error:
            raise GraphUnreachable(f"Neo4j at {self._server} gives no answer.") from error
        except (AuthError, Forbidden) as error:
            raise GraphAccessDenied(
                f"Neo4j at {self._server} refused us ({error.message})."
            ) from error
        except ClientError as error:
            raise self._refusal(error) from error
        except ConfigurationError as error:
            raise self._no_address() from error
        except (DriverError, TransientError, OSError) as error:
            raise GraphUnreachable(
                f"Neo4j at {self._server} cannot be reached ({_first_line(error)})."
            ) from error
        except Neo4jError as error:
            raise StorageError(
                f"Neo4j at {self._server} failed ({_first_line(error)}).",
                "The log of the server says more; then repeat it, nothing is doubled.",
            ) from error

    def _no_address(self) -> StorageError:
        return GraphUnreachable(f"{self._server!r} is no address of a Neo4j.")

    def _refusal(self, error: Any) -> StorageError:
        code = str(error.code)
        if code.endswith("DatabaseNotFound"):
            return GraphDatabaseUnknown(
                f"Neo4j at {self._server} has no database {self._database!r}."
            )
        if ".Security." in code:
            return GraphAccessDenied(f"Neo4j at {self._server} refused us ({error.message}).")
        return StorageError(
            f"Neo4j at {self._server} refused a statement ({_first_line(error)}).",
            "Check that it is Neo4j 5 or later and that nothing else uses this database.",
        )


async def _version(run: _Run) -> int:
    rows = await run("MATCH (s:AutointelStore) RETURN max(s.version) AS version")
    return int(rows[0]["version"] or 0)


async def _make_schema(run: _Run) -> None:
    for statement in _SCHEMA:
        await run(statement)


async def _up_to_date(run: _Run) -> str:
    rows = await run(
        "MERGE (s:AutointelStore {name: 'memory'})"
        " ON CREATE SET s.version = $version, s.identity = $identity"
        " RETURN s.version AS version, s.identity AS identity",
        version=VERSION,
        identity=str(uuid.uuid4()),
    )
    for version in range(rows[0]["version"], VERSION):
        await run(_MIGRATIONS[version])
    await run("MATCH (s:AutointelStore) SET s.version = $version", version=VERSION)
    return str(rows[0]["identity"])


async def _replace(run: _Run, graph: Graph) -> frozenset[str]:
    key = {"tenant": graph.tenant, "source_id": graph.source_id}
    await _take_turn(run, **key)
    held = await _ids(run, **key)
    uids = {node.uid for node in graph.nodes}
    for new in _batches(sorted(uids - held)):
        if (await run(_STRANGERS, uids=new))[0]["number"]:
            raise foreign(graph)
    await _in_batches(run, _LEFTOVERS, "uids", sorted(held - uids))
    for label in LABELS:
        rows = [_node_row(node, graph.tenant) for node in graph.nodes if node.label == label]
        await _in_batches(run, _NODES.replace("{label}", label), "rows", rows)
    await run(_UNRELATE, **key)
    relations = (*graph.relations, *graph.links)
    for kind in sorted({relation.kind for relation in relations}):
        rows = [r.model_dump(exclude={"kind"}) for r in relations if r.kind == kind]
        await _in_batches(
            run, _RELATIONS.replace("{kind}", kind), "rows", rows, tenant=graph.tenant
        )
    return await _ids(run, **key)


async def _take_turn(run: _Run, tenant: str, source_id: str) -> None:
    """Wait until no other transaction writes this source, and let no other begin."""
    number = int(_key(tenant, source_id), 16) % _TURNS
    await run("MERGE (t:AutointelTurn {number: $number}) SET t.taken = true", number=number)


async def _ids(run: _Run, tenant: str, source_id: str) -> frozenset[str]:
    return frozenset(row["uid"] for row in await run(_IDS, tenant=tenant, source_id=source_id))


async def _in_batches(
    run: _Run, query: str, name: str, values: list[Any], **parameters: Any
) -> None:
    for batch in _batches(values):
        await run(query, **{name: batch}, **parameters)


def _batches(values: list[_T]) -> Iterator[list[_T]]:
    return (values[at : at + _AT_ONCE] for at in range(0, len(values), _AT_ONCE))


def _node_row(node: Node, tenant: str) -> _Row:
    properties: _Row = {**node.properties, "uid": node.uid}
    if (folded := folded_of(node)) is not None:
        if node.label == "Speaker":
            properties["keys"] = _key(tenant, folded)
        else:
            properties["folded"] = folded
    if node.label == "Entity":
        keys = sorted(_key(tenant, name) for name in names_of(node))
        properties["keys"] = f"|{'|'.join(keys)}|"
    return {"uid": node.uid, "properties": properties}


def _key(tenant: str, name: str) -> str:
    """What an index holds instead of a name: those of Neo4j take no more than 8 kB."""
    return digest(json.dumps([tenant, name]).encode())


async def _graph(tenant: str, source_id: str, run: _Run) -> Graph:
    nodes = await run(_NODES_OF, tenant=tenant, source_id=source_id)
    relations = await run(_RELATIONS_OF, tenant=tenant, source_id=source_id)
    inner = [row.pop("within") for row in relations]
    led = [Relation(**row) for row in relations]
    return Graph(
        tenant=tenant,
        source_id=source_id,
        nodes=tuple(_node(row) for row in nodes),
        relations=tuple(r for r, within in zip(led, inner, strict=True) if within),
        links=tuple(r for r, within in zip(led, inner, strict=True) if not within),
    )


def _node(row: _Row) -> Node:
    kept = {name: value for name, value in row["properties"].items() if name not in RESERVED}
    return Node(uid=row["uid"], label=_label(row["labels"]), properties=kept)


def _label(labels: Collection[str]) -> NodeLabel:
    return next(label for label in LABELS if label in labels)


def _with_filters(query: str, filters: Mapping[str, str], **values: Any) -> tuple[str, _Row]:
    """The query with those filters for which there is a value, and these values."""
    given = {name: value for name, value in values.items() if value is not None}
    where = " AND ".join(filters[name] for name in given) or "true"
    return query.replace("{where}", where), given


def _first_line(error: Exception) -> str:
    return str(getattr(error, "message", None) or error).partition("\n")[0][:200]


class _Loop:
    """A thread with an event loop: the driver belongs to one, its callers come from any."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="neo4j", daemon=True)
        self._thread.start()

    @property
    def closed(self) -> bool:
        """Whether the thread was ended."""
        return self._loop.is_closed()

    async def run(self, call: Coroutine[Any, Any, _T]) -> _T:
        """The result of a coroutine; it is cancelled with its caller."""
        self._check(call)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(call, self._loop))

    def run_now(self, call: Coroutine[Any, Any, _T]) -> _T:
        """The same for callers without an event loop; blocks."""
        self._check(call)
        return asyncio.run_coroutine_threadsafe(call, self._loop).result()

    def close(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _check(self, call: Coroutine[Any, Any, _T]) -> None:
        if self.closed:
            call.close()
            raise closed()
