"""What the bot must not forget: rules of guilds, who watches which job, what was used."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from ..closing import Closing
from ..errors import StorageError, database_error, storage_error
from ..settings import Depth
from .rules import Rules
from .watch import Watch

HOUR = 3_600.0
KEPT_HOURS = 25
"""What was used counts in the hour in which it was asked for and in the next 24."""

_VERSION = 1
_SCHEMA = (
    "CREATE TABLE rules (guild INTEGER PRIMARY KEY, rules TEXT NOT NULL)",
    "CREATE TABLE note (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE watch (
        job TEXT NOT NULL,
        guild INTEGER,
        channel INTEGER NOT NULL,
        message INTEGER PRIMARY KEY,
        user INTEGER NOT NULL,
        private INTEGER NOT NULL,
        tenant TEXT NOT NULL,
        url TEXT NOT NULL,
        depth TEXT NOT NULL,
        created REAL NOT NULL,
        token TEXT NOT NULL,
        ended INTEGER NOT NULL
    )""",
    "CREATE INDEX watch_job ON watch (job)",
    "CREATE INDEX watch_link ON watch (tenant, url, ended)",
    "CREATE INDEX watch_open ON watch (guild) WHERE ended = 0",
    "CREATE INDEX watch_ended ON watch (created) WHERE ended = 1",
    "CREATE INDEX watch_user ON watch (user, created)",
    "CREATE INDEX watch_user_here ON watch (user, guild, created)",
    "CREATE INDEX watch_public ON watch (guild, created) WHERE private = 0",
    """CREATE TABLE intent (
        token TEXT PRIMARY KEY,
        ticket TEXT NOT NULL
    ) WITHOUT ROWID""",
    # Whole numbers: what is given back is exactly what was taken.
    """CREATE TABLE usage (
        payer TEXT NOT NULL,
        hour INTEGER NOT NULL,
        runs INTEGER NOT NULL,
        minutes INTEGER NOT NULL,
        dollars INTEGER NOT NULL,
        PRIMARY KEY (payer, hour)
    ) WITHOUT ROWID""",
    "CREATE INDEX usage_hour ON usage (hour)",
    """CREATE TABLE reservation (
        job TEXT PRIMARY KEY,
        user INTEGER NOT NULL,
        guild INTEGER,
        hour INTEGER NOT NULL,
        runs INTEGER NOT NULL,
        minutes INTEGER NOT NULL,
        dollars INTEGER NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX reservation_hour ON reservation (hour)",
)
_RECENT = 500
"""So many of the newest watches of a user and of a guild are looked through for links."""

_Row = tuple[Any, ...]


class Records(Closing):
    """Keeps it in one SQLite file. Any thread may use it; a call takes less than a millisecond.

    Args:
        path: of the file; made when it is not there.

    Raises:
        StorageError: it is damaged, full or not writable, also from every call; or a newer
            version of this program wrote it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, path) from error
        with self._in_our_words():
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
        except BaseException:
            self._database.close()
            raise

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Statements that take effect together, or not at all where the block is left by an error.

        Nobody else reads or writes in between.
        """
        with self._lock, self._in_our_words():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                # SQLite itself has rolled back when the disk is full.
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    # -- guilds -------------------------------------------------------------------------------

    def rules(self, guild: int) -> Rules:
        """What was decided in a guild; the defaults where nothing was."""
        rows = self._rows("SELECT rules FROM rules WHERE guild = ?", guild)
        try:
            return Rules.model_validate_json(rows[0][0]) if rows else Rules()
        except ValueError as error:
            raise StorageError(
                f"The rules of the guild {guild} cannot be read ({str(error)[:200]}).",
                "Decide them anew with /settings.",
            ) from error

    def decide(self, guild: int, rules: Rules) -> None:
        """Keep what was decided in a guild, all of it; what was decided before is gone."""
        with self.transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO rules VALUES (?, ?)", (guild, rules.model_dump_json())
            )

    def leave(self, guild: int) -> list[str]:
        """The bot was removed from a guild: no message there can be reached any more.

        Rules and use are kept: a bot that is invited again knows them.

        Returns:
            Jobs that nobody watches now.
        """
        with self.transaction() as database:
            jobs = database.execute(
                "SELECT DISTINCT job FROM watch AS here WHERE guild = ? AND ended = 0 AND"
                " NOT EXISTS (SELECT 1 FROM watch AS other WHERE other.job = here.job"
                " AND other.ended = 0 AND other.guild IS NOT here.guild)",
                (guild,),
            ).fetchall()
            database.execute(
                "UPDATE watch SET ended = 1, token = '' WHERE guild = ? AND ended = 0", (guild,)
            )
        return sorted(job for (job,) in jobs)

    # -- orders that are being taken ----------------------------------------------------------

    def intend(self, token: str, ticket: str) -> None:
        """Keep an order, by the token of its interaction, until there is a watch for it."""
        with self.transaction() as database:
            database.execute("INSERT OR REPLACE INTO intent VALUES (?, ?)", (token, ticket))

    def fulfil(self, token: str) -> None:
        """The order was taken, or taken back."""
        with self.transaction() as database:
            database.execute("DELETE FROM intent WHERE token = ?", (token,))

    def intents(self) -> list[str]:
        """The orders that were being taken when the bot ended."""
        return [str(ticket) for (ticket,) in self._rows("SELECT ticket FROM intent")]

    # -- watches ------------------------------------------------------------------------------

    def watch(self, watch: Watch) -> None:
        """Keep a watch, in place of the one that its message had before."""
        row = {**vars(watch), "depth": watch.depth.value}
        with self.transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO watch VALUES (:job, :guild, :channel, :message, :user,"
                " :private, :tenant, :url, :depth, :created, :token, :ended)",
                row,
            )

    def end(self, messages: Iterable[int]) -> None:
        """Messages show the end of their job, or are out of reach; their tokens are wiped."""
        with self.transaction() as database:
            database.executemany(
                "UPDATE watch SET ended = 1, token = '' WHERE message = ?",
                [(message,) for message in messages],
            )

    def watches(self, *, job: str | None = None, open_only: bool = True) -> list[Watch]:
        """Watches, the oldest first.

        Args:
            job: only those of this job.
            open_only: only those that have not ended.
        """
        if job is None:
            is_wanted = "ended = 0" if open_only else "1"
            return self._watches(f"{is_wanted} ORDER BY created, message")
        is_wanted = "job = ? AND ended = 0" if open_only else "job = ?"
        return self._watches(f"{is_wanted} ORDER BY created, message", job)

    def watch_of(self, message: int) -> Watch | None:
        """The watch that a message shows."""
        return next(iter(self._watches("message = ?", message)), None)

    def running(self, tenant: str, url: str) -> list[Watch]:
        """Open watches of a link on behalf of a tenant, the oldest first."""
        return self._watches(
            "tenant = ? AND url = ? AND ended = 0 ORDER BY created, message", tenant, url
        )

    def of_tenant(self, tenant: str) -> list[Watch]:
        """All watches on behalf of a tenant, the oldest first."""
        return self._watches("tenant = ? ORDER BY created, message", tenant)

    def recent(self, *, user: int | None = None, guild: int | None, limit: int) -> list[Watch]:
        """The newest watches first, one for each job.

        Args:
            user: only what they asked for, private or not; None: what everybody there may see.
            guild: where it was asked for; None: in direct conversations, which only their user
                may see.
            limit: at most so many.
        """
        if user is not None:
            rows = self._newest("user = ? AND guild IS ?", user, guild, limit=limit)
        elif guild is not None:
            rows = self._newest("guild = ? AND private = 0", guild, limit=limit)
        else:
            rows = []
        return [_watch(row) for row in rows]

    def links(self, *, user: int, guild: int | None, beginning: str, limit: int = 25) -> list[str]:
        """Links that were asked for lately, to be offered to a user who types one.

        Args:
            user: their own come first, wherever they asked for them.
            guild: then those that everybody there may see; None: none.
            beginning: what was typed; it occurs in each of them, in capitals or not.
            limit: at most so many.
        """
        found = self._rows(
            "SELECT url FROM watch WHERE user = ? ORDER BY created DESC LIMIT ?", user, _RECENT
        )
        found += self._rows(
            "SELECT url FROM watch WHERE guild = ? AND private = 0 ORDER BY created DESC LIMIT ?",
            guild,
            _RECENT,
        )
        typed = beginning.strip().lower()
        urls = dict.fromkeys(url for (url,) in found if typed in url.lower())
        return list(islice(urls, limit))

    # -- the rest -----------------------------------------------------------------------------

    def prune(self, before: float) -> int:
        """Forget what ended long ago, and what was used so long ago that it counted no more.

        Args:
            before: a moment in the past, in seconds since 1970.

        Returns:
            How many watches are gone: those that have ended and were made before the moment.
        """
        hour = int(before // HOUR) - KEPT_HOURS
        with self.transaction() as database:
            database.execute("DELETE FROM usage WHERE hour <= ?", (hour,))
            database.execute("DELETE FROM reservation WHERE hour <= ?", (hour,))
            return database.execute(
                "DELETE FROM watch WHERE ended = 1 AND created < ?", (before,)
            ).rowcount

    def note(self, key: str, value: str) -> None:
        """Keep a small fact under a key."""
        with self.transaction() as database:
            database.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (key, value))

    def noted(self, key: str) -> str | None:
        """The fact that was kept under a key."""
        rows = self._rows("SELECT value FROM note WHERE key = ?", key)
        return str(rows[0][0]) if rows else None

    # -- the file -----------------------------------------------------------------------------

    def _prepare(self) -> None:
        with self._in_our_words():
            self._database.execute("PRAGMA busy_timeout = 5000")
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            # A token that was wiped is not to be found in the file either.
            self._database.execute("PRAGMA secure_delete = ON")
        with self.transaction() as database:
            (found,) = database.execute("PRAGMA user_version").fetchone()
            if found == 0:
                for statement in _SCHEMA:
                    database.execute(statement)
                database.execute(f"PRAGMA user_version = {_VERSION}")
            elif found != _VERSION:
                raise StorageError(
                    f"{self._path} has format {found}; this version of autointel reads {_VERSION}.",
                    "Use the version that wrote it, or a new AUTOINTEL_DATA_DIR.",
                )

    def _rows(self, statement: str, *values: object) -> list[_Row]:
        with self._lock, self._in_our_words():
            return self._database.execute(statement, values).fetchall()

    def _watches(self, condition: str, *values: object) -> list[Watch]:
        rows = self._rows(f"SELECT * FROM watch WHERE {condition}", *values)  # noqa: S608
        return [_watch(row) for row in rows]

    def _newest(self, condition: str, *values: object, limit: int) -> list[_Row]:
        """The newest rows first, one for each job; no more of them are read than are needed."""
        statement = f"SELECT * FROM watch WHERE {condition} ORDER BY created DESC, message DESC"  # noqa: S608
        by_job: dict[str, _Row] = {}
        with self._lock, self._in_our_words():
            for row in self._database.execute(statement, values):
                if len(by_job) == limit:
                    break
                by_job.setdefault(row[0], row)
        return list(by_job.values())

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            remedy = "Move it away: the bot makes a new one, without rules and open runs."
            raise database_error(error, self._path, remedy) from error


def _watch(row: _Row) -> Watch:
    job, guild, channel, message, user, private, tenant, url, depth, created, token, ended = row
    return Watch(
        job=job,
        guild=guild,
        channel=channel,
        message=message,
        user=user,
        private=bool(private),
        tenant=tenant,
        url=url,
        depth=Depth(depth),
        created=created,
        token=token,
        ended=bool(ended),
    )
