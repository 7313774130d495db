"""Who and what is the same in several recordings: found with caution, corrected by the reader."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ..models.analysis import Entities, Entity
from ..models.graph import Graph, Node, Relation
from ..models.verification import SameEntity
from .database import Database
from .graph import fold, names_of

_SCHEMA = """
CREATE TABLE decision (
    tenant TEXT NOT NULL,
    first TEXT NOT NULL,
    second TEXT NOT NULL,
    same INTEGER NOT NULL,
    decided TEXT NOT NULL,
    PRIMARY KEY (tenant, first, second)
) WITHOUT ROWID
"""

_TITLES = frozenset(
    (
        *("mr", "mrs", "ms", "miss", "sir", "lady", "lord", "saint", "st", "dr", "prof"),
        *("professor", "president", "senator", "governor", "mayor", "minister", "judge"),
        *("general", "colonel", "captain", "king", "queen", "prince", "princess", "pope"),
    )
)
"""With one of these a family name is no full name."""

_TOO_VAGUE = frozenset({"other"})


def resolve(entities: Entities, known: Sequence[Node]) -> tuple[SameEntity, ...]:
    """Which entities of a recording are surely ones of other recordings.

    Two are taken for the same when they are of one kind and share a name that tells who it is: of
    a person the first and the family name. Where it is the full name of only one of them, nobody
    else who is known may bear it. Whatever is left open stays two.

    Args:
        entities: of the recording.
        known: nodes of entities of other recordings.
    """
    bearers: dict[tuple[str, str], set[str]] = defaultdict(set)
    for node in known:
        for name in names_of(node):
            bearers[str(node.properties["kind"]), name].add(fold(str(node.properties["name"])))
    for entity in entities.entities:
        for name in _names(entity):
            bearers[entity.kind, name].add(fold(entity.name))
    return tuple(
        SameEntity(name=entity.name, kind=entity.kind, other=node.uid, reason=reason)
        for entity in entities.entities
        if entity.kind not in _TOO_VAGUE
        for node in known
        if node.properties["kind"] == entity.kind
        if (reason := _reason(entity, node, bearers))
    )


def _reason(entity: Entity, node: Node, bearers: dict[tuple[str, str], set[str]]) -> str | None:
    ours, theirs = fold(entity.name), fold(str(node.properties["name"]))
    if ours == theirs and _tells(entity.kind, ours):
        return "the same full name"
    for name in sorted(_names(entity) & names_of(node)):
        if _tells(entity.kind, name) and bearers[entity.kind, name] <= {ours, theirs}:
            return f"both are called “{name}”, and nobody else is"
    return None


def _tells(kind: str, name: str) -> bool:
    """Whether a name says who it is; a given name, or a title with a family name, does not."""
    words = [word for word in name.replace(".", " ").split() if word not in _TITLES]
    return len(words) > 1 if kind == "person" else len(name) > 1


def _names(entity: Entity) -> set[str]:
    return set(filter(None, map(fold, (entity.name, *entity.aliases))))


@dataclass(frozen=True)
class Decision:
    """What a reader has said about two entities, by their uids; ``first`` sorts first."""

    first: str
    second: str
    same: bool
    decided: date


class Identities:
    """What readers have said about who is the same; it outlives every new writing of a graph."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA, version=1)

    async def decide(self, tenant: str, decisions: Iterable[Decision]) -> None:
        """Remember what was said; the latest word on two entities counts."""
        rows = [(tenant, d.first, d.second, d.same, d.decided.isoformat()) for d in decisions]

        def body(connection: sqlite3.Connection) -> None:
            connection.executemany("INSERT OR REPLACE INTO decision VALUES (?,?,?,?,?)", rows)

        await self._database.transact(body)

    async def about(self, tenant: str, uids: Collection[str]) -> tuple[Decision, ...]:
        """Everything said about one of these entities."""
        wanted = frozenset(uids)

        def body(connection: sqlite3.Connection) -> list[tuple[str, str, int, str]]:
            return connection.execute(
                "SELECT first, second, same, decided FROM decision WHERE tenant = ?", (tenant,)
            ).fetchall()

        return tuple(
            Decision(first, second, bool(same), date.fromisoformat(decided))
            for first, second, same, decided in await self._database.transact(body)
            if first in wanted or second in wanted
        )

    async def corrected(self, graph: Graph) -> Graph:
        """The graph with the links that readers made, and without those that they cut."""
        uids = {node.uid for node in graph.nodes if node.label == "Entity"}
        said = await self.about(graph.tenant, uids) if uids else ()
        if not said:
            return graph
        pairs = {(decision.first, decision.second) for decision in said}
        relations, links = (
            [
                link
                for link in some
                if link.kind != "SAME_AS" or pair(link.start, link.end) not in pairs
            ]
            for some in (graph.relations, graph.links)
        )
        joined = (decision for decision in said if decision.same)
        links += [
            Relation(
                kind="SAME_AS",
                start=start,
                end=end,
                properties={"reason": "said by a reader", "since": decision.decided.isoformat()},
            )
            for decision in joined
            for start, end in [_outwards(decision, uids)]
        ]
        return graph.model_copy(update={"relations": tuple(relations), "links": tuple(links)})

    async def forget(self, tenant: str, uids: Collection[str]) -> None:
        """Keep nothing about these entities."""

        def body(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "DELETE FROM decision WHERE tenant = :tenant AND (first = :uid OR second = :uid)",
                [{"tenant": tenant, "uid": uid} for uid in sorted(uids)],
            )

        await self._database.transact(body)

    async def purge(self) -> None:
        """Leave nothing in the files of what is kept no more."""
        await self._database.purge()

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def pair(one: str, other: str) -> tuple[str, str]:
    """Two uids in their order."""
    return (one, other) if one < other else (other, one)


def _outwards(decision: Decision, uids: Collection[str]) -> tuple[str, str]:
    """From an entity of the graph to the other one."""
    ends = decision.first, decision.second
    return ends if decision.first in uids else ends[::-1]
