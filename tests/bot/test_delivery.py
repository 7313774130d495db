"""What a person sees of a screen, whatever has become of its message in the meantime."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import discord
import pytest
from discord import app_commands
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.discord_server import (
    MEBIBYTE,
    Channel,
    DiscordServer,
    Guild,
    Interaction,
    Limit,
    Message,
    Refused,
    User,
    discord_server,
    online,
)
from ultimate_discord_intelligence_bot.discord_bot.delivery import (
    Delivery,
    Fate,
    edit_options,
    files_of,
    fitted,
    send_options,
    view_of,
)
from ultimate_discord_intelligence_bot.discord_bot.editor import Editor
from ultimate_discord_intelligence_bot.discord_bot.screens import (
    Action,
    Attachment,
    Button,
    Screen,
    Target,
)
from ultimate_discord_intelligence_bot.discord_bot.text import size
from ultimate_discord_intelligence_bot.discord_bot.watch import Watch
from ultimate_discord_intelligence_bot.settings import Depth

T = TypeVar("T")
BUTTONS = (
    (
        Button("Transcript", str(Target(Action.TRANSCRIPT, "job-1"))),
        Button("Full report", url="https://a.example/report", style="link"),
    ),
    (Button("Delete", str(Target(Action.DELETE, "job-1")), style="danger", disabled=True),),
)
PROGRESS = Screen(embeds=(discord.Embed(title="Analysing"),), rows=(BUTTONS[1],))
PICTURE = Attachment("emotions.png", b"png", "Joy rises at 1:20")
RESULT = Screen(
    embeds=(discord.Embed(title="Result").set_image(url="attachment://emotions.png"),),
    files=(PICTURE, Attachment("report.html", b"<p>all of it", "")),
    rows=BUTTONS,
)


class Bot(discord.Client):
    """Answers with something that is to be edited."""

    def __init__(self) -> None:
        super().__init__(
            intents=discord.Intents(guilds=True), guild_ready_timeout=0.05, max_messages=None
        )
        self.tree = app_commands.CommandTree(self)

        @self.tree.command(description="Ask for something")
        async def ask(interaction: discord.Interaction, private: bool = False) -> None:
            screen = Screen(content="begun", rows=BUTTONS)
            await interaction.response.send_message(**send_options(screen), ephemeral=private)

    async def setup_hook(self) -> None:
        await self.tree.sync()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Do not wait the five seconds that Discord asks for."""


@dataclass
class World:
    """A bot in a guild, and somebody who asks."""

    server: DiscordServer
    client: Bot
    guild: Guild = field(init=False)
    channel: Channel = field(init=False)
    ann: User = field(init=False)
    delivery: Delivery = field(init=False)

    def __post_init__(self) -> None:
        self.guild = self.server.guild("Debates")
        self.channel = self.server.channel(self.guild)
        self.ann = self.server.user("ann")
        self.delivery = Delivery(self.client, clock=self.server.now)

    def now(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.client.loop).result(30)

    def ask(self, *, private: bool = False, directly: bool = False) -> tuple[Watch, Message]:
        """Somebody asks; the message that answers, and what is known of it."""
        guild = None if directly else self.guild
        channel = self.direct() if directly else self.channel
        asked = self.server.use_command(self.ann, guild, channel, "ask", private=private)
        assert asked.message is not None
        return self.watch(asked, private), asked.message

    def watch(self, asked: Interaction, private: bool) -> Watch:
        assert asked.message is not None
        guild = asked.channel.guild
        return Watch(
            job="job-1",
            guild=guild.id if guild else None,
            channel=asked.channel.id,
            message=asked.message.id,
            user=self.ann.id,
            private=private,
            tenant="discord-1",
            url="https://a.example/talk",
            depth=Depth.STANDARD,
            created=self.server.now(),
            token=asked.token,
        )

    def edit(self, watch: Watch, screen: Screen = RESULT, *, final: bool = True) -> Fate:
        return self.now(self.delivery.edit(watch, screen, final=final))

    def direct(self) -> Channel:
        """The direct conversation of the bot and the one who asks."""
        known = [c for c in self.server._channels.values() if c.recipient is self.ann]
        return known[0] if known else self.server.channel(None, of=self.ann)

    def letters(self) -> list[Message]:
        """What the one who asks was sent directly."""
        return self.server.messages(self.direct())

    def ways(self) -> list[str]:
        """The kinds of requests that edited or sent something, in order."""
        return [
            f"{asked.method} {asked.path.split('/')[3]}"
            for asked in self.server.asked
            if asked.method == "PATCH" or asked.path.endswith("/messages")
        ]


