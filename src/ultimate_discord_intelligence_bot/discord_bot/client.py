"""The bot: a client of Discord that takes orders and shows what becomes of them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from http import HTTPStatus
from typing import Any, cast

import aiohttp
import discord
import structlog
from discord import app_commands

from ..briefing.wording import counted
from ..errors import AutointelError, InputError, StorageError
from ..events import BotEvent, EditEvent, telemetry
from ..jobs.board import Board
from ..jobs.lease import alive
from ..settings import Settings
from . import answers
from .answers import Health
from .buttons import Press
from .commands import COMMANDS, Decision, Outcome, answer, done, received
from .delivery import Delivery
from .desk import Asker, Desk
from .library import Library
from .lock import Lock
from .quotas import Quotas
from .records import Records
from .rules import Rules
from .screens import Screen
from .watcher import Watcher, explained

PERMISSIONS = discord.Permissions(
    view_channel=True, send_messages=True, embed_links=True, attach_files=True
)
"""What the bot asks for when it is invited."""

INTENTS = discord.Intents(guilds=True)
"""What it wants to be told: which guilds and channels there are, and nothing that people write."""

_THREADS = 16
_LONGEST_WAIT_S = 30.0
"""Where Discord wants us to wait longer, something else is shown in the meantime."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
"""Before we try again to log in; each time twice as long."""

_KEPT_S = 90 * 24 * 3600.0
_TIDY_S = 6 * 3600.0
_UNKNOWN_INTERACTION = 10062

discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # it never speaks

log = structlog.get_logger(__name__)


