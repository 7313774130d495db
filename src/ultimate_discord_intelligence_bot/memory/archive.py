"""Verdicts reached before, by the words of the claim."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

from ..errors import StorageError
from ..models.media import Source
from ..models.verification import DECIDED, Earlier, Evidence, Verdict
from .database import AFTER_DAMAGE, Database

_SCHEMA = """
CREATE TABLE verdict (
    tenant TEXT NOT NULL,
    words TEXT NOT NULL,
    source TEXT NOT NULL,
    checked TEXT NOT NULL,
    title TEXT NOT NULL,
    url TEXT NOT NULL,
    verdict TEXT NOT NULL,
    PRIMARY KEY (tenant, words, source)
) WITHOUT ROWID
"""
_AT_ONCE = 500


class Archive:
    """Keeps what was decided about a claim, so that it need not be checked again at once."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA, version=1)

    def find_now(
        self, tenant: str, texts: Sequence[str], *, since: date, besides: str
    ) -> dict[str, Verdict]:
        """The newest verdict on each of these very words; blocks.

        Args:
            tenant: whose memory it is.
            texts: claims, each understandable alone.
            since: the oldest day that still counts.
            besides: a source whose own verdicts are left out.

        Returns:
            Verdicts by text, for texts that have one.
        """
        by_words = {_words(text): text for text in texts}

        def body(connection: sqlite3.Connection) -> list[tuple[str, str, str, str]]:
            rows: list[tuple[str, str, str, str]] = []
            keys = list(by_words)
            for at in range(0, len(keys), _AT_ONCE):
                some = keys[at : at + _AT_ONCE]
                marks = ",".join("?" * len(some))
                rows += connection.execute(
                    "SELECT words, title, url, verdict FROM verdict WHERE tenant = ? AND"  # noqa: S608
                    f" source <> ? AND checked >= ? AND words IN ({marks})"
                    " ORDER BY checked, source",
                    (tenant, besides, since.isoformat(), *some),
                ).fetchall()
            return rows

        return {
            by_words[words]: _named(kept, title, url)
            for words, title, url, kept in self._database.transact_now(body)
        }

    async def keep(self, tenant: str, source: Source, verdicts: Mapping[str, Verdict]) -> None:
        """Let the archive hold exactly these verdicts of a source, those that decide something.

        Args:
            tenant: whose memory it is.
            source: where the claims were made.
            verdicts: by the words of the claim.
        """
        here = Earlier(title=source.title, url=source.url)
        await self.restore(
            tenant,
            source.id,
            {
                text: verdict.model_copy(update={"earlier": here})
                for text, verdict in verdicts.items()
                # What was itself taken from the archive is as old as it was there.
                if verdict.label in DECIDED and verdict.earlier is None
            },
        )

    async def restore(self, tenant: str, source_id: str, verdicts: Mapping[str, Verdict]) -> None:
        """Let the archive hold exactly these verdicts, each of which names its source."""
        rows = [
            (
                tenant,
                _words(text),
                source_id,
                verdict.checked.isoformat(),
                verdict.earlier.title,
                verdict.earlier.url,
                verdict.model_copy(update={"earlier": None}).model_dump_json(),
            )
            for text, verdict in verdicts.items()
            if verdict.checked and verdict.earlier
        ]

        def body(connection: sqlite3.Connection) -> None:
            connection.execute(
                "DELETE FROM verdict WHERE tenant = ? AND source = ?", (tenant, source_id)
            )
            connection.executemany("INSERT OR REPLACE INTO verdict VALUES (?,?,?,?,?,?,?)", rows)

        await self._database.transact(body)

    async def of_source(self, tenant: str, source_id: str) -> dict[str, Verdict]:
        """The verdicts on claims of one source, by their words; each names the source."""

        def body(connection: sqlite3.Connection) -> list[tuple[str, str, str, str]]:
            return connection.execute(
                "SELECT words, title, url, verdict FROM verdict"
                " WHERE tenant = ? AND source = ? ORDER BY words",
                (tenant, source_id),
            ).fetchall()

        return {
            words: _named(kept, title, url)
            for words, title, url, kept in await self._database.transact(body)
        }

    async def forget(self, tenant: str, source_id: str) -> int:
        """Keep nothing more of a source; returns how many verdicts are gone."""

        def body(connection: sqlite3.Connection) -> int:
            return connection.execute(
                "DELETE FROM verdict WHERE tenant = ? AND source = ?", (tenant, source_id)
            ).rowcount

        return await self._database.transact(body)

    async def forget_evidence(self, tenant: str, is_gone: Callable[[Evidence], bool]) -> int:
        """Keep no verdict that shows such evidence; returns how many are gone."""

        def body(connection: sqlite3.Connection) -> int:
            rows = connection.execute(
                "SELECT words, source, verdict FROM verdict WHERE tenant = ?", (tenant,)
            ).fetchall()
            gone = [
                (tenant, words, source)
                for words, source, kept in rows
                if any(map(is_gone, _verdict(kept).evidence))
            ]
            connection.executemany(
                "DELETE FROM verdict WHERE (tenant, words, source) = (?, ?, ?)", gone
            )
            return len(gone)

        return await self._database.transact(body)

    async def purge(self) -> None:
        """Leave nothing in the files of what is kept no more."""
        await self._database.purge()

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _named(kept: str, title: str, url: str) -> Verdict:
    earlier = Earlier(title=title, url=url)
    return _verdict(kept).model_copy(update={"earlier": earlier})


def _verdict(kept: str) -> Verdict:
    try:
        return Verdict.model_validate_json(kept)
    except ValueError as error:
        raise StorageError("A verdict that was kept is damaged.", AFTER_DAMAGE) from error


def _words(text: str) -> str:
    return " ".join(text.casefold().split())