@pytest.fixture
def world() -> Iterator[World]:
    with ExitStack() as stack:
        server = stack.enter_context(discord_server())
        client = Bot()
        world = World(server, client)
        stack.enter_context(online(client, server))
        yield world


def closed_to_strangers(
    world: World, monkeypatch: pytest.MonkeyPatch, on: str = "/channels/{}/messages"
) -> None:
    """The one who asks takes no direct messages."""
    refused = Refused(403, 50007, "Cannot send messages to this user")
    monkeypatch.setattr(DiscordServer, "_ill_treated", staticmethod(lambda *_: refused))
    world.server.fail(status=403, on="POST /api/v10" + on.format(world.direct().id))


# -- while the token lives -----------------------------------------------------------------------


def test_a_result_replaces_all_that_the_message_showed(world: World) -> None:
    watch, message = world.ask()
    assert world.edit(watch) is Fate.SHOWN
    assert message.text == "Result\nTranscript\nFull report\nDelete"
    assert [(a.name, a.data, a.description) for a in message.attachments] == [
        ("emotions.png", b"png", "Joy rises at 1:20"),
        ("report.html", b"<p>all of it", None),
    ]
    assert message.embeds[0]["image"]["url"] == message.attachments[0].url
    assert [part.get("custom_id") for part in message.controls] == [
        "autointel:transcript:job-1:0",
        None,
        "autointel:delete:job-1:0",
    ]
    assert [len(row["components"]) for row in message.now.components] == [2, 1]


def test_it_is_edited_by_the_token_whatever_the_bot_may_do_in_the_channel(world: World) -> None:
    watch, message = world.ask()
    world.server.permit(world.channel, view_channel=False)
    assert world.edit(watch, PROGRESS, final=False) is Fate.SHOWN
    world.server.advance(800)
    assert world.edit(watch) is Fate.SHOWN
    assert message.embeds[0]["title"] == "Result"
    assert world.ways() == ["PATCH webhooks"] * 2


def test_a_private_message_is_edited_and_stays_private(world: World) -> None:
    watch, message = world.ask(private=True)
    assert world.edit(watch) is Fate.SHOWN
    assert message.only is world.ann
    assert message.embeds[0]["title"] == "Result"


def test_a_screen_with_less_on_it_leaves_nothing_of_the_one_before(world: World) -> None:
    watch, message = world.ask()
    world.edit(watch)
    assert world.edit(watch, Screen(content="cancelled")) is Fate.SHOWN
    assert message.text == "cancelled"
    assert message.attachments == ()


def test_progress_leaves_files_alone_and_a_result_sent_twice_has_them_once(world: World) -> None:
    watch, message = world.ask()
    world.edit(watch)
    world.edit(watch, PROGRESS, final=False)
    assert len(message.attachments) == 2
    world.edit(watch)
    assert len(message.attachments) == 2


# -- after the token -----------------------------------------------------------------------------


def test_after_fourteen_minutes_the_bot_edits_the_message_itself(world: World) -> None:
    watch, message = world.ask()
    world.server.advance(850)
    assert world.edit(watch, PROGRESS, final=False) is Fate.SHOWN
    world.server.advance(3600)
    assert world.edit(watch) is Fate.SHOWN
    assert message.embeds[0]["title"] == "Result"
    assert len(message.attachments) == 2
    assert world.ways() == ["PATCH channels"] * 2
    assert world.server.refused == []


@pytest.mark.parametrize("died", ["expired", "unknown", "missing"])
def test_a_token_that_is_refused_is_tried_once(world: World, died: str) -> None:
    watch, message = world.ask()
    if died == "expired":
        world.server.token_lives = 0.0
    else:
        watch = replace(watch, token="" if died == "missing" else "none.of.discord")
    assert world.edit(watch, PROGRESS, final=False) is Fate.SHOWN
    assert world.edit(watch) is Fate.SHOWN
    assert message.embeds[0]["title"] == "Result"
    tried = 0 if died == "missing" else 1
    assert world.ways() == ["PATCH webhooks"] * tried + ["PATCH channels"] * 2


def test_other_tokens_are_used_when_one_was_refused(world: World) -> None:
    watch, _ = world.ask()
    world.edit(replace(watch, token="none.of.discord"))
    world.edit(watch)
    assert world.ways() == ["PATCH webhooks", "PATCH channels", "PATCH webhooks"]


