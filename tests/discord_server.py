"""A server on loopback that speaks Discord's gateway and REST, and is as strict as Discord is.

A test puts up guilds, channels and people, lets a real discord.py client connect, and then acts as
the people do: uses commands, presses buttons, deletes messages, removes the bot. What a person
would see is in :meth:`DiscordServer.messages`; what Discord would have refused is refused, and kept
in :attr:`DiscordServer.refused`::

    with discord_server() as server:
        guild = server.guild("Debates")
        channel = server.channel(guild, "general")
        ann = server.user("ann")
        with online(client, server):
            answer = server.use_command(ann, guild, channel, "autointel", url="https://...")
            server.until(lambda: answer.message and "Verdict" in answer.message.text)

The server lives in a thread and a loop of its own, so a test drives it synchronously; everything
public may be called from any thread but that one. Its clock, which dates messages and lets the
tokens of interactions die, can be moved with :meth:`DiscordServer.advance`; rate limits run on real
time, because the client really sleeps.

After https://docs.discord.com/developers: "Gateway", "Rate Limits", "Receiving and Responding",
"Message", "Component Reference" and "Opcodes and Status Codes".
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import json
import math
import re
import secrets
import threading
import time
import zlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, Protocol, TypeVar
from urllib.parse import quote, urlsplit

import aiohttp
import discord
import discord.gateway
import discord.http
import yarl
from aiohttp import web

T = TypeVar("T")
Json = dict[str, Any]
Flaw = tuple[str, str, str]  # the path with dots, Discord's code, Discord's message


class Identified(Protocol):
    """What has a snowflake."""

    id: int


Thing = TypeVar("Thing", bound=Identified)

MEBIBYTE = 1 << 20
EPHEMERAL, LOADING, COMPONENTS_V2 = 1 << 6, 1 << 7, 1 << 15
PRIVILEGED = {1 << 1: "members", 1 << 8: "presences", 1 << 15: "message content"}
MESSAGE_CONTENT = 1 << 15
SLASH, USER_MENU, MESSAGE_MENU = 1, 2, 3
COMMAND, COMPONENT, AUTOCOMPLETE, MODAL = 2, 3, 4, 5
ROW, BUTTON, SELECT, INPUT = 1, 2, 3, 4
LINK_STYLE = 5
# What everybody may do in a new guild.
COMMON = discord.Permissions(
    view_channel=True,
    send_messages=True,
    embed_links=True,
    attach_files=True,
    read_message_history=True,
    add_reactions=True,
    use_application_commands=True,
).value


# --------------------------------------------------------------------------- refusals


class Refused(Exception):
    """An answer that is not 2xx.

    Attributes:
        code: Discord's JSON error code; 0 for a bare HTTP error.
        flaws: what is wrong with a form (code 50035).
        more: further members of the body, or headers by names with a dash.
    """

    def __init__(
        self, status: int, code: int, message: str, flaws: Sequence[Flaw] = (), **more: Any
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.flaws, self.more = flaws, more

    @property
    def reason(self) -> str:
        """One line for the diary."""
        return "; ".join([self.message, *(f"{path}: {text}" for path, _, text in self.flaws)])

    def body(self) -> Json:
        """The JSON that Discord answers."""
        body: Json = {"message": self.message, "code": self.code, **self.more}
        for path, code, text in self.flaws:
            place = body.setdefault("errors", {})
            for step in path.split("."):
                place = place.setdefault(step, {})
            place.setdefault("_errors", []).append({"code": code, "message": text})
        return body


# Status, Discord's JSON error code, message.
UNAUTHORIZED = 401, 0, "401: Unauthorized"
NOT_FOUND = 404, 0, "404: Not Found"
UNKNOWN_CHANNEL = 404, 10003, "Unknown Channel"
UNKNOWN_GUILD = 404, 10004, "Unknown Guild"
UNKNOWN_MESSAGE = 404, 10008, "Unknown Message"
UNKNOWN_WEBHOOK = 404, 10015, "Unknown Webhook"
UNKNOWN_INTERACTION = 404, 10062, "Unknown interaction"
ALREADY_ACKNOWLEDGED = 400, 40060, "Interaction has already been acknowledged."
TOO_LARGE = 413, 40005, "Request entity too large"
MISSING_ACCESS = 403, 50001, "Missing Access"
AUTHORED_BY_ANOTHER = 403, 50005, "Cannot edit a message authored by another user"
EMPTY_MESSAGE = 400, 50006, "Cannot send an empty message"
MISSING_PERMISSIONS = 403, 50013, "Missing Permissions"
INVALID_WEBHOOK_TOKEN = 401, 50027, "Invalid Webhook Token"


def invalid_form(flaws: Sequence[Flaw]) -> Refused:
    return Refused(400, 50035, "Invalid Form Body", flaws)


# --------------------------------------------------------------------------- forms


def length(path: str, value: object, most: int, least: int = 0) -> Iterator[Flaw]:
    """Flaws of a text's or list's length."""
    size = len(value.strip() if isinstance(value, str) else value) if value else 0  # type: ignore[arg-type]
    if least and not size and not isinstance(value, list):
        yield path, "BASE_TYPE_REQUIRED", "This field is required"
    elif least and not least <= size <= most:
        message = f"Must be between {least} and {most} in length."
        yield path, "BASE_TYPE_BAD_LENGTH", message
    elif size > most:
        yield path, "BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length."


def scheme(path: str, url: str | None, *known: str) -> Iterator[Flaw]:
    """Flaws of a link."""
    if url is None:
        return
    parts = urlsplit(url)
    if parts.scheme not in known:
        message = f'Scheme "{parts.scheme}" must be one of {known}.'
        yield path, "URL_TYPE_INVALID_SCHEME", message
    elif not parts.netloc:
        yield path, "URL_TYPE_INVALID_URL", "Not a well formed URL."


def embed_size(embed: Json) -> int:
    """Characters of an embed that count towards 6000."""
    texts = [embed.get("title"), embed.get("description")]
    texts += [embed.get("footer", {}).get("text"), embed.get("author", {}).get("name")]
    for entry in embed.get("fields", []):
        texts += [entry.get("name"), entry.get("value")]
    return sum(len(text.strip()) for text in texts if text)


def embed_flaws(path: str, embed: Json) -> Iterator[Flaw]:
    """What Discord would not show of one embed."""
    yield from length(f"{path}.title", embed.get("title"), 256)
    yield from length(f"{path}.description", embed.get("description"), 4096)
    yield from length(f"{path}.footer.text", embed.get("footer", {}).get("text"), 2048)
    yield from length(f"{path}.author.name", embed.get("author", {}).get("name"), 256)
    yield from scheme(f"{path}.url", embed.get("url"), "http", "https")
    for picture in ("image", "thumbnail"):
        url = embed.get(picture, {}).get("url")
        yield from scheme(f"{path}.{picture}.url", url, "http", "https", "attachment")
    yield from length(f"{path}.fields", embed.get("fields"), 25)
    for index, entry in enumerate(embed.get("fields", [])):
        yield from length(f"{path}.fields.{index}.name", entry.get("name"), 256, 1)
        yield from length(f"{path}.fields.{index}.value", entry.get("value"), 1024, 1)


def embeds_flaws(embeds: Sequence[Json]) -> Iterator[Flaw]:
    """What Discord would not show of a message's embeds."""
    yield from length("embeds", embeds, 10)
    for index, embed in enumerate(embeds):
        yield from embed_flaws(f"embeds.{index}", embed)
    if sum(map(embed_size, embeds)) > 6000:
        message = "Embed size exceeds maximum size of 6000"
        yield "embeds", "MAX_EMBED_SIZE_EXCEEDED", message


def walk(components: Sequence[Json]) -> Iterator[Json]:
    """Every component, those inside others too."""
    for component in components:
        yield component
        inside = [component[name] for name in ("accessory", "component") if name in component]
        yield from walk([*component.get("components", []), *inside])


def button_flaws(path: str, button: Json) -> Iterator[Flaw]:
    """What Discord would not show of a button."""
    yield from length(f"{path}.label", button.get("label"), 80)
    if not button.get("label") and not button.get("emoji"):
        yield f"{path}.label", "BASE_TYPE_REQUIRED", "This field is required"
    if button.get("style") == LINK_STYLE:
        yield from length(f"{path}.url", button.get("url"), 512, 1)
        yield from scheme(f"{path}.url", button.get("url"), "http", "https", "discord")
        if button.get("custom_id"):
            message = "A custom id and url cannot both be specified"
            yield path, "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", message
    else:
        yield from length(f"{path}.custom_id", button.get("custom_id"), 100, 1)


def select_flaws(path: str, select: Json) -> Iterator[Flaw]:
    """What Discord would not show of a menu."""
    yield from length(f"{path}.custom_id", select.get("custom_id"), 100, 1)
    yield from length(f"{path}.placeholder", select.get("placeholder"), 150)
    if select["type"] != SELECT:
        return
    yield from length(f"{path}.options", select.get("options", []), 25, 1)
    for index, option in enumerate(select.get("options", [])):
        for name, least in (("label", 1), ("value", 1), ("description", 0)):
            yield from length(f"{path}.options.{index}.{name}", option.get(name), 100, least)


def row_flaws(path: str, row: Json) -> Iterator[Flaw]:
    """What Discord would not show of a row of buttons or of one menu."""
    if row.get("type") != ROW:
        yield f"{path}.type", "UNION_TYPE_CHOICES", 'Value of field "type" must be one of (1,).'
        return
    inside = row.get("components", [])
    yield from length(f"{path}.components", inside, 5, 1)
    if len(inside) > 1 and any(component["type"] != BUTTON for component in inside):
        message = "The maximum width of a row has been exceeded."
        yield f"{path}.components", "COMPONENT_LAYOUT_WIDTH_EXCEEDED", message


def components_flaws(components: Sequence[Json], layout: bool) -> Iterator[Flaw]:
    """What Discord would not show of a message's components.

    Args:
        layout: of components version 2, where texts and containers are components too.
    """
    if layout:
        everything = list(walk(components))
        yield from length("components", everything, 40)
        if sum(len(component.get("content", "")) for component in everything) > 4000:
            message = "Must be 4000 or fewer in length."
            yield "components", "BASE_TYPE_MAX_LENGTH", message
    else:
        yield from length("components", components, 5)
        for index, row in enumerate(components):
            yield from row_flaws(f"components.{index}", row)
    names: set[str] = set()
    for index, row in enumerate(components):
        for place, component in enumerate(walk(row.get("components", []))):
            path = f"components.{index}.components.{place}"
            if component["type"] == BUTTON:
                yield from button_flaws(path, component)
            elif component["type"] in (3, 5, 6, 7, 8):
                yield from select_flaws(path, component)
            if (name := component.get("custom_id")) in names:
                message = "Component custom id cannot be duplicated"
                yield f"{path}.custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED", message
            names.update(filter(None, [name]))


