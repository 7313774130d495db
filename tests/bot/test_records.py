"""The bot's records survive restarts, stay fast and show nobody what is another's."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ultimate_discord_intelligence_bot.discord_bot.records import HOUR, Records
from ultimate_discord_intelligence_bot.discord_bot.rules import Quota, Rules
from ultimate_discord_intelligence_bot.discord_bot.watch import Watch
from ultimate_discord_intelligence_bot.errors import DiskFull, NotWritable, StorageError
from ultimate_discord_intelligence_bot.settings import Depth

GUILD, ELSEWHERE = 77, 78
ANN, BEN = 1, 2
LINK = "https://example.org/debate"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "discord.sqlite"


@pytest.fixture
def records(path: Path) -> Iterator[Records]:
    with Records(path) as opened:
        yield opened


def watch(message: int, **change: Any) -> Watch:
    made = Watch(
        job=f"job-{message}",
        guild=GUILD,
        channel=5,
        message=message,
        user=ANN,
        private=False,
        tenant=f"discord-{GUILD}",
        url=LINK,
        depth=Depth.DEEP,
        created=1_000.0 + message,
        token=f"token-{message}",
    )
    return replace(made, **change)


def messages(watches: list[Watch]) -> list[int]:
    return [each.message for each in watches]


# -- what is kept ---------------------------------------------------------------------------------


def test_everything_is_there_after_a_restart(path: Path) -> None:
    rules = Rules(channels=(5, 6), depth=Depth.DEEP, language="de", user=Quota(runs=3))
    shown, private = watch(1), watch(2, guild=None, private=True, depth=Depth.STANDARD)
    with Records(path) as records:
        records.decide(GUILD, rules)
        records.watch(shown)
        records.watch(private)
        records.note("commands", "abc")
    with Records(path) as records:
        assert records.rules(GUILD) == rules
        assert records.watches() == [shown, private]
        assert records.noted("commands") == "abc"


def test_where_nothing_was_decided_the_defaults_hold(records: Records) -> None:
    assert records.rules(GUILD) == Rules()
    assert records.noted("commands") is None
    assert records.watch_of(1) is None


def test_what_is_decided_replaces_what_was(records: Records) -> None:
    records.decide(GUILD, Rules(language="de"))
    records.decide(GUILD, Rules(depth=Depth.DEEP))
    assert records.rules(GUILD) == Rules(depth=Depth.DEEP)
    assert records.rules(ELSEWHERE) == Rules()


def test_a_message_shows_one_job_at_a_time(records: Records) -> None:
    records.watch(watch(1))
    records.watch(later := watch(1, job="deeper", depth=Depth.COMPREHENSIVE))
    assert records.watch_of(1) == later
    assert records.watches() == [later]


def test_an_ended_watch_is_kept_without_its_token(records: Records, path: Path) -> None:
    records.watch(watch(1, token="very-secret-token"))
    records.watch(watch(2))
    records.end([1, 99])
    assert records.watch_of(1) == watch(1, token="", ended=True)
    assert messages(records.watches()) == [2]
    assert messages(records.watches(open_only=False)) == [1, 2]
    records.close()
    assert b"very-secret-token" not in path.read_bytes()


def test_watches_of_a_job_are_found_by_it(records: Records) -> None:
    for message in (1, 2, 3):
        records.watch(watch(message, job="shared" if message < 3 else "other"))
    records.end([1])
    assert messages(records.watches(job="shared")) == [2]
    assert messages(records.watches(job="shared", open_only=False)) == [1, 2]


def test_a_link_runs_for_one_tenant_at_a_time(records: Records) -> None:
    records.watch(watch(1))
    records.watch(watch(2, tenant="discord-user-1"))
    records.watch(watch(3, url="https://example.org/other"))
    records.watch(watch(4))
    records.end([4])
    assert messages(records.running(f"discord-{GUILD}", LINK)) == [1]
    assert messages(records.of_tenant(f"discord-{GUILD}")) == [1, 3, 4]


# -- who sees what --------------------------------------------------------------------------------


@pytest.fixture
def busy(records: Records) -> Records:
    """Ann and Ben asked in public, in private, in another guild and in direct conversations."""
    number = 0
    for user in (ANN, BEN):
        for guild in (GUILD, ELSEWHERE, None):
            for private in (False, True):
                number += 1
                place = f"{user}-{guild}-{private}"
                url = f"https://example.org/{place}"
                seen = watch(number, user=user, guild=guild, private=private, url=url, job=place)
                records.watch(seen)
    return records


def test_a_user_sees_what_they_asked_for_there_the_newest_first(busy: Records) -> None:
    mine = busy.recent(user=ANN, guild=GUILD, limit=10)
    assert [each.job for each in mine] == ["1-77-True", "1-77-False"]
    alone = busy.recent(user=ANN, guild=None, limit=10)
    assert [each.job for each in alone] == ["1-None-True", "1-None-False"]


def test_a_guild_sees_what_is_public_there(busy: Records) -> None:
    assert [each.job for each in busy.recent(guild=GUILD, limit=10)] == ["2-77-False", "1-77-False"]
    assert busy.recent(guild=None, limit=10) == []


def test_a_job_is_listed_once(records: Records) -> None:
    for message in range(1, 9):
        records.watch(watch(message, job=f"job-{message // 3}"))
    assert messages(records.recent(guild=GUILD, limit=2)) == [8, 5]
    assert messages(records.recent(guild=GUILD, limit=9)) == [8, 5, 2]
    assert records.recent(guild=GUILD, limit=0) == []


def test_links_are_offered_own_ones_first_and_never_the_private_ones_of_others(
    busy: Records,
) -> None:
    offered = busy.links(user=ANN, guild=GUILD, beginning="")
    own = [link for link in offered if "/1-" in link]
    assert len(own) == 6
    assert offered == [*own, "https://example.org/2-77-False"]
    assert busy.links(user=BEN, guild=None, beginning="", limit=2) == [
        "https://example.org/2-None-True",
        "https://example.org/2-None-False",
    ]


def test_links_are_found_by_a_part_of_them_once_each(records: Records) -> None:
    for message in range(1, 5):
        records.watch(watch(message))
    records.watch(watch(9, url="https://example.org/a_b%25"))
    assert records.links(user=ANN, guild=GUILD, beginning=" DEBATE") == [LINK]
    assert records.links(user=ANN, guild=GUILD, beginning="a_b%") == ["https://example.org/a_b%25"]


@given(st.text(st.characters(exclude_categories=()), max_size=20) | st.sampled_from("%_'\"\\\x00"))
def test_whatever_is_typed_finds_only_what_contains_it(typed: str) -> None:
    with Records(Path(":memory:")) as records:
        records.watch(watch(1))
        found = records.links(user=ANN, guild=GUILD, beginning=typed)
    assert found == ([LINK] if typed.strip().lower() in LINK else [])


# -- guilds that go, and old things ---------------------------------------------------------------


def test_a_guild_that_removes_the_bot_ends_its_watches(records: Records) -> None:
    records.decide(GUILD, Rules(language="de"))
    records.watch(watch(1, job="only here"))
    records.watch(watch(2, job="only here"))
    records.watch(watch(3, job="shared"))
    records.watch(watch(4, job="shared", guild=None))
    records.watch(watch(5, job="left already"))
    records.watch(watch(6, job="left already", guild=ELSEWHERE))
    records.watch(watch(7, job="ended"))
    records.end([6, 7])
    assert records.leave(GUILD) == ["left already", "only here"]
    assert messages(records.watches()) == [4]
    assert records.leave(GUILD) == []
    assert records.rules(GUILD) == Rules(language="de")


def test_ended_watches_are_forgotten_when_they_are_old(records: Records) -> None:
    for message in (1, 2, 3):
        records.watch(watch(message, created=float(message)))
    records.end([1, 3])
    assert records.prune(before=3.0) == 1
    assert messages(records.watches(open_only=False)) == [2, 3]


def test_use_is_forgotten_when_it_counted_no_more_at_that_moment(records: Records) -> None:
    with records.transaction() as database:
        for hour in range(100):
            database.execute("INSERT INTO usage VALUES ('user:1', ?, 1, 0, 0)", (hour,))
            database.execute(
                "INSERT INTO reservation VALUES (?, 1, NULL, ?, 1, 0, 0)", (f"job-{hour}", hour)
            )
    records.prune(before=50 * HOUR)
    with records.transaction() as database:
        for table in ("usage", "reservation"):
            (first,) = database.execute(f"SELECT min(hour) FROM {table}").fetchone()
            assert first == 26


# -- the file -------------------------------------------------------------------------------------


def test_a_newer_file_is_refused_and_left_alone(path: Path) -> None:
    with Records(path) as records:
        records.note("kept", "yes")
        with records.transaction() as database:
            database.execute("PRAGMA user_version = 99")
    with pytest.raises(StorageError, match="format 99") as caught:
        Records(path)
    assert "version that wrote it" in caught.value.remedy
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT value FROM note").fetchall() == [("yes",)]
    database.close()


def test_a_damaged_file_is_named(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is no database" * 500)
    with pytest.raises(StorageError, match=r"discord\.sqlite is damaged") as caught:
        Records(path)
    assert "Move it away" in caught.value.remedy


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotWritable, match=r"file/discord\.sqlite"):
        Records(tmp_path / "file" / "discord.sqlite")


def test_a_full_disk_is_said_and_changes_nothing(records: Records) -> None:
    records.watch(watch(1))
    with records.transaction() as database:
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(DiskFull):
        records.note("too long", "x" * 1_000_000)
    assert records.noted("too long") is None
    with records.transaction() as database:
        database.execute("PRAGMA max_page_count = 100000")
    records.watch(watch(2))
    assert messages(records.watches()) == [1, 2]


def test_a_closed_file_is_an_error_of_ours(path: Path) -> None:
    records = Records(path)
    records.close()
    records.close()
    with pytest.raises(StorageError, match="closed"):
        records.watches()


def test_rules_that_cannot_be_read_say_how_to_mend_them(records: Records) -> None:
    with records.transaction() as database:
        database.execute("INSERT INTO rules VALUES (?, '{\"colour\": 1}')", (GUILD,))
    with pytest.raises(StorageError, match=str(GUILD)) as caught:
        records.rules(GUILD)
    assert "/settings" in caught.value.remedy


def test_a_transaction_left_by_an_error_changes_nothing(records: Records) -> None:
    def fail() -> None:
        with records.transaction() as database:
            database.execute("INSERT INTO note VALUES ('a', 'b')")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert records.noted("a") is None


def test_many_threads_use_it_at_once(records: Records) -> None:
    def use(message: int) -> Watch | None:
        records.watch(watch(message))
        records.end([message - 1])
        records.recent(guild=GUILD, limit=5)
        return records.watch_of(message)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(use, range(1, 201)))
    assert [each.message for each in found if each] == list(range(1, 201))
    assert len(records.watches(open_only=False)) == 200


@settings(max_examples=30)
@given(st.data())
def test_the_filters_say_what_a_simple_list_would(data: st.DataObject) -> None:
    few = st.integers(1, 3)
    rows = data.draw(
        st.lists(
            st.builds(
                watch,
                st.integers(1, 30),
                job=few.map(str),
                guild=st.none() | few,
                user=few,
                private=st.booleans(),
                ended=st.booleans(),
                created=few.map(float),
            ),
            max_size=25,
        )
    )
    user, guild = data.draw(st.none() | few), data.draw(st.none() | few)
    with Records(Path(":memory:")) as records:
        for row in rows:
            records.watch(row)
        kept = list({row.message: row for row in rows}.values())
        oldest = sorted(kept, key=lambda each: (each.created, each.message))
        assert records.watches() == [each for each in oldest if not each.ended]
        assert records.watches(job="2", open_only=False) == [w for w in oldest if w.job == "2"]
        seen = [
            each
            for each in reversed(oldest)
            if each.guild == guild
            and (each.user == user or (user is None and guild is not None and not each.private))
        ]
        newest = {each.job: each for each in reversed(seen)}
        expected = sorted(newest.values(), key=lambda w: (w.created, w.message), reverse=True)
        assert records.recent(user=user, guild=guild, limit=2) == expected[:2]


# -- speed ----------------------------------------------------------------------------------------

CALLS: dict[str, Callable[[Records], object]] = {
    "rules": lambda records: records.rules(GUILD),
    "watch": lambda records: records.watch(watch(1)),
    "watches": lambda records: records.watches(),
    "watches of a job": lambda records: records.watches(job="job-1"),
    "all watches of a job": lambda records: records.watches(job="job-1", open_only=False),
    "watch of": lambda records: records.watch_of(1),
    "end": lambda records: records.end([1]),
    "running": lambda records: records.running("discord-77", LINK),
    "of tenant": lambda records: records.of_tenant("discord-77"),
    "recent of a user": lambda records: records.recent(user=ANN, guild=GUILD, limit=5),
    "recent of a conversation": lambda records: records.recent(user=ANN, guild=None, limit=5),
    "recent of a guild": lambda records: records.recent(guild=GUILD, limit=5),
    "links": lambda records: records.links(user=ANN, guild=GUILD, beginning="deb"),
    "leave": lambda records: records.leave(GUILD),
    "prune": lambda records: records.prune(5.0),
    "noted": lambda records: records.noted("commands"),
}


@pytest.mark.parametrize("call", CALLS)
def test_no_call_reads_a_whole_table_or_sorts_what_it_does_not_return(
    call: str, records: Records
) -> None:
    for message in range(1, 4):
        records.watch(watch(message))
    statements: list[str] = []
    with records.transaction() as database:
        database.set_trace_callback(statements.append)
    CALLS[call](records)
    with records.transaction() as database:
        database.set_trace_callback(None)
        steps = [
            step
            for statement in statements
            if statement.startswith(("SELECT", "UPDATE", "DELETE", "INSERT"))
            for (_, _, _, step) in database.execute(f"EXPLAIN QUERY PLAN {statement}")
        ]
    scans = [step for step in steps if step.startswith("SCAN") and "INDEX watch_open" not in step]
    assert not scans
    if call.startswith(("recent", "links")):
        assert not any("TEMP B-TREE" in step for step in steps)
