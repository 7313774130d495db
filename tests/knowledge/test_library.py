"""The library keeps documents whole, finds their passages, and is never left in between."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from tests.knowledge.encoders import WordEncoder
from ultimate_discord_intelligence_bot.errors import (
    DocumentRefused,
    DocumentUnknown,
    EmbedderMismatch,
    NotWritable,
    StorageError,
)
from ultimate_discord_intelligence_bot.knowledge import Library, library, open_library
from ultimate_discord_intelligence_bot.knowledge.nearest import Matrix, nearest
from ultimate_discord_intelligence_bot.knowledge.passages import Passage
from ultimate_discord_intelligence_bot.knowledge.reader import Reading
from ultimate_discord_intelligence_bot.models.knowledge import Document, Place

ENCODER = WordEncoder()
ONE, TWO = "1" * 16, "2" * 16


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Library]:
    with open_library(tmp_path, "local", "words") as opened:
        yield opened


def reading(id_: str, *texts: str, title: str = "A title") -> Reading:
    passages = [Passage(text, Place(page=number + 1)) for number, text in enumerate(texts)]
    return Reading(id_, "pdf", title, date(2024, 1, 31), passages)


def keep(shelf: Library, path: Path, read: Reading) -> Document:
    return shelf.keep(path, read, ENCODER.encode([passage.text for passage in read.passages]))


def texts_found(shelf: Library, words: str, limit: int = 3) -> list[str]:
    return [found.text for found in shelf.search(ENCODER.encode([words]), limit)[0]]


def test_what_is_found_leads_to_its_place(shelf: Library, tmp_path: Path) -> None:
    path = tmp_path / "a b.pdf"
    keep(shelf, path, reading(ONE, "Tea is hot.", "The rent rose by five percent."))
    (found,) = shelf.search(ENCODER.encode(["rent rose"]), 1)[0]
    assert found.text == "The rent rose by five percent."
    assert found.url == f"{path.as_uri()}#page=2"
    assert "a%20b.pdf" in found.url
    assert (found.title, found.date, str(found.place)) == ("A title", date(2024, 1, 31), "page 2")
    assert 0.5 < found.score < 1.0


def test_one_answer_for_each_query_in_their_order(shelf: Library, tmp_path: Path) -> None:
    keep(shelf, tmp_path / "a.pdf", reading(ONE, "Tea is hot.", "Rent is high."))
    tea, rent = shelf.search(ENCODER.encode(["tea", "rent"]), 1)
    assert (tea[0].text, rent[0].text) == ("Tea is hot.", "Rent is high.")


def test_an_empty_library_finds_nothing(shelf: Library) -> None:
    assert shelf.search(ENCODER.encode(["tea", "rent"]), 5) == [[], []]
    assert shelf.documents() == []


def test_a_changed_file_replaces_its_old_version(shelf: Library, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    keep(shelf, path, reading(ONE, "Tea is hot."))
    assert texts_found(shelf, "tea") == ["Tea is hot."]
    keep(shelf, path, reading(TWO, "Tea is cold."))
    assert texts_found(shelf, "tea") == ["Tea is cold."]
    assert [document.id for document in shelf.documents()] == [TWO]


def test_copies_are_one_document_that_stays_until_the_last_is_gone(
    shelf: Library, tmp_path: Path
) -> None:
    first, second = tmp_path / "a.pdf", tmp_path / "b.pdf"
    for path in (first, second):
        path.write_text("the same")
    keep(shelf, first, reading(ONE, "Tea is hot."))
    assert shelf.holds(second, ONE)
    (document,) = shelf.documents()
    assert document.paths == (first, second)
    assert shelf.remove(str(first)) == []
    assert texts_found(shelf, "tea") == ["Tea is hot."]
    assert [document.id for document in shelf.remove(str(second))] == [ONE]
    assert texts_found(shelf, "tea") == []


def test_a_file_that_was_moved_is_found_at_its_new_place(shelf: Library, tmp_path: Path) -> None:
    keep(shelf, tmp_path / "gone.pdf", reading(ONE, "Tea is hot."))
    assert shelf.holds(tmp_path / "new.pdf", ONE)
    assert shelf.documents()[0].paths == (tmp_path / "new.pdf",)


def test_removing_by_id_by_file_and_by_folder(shelf: Library, tmp_path: Path) -> None:
    for number in range(5):
        folder = tmp_path / ("in" if number < 2 else "in_side")
        keep(shelf, folder / f"{number}.pdf", reading(f"{number}" * 16, f"Passage {number}."))
    assert {d.id[0] for d in shelf.remove(str(tmp_path / "in"))} == {"0", "1"}
    assert [d.id[0] for d in shelf.remove("3333")] == ["3"]
    assert [d.id[0] for d in shelf.remove(str(tmp_path / "in_side" / "4.pdf"))] == ["4"]
    assert [d.id[0] for d in shelf.documents()] == ["2"]


@pytest.mark.parametrize("name", ["", "aaa", "aaaa", "/nowhere", "~nobody/x", "%", "\udcff"])
def test_an_unknown_name_removes_nothing(shelf: Library, tmp_path: Path, name: str) -> None:
    for number in range(2):
        keep(shelf, Path(f"/d/{number}.pdf"), reading("aaaa" + f"{number}" * 12, "Tea."))
    with pytest.raises(DocumentUnknown):
        shelf.remove(name)
    assert len(shelf.documents()) == 2


def test_vectors_of_another_model_are_refused(shelf: Library, tmp_path: Path) -> None:
    keep(shelf, tmp_path / "a.pdf", reading(ONE, "Tea."))
    with pytest.raises(EmbedderMismatch, match="knowledge remove"):
        open_library(tmp_path, "local", "another")
    with pytest.raises(EmbedderMismatch):
        shelf.search(np.ones((1, 3), np.float32), 1)
    with open_library(tmp_path, "local") as nameless:
        assert len(nameless.remove(ONE)) == 1
    with open_library(tmp_path, "local", "another") as emptied:
        vectors = np.eye(1, 3, dtype=np.float32)
        emptied.keep(tmp_path / "a.pdf", reading(ONE, "Tea."), vectors)
        assert emptied.search(vectors, 1)[0][0].score == 1.0
    with pytest.raises(EmbedderMismatch):
        texts_found(shelf, "tea")


def test_tenants_do_not_meet(tmp_path: Path, shelf: Library) -> None:
    keep(shelf, tmp_path / "a.pdf", reading(ONE, "Tea."))
    with open_library(tmp_path, "other", "words") as other:
        assert other.documents() == []


def test_another_handle_sees_a_change_at_once(shelf: Library, tmp_path: Path) -> None:
    with open_library(tmp_path, "local", "words") as other:
        assert texts_found(other, "tea") == []
        before = other.revision
        keep(shelf, tmp_path / "a.pdf", reading(ONE, "Tea."))
        assert texts_found(other, "tea") == ["Tea."]
        assert other.revision != before
        before = other.revision
        assert texts_found(other, "tea") == ["Tea."]
        assert other.revision == before
        shelf.remove(ONE)
        assert texts_found(other, "tea") == []


def test_a_full_library_says_so(
    shelf: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "MOST_PASSAGES", 2)
    keep(shelf, tmp_path / "a.pdf", reading(ONE, "Tea.", "Rent."))
    with pytest.raises(DocumentRefused, match="more than 2 passages"):
        keep(shelf, tmp_path / "b.pdf", reading(TWO, "Milk."))
    assert [document.id for document in shelf.documents()] == [ONE]


def test_a_damaged_file_is_told_and_not_wiped(tmp_path: Path) -> None:
    path = tmp_path / "knowledge" / "local.sqlite"
    path.parent.mkdir()
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(StorageError, match="damaged"):
        open_library(tmp_path, "local")
    assert path.read_bytes() == b"no database at all" * 100


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    open_library(tmp_path, "local").close()
    with sqlite3.connect(tmp_path / "knowledge" / "local.sqlite") as connection:
        connection.execute("PRAGMA user_version = 9")
    with pytest.raises(StorageError, match="format 9"):
        open_library(tmp_path, "local")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "knowledge").write_text("a file where a folder should be")
    with pytest.raises(NotWritable):
        open_library(tmp_path, "local")


@given(st.data())
def test_the_nearest_are_those_of_a_plain_sort(data: st.DataObject) -> None:
    integers = st.integers(-2, 2).map(float)
    shape = (data.draw(st.integers(1, 40)), 3)
    array = data.draw(nps.arrays(np.float32, shape, elements=integers))
    queries = data.draw(nps.arrays(np.float32, (2, 3), elements=integers))
    array /= np.maximum(np.linalg.norm(array, axis=1, keepdims=True), 1)
    queries /= np.maximum(np.linalg.norm(queries, axis=1, keepdims=True), 1)
    limit = data.draw(st.integers(0, 50))
    found = nearest(Matrix(array, ["x"], [0]), queries, limit)
    for query, hits in zip(queries.astype(np.float64), found, strict=True):
        scores = np.clip((array.astype(np.float64) * query).sum(axis=1), -1, 1).round(6)
        order = sorted(range(len(array)), key=lambda row: (-scores[row], row))[:limit]
        assert [row for row, _ in hits] == order
    alone = [nearest(Matrix(array, ["x"], [0]), query[None], limit)[0] for query in queries]
    assert alone == found
