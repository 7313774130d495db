"""Answers given before."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from ultimate_discord_intelligence_bot.errors import StorageError
from ultimate_discord_intelligence_bot.llm.call import Reply, Usage
from ultimate_discord_intelligence_bot.llm.replies import Replies


def test_an_answer_outlives_the_process_that_got_it(tmp_path: Path) -> None:
    path = tmp_path / "llm" / "replies.sqlite"
    first = Replies(path)
    first.keep("key", "somebody", Reply("Yes — and a 🦜.", Usage(9, 0, 3, 1)))
    first.close()
    second = Replies(path)
    assert second.find("key") == Reply("Yes — and a 🦜.", Usage(reused=1))
    assert second.find("other") is None
    second.close()


def test_old_answers_are_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    first = Replies(path)
    first.keep("key", "somebody", Reply("Yes.", Usage()))
    first.close()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE reply SET made = made - 31 * 86400")
    database.close()
    second = Replies(path)
    assert second.find("key") is None
    second.close()


def test_a_damaged_file_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    path.write_bytes(b"no database at all, " * 100)
    with pytest.raises(StorageError, match="Remove it"):
        Replies(path)