def test_a_private_result_comes_as_a_direct_message_and_progress_does_not(world: World) -> None:
    watch, message = world.ask(private=True)
    world.server.advance(900)
    assert world.edit(watch, PROGRESS, final=False) is Fate.SHOWN
    assert world.letters() == []
    assert world.edit(watch) is Fate.SHOWN
    (letter,) = world.letters()
    where = f"https://discord.com/channels/{world.guild.id}/{world.channel.id}"
    assert letter.content == f"You asked for this privately in {where}."
    assert letter.embeds[0]["title"] == "Result"
    assert [file.name for file in letter.attachments] == ["emotions.png", "report.html"]
    assert len(letter.controls) == 3
    assert message.content == "begun"
    assert world.server.messages(world.channel) == [message]


def test_in_a_direct_conversation_the_message_itself_shows_the_result(world: World) -> None:
    watch, message = world.ask(directly=True)
    world.server.advance(900)
    assert world.edit(replace(watch, private=True)) is Fate.SHOWN
    assert message.embeds[0]["title"] == "Result"
    assert world.letters() == [message]


# -- what is gone --------------------------------------------------------------------------------


@pytest.mark.parametrize("age", [0, 900])
@pytest.mark.parametrize("final", [True, False])
def test_a_message_that_was_deleted_is_not_made_anew(world: World, age: int, final: bool) -> None:
    watch, message = world.ask()
    world.server.delete(message)
    world.server.advance(age)
    assert world.edit(watch, final=final) is Fate.GONE
    assert world.server.messages(world.channel) == []
    assert world.letters() == []


def test_a_private_message_that_was_dismissed_is_gone(world: World) -> None:
    watch, message = world.ask(private=True)
    world.server.delete(message)
    assert world.edit(watch) is Fate.GONE
    assert world.letters() == []


def test_with_its_channel_a_message_is_gone(world: World) -> None:
    watch, _ = world.ask()
    world.server.delete_channel(world.channel)
    world.server.advance(900)
    assert world.edit(watch) is Fate.GONE
    assert world.letters() == []


def test_a_guild_that_has_removed_the_bot_hears_no_more_of_it(world: World) -> None:
    watch, _ = world.ask()
    world.server.remove_bot(world.guild)
    world.server.until(lambda: not world.client.guilds)
    world.server.advance(900)
    assert world.edit(watch, PROGRESS, final=False) is Fate.GONE
    assert world.edit(watch) is Fate.GONE
    assert world.letters() == []


# -- where the bot may not write -----------------------------------------------------------------


@pytest.mark.parametrize("permission", ["view_channel", "attach_files", "embed_links"])
def test_a_result_that_may_not_be_shown_goes_to_who_asked(world: World, permission: str) -> None:
    watch, message = world.ask()
    world.server.advance(900)
    world.server.permit(world.channel, **{permission: False})
    assert world.edit(watch) is Fate.SHOWN
    (letter,) = world.letters()
    where = f"https://discord.com/channels/{world.guild.id}/{world.channel.id}/{message.id}"
    assert letter.content == f"This belongs to {where}, where I cannot write any more."
    assert letter.embeds[0]["title"] == "Result"
    assert message.content == "begun"


def test_progress_that_may_not_be_shown_is_dropped(world: World) -> None:
    watch, _ = world.ask()
    world.server.advance(900)
    world.server.permit(world.channel, view_channel=False)
    assert world.edit(watch, PROGRESS, final=False) is Fate.SHOWN
    assert world.letters() == []


@pytest.mark.parametrize("on", ["/users/@me/channels", "/channels/{}/messages"])
def test_who_takes_no_direct_messages_does_not_get_one(
    world: World, monkeypatch: pytest.MonkeyPatch, on: str
) -> None:
    watch, _ = world.ask(private=True)
    world.server.advance(900)
    closed_to_strangers(world, monkeypatch, on)
    with capture_logs() as logs:
        assert world.edit(watch) is Fate.GONE
    assert [entry["event"] for entry in logs] == ["screen_not_taken", "result_out_of_reach"]
    assert world.letters() == []


def test_who_has_left_discord_gets_nothing(world: World) -> None:
    watch, _ = world.ask(private=True)
    world.server.advance(900)
    assert world.edit(replace(watch, user=1)) is Fate.GONE


