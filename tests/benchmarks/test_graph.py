"""The graph: written in batches against one by one, and two steps through many relations."""

from __future__ import annotations

import asyncio
import sqlite3
import time
import uuid
from functools import partial
from pathlib import Path

import pytest

from tests.benchmarks.figures import Figures
from tests.benchmarks.measure import interleave
from tests.neo4j_server import PASSWORD, shared_server
from ultimate_discord_intelligence_bot.memory.database import Database
from ultimate_discord_intelligence_bot.memory.drivers import neo4j
from ultimate_discord_intelligence_bot.memory.drivers.graph_sqlite import SqliteGraph
from ultimate_discord_intelligence_bot.memory.drivers.neo4j import Neo4jGraph
from ultimate_discord_intelligence_bot.memory.graph import GraphStore, checked
from ultimate_discord_intelligence_bot.models.graph import Graph, Node, NodeLabel, Relation

SOURCES, SEGMENTS, ENTITIES = 10, 1000, 50


def recording(tenant: str, number: int, segments: int = SEGMENTS) -> Graph:
    """Five relations for each segment, of which every tenth makes a claim."""

    def node(label: NodeLabel, key: int, **properties: str | float) -> Node:
        uid = uuid.uuid5(uuid.NAMESPACE_OID, f"{tenant}/{number}/{label}/{key}")
        return Node(uid=str(uid), label=label, properties=properties)

    day = f"2024-01-{number % 28 + 1:02}"
    source = node("Source", 0, title=f"Talk {number}", url="https://example.org", published=day)
    speakers = [node("Speaker", n, name=f"Speaker {n}") for n in range(4)]
    chapters = [node("Chapter", n, title=f"Chapter {n}", position=n) for n in range(10)]
    entities = [node("Entity", n, name=f"Name {n}", kind="person") for n in range(ENTITIES)]
    nodes = [source, *speakers, *chapters, *entities]
    relations = [Relation(kind="HAS", start=source.uid, end=each.uid) for each in nodes[1:]]
    for at in range(segments):
        text = f"Sentence {at} of talk {number}, about as long as people make them."
        said = node("Segment", at, text=text, start=float(at), end=at + 1.0, position=at)
        speaker = speakers[at % 4].uid
        nodes.append(said)
        relations += [
            Relation(kind="HAS", start=source.uid, end=said.uid),
            Relation(kind="SPOKEN_BY", start=said.uid, end=speaker, properties={"at": at}),
            Relation(kind="IN", start=said.uid, end=chapters[at % 10].uid),
            Relation(kind="MENTIONS", start=said.uid, end=entities[at % ENTITIES].uid),
            Relation(kind="MENTIONS", start=said.uid, end=entities[(at + 1) % ENTITIES].uid),
        ]
        if at % 10 == 0:
            claim = node("Claim", at, text=text, start=float(at), score=0.5)
            nodes.append(claim)
            relations.append(Relation(kind="STATED_BY", start=claim.uid, end=speaker))
    return Graph(
        tenant=tenant, source_id=f"talk{number}", nodes=tuple(nodes), relations=tuple(relations)
    )


async def exported(store: GraphStore, tenant: str) -> list[Graph]:
    return [graph async for graph in store.export(tenant)]


