"""The graph store in a SQLite file.

Relations to one node are foreign keys, relations to many are tables.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Sequence
from pathlib import Path

from ...models.analysis import Chapters
from ...models.media import Source
from ...models.memory import Counts, Record
from ...runs import stable_id
from ..database import Database

_SCHEMA = """
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


class SqliteGraph:
    """A ``GraphStore`` in one file. Raises what ``Database`` raises."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA, version=1)
        self.identity = self._database.transact_now(_identity)

    async def replace(
        self, source: Source, tenant: str, records: Sequence[Record], chapters: Chapters | None
    ) -> frozenset[str]:
        """Hold exactly this of a source, in one transaction; returns the record ids it holds."""

        def body(connection: sqlite3.Connection) -> frozenset[str]:
            uid = stable_id("graph", tenant, source.id, "source")
            connection.execute("DELETE FROM source WHERE uid = ?", (uid,))
            if records:
                _Writer(connection, uid).write(source, tenant, records, chapters)
            held = connection.execute(
                "SELECT uid FROM segment WHERE source = :s"
                " UNION ALL SELECT uid FROM claim WHERE source = :s",
                {"s": uid},
            )
            return frozenset(row[0] for row in held)

        return await self._database.transact(body)

    async def counts(self, tenant: str) -> Counts:
        """What is held of a tenant."""

        def body(connection: sqlite3.Connection) -> Counts:
            row = connection.execute(
                "SELECT (SELECT count(*) FROM source WHERE tenant = :t),"
                " (SELECT count(*) FROM segment s JOIN source o ON o.uid = s.source"
                "   WHERE o.tenant = :t),"
                " (SELECT count(*) FROM claim c JOIN source o ON o.uid = c.source"
                "   WHERE o.tenant = :t)",
                {"t": tenant},
            ).fetchone()
            return Counts(sources=row[0], segments=row[1], claims=row[2])

        return await self._database.transact(body)

    def close(self) -> None:
        """Close the file."""
        self._database.close()


class _Writer:
    """Writes one source: each kind of node after those it points to."""

    def __init__(self, connection: sqlite3.Connection, source_uid: str) -> None:
        self._connection = connection
        self._source = source_uid

    def write(
        self, source: Source, tenant: str, records: Sequence[Record], chapters: Chapters | None
    ) -> None:
        self._write_source(source, tenant)
        self._write_speakers(records)
        if chapters is not None:
            self._write_chapters(chapters)
        segments = [record for record in records if record.kind == "segment"]
        self._write_segments(segments, chapters)
        homes = {record.row: record.id for record in segments}
        self._write_claims([record for record in records if record.kind == "claim"], homes)

    def _uid(self, kind: str, name: object) -> str:
        return stable_id(self._source, kind, str(name))

    def _speaker(self, record: Record) -> str | None:
        return self._uid("speaker", record.speaker) if record.speaker else None

    def _write_source(self, source: Source, tenant: str) -> None:
        published = source.published.isoformat() if source.published else None
        self._connection.execute(
            "INSERT INTO source VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self._source,
                tenant,
                source.id,
                source.url,
                source.title,
                source.platform,
                source.uploader,
                published,
                source.duration,
                source.language,
            ),
        )

    def _write_speakers(self, records: Sequence[Record]) -> None:
        # The same name in two recordings may be two people, so speakers belong to their source.
        names = dict.fromkeys(record.speaker for record in records if record.speaker)
        self._connection.executemany(
            "INSERT INTO speaker VALUES (?, ?, ?)",
            [(self._uid("speaker", name), self._source, name) for name in names],
        )

    def _write_chapters(self, chapters: Chapters) -> None:
        self._connection.executemany(
            "INSERT INTO chapter VALUES (?, ?, ?, ?, ?, ?)",
            [
                (self._uid("chapter", i), self._source, i, c.title, c.start, c.end)
                for i, c in enumerate(chapters.chapters)
            ],
        )
        self._connection.executemany(
            "INSERT INTO topic VALUES (?, ?, ?, ?)",
            [
                (self._uid("topic", i), self._source, t.label, t.share)
                for i, t in enumerate(chapters.topics)
            ],
        )
        self._connection.executemany(
            "INSERT OR IGNORE INTO runs_through VALUES (?, ?)",
            [
                (self._uid("topic", i), self._uid("chapter", chapter))
                for i, t in enumerate(chapters.topics)
                for chapter in t.chapters
            ],
        )

    def _write_segments(self, segments: Sequence[Record], chapters: Chapters | None) -> None:
        within = {
            row: self._uid("chapter", i)
            for i, chapter in enumerate(chapters.chapters if chapters else ())
            for row in range(chapter.first, chapter.last + 1)
        }
        self._connection.executemany(
            "INSERT INTO segment VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    r.id,
                    self._source,
                    self._speaker(r),
                    within.get(r.row),
                    r.row,
                    r.text,
                    r.start,
                    r.end,
                )
                for r in segments
            ],
        )

    def _write_claims(self, claims: Sequence[Record], homes: dict[int, str]) -> None:
        self._connection.executemany(
            "INSERT INTO claim VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    r.id,
                    self._source,
                    homes.get(r.row),
                    self._speaker(r),
                    r.text,
                    r.start,
                    r.end,
                    r.score,
                )
                for r in claims
            ],
        )


def _identity(connection: sqlite3.Connection) -> str:
    row = connection.execute("SELECT identity FROM store").fetchone()
    if row:
        return str(row[0])
    identity = str(uuid.uuid4())
    connection.execute("INSERT INTO store VALUES (?)", (identity,))
    return identity
