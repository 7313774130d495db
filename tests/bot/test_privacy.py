"""Nobody is rung, nothing but pages of the web can be opened, and nobody sees what is another's."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.bot.conftest import DONE, World, job_of
from tests.discord_server import BUTTON, ROW, Channel, Guild, Interaction, Message, User
from tests.jobs.conftest import talk
from ultimate_discord_intelligence_bot.discord_bot.screens import Action, Target

pytestmark = pytest.mark.xdist_group("bot")

EVIL = (
    "@everyone @here <@1> <@!1> <@&2> <#3> </autointel:4> <t:1:R> <:a:5> **b** __u__ ||s|| `c` "
    "[click](javascript:alert(1)) [text](http://evil.example) <http://evil.example> "
    "http://evil.example discord.gg/evil ```x``` > q \u200b\u202etxt\u2066\u2069 # h"
)
HIDDEN = re.compile("[\u200c\u200d\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]|(?<!@)\u200b")
ALIVE = (
    re.compile(r"@(everyone|here)"),
    re.compile(r"(?<!\\)<(@|#|/|t:|:|a:)"),
    re.compile(r"(?<!\\)\]\((?!<?https?://)"),
    re.compile(r"(?<![(<\\])(?<!\(<)https?://"),
    re.compile(r"(?<!\\)```"),
    HIDDEN,
)


def evil_talk(folder: Path, name: str) -> None:
    """A recording in which everything tries to be more than text."""
    sentences = [
        f"Welcome {EVIL} to everybody.",
        f"In 1950 there were 2 million ants {EVIL} in the country.",
        f"Today there are 20 million ants {EVIL} in the country.",
        f"I think that ants {EVIL} are the most wonderful animals of all.",
    ]
    cues = "\n\n".join(
        f"00:00:{4 * i:02d}.000 --> 00:00:{4 * i + 3:02d}.500\n"
        f"<v @everyone &lt;@1&gt; [x](http://evil.example)>{escaped(sentence)}"
        for i, sentence in enumerate(sentences)
    )
    (folder / f"{name}.vtt").write_text(f"WEBVTT\n\n{cues}\n")


def escaped(text: str) -> str:
    """As WebVTT writes a text that is no markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def harmless(message: Message) -> None:
    """Nothing in any state of a message rings, or opens what it should not."""
    assert message.pinged == ()
    for state in message.states:
        texts = [state.content]
        for embed in state.embeds:
            assert str(embed.get("url", "https://")).startswith(("http://", "https://"))
            texts += [embed.get("title", ""), embed.get("description", "")]
            texts += [
                field[part] for field in embed.get("fields", []) for part in ("name", "value")
            ]
        for text in texts:
            for pattern in ALIVE:
                assert not (found := pattern.search(text)), (pattern, text[: found.end()][-200:])


def test_what_is_said_in_a_recording_is_never_more_than_text(world: World) -> None:
    name = quote("@everyone <@1> [x](javascript:alert(1)) **b**")
    evil_talk(world.web.folder, name)
    query = "q=@everyone&r=[x](javascript:alert(1))&s=**b**||c||~~d~~"
    url = f"{world.web.url}/{name}.vtt?{query}"
    with world.bot():
        asked = world.use("autointel", url=url, depth="deep")
        message = world.shown(asked, DONE)
        world.press(message, "All")
        commands: list[tuple[str, dict[str, Any]]] = [
            ("search", {"words": f"ants {EVIL}", "share": True}),
            ("claims", {}),
            ("contradictions", {}),
            ("retrieve_results", {"workflow_id": EVIL[:100]}),
            ("status", {}),
        ]
        for command, options in commands:
            _answers(world, world.use(command, **options))
        assert "complete" in _answers(world, world.use("runs"))[0].text
        shown = world.server.messages(world.channel)
        assert len(shown) >= 8
        assert any("million ants" in each.text for each in shown[1:])
        for each in shown:
            harmless(each)
        offered = world.server.autocomplete(
            world.ann, world.guild, world.channel, "search", "source", words="ants"
        )
        assert offered


def press(world: World, message: Message, target: Target, user: User) -> Interaction:
    """Press a button that the bot has not put there."""
    button = {"type": BUTTON, "style": 2, "label": "Forged", "custom_id": str(target)}
    row = {"type": ROW, "components": [button]}
    message.states.append(replace(message.now, components=(row,)))
    return world.server.press(message, str(target), user)


