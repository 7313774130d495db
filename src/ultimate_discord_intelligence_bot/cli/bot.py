"""``autointel bot``: the Discord bot, until it is told to end."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress

from ..discord_bot.client import Bot
from ..errors import SettingsError
from ..observability import configure_logging
from ..settings import Settings, load_settings
from .terminal import Exit, orderly_exit, stderr

STEPS = """\
  1. Open https://discord.com/developers/applications and press “New Application”.
  2. Choose “Bot” on the left, press “Reset Token” and copy the token.
     No privileged intent is needed: leave all of them off.
  3. Put it where only you can read it: a line DISCORD_BOT_TOKEN=… in .env, or in the environment.
  4. Run `autointel bot` again: it prints the link that brings the bot to your server."""


def bot() -> int:
    """Connect and stay until SIGTERM or Ctrl-C; returns the exit code."""
    with orderly_exit():
        settings = load_settings()
        configure_logging(settings.log_level)
        if settings.discord_token is None:
            raise SettingsError(
                "DISCORD_BOT_TOKEN is not set.", f"This is how to get one:\n{STEPS}"
            )
        asyncio.run(_live(settings, settings.discord_token.get_secret_value()))
        stderr.print("Ended.")
        return Exit.COMPLETE


async def _live(settings: Settings, token: str) -> None:
    import discord

    client = Bot(settings, ready=_welcome)
    ended = asyncio.create_task(_until_told(client))
    try:
        await client.start(token)
    except discord.LoginFailure:
        raise SettingsError(
            "Discord does not accept DISCORD_BOT_TOKEN.", f"Get a new one:\n{STEPS}"
        ) from None
    finally:
        ended.cancel()
        with suppress(asyncio.CancelledError):
            await ended
        await client.close()


def _welcome(invitation: str) -> None:
    stderr.print("The bot is online. Ctrl-C ends it. This link brings it to a server:")
    stderr.print(f"  {invitation}")
    stderr.print("Recordings are analysed by `autointel worker`, or `autointel serve` does both.")


async def _until_told(client: Bot) -> None:
    """Close the client at the first signal."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    await told.wait()
    await client.close()
