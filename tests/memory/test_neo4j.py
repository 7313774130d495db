"""What only a server can do wrong: be away, be slow, be somebody else's, be newer."""

from __future__ import annotations

import asyncio
import itertools
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import pytest

from tests.neo4j_server import NEO4J_MARKS, PASSWORD, Server, own_server, shared_server
from tests.processes import alive, until
from ultimate_discord_intelligence_bot.errors import (
    AutointelError,
    GraphAccessDenied,
    GraphDatabaseUnknown,
    GraphUnreachable,
    StorageError,
)
from ultimate_discord_intelligence_bot.memory.drivers import neo4j as driver
from ultimate_discord_intelligence_bot.memory.drivers.neo4j import Neo4jGraph
from ultimate_discord_intelligence_bot.memory.graph import checked
from ultimate_discord_intelligence_bot.models.graph import Graph, Node, Relation

pytestmark = NEO4J_MARKS

Open = Callable[..., Neo4jGraph]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    return shared_server(tmp_path_factory)


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server that the test may break; it runs again for the next one."""
    return own_server(tmp_path_factory)


@pytest.fixture
def opened() -> Iterator[Open]:
    graphs = []

    def open_graph(server: Server, patience: float = 30.0) -> Neo4jGraph:
        graphs.append(Neo4jGraph(server.uri, "neo4j", PASSWORD, patience=patience))
        return graphs[-1]

    yield open_graph
    for graph in graphs:
        graph.close()


@pytest.fixture
def tenant() -> str:
    return f"guild-{uuid.uuid4()}"


def speech(tenant: str, length: int = 10, word: str = "tea") -> Graph:
    """A long recording of one speaker."""

    def uid(*parts: object) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, repr((tenant, *parts))))

    source, speaker = uid("source"), uid("speaker")
    segments = [
        Node(
            uid=uid("segment", number, word),
            label="Segment",
            properties={"text": f"{word} {number}", "start": float(number), "end": number + 0.9},
        )
        for number in range(length)
    ]
    return Graph(
        tenant=tenant,
        source_id="speech",
        nodes=(
            Node(uid=source, label="Source", properties={"title": "Speech", "url": "file:///a"}),
            Node(uid=speaker, label="Speaker", properties={"name": "Ann"}),
            *segments,
        ),
        relations=tuple(
            relation
            for segment in segments
            for relation in (
                Relation(kind="HAS", start=source, end=segment.uid),
                Relation(kind="SPOKEN_BY", start=segment.uid, end=speaker, properties={"at": 1.5}),
            )
        ),
    )


async def everything(graph: Neo4jGraph, tenant: str) -> list[Graph]:
    return [each async for each in graph.export(tenant)]


# -- a wrong address, name, word or database -----------------------------------------------------


def refused(uri: str, user: str, password: str, database: str | None = None) -> AutointelError:
    with pytest.raises(StorageError) as caught:
        Neo4jGraph(uri, user, password, database, patience=3)
    assert password not in str(caught.value)
    return caught.value


def test_a_wrong_password_or_user(server: Server) -> None:
    for user, password in (("neo4j", "guessed-wrong"), ("nobody", "guessed-wrong")):
        error = refused(server.uri, user, password)
        assert isinstance(error, GraphAccessDenied)
        assert "NEO4J_USER and NEO4J_PASSWORD" in error.remedy


def test_a_database_that_is_not_there(server: Server) -> None:
    error = refused(server.uri, "neo4j", PASSWORD, "nowhere")
    assert isinstance(error, GraphDatabaseUnknown)
    assert "'nowhere'" in error.message
    assert "NEO4J_DATABASE" in error.remedy


def test_an_address_where_nobody_listens() -> None:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        for scheme in ("bolt", "neo4j"):
            error = refused(f"{scheme}://127.0.0.1:{port}", "neo4j", "not to be told")
            assert isinstance(error, GraphUnreachable)
            assert f"127.0.0.1:{port}" in error.message
            assert "NEO4J_URI" in error.remedy


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:1", "127.0.0.1", "", "bolt://127.0.0.1:x", "neo4j://["]
)
def test_an_address_that_is_none(uri: str) -> None:
    assert isinstance(refused(uri, "neo4j", "not to be told"), GraphUnreachable)


def test_a_name_that_does_not_resolve() -> None:
    error = refused("neo4j://nowhere.invalid:7687", "neo4j", "not to be told")
    assert isinstance(error, GraphUnreachable)


def test_somebody_else_listens_there() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as stranger:

        def greet() -> None:
            while True:
                try:
                    connection, _ = stranger.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=greet, daemon=True).start()
        port = stranger.getsockname()[1]
        assert isinstance(refused(f"bolt://127.0.0.1:{port}", "neo4j", "secret?"), GraphUnreachable)


def test_a_server_that_says_nothing() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        began = time.monotonic()
        error = refused(f"bolt://127.0.0.1:{silent.getsockname()[1]}", "neo4j", "secret?")
    assert isinstance(error, GraphUnreachable)
    assert time.monotonic() - began < 10


# -- the store itself ------------------------------------------------------------------------------


def test_it_stays_the_same_store(server: Server, opened: Open) -> None:
    assert opened(server).identity == opened(server).identity


def test_any_thread_and_any_event_loop_may_use_it(
    server: Server, opened: Open, tenant: str
) -> None:
    graph, given = opened(server), speech(tenant)
    threads = [threading.Thread(target=lambda: asyncio.run(graph.replace(given))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asyncio.run(everything(graph, tenant)) == [checked(given)]


async def test_after_its_end_it_says_so(server: Server, tenant: str) -> None:
    graph = Neo4jGraph(server.uri, "neo4j", PASSWORD)
    graph.close()
    graph.close()
    with pytest.raises(StorageError, match="closed"):
        await graph.ids(tenant, "speech")


async def test_a_caller_that_gives_up_leaves_nothing_half_written(
    server: Server, opened: Open, tenant: str
) -> None:
    graph, first = opened(server), speech(tenant, 5)
    await graph.replace(first)
    writing = asyncio.create_task(graph.replace(speech(tenant, 3000, "coffee")))
    await asyncio.sleep(0.15)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await everything(graph, tenant) in (
        [checked(first)],
        [checked(speech(tenant, 3000, "coffee"))],
    )
    await graph.replace(first)
    assert await everything(graph, tenant) == [checked(first)]


async def _statement(server: Server, query: str) -> list[dict[str, object]]:
    from neo4j import AsyncGraphDatabase

    async with AsyncGraphDatabase.driver(server.uri, auth=("neo4j", PASSWORD)) as direct:
        return [record.data() for record in (await direct.execute_query(query)).records]


async def test_a_database_of_a_newer_version_is_refused(own: Server, opened: Open) -> None:
    opened(own)
    await _statement(own, "MATCH (s:AutointelStore) SET s.version = 99")
    try:
        error = await asyncio.to_thread(refused, own.uri, "neo4j", PASSWORD)
        assert "format 99" in error.message
        assert "NEO4J_DATABASE" in error.remedy
    finally:
        await _statement(own, f"MATCH (s:AutointelStore) SET s.version = {driver.VERSION}")


async def test_an_older_database_is_brought_up_to_date_once(
    own: Server, opened: Open, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = opened(own)
    await graph.replace(speech(tenant, 2))
    monkeypatch.setattr(driver, "VERSION", driver.VERSION + 2)
    step = "MATCH (n:Source) SET n.migrated = coalesce(n.migrated, 0) + {}"
    monkeypatch.setattr(driver, "_MIGRATIONS", {1: step.format(1), 2: step.format(10)})
    try:
        newer, again = opened(own), opened(own)
        assert graph.identity == newer.identity == again.identity
        (source,) = await newer.sources(tenant)
        assert source.properties["migrated"] == 11
    finally:
        await _statement(own, "MATCH (s:AutointelStore) SET s.version = 1")


async def test_several_processes_may_prepare_an_empty_database_at_once(
    own: Server, opened: Open
) -> None:
    for row in await _statement(own, "SHOW CONSTRAINTS YIELD name"):
        await _statement(own, f"DROP CONSTRAINT {row['name']}")
    await _statement(own, "MATCH (n) DETACH DELETE n")
    graphs = await asyncio.gather(*(asyncio.to_thread(opened, own) for _ in range(4)))
    assert len({graph.identity for graph in graphs}) == 1
    assert len(await _statement(own, "MATCH (s:AutointelStore) RETURN s")) == 1


# -- gone in the middle of a write -----------------------------------------------------------------


@pytest.fixture
def at_batch(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], None]], None]:
    """Lets something happen just before a certain batch of a write, counted from one."""

    def arrange(number: int, happening: Callable[[], None]) -> None:
        batches, seen = driver._batches, itertools.count(1)

        def counted(values: list[object]) -> Iterator[list[object]]:
            for batch in batches(values):
                if next(seen) == number:
                    happening()
                yield batch

        monkeypatch.setattr(driver, "_batches", counted)

    monkeypatch.setattr(driver, "_AT_ONCE", 100)
    return arrange


AtBatch = Callable[[int, Callable[[], None]], None]
LENGTH, BATCHES = 1000, 10 + 1 + (1 + 1 + 10) + (10 + 10)
"""Of the long speech, and the batches that replace a short one by it: uids, old nodes, new nodes,
relations."""


@pytest.mark.parametrize("batch", [1, BATCHES // 2, BATCHES])
async def test_killed_in_the_middle_of_a_write(
    own: Server, opened: Open, tenant: str, at_batch: AtBatch, batch: int
) -> None:
    graph = opened(own, patience=6)
    before, after = speech(tenant, 50), speech(tenant, LENGTH, "coffee")
    await graph.replace(before)
    at_batch(batch, own.kill)
    with pytest.raises(GraphUnreachable, match="a repeat completes"):
        await graph.replace(after)
    await asyncio.to_thread(own.start)
    assert await everything(graph, tenant) == [checked(before)]
    assert len(await graph.replace(after)) == len(after.nodes)
    assert await everything(graph, tenant) == [checked(after)]


async def test_killed_while_a_write_is_made_final(own: Server, opened: Open, tenant: str) -> None:
    graph = opened(own, patience=6)
    before, after = speech(tenant, 50), speech(tenant, LENGTH, "coffee")
    await graph.replace(before)
    began = time.monotonic()
    await graph.replace(after)
    await graph.replace(before)
    writing = asyncio.create_task(graph.replace(after))
    await asyncio.sleep((time.monotonic() - began) / 2 * 0.8)
    await asyncio.to_thread(own.kill)
    with suppress(GraphUnreachable):
        await writing
    await asyncio.to_thread(own.start)
    assert await everything(graph, tenant) in ([checked(before)], [checked(after)])
    await graph.replace(after)
    assert await everything(graph, tenant) == [checked(after)]


async def test_back_again_before_patience_ends(
    own: Server, opened: Open, tenant: str, at_batch: AtBatch
) -> None:
    graph, given = opened(own, patience=180), speech(tenant, LENGTH)
    at_batch(10, own.kill)
    writing = asyncio.create_task(graph.replace(given))
    await until(lambda: not alive(own.process))
    await asyncio.to_thread(own.start)
    assert len(await writing) == len(given.nodes)
    assert await everything(graph, tenant) == [checked(given)]


async def test_silent_in_the_middle_of_a_write(
    own: Server, opened: Open, tenant: str, at_batch: AtBatch
) -> None:
    graph = opened(own, patience=1.5)
    before, after = speech(tenant, 50), speech(tenant, LENGTH, "coffee")
    await graph.replace(before)
    at_batch(20, own.pause)
    try:
        began = time.monotonic()
        with pytest.raises(GraphUnreachable, match="NEO4J_URI"):
            await graph.replace(after)
        assert time.monotonic() - began < 40
    finally:
        own.resume()
    assert await everything(graph, tenant) == [checked(before)]
    await graph.replace(after)
    assert await everything(graph, tenant) == [checked(after)]


async def test_silent_for_a_moment_only(
    own: Server, opened: Open, tenant: str, at_batch: AtBatch
) -> None:
    graph, given = opened(own), speech(tenant, LENGTH)

    def blink() -> None:
        own.pause()
        threading.Timer(1, own.resume).start()

    at_batch(20, blink)
    assert len(await graph.replace(given)) == len(given.nodes)
    assert await everything(graph, tenant) == [checked(given)]
