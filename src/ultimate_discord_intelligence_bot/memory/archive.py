"""Verdicts reached before, by the words of the claim."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from ..models.media import Source
from ..models.verification import DECIDED, Earlier, Verdict
from .database import Database

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
            by_words[words]: Verdict.model_validate_json(kept).model_copy(
                update={"earlier": Earlier(title=title, url=url)}
            )
            for words, title, url, kept in self._database.transact_now(body)
        }

    async def keep(self, tenant: str, source: Source, verdicts: Mapping[str, Verdict]) -> None:
        """Let the archive hold exactly these verdicts of a source, those that decide something.

        Args:
            tenant: whose memory it is.
            source: where the claims were made.
            verdicts: by the words of the claim.
        """
        rows = [
            (
                tenant,
                _words(text),
                source.id,
                verdict.checked.isoformat(),
                source.title,
                source.url,
                verdict.model_dump_json(),
            )
            for text, verdict in verdicts.items()
            # What was itself taken from the archive is as old as it was there.
            if verdict.label in DECIDED and verdict.checked and verdict.earlier is None
        ]

        def body(connection: sqlite3.Connection) -> None:
            connection.execute(
                "DELETE FROM verdict WHERE tenant = ? AND source = ?", (tenant, source.id)
            )
            connection.executemany("INSERT OR REPLACE INTO verdict VALUES (?,?,?,?,?,?,?)", rows)

        await self._database.transact(body)

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _words(text: str) -> str:
    return " ".join(text.casefold().split())
