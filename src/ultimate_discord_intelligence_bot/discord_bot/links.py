"""The links in what people write, and in what it shows."""

from __future__ import annotations

import re
from collections.abc import Iterator

import discord

from ..acquisition import parse_locator
from ..errors import InputError

_LINK = re.compile(r"(_*)(https?://[^\s<>\"|]+)", re.IGNORECASE)
_AFTER = frozenset(".,:;!?*~`'\"]}”’»…")
"""What stands after a link and is none of it."""


def links_of(message: discord.Message) -> list[str]:
    """Links to what may be recordings, in a message and in what it shows or forwards.

    Args:
        message: whose content the bot may read, as that of one whose menu was used.

    Returns:
        Each once, in the form in which links are compared; those in its text first.
    """
    parts: list[discord.Message | discord.MessageSnapshot] = [message, *message.message_snapshots]
    found = (link for part in parts for link in _named(part))
    return list(dict.fromkeys(filter(None, map(_canonical, found))))


def _named(part: discord.Message | discord.MessageSnapshot) -> Iterator[str]:
    yield from links_in(part.content)
    for embed in part.embeds:
        texts = [embed.url, embed.title, embed.description, *(f.value for f in embed.fields)]
        yield from (link for text in texts for link in links_in(text or ""))
    for file in part.attachments:
        if (file.content_type or "").startswith(("audio/", "video/")):
            yield file.url


def links_in(text: str) -> list[str]:
    """The links in a text as they stand there, without marks and punctuation around them."""
    return [_bare(link, italic=bool(mark)) for mark, link in _LINK.findall(text)]


def _bare(link: str, *, italic: bool) -> str:
    """Without what follows it; the id of a video may well end with an underscore."""
    while (last := link[-1]) in _AFTER or (
        (last == "_" and italic) or (last == ")" and link.count(")") > link.count("("))
    ):
        link = link[:-1]
    return link


def _canonical(link: str) -> str | None:
    try:
        return parse_locator(link, allow_files=False).value
    except InputError:
        return None
