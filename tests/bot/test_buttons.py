"""What the buttons below the bot's messages do, for whom, and after a restart."""

from __future__ import annotations

import shutil
from functools import partial

import pytest

from tests.bot.conftest import DONE, World, job_of
from tests.discord_server import Interaction, Message, State, User
from tests.jobs.conftest import talk
from ultimate_discord_intelligence_bot.discord_bot.screens import Action, Target

pytestmark = pytest.mark.xdist_group("bot")


def done(world: World, asked: Interaction) -> Message:
    return world.shown(asked, DONE)


def labels(message: Message) -> list[str]:
    return [str(control.get("label")) for control in message.controls]


def answered(world: World, pressed: Interaction, words: str) -> Message:
    """What only whoever pressed is told."""
    message = world.shown(pressed, words)
    assert message.ephemeral
    return message


def is_gone(message: Message) -> bool:
    return message.deleted is not None


def long_talk(world: World, name: str) -> None:
    """A recording with more claims than a page has."""
    cues = "\n\n".join(
        f"00:{10 * n:02d}.000 --> 00:{10 * n + 8:02d}.000\n"
        f"<v Host>In {1990 + n}, the mine produced {n + 2},000 tonnes of copper."
        for n in range(6)
    ).replace("00:60", "01:00")
    (world.web.folder / f"{name}.vtt").write_text(f"WEBVTT\n\n{cues}\n", "utf-8")


def made_up(message: Message, action: Action, job: str) -> str:
    """A click that a message of ours never offered, as a forged one would come."""
    custom_id = str(Target(action, job))
    button = {"type": 2, "style": 2, "label": "x", "custom_id": custom_id}
    row = {"type": 1, "components": [button]}
    now = message.now
    message.states.append(
        State(now.at, now.content, now.embeds, (*now.components[:1], row), now.attachments)
    )
    return custom_id


def test_a_result_is_looked_into_without_being_changed(world: World) -> None:
    long_talk(world, "mine")
    with world.bot():
        message = done(world, world.ask("mine"))
    before = message.now
    # The bot of yesterday is gone; the one of today answers.
    with world.bot():
        page = answered(world, world.press(message, "All 6", world.ben), "Page 1 of 2")
        assert labels(page) == ["Previous", "Next", "Overview"]
        world.press(page, "Next", world.ben)
        world.until(lambda: "Page 2 of 2" in page.text)
        world.press(page, "Previous", world.ben)
        world.until(lambda: "Page 1 of 2" in page.text)
        world.press(page, "Overview", world.ben)
        world.until(lambda: DONE in page.text)
        world.press(page, "Delete", world.ben)
        world.until(lambda: page.deleted)

        report = answered(world, world.press(message, "Full report", world.ben), "open it")
        (file,) = report.attachments
        assert file.name == "report.html"
        assert b"copper" in file.data
        transcript = answered(world, world.press(message, "Transcript", world.ben), "WebVTT")
        assert transcript.attachments[0].data.startswith(b"WEBVTT")
        world.server.attachment_limit = 100
        large = answered(world, world.press(message, "Full report", world.ben), "too large")
        assert "open it" not in large.text
        assert message.now is before

        # Whoever forges a click on the result of others sees it for themselves.
        overview = made_up(message, Action.OVERVIEW, job_of(message))
        before = message.now
        answered(world, world.server.press(message, overview, world.ben), DONE)
        assert message.now is before
    assert world.server.refused == []


def test_a_deeper_run_comes_in_a_message_of_its_own(world: World) -> None:
    with world.bot():
        message = done(world, world.ask("eels"))
        pressed = world.press(message, "Run deeper: deep", world.ben)
        deeper = done(world, pressed)
        assert deeper is not message
        assert not deeper.ephemeral
        assert "depth deep" in deeper.text
        assert DONE in message.text

        # The message is whose who pressed.
        answered(world, world.press(deeper, "Delete", world.ann), "Somebody else asked")
        world.press(deeper, "Delete", world.ben)
        world.until(lambda: deeper.deleted)
        assert message.deleted is None
    assert world.server.refused == []


def test_a_message_is_deleted_by_who_asked_or_moderates(world: World) -> None:
    with world.bot():
        first, second = (done(world, world.ask(name)) for name in ("ants", "bees"))
        shown = world.use("retrieve_results", world.ben, workflow_id=job_of(first), share=True)
        shared = done(world, shown)
    with world.bot():
        refused = answered(world, world.press(first, "Delete", world.ben), "Somebody else asked")
        assert "may delete messages here" in refused.text
        assert first.deleted is None
        for message, user in ((first, world.ann), (second, world.mod), (shared, world.ben)):
            world.press(message, "Delete", user)
            world.until(partial(is_gone, message))
    assert world.server.refused == []


def test_what_failed_is_tried_again_after_a_restart_by_who_asked(world: World) -> None:
    with world.bot():
        message = world.shown(world.ask("late"), "Failed")
        talk(world.web.folder, "late")
    with world.bot():
        answered(world, world.press(message, "Try again", world.ben), "Somebody else asked")
        world.press(message, "Try again")
        world.until(lambda: DONE in message.text)

        asked = world.use("autointel", url=f"{world.web.url}/slow.mp3?buttons", private=True)
        assert asked.message is not None
        endless = asked.message
        world.until(lambda: "Analysing" in endless.text)
    with world.bot():
        world.press(endless, "Cancel")
        world.until(lambda: "⊘ Cancelled" in endless.text)
        world.press(endless, "Try again")
        world.until(lambda: "Analysing" in endless.text)
        assert endless.ephemeral
        world.press(endless, "Cancel")
        world.until(lambda: "⊘ Cancelled" in endless.text)
        world.press(endless, "Delete")
        world.until(lambda: endless.deleted)
    assert world.server.refused == []


def test_a_forged_or_outlived_button_tells_what_to_do(world: World) -> None:
    def told(message: Message, label: str, user: User, words: str) -> None:
        screen = answered(world, world.press(message, label, user), words)
        assert "Ask for" in screen.text

    with world.bot():
        private = done(world, world.ask("frogs", private=True))
        public = done(world, world.ask("frogs", world.ben))
        foreign = job_of(private)
        for action in Action:
            if action is Action.DELETE:  # is about the message alone
                continue
            forged = made_up(public, action, foreign)
            pressed = world.server.press(public, forged, world.ben)
            screen = answered(world, pressed, "What to do")
            assert "forgotten" in screen.text
            assert DONE not in screen.text

        # Its folder was removed, as those that are old are.
        (view,) = [view for view in world.jobs() if view.id == job_of(public)]
        assert view.outcome is not None
        shutil.rmtree(view.outcome.out)
        for label in ("Full report", "Transcript", "All"):
            told(public, label, world.ann, "This briefing is not here any more")

        kept = done(world, world.use("retrieve_results", workflow_id=foreign))
        asked = world.use("forget", recording="Frogs", private=True)
        question = answered(world, asked, "There is no way back")
        world.press(question, "Forget it")
        world.until(lambda: "are gone" in question.text)
        for label in ("Full report", "Transcript", "All", "Run deeper"):
            told(kept, label, world.ann, "forgotten")