@pytest.mark.benchmark
def test_sqlite_fifty_thousand_relations_and_two_steps(tmp_path: Path, figures: Figures) -> None:
    graphs = [recording("guild", number) for number in range(SOURCES)]
    store = SqliteGraph(tmp_path / "graph.sqlite")
    began = time.perf_counter()
    for graph in graphs:
        asyncio.run(store.replace(graph))
    seconds = time.perf_counter() - began
    relations = sum(len(graph.relations) for graph in graphs)
    assert relations > 50_000
    figures.note(f"SQLite: {relations:,} relations in {SOURCES} sources", seconds, "s")

    asked, found = interleave(
        {
            "timeline of a name, 20 mentions": lambda: len(
                asyncio.run(store.timeline("guild", "name 7", limit=20))
            ),
            "timeline of a name, all mentions": lambda: len(
                asyncio.run(store.timeline("guild", "name 7"))
            ),
            "claims, newest 100": lambda: len(asyncio.run(store.claims("guild"))),
            "claims of a speaker": lambda: len(
                asyncio.run(store.claims("guild", speaker="speaker 2"))
            ),
            "claims with words": lambda: len(
                asyncio.run(store.claims("guild", words="talk 3, sentence 990"))
            ),
        },
        rounds=9,
    )
    figures.compare("SQLite: questions", asked)
    expected = [20, SOURCES * 2 * SEGMENTS // ENTITIES, 100, 100, 1]
    assert [counts[0] for counts in found.values()] == expected
    store.close()


@pytest.mark.benchmark
def test_sqlite_one_transaction_against_one_for_each_row(tmp_path: Path, figures: Figures) -> None:
    store = SqliteGraph(tmp_path / "graph.sqlite")
    asyncio.run(store.replace(recording("guild", 0, 200)))
    store.close()
    with sqlite3.connect(tmp_path / "graph.sqlite") as file:
        nodes = file.execute("SELECT id, uid, tenant, source_id, label, properties FROM node")
        relations = file.execute("SELECT * FROM relation")
        rows = [
            ("INSERT INTO node (id, uid, tenant, source_id, label, properties)", row)
            for row in nodes
        ] + [("INSERT INTO relation", row) for row in relations]

    def insert(some: list[tuple[str, tuple[object, ...]]], connection: sqlite3.Connection) -> None:
        for statement, row in some:
            connection.execute(f"{statement} VALUES ({','.join('?' * len(row))})", row)

    def write(size: int) -> list[Graph]:
        path = tmp_path / f"{uuid.uuid4()}.sqlite"
        SqliteGraph(path).close()
        database = Database(path, "", version=2)
        for at in range(0, len(rows), size):
            database.transact_now(partial(insert, rows[at : at + size]))
        database.close()
        copy = SqliteGraph(path)
        held = asyncio.run(exported(copy, "guild"))
        copy.close()
        return held

    seconds, results = interleave(
        {"in one transaction": lambda: write(len(rows)), "one by one": lambda: write(1)}, rounds=3
    )
    figures.compare(f"SQLite: {len(rows):,} rows", seconds)
    for held in results["in one transaction"] + results["one by one"]:
        assert held == [checked(recording("guild", 0, 200))]


@pytest.mark.benchmark
def test_neo4j_in_batches_against_row_by_row(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, figures: Figures
) -> None:
    store = Neo4jGraph(shared_server(tmp_path_factory).uri, "neo4j", PASSWORD)

    def write(size: int) -> int:
        monkeypatch.setattr(neo4j, "_AT_ONCE", size)
        tenant = str(uuid.uuid4())
        graph = recording(tenant, 0, 200)
        asyncio.run(store.replace(graph))
        assert asyncio.run(exported(store, tenant)) == [checked(graph)]
        return len(graph.relations)

    seconds, results = interleave(
        {"in batches": lambda: write(5_000), "row by row": lambda: write(1)}, rounds=3
    )
    figures.compare(f"Neo4j: one transaction with {results['in batches'][0]:,} relations", seconds)
    assert len({*results["in batches"], *results["row by row"]}) == 1

    tenant = str(uuid.uuid4())
    monkeypatch.setattr(neo4j, "_AT_ONCE", 5_000)
    graphs = [recording(tenant, number) for number in range(SOURCES)]
    began = time.perf_counter()
    for graph in graphs:
        asyncio.run(store.replace(graph))
    taken = time.perf_counter() - began
    figures.note(f"Neo4j: 50,000 relations in {SOURCES} sources", taken, "s")
    asked, found = interleave(
        {
            "timeline of a name, 20 mentions": lambda: len(
                asyncio.run(store.timeline(tenant, "name 7", limit=20))
            ),
            "claims, newest 100": lambda: len(asyncio.run(store.claims(tenant))),
            "claims of a speaker": lambda: len(
                asyncio.run(store.claims(tenant, speaker="speaker 2"))
            ),
        },
        rounds=9,
    )
    figures.compare("Neo4j: questions", asked)
    assert [counts[0] for counts in found.values()] == [20, 100, 100]
    store.close()
