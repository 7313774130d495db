"""Adding files and folders: what is taken, what is passed over, and what a crash leaves behind."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.knowledge.encoders import WordEncoder
from tests.knowledge.pdf_files import pdf
from tests.processes import until
from ultimate_discord_intelligence_bot.errors import InputError
from ultimate_discord_intelligence_bot.knowledge import Library, add, folder, open_library

ROOT = Path(__file__).parents[2]
DOCUMENTS = 24


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    """A folder of documents of every kind."""
    papers = tmp_path / "papers"
    (papers / "sub").mkdir(parents=True)
    (papers / "tea.txt").write_text("Tea is a drink that is made of leaves.\n")
    (papers / "rent.md").write_text("# Rent\n\nThe rent rose by five percent.\n")
    (papers / "sub" / "moon.pdf").write_bytes(pdf(["The moon was visited in 1969."]))
    (papers / "sub" / "sea.HTML").write_text("<title>Sea</title><p>The sea is deep.")
    return papers


@pytest.fixture
def shelf(data_dir: Path) -> Iterator[Library]:
    with open_library(data_dir, "local", "words") as opened:
        yield opened


async def test_a_folder_of_every_kind(shelf: Library, papers: Path) -> None:
    told: list[tuple[float | None, str]] = []
    addition = await add(
        shelf, [papers], WordEncoder(), lambda fraction, words: told.append((fraction, words))
    )
    assert [document.title for document in addition.added] == ["Rent", "Moon", "Sea", "Tea"]
    assert addition.refused == ()
    (found,) = shelf.search(WordEncoder().encode(["when was the moon visited"]), 1)[0]
    assert found.text == "The moon was visited in 1969."
    assert found.url.endswith("/sub/moon.pdf#page=1")
    fractions = [fraction for fraction, _ in told if fraction is not None]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert any(words == "moon.pdf: reading" for _, words in told)


async def test_adding_twice_does_nothing(shelf: Library, papers: Path) -> None:
    await add(shelf, [papers], WordEncoder())
    before, encoder = shelf.revision, WordEncoder()
    addition = await add(shelf, [papers, papers / "tea.txt"], encoder)
    assert (addition.added, addition.unchanged) == ((), 4)
    assert encoder.encoded == 0
    assert shelf.revision == before


async def test_a_changed_file_is_renewed(shelf: Library, papers: Path) -> None:
    await add(shelf, [papers], WordEncoder())
    (papers / "tea.txt").write_text("Tea is now forbidden.\n")
    addition = await add(shelf, [papers], WordEncoder())
    assert ([d.title for d in addition.added], addition.unchanged) == (["Tea"], 3)
    texts = {found.text for found in shelf.search(WordEncoder().encode(["tea"]), 9)[0]}
    assert "Tea is now forbidden." in texts
    assert "Tea is a drink that is made of leaves." not in texts


def spoil(papers: Path) -> None:
    (papers / "a.pdf").write_bytes(b"PK\x03\x04" + bytes(100))
    (papers / "b.txt").write_bytes(b"")
    os.mkfifo(papers / "pipe.txt")
    Path(os.fsdecode(os.fsencode(papers) + b"/\xff.txt")).write_text("Words.")


async def test_bad_files_are_told_and_the_others_go_on(shelf: Library, papers: Path) -> None:
    spoil(papers)
    addition = await add(shelf, [papers / "nowhere", papers, papers / "c.docx"], WordEncoder())
    assert len(addition.added) == 4
    refused = {os.fsencode(r.path.name): r for r in addition.refused}
    assert set(refused) == {b"nowhere", b"c.docx", b"a.pdf", b"b.txt", b"pipe.txt", b"\xff.txt"}
    assert all(refusal.remedy for refusal in refused.values())
    assert "Rename it" in refused[b"\xff.txt"].remedy


async def test_hidden_unknown_and_foreign_files_are_counted(
    shelf: Library, papers: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("Secret.")
    (papers / ".git").mkdir()
    (papers / ".git" / "notes.txt").write_text("Hidden.")
    (papers / "picture.png").write_bytes(b"")
    (papers / "out").symlink_to(outside)
    (papers / "out.txt").symlink_to(outside / "secret.txt")
    (papers / "broken.txt").symlink_to(papers / "nothing")
    (papers / "loop").symlink_to(papers / "loop")
    (papers / "inside.txt").symlink_to(papers / "tea.txt")
    (papers / "sub" / "round").symlink_to(papers)
    addition = await add(shelf, [papers], WordEncoder())
    assert len(addition.added) == 4
    skipped = addition.skipped
    assert (skipped.hidden, skipped.unknown, skipped.links) == (1, 1, 4)
    assert not any(
        "ecret" in found.text for found in shelf.search(WordEncoder().encode(["a"]), 9)[0]
    )


async def test_a_file_that_is_named_is_taken_through_a_link(
    shelf: Library, papers: Path, tmp_path: Path
) -> None:
    link = tmp_path / "link.txt"
    link.symlink_to(papers / "tea.txt")
    addition = await add(shelf, [link], WordEncoder())
    assert addition.added[0].paths == (papers / "tea.txt",)


async def test_too_many_files(
    shelf: Library, papers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "MOST_FILES", 3)
    with pytest.raises(InputError, match="one by one"):
        folder.documents_at(papers)
    addition = await add(shelf, [papers], WordEncoder())
    assert [refusal.path for refusal in addition.refused] == [papers]


async def test_ten_additions_at_once(data_dir: Path, papers: Path) -> None:
    async def one() -> None:
        with open_library(data_dir, "local", "words") as shelf:
            await add(shelf, [papers], WordEncoder())

    await asyncio.gather(*(one() for _ in range(10)))
    with open_library(data_dir, "local") as shelf:
        assert len(shelf.documents()) == 4


async def test_a_long_addition_can_be_broken_off(shelf: Library, papers: Path) -> None:
    class Slow(WordEncoder):
        def encode(self, texts):  # type: ignore[no-untyped-def]
            time.sleep(0.2)
            return super().encode(texts)

    adding = asyncio.create_task(add(shelf, [papers], Slow()))
    await until(lambda: bool(shelf.documents()))
    adding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await adding
    kept = len(shelf.documents())
    assert 1 <= kept < 4
    addition = await add(shelf, [papers], WordEncoder())
    assert (addition.unchanged, len(addition.added)) == (kept, 4 - kept)


# -- other processes --------------------------------------------------------------------------

_CHILD = """
import asyncio, sys
from pathlib import Path
from tests.knowledge.encoders import WordEncoder
from ultimate_discord_intelligence_bot.knowledge import add, open_library

