"""The bot: a client of Discord that takes orders and shows what becomes of them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import discord
import structlog
from discord import app_commands

from ..errors import AutointelError, StorageError
from ..jobs.board import Board
from ..jobs.lease import alive
from ..settings import Settings
from . import answers
from .answers import Health
from .buttons import Press
from .commands import COMMANDS, answer
from .delivery import Delivery
from .desk import Asker, Desk
from .library import Library
from .quotas import Quotas
from .records import Records
from .rules import Rules
from .screens import Screen, failed
from .watcher import Watcher

PERMISSIONS = discord.Permissions(
    view_channel=True, send_messages=True, embed_links=True, attach_files=True
)
"""What the bot asks for when it is invited."""

INTENTS = discord.Intents(guilds=True)
"""What it wants to be told: which guilds and channels there are, and nothing that people write."""

_THREADS = 16
_LONGEST_WAIT_S = 30.0
"""Where Discord wants us to wait longer, something else is shown in the meantime."""

_KEPT_S = 90 * 24 * 3600.0
_TIDY_S = 6 * 3600.0
_UNKNOWN_INTERACTION = 10062

log = structlog.get_logger(__name__)


class Bot(discord.Client):
    """The Discord face of Autointel; the work is done by workers in other processes.

    Args:
        settings: of the operator.
        clock: seconds since 1970.
        pause: seconds between two looks at the board.
        ready: called with the link that invites the bot, once it is connected.

    Raises:
        JobsUnreachable, StorageError: its databases cannot be had.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.time,
        pause: float = 2.0,
        ready: Callable[[str], None] = lambda invitation: None,
        **options: Any,
    ) -> None:
        super().__init__(
            intents=INTENTS,
            allowed_mentions=discord.AllowedMentions.none(),
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            max_messages=None,
            max_ratelimit_timeout=_LONGEST_WAIT_S,
            **options,
        )
        self._settings, self._clock, self._welcome = settings, clock, ready
        self.board = Board(settings)
        self.records = Records(settings.data_dir / "discord.sqlite")
        self.quotas = Quotas(self.records, settings, clock=clock)
        self.library = Library(settings)
        self.desk = Desk(settings, self.board, self.records, self.quotas, clock=clock)
        self.watcher = Watcher(
            settings,
            self.board,
            self.records,
            self.quotas,
            self.library,
            Delivery(self, clock=clock),
            clock=clock,
            pause=pause,
        )
        self.tree = app_commands.CommandTree(
            self,
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True),
            allowed_installs=app_commands.AppInstallationType(guild=True),
        )
        for command in COMMANDS:
            self.tree.add_command(command)
        self.tree.error(self._on_command_error)
        self._tasks: list[asyncio.Task[None]] = []

    # -- living -------------------------------------------------------------------------------

    async def setup_hook(self) -> None:
        """Before the connection: commands are registered, old messages followed again."""
        executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="bot")
        asyncio.get_running_loop().set_default_executor(executor)
        self.add_dynamic_items(Press)
        await self._register()
        self._tasks = [
            asyncio.create_task(self.watcher.run()),
            asyncio.create_task(self._tidy()),
        ]

    async def _register(self) -> None:
        """Tell Discord our commands where they have changed; it allows that 200 times a day."""
        commands = [command.to_dict(self.tree) for command in self.tree.get_commands()]
        text = json.dumps([self.application_id, commands], sort_keys=True, default=str)
        mark = hashlib.sha256(text.encode()).hexdigest()
        if await asyncio.to_thread(self.records.noted, "commands") != mark:
            await self.tree.sync()
            await asyncio.to_thread(self.records.note, "commands", mark)

    async def _tidy(self) -> None:
        while True:
            with suppress(StorageError):
                await asyncio.to_thread(self.records.prune, self._clock() - _KEPT_S)
            await asyncio.sleep(_TIDY_S)

    async def on_ready(self) -> None:
        """Connected."""
        log.info("bot_ready", guilds=len(self.guilds))
        self._welcome(self.invitation)

    @property
    def invitation(self) -> str:
        """The link with which somebody brings the bot to their server."""
        return discord.utils.oauth_url(
            self.application_id or 0,
            permissions=PERMISSIONS,
            scopes=("bot", "applications.commands"),
        )

    async def close(self) -> None:
        """Send what is final, and end."""
        if self.is_closed():
            return
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.watcher.close()
        await self.library.close()
        await super().close()
        self.board.close()
        self.records.close()

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """A guild does not want the bot any more: nothing more is done for it."""
        jobs = await asyncio.to_thread(self.desk.leave, guild.id)
        self.watcher.leave(guild.id)
        log.info("guild_left", guild=guild.id, jobs=len(jobs))

    # -- what commands and buttons ask --------------------------------------------------------

    async def health(self, asker: Asker) -> Health:
        """How the whole stands, as far as it concerns whoever asks."""
        problems = [] if self.watcher.problem is None else [self.watcher.problem]
        counts: dict[Any, int] = {}
        workers = recordings = passages = None
        try:
            counts = dict(await asyncio.to_thread(self.board.counts))
            workers = await asyncio.to_thread(alive, self._settings)
        except AutointelError as error:
            problems.append(str(error))
        try:
            stats = await self.library.stats(asker.tenant())
            recordings, passages = stats.vector.sources, stats.vector.segments
        except AutointelError as error:
            problems.append(str(error))
        return Health(
            waiting=counts.get("waiting", 0),
            running=counts.get("running", 0),
            workers=workers,
            recordings=recordings,
            passages=passages,
            problems=tuple(dict.fromkeys(problems)),
        )

    def rules_screen(self, asker: Asker, rules: Rules) -> Screen:
        """What holds in a guild, and how much is left. Blocks."""
        left = self.quotas.left(asker.user, asker.guild, rules)
        return answers.rules(rules, *left)

    async def forget(self, tenant: str, source_id: str) -> str:
        """Forget a recording and remove the messages about it; returns what is gone, in words."""
        askers, watches = await asyncio.to_thread(self.desk.askers, tenant, source_id)
        gone = await self.library.forget(tenant, source_id)
        for watch in watches:
            await self.remove(watch.message)
            with suppress(discord.HTTPException):
                place = self.get_partial_messageable(watch.channel)
                await place.get_partial_message(watch.message).delete()
        await asyncio.to_thread(self.desk.forget, askers)
        return (
            f"{gone.records} passages and {gone.nodes} facts are gone, and {len(watches)} messages."
        )

    async def remove(self, message: int) -> None:
        """A message is gone, or is to go: nothing more is shown in it."""
        self.watcher.drop([message])
        await asyncio.to_thread(self.records.end, [message])

    # -- what goes wrong ----------------------------------------------------------------------

    def explain(self, error: BaseException) -> Screen:
        """What went wrong, for the person who asked."""
        if isinstance(error, AutointelError):
            return failed(error.message, error.remedy)
        log.error("bot_failed", exc_info=error)
        return failed(
            f"This is a defect of ours ({type(error).__name__}).",
            "Try it again; if it happens twice, tell whoever runs the bot.",
        )

    async def apologise(self, interaction: discord.Interaction[Any], error: BaseException) -> None:
        """Tell whoever asked, and nobody else, what went wrong."""
        if isinstance(error, app_commands.CommandInvokeError):
            error = error.original
        if isinstance(error, discord.HTTPException) and error.code == _UNKNOWN_INTERACTION:
            log.warning("answered_too_late", command=interaction.data)
            return
        try:
            await answer(interaction, self.explain(error))
        except discord.HTTPException as reason:
            log.warning("not_told", reason=str(reason)[:200])

    async def _on_command_error(
        self, interaction: discord.Interaction[Any], error: app_commands.AppCommandError
    ) -> None:
        await self.apologise(interaction, error)
