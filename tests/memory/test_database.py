"""What SQLite's complaints become, and how older files are brought up to date."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from ultimate_discord_intelligence_bot.errors import DiskFull, NotWritable, StorageError
from ultimate_discord_intelligence_bot.memory.database import Database
from ultimate_discord_intelligence_bot.memory.drivers.graph_sqlite import SqliteGraph
from ultimate_discord_intelligence_bot.memory.graph import checked
from ultimate_discord_intelligence_bot.models.graph import Graph, Node, Scalar

_SCHEMA = "CREATE TABLE note (text TEXT)"


def _fill(connection: sqlite3.Connection) -> None:
    connection.executemany("INSERT INTO note VALUES (?)", [("x" * 1000,)] * 1000)


def _count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM note").fetchone()[0])


async def test_a_full_disk_is_told_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    database = Database(tmp_path / "notes.sqlite", _SCHEMA, version=1)

    def shrink(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA max_page_count = 20")

    await database.transact(shrink)
    with pytest.raises(DiskFull, match="notes"):
        await database.transact(_fill)
    assert await database.transact(_count) == 0
    database.close()


async def test_a_file_that_may_not_be_written(tmp_path: Path) -> None:
    database = Database(tmp_path / "notes.sqlite", _SCHEMA, version=1)
    await database.transact(lambda c: None)

    def forbid(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA query_only = ON")

    await database.transact(forbid)
    with pytest.raises(NotWritable, match="notes"):
        await database.transact(_fill)
    database.close()


async def test_a_failing_transaction_leaves_no_trace(tmp_path: Path) -> None:
    database = Database(tmp_path / "notes.sqlite", _SCHEMA, version=1)

    def half(connection: sqlite3.Connection) -> None:
        _fill(connection)
        raise KeyError("changed my mind")

    with pytest.raises(KeyError):
        await database.transact(half)
    assert await database.transact(_count) == 0
    database.close()
    with pytest.raises(StorageError, match="closed"):
        await database.transact(_count)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    Database(tmp_path / "notes.sqlite", _SCHEMA, version=2).close()
    with pytest.raises(StorageError, match="format 2"):
        Database(tmp_path / "notes.sqlite", _SCHEMA, version=1)


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "notes.sqlite").mkdir()
    with pytest.raises(NotWritable, match="notes"):
        Database(tmp_path / "notes.sqlite", _SCHEMA, version=1)


# -- migrations -----------------------------------------------------------------------------------


def _add_author(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE note ADD COLUMN author TEXT")


def _add_day(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE note ADD COLUMN day TEXT")
    connection.execute("UPDATE note SET day = author || text")


async def test_an_older_file_is_brought_up_to_date_step_by_step(tmp_path: Path) -> None:
    path = tmp_path / "notes.sqlite"
    old = Database(path, _SCHEMA, version=1)
    await old.transact(lambda c: c.execute("INSERT INTO note VALUES ('kept')"))
    old.close()
    schema = "CREATE TABLE note (text TEXT, author TEXT, day TEXT)"
    for _ in range(2):
        new = Database(path, schema, version=3, migrations={2: _add_day, 1: _add_author})
        assert await new.transact(lambda c: c.execute("SELECT text, day FROM note").fetchall()) == [
            ("kept", None)
        ]
        new.close()


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "notes.sqlite"
    Database(path, _SCHEMA, version=1).close()

    def fail(connection: sqlite3.Connection) -> None:
        _add_author(connection)
        raise KeyError("changed my mind")

    with pytest.raises(KeyError):
        Database(path, _SCHEMA, version=2, migrations={1: fail})
    Database(path, _SCHEMA, version=2, migrations={1: _add_author}).close()


def test_a_format_that_nobody_can_bring_up_to_date_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.sqlite"
    Database(path, _SCHEMA, version=1).close()
    with pytest.raises(StorageError, match="format 1; this version of autointel reads 3"):
        Database(path, _SCHEMA, version=3, migrations={2: _add_day})


_GRAPH_1 = """
CREATE TABLE store (identity TEXT NOT NULL);
CREATE TABLE source (
    uid TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    url TEXT NOT NULL,
    title TEXT NOT NULL,
    platform TEXT NOT NULL,
    uploader TEXT,
    published TEXT,
    duration REAL,
    language TEXT,
    UNIQUE (tenant, id)
);
CREATE TABLE speaker (
    uid TEXT PRIMARY KEY,
    source TEXT NOT NULL REFERENCES source ON DELETE CASCADE,
    name TEXT NOT NULL,
    UNIQUE (source, name)
);
CREATE TABLE chapter (
    uid TEXT PRIMARY KEY,
    source TEXT NOT NULL REFERENCES source ON DELETE CASCADE,
    position INTEGER NOT NULL,
    title TEXT NOT NULL,
    "start" REAL NOT NULL,
    "end" REAL NOT NULL,
    UNIQUE (source, position)
);
CREATE TABLE topic (
    uid TEXT PRIMARY KEY,
    source TEXT NOT NULL REFERENCES source ON DELETE CASCADE,
    label TEXT NOT NULL,
    share REAL NOT NULL
);
CREATE TABLE runs_through (
    topic TEXT NOT NULL REFERENCES topic ON DELETE CASCADE,
    chapter TEXT NOT NULL REFERENCES chapter ON DELETE CASCADE,
    PRIMARY KEY (topic, chapter)
) WITHOUT ROWID;
CREATE TABLE segment (
    uid TEXT PRIMARY KEY,
    source TEXT NOT NULL REFERENCES source ON DELETE CASCADE,
    spoken_by TEXT REFERENCES speaker ON DELETE CASCADE,
    chapter TEXT REFERENCES chapter ON DELETE CASCADE,
    position INTEGER NOT NULL,
    text TEXT NOT NULL,
    "start" REAL NOT NULL,
    "end" REAL NOT NULL,
    UNIQUE (source, position)
);
CREATE TABLE claim (
    uid TEXT PRIMARY KEY,
    source TEXT NOT NULL REFERENCES source ON DELETE CASCADE,
    made_in TEXT NOT NULL REFERENCES segment ON DELETE CASCADE,
    stated_by TEXT REFERENCES speaker ON DELETE CASCADE,
    text TEXT NOT NULL,
    "start" REAL NOT NULL,
    "end" REAL NOT NULL,
    score REAL
);
CREATE INDEX topic_source ON topic (source);
CREATE INDEX runs_through_chapter ON runs_through (chapter);
CREATE INDEX segment_spoken_by ON segment (spoken_by);
CREATE INDEX segment_chapter ON segment (chapter);
CREATE INDEX claim_source ON claim (source);
CREATE INDEX claim_made_in ON claim (made_in);
CREATE INDEX claim_stated_by ON claim (stated_by)
"""


def _graph_of_version_1(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(_GRAPH_1)
    connection.executescript("""
        INSERT INTO store VALUES ('the same as ever');
        INSERT INTO source VALUES ('o1', 'guild', 's1', 'https://example.org/a', 'A', 'web', 'Up',
            '2024-05-01', 60.5, 'en');
        INSERT INTO source VALUES ('o2', 'other', 's1', 'file:///b', 'B', 'file', NULL, NULL,
            NULL, NULL);
        INSERT INTO speaker VALUES ('p1', 'o1', 'Ann Straße');
        INSERT INTO chapter VALUES ('h1', 'o1', 0, 'Begin', 0, 30.5);
        INSERT INTO topic VALUES ('t1', 'o1', 'tea', 0.75);
        INSERT INTO runs_through VALUES ('t1', 'h1');
        INSERT INTO segment VALUES ('g1', 'o1', 'p1', 'h1', 3, 'Tea is ÜBERALL.', 0.0, 4.5);
        INSERT INTO segment VALUES ('g2', 'o1', NULL, NULL, 4, 'Is it?', 5.0, 6.0);
        INSERT INTO segment VALUES ('g3', 'o2', NULL, NULL, 0, 'Else.', 1.0, 2.0);
        INSERT INTO claim VALUES ('c1', 'o1', 'g1', 'p1', 'Tea is ÜBERALL.', 0.0, 4.5, 0.8);
        INSERT INTO claim VALUES ('c2', 'o2', 'g3', NULL, 'Else.', 1.0, 2.0, NULL);
        PRAGMA user_version = 1;
    """)
    connection.close()


async def test_a_graph_of_version_1_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "graph.sqlite"
    _graph_of_version_1(path)
    SqliteGraph(path).close()
    graph = SqliteGraph(path)
    assert graph.identity == "the same as ever"
    (held,) = [each async for each in graph.export("guild")]
    nodes = {node.uid: (node.label, node.properties) for node in held.nodes}
    own = {"tenant": "guild", "source_id": "s1"}
    assert nodes == {
        "o1": (
            "Source",
            own
            | {"url": "https://example.org/a", "title": "A", "platform": "web", "uploader": "Up"}
            | {"published": "2024-05-01", "duration": 60.5, "language": "en"},
        ),
        "p1": ("Speaker", own | {"name": "Ann Straße"}),
        "h1": ("Chapter", own | {"position": 0, "title": "Begin", "start": 0.0, "end": 30.5}),
        "t1": ("Topic", own | {"label": "tea", "share": 0.75}),
        "g1": (
            "Segment",
            own | {"position": 3, "text": "Tea is ÜBERALL.", "start": 0.0, "end": 4.5},
        ),
        "g2": ("Segment", own | {"position": 4, "text": "Is it?", "start": 5.0, "end": 6.0}),
        "c1": (
            "Claim",
            own
            | {"position": 3, "text": "Tea is ÜBERALL.", "start": 0.0, "end": 4.5, "score": 0.8},
        ),
    }
    assert {(r.kind, r.start, r.end, r.properties.get("at")) for r in held.relations} == {
        ("HAS", "o1", "p1", None),
        ("HAS", "o1", "h1", None),
        ("HAS", "o1", "t1", None),
        ("HAS", "o1", "g1", None),
        ("HAS", "o1", "g2", None),
        ("SPOKEN_BY", "g1", "p1", 0.0),
        ("IN", "g1", "h1", None),
        ("MADE_IN", "c1", "g1", 0.0),
        ("STATED_BY", "c1", "p1", 0.0),
        ("RUNS_THROUGH", "t1", "h1", None),
    }
    assert checked(held) == held
    (claim,) = await graph.claims("guild", speaker="ann STRASSE", words="überall")
    assert (claim.id, claim.title, claim.score) == ("c1", "A", 0.8)
    (claim,) = await graph.claims("other")
    assert (claim.id, claim.published, claim.score) == ("c2", None, None)
    assert await graph.forget("guild", "s1") == 7
    graph.close()


def test_a_migrated_graph_is_made_like_a_new_one(tmp_path: Path) -> None:
    _graph_of_version_1(tmp_path / "old.sqlite")
    shapes = []
    for name in ("old.sqlite", "new.sqlite"):
        SqliteGraph(tmp_path / name).close()
        connection = sqlite3.connect(tmp_path / name)
        shapes.append(set(connection.execute("SELECT type, name, sql FROM sqlite_master")))
        connection.close()
    assert shapes[0] == shapes[1]


def test_what_was_forgotten_is_not_in_the_file_any_more(tmp_path: Path) -> None:
    graph = SqliteGraph(tmp_path / "graph.sqlite")
    secret = "what nobody shall read"
    properties: dict[str, Scalar] = {"title": "T", "url": "u", "text": secret * 500, "start": 0.0}
    nodes = (
        Node(uid="o", label="Source", properties=properties),
        Node(uid="c", label="Claim", properties=properties),
    )
    asyncio.run(graph.replace(Graph(tenant="guild", source_id="s", nodes=nodes, relations=())))
    assert asyncio.run(graph.forget("guild", "s")) == 2
    asyncio.run(graph.purge())
    for file in tmp_path.iterdir():
        assert secret.encode() not in file.read_bytes()
    graph.close()