def mentions_flaws(allowed: Json) -> Iterator[Flaw]:
    """What is wrong with allowed_mentions."""
    for kind in ("users", "roles"):
        listed = allowed.get(kind) or []
        yield from length(f"allowed_mentions.{kind}", listed, 100)
        if listed and kind in allowed.get("parse", []):
            message = f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.'
            yield "allowed_mentions", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", message
    for index, kind in enumerate(allowed.get("parse", [])):
        if kind not in ("users", "roles", "everyone"):
            message = "Value must be one of ('everyone', 'roles', 'users')."
            yield f"allowed_mentions.parse.{index}", "BASE_TYPE_CHOICES", message


def message_flaws(form: Json, layout: bool) -> Iterator[Flaw]:
    """What is wrong with a message."""
    yield from length("content", form.get("content"), 2000)
    yield from embeds_flaws(form.get("embeds") or [])
    yield from components_flaws(form.get("components") or [], layout)
    yield from mentions_flaws(form.get("allowed_mentions") or {})
    for index, entry in enumerate(form.get("attachments") or []):
        yield from length(f"attachments.{index}.description", entry.get("description"), 1024)
    if layout:
        for name in ("content", "embeds"):
            if form.get(name):
                code = "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"
                message = "The field cannot be used when using MessageFlags.IS_COMPONENTS_V2"
                yield name, code, message


def modal_flaws(form: Json) -> Iterator[Flaw]:
    """What is wrong with a modal."""
    yield from length("data.custom_id", form.get("custom_id"), 100, 1)
    yield from length("data.title", form.get("title"), 45, 1)
    yield from length("data.components", form.get("components", []), 5, 1)
    for index, component in enumerate(walk(form.get("components", []))):
        path = f"data.components.{index}"
        if component["type"] == INPUT:
            yield from length(f"{path}.custom_id", component.get("custom_id"), 100, 1)
            yield from length(f"{path}.placeholder", component.get("placeholder"), 100)
            yield from length(f"{path}.value", component.get("value"), 4000)
        if component.get("label"):
            yield from length(f"{path}.label", component["label"], 45)


def choices_flaws(path: str, choices: Sequence[Json]) -> Iterator[Flaw]:
    """What is wrong with the choices of an option."""
    yield from length(path, choices, 25)
    for index, choice in enumerate(choices):
        yield from length(f"{path}.{index}.name", choice.get("name"), 100, 1)
        if isinstance(choice.get("value"), str):
            yield from length(f"{path}.{index}.value", choice["value"], 100, 1)


def option_flaws(path: str, options: Sequence[Json]) -> Iterator[Flaw]:
    """What is wrong with the options of a command."""
    yield from length(path, options, 25)
    optional = False
    for index, option in enumerate(options):
        here = f"{path}.{index}"
        yield from name_flaws(f"{here}.name", option["name"])
        yield from length(f"{here}.description", option.get("description"), 100, 1)
        yield from choices_flaws(f"{here}.choices", option.get("choices") or [])
        yield from option_flaws(f"{here}.options", option.get("options") or [])
        if option.get("required") and optional:
            message = "Required options must be placed before non-required options"
            yield here, "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", message
        optional = optional or not option.get("required")


def name_flaws(path: str, name: str) -> Iterator[Flaw]:
    """What is wrong with the name of a slash command or an option."""
    if not re.fullmatch(r"[-_'\w]{1,32}", name) or name != name.lower():
        yield path, "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid"


def command_texts(command: Json) -> int:
    """Characters of a command that count towards 8000."""
    own = len(command.get("name", "")) + len(command.get("description", ""))
    choices = command.get("choices") or []
    own += sum(len(choice["name"]) + len(str(choice["value"])) for choice in choices)
    return own + sum(map(command_texts, command.get("options") or []))


def commands_flaws(commands: Sequence[Json]) -> Iterator[Flaw]:
    """What is wrong with a list of commands."""
    seen: set[tuple[int, str]] = set()
    for index, command in enumerate(commands):
        kind = command.get("type", SLASH)
        if kind == SLASH:
            yield from name_flaws(f"{index}.name", command["name"])
            yield from length(f"{index}.description", command.get("description"), 100, 1)
            yield from option_flaws(f"{index}.options", command.get("options") or [])
        else:
            yield from length(f"{index}.name", command["name"], 32, 1)
        if command_texts(command) > 8000:
            message = "Command exceeds maximum size (8000)"
            yield str(index), "APPLICATION_COMMAND_TOO_LARGE", message
        if (kind, command["name"]) in seen:
            message = "Application command names must be unique"
            yield str(index), "APPLICATION_COMMANDS_DUPLICATE_NAME", message
        seen.add((kind, command["name"]))
    for kind, most in ((SLASH, 100), (USER_MENU, 5), (MESSAGE_MENU, 5)):
        if sum(command.get("type", SLASH) == kind for command in commands) > most:
            raise Refused(400, 30032, f"Maximum number of application commands reached ({most}).")


def refuse(flaws: Iterator[Flaw]) -> None:
    """Refuse a form that has flaws.

    Raises:
        Refused: 400, 50035.
    """
    if found := list(flaws):
        raise invalid_form(found)


# --------------------------------------------------------------------------- what there is


@dataclass(eq=False)
class User:
    """Somebody.

    Attributes:
        permissions: bits that they have in every guild beyond everybody's.
    """

    id: int
    name: str
    bot: bool = False
    permissions: int = 0

    @property
    def mention(self) -> str:
        """What mentions them in a text."""
        return f"<@{self.id}>"

    def payload(self) -> Json:
        """As Discord writes a user."""
        return {
            "id": str(self.id),
            "username": self.name,
            "discriminator": "0",
            "global_name": self.name.title(),
            "avatar": None,
            "bot": self.bot,
            "public_flags": 0,
        }


@dataclass(eq=False)
class Guild:
    """A guild.

    Attributes:
        permissions: what everybody, the bot too, may do in it.
        inside: whether the bot is a member.
    """

    id: int
    name: str
    locale: str
    owner: User
    permissions: int = COMMON
    inside: bool = True
    available: bool = True
    channels: list[Channel] = field(default_factory=list)

    def member(self, user: User) -> Json:
        """As Discord writes a member."""
        permissions = self.permissions | user.permissions
        if user is self.owner:
            permissions = discord.Permissions.all().value
        return {
            "user": user.payload(),
            "roles": [],
            "joined_at": "2024-01-01T00:00:00+00:00",
            "flags": 0,
            "deaf": False,
            "mute": False,
            "permissions": str(permissions),
        }

    def role(self) -> Json:
        """The role of everybody."""
        return {
            "id": str(self.id),
            "name": "@everyone",
            "permissions": str(self.permissions),
            "position": 0,
            "color": 0,
            "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
            "hoist": False,
            "managed": False,
            "mentionable": False,
            "flags": 0,
        }

    def payload(self, bot: User) -> Json:
        """As GUILD_CREATE writes a guild."""
        return {
            "id": str(self.id),
            "name": self.name,
            "owner_id": str(self.owner.id),
            "preferred_locale": self.locale,
            "roles": [self.role()],
            "channels": [channel.payload(bot) for channel in self.channels],
            "members": [self.member(bot)],
            "member_count": 2,
            "large": False,
            "joined_at": "2024-01-01T00:00:00+00:00",
            "features": [],
            "emojis": [],
            "stickers": [],
            "threads": [],
            "verification_level": 0,
            "default_message_notifications": 0,
            "explicit_content_filter": 0,
            "premium_tier": 0,
            "nsfw_level": 0,
            "mfa_level": 0,
        }


@dataclass(eq=False)
class Channel:
    """A text channel of a guild, or with no guild a direct one.

    Attributes:
        parent: the channel that a thread is in.
        allow: bits that the bot has here beyond the guild's.
        deny: bits that the bot lacks here.
        typing: server times at which the bot was shown as typing.
    """

    id: int
    name: str
    guild: Guild | None
    recipient: User | None = None
    allow: int = 0
    deny: int = 0
    gone: bool = False
    typing: list[float] = field(default_factory=list)
    parent: Channel | None = None

    def permissions(self, user: User) -> discord.Permissions:
        """What somebody may do here; overwrites are the bot's alone."""
        if self.guild is None:
            return discord.Permissions(COMMON)
        own = self.guild.permissions | user.permissions
        if own & discord.Permissions(administrator=True).value:
            return discord.Permissions.all()
        return discord.Permissions((own & ~self.deny) | self.allow if user.bot else own)

    def payload(self, bot: User) -> Json:
        """As Discord writes a channel."""
        common: Json = {"id": str(self.id), "last_message_id": None, "flags": 0}
        if self.guild is None:
            people = [self.recipient.payload()] if self.recipient else []
            return common | {"type": 1, "recipients": people}
        if self.parent is not None:
            kept = {"archived": False, "locked": False, "archive_timestamp": iso(0)}
            return common | {
                "type": 11,
                "guild_id": str(self.guild.id),
                "name": self.name,
                "parent_id": str(self.parent.id),
                "owner_id": str(bot.id),
                "rate_limit_per_user": 0,
                "message_count": 0,
                "member_count": 1,
                "thread_metadata": kept | {"auto_archive_duration": 1440},
            }
        overwrite = {"id": str(bot.id), "type": 1}
        overwrite |= {"allow": str(self.allow), "deny": str(self.deny)}
        return common | {
            "type": 0,
            "guild_id": str(self.guild.id),
            "name": self.name,
            "position": 0,
            "parent_id": None,
            "nsfw": False,
            "rate_limit_per_user": 0,
            "permission_overwrites": [overwrite] if self.allow or self.deny else [],
        }


@dataclass(frozen=True)
class Attachment:
    """A file of a message.

    Attributes:
        description: its alternative text.
    """

    id: int
    name: str
    data: bytes = field(repr=False)
    description: str | None
    url: str

    def payload(self) -> Json:
        """As Discord writes an attachment."""
        return {
            "id": str(self.id),
            "filename": self.name,
            "size": len(self.data),
            "url": self.url,
            "proxy_url": self.url,
            "description": self.description,
            "content_type": "application/octet-stream",
        }


