"""The library: documents, their passages and the vectors of these, in one SQLite file."""

from __future__ import annotations

import os
import sqlite3
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..closing import Closing
from ..errors import (
    DocumentRefused,
    DocumentUnknown,
    EmbedderMismatch,
    StorageError,
    database_error,
    storage_error,
)
from ..models.knowledge import Document, Found, Place
from .nearest import Matrix, nearest
from .reader import Reading

MOST_PASSAGES = 500_000
"""Passages of one library: their vectors take three quarters of a gigabyte of memory."""

_VERSION = 1
_SCHEMA = """
CREATE TABLE store (
    identity TEXT NOT NULL,
    revision INTEGER NOT NULL,
    embedder TEXT,
    dimension INTEGER
);
CREATE TABLE document (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    kind TEXT NOT NULL,
    date TEXT,
    added TEXT NOT NULL
);
CREATE TABLE file (
    path TEXT PRIMARY KEY,
    document TEXT NOT NULL REFERENCES document ON DELETE CASCADE
);
CREATE INDEX file_document ON file (document);
CREATE TABLE passage (
    document TEXT NOT NULL REFERENCES document ON DELETE CASCADE,
    position INTEGER NOT NULL,
    text TEXT NOT NULL,
    page INTEGER,
    heading TEXT,
    line INTEGER,
    PRIMARY KEY (document, position)
) WITHOUT ROWID;
CREATE TABLE vectors (
    document TEXT PRIMARY KEY REFERENCES document ON DELETE CASCADE,
    passages INTEGER NOT NULL,
    data BLOB NOT NULL
)
"""
_PATIENCE = 30.0
_FEWEST_DIGITS = 4


def open_library(data_dir: Path, tenant: str, embedder: str | None = None) -> Library:
    """The library of a tenant in a data folder, made when it is not there. To be closed.

    Several processes may have it open; each sees what the others have finished.

    Args:
        data_dir: the data folder.
        tenant: whose documents they are.
        embedder: name of the model whose vectors will be kept and sought; None to do neither.

    Raises:
        EmbedderMismatch: the library holds vectors of another model.
        NotWritable, DiskFull, StorageError: the file cannot be used; nothing is ever wiped.
    """
    return Library(data_dir / "knowledge" / f"{tenant}.sqlite", embedder)


