"""Brings screens to messages of Discord, by the way that is open."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from enum import Enum, auto
from http import HTTPStatus
from typing import Literal, NamedTuple, TypedDict

import aiohttp
import discord
import structlog

from .screens import Attachment, Screen, failed
from .text import cut, plain, size, snippet
from .watch import Watch

DIRECT_LIMIT = discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES
"""Bytes of files that a direct message takes; a guild's may take more."""

_TOKEN_LIVES = 15 * 60.0 - 60.0
"""Seconds after which a message is no longer edited by the token, with a minute to spare."""

_LONGEST_CONTENT, _LONGEST_NOTES, _LONGEST_ALT = 2000, 1500, 1024

# Discord's codes: https://docs.discord.com/developers/topics/opcodes-and-status-codes
_MISSING = {
    10003,  # unknown channel
    10004,  # unknown guild
    10008,  # unknown message
    10013,  # unknown user
}
_CLOSED = {
    20026,  # the bot is taken for a spammer
    50001,  # missing access
    50005,  # the message is somebody else's
    50007,  # the person takes no direct messages
    50013,  # missing permissions
    50083,  # the thread is archived
    50278,  # no guild in common
}
_TOKEN_REFUSED = {10015, 50027}
_OPENED_TOO_FAST = 40003

log = structlog.get_logger(__name__)


class Fate(Enum):
    """What became of a screen."""

    SHOWN = auto()
    """It can be seen, or is of no use any more."""
    GONE = auto()
    """Its message, channel or guild is gone, or out of reach: there is nothing more to do."""
    LATER = auto()
    """Discord is in trouble, or cannot be reached: try again."""


class _Refusal(Enum):
    """What follows where Discord did not take a screen."""

    GONE = auto()
    """Nothing: there is no such message any more."""
    CLOSED = auto()
    """Another way may be open."""
    LATER = auto()
    """The same may work later."""
    FORM = auto()
    """It is the screen itself that is not taken."""


# -- what discord.py takes -----------------------------------------------------------------------


class SendOptions(TypedDict, total=False):
    """How a new message is made; what a screen does not have is left out."""

    content: str
    embeds: list[discord.Embed]
    files: list[discord.File]
    view: discord.ui.View
    allowed_mentions: discord.AllowedMentions


class EditOptions(TypedDict, total=False):
    """How a message comes to show something else, and nothing of what it showed."""

    content: str | None
    embeds: list[discord.Embed]
    attachments: list[discord.File]
    view: discord.ui.View | None
    allowed_mentions: discord.AllowedMentions


def files_of(screen: Screen) -> list[discord.File]:
    """The files of a screen, with their descriptions; good for one message."""
    return [_file(attachment) for attachment in screen.files]


def _file(attachment: Attachment) -> discord.File:
    alt = plain(attachment.alt, _LONGEST_ALT) or None
    return discord.File(io.BytesIO(attachment.data), attachment.name, description=alt)


class _Buttons(discord.ui.View):
    """Buttons that a ``DynamicItem`` answers to.

    discord.py keeps a view until it is finished, one for each message that it was sent to. This
    one always is: nothing of it is kept.
    """

    def __init__(self) -> None:
        super().__init__(timeout=None)

    def is_finished(self) -> bool:
        return True


def view_of(screen: Screen) -> discord.ui.View | None:
    """The buttons of a screen; None where it has none."""
    if not screen.rows:
        return None
    view = _Buttons()
    for place, row in enumerate(screen.rows):
        for button in row:
            made: discord.ui.Button[_Buttons] = discord.ui.Button(
                label=button.label,
                custom_id=button.custom_id,
                url=button.url,
                style=discord.ButtonStyle[button.style],
                disabled=button.disabled,
                row=place,
            )
            view.add_item(made)
    return view


def send_options(screen: Screen) -> SendOptions:
    """What ``send``, ``send_message`` and the like take, to show a screen in a new message."""
    options = SendOptions(allowed_mentions=discord.AllowedMentions.none())
    if screen.content:
        options["content"] = screen.content
    if screen.embeds:
        options["embeds"] = list(screen.embeds)
    if screen.files:
        options["files"] = files_of(screen)
    if view := view_of(screen):
        options["view"] = view
    return options


