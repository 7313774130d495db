"""Commands about the bot itself, and how it behaves in a guild."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, Literal, cast

import discord
from discord import app_commands
from discord.app_commands import Range

from ...errors import InputError
from ...settings import Depth
from .. import answers
from ..rules import Quota, Rules
from .conversation import (
    DEPTHS,
    answer,
    asker_of,
    wait,
)
from .recordings import analyse

if TYPE_CHECKING:
    from ..client import Bot

    Interaction = discord.Interaction[Bot]


@app_commands.command(description="Show whether the bot works, and what is waiting.")
async def status(interaction: Interaction) -> None:
    await wait(interaction)
    health = await interaction.client.health(asker_of(interaction))
    await answer(interaction, answers.status(health))


@app_commands.command(name="help", description="Show what the bot can do.")
async def help_command(interaction: Interaction) -> None:
    named = {
        command.qualified_name: command.description
        for command in interaction.client.tree.walk_commands()
        if isinstance(command, app_commands.Command)
    }
    in_menus = {analyse.name: "Right-click a message or hold it down, then choose Apps."}
    await answer(interaction, answers.help_text(named, in_menus))


settings = app_commands.Group(
    name="settings",
    description="How the bot behaves on this server.",
    allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=False),
    default_permissions=discord.Permissions(manage_guild=True),
)


async def _decide(interaction: Interaction, **change: Any) -> None:
    """Change a rule and show them all."""
    bot, asker = interaction.client, asker_of(interaction)
    guild = cast("int", asker.guild)
    rules = (await asyncio.to_thread(bot.records.rules, guild)).model_copy(update=change)
    if change:
        await asyncio.to_thread(bot.records.decide, guild, rules)
    await answer(interaction, await asyncio.to_thread(bot.rules_screen, asker, rules))


@settings.command(
    name="show", description="Show the rules of this server, and how much may still be used."
)
async def show_settings(interaction: Interaction) -> None:
    await _decide(interaction)


@settings.command(name="channel", description="Choose where recordings may be asked for.")
@app_commands.describe(
    channel="Which one.", allowed="Whether there; none allowed means everywhere."
)
async def set_channel(
    interaction: Interaction,
    channel: discord.TextChannel | discord.VoiceChannel | discord.ForumChannel,
    allowed: bool,
) -> None:
    rules = await asyncio.to_thread(interaction.client.desk.rules, asker_of(interaction))
    others = tuple(number for number in rules.channels if number != channel.id)
    await _decide(interaction, channels=(*others, channel.id) if allowed else others)


@settings.command(name="depth", description="Choose the depth that is used where none is given.")
@app_commands.describe(depth="Who asks may still choose another.")
@app_commands.choices(depth=DEPTHS)
async def set_depth(interaction: Interaction, depth: str) -> None:
    await _decide(interaction, depth=Depth(depth))


@settings.command(name="language", description="Say which language is spoken in the recordings.")
@app_commands.describe(code="Such as en or de; left out: it is detected.")
async def set_language(interaction: Interaction, code: Range[str, 2, 3] | None = None) -> None:
    language = code.lower() if code else None
    if language is not None and not re.fullmatch(r"[a-z]{2,3}", language):
        raise InputError(
            f"“{code}” is no code of a language.", "Use one of ISO 639, such as en, de or fr."
        )
    await _decide(interaction, language=language)


@settings.command(name="quota", description="Limit what may be used within 24 hours.")
@app_commands.describe(
    who="Each member, or all together.",
    runs="Recordings asked for; left out: as the operator allows.",
    minutes="Minutes of recorded sound.",
    dollars="US dollars for a language model.",
)
async def set_quota(
    interaction: Interaction,
    who: Literal["member", "server"],
    runs: Range[int, 0, 100_000] | None = None,
    minutes: Range[float, 0, 1_000_000] | None = None,
    dollars: Range[float, 0, 100_000] | None = None,
) -> None:
    quota = Quota(runs=runs, minutes=minutes, dollars=dollars)
    await _decide(interaction, **{"user" if who == "member" else "guild": quota})


@settings.command(name="reset", description="Go back to what the operator has set.")
async def reset_settings(interaction: Interaction) -> None:
    await _decide(interaction, **Rules().model_dump())