class Library(Closing):
    """An open library. Any thread may use it; calls take turns and block.

    Use as a context manager, or call ``close``.
    """

    def __init__(self, path: Path, embedder: str | None) -> None:
        self._path = path
        self._embedder = embedder
        self._lock = threading.RLock()
        self._matrix: tuple[str, Matrix] | None = None
        self._connection = _connect(path)
        try:
            self._check_embedder()
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the file; twice is harmless."""
        with self._lock:
            self._connection.close()
            self._matrix = None

    @property
    def revision(self) -> str:
        """Changes with every change of the library, whichever process made it."""
        with self._transaction() as rows:
            return _revision(rows)

    def documents(self) -> list[Document]:
        """All documents, by title."""
        with self._transaction() as rows:
            return _documents(rows)

    # -- writing ------------------------------------------------------------------------------

    def holds(self, path: Path, document: str) -> bool:
        """Whether a file is there already, by the id of its bytes.

        A copy of a known document becomes one more path of it.
        """
        with self._transaction() as rows:
            known = rows.execute("SELECT document FROM file WHERE path = ?", (str(path),))
            if known.fetchone() == (document,):
                return True
            if not rows.execute("SELECT 1 FROM document WHERE id = ?", (document,)).fetchone():
                return False
        with self._transaction("IMMEDIATE") as rows:
            # It may have been removed meanwhile.
            if not rows.execute("SELECT 1 FROM document WHERE id = ?", (document,)).fetchone():
                return False
            _place(rows, path, document)
            return True

    def keep(self, path: Path, reading: Reading, vectors: NDArray[np.float32]) -> Document:
        """Let a file be this document, in place of whatever it was before, in one transaction.

        Args:
            path: of the file, resolved.
            reading: what was read from it.
            vectors: one unit-length row for each passage; shape (passages, dimension).

        Raises:
            EmbedderMismatch: the library holds vectors of another model or length.
            DocumentRefused: the library is full.
            StorageError: it could not be written; nothing is changed.
        """
        if self._embedder is None or len(vectors) != len(reading.passages):
            raise ValueError("one vector of a named embedder is needed for each passage")
        with self._transaction("IMMEDIATE") as rows:
            self._check_embedder(vectors.shape[1])
            _check_room(rows, len(vectors))
            rows.execute(
                "UPDATE store SET embedder = ?, dimension = ?", (self._embedder, vectors.shape[1])
            )
            _write(rows, reading, vectors)
            _place(rows, path, reading.id)
            (document,) = _documents(rows, reading.id)
            return document

    def remove(self, name: str) -> list[Document]:
        """Forget a file, all files below a folder, or a document; the files themselves stay.

        Args:
            name: a path, or the beginning of an id.

        Returns:
            The documents that are gone, as they were.

        Raises:
            DocumentUnknown: nothing, or more than one document, is known by that name.
        """
        # No name that is not UTF-8 was ever taken in.
        path = os.path.realpath(name).encode("utf-8", "backslashreplace").decode()
        below = path.rstrip("/") + "/"
        with self._transaction("IMMEDIATE") as rows:
            before = _documents(rows)
            gone = rows.execute(
                "DELETE FROM file WHERE path = :path OR substr(path, 1, :length) = :below",
                {"path": path, "below": below, "length": len(below)},
            ).rowcount
            if not gone:
                document = _by_id(before, name)
                rows.execute("DELETE FROM file WHERE document = ?", (document.id,))
            _tidy(rows)
            left = {document.id for document in _documents(rows)}
            return [document for document in before if document.id not in left]

    # -- finding ------------------------------------------------------------------------------

    def search(self, vectors: NDArray[np.float32], limit: int) -> list[list[Found]]:
        """For each query the passages nearest to it, best first; equal ones in a fixed order.

        One matrix product for all queries, over vectors that stay in memory until the library
        changes. What is found does not depend on which queries are asked together.

        Args:
            vectors: one unit-length query per row, shape (queries, dimension).
            limit: most passages per query.

        Raises:
            EmbedderMismatch: the library holds vectors of another model or length.
        """
        if self._embedder is None:
            raise ValueError("the library was opened without the name of an embedder")
        with self._transaction() as rows:
            self._check_embedder(vectors.shape[1])
            matrix = self._loaded(rows)
            found = nearest(matrix, vectors, limit)
            tell = _Teller(rows, matrix)
            return [[tell.of(row, score) for row, score in hits] for hits in found]

    def _loaded(self, rows: sqlite3.Connection) -> Matrix:
        revision = _revision(rows)
        if self._matrix is None or self._matrix[0] != revision:
            self._matrix = None  # so that there are never two of them in memory
            self._matrix = revision, _load(rows)
        return self._matrix[1]

    # -- the file -----------------------------------------------------------------------------

    @contextmanager
    def _transaction(self, kind: str = "DEFERRED") -> Iterator[sqlite3.Connection]:
        """All statements take effect, or none; a reader sees one state throughout."""
        with self._lock, _in_our_words(self._path):
            rows = self._connection
            rows.execute(f"BEGIN {kind}")
            try:
                yield rows
                rows.execute("COMMIT")
            except BaseException:
                # SQLite itself has rolled back when the disk is full.
                if rows.in_transaction:
                    rows.execute("ROLLBACK")
                raise

    def _check_embedder(self, dimension: int | None = None) -> None:
        if self._embedder is None and dimension is None:
            return
        with _in_our_words(self._path):
            name, length = self._connection.execute(
                "SELECT embedder, dimension FROM store WHERE EXISTS (SELECT 1 FROM document)"
            ).fetchone() or (None, None)
        if name is not None and (name != self._embedder or length != (dimension or length)):
            raise EmbedderMismatch(
                f"{self._path} holds vectors of {name} ({length} numbers each), not of "
                f"{self._embedder}{f' ({dimension})' if dimension else ''}.",
                "`autointel knowledge remove /` forgets all documents; then add them again.",
            )


@dataclass
class _Teller:
    """Makes what was found out of rows of the matrix; asks for each document once."""

    rows: sqlite3.Connection
    matrix: Matrix

    def __post_init__(self) -> None:
        self._documents: dict[str, tuple[str, str, date | None]] = {}

    def of(self, row: int, score: float) -> Found:
        document, position = self.matrix.place_of(row)
        text, page, heading, line = self.rows.execute(
            "SELECT text, page, heading, line FROM passage WHERE document = ? AND position = ?",
            (document, position),
        ).fetchone()
        title, uri, when = self._facts(document)
        return Found(
            text=text,
            document=document,
            title=title,
            url=f"{uri}#page={page}" if page else uri,
            date=when,
            place=Place(page=page, heading=heading, line=line),
            score=score,
        )

    def _facts(self, document: str) -> tuple[str, str, date | None]:
        if document not in self._documents:
            title, when, path = self.rows.execute(
                "SELECT title, date, (SELECT min(path) FROM file WHERE document = id)"
                " FROM document WHERE id = ?",
                (document,),
            ).fetchone()
            self._documents[document] = title, Path(path).as_uri(), _day(when)
        return self._documents[document]


def _connect(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, path) from error
    with _in_our_words(path):
        connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=_PATIENCE
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            _ensure(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def _ensure(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables; of several processes that come first, one does."""
    if _version(connection) == 0:
        connection.execute("BEGIN IMMEDIATE")
        try:
            if _version(connection) == 0:
                for statement in _SCHEMA.split(";"):
                    connection.execute(statement)
                connection.execute(
                    "INSERT INTO store VALUES (?, 0, NULL, NULL)", (str(uuid.uuid4()),)
                )
                connection.execute(f"PRAGMA user_version = {_VERSION}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    if (found := _version(connection)) != _VERSION:
        raise StorageError(
            f"{path} has format {found}; this version of autointel reads {_VERSION}.",
            "Use the version that wrote it, or a new AUTOINTEL_DATA_DIR.",
        )


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _revision(rows: sqlite3.Connection) -> str:
    identity, revision = rows.execute("SELECT identity, revision FROM store").fetchone()
    return f"{identity}:{revision}"


def _documents(rows: sqlite3.Connection, only: str | None = None) -> list[Document]:
    paths: dict[str, list[Path]] = {}
    for path, document in rows.execute("SELECT path, document FROM file ORDER BY path"):
        paths.setdefault(document, []).append(Path(path))
    found = rows.execute(
        "SELECT d.id, d.title, d.kind, d.date, d.added, v.passages FROM document d"
        " JOIN vectors v ON v.document = d.id WHERE ? IN (d.id, '') ORDER BY d.title, d.id",
        (only or "",),
    )
    return [
        Document(
            id=id_,
            paths=tuple(paths[id_]),
            title=title,
            kind=kind,
            date=_day(when),
            added=datetime.fromisoformat(added),
            passages=passages,
        )
        for id_, title, kind, when, added, passages in found
    ]


def _day(written: str | None) -> date | None:
    return date.fromisoformat(written) if written else None


def _check_room(rows: sqlite3.Connection, more: int) -> None:
    (held,) = rows.execute("SELECT coalesce(sum(passages), 0) FROM vectors").fetchone()
    if held + more > MOST_PASSAGES:
        raise DocumentRefused(
            f"The library would hold more than {MOST_PASSAGES} passages.",
            "Remove what is no longer needed, or keep it in a library of its own "
            "(AUTOINTEL_TENANT).",
        )


def _write(rows: sqlite3.Connection, reading: Reading, vectors: NDArray[np.float32]) -> None:
    when = reading.date.isoformat() if reading.date else None
    added = datetime.now(UTC).isoformat(timespec="seconds")
    if rows.execute("SELECT 1 FROM document WHERE id = ?", (reading.id,)).fetchone():
        return  # another process was faster
    rows.execute(
        "INSERT INTO document VALUES (?, ?, ?, ?, ?)",
        (reading.id, reading.title, reading.kind, when, added),
    )
    rows.executemany(
        "INSERT INTO passage VALUES (?, ?, ?, ?, ?, ?)",
        (
            (reading.id, position, p.text, p.place.page, p.place.heading, p.place.line)
            for position, p in enumerate(reading.passages)
        ),
    )
    data = np.ascontiguousarray(vectors, "<f4").tobytes()
    rows.execute("INSERT INTO vectors VALUES (?, ?, ?)", (reading.id, len(vectors), data))


def _place(rows: sqlite3.Connection, path: Path, document: str) -> None:
    """Let a path lead to a document; forget copies of it that are no longer there."""
    others = rows.execute(
        "SELECT path FROM file WHERE document = ? AND path <> ?", (document, str(path))
    )
    lost = [(other,) for (other,) in others.fetchall() if not Path(other).exists()]
    rows.executemany("DELETE FROM file WHERE path = ?", lost)
    rows.execute("INSERT OR REPLACE INTO file VALUES (?, ?)", (str(path), document))
    _tidy(rows)


def _tidy(rows: sqlite3.Connection) -> None:
    """Forget documents that no file leads to, and say that something has changed."""
    rows.execute("DELETE FROM document WHERE id NOT IN (SELECT document FROM file)")
    rows.execute("UPDATE store SET revision = revision + 1")


def _by_id(documents: Sequence[Document], name: str) -> Document:
    long_enough = len(name) >= _FEWEST_DIGITS
    found = [document for document in documents if document.id.startswith(name.lower())]
    if not long_enough or len(found) != 1:
        how_many = f"{len(found)} documents are" if long_enough and found else "No document is"
        raise DocumentUnknown(f"{how_many} known as “{name}”.")
    return found[0]


def _load(rows: sqlite3.Connection) -> Matrix:
    """All vectors, by document and position."""
    (count,) = rows.execute("SELECT coalesce(sum(passages), 0) FROM vectors").fetchone()
    (dimension,) = rows.execute("SELECT coalesce(dimension, 0) FROM store").fetchone()
    array = np.empty((count, dimension), np.float32)
    documents, firsts, first = [], [], 0
    for document, passages, data in rows.execute(
        "SELECT document, passages, data FROM vectors ORDER BY document"
    ):
        part = np.frombuffer(data, "<f4").reshape(passages, dimension)
        array[first : first + passages] = part
        documents.append(document)
        firsts.append(first)
        first += passages
    return Matrix(array, documents, firsts)


@contextmanager
def _in_our_words(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        remedy = "Move it away and add the documents again."
        raise database_error(error, path, remedy) from error