# -- Discord in trouble --------------------------------------------------------------------------


@pytest.mark.parametrize("age", [0, 900])
@pytest.mark.parametrize("trouble", ["hangs up", "limits", "is forbidden by a proxy"])
def test_what_does_not_work_now_may_work_later(world: World, age: int, trouble: str) -> None:
    watch, message = world.ask()
    world.server.advance(age)
    if trouble == "hangs up":
        world.server.drop(on="PATCH")
    elif trouble == "limits":
        world.server.limit(5, 0.01, on="PATCH")
    else:
        world.server.fail(status=403, on="PATCH")
    assert world.edit(watch) is Fate.LATER
    assert world.edit(watch) is Fate.SHOWN
    assert message.embeds[0]["title"] == "Result"


@pytest.mark.parametrize("status", [503, 401])
def test_an_outage_is_no_reason_to_give_up(world: World, status: int) -> None:
    watch, _ = world.ask(private=True)
    world.server.advance(900)
    world.server.fail(status=status, on="POST /api/v10/users/@me/channels")
    assert world.edit(watch) is Fate.LATER
    world.server.fail(status=status, on="/messages")
    assert world.edit(watch) is Fate.LATER
    assert world.edit(watch) is Fate.SHOWN
    assert len(world.letters()) == 1


def test_a_bot_that_is_not_logged_in_can_show_nothing_yet(world: World) -> None:
    watch, _ = world.ask()
    delivery = Delivery(discord.Client(intents=discord.Intents.none()))
    assert asyncio.run(delivery.edit(watch, RESULT, final=True)) is Fate.LATER


def test_a_crowd_of_results_in_one_channel_is_shown_within_the_limit_of_discord(
    world: World,
) -> None:
    asked = [world.ask() for _ in range(25)]
    watches = {watch.message: watch for watch, _ in asked}
    world.server.advance(900)
    world.server.limits["edit"] = Limit(5, 0.5)

    async def send(message: int, screen: Screen, final: bool) -> bool:
        fate = await world.delivery.edit(watches[message], screen, final=final)
        return fate is not Fate.LATER

    async def all_at_once() -> None:
        editor = Editor(send, gap=0.1)
        for number in watches:
            editor.show(number, PROGRESS)
            editor.show(number, RESULT, final=True)
        await editor.settle()

    world.now(all_at_once())
    assert all(message.embeds[0]["title"] == "Result" for _, message in asked)
    assert all(len(message.states) == 2 for _, message in asked)
    assert world.server.refused == []


# -- files that are too large --------------------------------------------------------------------


def test_a_file_that_is_too_large_is_left_out_and_told_of(world: World) -> None:
    watch, message = world.ask()
    large = Attachment("report.html", bytes(12 * MEBIBYTE), "")
    assert world.edit(watch, replace(RESULT, files=(PICTURE, large))) is Fate.SHOWN
    assert [file.name for file in message.attachments] == ["emotions.png"]
    told = "report.html is too large for Discord (12 MB): ask whoever runs the bot to send it."
    assert message.content == told
    assert message.embeds[0]["title"] == "Result"


def test_what_discord_finds_too_large_all_the_same_is_left_out_too(world: World) -> None:
    watch, message = world.ask()
    world.server.attachment_limit = 5
    with capture_logs() as logs:
        assert world.edit(watch) is Fate.SHOWN
    assert message.attachments == ()
    assert "image" not in message.embeds[0]
    assert "report.html is too large" in message.content
    assert [entry["log_level"] for entry in logs] == ["error"]


def test_all_files_together_stay_within_the_limit() -> None:
    files = tuple(Attachment(name, bytes(4), "") for name in "abc")
    shown = fitted(replace(RESULT, content="Here it is.", files=files), 10)
    assert [file.name for file in shown.files] == ["a", "b"]
    assert shown.content.startswith("Here it is.\nc is too large for Discord (0.1 MB)")
    assert fitted(RESULT, MEBIBYTE) is RESULT


def test_a_picture_that_is_left_out_is_not_missed() -> None:
    embed = discord.Embed(title="Result", description="words")
    embed.set_image(url="attachment://emotions.png").set_thumbnail(url="attachment://emotions.png")
    shown = fitted(replace(RESULT, embeds=(embed, discord.Embed(title="more"))), 0)
    assert shown.embeds[0].to_dict().keys().isdisjoint({"image", "thumbnail"})
    assert shown.embeds[0].description == "words"
    assert embed.image.url == "attachment://emotions.png"