with open_library(Path(sys.argv[1]), "local", "words") as shelf:
    print("open", flush=True)
    asyncio.run(add(shelf, [Path(sys.argv[2])], WordEncoder()))
"""


def start(data_dir: Path, papers: Path) -> subprocess.Popen[bytes]:
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, data_dir, papers], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert child.stdout
    assert child.stdout.readline() == b"open\n"
    return child


def many(papers: Path, version: int) -> None:
    for number in range(DOCUMENTS):
        lines = (
            f"Line {line} of document {number} in version {version}.\n\n" for line in range(80)
        )
        (papers / f"{number}.txt").write_text("".join(lines))


def changes(shelf: Library) -> int:
    """How often the library was changed so far."""
    return int(shelf.revision.rpartition(":")[2])


def check_whole(data_dir: Path) -> None:
    """Every document has all its passages and vectors, and the file is sound."""
    with sqlite3.connect(data_dir / "knowledge" / "local.sqlite") as rows:
        assert rows.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert rows.execute("PRAGMA foreign_key_check").fetchall() == []
        held = rows.execute(
            "SELECT (SELECT count(*) FROM passage p WHERE p.document = d.id), v.passages,"
            " length(v.data), (SELECT count(*) FROM file f WHERE f.document = d.id)"
            " FROM document d LEFT JOIN vectors v ON v.document = d.id"
        ).fetchall()
    rows.close()
    assert all(row[0] == row[1] == row[2] // 256 and row[3] == 1 for row in held)


def test_killed_in_the_middle_it_is_whole_and_the_next_addition_completes_it(
    data_dir: Path, tmp_path: Path
) -> None:
    papers = tmp_path / "papers"
    papers.mkdir()
    chance = random.Random(5)
    for round_ in range(4):
        many(papers, round_)
        with open_library(data_dir, "local", "words") as shelf:
            enough = changes(shelf) + chance.randint(1, DOCUMENTS // 2)
            child = start(data_dir, papers)
            while changes(shelf) < enough and child.poll() is None:
                time.sleep(0.001)
            child.send_signal(signal.SIGKILL)
            child.communicate()
            check_whole(data_dir)
            addition = asyncio.run(add(shelf, [papers], WordEncoder()))
            assert addition.unchanged + len(addition.added) == DOCUMENTS
            assert addition.unchanged >= 1
            assert len(addition.added) >= 1
            assert len(shelf.documents()) == DOCUMENTS
            found = shelf.search(WordEncoder().encode([f"version {round_}"]), 2000)[0]
            assert len(found) == 80 * DOCUMENTS
            assert all(hit.text.endswith(f"version {round_}.") for hit in found)
        check_whole(data_dir)
        shutil.rmtree(papers)
        papers.mkdir()


def test_one_process_reads_while_another_writes(data_dir: Path, tmp_path: Path) -> None:
    papers = tmp_path / "papers"
    papers.mkdir()
    many(papers, 0)
    query = WordEncoder().encode(["document in version 0"])
    counts = []
    child = start(data_dir, papers)
    with open_library(data_dir, "local", "words") as shelf:
        while child.poll() is None:
            counts.append(len(shelf.search(query, 10_000)[0]))
        counts.append(len(shelf.search(query, 10_000)[0]))
    child.communicate()
    assert child.returncode == 0
    assert counts == sorted(counts)
    assert all(count % 80 == 0 for count in counts)
    assert counts[-1] == 80 * DOCUMENTS
    assert len(set(counts)) > 2
