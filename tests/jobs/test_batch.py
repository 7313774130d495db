"""Many links become jobs, and what became of them is told."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.jobs.conftest import talk
from tests.web import Web, serve
from ultimate_discord_intelligence_bot.errors import BatchUnknown, StorageError
from ultimate_discord_intelligence_bot.jobs.batch import Batch, Progress
from ultimate_discord_intelligence_bot.jobs.board import Board
from ultimate_discord_intelligence_bot.jobs.lists import read_list
from ultimate_discord_intelligence_bot.jobs.worker import Worker
from ultimate_discord_intelligence_bot.settings import Depth, Settings


@pytest.fixture
def board(settings: Settings) -> Iterator[Board]:
    with Board(settings) as opened:
        yield opened


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    for number, name in enumerate(("ants", "bees", "cats")):
        talk(tmp_path / "www", name, number)
    with serve(tmp_path / "www") as server:
        yield server


def begin(settings: Settings, text: str, name: str = "talks", out: Path | None = None) -> Batch:
    return Batch.begin(
        settings,
        read_list(text.encode().splitlines(keepends=True)),
        source="talks.txt",
        depth=Depth.STANDARD,
        name=name,
        out=out,
    )


def follow(batch: Batch, board: Board) -> Progress:
    progress = Progress(batch, board)
    while progress.left:
        list(progress.news())
    return progress


def test_every_link_is_done_and_summed_up(
    board: Board, settings: Settings, web: Web, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    batch = begin(
        settings,
        f"{web.url}/ants.vtt\n{web.url}/bees.vtt deep\n{web.url}/nothing.vtt\n"
        f"no link at all\n{web.url}/ants.vtt\n",
        out=out,
    )
    assert (batch.size, batch.repeats, len(batch.refused)) == (3, 1, 1)
    batch.put_up(board)
    with Worker(settings):
        progress = follow(batch, board)
    assert progress.ended == {"complete": 2, "failed": 1}
    totals = batch.summarise(board, ended=True)
    assert totals.statuses["complete"] == 2
    rows = json.loads((batch.folder / "batch.json").read_text())["rows"]
    assert [(row["line"], row["status"], row["depth"]) for row in rows] == [
        (1, "complete", "standard"),
        (2, "complete", "deep"),
        (3, "failed", "standard"),
    ]
    assert "404" in rows[2]["error"]
    assert {path.name.split("-")[0] for path in out.iterdir()} == {"00001", "00002"}
    assert all((path / "report.html").exists() for path in out.iterdir())
    for name in ("batch.md", "index.html"):
        assert "Ants" in (batch.folder / name).read_text()


def test_going_on_does_only_what_is_left(board: Board, settings: Settings, web: Web) -> None:
    text = f"{web.url}/ants.vtt\n{web.url}/bees.vtt\n"
    batch = begin(settings, text)
    batch.put_up(board)
    with Worker(settings):
        follow(batch, board)
        first = {view.id: view.ended for view in board.look()}
        again = begin(settings, text + f"{web.url}/cats.vtt\n")
        assert (again.size, again.began) == (3, batch.began)
        again.put_up(board)
        follow(again, board)
    second = {view.id: view.ended for view in board.look()}
    assert {job: second[job] for job in first} == first
    assert len(second) == 3


def test_what_failed_is_tried_again_only_where_it_is_asked_for(
    board: Board, settings: Settings, web: Web, tmp_path: Path
) -> None:
    batch = begin(settings, f"{web.url}/dogs.vtt\n{web.url}/ants.vtt\n")
    batch.put_up(board)
    with Worker(settings):
        assert follow(batch, board).ended == {"failed": 1, "complete": 1}
        talk(tmp_path / "www", "dogs")
        batch.put_up(board)
        assert follow(batch, board).ended == {"failed": 1, "complete": 1}
        batch.put_up(board, again=True)
        assert follow(batch, board).ended == {"complete": 2}


def test_what_was_taken_back_goes_on_when_it_is_put_up_again(
    board: Board, settings: Settings, web: Web
) -> None:
    batch = begin(settings, f"{web.url}/ants.vtt\n{web.url}/bees.vtt\n")
    batch.put_up(board)
    batch.take_back(board)
    assert {view.status for view in board.look()} == {"cancelled"}
    assert {row.status for row in batch.rows(board)} == {"cancelled"}
    batch.put_up(board)
    with Worker(settings):
        assert follow(batch, board).ended == {"complete": 2}


def test_each_job_is_told_once(board: Board, settings: Settings, web: Web) -> None:
    batch = begin(settings, "".join(f"{web.url}/{n}.vtt\n" for n in ("ants", "bees", "cats")))
    batch.put_up(board)
    progress = Progress(batch, board)
    told: list[str] = []
    with Worker(settings, concurrency=1):
        while progress.left:
            told += [view.id for view in progress.news()]
    assert sorted(told) == sorted(listed.id for listed in batch.listed())
    assert list(progress.news()) == []


def test_a_batch_is_found_by_its_name_or_as_the_latest_of_its_list(settings: Settings) -> None:
    one, two = (begin(settings, "https://example.org/a\n", name) for name in ("one", "two"))
    assert Batch.find(settings, name="one").began == one.began
    assert Batch.find(settings, "talks.txt").name == two.name
    for wanted in ({"source": "other.txt"}, {"name": "three"}, {"name": "../one"}, {"name": ""}):
        with pytest.raises(BatchUnknown) as caught:
            Batch.find(settings, **wanted)
        assert caught.value.remedy


def test_without_a_name_it_is_called_after_its_list_and_the_time(settings: Settings) -> None:
    batch = Batch.begin(settings, [], source="/home/me/My talks (2024).txt", depth=Depth.DEEP)
    assert batch.name.startswith(f"My-talks-2024-{datetime.now(UTC):%Y%m%d}")
    assert batch.size == 0


def test_a_damaged_card_is_told(settings: Settings) -> None:
    batch = begin(settings, "https://example.org/a\n")
    (batch.folder / "card.json").write_text("{")
    with pytest.raises(StorageError, match="cannot be read"):
        Batch(batch.folder)


def test_thousands_of_links_take_little_memory(board: Board, settings: Settings) -> None:
    lines = (f"https://example.org/talks/{n}\n".encode() for n in range(4_000))
    tracemalloc.start()
    try:
        batch = Batch.begin(
            settings, read_list(lines), source="-", depth=Depth.STANDARD, name="many"
        )
        batch.put_up(board)
        totals = batch.summarise(board, ended=False)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (batch.size, totals.statuses["waiting"]) == (4_000, 4_000)
    assert peak < 10e6