class Bot(discord.Client):
    """The Discord face of Autointel; the work is done by workers in other processes.

    Args:
        settings: of the operator.
        clock: seconds since 1970.
        pause: seconds between two looks at the board.
        ready: called with the link that invites the bot, once it is connected.

    Raises:
        BotRunning: another bot has the data folder.
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
            http_trace=_limits(),
            **options,
        )
        self._settings, self._clock, self._welcome = settings, clock, ready
        with ExitStack() as opened:
            opened.enter_context(Lock(settings.data_dir / "discord.lock"))
            self.records = opened.enter_context(Records(settings.data_dir / "discord.sqlite"))
            self.board = opened.enter_context(Board(settings))
            self._opened = opened.pop_all()
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
        self.tree = _Tree(
            self,
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True),
            allowed_installs=app_commands.AppInstallationType(guild=True),
        )
        for command in COMMANDS:
            self.tree.add_command(command)
        self.tree.error(self._on_command_error)
        self._tasks: list[asyncio.Task[None]] = []
        self._orders: set[asyncio.Task[Any]] = set()
        self._is_known = False

    # -- living -------------------------------------------------------------------------------

    async def login(self, token: str) -> None:
        """Log in; where Discord cannot be reached, try until it can.

        Raises:
            discord.LoginFailure: the token is wrong.
        """
        pause = _FIRST_PAUSE_S
        while True:
            try:
                return await super().login(token)
            except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
                if not _may_pass(error):
                    raise
                log.warning("discord_unreachable", reason=str(error)[:200], again_in_s=pause)
            await self.http.close()
            self.http.connector = discord.utils.MISSING  # it was closed, too
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    async def setup_hook(self) -> None:
        """Before the connection: commands are registered, old messages followed again."""
        executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="bot")
        asyncio.get_running_loop().set_default_executor(executor)
        self.add_dynamic_items(Press, Decision)
        await self._register()
        await self._take_up()
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

    async def _take_up(self) -> None:
        """Begin what was accepted in an earlier life, where the message for it was posted."""
        for ticket in await asyncio.to_thread(self.desk.left_over):
            webhook = discord.Webhook.partial(self.application_id or 0, ticket.token, client=self)
            try:
                message = await webhook.fetch_message(cast("int", "@original"))
                watch = await asyncio.to_thread(self.desk.begin, ticket, message.id)
            except discord.HTTPException as error:
                if not _may_pass(error):
                    await asyncio.to_thread(self.desk.withdraw, ticket)
                log.info("order_not_taken_up", job=ticket.name, reason=str(error)[:200])
            except (AutointelError, aiohttp.ClientError, OSError) as error:
                log.warning("order_not_taken_up", job=ticket.name, reason=str(error)[:200])
            else:
                self.watcher.add(watch)

    async def _tidy(self) -> None:
        while True:
            with suppress(StorageError):
                await asyncio.to_thread(self.records.prune, self._clock() - _KEPT_S)
            await asyncio.sleep(_TIDY_S)

    async def on_ready(self) -> None:
        """Connected, perhaps not for the first time."""
        log.info("bot_ready", guilds=len(self.guilds))
        telemetry.emit(BotEvent(online=True))
        if not self._is_known:
            self._is_known = True
            self._welcome(self.invitation)
        watches = await asyncio.to_thread(self.records.watches)
        # Those that have removed us while we were away; one with an outage is among ours.
        for guild in {w.guild for w in watches if w.guild} - {each.id for each in self.guilds}:
            await self._leave(guild)

    async def on_resumed(self) -> None:
        """Connected again, as if nothing had been."""
        telemetry.emit(BotEvent(online=True))

    async def on_disconnect(self) -> None:
        """Not connected for now."""
        telemetry.emit(BotEvent(online=False))

    async def on_app_command_completion(
        self,
        interaction: discord.Interaction[Any],
        command: app_commands.Command[Any, ..., Any] | app_commands.ContextMenu,
    ) -> None:
        """A command was answered."""
        done(interaction, command.qualified_name, "answered")

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
        if self._orders:
            await asyncio.wait(self._orders, timeout=_LONGEST_WAIT_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.watcher.close()
        await self.library.close()
        await super().close()
        telemetry.emit(BotEvent(online=False))
        self._opened.close()

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """A guild does not want the bot any more: nothing more is done for it."""
        await self._leave(guild.id)

    async def _leave(self, guild: int) -> None:
        self.watcher.leave(guild)
        jobs = await asyncio.to_thread(self.desk.leave, guild)
        log.info("guild_left", guild=guild, jobs=len(jobs))

    @contextmanager
    def ordering(self) -> Iterator[None]:
        """While an order is being taken; it is taken to its end, also when the bot is to end."""
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._orders.add(task)
        try:
            yield
        finally:
            self._orders.discard(task)

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
        # One that is still under way would remember it again.
        await asyncio.to_thread(self.desk.stop, tenant, source_id)
        askers, watches = await asyncio.to_thread(self.desk.askers, tenant, source_id)
        gone = await self.library.forget(tenant, source_id)
        await asyncio.to_thread(self.desk.forget, askers)
        messages = 0
        for watch in watches:
            await self.remove(watch.message)
            place = self.get_partial_messageable(watch.channel)
            try:
                await place.get_partial_message(watch.message).delete()
                messages += 1
            except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
                log.info("message_left", message=watch.message, reason=str(error)[:200])
        passages, facts = counted(gone.records, "passage"), counted(gone.nodes, "fact")
        return f"{passages}, {facts} and {counted(messages, 'message')} are gone."

    async def remove(self, message: int) -> None:
        """A message is gone, or is to go: nothing more is shown in it."""
        self.watcher.drop([message])
        await asyncio.to_thread(self.records.end, [message])

    # -- what goes wrong ----------------------------------------------------------------------

    def explain(self, error: BaseException) -> Screen:
        """What went wrong, for the person who asked."""
        return explained(error)

    async def apologise(
        self, interaction: discord.Interaction[Any], error: BaseException, what: str = ""
    ) -> None:
        """Tell whoever asked, and nobody else, what went wrong.

        Args:
            interaction: of whoever asked.
            error: what was raised.
            what: the kind of button that was pressed; by default the command that was used.
        """
        if isinstance(error, app_commands.CommandInvokeError):
            error = error.original
        done(interaction, what or _name(interaction), _outcome(error))
        if isinstance(error, discord.HTTPException) and error.code == _UNKNOWN_INTERACTION:
            log.warning("answered_too_late", interaction=interaction.id)
            return
        try:
            await answer(interaction, self.explain(error))
        except discord.HTTPException as reason:
            log.warning("not_told", reason=str(reason)[:200])

    async def _on_command_error(
        self, interaction: discord.Interaction[Any], error: app_commands.AppCommandError
    ) -> None:
        await self.apologise(interaction, error)


class _Tree(app_commands.CommandTree[Bot]):
    """The commands; when each was asked for is noted."""

    async def interaction_check(self, interaction: discord.Interaction[Bot], /) -> bool:
        received(interaction)
        return True


def _name(interaction: discord.Interaction[Any]) -> str:
    return interaction.command.qualified_name if interaction.command else "button"


def _outcome(error: BaseException) -> Outcome:
    if isinstance(error, discord.HTTPException) and error.code == _UNKNOWN_INTERACTION:
        return "too_late"
    return "refused" if isinstance(error, InputError) else "failed"


def _limits() -> aiohttp.TraceConfig:
    """Counts the edits that Discord puts off; discord.py waits and repeats them by itself."""

    async def note(_session: object, _context: object, done: aiohttp.TraceRequestEndParams) -> None:
        if done.response.status == HTTPStatus.TOO_MANY_REQUESTS and done.method == "PATCH":
            telemetry.emit(EditEvent("throttled"))

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(note)
    return trace


def _may_pass(error: Exception) -> bool:
    """Whether it is Discord's trouble or the network's, not ours."""
    if isinstance(error, discord.HTTPException):
        return error.status >= 500 or error.status == HTTPStatus.TOO_MANY_REQUESTS
    return not isinstance(error, discord.DiscordException) or isinstance(error, discord.RateLimited)