def _answers(world: World, asked: Interaction) -> list[Message]:
    """What somebody is told, once it is there; not the message under a button."""

    def told() -> list[Message]:
        first = asked.message if asked.message is not asked.source else None
        found = [*asked.followups, *([first] if first else [])]
        return [message for message in found if not message.loading]

    world.until(told)
    return told()


def everything_seen(
    world: World, user: User, guild: Guild | None, channel: Channel, job: str
) -> str:
    """All that somebody can get to see of ants, by commands, by offers and by forged buttons."""
    server = world.server
    texts: list[str] = []

    def seen(asked: Interaction) -> None:
        for message in _answers(world, asked):
            texts.extend((message.text, *(file.name for file in message.attachments)))

    for command, options in (
        ("search", {"words": "wonderful animals"}),
        ("search", {"words": "wonderful animals", "private": True}),
        ("claims", {}),
        ("claims", {"private": True}),
        ("runs", {}),
        ("runs", {"whose": "server"}),
        ("retrieve_results", {"workflow_id": job}),
        ("cancel", {"workflow_id": job}),
    ):
        seen(server.use_command(user, guild, channel, command, **options))
    source = server.use_command(user, guild, channel, "help").message
    assert source is not None
    for action in Action:
        if action is not Action.DELETE:
            seen(press(world, source, Target(action, job), user))
    for command, option, given in (
        ("autointel", "url", {"url": "ants"}),
        ("search", "source", {"words": "x"}),
        ("retrieve_results", "workflow_id", {}),
        ("forget", "recording", {}),
        ("forget", "recording", {"private": True}),
    ):
        offered = server.autocomplete(user, guild, channel, command, option, **given)
        texts.extend(str(each) for each in offered)
    return "\n".join(texts).replace("“wonderful animals”", "")


def test_private_results_are_seen_by_whoever_asked_alone(world: World) -> None:
    with world.bot():
        direct = world.server.channel(None, of=world.ben)
        asked = world.ask("ants", private=True)
        assert asked.ephemeral
        job = job_of(world.shown(asked, DONE))
        for user in (world.ben, world.mod):
            assert world.server.messages(world.channel, seen_by=user) == []
        for user, guild, channel in (
            (world.mod, world.guild, world.channel),
            (world.ben, None, direct),
        ):
            seen = everything_seen(world, user, guild, channel, job)
            assert "ants" not in seen.lower(), seen
            assert "report.html" not in seen
        found = world.use("search", words="wonderful animals", private=True)
        assert "ants" in world.shown(found, "ants").text
        found = world.use("search", words="wonderful animals")
        assert not any("ants" in message.text for message in _answers(world, found))
        shared = world.use("retrieve_results", workflow_id=job, share=True)
        assert shared.ephemeral
        assert "privately" in world.shown(shared, "Failed").text
        again = world.use("retrieve_results", workflow_id=job)
        world.shown(again, DONE)
        assert again.ephemeral


def test_guilds_never_see_anything_of_each_other(world: World) -> None:
    server = world.server
    guild = server.guild("Elsewhere")
    channel, eve = server.channel(guild, "general"), server.user("eve", manage_messages=True)
    with world.bot():
        job = job_of(world.shown(world.ask("ants"), DONE))
        seen = everything_seen(world, eve, guild, channel, job)
        assert "ants" not in seen.lower(), seen
        url = f"{world.web.url}/ants.vtt"
        own = server.use_command(eve, guild, channel, "autointel", url=url)
        assert own.message is not None
        assert "already" not in own.message.text
        assert job_of(world.shown(own, DONE)) != job
        assert {view.job.tenant for view in world.jobs() if view.job.url == url} >= {
            f"discord-{world.guild.id}",
            f"discord-{guild.id}",
        }


def test_the_bot_works_in_a_direct_conversation(world: World) -> None:
    server = world.server
    direct = server.channel(None, of=world.ann)
    talk(world.web.folder, "owls", 9)
    with world.bot():
        url = f"{world.web.url}/owls.vtt"
        asked = server.use_command(world.ann, None, direct, "autointel", url=url)
        world.shown(asked, DONE)
        assert not asked.ephemeral
        found = server.use_command(world.ann, None, direct, "search", words="owls")
        world.shown(found, "million")
        assert server.messages(world.channel) == []
