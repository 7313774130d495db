"""The server of the tests is to the real discord.py as Discord is."""

from __future__ import annotations

import asyncio
import io
import re
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import discord
import pytest
from discord import app_commands

from tests.discord_server import (
    Channel,
    DiscordServer,
    Guild,
    Interaction,
    Limit,
    Message,
    User,
    connect,
    discord_server,
    online,
)

T = TypeVar("T")
LINK = "https://a.example"


class Reopen(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=r"reopen:(?P<run>\d+)"
):
    """A button that knows its run by its id alone."""

    def __init__(self, run: int) -> None:
        super().__init__(discord.ui.Button(label="Open", custom_id=f"reopen:{run}"))
        self.run = run

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Reopen:
        return cls(int(match["run"]))

    async def callback(self, interaction: discord.Interaction) -> None:
        await interaction.response.edit_message(content=f"run {self.run} again")


class Feedback(discord.ui.Modal, title="Feedback"):
    words: discord.ui.TextInput[Feedback] = discord.ui.TextInput(label="Words", custom_id="words")

    async def on_submit(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message(f"thanks for {self.words.value!r}", ephemeral=True)


class Bot(discord.Client):
    """A tiny bot.

    Attributes:
        events: what the library told it.
        seen: the interactions that came.
    """

    def __init__(self, **intents: bool) -> None:
        super().__init__(
            intents=discord.Intents(guilds=True, **intents),
            guild_ready_timeout=0.02,
            allowed_mentions=discord.AllowedMentions.none(),
        )
        self.tree = app_commands.CommandTree(self)
        self.events: list[tuple[str, Any]] = []
        self.seen: list[discord.Interaction] = []
        self.add_dynamic_items(Reopen)
        add_commands(self.tree)

    async def setup_hook(self) -> None:
        await self.tree.sync()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Do not wait the five seconds that Discord asks for."""

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        self.seen.append(interaction)

    async def on_resumed(self) -> None:
        self.events.append(("resumed", None))

    async def on_guild_join(self, guild: discord.Guild) -> None:
        self.events.append(("guild joined", guild.id))

    async def on_guild_unavailable(self, guild: discord.Guild) -> None:
        self.events.append(("guild unavailable", guild.id))

    async def on_guild_available(self, guild: discord.Guild) -> None:
        self.events.append(("guild available", guild.id))

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        self.events.append(("guild removed", guild.id))

    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        self.events.append(("message deleted", event.message_id))

    def now(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the client's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    def at(self, channel: Channel) -> discord.PartialMessageable:
        return self.get_partial_messageable(channel.id)


def add_commands(tree: app_commands.CommandTree[Bot]) -> None:
    @tree.command(description="Look at a link")
    @app_commands.describe(url="the link", depth="how deep")
    async def look(
        interaction: discord.Interaction, url: str, depth: app_commands.Range[int, 1, 4] = 1
    ) -> None:
        view = discord.ui.View(timeout=None)
        view.add_item(Reopen(7))
        await interaction.response.send_message(f"{url} at {depth}", view=view)

    @look.autocomplete("url")
    async def _links(
        interaction: discord.Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=f"recent {typed}", value=f"{LINK}/{typed}")]

    @tree.command(description="Think, then answer")
    async def think(interaction: discord.Interaction, private: bool = False) -> None:
        await interaction.response.defer(ephemeral=private, thinking=True)
        await interaction.edit_original_response(content="thought")
        await interaction.followup.send("and more", ephemeral=private)

    @tree.command(description="Never answer")
    async def sleep(interaction: discord.Interaction) -> None:
        """Leave it be."""

    @tree.command(description="Open a form")
    @app_commands.default_permissions(manage_guild=True)
    async def ask(interaction: discord.Interaction) -> None:
        await interaction.response.send_modal(Feedback())

    group = app_commands.Group(name="settings", description="Settings")

    @group.command(description="Set the channel")
    async def channel(interaction: discord.Interaction, to: discord.TextChannel) -> None:
        await interaction.response.send_message(f"to {to.name}")

    tree.add_command(group)

    @tree.context_menu(name="Quote this")
    async def quote(interaction: discord.Interaction, message: discord.Message) -> None:
        await interaction.response.send_message(f"> {message.content}")


class World:
    """A server with one guild, channel and person, and now and then a bot."""

    def __init__(self, server: DiscordServer) -> None:
        self.server = server
        self.guild: Guild = server.guild("Debates")
        self.channel: Channel = server.channel(self.guild, "general")
        self.ann: User = server.user("ann")

    def use(self, name: str, /, **options: object) -> Interaction:
        return self.server.use_command(self.ann, self.guild, self.channel, name, **options)

    def look(self) -> Message:
        message = self.use("look", url=LINK).message
        assert message
        return message

    @property
    def last(self) -> Message:
        return self.server.messages(self.channel)[-1]

    @contextmanager
    def bot(self, **intents: bool) -> Iterator[Bot]:
        bot = Bot(**intents)
        with online(bot, self.server):
            yield bot


@pytest.fixture
def world() -> Iterator[World]:
    with discord_server() as server:
        yield World(server)


# --- commands


def test_commands_are_registered_and_keep_their_ids_when_registered_again(world: World) -> None:
    with world.bot():
        names = {command["name"]: command["id"] for command in world.server.commands[None]}
    assert set(names) == {"look", "think", "sleep", "ask", "settings", "Quote this"}
    with world.bot():
        assert {c["name"]: c["id"] for c in world.server.commands[None]} == names


def test_a_command_is_answered_at_once(world: World) -> None:
    with world.bot():
        answer = world.use("look", url=LINK, depth=3)
        assert (answer.failed, answer.deferred, answer.ephemeral) == (False, False, False)
        assert answer.answered is not None
        assert answer.answered < 1
        assert answer.message
        assert answer.message.content == f"{LINK} at 3"
        assert answer.message.text == f"{LINK} at 3\nOpen"
        assert world.server.messages(world.channel) == [answer.message]
        assert not world.server.refused


def test_a_deferred_answer_shows_thinking_and_then_the_answer(world: World) -> None:
    with world.bot():
        answer = world.use("think")
        assert answer.deferred
        world.server.until(lambda: answer.followups)
        assert answer.message
        states = answer.message.states
        assert [(s.loading, s.content) for s in states] == [(True, ""), (False, "thought")]
        assert states[0].at <= states[1].at
        assert [m.content for m in world.server.messages(world.channel)] == ["thought", "and more"]


def test_only_who_asked_sees_an_ephemeral_answer(world: World) -> None:
    server, bob = world.server, world.server.user("bob")
    with world.bot() as bot:
        answer = world.use("think", private=True)
        server.until(lambda: answer.followups)
        assert answer.ephemeral
        assert len(server.messages(world.channel, seen_by=world.ann)) == 2
        assert server.messages(world.channel, seen_by=bob) == []
        assert answer.message
        hidden = bot.at(world.channel).get_partial_message(answer.message.id)
        with pytest.raises(discord.NotFound, match="10008"):
            bot.now(hidden.edit(content="seen"))


def test_what_a_person_cannot_type_is_not_sent(world: World) -> None:
    with world.bot():
        with pytest.raises(LookupError, match="missing"):
            world.use("look")
        with pytest.raises(LookupError, match="from 1 to 4"):
            world.use("look", url=LINK, depth=5)
        with pytest.raises(LookupError, match="no command 'lock'"):
            world.use("lock")
        with pytest.raises(LookupError, match="permissions"):
            world.use("ask")


def test_autocompletion_context_menus_groups_and_modals_reach_the_bot(world: World) -> None:
    server, channel = world.server, world.channel
    admin = server.user("eve", manage_guild=True)
    with world.bot():
        offered = server.autocomplete(world.ann, world.guild, channel, "look", "url", url="x")
        assert offered == [{"name": "recent x", "value": f"{LINK}/x"}]

        said = server.post(admin, channel, "listen to this")
        assert server.use_menu(world.ann, channel, "Quote this", said).message is world.last
        assert world.last.content == "> listen to this"

        world.use("settings channel", to=channel)
        assert world.last.content == "to general"

        form = server.use_command(admin, world.guild, channel, "ask")
        thanks = server.submit(form, words="the words").message
        assert thanks
        assert (thanks.content, thanks.only) == ("thanks for 'the words'", admin)


def test_a_button_reaches_a_bot_that_was_restarted(world: World) -> None:
    with world.bot():
        message = world.look()
    world.server.until(lambda: not world.server.connected)
    with world.bot():
        pressed = world.server.press(message, "reopen:7", world.ann)
        assert not pressed.failed
        assert [s.content for s in message.states] == [f"{LINK} at 1", "run 7 again"]
        with pytest.raises(LookupError, match="reopen:8"):
            world.server.press(message, "reopen:8", world.ann)


def test_a_choice_from_a_menu_reaches_the_bot(world: World) -> None:
    class Pages(discord.ui.View):
        @discord.ui.select(
            custom_id="page", options=[discord.SelectOption(label=name) for name in "ab"]
        )
        async def page(
            self, interaction: discord.Interaction, chosen: discord.ui.Select[Pages]
        ) -> None:
            await interaction.response.defer()
            await interaction.edit_original_response(content=f"page {chosen.values[0]}")

    with world.bot() as bot:

        async def send() -> None:
            await bot.at(world.channel).send("pages", view=Pages())

        bot.now(send())
        chosen = world.server.select(world.last, "page", world.ann, "b")
        assert chosen.message is world.last
        world.server.until(lambda: world.last.content == "page b")
        with pytest.raises(LookupError, match="offers"):
            world.server.select(world.last, "page", world.ann, "c")


def test_a_layout_of_components_needs_no_text_beside_it(world: World) -> None:
    with world.bot() as bot:

        async def send(size: int) -> None:
            view = discord.ui.LayoutView()
            view.add_item(discord.ui.TextDisplay("x" * size))
            await bot.at(world.channel).send(view=view)

        bot.now(send(4000))
        assert world.last.text == "x" * 4000
        with pytest.raises(discord.HTTPException, match="4000 or fewer"):
            bot.now(send(4001))


def test_a_direct_channel_takes_commands_too(world: World) -> None:
    direct = world.server.channel(None, of=world.ann)
    with world.bot():
        answer = world.server.use_command(world.ann, None, direct, "look", url=LINK)
        assert answer.message in world.server.messages(direct)


# --- time


def test_a_token_dies_after_fifteen_minutes_but_the_channel_can_still_be_edited(
    world: World,
) -> None:
    with world.bot() as bot:
        message = world.look()
        (interaction,) = bot.seen
        world.server.advance(14 * 60)
        bot.now(interaction.edit_original_response(content="in time"))
        world.server.advance(61)
        with pytest.raises(discord.HTTPException) as late:
            bot.now(interaction.edit_original_response(content="too late"))
        assert (late.value.status, late.value.code) == (401, 50027)
        bot.now(bot.at(world.channel).get_partial_message(message.id).edit(content="by channel"))
        assert message.content == "by channel"
        assert message.states[-1].at - message.states[0].at > 15 * 60
        assert [refusal.code for refusal in world.server.refused] == [50027]


def test_an_interaction_not_answered_in_three_seconds_has_failed_for_good(world: World) -> None:
    world.server.answer_within = 0.1
    with world.bot() as bot:
        answer = world.use("sleep")
        assert answer.failed
        with pytest.raises(discord.NotFound, match="10062"):
            bot.now(bot.seen[0].response.send_message("late"))
        assert world.server.messages(world.channel) == []


def test_a_second_response_is_refused(world: World) -> None:
    with world.bot() as bot:
        world.look()
        answered = bot.seen[0].response
        world.server.until(answered.is_done)
        answered._response_type = None  # the library's own guard
        with pytest.raises(discord.HTTPException, match="already been"):
            bot.now(answered.send_message("twice"))
        assert world.server.refused[-1].code == 40060


# --- limits


def test_edits_beyond_the_rate_limit_wait_and_all_arrive(world: World) -> None:
    world.server.limits["edit"] = Limit(5, 0.6)
    with world.bot() as bot:
        message = world.look()
        partial = bot.at(world.channel).get_partial_message(message.id)
        texts = [f"edit {number}" for number in range(12)]

        async def edit() -> None:
            await asyncio.gather(*(partial.edit(content=text) for text in texts))

        began = time.monotonic()
        bot.now(edit())
        assert time.monotonic() - began > 1.1  # twelve edits need three windows
        assert sorted(s.content for s in message.states[1:]) == sorted(texts)
        assert not world.server.refused  # the client waits of its own accord


def test_a_client_that_does_not_know_what_is_used_gets_429_and_waits(world: World) -> None:
    world.server.limits["typing"] = Limit(1, 0.6)
    with world.bot() as first, world.bot() as second:
        began = time.monotonic()
        for bot in (first, second):
            work = bot.http.send_typing(world.channel.id)
            asyncio.run_coroutine_threadsafe(work, bot.loop)
        world.server.until(lambda: len(world.channel.typing) == 2)
        assert time.monotonic() - began > 0.6
        assert [refusal.status for refusal in world.server.refused] == [429]


def test_the_global_limit_holds_back_every_route(world: World) -> None:
    with world.bot() as bot:
        world.server.limits |= {"global": Limit(3, 0.5), "typing": Limit(100, 1.0)}

        async def type_much() -> None:
            await asyncio.gather(*(bot.http.send_typing(world.channel.id) for _ in range(7)))

        began = time.monotonic()
        bot.now(type_much())
        assert time.monotonic() - began > 0.4
        assert len(world.channel.typing) == 7
        assert {refusal.status for refusal in world.server.refused} == {429}


def test_a_429_comes_when_it_is_asked_for(world: World) -> None:
    with world.bot() as bot:
        world.server.limit(retry_after=0.3, on="/typing")
        began = time.monotonic()
        bot.now(bot.http.send_typing(world.channel.id))
        assert time.monotonic() - began > 0.3
        assert [refusal.status for refusal in world.server.refused] == [429]


def test_server_errors_are_tried_again(world: World) -> None:
    with world.bot() as bot:
        world.server.fail(1, 502, on="/messages")
        sent = bot.now(bot.at(world.channel).send("through"))
        assert world.last.id == sent.id
        statuses = [asked.status for asked in world.server.asked if "/messages" in asked.path]
        assert statuses == [502, 200]


def test_when_only_the_answer_is_lost_the_message_is_there(world: World) -> None:
    with world.bot() as bot:
        world.server.drop(on="/messages", done=True)
        with pytest.raises(Exception, match="disconnected"):
            bot.now(bot.at(world.channel).send("said"))
        assert world.last.content == "said"


# --- forms


def long_embed(size: int) -> discord.Embed:
    return discord.Embed(title="t", description="d" * size)


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        ({"content": "x" * 2001}, "In content: Must be 2000 or fewer in length."),
        ({"embed": long_embed(4097)}, "In embeds.0.description: Must be 4096 or fewer in length."),
        ({"embeds": [long_embed(3100)] * 2}, "In embeds: Embed size exceeds maximum size of 6000"),
        ({"embed": discord.Embed(url="file:///etc/passwd", title="t")}, "must be one of"),
    ],
)
def test_a_message_too_long_is_refused_as_by_discord(
    world: World, message: dict[str, Any], complaint: str
) -> None:
    with world.bot() as bot:
        with pytest.raises(discord.HTTPException) as refused:
            bot.now(bot.at(world.channel).send(**message))
        assert (refused.value.status, refused.value.code) == (400, 50035)
        assert complaint in refused.value.text
        assert world.server.refused[-1].code == 50035
        assert world.server.messages(world.channel) == []


def button(custom_id: str) -> dict[str, Any]:
    return {"type": 2, "style": 1, "label": "b", "custom_id": custom_id}


def rows(*counts: int, name: str = "") -> list[dict[str, Any]]:
    return [
        {"type": 1, "components": [button(f"{name}{place}-{n}") for n in range(count)]}
        for place, count in enumerate(counts)
    ]


@pytest.mark.parametrize(
    ("form", "complaint"),
    [
        ({"components": rows(1, 1, 1, 1, 1, 1)}, "components: Must be 5 or fewer"),
        ({"components": rows(6)}, "components.0.components: Must be between 1 and 5"),
        ({"components": rows(1, name="c" * 100)}, "custom_id: Must be between 1 and 100"),
        ({"components": rows(1) * 2}, "Component custom id cannot be duplicated"),
        ({"embeds": [{"title": "t"}] * 11}, "embeds: Must be 10 or fewer"),
        ({"embeds": [{"fields": [{"name": "n", "value": "v"}] * 26}]}, "fields: Must be 25 or"),
        ({"embeds": [{"fields": [{"name": "n", "value": ""}]}]}, "This field is required"),
        ({"allowed_mentions": {"parse": ["users"], "users": ["1"]}}, "mutually exclusive"),
        ({"content": ""}, "50006"),
    ],
)
def test_what_the_library_would_not_build_is_refused_too(
    world: World, form: dict[str, Any], complaint: str
) -> None:
    async def post() -> None:
        async with discord.Client(intents=discord.Intents.none()) as client:
            await client.login(world.server.token)
            path, number = "/channels/{channel_id}/messages", world.channel.id
            route = discord.http.Route("POST", path, channel_id=number)
            await client.http.request(route, json={"content": "x"} | form)

    with connect(world.server), pytest.raises(discord.HTTPException, match=complaint):
        asyncio.run(post())


def test_files_arrive_byte_for_byte(world: World) -> None:
    data = bytes(range(256)) * 4000
    with world.bot() as bot:

        async def send() -> discord.Message:
            file = discord.File(io.BytesIO(data), "chart.png", description="a curve")
            embed = discord.Embed(title="t").set_image(url="attachment://chart.png")
            return await bot.at(world.channel).send(embed=embed, file=file)

        sent = bot.now(send())
        (kept,) = world.last.attachments
        assert kept.data == data
        assert (kept.name, kept.description) == ("chart.png", "a curve")
        assert world.last.embeds[0]["image"]["url"] == kept.url
        assert bot.now(sent.attachments[0].read()) == data
        bot.now(sent.edit(content="kept"))
        assert list(world.last.attachments) == [kept]
        bot.now(sent.edit(attachments=[]))
        assert not world.last.attachments


def test_a_file_too_large_is_refused(world: World) -> None:
    world.server.attachment_limit = 1000
    with world.bot() as bot, pytest.raises(discord.HTTPException, match="40005"):
        bot.now(bot.at(world.channel).send(file=discord.File(io.BytesIO(b"x" * 1001), "x.bin")))


def test_mentions_ring_only_who_may_be_rung(world: World) -> None:
    with world.bot() as bot:

        def rung(allowed: discord.AllowedMentions) -> list[str]:
            text = f"{world.ann.mention} and @everyone"
            bot.now(bot.at(world.channel).send(text, allowed_mentions=allowed))
            return list(world.last.pinged)

        everything = discord.AllowedMentions.all()
        assert rung(discord.AllowedMentions.none()) == []
        assert rung(everything) == [world.ann.mention]  # everybody needs a permission
        world.server.permit(world.channel, mention_everyone=True)
        assert rung(everything) == [world.ann.mention, "@everyone"]


# --- what may be missing


def test_what_the_bot_may_not_do_is_refused(world: World) -> None:
    server, channel = world.server, world.channel
    with world.bot() as bot:
        for permission, code in (("send_messages", "50013"), ("view_channel", "50001")):
            server.permit(channel, **{permission: False})
            with pytest.raises(discord.Forbidden, match=code):
                bot.now(bot.at(channel).send("x"))
            server.permit(channel, **{permission: True})
        server.permit(world.guild, embed_links=False)
        with pytest.raises(discord.Forbidden, match="50013"):
            bot.now(bot.at(channel).send(embed=discord.Embed(title="t")))
        known = bot.get_guild(world.guild.id)
        assert known
        server.until(lambda: not known.default_role.permissions.embed_links)
        theirs = server.post(world.ann, channel, "mine")
        with pytest.raises(discord.Forbidden, match="50005"):
            bot.now(bot.at(channel).get_partial_message(theirs.id).edit(content="yours"))


def test_a_deleted_message_and_channel_are_unknown(world: World) -> None:
    server, channel = world.server, world.channel
    with world.bot(guild_messages=True) as bot:
        sent = bot.now(bot.at(channel).send("x"))
        server.delete(world.last)
        server.until(lambda: ("message deleted", sent.id) in bot.events)
        with pytest.raises(discord.NotFound, match="10008"):
            bot.now(sent.edit(content="y"))
        assert server.messages(channel) == []
        assert len(server.messages(channel, deleted=True)) == 1
        server.delete_channel(channel)
        with pytest.raises(discord.NotFound, match="10003"):
            bot.now(bot.at(channel).send("x"))


def test_a_guild_that_removes_the_bot_is_gone(world: World) -> None:
    with world.bot() as bot:
        world.server.remove_bot(world.guild)
        world.server.until(lambda: ("guild removed", world.guild.id) in bot.events)
        with pytest.raises(discord.Forbidden, match="50001"):
            bot.now(bot.at(world.channel).send("x"))
        with pytest.raises(LookupError, match="not in"):
            world.use("think")
        world.server.add_bot(world.guild)
        world.server.until(lambda: ("guild joined", world.guild.id) in bot.events)
        assert not world.use("think").failed


def test_a_guild_can_be_out_for_a_while(world: World) -> None:
    with world.bot() as bot:
        bot.events.clear()
        world.server.outage(world.guild)
        world.server.outage(world.guild, over=True)
        number = world.guild.id
        expected = [("guild unavailable", number), ("guild available", number)]
        world.server.until(lambda: bot.events == expected)


# --- the gateway


def test_a_dropped_connection_is_resumed_and_nothing_is_missed(world: World) -> None:
    server = world.server
    with world.bot() as bot:
        server.forget_connection()
        assert not world.use("look", url=LINK).failed
        server.until(lambda: ("resumed", None) in bot.events)
        server.ask_to_reconnect()
        server.until(lambda: server.resumed == 2)
        assert not world.use("look", url=LINK).failed
        server.close_gateway(4000)
        server.until(lambda: server.resumed == 3)
        server.invalidate_session(resumable=True)
        server.until(lambda: server.resumed == 4)
        assert len(server.sessions) == 1


def test_a_forgotten_session_is_begun_anew(world: World) -> None:
    with world.bot():
        (old,) = world.server.sessions
        world.server.forget_connection(resumable=False)
        world.server.until(lambda: world.server.connected)
        assert old not in world.server.sessions
        world.server.invalidate_session()
        world.server.until(lambda: world.server.connected)
        assert not world.use("look", url=LINK).failed


def test_heartbeats_are_acknowledged(world: World) -> None:
    world.server.heartbeat = 0.05
    with world.bot() as bot:
        world.server.until(lambda: bot.latency < 1)


def test_a_wrong_token_and_an_intent_that_is_not_granted_are_turned_away(world: World) -> None:
    with pytest.raises(discord.PrivilegedIntentsRequired), world.bot(message_content=True):
        pass
    world.server.privileged = 1 << 15
    with world.bot(message_content=True):
        assert world.server.connected

    async def log_in() -> None:
        async with discord.Client(intents=discord.Intents.none()) as client:
            await client.login("wrong")

    with connect(world.server), pytest.raises(discord.LoginFailure):
        asyncio.run(log_in())


def test_the_gateway_speaks_without_compression_too(world: World) -> None:
    async def listen() -> None:
        async with Bot() as bot:
            await bot.login(world.server.token)
            open_socket = discord.gateway.DiscordWebSocket.from_client
            socket = await open_socket(bot, initial=True, compress=False)
            while not bot.guilds:
                await socket.poll_event()
            await socket.close(1000)

    with connect(world.server):
        asyncio.run(asyncio.wait_for(listen(), 5))


def test_leaving_the_server_leads_the_library_back_to_discord(world: World) -> None:
    with connect(world.server):
        assert discord.http.Route.BASE.startswith("http://127.0.0.1:")
    assert discord.http.Route.BASE == "https://discord.com/api/v10"
    assert str(discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY) == "wss://gateway.discord.gg/"