@given(
    content=st.text(max_size=2500),
    names=st.lists(st.text(min_size=1, max_size=300), max_size=10),
    sizes=st.lists(st.integers(0, 30), min_size=10, max_size=10),
    limit=st.integers(0, 100),
)
def test_whatever_is_left_out_the_message_keeps_the_limits(
    content: str, names: list[str], sizes: list[int], limit: int
) -> None:
    pairs = zip(names, sizes, strict=False)
    files = tuple(Attachment(name, bytes(length), "") for name, length in pairs)
    content = content[:1000]
    shown = fitted(Screen(content=content, files=files), limit)
    assert sum(len(file.data) for file in shown.files) <= limit
    assert size(shown.content) <= 2000
    assert set(shown.files) <= set(files)
    assert (shown.content == content) is (len(shown.files) == len(files))


# -- what Discord refuses for its form -----------------------------------------------------------


def test_a_result_that_discord_does_not_accept_leaves_a_word_instead(world: World) -> None:
    watch, message = world.ask()
    wrong = replace(RESULT, embeds=(discord.Embed(title="x" * 300),))
    with capture_logs() as logs:
        assert world.edit(watch, wrong) is Fate.SHOWN
    assert "Discord does not accept what is to be shown" in message.text
    assert {entry["event"] for entry in logs} == {"screen_refused"}
    assert "Must be 256 or fewer" in logs[0]["reason"]


def test_progress_that_discord_does_not_accept_is_not_tried_again(world: World) -> None:
    watch, message = world.ask()
    wrong = Screen(embeds=(discord.Embed(title="x" * 300),))
    with capture_logs() as logs:
        assert world.edit(watch, wrong, final=False) is Fate.SHOWN
    assert message.content == "begun"
    assert [entry["event"] for entry in logs] == ["screen_refused"]


# -- mentions ------------------------------------------------------------------------------------


def test_nobody_is_rung(world: World) -> None:
    watch, _ = world.ask(private=True)
    world.server.advance(900)
    world.edit(watch, Screen(content=f"{world.ann.mention} @everyone"))
    (letter,) = world.letters()
    assert world.ann.mention in letter.content
    assert letter.pinged == ()
    none = discord.AllowedMentions.none().to_dict()
    assert edit_options(RESULT)["allowed_mentions"].to_dict() == none
    assert send_options(RESULT)["allowed_mentions"].to_dict() == none


# -- what discord.py keeps -----------------------------------------------------------------------


def kept(client: discord.Client) -> int:
    """Views that the client keeps."""
    store = client._connection._view_store
    return len(store._views) + len(store._synced_message_views) + len(client.persistent_views)


def test_no_view_is_kept_for_messages_that_have_buttons(world: World) -> None:
    public, _ = world.ask()
    private, _ = world.ask(private=True)
    world.edit(public)
    world.edit(private)
    world.server.advance(900)
    world.edit(public)
    world.edit(private)
    assert len(world.letters()) == 1
    assert kept(world.client) == 0


def test_a_view_goes_with_its_message() -> None:
    view = view_of(RESULT)
    assert view is not None
    gone = weakref.ref(view)
    del view
    gc.collect()
    assert gone() is None


async def test_a_view_is_never_waited_for_and_has_the_buttons_in_rows() -> None:
    view = view_of(RESULT)
    assert view is not None
    assert view.is_finished()
    assert view.timeout is None
    first, last = view.to_components()
    assert [button["label"] for button in first["components"]] == ["Transcript", "Full report"]
    assert [button["style"] for button in first["components"]] == [2, 5]
    assert last["components"][0]["disabled"]
    assert view_of(Screen(content="words")) is None


def test_what_a_screen_does_not_have_is_not_sent() -> None:
    assert send_options(Screen(content="words")).keys() == {"content", "allowed_mentions"}
    assert edit_options(Screen()) | {"allowed_mentions": None} == {
        "content": None,
        "embeds": [],
        "attachments": [],
        "view": None,
        "allowed_mentions": None,
    }


def test_files_have_their_alternative_text_within_the_limit() -> None:
    files = files_of(Screen(files=(PICTURE, Attachment("b", b"", "long " * 1000))))
    assert files[0].description == "Joy rises at 1:20"
    assert size(files[1].description or "") <= 1024
    assert [file.fp.read() for file in files] == [b"png", b""]