@dataclass(frozen=True)
class State:
    """How a message looked from one moment on.

    Attributes:
        at: server time in seconds.
        loading: shown as "is thinking...".
    """

    at: float
    content: str = ""
    embeds: tuple[Json, ...] = ()
    components: tuple[Json, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    loading: bool = False

    @property
    def empty(self) -> bool:
        """Whether there is nothing to see, which Discord does not send."""
        shown = any(embed_size(e) or "image" in e or "thumbnail" in e for e in self.embeds)
        return not (self.content or shown or self.attachments)


@dataclass(eq=False)
class Message:
    """A message with all that it ever showed.

    Attributes:
        only: the one person who sees it, when it is ephemeral.
        interaction: what it answers.
        states: what it showed, the oldest first.
        pinged: mentions in its first text that rang somebody: ``<@1>``, ``<@&2>``, ``@everyone``.
        deleted: server time when it was deleted.
    """

    id: int
    channel: Channel
    author: User
    flags: int = 0
    only: User | None = None
    interaction: Interaction | None = None
    states: list[State] = field(default_factory=list)
    pinged: tuple[str, ...] = ()
    deleted: float | None = None

    @property
    def now(self) -> State:
        """What it shows at present."""
        return self.states[-1]

    @property
    def content(self) -> str:
        return self.now.content

    @property
    def embeds(self) -> tuple[Json, ...]:
        return self.now.embeds

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        return self.now.attachments

    @property
    def ephemeral(self) -> bool:
        return self.only is not None

    @property
    def loading(self) -> bool:
        """Shown as "is thinking..."."""
        return self.now.loading

    @property
    def controls(self) -> list[Json]:
        """Its buttons and menus, as they were sent."""
        kinds = (2, 3, 5, 6, 7, 8)
        return [part for part in walk(self.now.components) if part["type"] in kinds]

    @property
    def text(self) -> str:
        """All the words of it, in the order in which they are seen, a line for each part."""
        lines: list[str | None] = [self.content]
        for embed in self.embeds:
            lines += [embed.get("author", {}).get("name"), embed.get("title")]
            lines += [embed.get("description")]
            for entry in embed.get("fields", []):
                lines += [entry["name"], entry["value"]]
            lines += [embed.get("footer", {}).get("text")]
        for part in walk(self.now.components):
            lines += [part.get("content"), part.get("label"), part.get("placeholder")]
        return "\n".join(line for line in lines if line)

    def payload(self, bot: User, *, hidden: bool = False) -> Json:
        """As Discord writes a message.

        Args:
            hidden: without what it says, for who lacks the intent to read others' messages.
        """
        now = self.now
        body: Json = {
            "id": str(self.id),
            "type": 20 if self.interaction and self.interaction.kind == COMMAND else 0,
            "channel_id": str(self.channel.id),
            "author": self.author.payload(),
            "content": "" if hidden else now.content,
            "embeds": [] if hidden else list(now.embeds),
            "components": [] if hidden else list(now.components),
            "attachments": [] if hidden else [a.payload() for a in now.attachments],
            "timestamp": iso(self.states[0].at),
            "edited_timestamp": iso(now.at) if len(self.states) > 1 else None,
            "flags": self.flags | (LOADING if now.loading else 0),
            "mentions": [],
            "mention_roles": [],
            "mention_everyone": "@everyone" in self.pinged or "@here" in self.pinged,
            "tts": False,
            "pinned": False,
        }
        if self.interaction is not None:
            body |= {"application_id": str(bot.id), "webhook_id": str(bot.id)}
            body["interaction_metadata"] = self.interaction.metadata()
        return body


@dataclass(eq=False)
class Interaction:
    """A command, press, menu, modal or autocompletion, and what came of it.

    Attributes:
        kind: 2 command, 3 component, 4 autocompletion, 5 modal.
        made: server time at which the person acted; the token lives 15 minutes from here.
        message: what answered it: the original response, or for a component that updates its
            message that one.
        followups: further messages.
        answered: seconds until the first response; None before.
        response: the type of the first response (4 message, 5 deferred, 6 deferred update,
            7 update, 8 choices, 9 modal).
        failed: nobody answered within 3 s; Discord shows "The application did not respond".
        choices: of an autocompletion.
        modal: the form that was opened.
    """

    id: int
    token: str
    kind: int
    user: User
    channel: Channel
    made: float
    data: Json
    source: Message | None = None
    message: Message | None = None
    followups: list[Message] = field(default_factory=list)
    answered: float | None = None
    response: int | None = None
    failed: bool = False
    choices: list[Json] = field(default_factory=list)
    modal: Json | None = None
    began: float = field(default_factory=time.monotonic)
    _done: threading.Event = field(default_factory=threading.Event)

    @property
    def deferred(self) -> bool:
        """Whether the first response was only "is thinking..."."""
        return self.response in (5, 6)

    @property
    def ephemeral(self) -> bool:
        """Whether only the person sees the answer."""
        return self.message is not None and self.message.ephemeral

    def wait(self, seconds: float = 3.0) -> Interaction:
        """Wait for the first response; after ``seconds`` it has failed."""
        left = self.began + seconds - time.monotonic()
        if not self._done.wait(max(0.0, left)):
            self.failed = True
        return self

    def settle(self, response: int) -> None:
        """The first response is here."""
        self.answered = time.monotonic() - self.began
        self.response = response
        self._done.set()

    def metadata(self) -> Json:
        """As messages say what they answer."""
        owner = str(self.channel.guild.id if self.channel.guild else 0)
        return {
            "id": str(self.id),
            "type": self.kind,
            "user": self.user.payload(),
            "authorizing_integration_owners": {"0": owner},
        }


@dataclass(frozen=True)
class Refusal:
    """Something the server refused: a request with a status, or a gateway with a close code.

    Attributes:
        at: monotonic seconds.
        code: Discord's JSON error code.
        reason: in words, with the fields of a form that were wrong.
    """

    at: float
    method: str
    path: str
    status: int
    code: int
    reason: str


@dataclass(frozen=True)
class Asked:
    """A request and how it went.

    Attributes:
        at: monotonic seconds.
        seconds: until the answer was ready.
    """

    at: float
    method: str
    path: str
    status: int
    seconds: float


@dataclass
class Limit:
    """So many calls in so many seconds, counted from the first."""

    calls: int
    seconds: float


@dataclass
class Window:
    """What of a limit is used.

    Attributes:
        ends: monotonic seconds.
    """

    used: int = 0
    ends: float = 0.0

    def take(self, limit: Limit) -> float:
        """Count a call; the seconds to wait before it may be made, 0 when it may now."""
        now = time.monotonic()
        if now >= self.ends:
            self.used, self.ends = 0, now + limit.seconds
        if self.used >= limit.calls:
            return self.ends - now
        self.used += 1
        return 0.0


@dataclass
class Fault:
    """How requests to come are ill-treated.

    Attributes:
        on: in "METHOD /path" of those that are.
        status: of the answer; 0 hangs up.
        done: whether what was asked is done before that.
    """

    left: int
    on: str
    status: int
    done: bool
    retry_after: float
    everywhere: bool


@dataclass
class Call:
    """A request that got through."""

    request: web.Request
    form: Any
    files: dict[int, web.FileField]

    def number(self, name: str) -> int:
        """An id from the path.

        Raises:
            Refused: 400, 50035: it is not one.
        """
        text = self.request.match_info[name]
        if not text.isdecimal():
            message = f'Value "{text}" is not snowflake.'
            raise invalid_form([(name, "NUMBER_TYPE_COERCE", message)])
        return int(text)


Handler = Callable[[Call], Awaitable[Any]]


def iso(at: float) -> str:
    """A time as Discord writes it."""
    return datetime.fromtimestamp(at, UTC).isoformat()


def packed(value: object) -> bytes:
    """JSON in bytes."""
    return json.dumps(value).encode()


def pings(content: str, allowed: Json | None, everyone: bool) -> tuple[str, ...]:
    """The mentions of a text that ring somebody.

    Args:
        allowed: allowed_mentions as sent; without it everything rings.
        everyone: whether the author may ring everybody.
    """
    allowed = {"parse": ["users", "roles", "everyone"]} if allowed is None else allowed
    parse = allowed.get("parse", [])
    rung = []
    for mention in re.findall(r"<@!?\d+>|<@&\d+>|@everyone|@here", content):
        number = re.sub(r"\D", "", mention)
        if not number:
            rings = everyone and "everyone" in parse
        else:
            kind = "roles" if "&" in mention else "users"
            rings = kind in parse or number in map(str, allowed.get(kind) or [])
        rung += [mention] if rings else []
    return tuple(rung)


# --------------------------------------------------------------------------- the gateway


class Deflate:
    """One context for a whole connection, flushed after each message."""

    def __init__(self) -> None:
        self.context = zlib.compressobj()

    def __call__(self, text: str) -> bytes:
        return self.context.compress(text.encode()) + self.context.flush(zlib.Z_SYNC_FLUSH)


class Zstandard:
    """The same with zstd, which discord.py asks for where it finds a library."""

    def __init__(self) -> None:
        try:
            module = importlib.import_module("zstandard")
        except ImportError:
            context = importlib.import_module("compression.zstd").ZstdCompressor()
            self.block = context.FLUSH_BLOCK
            self.pack: Callable[[bytes], bytes] = lambda d: context.compress(d, mode=self.block)
        else:
            other = module.ZstdCompressor().compressobj()
            self.block = module.COMPRESSOBJ_FLUSH_BLOCK
            self.pack = lambda data: other.compress(data) + other.flush(self.block)

    def __call__(self, text: str) -> bytes:
        return self.pack(text.encode())


class Connection:
    """A WebSocket with what is on its way out."""

    packers: ClassVar[Mapping[str, type[Deflate] | type[Zstandard]]] = {
        "zlib-stream": Deflate,
        "zstd-stream": Zstandard,
    }

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self.request, self.socket = request, socket
        self.ended_here = False
        kind = request.query.get("compress")
        self.pack = self.packers[kind]() if kind else None
        self.outbox: asyncio.Queue[str] = asyncio.Queue()

    def send(self, op: int, data: object, **more: object) -> None:
        """Put a message into the outbox."""
        self.outbox.put_nowait(json.dumps({"op": op, "d": data, "s": None, "t": None} | more))

    async def write(self) -> None:
        """Empty the outbox until the connection ends."""
        while True:
            text = await self.outbox.get()
            try:
                if self.pack:
                    await self.socket.send_bytes(self.pack(text))
                else:
                    await self.socket.send_str(text)
            except (ConnectionError, RuntimeError):
                return  # the session keeps what it did not hear

    async def close(self, code: int, reason: str = "") -> None:
        """Close from this side, which leaves the session to be resumed."""
        self.ended_here = True
        await self.socket.close(code=code, message=reason.encode())

    def cut(self) -> None:
        """Let the line go dead, with no word of goodbye."""
        if self.request.transport is not None:
            self.request.transport.abort()


@dataclass(eq=False)
class Session:
    """What a client identified for; outlives its connection.

    Attributes:
        sent: every event, its sequence number being its place and one.
    """

    id: str
    intents: int
    connection: Connection | None
    sent: list[tuple[str, Any]] = field(default_factory=list)

    def tell(self, event: str, data: object) -> None:
        """Dispatch an event, or keep it until the client resumes."""
        self.sent.append((event, data))
        if self.connection is not None:
            self.connection.send(0, data, s=len(self.sent), t=event)

    def resume(self, connection: Connection, heard: int) -> None:
        """Dispatch what was missed."""
        self.connection = connection
        for number, (event, data) in enumerate(self.sent[heard:], heard + 1):
            connection.send(0, data, s=number, t=event)
        self.tell("RESUMED", {})


# --------------------------------------------------------------------------- the server


class Address(Protocol):
    """Where a server listens."""

    @property
    def url(self) -> str: ...

    @property
    def gateway(self) -> str: ...


class DiscordServer:
    """Discord, as far as a bot with slash commands meets it.

    Attributes:
        token: the bot's.
        limits: calls in seconds by kind of route, each counted for its channel, guild or
            interaction: ``create``, ``edit``, ``delete``, ``read``, ``typing``, ``followup``,
            ``commands``, ``other``; and ``global``, which counts everything that is signed with the
            bot's token (interactions are not).
        privileged: bits of intents that the developer portal has switched on.
        heartbeat: seconds between two of a client's.
        token_lives: seconds for which an interaction can be followed up.
        answer_within: seconds for the first response to an interaction.
        attachment_limit: bytes of one file.
        refused: everything that was refused, in order.
        asked: every request, in order.
        sessions: of clients that identified and have not closed properly.
        resumed: how often a session was resumed.
    """

    def __init__(self) -> None:
        self.token = "MTAwMDAw.local.token"
        self.limits = {
            "create": Limit(5, 5.0),
            "edit": Limit(5, 5.0),
            "delete": Limit(5, 1.0),
            "read": Limit(5, 1.0),
            "typing": Limit(5, 5.0),
            "followup": Limit(5, 5.0),
            "commands": Limit(10, 10.0),
            "other": Limit(20, 1.0),
            "global": Limit(50, 1.0),
        }
        self.privileged = 0
        self.heartbeat = 41.25
        self.token_lives = 900.0
        self.answer_within = 3.0
        self.attachment_limit = 10 * MEBIBYTE
        self.refused: list[Refusal] = []
        self.asked: list[Asked] = []
        self.sessions: dict[str, Session] = {}
        self.resumed = 0
        self.commands: dict[int | None, list[Json]] = {None: []}
        self.bot = User(100000, "autointel", bot=True)
        self.owner = User(100001, "owner")
        self.url = self.gateway = ""
        self._ahead = 0.0
        self._last = 0
        self._users = {user.id: user for user in (self.bot, self.owner)}
        self._guilds: dict[int, Guild] = {}
        self._channels: dict[int, Channel] = {}
        self._messages: dict[int, Message] = {}
        self._interactions: dict[str, Interaction] = {}
        self._windows: dict[tuple[str, str], Window] = {}
        self._faults: deque[Fault] = deque()
        self._connections: set[Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()

    # -- the clock

    def now(self) -> float:
        """Server time in seconds since 1970."""
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Move the clock on; rate limits and heartbeats do not follow."""
        self._ahead += seconds

    def until(self, condition: Callable[[], T], seconds: float = 5.0) -> T:
        """Wait until something holds.

        Returns:
            What ``condition`` returned, once that is true.

        Raises:
            AssertionError: it does not hold after ``seconds``; tells what was refused last.
        """
        end = time.monotonic() + seconds
        while not (value := condition()):
            if time.monotonic() > end:
                raise AssertionError(f"not within {seconds} s; refused: {self.refused[-5:]}")
            time.sleep(0.005)
        return value

    # -- the world

    def user(self, name: str, **permissions: bool) -> User:
        """Somebody new.

        Args:
            name: of the person.
            permissions: that they have in every guild, by discord.py's names.
        """
        bits = discord.Permissions(**permissions).value
        return self._do(lambda: self._keep(self._users, User(self._id(), name, permissions=bits)))

    def guild(self, name: str = "Guild", *, locale: str = "en-US", inside: bool = True) -> Guild:
        """A new guild; the bot joins it, unless it is to stay outside."""

        def found() -> Guild:
            guild = Guild(self._id(), name, locale, self.owner, inside=inside)
            self._keep(self._guilds, guild)
            if inside:
                self._tell("GUILD_CREATE", guild.payload(self.bot))
            return guild

        return self._do(found)

    def channel(
        self, guild: Guild | None, name: str = "general", *, of: User | None = None
    ) -> Channel:
        """A new channel of a guild, or with no guild the direct one ``of`` somebody."""

        def found() -> Channel:
            channel = self._keep(self._channels, Channel(self._id(), name, guild, of))
            if guild is not None:
                guild.channels.append(channel)
                self._tell("CHANNEL_CREATE", channel.payload(self.bot), guild)
            return channel

        return self._do(found)

    def thread(self, channel: Channel, name: str = "thread") -> Channel:
        """A new thread in a channel; the bot is not told of it, as it has not joined it."""

        def found() -> Channel:
            thread = Channel(self._id(), name, channel.guild, parent=channel)
            return self._keep(self._channels, thread)

        return self._do(found)

    def permit(self, place: Guild | Channel, **permissions: bool) -> None:
        """Let everybody in a guild, or the bot in a channel, do something or not.

        Args:
            place: where.
            permissions: by discord.py's names: ``send_messages=False``.
        """
        given = discord.Permissions(**{name: True for name, may in permissions.items() if may})
        taken = discord.Permissions(**{name: True for name, may in permissions.items() if not may})

        def change() -> None:
            if isinstance(place, Guild):
                place.permissions = (place.permissions | given.value) & ~taken.value
                data = {"guild_id": str(place.id), "role": place.role()}
                self._tell("GUILD_ROLE_UPDATE", data, place)
            else:
                place.allow = (place.allow | given.value) & ~taken.value
                place.deny = (place.deny | taken.value) & ~given.value
                self._tell("CHANNEL_UPDATE", place.payload(self.bot), place.guild)

        self._do(change)

    def post(
        self, user: User, channel: Channel, content: str, *, embeds: Sequence[Json] = ()
    ) -> Message:
        """Somebody writes a message."""

        def write() -> Message:
            state = State(self.now(), content, tuple(embeds))
            message = Message(self._id(), channel, user, states=[state])
            self._keep(self._messages, message)
            self._announce("MESSAGE_CREATE", message)
            return message

        return self._do(write)

    def delete(self, message: Message) -> None:
        """Somebody deletes a message; one that only they see they dismiss."""
        self._do(lambda: self._delete(message))

    def delete_channel(self, channel: Channel) -> None:
        """Somebody deletes a channel."""

        def delete() -> None:
            channel.gone = True
            if channel.guild:
                channel.guild.channels.remove(channel)
            self._tell("CHANNEL_DELETE", channel.payload(self.bot), channel.guild)

        self._do(delete)

    def remove_bot(self, guild: Guild) -> None:
        """Somebody kicks the bot out of a guild."""

        def remove() -> None:
            guild.inside = False
            self._tell("GUILD_DELETE", {"id": str(guild.id)})

        self._do(remove)

    def add_bot(self, guild: Guild) -> None:
        """Somebody invites the bot, or takes it back."""

        def add() -> None:
            guild.inside = True
            self._tell("GUILD_CREATE", guild.payload(self.bot))

        self._do(add)

    def outage(self, guild: Guild, *, over: bool = False) -> None:
        """A guild cannot be reached for a while, or is back."""

        def change() -> None:
            guild.available = over
            if over:
                self._tell("GUILD_CREATE", guild.payload(self.bot) | {"unavailable": False})
            else:
                self._tell("GUILD_DELETE", {"id": str(guild.id), "unavailable": True})

        self._do(change)

    def messages(
        self, channel: Channel, *, seen_by: User | None = None, deleted: bool = False
    ) -> list[Message]:
        """The messages of a channel, the oldest first, ephemeral ones among them.

        Args:
            channel: where.
            seen_by: only what this person sees.
            deleted: those too that are gone.
        """
        return [
            message
            for message in list(self._messages.values())
            if message.channel is channel
            and (deleted or message.deleted is None)
            and (seen_by is None or message.only in (None, seen_by))
        ]

    # -- what people do

    def begin_command(
        self, user: User, guild: Guild | None, channel: Channel, name: str, /, **options: object
    ) -> Interaction:
        """Use a slash command and do not wait; as :meth:`use_command` otherwise."""
        assert channel.guild is guild, "the channel is of another guild"
        data = self._command(user, guild, name, options, None)
        return self._interact(COMMAND, user, channel, data)

    def use_command(
        self, user: User, guild: Guild | None, channel: Channel, name: str, /, **options: object
    ) -> Interaction:
        """Use a slash command and wait for the first response.

        Args:
            user: who.
            guild: where; None in a direct channel.
            channel: where in it.
            name: of the command, with those of a group and subcommand after spaces.
            options: by their names; a :class:`User` or a :class:`Channel` for such an option.

        Returns:
            What came of it; ``failed`` when nothing did within 3 s.

        Raises:
            LookupError: Discord would not let them: there is no such command or option, a required
                option is missing, a value is out of its range, or a permission is lacking.
        """
        return self.begin_command(user, guild, channel, name, **options).wait(self.answer_within)

    def autocomplete(
        self,
        user: User,
        guild: Guild | None,
        channel: Channel,
        name: str,
        focused: str,
        /,
        **options: object,
    ) -> list[Json]:
        """What is offered while somebody types into the option ``focused``.

        Args:
            user: who.
            guild: where; None in a direct channel.
            channel: where in it.
            name: of the command.
            focused: the option with the cursor.
            options: what is typed so far, that of ``focused`` among it.

        Returns:
            Choices, each with ``name`` and ``value``.

        Raises:
            AssertionError: nothing was offered within 3 s.
            LookupError: there is no such command or option, or it has no autocompletion.
        """
        assert channel.guild is guild, "the channel is of another guild"
        data = self._command(user, guild, name, {focused: ""} | options, focused)
        interaction = self._interact(AUTOCOMPLETE, user, channel, data).wait(self.answer_within)
        assert not interaction.failed, "loading options failed"
        return interaction.choices

    def use_menu(
        self, user: User, channel: Channel, name: str, target: Message | User
    ) -> Interaction:
        """Use a context menu's command on a message or a person and wait for the response.

        Raises:
            LookupError: there is no such command.
        """
        kind = MESSAGE_MENU if isinstance(target, Message) else USER_MENU
        command = self._find(user, channel.guild, name, kind)
        resolved: Json = {"users": {}, "members": {}}
        if isinstance(target, Message):
            resolved = {"messages": {str(target.id): target.payload(self.bot)}}
        else:
            self._resolve(target, channel.guild, resolved)
        data = command | {"target_id": str(target.id), "resolved": resolved}
        return self._interact(COMMAND, user, channel, data).wait(self.answer_within)

    def press(self, message: Message, custom_id: str, user: User) -> Interaction:
        """Press a button and wait for the response.

        Raises:
            LookupError: there is no such button, it cannot be pressed, or they do not see it.
        """
        self._control(message, custom_id, user, (BUTTON,))
        data = {"component_type": BUTTON, "custom_id": custom_id, "id": 1}
        return self._interact(COMPONENT, user, message.channel, data, message).wait(
            self.answer_within
        )

    def select(self, message: Message, custom_id: str, user: User, *values: str) -> Interaction:
        """Choose from a menu and wait for the response.

        Raises:
            LookupError: there is no such menu or choice, or they do not see it.
        """
        control = self._control(message, custom_id, user, (3, 5, 6, 7, 8))
        known = [option["value"] for option in control.get("options", [])]
        if known and not set(values) <= set(known):
            raise LookupError(f"{custom_id} offers {known}, not {values}")
        data = {"component_type": control["type"], "custom_id": custom_id, "values": list(values)}
        return self._interact(COMPONENT, user, message.channel, data, message).wait(
            self.answer_within
        )

    def submit(self, opened: Interaction, /, **values: str) -> Interaction:
        """Fill in the modal that an interaction opened and wait for the response.

        Args:
            opened: what opened it.
            values: by the custom ids of its fields; others keep what they held.

        Raises:
            LookupError: no modal was opened, or it has no such field.
        """
        if opened.modal is None:
            raise LookupError("no modal was opened")
        fields = {p["custom_id"] for p in walk(opened.modal["components"]) if "custom_id" in p}
        if not set(values) <= fields:
            raise LookupError(f"the modal has {sorted(fields)}, not {sorted(values)}")
        parts = [filled(part, values) for part in opened.modal["components"]]
        data = {"custom_id": opened.modal["custom_id"], "components": parts}
        return self._interact(MODAL, opened.user, opened.channel, data, opened.source).wait(
            self.answer_within
        )

    # -- ill treatment

    def fail(self, times: int = 1, status: int = 500, *, on: str = "", done: bool = False) -> None:
        """Answer the next requests with an error of the server.

        Args:
            times: how many.
            status: of the answers.
            on: part of "METHOD /path" of those that are meant; all without it.
            done: what was asked is done all the same.
        """
        self._faults.append(Fault(times, on, status, done, 0.0, False))

    def limit(
        self, times: int = 1, retry_after: float = 0.5, *, on: str = "", everywhere: bool = False
    ) -> None:
        """Answer the next requests with 429, whatever the buckets say.

        Args:
            times: how many.
            retry_after: seconds.
            on: part of "METHOD /path" of those that are meant; all without it.
            everywhere: as by the global limit.
        """
        self._faults.append(Fault(times, on, 429, False, retry_after, everywhere))

    def drop(self, times: int = 1, *, on: str = "", done: bool = False) -> None:
        """Hang up on the next requests, before or (``done``) after what they asked is done."""
        self._faults.append(Fault(times, on, 0, done, 0.0, False))

    def forget_connection(self, *, resumable: bool = True) -> None:
        """Let every client's gateway connection go dead.

        Args:
            resumable: whether the session is kept; otherwise resuming it is answered with
                INVALID_SESSION.
        """

        def cut() -> None:
            if not resumable:
                self.sessions.clear()
            for connection in list(self._connections):
                connection.cut()

        self._do(cut)

    def ask_to_reconnect(self) -> None:
        """Send RECONNECT to every client, as Discord does every few hours."""

        def ask() -> None:
            for connection in self._connections:
                connection.send(7, None)

        self._do(ask)

    def invalidate_session(self, *, resumable: bool = False) -> None:
        """Send INVALID_SESSION to every client."""

        def invalidate() -> None:
            for connection in self._connections:
                connection.send(9, resumable)
            if not resumable:
                self.sessions.clear()

        self._do(invalidate)

    def close_gateway(self, code: int) -> None:
        """Close every client's connection with a code of Discord's, such as 4000 or 4004."""

        async def close() -> None:
            for connection in list(self._connections):
                await connection.close(code)

        asyncio.run_coroutine_threadsafe(close(), self._loop).result(10)

    @property
    def connected(self) -> bool:
        """Whether a client is at the gateway and identified."""
        return any(session.connection for session in list(self.sessions.values()))

    # -- inside: ids, threads, events

    def _do(self, work: Callable[[], T]) -> T:
        """Do something in the server's thread."""

        async def inside() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(inside(), self._loop).result(10)

    def _id(self) -> int:
        """A snowflake of now, larger than any before."""
        moment = int(self.now() * 1000) - discord.utils.DISCORD_EPOCH << 22
        self._last = max(self._last + 1, moment)
        return self._last

    @staticmethod
    def _keep(shelf: dict[int, Thing], thing: Thing) -> Thing:
        shelf[thing.id] = thing
        return thing

    def _tell(self, event: str, data: object, guild: Guild | None = None, need: int = 1) -> None:
        """Dispatch to the sessions whose intents ask for it; the first bit is for guilds."""
        if guild is not None and not guild.inside:
            return
        for session in self.sessions.values():
            if need == 0 or session.intents & need:
                session.tell(event, data)

    def _announce(self, event: str, message: Message) -> None:
        """Dispatch what befell a message."""
        guild = message.channel.guild
        if message.ephemeral or (guild and not guild.inside):
            return
        place = {"guild_id": str(guild.id)} if guild else {}
        for session in self.sessions.values():
            if not session.intents & (1 << 9 if guild else 1 << 12):
                continue
            body = {"id": str(message.id), "channel_id": str(message.channel.id)}
            if event != "MESSAGE_DELETE":
                body = message.payload(self.bot, hidden=self._hidden(message, session.intents))
            session.tell(event, body | place)

    def _hidden(self, message: Message, intents: int) -> bool:
        own = message.author is self.bot or self.bot.mention in message.content
        return not own and message.channel.guild is not None and not intents & MESSAGE_CONTENT

    def _delete(self, message: Message) -> None:
        message.deleted = self.now()
        self._announce("MESSAGE_DELETE", message)

    # -- inside: interactions

    def _interact(
        self, kind: int, user: User, channel: Channel, data: Json, source: Message | None = None
    ) -> Interaction:
        """Somebody acts: every session is told."""

        def act() -> Interaction:
            token = secrets.token_urlsafe(48)
            interaction = Interaction(
                self._id(), token, kind, user, channel, self.now(), data, source
            )
            self._interactions[token] = interaction
            self._tell("INTERACTION_CREATE", self._interaction_payload(interaction), None, 0)
            return interaction

        return self._do(act)

    def _interaction_payload(self, interaction: Interaction) -> Json:
        channel, user, guild = interaction.channel, interaction.user, interaction.channel.guild
        body: Json = {
            "id": str(interaction.id),
            "application_id": str(self.bot.id),
            "type": interaction.kind,
            "token": interaction.token,
            "version": 1,
            "data": interaction.data,
            "channel_id": str(channel.id),
            "channel": channel.payload(self.bot),
            "app_permissions": str(channel.permissions(self.bot).value),
            "locale": "en-US",
            "entitlements": [],
            "authorizing_integration_owners": {"0": str(guild.id if guild else 0)},
            "context": 0 if guild else 1,
            "attachment_size_limit": self.attachment_limit,
        }
        if guild:
            place = {"id": str(guild.id), "locale": guild.locale, "features": []}
            body |= {"guild_id": str(guild.id), "guild": place, "guild_locale": guild.locale}
            body["member"] = guild.member(user)
        else:
            body["user"] = user.payload()
        if interaction.source is not None:
            body["message"] = interaction.source.payload(self.bot)
        return body

    def _find(self, user: User, guild: Guild | None, name: str, kind: int) -> Json:
        """The head of a command's data; the guild's own command hides a global one."""
        listed = [*self.commands.get(guild.id if guild else None, []), *self.commands[None]]
        known = [command for command in listed if command["type"] == kind]
        found = next((command for command in known if command["name"] == name), None)
        if found is None:
            raise LookupError(f"no command {name!r}; there are {[c['name'] for c in known]}")
        needed = int(found.get("default_member_permissions") or 0)
        if guild and needed & ~int(guild.member(user)["permissions"]):
            raise LookupError(f"{user.name} does not see {name!r}: it needs permissions")
        if guild and not guild.inside:
            raise LookupError(f"the bot is not in {guild.name}")
        return {"id": found["id"], "name": name, "type": kind}

    def _command(
        self,
        user: User,
        guild: Guild | None,
        name: str,
        given: Mapping[str, object],
        focused: str | None,
    ) -> Json:
        """The data of a slash command."""
        first, *path = name.split()
        head = self._find(user, guild, first, SLASH)
        described = next(
            command
            for commands in (
                self.commands.get(guild.id if guild else None, []),
                self.commands[None],
            )
            for command in commands
            if command["id"] == head["id"]
        )
        branches: list[Json] = []
        for step in path:
            inner = {option["name"]: option for option in described["options"]}
            if step not in inner:
                raise LookupError(f"/{first} has no {step!r}; it has {sorted(inner)}")
            described = inner[step]
            branches.append({"name": step, "type": described["type"]})
        resolved: Json = {"users": {}, "members": {}, "channels": {}}
        options = chosen(described, given, focused)
        for option in options:
            if isinstance(option["value"], User | Channel):
                option["value"] = self._resolve(option["value"], guild, resolved)
        for branch in reversed(branches):
            options = [branch | {"options": options}]
        return head | {"options": options, "resolved": resolved}

    def _resolve(self, thing: User | Channel, guild: Guild | None, resolved: Json) -> str:
        if isinstance(thing, Channel):
            body = thing.payload(self.bot)
            permissions = str(thing.permissions(self.bot).value)
            resolved["channels"][str(thing.id)] = body | {"permissions": permissions}
        else:
            resolved["users"][str(thing.id)] = thing.payload()
            if guild:
                member = guild.member(thing)
                del member["user"]
                resolved["members"][str(thing.id)] = member
        return str(thing.id)

    @staticmethod
    def _control(message: Message, custom_id: str, user: User, kinds: Sequence[int]) -> Json:
        """The button or menu that somebody means."""
        if message.deleted is not None or message.only not in (None, user):
            raise LookupError(f"{user.name} does not see the message")
        controls = [part for part in message.controls if part["type"] in kinds]
        found = next((part for part in controls if part.get("custom_id") == custom_id), None)
        if found is None:
            raise LookupError(f"no {custom_id!r} among {[c.get('custom_id') for c in controls]}")
        if found.get("disabled"):
            raise LookupError(f"{custom_id!r} is greyed out")
        return found

    # -- inside: the gateway

    async def _meet(self, request: web.Request) -> web.WebSocketResponse:
        """One connection from HELLO to its end."""
        socket = web.WebSocketResponse(max_msg_size=0, compress=False, timeout=1.0)
        await socket.prepare(request)
        connection = Connection(request, socket)
        self._connections.add(connection)
        writer = asyncio.create_task(connection.write())
        connection.send(10, {"heartbeat_interval": int(self.heartbeat * 1000)})
        try:
            async for frame in socket:
                if frame.type is aiohttp.WSMsgType.TEXT:
                    await self._hear(connection, json.loads(frame.data))
        finally:
            writer.cancel()
            self._connections.discard(connection)
            for session in [s for s in self.sessions.values() if s.connection is connection]:
                session.connection = None
                if socket.close_code in (1000, 1001) and not connection.ended_here:
                    del self.sessions[session.id]
        return socket

    async def _hear(self, connection: Connection, frame: Json) -> None:
        """What a client says."""
        data = frame.get("d")
        if frame["op"] == 1:
            connection.send(11, None)
        elif frame["op"] == 2:
            await self._identify(connection, data or {})
        elif frame["op"] == 6:
            session = self.sessions.get((data or {})["session_id"])
            if session is None:
                connection.send(9, False)
            else:
                self.resumed += 1
                session.resume(connection, (data or {})["seq"] or 0)
        elif frame["op"] not in (3, 4, 8):
            await self._hang_up(connection, 4001, f"unknown opcode {frame['op']}")

    async def _hang_up(self, connection: Connection, code: int, reason: str) -> None:
        self.refused.append(Refusal(time.monotonic(), "GATEWAY", "/", code, code, reason))
        await connection.close(code, reason)

    async def _identify(self, connection: Connection, data: Json) -> None:
        """A new session."""
        if data.get("token") != self.token:
            await self._hang_up(connection, 4004, "Authentication failed.")
            return
        barred = [
            name
            for bit, name in PRIVILEGED.items()
            if data["intents"] & bit and not self.privileged & bit
        ]
        if barred:
            await self._hang_up(connection, 4014, f"Disallowed intent(s): {', '.join(barred)}.")
            return
        session = Session(secrets.token_hex(16), data["intents"], connection)
        self.sessions[session.id] = session
        guilds = [guild for guild in self._guilds.values() if guild.inside]
        ready = {
            "v": 10,
            "user": self.bot.payload() | {"verified": True, "mfa_enabled": True, "email": None},
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "resume_gateway_url": self.gateway,
            "application": {"id": str(self.bot.id), "flags": 0},
        }
        session.tell("READY", ready | ({"shard": data["shard"]} if "shard" in data else {}))
        for guild in guilds:
            if guild.available and session.intents & 1:
                session.tell("GUILD_CREATE", guild.payload(self.bot) | {"unavailable": False})

    # -- inside: what happens to every request

    def _guarded(
        self, handler: Handler, group: str, signed: bool
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """A handler behind faults, the check of the token and the rate limits."""

        async def answer(request: web.Request) -> web.StreamResponse:
            began = time.monotonic()
            headers: dict[str, str] = {}
            try:
                fault = self._fault(request)
                if fault is None or fault.done:
                    self._admit(request, group, signed, headers)
                    result = await handler(await self._read(request))
                    response = self._reply(200, result, headers)
                if fault is not None:
                    raise self._ill_treated(fault, headers)
            except Refused as refused:
                response = self._refuse(request, refused, headers)
            except Exception as error:
                failure = Refused(500, 0, f"the server of the tests itself failed: {error!r}")
                self._refuse(request, failure, headers)
                raise
            spent = time.monotonic() - began
            line = request.method, request.rel_url.path, response.status
            self.asked.append(Asked(began, *line, spent))
            return response

        return answer

    def _refuse(
        self, request: web.Request, refused: Refused, headers: Mapping[str, str]
    ) -> web.Response:
        """Note a refusal and answer it, or with a status of 0 hang up."""
        line = request.method, request.rel_url.path, refused.status
        self.refused.append(Refusal(time.monotonic(), *line, refused.code, refused.reason))
        if refused.status == 0 and request.transport is not None:
            request.transport.abort()
        return self._reply(refused.status, refused.body(), headers)

    def _fault(self, request: web.Request) -> Fault | None:
        """How this request is to be ill-treated."""
        line = f"{request.method} {request.rel_url.path}"
        for fault in self._faults:
            if fault.on in line:
                fault.left -= 1
                if not fault.left:
                    self._faults.remove(fault)
                return fault
        return None

    @staticmethod
    def _ill_treated(fault: Fault, headers: dict[str, str]) -> Refused:
        if fault.status == 0:
            return Refused(0, 0, "hung up on, as the test asked")
        if fault.status == 429:
            return too_many(fault.retry_after, fault.everywhere, headers)
        return Refused(fault.status, 0, f"{fault.status}: as the test asked")

    def _admit(
        self, request: web.Request, group: str, signed: bool, headers: dict[str, str]
    ) -> None:
        """Check the token and count the call.

        Raises:
            Refused: 401 or 429; ``headers`` say how much of the limit is left.
        """
        if signed:
            if request.headers.get("Authorization") != f"Bot {self.token}":
                raise Refused(*UNAUTHORIZED)
            if wait := self._window("global", "").take(self.limits["global"]):
                raise too_many(wait, True, headers)
        if not group:
            return
        path, limit = request.match_info, self.limits[group]
        major = path.get("channel") or path.get("guild") or path.get("token") or ""
        window = self._window(group, major)
        wait = window.take(limit)
        left = max(0.0, window.ends - time.monotonic())
        headers |= {
            "X-RateLimit-Limit": str(limit.calls),
            "X-RateLimit-Remaining": str(limit.calls - window.used),
            "X-RateLimit-Reset": f"{time.time() + left:.3f}",
            "X-RateLimit-Reset-After": f"{left:.3f}",
            "X-RateLimit-Bucket": hashlib.md5(group.encode()).hexdigest(),
        }
        if wait:
            raise too_many(wait, False, headers)

    def _window(self, group: str, major: str) -> Window:
        return self._windows.setdefault((group, major), Window())

    @staticmethod
    async def _read(request: web.Request) -> Call:
        """The form and the files of a request."""
        if request.content_type != "multipart/form-data":
            text = await request.text()
            try:
                form = json.loads(text) if text else {}
            except json.JSONDecodeError:
                message = "The request body contains invalid JSON."
                raise Refused(400, 50109, message) from None
            return Call(request, form, {})
        parts = await request.post()
        files = {
            int(name.removeprefix("files[").removesuffix("]")): part
            for name, part in parts.items()
            if isinstance(part, web.FileField)
        }
        return Call(request, json.loads(str(parts["payload_json"])), files)

    @staticmethod
    def _reply(status: int, result: object, headers: Mapping[str, str]) -> web.Response:
        """As Discord answers: by way of a proxy, and JSON with no charset."""
        headers = {"Via": "1.1 google", **headers}
        if isinstance(result, web.Response):
            return result
        if result is None:
            return web.Response(status=204, headers=headers)
        headers["Content-Type"] = "application/json"
        # A status of 0 is of a connection that is already gone.
        return web.Response(status=status or 502, body=packed(result), headers=headers)

    # -- inside: who may what

    def _place(self, call: Call, *needs: str) -> Channel:
        """The channel of a request.

        Raises:
            Refused: there is none, the bot is not inside, or lacks a permission.
        """
        channel = self._channels.get(call.number("channel"))
        if channel is None or channel.gone:
            raise Refused(*UNKNOWN_CHANNEL)
        if channel.guild is not None and not channel.guild.inside:
            raise Refused(*MISSING_ACCESS)
        may = channel.permissions(self.bot)
        if not may.view_channel:
            raise Refused(*MISSING_ACCESS)
        if not all(getattr(may, need) for need in needs):
            raise Refused(*MISSING_PERMISSIONS)
        return channel

    def _seen(self, channel: Channel, number: int) -> Message:
        """A message as the bot's own token sees it: ephemeral ones it does not."""
        message = self._messages.get(number)
        if message is None or message.channel is not channel:
            raise Refused(*UNKNOWN_MESSAGE)
        if message.deleted is not None or message.ephemeral:
            raise Refused(*UNKNOWN_MESSAGE)
        return message

    def _allowed(self, channel: Channel, state: State) -> None:
        """Whether the bot may show this in a channel."""
        may = channel.permissions(self.bot)
        if (state.embeds and not may.embed_links) or (state.attachments and not may.attach_files):
            raise Refused(*MISSING_PERMISSIONS)

    def _live(self, call: Call) -> Interaction:
        """The interaction whose token follows it up.

        Raises:
            Refused: the token is unknown, not yet answered with, or older than 15 minutes.
        """
        interaction = self._interactions.get(call.request.match_info["token"])
        if interaction is None or call.number("application") != self.bot.id:
            raise Refused(*UNKNOWN_WEBHOOK)
        if self.now() - interaction.made > self.token_lives:
            raise Refused(*INVALID_WEBHOOK_TOKEN)
        if interaction.response is None:
            raise Refused(*UNKNOWN_WEBHOOK)
        return interaction

    def _answer_of(self, call: Call, interaction: Interaction) -> Message:
        """The message that a follow-up means."""
        name = call.request.match_info["message"]
        own = [interaction.message, *interaction.followups]
        for message in own[:1] if name == "@original" else own:
            if message and name in ("@original", str(message.id)) and message.deleted is None:
                return message
        raise Refused(*UNKNOWN_MESSAGE)

    # -- inside: writing messages

    def _next(self, old: State | None, call: Call, form: Json, flags: int) -> State:
        """What a message shows after a form.

        Raises:
            Refused: 50035, 50006 or 40005.
        """
        refuse(message_flaws(form, bool(flags & COMPONENTS_V2)))
        old = old or State(self.now())
        attachments = self._attached(old, call, form)
        links = {f"attachment://{attachment.name}": attachment.url for attachment in attachments}
        embeds = form["embeds"] if form.get("embeds") is not None else old.embeds
        components = form["components"] if form.get("components") is not None else old.components
        state = State(
            self.now(),
            (form["content"] or "").strip() if "content" in form else old.content,
            tuple(pictured(embed, links) for embed in embeds),
            tuple(components),
            attachments,
        )
        if state.empty and not (flags & COMPONENTS_V2 and components):
            raise Refused(*EMPTY_MESSAGE)
        return state

    def _attached(self, old: State, call: Call, form: Json) -> tuple[Attachment, ...]:
        """The files of a message after a form: those kept that it lists, and the new ones."""
        listed = form.get("attachments")
        described = {str(entry["id"]): entry for entry in listed or []}
        kept = [a for a in old.attachments if listed is None or str(a.id) in described]
        for index, part in sorted(call.files.items()):
            entry = described.get(str(index), {})
            data = part.file.read()
            if len(data) > self.attachment_limit:
                raise Refused(*TOO_LARGE)
            name = (entry.get("filename") or part.filename).replace(" ", "_")
            number = self._id()
            url = f"{self.url.removesuffix('/api/v10')}/attachments/{number}/{quote(name)}"
            kept.append(Attachment(number, name, data, entry.get("description"), url))
        if len(kept) > 10:
            raise Refused(400, 30015, "Maximum number of attachments in a message reached (10)")
        return tuple(kept)

    def _write(
        self,
        call: Call,
        form: Json,
        channel: Channel,
        interaction: Interaction | None = None,
        *,
        loading: bool = False,
    ) -> Message:
        """A new message of the bot."""
        flags = int(form.get("flags") or 0)
        state = State(self.now(), loading=True) if loading else self._next(None, call, form, flags)
        message = Message(self._id(), channel, self.bot, flags, interaction=interaction)
        if interaction is None:
            self._allowed(channel, state)
        elif flags & EPHEMERAL:
            message.only = interaction.user
        message.states.append(state)
        if not message.ephemeral:
            may = channel.permissions(self.bot).mention_everyone
            message.pinged = pings(state.content, form.get("allowed_mentions"), may)
        self._messages[message.id] = message
        self._announce("MESSAGE_CREATE", message)
        return message

    def _rewrite(self, call: Call, form: Json, message: Message, *, own: bool = False) -> Message:
        """Change a message of the bot; ``own`` when its own token does it and needs to be let."""
        message.flags |= int(form.get("flags") or 0) & COMPONENTS_V2
        old = message.now
        state = self._next(old, call, form, message.flags)
        if own:
            self._allowed(message.channel, state)
        message.states.append(state)
        self._announce("MESSAGE_UPDATE", message)
        return message

    # -- inside: REST

    async def _get_me(self, call: Call) -> Json:
        return self.bot.payload() | {"verified": True, "mfa_enabled": True}

    async def _get_user(self, call: Call) -> Json:
        user = self._users.get(call.number("user"))
        if user is None:
            raise Refused(404, 10013, "Unknown User")
        return user.payload()

    async def _get_gateway(self, call: Call) -> Json:
        start = {"total": 1000, "remaining": 999, "reset_after": 3600000, "max_concurrency": 1}
        return {"url": self.gateway, "shards": 1, "session_start_limit": start}

    async def _get_application(self, call: Call) -> Json:
        return {
            "id": str(self.bot.id),
            "name": self.bot.name,
            "icon": None,
            "description": "",
            "bot_public": True,
            "bot_require_code_grant": False,
            "owner": self.owner.payload(),
            "verify_key": "0" * 64,
            "team": None,
            "flags": 0,
            "interactions_endpoint_url": None,
            "approximate_guild_count": sum(guild.inside for guild in self._guilds.values()),
        }

    def _inside(self, call: Call) -> Guild | None:
        """The guild of a path, None when the path has none."""
        if "guild" not in call.request.match_info:
            return None
        guild = self._guilds.get(call.number("guild"))
        if guild is None:
            raise Refused(*UNKNOWN_GUILD)
        if not guild.inside:
            raise Refused(*MISSING_ACCESS)
        return guild

    async def _get_guild(self, call: Call) -> Json:
        guild = self._inside(call)
        assert guild is not None
        return guild.payload(self.bot)

    async def _leave_guild(self, call: Call) -> None:
        guild = self._inside(call)
        assert guild is not None
        guild.inside = False
        self._tell("GUILD_DELETE", {"id": str(guild.id)})

    async def _get_commands(self, call: Call) -> list[Json]:
        guild = self._inside(call)
        return self.commands.get(guild.id if guild else None, [])

    async def _put_commands(self, call: Call) -> list[Json]:
        guild = self._inside(call)
        refuse(commands_flaws(call.form))
        known = self.commands.get(guild.id if guild else None, [])
        ids = {(command["type"], command["name"]): command["id"] for command in known}
        made = []
        for form in call.form:
            command = {"type": SLASH, "description": "", "options": []} | form
            number = ids.get((command["type"], command["name"]), str(self._id()))
            command |= {"id": number, "application_id": str(self.bot.id), "version": number}
            made.append(command | ({"guild_id": str(guild.id)} if guild else {}))
        self.commands[guild.id if guild else None] = made
        return made

    async def _get_channel(self, call: Call) -> Json:
        return self._place(call).payload(self.bot)

    async def _open_direct(self, call: Call) -> Json:
        user = self._users.get(int(call.form["recipient_id"]))
        if user is None:
            raise Refused(404, 10013, "Unknown User")
        for channel in self._channels.values():
            if channel.recipient is user:
                return channel.payload(self.bot)
        made = self._keep(self._channels, Channel(self._id(), user.name, None, user))
        return made.payload(self.bot)

    async def _get_messages(self, call: Call) -> list[Json]:
        channel = self._place(call, "read_message_history")
        most = int(call.request.query.get("limit", 50))
        shown = [message for message in self.messages(channel) if not message.ephemeral]
        return [self._shown(message) for message in reversed(shown[-most:])]

    def _shown(self, message: Message) -> Json:
        intents = max((session.intents for session in self.sessions.values()), default=0)
        return message.payload(self.bot, hidden=self._hidden(message, intents))

    async def _get_message(self, call: Call) -> Json:
        channel = self._place(call, "read_message_history")
        return self._shown(self._seen(channel, call.number("message")))

    async def _post_message(self, call: Call) -> Json:
        channel = self._place(call, "send_messages")
        return self._write(call, call.form, channel).payload(self.bot)

    async def _patch_message(self, call: Call) -> Json:
        message = self._seen(self._place(call), call.number("message"))
        if message.author is not self.bot:
            raise Refused(*AUTHORED_BY_ANOTHER)
        return self._rewrite(call, call.form, message, own=True).payload(self.bot)

    async def _delete_message(self, call: Call) -> None:
        channel = self._place(call)
        message = self._seen(channel, call.number("message"))
        if message.author is not self.bot and not channel.permissions(self.bot).manage_messages:
            raise Refused(*MISSING_PERMISSIONS)
        self._delete(message)

    async def _post_typing(self, call: Call) -> None:
        self._place(call, "send_messages").typing.append(self.now())

    async def _get_attachment(self, call: Call) -> web.Response:
        number = call.number("attachment")
        for message in self._messages.values():
            for state in message.states:
                for attachment in state.attachments:
                    if attachment.id == number:
                        return web.Response(body=attachment.data)
        raise Refused(*NOT_FOUND)

    async def _nowhere(self, call: Call) -> None:
        raise Refused(*NOT_FOUND)

    # -- inside: REST of interactions

    async def _callback(self, call: Call) -> Json | None:
        """The first response to an interaction."""
        interaction = self._interactions.get(call.request.match_info["token"])
        if interaction is None or interaction.id != call.number("interaction"):
            raise Refused(*UNKNOWN_INTERACTION)
        if interaction.response is not None:
            raise Refused(*ALREADY_ACKNOWLEDGED)
        if interaction.failed or self.now() - interaction.made > self.answer_within:
            raise Refused(*UNKNOWN_INTERACTION)
        kind, form = call.form.get("type"), call.form.get("data") or {}
        respond = {
            4: self._respond,
            5: self._defer,
            6: self._defer_update,
            7: self._update,
            8: self._offer,
            9: self._open,
        }
        if not fits(interaction, kind):
            message = f"Response type {kind} is not one for this interaction."
            raise invalid_form([("type", "BASE_TYPE_CHOICES", message)])
        respond[kind](call, form, interaction)
        interaction.settle(kind)
        return self._outcome(call, interaction)

    def _outcome(self, call: Call, interaction: Interaction) -> Json | None:
        """What Discord tells of a response, when it is asked to."""
        if call.request.query.get("with_response") not in ("1", "true"):
            return None
        told: Json = {"id": str(interaction.id), "type": interaction.kind}
        body: Json = {"interaction": told}
        if (message := interaction.message) is not None:
            told["response_message_id"] = str(message.id)
            told["response_message_loading"] = message.loading
            told["response_message_ephemeral"] = message.ephemeral
            if interaction.response in (4, 7):
                shown = message.payload(self.bot)
                body["resource"] = {"type": interaction.response, "message": shown}
        return body

    def _respond(self, call: Call, form: Json, interaction: Interaction) -> None:
        interaction.message = self._write(call, form, interaction.channel, interaction)

    def _defer(self, call: Call, form: Json, interaction: Interaction) -> None:
        message = self._write(call, form, interaction.channel, interaction, loading=True)
        interaction.message = message

    def _defer_update(self, call: Call, form: Json, interaction: Interaction) -> None:
        interaction.message = interaction.source

    def _update(self, call: Call, form: Json, interaction: Interaction) -> None:
        assert interaction.source is not None
        interaction.message = self._rewrite(call, form, interaction.source)

    def _offer(self, call: Call, form: Json, interaction: Interaction) -> None:
        refuse(choices_flaws("data.choices", form.get("choices", [])))
        interaction.choices = form.get("choices", [])

    def _open(self, call: Call, form: Json, interaction: Interaction) -> None:
        refuse(modal_flaws(form))
        interaction.modal = form

    async def _follow_up(self, call: Call) -> Json:
        """A further message; right after a deferral it is the answer that was deferred."""
        interaction = self._live(call)
        first = interaction.message
        if interaction.response == 5 and first and first.loading and first.deleted is None:
            return self._rewrite(call, call.form, first).payload(self.bot)
        message = self._write(call, call.form, interaction.channel, interaction)
        interaction.followups.append(message)
        return message.payload(self.bot)

    async def _get_answer(self, call: Call) -> Json:
        return self._answer_of(call, self._live(call)).payload(self.bot)

    async def _patch_answer(self, call: Call) -> Json:
        message = self._answer_of(call, self._live(call))
        return self._rewrite(call, call.form, message).payload(self.bot)

    async def _delete_answer(self, call: Call) -> None:
        self._delete(self._answer_of(call, self._live(call)))

    # -- inside: the thread

    def _application(self) -> web.Application:
        """Every route with its kind of limit; only those of interactions need no token."""
        app = web.Application(client_max_size=100 * MEBIBYTE)
        message = "/channels/{channel}/messages/{message}"
        answer = "/webhooks/{application}/{token}"
        commands = "/applications/{application}/commands"
        of_guild = "/applications/{application}/guilds/{guild}/commands"
        callback = "/interactions/{interaction}/{token}/callback"
        routes: list[tuple[str, str, Handler, str]] = [
            ("GET", "/users/@me", self._get_me, "other"),
            ("GET", "/users/{user}", self._get_user, "other"),
            ("POST", "/users/@me/channels", self._open_direct, "other"),
            ("DELETE", "/users/@me/guilds/{guild}", self._leave_guild, "other"),
            ("GET", "/gateway/bot", self._get_gateway, "other"),
            ("GET", "/applications/@me", self._get_application, "other"),
            ("GET", "/oauth2/applications/@me", self._get_application, "other"),
            ("GET", "/guilds/{guild}", self._get_guild, "other"),
            ("GET", commands, self._get_commands, "commands"),
            ("PUT", commands, self._put_commands, "commands"),
            ("GET", of_guild, self._get_commands, "commands"),
            ("PUT", of_guild, self._put_commands, "commands"),
            ("GET", "/channels/{channel}", self._get_channel, "read"),
            ("GET", "/channels/{channel}/messages", self._get_messages, "read"),
            ("POST", "/channels/{channel}/messages", self._post_message, "create"),
            ("POST", "/channels/{channel}/typing", self._post_typing, "typing"),
            ("GET", message, self._get_message, "read"),
            ("PATCH", message, self._patch_message, "edit"),
            ("DELETE", message, self._delete_message, "delete"),
            ("POST", callback, self._callback, ""),
            ("POST", answer, self._follow_up, "followup"),
            ("GET", f"{answer}/messages/{{message}}", self._get_answer, "followup"),
            ("PATCH", f"{answer}/messages/{{message}}", self._patch_answer, "followup"),
            ("DELETE", f"{answer}/messages/{{message}}", self._delete_answer, "followup"),
            ("*", "/{rest:.*}", self._nowhere, ""),
        ]
        for method, path, handler, group in routes:
            signed = bool(group) and group != "followup"
            guarded = self._guarded(handler, group, signed)
            app.router.add_route(method, f"/api/v10{path}", guarded)
        attachment = self._guarded(self._get_attachment, "", False)
        app.router.add_route("GET", "/attachments/{attachment}/{name}", attachment)
        app.router.add_get("/gateway/", self._meet)
        return app

    async def _serve(self, started: threading.Event) -> None:
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}/api/v10"
        self.gateway = f"ws://127.0.0.1:{port}/gateway/"
        started.set()
        await self._stop.wait()
        for connection in list(self._connections):
            connection.cut()
        await runner.cleanup()


def too_many(retry_after: float, everywhere: bool, headers: dict[str, str]) -> Refused:
    """A 429 and its headers."""
    headers |= {
        "Retry-After": str(math.ceil(retry_after)),
        "X-RateLimit-Scope": "global" if everywhere else "user",
    }
    if everywhere:
        headers["X-RateLimit-Global"] = "true"
    more: Json = {"retry_after": round(retry_after, 3), "global": everywhere}
    return Refused(429, 0, "You are being rate limited.", **more)


def fits(interaction: Interaction, kind: object) -> bool:
    """Whether a type of response is one for this interaction."""
    if interaction.kind == AUTOCOMPLETE:
        return kind == 8
    if kind in (6, 7):
        return interaction.source is not None
    return kind in (4, 5) or (kind == 9 and interaction.kind != MODAL)


def pictured(embed: Json, links: Mapping[str, str]) -> Json:
    """An embed whose pictures are links to the files of its message."""
    shown = {"type": "rich"} | embed
    for name in ("image", "thumbnail"):
        if name in embed:
            url = embed[name]["url"]
            shown[name] = embed[name] | {"url": links.get(url, url)}
    return shown


def filled(part: Json, values: Mapping[str, str]) -> Json:
    """A component of a modal as it is submitted."""
    if "components" in part:
        return {"type": part["type"], "components": [filled(p, values) for p in part["components"]]}
    if "component" in part:
        return {"type": part["type"], "component": filled(part["component"], values)}
    value = values.get(part.get("custom_id", ""), part.get("value") or "")
    kept = {name: part[name] for name in ("type", "custom_id", "content") if name in part}
    return kept | ({"value": value} if part["type"] == INPUT else {"values": [value]})


KINDS: dict[int, type | tuple[type, ...]] = {
    3: str,
    4: int,
    5: bool,
    6: User,
    7: Channel,
    9: User,
    10: (int, float),
}


def chosen(described: Json, given: Mapping[str, object], focused: str | None) -> list[Json]:
    """The options of a command as somebody filled them in.

    Raises:
        LookupError: Discord's client would not send them.
    """
    known = {option["name"]: option for option in described.get("options") or []}
    missing = [name for name, o in known.items() if o.get("required") and name not in given]
    if not set(given) <= set(known) or (missing and focused is None):
        raise LookupError(f"options {sorted(given)} do not fit {sorted(known)}; missing {missing}")
    options = []
    for name, value in given.items():
        option: Json = {"name": name, "type": known[name]["type"], "value": value}
        if name == focused:
            if not known[name].get("autocomplete"):
                raise LookupError(f"{name!r} has no autocompletion")
            option["focused"] = True
        else:
            check_option(known[name], value)
        options.append(option)
    return options


def check_option(described: Json, value: object) -> None:
    """Refuse a value as Discord's client does."""
    name, kind = described["name"], described["type"]
    wanted = KINDS[kind]
    if not isinstance(value, wanted) or (kind != 5 and isinstance(value, bool)):
        raise LookupError(f"{name!r} takes {wanted}, not {value!r}")
    choices = [choice["value"] for choice in described.get("choices") or []]
    if choices and value not in choices:
        raise LookupError(f"{name!r} is one of {choices}, not {value!r}")
    size: Any = len(value) if isinstance(value, str) else value
    least = described.get("min_length", described.get("min_value"))
    most = described.get("max_length", described.get("max_value"))
    if (least is not None and size < least) or (most is not None and size > most):
        raise LookupError(f"{name!r} is from {least} to {most}, not {value!r}")


# --------------------------------------------------------------------------- for tests


@contextmanager
def discord_server() -> Iterator[DiscordServer]:
    """A server in a thread of its own, until the block ends."""
    server, started = DiscordServer(), threading.Event()

    def run() -> None:
        asyncio.set_event_loop(server._loop)
        server._loop.run_until_complete(server._serve(started))
        server._loop.close()

    thread = threading.Thread(target=run, name="discord", daemon=True)
    thread.start()
    assert started.wait(10), "the server did not start"
    try:
        yield server
    finally:
        server._loop.call_soon_threadsafe(server._stop.set)
        thread.join(10)
        assert not thread.is_alive(), "the server did not stop"


def connect(server: Address) -> ExitStack:
    """Lead discord.py in this process to a server, at once.

    Args:
        server: anything with the ``url`` and ``gateway`` of a :class:`DiscordServer`, which in
            another process may have come as text.

    Returns:
        What leads it back to Discord when it is closed or left as a context.
    """
    stack = ExitStack()
    route, socket = discord.http.Route, discord.gateway.DiscordWebSocket
    stack.callback(setattr, route, "BASE", route.BASE)
    stack.callback(setattr, socket, "DEFAULT_GATEWAY", socket.DEFAULT_GATEWAY)
    route.BASE = server.url
    socket.DEFAULT_GATEWAY = yarl.URL(server.gateway)
    return stack


@contextmanager
def online(client: discord.Client, server: DiscordServer) -> Iterator[discord.Client]:
    """Run a client in a thread of its own: ready when the block begins, closed when it ends.

    Give the client a small ``guild_ready_timeout``: it waits so long for guilds before it is ready.

    Raises:
        Exception: what the client raised, when it did not become ready.
    """
    errors: list[BaseException] = []

    async def live() -> None:
        async with client:
            await client.start(server.token)

    def run() -> None:
        try:
            asyncio.run(live())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="client", daemon=True)
    with connect(server):
        thread.start()
        try:
            server.until(lambda: errors or client.is_ready(), 15)
            if errors:
                raise errors[0]
            yield client
        finally:
            if thread.is_alive():
                asyncio.run_coroutine_threadsafe(client.close(), client.loop).result(10)
            thread.join(10)