def edit_options(screen: Screen) -> EditOptions:
    """What ``edit``, ``edit_message`` and the like take, to show a screen and nothing else."""
    return EditOptions(
        content=screen.content or None,
        embeds=list(screen.embeds),
        attachments=files_of(screen),
        view=view_of(screen),
        allowed_mentions=discord.AllowedMentions.none(),
    )


def fitted(screen: Screen, limit: int) -> Screen:
    """The screen without the files that Discord would not take; its text tells of them.

    Args:
        screen: with files, of which the first are the most important.
        limit: bytes of one file, and of all together.
    """
    kept, left = [], []
    for file in screen.files:
        if len(file.data) <= limit:
            limit -= len(file.data)
            kept.append(file)
        else:
            left.append(file)
    if not left:
        return screen
    content = _noted(screen.content, *map(_too_large, left))
    places = {f"attachment://{file.name}" for file in left}
    embeds = tuple(_unpictured(embed, places) for embed in screen.embeds)
    return replace(screen, content=content, embeds=embeds, files=tuple(kept))


def _too_large(file: Attachment) -> str:
    megabytes = math.ceil(10 * len(file.data) / (1 << 20)) / 10
    name = snippet(file.name, 60)
    return (
        f"{name} is too large for Discord ({megabytes:g} MB): ask whoever runs the bot to send it."
    )


def _noted(content: str, *notes: str) -> str:
    """The content of a message, and something more to be told below it."""
    told = cut("\n".join(notes), _LONGEST_NOTES)
    if not content:
        return told
    return f"{cut(content, _LONGEST_CONTENT - size(told) - 1)}\n{told}"


def _unpictured(embed: discord.Embed, places: set[str]) -> discord.Embed:
    """The embed without pictures from these places."""
    if not {embed.image.url, embed.thumbnail.url} & places:
        return embed
    embed = embed.copy()
    if embed.image.url in places:
        embed.set_image(url=None)
    if embed.thumbnail.url in places:
        embed.set_thumbnail(url=None)
    return embed


# -- the ways to a message -----------------------------------------------------------------------


class _Way(NamedTuple):
    """How a screen may reach a reader.

    Attributes:
        name: for the log.
        go: takes the screen there, or raises what discord.py raises.
        limit: bytes of files.
    """

    name: Literal["token", "channel", "direct"]
    go: Callable[[Watch, Screen, bool], Awaitable[object]]
    limit: int


