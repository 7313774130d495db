"""Somebody asks for a recording and sees what becomes of it."""

from __future__ import annotations

import asyncio
from unittest.mock import Mock

import pytest

from tests.bot.conftest import DONE, World, job_of
from tests.jobs.conftest import talk
from ultimate_discord_intelligence_bot.discord_bot.desk import Desk
from ultimate_discord_intelligence_bot.events import EditEvent, Telemetry, telemetry

pytestmark = pytest.mark.xdist_group("bot")


def test_a_link_becomes_a_briefing_in_one_message(world: World) -> None:
    with world.bot():
        asked = world.ask(depth="deep")
        assert asked.message is not None
        assert not asked.deferred
        assert "Waiting" in asked.message.text
        message = world.shown(asked, DONE)
        assert [m.id for m in world.server.messages(world.channel)] == [message.id]
        assert {a.name for a in message.attachments} >= {
            "report.html",
            "transcript.vtt",
            "report.json",
        }
        assert [b["label"] for b in message.controls][:2] == ["Full report", "Transcript"]
    assert world.server.refused == []


def test_edits_that_discord_puts_off_are_counted(world: World) -> None:
    counted: list[str] = []

    def count(event: Telemetry) -> None:
        if isinstance(event, EditEvent):
            counted.append(event.outcome)

    unsubscribe = telemetry.subscribe(count)
    try:
        with world.bot():
            world.server.limit(2, 0.1, on="PATCH")
            world.shown(world.ask(), DONE)
            world.until(lambda: "sent" in counted)
    finally:
        unsubscribe()
    assert counted.count("throttled") == 2
    assert set(counted) == {"throttled", "sent"}


def test_two_who_ask_for_one_link_watch_one_run(lonely: World) -> None:
    world = lonely
    with world.bot():
        first = world.ask()
        second = world.ask(user=world.ben)
        assert second.message is not None
        assert "already" in second.message.text
        assert first.message is not None
        assert job_of(first.message) == job_of(second.message)
        with world.worker():
            world.shown(first, DONE)
            world.shown(second, DONE)
    assert len(world.jobs()) == 1


def test_what_cannot_be_analysed_is_told_to_whoever_asked_alone(world: World) -> None:
    with world.bot():
        asked = world.use("autointel", url="not a link")
        assert asked.ephemeral
        assert asked.message is not None
        assert "What to do" in asked.message.text
        assert world.server.messages(world.channel, seen_by=world.ben) == []


def test_a_run_that_fails_says_why_and_can_be_tried_again(world: World) -> None:
    with world.bot():
        asked = world.ask("nothing")
        message = world.shown(asked, "Failed")
        assert "404" in message.text
        talk(world.web.folder, "nothing")
        again = world.press(message, "Try again")
        assert not again.failed
        world.until(lambda: DONE in message.text)
    assert world.server.refused == []


def test_a_result_comes_after_a_restart_and_the_death_of_the_token(lonely: World) -> None:
    world = lonely
    with world.bot():
        asked = world.ask()
    world.server.advance(16 * 60)
    with world.worker(), world.bot():
        world.shown(asked, DONE)
    assert world.server.refused == []


def test_an_order_that_was_cut_off_is_taken_up_after_a_restart(
    lonely: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bot dies when its answer is posted and the job is not put up yet."""
    world = lonely
    with monkeypatch.context() as patch, world.bot():
        patch.setattr(Desk, "begin", Mock(side_effect=asyncio.CancelledError))
        asked = world.ask()
    assert asked.message is not None
    assert world.jobs() == []
    with world.bot():
        world.until(world.jobs)
        world.press(asked.message, "Cancel")
        world.shown(asked, "Cancelled")
    assert world.server.refused == []
