"""Orders are taken within the quotas, one run for each link, and taken back by who may."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest

from ultimate_discord_intelligence_bot.discord_bot.desk import Asker, Desk, Order, Ticket
from ultimate_discord_intelligence_bot.discord_bot.quotas import Quotas
from ultimate_discord_intelligence_bot.discord_bot.records import Records
from ultimate_discord_intelligence_bot.discord_bot.rules import Rules
from ultimate_discord_intelligence_bot.errors import (
    InputError,
    JobsUnreachable,
    JobUnknown,
    NotAllowed,
    QuotaReached,
)
from ultimate_discord_intelligence_bot.jobs.board import Board
from ultimate_discord_intelligence_bot.settings import Depth, Settings, load_settings

T = TypeVar("T")
LINK = "https://talks.example/ants"
ANN, BEN, CLEO, MOD = (Asker(user, 7, 70, manages=user == 4) for user in (1, 2, 3, 4))


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    folder = tmp_path_factory.mktemp("desk")
    with Board(load_settings(AUTOINTEL_DATA_DIR=folder)) as opened:
        yield opened


class Place:
    """A desk with all that belongs to it."""

    def __init__(self, board: Board, records: Records, settings: Settings) -> None:
        self.board, self.records = board, records
        self.quotas = Quotas(records, settings)
        self.desk = Desk(settings, board, records, self.quotas)
        self.messages = 0

    def accept(self, order: Order, asker: Asker) -> Ticket:
        """By an interaction of its own."""
        return self.desk.accept(order, asker, token=uuid.uuid4().hex)

    def begin(self, ticket: Ticket) -> None:
        self.messages += 1
        self.desk.begin(ticket, self.messages)

    def ask(self, asker: Asker = ANN, url: str = LINK, **options: Any) -> Ticket:
        ticket = self.accept(Order(url, **options), asker)
        self.begin(ticket)
        return ticket

    def runs(self, asker: Asker = ANN) -> float:
        """How many they may still ask for."""
        return self.quotas.left(asker.user, asker.guild, Rules())[0].runs

    @property
    def jobs(self) -> list[str]:
        return [view.id for view in self.board.look()]


@pytest.fixture
def place(board: Board, tmp_path: Path) -> Iterator[Place]:
    settings = load_settings(
        AUTOINTEL_DATA_DIR=tmp_path, AUTOINTEL_DISCORD_USER_QUOTA="runs=3,minutes=10,dollars="
    )
    with Records(tmp_path / "discord.sqlite") as records:
        yield Place(board, records, settings)
    board.delete([view.id for view in board.look()])


def at_once(work: list[Any]) -> list[Any]:
    """What each of many calls at the same moment returned or raised."""

    def tried(call: Any) -> Any:
        try:
            return call()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(tried, work))


def test_twenty_orders_at_once_do_not_overcome_a_quota(place: Place) -> None:
    orders = [Order(f"{LINK}-{number}") for number in range(20)]
    taken = at_once([lambda order=order: place.accept(order, ANN) for order in orders])
    assert sum(isinstance(each, Ticket) for each in taken) == 3
    assert sum(isinstance(each, QuotaReached) for each in taken) == 17
    assert place.runs() == 0


def test_twenty_who_ask_for_one_link_at_once_get_one_run(place: Place) -> None:
    askers = [Asker(user, 7, 70) for user in range(100, 120)]
    at_once([lambda asker=asker: place.ask(asker) for asker in askers])
    assert len(place.jobs) == 1
    assert len(place.records.watches(job=place.jobs[0])) == 20
    assert sum(3 - place.runs(asker) for asker in askers) == 1


def test_guilds_and_private_orders_have_runs_of_their_own(place: Place) -> None:
    elsewhere = Asker(1, 8, 80)
    names = {place.ask().name, place.ask(elsewhere).name, place.ask(private=True).name}
    assert len(names) == 3
    assert {view.job.tenant for view in place.board.look()} == {
        "discord-7",
        "discord-8",
        "discord-user-1",
    }


def test_who_wants_less_joins_and_who_wants_more_does_not(place: Place) -> None:
    deep = place.ask(depth=Depth.DEEP)
    less = place.ask(BEN, depth=Depth.STANDARD)
    more = place.ask(CLEO, depth=Depth.COMPREHENSIVE)
    assert less.joined
    assert less.name == deep.name
    assert not more.joined
    assert not place.ask(MOD, depth=Depth.DEEP, speakers=True).joined


def test_what_is_no_link_is_not_charged(place: Place) -> None:
    for url in ("javascript:alert(1)", "/etc/passwd", "file:///etc/passwd", "ants"):
        with pytest.raises(InputError):
            place.accept(Order(url), ANN)
    assert place.runs() == 3


# -- what does not come about ---------------------------------------------------------------------


def test_what_could_not_be_announced_is_given_back(place: Place) -> None:
    place.desk.withdraw(place.accept(Order(LINK), ANN))
    assert place.runs() == 3
    assert not place.ask(BEN).joined


def test_what_could_not_be_put_up_is_given_back(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> str:
        raise JobsUnreachable("The jobs cannot be reached.")

    monkeypatch.setattr(place.board, "put", away)
    with pytest.raises(JobsUnreachable):
        place.ask()
    assert place.runs() == 3
    assert place.records.watches() == []


def test_whoever_joined_gets_the_run_though_the_first_order_came_to_nothing(place: Place) -> None:
    first, second = (
        place.accept(Order(LINK), ANN),
        place.accept(Order(LINK), BEN),
    )
    assert second.joined
    place.desk.withdraw(first)
    place.begin(second)
    assert place.jobs == [second.name]
    assert (place.runs(ANN), place.runs(BEN)) == (3, 2)


def test_a_run_that_somebody_waits_for_is_not_withdrawn(place: Place) -> None:
    first, second = (
        place.accept(Order(LINK), ANN),
        place.accept(Order(LINK), BEN),
    )
    place.begin(second)
    assert place.jobs == []
    place.desk.withdraw(first)
    assert place.jobs == [second.name]
    assert (place.runs(ANN), place.runs(BEN)) == (2, 3)


# -- looking and taking back ----------------------------------------------------------------------


def test_nobody_finds_a_run_of_others(place: Place) -> None:
    public, private = place.ask().name, place.ask(private=True).name
    assert place.desk.find(f" {private} ", ANN).id == private
    assert place.desk.find(public, BEN).id == public
    alone = Asker(1, None, 90)
    for name, asker in [(private, BEN), (private, MOD), (public, alone), (public, Asker(1, 8, 80))]:
        with pytest.raises(JobUnknown):
            place.desk.find(name, asker)
        with pytest.raises(JobUnknown):
            place.desk.cancel(name, asker)
    assert place.desk.find(private, alone).id == private


def test_a_run_is_taken_back_by_the_last_who_waits_for_it(place: Place) -> None:
    name = place.ask().name
    place.ask(BEN)
    with pytest.raises(NotAllowed):
        place.desk.cancel(name, CLEO)
    assert place.desk.cancel(name, ANN) == "left"
    assert place.desk.find(name, ANN).status == "waiting"
    assert place.desk.cancel(name, BEN) == "cancelled"
    assert place.desk.find(name, BEN).status == "cancelled"
    with pytest.raises(NotAllowed, match="ended"):
        place.desk.cancel(name, BEN)


def test_a_moderator_takes_back_what_others_wait_for(place: Place) -> None:
    name = place.ask().name
    assert place.desk.cancel(name, MOD) == "cancelled"


def test_whoever_has_lost_the_message_may_still_take_the_run_back(place: Place) -> None:
    name = place.ask().name
    place.records.end([1])
    assert place.desk.cancel(name, ANN) == "cancelled"


def test_what_a_guild_leaves_is_taken_back_unless_others_wait(place: Place) -> None:
    name, private = place.ask().name, place.ask(private=True, url=f"{LINK}-2").name
    alone = Asker(1, None, 90)
    assert place.ask(alone, url=f"{LINK}-2").name == private
    assert place.desk.leave(7) == [name]
    statuses = {view.id: view.status for view in place.board.look()}
    assert statuses == {name: "cancelled", private: "waiting"}