class Delivery:
    """Lets messages show screens.

    Args:
        client: logged in, or about to be.
        clock: seconds since 1970.
    """

    def __init__(self, client: discord.Client, *, clock: Callable[[], float] = time.time) -> None:
        self._client, self._clock = client, clock
        self._refused: dict[str, float] = {}

    async def edit(self, watch: Watch, screen: Screen, *, final: bool) -> Fate:
        """Let the message of a watch show a screen.

        It is edited by the token of its interaction, and when that is dead by the bot itself.
        The last screen goes to the person directly where neither is possible. Nobody is mentioned,
        and a message that was deleted is not made anew.

        Args:
            watch: tells the message.
            screen: its files are shown if it is final; those that are too large are left out.
            final: the last one. Others are dropped where the message itself cannot show them.
        """
        if self._client.is_closed() or self._client.application_id is None:
            return Fate.LATER
        for way in self._ways(watch, final):
            refusal = await self._take(way, watch, screen, final)
            if refusal is None:
                return Fate.SHOWN
            if refusal is _Refusal.LATER:
                return Fate.LATER
            if refusal is _Refusal.GONE or (way.name == "channel" and self._is_outside(watch)):
                return Fate.GONE
        if not final:
            return Fate.SHOWN
        log.warning("result_out_of_reach", job=watch.job, message=watch.message)
        return Fate.GONE

    def _ways(self, watch: Watch, final: bool) -> Iterator[_Way]:
        """Those that may be open, the best first."""
        guild = self._client.get_guild(watch.guild or 0)
        limit = guild.filesize_limit if guild else DIRECT_LIMIT
        dies = self._refused.get(watch.token, watch.created + _TOKEN_LIVES)
        if watch.token and self._clock() < dies:
            yield _Way("token", self._by_token, limit)
        # In a direct conversation everything is between the two, and nothing ephemeral.
        if not watch.private or watch.guild is None:
            yield _Way("channel", self._in_channel, limit)
        if final:
            yield _Way("direct", self._directly, DIRECT_LIMIT)

    def _is_outside(self, watch: Watch) -> bool:
        """Whether the bot was removed from the guild."""
        if watch.guild is None or not self._client.is_ready():
            return False
        return self._client.get_guild(watch.guild) is None

    async def _take(self, way: _Way, watch: Watch, screen: Screen, final: bool) -> _Refusal | None:
        """Go a way, if need be with less and less of the screen; None: it is shown."""
        refusal = None
        for shown in _versions(screen, way.limit) if final else (screen,):
            try:
                await way.go(watch, shown, final)
            except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
                refusal = self._refusal(error, way, watch)
                about = {"way": way.name, "job": watch.job, "reason": str(error)[:300]}
            else:
                return None
            if refusal is not _Refusal.FORM:
                log.info("screen_not_taken", **about, then=refusal.name.lower())
                return refusal
            log.error("screen_refused", **about)
        return _Refusal.GONE if final else None

    def _refusal(self, error: Exception, way: _Way, watch: Watch) -> _Refusal:
        if not isinstance(error, discord.HTTPException):
            return _Refusal.LATER
        if error.code in _MISSING:
            return _Refusal.GONE
        if error.code in _CLOSED:
            return _Refusal.CLOSED
        if way.name == "token" and (
            error.status == HTTPStatus.UNAUTHORIZED or error.code in _TOKEN_REFUSED
        ):
            self._refuse(watch)
            return _Refusal.CLOSED
        if (
            error.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS)
            or error.status >= 500
        ):
            return _Refusal.LATER
        # Without a code it is not Discord that speaks, but something on the way to it.
        if error.code == _OPENED_TOO_FAST or (
            error.code == 0 and error.status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        ):
            return _Refusal.LATER
        return _Refusal.FORM

    def _refuse(self, watch: Watch) -> None:
        """Use a token no more; Discord locks out who asks in vain too often."""
        now = self._clock()
        self._refused = {
            token: at for token, at in self._refused.items() if now < at + _TOKEN_LIVES
        }
        self._refused[watch.token] = now

    async def _by_token(self, watch: Watch, screen: Screen, final: bool) -> None:
        application = self._client.application_id
        if application is None:
            raise discord.ClientException("The bot is not logged in.")
        webhook = discord.Webhook.partial(application, watch.token, client=self._client)
        await webhook.edit_message(watch.message, **_changes(screen, final))

    async def _in_channel(self, watch: Watch, screen: Screen, final: bool) -> None:
        channel = self._client.get_partial_messageable(watch.channel, guild_id=watch.guild)
        await channel.get_partial_message(watch.message).edit(**_changes(screen, final))

    async def _directly(self, watch: Watch, screen: Screen, final: bool) -> None:
        place = f"https://discord.com/channels/{watch.guild or '@me'}/{watch.channel}"
        if watch.private:
            told = f"You asked for this privately in {place}."
        else:
            told = f"This belongs to {place}/{watch.message}, where I cannot write any more."
        channel = await self._client.create_dm(discord.Object(watch.user))
        shown = replace(screen, content=_noted(told, screen.content) if screen.content else told)
        # Whoever does not hear the answer and sends it again is not to have it there twice.
        await channel.send(**send_options(shown), nonce=str(watch.message))


def _changes(screen: Screen, final: bool) -> EditOptions:
    """Progress leaves the files of a message alone."""
    options = edit_options(screen)
    if not final:
        del options["attachments"]
    return options


def _versions(screen: Screen, limit: int) -> Iterator[Screen]:
    """A last screen as it is, then with less that Discord may not like."""
    yield fitted(screen, limit)
    if screen.files:
        yield fitted(screen, 0)
    yield failed(
        "The run has ended, but Discord does not accept what is to be shown of it.",
        "Tell whoever runs the bot; its log says why.",
    )
