"""``autointel bot``: the Discord bot, until it is told to end."""

from __future__ import annotations

import asyncio
import gc
import signal
from contextlib import suppress

import discord
from rich.markup import escape

from ..discord_bot.client import Bot
from ..errors import JobsUnreachable, SettingsError
from ..observability import configure_logging
from ..settings import Settings, load_settings
from .monitoring import Presence, monitored
from .terminal import Exit, orderly_exit, stderr

STEPS = """\
  1. Open https://discord.com/developers/applications and press “New Application”.
  2. Choose “Bot” on the left, press “Reset Token” and copy the token.
     No privileged intent is needed: leave all of them off.
  3. Put it where only you can read it: a line DISCORD_BOT_TOKEN=… in .env, or in the environment.
  4. Run `autointel bot` again: it prints the link that brings the bot to your server."""


_AUTHENTICATION_FAILED = 4004
_PAUSE_S = 10.0


def bot() -> int:
    """Connect and stay until SIGTERM or Ctrl-C; returns the exit code."""
    with orderly_exit():
        settings = load_settings()
        configure_logging(settings)
        if settings.discord_token is None:
            raise SettingsError(
                "DISCORD_BOT_TOKEN is not set.", f"This is how to get one:\n{STEPS}"
            )
        with monitored(settings, {"discord": Presence().problem}):
            asyncio.run(_live(settings, settings.discord_token.get_secret_value()))
        stderr.print("Ended.")
        return Exit.COMPLETE


async def _live(settings: Settings, token: str) -> None:
    """Be the bot until the first signal.

    Raises:
        SettingsError: Discord does not accept the token, or not any more.
    """
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    client = await _made(settings, told)
    if client is None:
        return
    # What is there by now stays: to search it for garbage would halt everything for 0.1 s.
    gc.collect()
    gc.freeze()
    living, leaving = loop.create_task(client.start(token)), loop.create_task(told.wait())
    await asyncio.wait((living, leaving), return_when=asyncio.FIRST_COMPLETED)
    await client.close()
    for task in (living, leaving):
        task.cancel()
    try:
        await living
    except asyncio.CancelledError:
        return
    except discord.LoginFailure:
        raise _refused() from None
    except discord.ConnectionClosed as error:
        if error.code != _AUTHENTICATION_FAILED:
            raise
        raise _refused() from None


async def _made(settings: Settings, told: asyncio.Event) -> Bot | None:
    """The bot, as soon as its database can be had; None where it is told to end before."""
    while not told.is_set():
        try:
            return Bot(settings, ready=_welcome)
        except JobsUnreachable as error:
            stderr.print(f"{escape(error.message)} The bot waits for it.")
        with suppress(TimeoutError):
            await asyncio.wait_for(told.wait(), _PAUSE_S)
    return None


def _refused() -> SettingsError:
    return SettingsError("Discord does not accept DISCORD_BOT_TOKEN.", f"Get a new one:\n{STEPS}")


def _welcome(invitation: str) -> None:
    stderr.print("The bot is online. Ctrl-C ends it. This link brings it to a server:")
    stderr.print(f"  {invitation}")
    stderr.print("Recordings are analysed by `autointel worker`, or `autointel serve` does both.")
