"""Heavy pieces of work take turns by memory."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultimate_discord_intelligence_bot import admission, machine
from ultimate_discord_intelligence_bot.admission import Place, Ticket, admitted, fits
from ultimate_discord_intelligence_bot.deadline import deadline, off_the_clock
from ultimate_discord_intelligence_bot.errors import StorageError
from ultimate_discord_intelligence_bot.events import silent
from ultimate_discord_intelligence_bot.machine import MB, Memory
from ultimate_discord_intelligence_bot.settings import Settings, load_settings

HOLDER = """
import sys, time
from pathlib import Path
from ultimate_discord_intelligence_bot.admission import Place
place = Place(Path(sys.argv[1]), int(sys.argv[2]), lambda: 0)
assert place.enter()
print("in", flush=True)
time.sleep(600)
"""


@pytest.fixture
def line(tmp_path: Path) -> Path:
    return tmp_path / "line"


@pytest.fixture(autouse=True)
def _room(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are 1000 MB, whatever this machine has."""
    monkeypatch.setattr(machine, "memory", lambda most: Memory(1000 * MB, 1000 * MB))
    monkeypatch.setattr(admission, "_LOOK_S", 0.01)


@pytest.fixture
def places(line: Path) -> Iterator[list[Place]]:
    """Those of needs of 600, 300 and 200 MB, which came in this order."""
    found = [Place(line, need * MB, lambda: 1000 * MB) for need in (600, 300, 200)]
    yield found
    for place in found:
        place.close()


def test_the_first_may_always_come_in(line: Path) -> None:
    with Place(line, 1 << 50, lambda: 0) as place:
        assert place.enter()


def test_others_come_in_as_far_as_they_fit(places: list[Place]) -> None:
    assert [place.enter() for place in places] == [True, True, False]
    places[1].close()
    assert places[2].enter()


def test_nobody_overtakes(line: Path) -> None:
    with (
        Place(line, 600 * MB, lambda: 1000 * MB) as at_work,
        Place(line, 900 * MB, lambda: 1000 * MB) as large,
        Place(line, 1, lambda: 1000 * MB) as small,
    ):
        assert at_work.enter()
        assert not large.enter()
        assert not small.enter()
        at_work.close()
        assert not small.enter()
        assert large.enter()
        assert small.enter()


def test_what_a_worker_takes_already_is_not_counted_twice() -> None:
    others = [Ticket(500, at_work=True, worker=7), Ticket(500, at_work=True)]

    assert fits(100, others, lambda: 700, lambda worker: 400)
    assert not fits(100, others, lambda: 699, lambda worker: 400)
    assert fits(100, [others[0]], lambda: 100, lambda worker: 9000)


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100))), st.integers(0, 500))
def test_the_promised_memory_is_never_exceeded(pieces: list[tuple[int, int]], limit: int) -> None:
    """However far those at work have grown: if all grow to their need, it is enough."""
    at_work: list[Ticket] = []
    taken: dict[int, int] = {}
    for number, (need, share) in enumerate(pieces, 1):

        def available() -> int:
            return limit - sum(taken.values())

        if fits(need, at_work, available, lambda worker: taken[worker]):
            taken[number] = need * share // 100
            at_work.append(Ticket(need, at_work=True, worker=number))
    assert len(at_work) <= 1 or sum(t.need for t in at_work[1:]) + at_work[0].need <= limit


def test_a_process_that_dies_leaves_its_place(line: Path, places: list[Place]) -> None:
    command = [sys.executable, "-c", HOLDER, str(line), str(900 * MB)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"in\n"
        assert not places[0].enter()
        other.kill()
        other.wait()
        assert places[0].enter()


def test_a_ticket_that_says_nothing_is_passed_over(line: Path, places: list[Place]) -> None:
    line.mkdir()
    with (line / "0.ticket").open("w") as empty:
        import fcntl

        fcntl.flock(empty, fcntl.LOCK_EX)
        assert places[0].enter()


async def test_those_who_wait_say_so_and_come_in_their_order(settings: Settings) -> None:
    told: list[str] = []
    order: list[int] = []
    first = await admitted(900 * MB, settings, silent)

    async def work(number: int) -> None:
        with await admitted(900 * MB, settings, lambda fraction, words: told.append(words)):
            order.append(number)

    tasks = []
    for number in range(4):
        tasks.append(asyncio.create_task(work(number)))
        while len(told) <= number:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert set(told) == {"waiting for memory"}
    first.close()
    await asyncio.gather(*tasks)
    assert order == [0, 1, 2, 3]


async def test_whoever_gives_up_leaves_the_line(settings: Settings) -> None:
    first = await admitted(900 * MB, settings, silent)
    waits = asyncio.create_task(admitted(900 * MB, settings, silent))
    await asyncio.sleep(0.05)
    waits.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waits
    with first:
        tickets = list((settings.data_dir / "turns").glob("*/*.ticket"))
        assert len(tickets) == 1


async def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        await admitted(1, load_settings(AUTOINTEL_DATA_DIR=tmp_path / "file"), silent)


async def too_long() -> None:
    async with deadline(0.1):
        with off_the_clock():
            await asyncio.sleep(0.05)
        await asyncio.sleep(30)


async def test_waiting_does_not_count_against_a_deadline() -> None:
    async with deadline(0.2):
        with off_the_clock(), off_the_clock():
            await asyncio.sleep(0.4)
    with pytest.raises(TimeoutError):
        await too_long()


async def test_without_a_deadline_nothing_is_stopped() -> None:
    with off_the_clock():
        pass
