"""Who asks, how they are answered, and how an order is taken."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import discord
from discord.app_commands import Choice

from ...errors import NotAllowed
from ...events import CommandEvent, telemetry
from ..delivery import edit_options, send_options
from ..desk import Asker, Order
from ..screens import Screen
from ..text import plain

if TYPE_CHECKING:
    from ..client import Bot

    Interaction = discord.Interaction[Bot]

LONGEST_CHOICE, MOST_CHOICES = 100, 25

QUESTION_STANDS = timedelta(minutes=5)
"""How long a question to somebody can be answered."""

Outcome = Literal["answered", "refused", "failed", "too_late"]
"""How something that was asked for has ended, as ``CommandEvent`` has it."""

_ALREADY_ACKNOWLEDGED = 40060

DEPTHS = [
    Choice(name="standard: topics, key points, claims, sentiment", value="standard"),
    Choice(name="deep: also fallacies, positions, emotions; top claims checked", value="deep"),
    Choice(
        name="comprehensive: every claim checked, compared with all before", value="comprehensive"
    ),
    Choice(name="experimental: a second opinion on every verdict", value="experimental"),
]
"""The depths, as they are offered."""


def choice(name: str, value: str) -> Choice[str]:
    """A choice whose name fits and has no marks in it."""
    return Choice(name=plain(name, LONGEST_CHOICE) or value, value=value)


def asker_of(interaction: Interaction) -> Asker:
    """Who asks, and where."""
    return Asker(
        user=interaction.user.id,
        guild=interaction.guild_id,
        channel=interaction.channel_id or 0,
        manages=interaction.permissions.manage_messages,
    )


async def answer(interaction: Interaction, screen: Screen, *, private: bool = True) -> int:
    """Answer, or follow up on what was answered.

    Args:
        interaction: what is answered.
        screen: the answer.
        private: only whoever asked sees it.

    Returns:
        The id of the message.
    """
    options = send_options(screen)
    if not interaction.response.is_done():
        said = await interaction.response.send_message(**options, ephemeral=private)
        acknowledged(interaction)
        return said.message_id or (await interaction.original_response()).id
    if private and interaction.extras.pop(_SHARED, False):
        # What comes after a public "is thinking..." is public itself.
        await interaction.delete_original_response()
    return (await interaction.followup.send(**options, ephemeral=private, wait=True)).id


_SHARED = "autointel.shared"


async def wait(interaction: Interaction, *, share: bool = False) -> None:
    """Show that an answer is coming; everybody sees it, or only whoever asked."""
    interaction.extras[_SHARED] = share
    await interaction.response.defer(ephemeral=not share)
    acknowledged(interaction)


# -- what is told of it -----------------------------------------------------------------------


_BEGAN, _ACKNOWLEDGED = "autointel.began", "autointel.acknowledged"


def received(interaction: discord.Interaction[Any]) -> None:
    """Note that somebody asks for something."""
    interaction.extras[_BEGAN] = time.monotonic()


def acknowledged(interaction: discord.Interaction[Any]) -> None:
    """Note that Discord has our first answer."""
    if (began := interaction.extras.get(_BEGAN)) is not None:
        interaction.extras.setdefault(_ACKNOWLEDGED, time.monotonic() - began)


def done(interaction: discord.Interaction[Any], what: str, outcome: Outcome) -> None:
    """Tell those who watch the bot how something that was asked for has ended."""
    telemetry.emit(CommandEvent(what, outcome, interaction.extras.get(_ACKNOWLEDGED)))


# -- an order -----------------------------------------------------------------------------------


async def place(interaction: Interaction, order: Order, *, anew: bool = False) -> None:
    """Take an order; a message shows what becomes of it.

    Args:
        interaction: of whoever orders.
        order: what is wanted.
        anew: the message under the pressed button shows it, not a new one.
    """
    with interaction.client.ordering():
        await _place(interaction, order, anew)


async def _place(interaction: Interaction, order: Order, anew: bool) -> None:
    bot, asker = interaction.client, asker_of(interaction)
    await check_channel(interaction)
    ticket = await asyncio.to_thread(bot.desk.accept, order, asker, interaction.token)
    try:
        message = await _announce(interaction, bot.watcher.opening(ticket), ticket.private, anew)
        acknowledged(interaction)
    except BaseException:
        await asyncio.to_thread(bot.desk.withdraw, ticket)
        raise
    try:
        watch = await asyncio.to_thread(bot.desk.begin, ticket, message)
    except Exception as error:
        await interaction.edit_original_response(**edit_options(bot.explain(error)))
        return
    bot.watcher.add(watch)


async def _announce(interaction: Interaction, screen: Screen, private: bool, anew: bool) -> int:
    """Show the first state of an order; returns the id of the message."""
    if anew and interaction.message is not None:
        await interaction.response.edit_message(**edit_options(screen))
        return interaction.message.id
    hidden = private and interaction.guild_id is not None
    try:
        said = await interaction.response.send_message(**send_options(screen), ephemeral=hidden)
    except discord.HTTPException as error:
        # It was posted, and only the reply was lost: a second try is refused.
        if error.code != _ALREADY_ACKNOWLEDGED:
            raise
    else:
        if said.message_id:
            return said.message_id
    return (await interaction.original_response()).id


async def check_channel(interaction: Interaction) -> None:
    """See that the bot may be asked here.

    Raises:
        NotAllowed: those who run the guild have chosen other channels.
    """
    bot = interaction.client
    rules = await asyncio.to_thread(bot.desk.rules, asker_of(interaction))
    here = {interaction.channel_id, getattr(interaction.channel, "parent_id", None)}
    if not rules.channels or here & set(rules.channels):
        return
    names = ", ".join(f"#{name}" for name in _seen(interaction, rules.channels))
    raise NotAllowed(
        "Recordings are not asked for in this channel.",
        f"Use {names}." if names else "Ask whoever runs this server which channels to use.",
    )


def _seen(interaction: Interaction, channels: Collection[int]) -> Iterator[str]:
    """The names of those channels that whoever asks can see."""
    guild, member = interaction.guild, interaction.user
    if guild is None or not isinstance(member, discord.Member):
        return
    for number in channels:
        channel = guild.get_channel(number)
        if channel is not None and channel.permissions_for(member).view_channel:
            yield channel.name
