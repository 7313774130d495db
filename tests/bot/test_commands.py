"""What people ask the bot with commands and the menu of a message, and what they are told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import discord
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bot.conftest import DONE, World, job_of
from tests.discord_server import Channel, Interaction, Message, User
from ultimate_discord_intelligence_bot.discord_bot.client import Bot
from ultimate_discord_intelligence_bot.discord_bot.links import links_in
from ultimate_discord_intelligence_bot.discord_bot.watch import Watch
from ultimate_discord_intelligence_bot.settings import Depth

pytestmark = pytest.mark.xdist_group("bot")

MOON = "people walked on the Moon between 1969 and 1972."


def speech(world: World, name: str, speaker: str, *sentences: str) -> str:
    """A recording on the web; returns its link."""
    cues = [
        f"00:{10 * place:02d}.000 --> 00:{10 * place + 5:02d}.000\n<v {speaker}>{sentence}"
        for place, sentence in enumerate(sentences)
    ]
    text = "\n\n".join(["WEBVTT", *cues])
    (world.web.folder / f"{name}.vtt").write_text(f"{text}\n", "utf-8")
    return f"{world.web.url}/{name}.vtt"


def offered(world: World, user: User, command: str, option: str, **typed: Any) -> dict[str, str]:
    """What is offered to somebody who types: values by their names."""
    found = world.server.autocomplete(user, world.guild, world.channel, command, option, **typed)
    return {choice["name"]: choice["value"] for choice in found}


def answer_of(world: World, asked: Interaction) -> Message:
    """The last that was answered, once it is more than "is thinking..."."""

    def found() -> Message | None:
        messages = [m for m in (asked.message, *asked.followups) if m and m.deleted is None]
        return next((m for m in reversed(messages) if not m.loading), None)

    message = world.until(found)
    assert isinstance(message, Message)
    return message


def seen(world: World, user: User, where: Channel | None = None) -> list[str]:
    return [m.text for m in world.server.messages(where or world.channel, seen_by=user)]


def noted(world: World, bot: Bot, user: User, url: str, *, private: bool = False) -> None:
    """Somebody has asked for a link before."""
    number = world.server.post(user, world.channel, "/autointel").id
    watch = Watch(
        job=f"discord-{number}", guild=world.guild.id, channel=world.channel.id, message=number,
        user=user.id, private=private, tenant=f"discord-{world.guild.id}", url=url,
        depth=Depth.STANDARD, created=float(number), token="", ended=True,
    )  # fmt: skip
    bot.records.watch(watch)


@contextmanager
def endless(world: World, user: User, name: str) -> Iterator[Message]:
    """A run that goes on until it is cancelled."""
    asked = world.use("autointel", user, url=f"{world.web.url}/slow.mp3?{name}")
    assert asked.message is not None
    job = job_of(asked.message)
    world.until(lambda: job in [view.id for view in world.jobs()])
    try:
        yield asked.message
    finally:
        if any(b["label"] == "Cancel" for b in asked.message.controls):
            world.press(asked.message, "Cancel", world.mod)


# -- what Discord is told ------------------------------------------------------------------------


def test_discord_is_told_what_every_command_does_and_who_may_use_it(world: World) -> None:
    with world.bot():
        told = {command["name"]: command for command in world.server.commands[None]}
        helped = world.use("help")
        assert helped.ephemeral
        text = answer_of(world, helped).text
        with pytest.raises(LookupError, match="permissions"):
            world.use("settings show", world.ann)
    texts = [each for c in told.values() if c["type"] == 1 for each in described(c)]
    assert len(texts) > 40
    assert [text for text in texts if not re.fullmatch(r".{5,99}\.", text)] == []
    for name, command in told.items():
        assert command["contexts"] == ([0] if name == "settings" else [0, 1])
        assert command["integration_types"] == [0]
        for path in names_of(command):
            assert path.replace("_", r"\_") in text
    manage = discord.Permissions(manage_guild=True).value
    assert int(told["settings"]["default_member_permissions"]) == manage
    assert not any(c["default_member_permissions"] for n, c in told.items() if n != "settings")


def described(part: dict[str, Any]) -> Iterator[str]:
    """The descriptions of a command, its subcommands and its options."""
    yield part["description"]
    for option in part.get("options") or []:
        yield from described(option)


def names_of(command: dict[str, Any]) -> list[str]:
    if command["type"] != 1:
        return [command["name"]]
    inner = [o["name"] for o in command["options"] if o["type"] == 1]
    return [f"/{command['name']} {name}" for name in inner] or [f"/{command['name']}"]


# -- links ---------------------------------------------------------------------------------------


def test_links_that_were_asked_for_lately_are_offered_ones_own_first(world: World) -> None:
    mine, bens = f"{world.web.url}/ants.vtt", f"{world.web.url}/bees.vtt"
    long = f"{world.web.url}/cats.vtt?{'long=' * 30}"
    with world.bot() as bot:
        noted(world, bot, world.ann, mine)
        noted(world, bot, world.ben, bens)
        noted(world, bot, world.ben, f"{world.web.url}/secret", private=True)
        assert list(offered(world, world.ann, "autointel", "url").values()) == [mine, bens]
        assert list(offered(world, world.ben, "autointel", "url", url="BEES").values()) == [bens]

        noted(world, bot, world.ann, long)
        ((name, value),) = offered(world, world.ann, "autointel", "url", url="cats").items()
        assert long.startswith(name.rstrip(" …"))
        asked = world.use("autointel", url=value)
        assert asked.message is not None
        assert "cats" in asked.message.text
        world.shown(asked, DONE)
        assert world.jobs()[-1].job.url == long

        made_up = world.use("autointel", world.ben, url="link:" + "0" * 40)
        assert made_up.message is not None
        assert "Paste the link" in made_up.message.text
    assert world.server.refused == []


def test_depth_speakers_and_privacy_are_as_they_were_asked_for(world: World) -> None:
    with world.bot():
        asked = world.ask("dogs", depth="deep", speakers=True, private=True)
        assert asked.ephemeral
        message = world.shown(asked, DONE)
        (view,) = [view for view in world.jobs() if view.id == job_of(message)]
        assert (view.job.depth, view.job.speakers) == (Depth.DEEP, True)
        assert view.job.tenant == f"discord-user-{world.ann.id}"
        assert seen(world, world.ben) == []

        # What is private is found where it is asked for as private, and shown to nobody else.
        theirs = world.until(lambda: offered(world, world.ann, "search", "source", private=True))
        assert list(theirs) == ["Dogs"]
        assert offered(world, world.ann, "search", "source") == {}
        found = world.use("search", words="dogs", source=theirs["Dogs"], private=True)
        assert "Dogs" in answer_of(world, found).text
        for command in ("search", "claims", "contradictions"):
            words: dict[str, Any] = {"words": "dogs"} if command == "search" else {}
            both = world.use(command, share=True, private=True, **words)
            assert "nobody else" in answer_of(world, both).text
            assert both.ephemeral
        shared = world.use("retrieve_results", workflow_id=view.id, share=True)
        assert "privately" in answer_of(world, shared).text
        assert shared.ephemeral
        own = world.use("retrieve_results", workflow_id=view.id)
        assert DONE in answer_of(world, own).text
        foreign = world.use("retrieve_results", world.ben, workflow_id=view.id)
        assert "No run has the id" in answer_of(world, foreign).text
        assert seen(world, world.ben) == [answer_of(world, foreign).text]

        asked = world.use("forget", recording="Dogs", private=True)
        world.press(answer_of(world, asked), "Forget it")
        world.until(lambda: "are gone" in answer_of(world, asked).text)
        found = world.use("search", words="dogs", private=True)
        assert "Nothing that is remembered" in answer_of(world, found).text
    assert world.server.refused == [] or {r.code for r in world.server.refused} == {10008}


def test_the_link_in_a_message_is_analysed_from_its_menu(world: World) -> None:
    server, ants = world.server, f"{world.web.url}/ants.vtt"
    embed = {"type": "rich", "title": "Bees", "url": f"{world.web.url}/bees.vtt"}
    plain = server.post(
        world.ben, world.channel, f"Look (at this: {ants})!", embeds=[embed | {"url": ants}]
    )
    posted = server.post(world.ben, world.channel, "Our new episode", embeds=[embed])
    none = server.post(world.ben, world.channel, "Look at this: example.org/x")
    several = server.post(world.ben, world.channel, f"<{ants}> or {world.web.url}/cats.vtt?")
    with world.bot():
        for message, name in ((plain, "ants"), (posted, "bees")):
            asked = server.use_menu(world.ann, world.channel, "Analyse this link", message)
            assert asked.message is not None
            assert f"/{name}.vtt\n" in asked.message.text
            world.shown(asked, DONE)

        asked = server.use_menu(world.ann, world.channel, "Analyse this link", none)
        assert asked.ephemeral
        assert "no link" in answer_of(world, asked).text

        asked = server.use_menu(world.ann, world.channel, "Analyse this link", several)
        question = answer_of(world, asked)
        assert question.ephemeral
        (menu,) = question.controls
        assert [option["label"].rpartition("/")[2] for option in menu["options"]] == [
            "ants.vtt",
            "cats.vtt",
        ]
        chosen = server.select(question, menu["custom_id"], world.ann, "1")
        assert "Cats" in world.shown(chosen, DONE).text
        assert not chosen.ephemeral
        world.until(lambda: question.deleted)
    assert world.server.refused == []


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("see https://a.example/x.", ["https://a.example/x"]),
        ("(https://a.example/Foo_(bar))", ["https://a.example/Foo_(bar)"]),
        ("[this](https://a.example/x), ok", ["https://a.example/x"]),
        ("_https://a.example/x_ **https://a.example/y**", ["https://a.example/x", "https://a.example/y"]),
        ("https://youtu.be/abcdefghij_", ["https://youtu.be/abcdefghij_"]),
        ("||https://a.example/x|| <HTTPS://a.example/y>", ["https://a.example/x", "HTTPS://a.example/y"]),
        ("“https://a.example/?v=1&t=2”…", ["https://a.example/?v=1&t=2"]),
        ("ftp://a.example http:// nothing", []),
    ],
)  # fmt: skip
def test_a_link_is_read_without_what_stands_around_it(text: str, links: list[str]) -> None:
    assert links_in(text) == links


@given(st.text(st.sampled_from("https:/.x_()*|<> \n"), max_size=40))
def test_every_link_that_is_read_stands_in_the_text(text: str) -> None:
    for link in links_in(f"{text} https://a.example/x {text}"):
        assert re.match("https?://.", link, re.IGNORECASE)
        assert link in f"{text} https://a.example/x {text}"


# -- what is remembered --------------------------------------------------------------------------


def test_what_was_heard_is_found_and_forgotten(world: World) -> None:
    twelve = speech(world, "twelve", "Eve", f"Twelve {MOON}", "I like the Moon very much.")
    nineteen = speech(world, "nineteen", "Bob", f"Nineteen {MOON}")
    with world.bot():
        said = [world.use("autointel", url=url, depth="comprehensive") for url in (twelve,)]
        world.shown(said[0], DONE)
        said.append(world.use("autointel", world.ben, url=nineteen, depth="comprehensive"))
        first, second = (world.shown(each, DONE) for each in said)

        def find(words: str = "people on the Moon", **options: Any) -> Message:
            return answer_of(world, world.use("search", words=words, **options))

        def ask(command: str, **options: Any) -> Message:
            return answer_of(world, world.use(command, **options))

        # Who types goes on typing while the memory is opened.
        sources = world.until(lambda: offered(world, world.ann, "search", "source", source="tw"))
        assert list(sources) == ["Twelve"]
        assert {"Eve", "Bob"} == set(re.findall("Eve|Bob", find().text))
        assert "Bob" not in find(source=sources["Twelve"]).text
        assert "Bob" not in find(source=twelve).text
        assert set(re.findall("Eve|Bob", find(speaker="Bob").text)) == {"Bob"}
        assert "Nothing that is remembered" in find(since="2031-01-01").text
        assert "is no day" in find(since="2031-13-01").text
        assert "Nothing that is remembered" in find(private=True).text
        assert find().ephemeral
        assert not find(share=True).ephemeral
        lost = world.use("search", words="x", source="zzz", share=True)
        assert answer_of(world, lost).ephemeral
        assert "No recording is called" in answer_of(world, lost).text
        assert not any("No recording is called" in text for text in seen(world, world.ben))

        assert "Nineteen people" in ask("claims", speaker="Bob").text
        assert "2 claims" in ask("claims", words="Moon", share=True).text
        assert "No claims" in ask("claims", verdict="Supported").text
        assert "No claims" in ask("claims", private=True).text
        clash = ask("contradictions", share=True)
        assert not clash.ephemeral
        assert {"Eve", "Bob"} <= set(re.findall(r"\w+", clash.text))
        assert "1 contradiction" in ask("contradictions", source=sources["Twelve"]).text
        assert "No contradictions" in ask("contradictions", speaker="Nobody").text

        shared = ask("retrieve_results", workflow_id=job_of(first), share=True)
        assert not shared.ephemeral
        titles = offered(world, world.ann, "forget", "recording")
        assert set(titles) == {"Twelve", "Nineteen"}

        # Ben's is none of Ann's business; nobody has asked for Ann's but her.
        refused = ask("forget", recording="Nineteen")
        assert "not the only one" in refused.text
        kept = ask("forget", recording="Twelve")
        world.press(kept, "Keep it")
        assert kept.text == "Nothing was forgotten."
        late = ask("forget", recording="Twelve")
        world.server.advance(6 * 60)
        world.press(late, "Forget it")
        assert "Use /forget again" in late.text
        assert "Eve" in find().text

    with world.bot():
        asked = ask("forget", recording=titles["Twelve"])
    with world.bot():
        world.press(asked, "Forget it")
        world.until(lambda: "are gone" in asked.text)
        assert "Twelve" in asked.text
        assert "2 messages" in asked.text
        assert first.deleted
        assert shared.deleted
        assert second.deleted is None
        assert "Eve" not in find().text
        assert "No contradictions" in ask("contradictions").text
        gone = ask("retrieve_results", workflow_id=job_of(first))
        assert "No run has the id" in gone.text

        # Who may delete messages may let anything be forgotten.
        asked = answer_of(world, world.use("forget", world.mod, recording=nineteen))
        world.press(asked, "Forget it", world.mod)
        world.until(lambda: "are gone" in asked.text)
        assert second.deleted
        assert "0 recordings" in ask("status").text


# -- runs ----------------------------------------------------------------------------------------


def test_a_run_is_looked_at_left_and_taken_back(world: World) -> None:
    def ask(command: str, user: User, **options: Any) -> Message:
        return answer_of(world, world.use(command, user, **options))

    with world.bot() as bot, endless(world, world.ann, "one") as first:
        job = job_of(first)
        world.until(lambda: "Analysing" in first.text)
        assert "1 run under way" in ask("status", world.ben).text
        assert "running" in ask("runs", world.ann).text
        assert "no runs yet" in ask("runs", world.ben).text
        assert job in ask("runs", world.ben, whose="server").text
        assert "has not ended yet" in ask("retrieve_results", world.ben, workflow_id=job).text
        assert list(offered(world, world.ann, "cancel", "workflow_id").values()) == [job]
        assert offered(world, world.ben, "cancel", "workflow_id") == {}
        assert "Somebody else" in ask("cancel", world.ben, workflow_id=job).text
        assert "No run has the id" in ask("cancel", world.ben, workflow_id="unknown").text

        elsewhere = world.server.guild("Elsewhere")
        there = world.server.channel(elsewhere, "general")
        world.until(lambda: bot.get_channel(there.id))
        foreign = world.server.use_command(
            world.ann, elsewhere, there, "retrieve_results", workflow_id=job
        )
        assert "No run has the id" in answer_of(world, foreign).text

        # Ben joins and leaves, joins again; Ann leaves, and then nobody is left but him.
        with endless(world, world.ben, "one") as second:
            assert job_of(second) == job
            assert "You follow this run no longer" in ask("cancel", world.ben, workflow_id=job).text
            world.until(lambda: "No longer followed" in second.text)
            assert "Cancelled" not in first.text
            world.press(second, "Follow it again", world.ben)
            world.until(lambda: "Cancel" in [b["label"] for b in second.controls])
            world.press(first, "Cancel", world.ann)
            world.until(lambda: "No longer followed" in first.text)
            assert "Cancelled;" in ask("cancel", world.ben, workflow_id=job).text
            world.until(lambda: "⊘ Cancelled" in second.text)
        assert "ended already" in ask("cancel", world.ann, workflow_id=job).text

        # What waits behind others never begins.
        with (
            endless(world, world.ann, "two") as two,
            endless(world, world.ann, "three"),
            endless(world, world.ben, "four") as waiting,
        ):
            assert "Cancelled;" in ask("cancel", world.ben, workflow_id=job_of(waiting)).text
            world.until(lambda: "⊘ Cancelled" in waiting.text)
            assert "Cancelled;" in ask("cancel", world.mod, workflow_id=job_of(two)).text
            world.until(lambda: "⊘ Cancelled" in two.text)
    assert world.server.refused == []


# -- how the bot behaves in a guild ---------------------------------------------------------------


def test_who_manages_a_server_decides_how_the_bot_behaves_there(world: World) -> None:
    server = world.server
    recordings = server.channel(world.guild, "recordings")
    thread = server.thread(recordings, "An episode")

    def decide(what: str, **options: Any) -> str:
        return answer_of(world, world.use(f"settings {what}", world.mod, **options)).text

    def ask_in(channel: Channel) -> Interaction:
        url = f"{world.web.url}/ants.vtt"
        return server.use_command(world.ann, world.guild, channel, "autointel", url=url)

    with world.bot():
        assert "everywhere" in decide("show")
        assert f"<#{recordings.id}>" in decide("channel", channel=recordings, allowed=True)
        assert "deep" in decide("depth", depth="deep")
        assert "no code of a language" in decide("language", code="e1")
        assert "**Spoken language:** de" in decide("language", code="DE")
        refused = ask_in(world.channel)
        assert refused.ephemeral
        assert "Use \\#recordings." in answer_of(world, refused).text
        for place in (thread, recordings):
            message = world.shown(ask_in(place), DONE)
            (view,) = [view for view in world.jobs() if view.id == job_of(message)]
            assert (view.job.depth, view.job.language) == (Depth.DEEP, "de")
        assert "everywhere" in decide("channel", channel=recordings, allowed=False)
        assert "as the operator" in decide("language").split("Spoken language")[1]

        told = decide("quota", who="member", runs=2)
        assert "Each member may use: 2 runs, otherwise as the operator" in told
        spent = world.ask("frogs")
        assert spent.ephemeral
        assert "You have used 2 of 2 runs" in answer_of(world, spent).text
        assert "What to do" in answer_of(world, spent).text
        decide("quota", who="server", runs=2, minutes=5.0, dollars=1.0)
        spent = world.ask("frogs", world.ben)
        assert "This server has used 2 of 2 runs" in answer_of(world, spent).text
        told = decide("reset")
        assert told.count("as the operator of the bot has set it") == 4
        world.shown(world.ask("frogs", world.ben), DONE)
    assert world.server.refused == []
