"""Text that came from outside, made safe for Discord; long text cut and divided at sentences.

Lengths are UTF-16 code units, as Discord's own programs count them; a code point counts at least
one, so a text within a limit is within it however the other side counts.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterator
from urllib.parse import quote, urlsplit, urlunsplit

import idna

from ..network import is_name, is_public

ELLIPSIS = "…"
SHORTEST = 30
"""The least limit: room for any one character with its marks, and an ellipsis."""

_LONGEST_ADDRESS = 400
_MOST_MARKS = 4

_PRIVATE = (".local", ".localhost", ".internal", ".lan", ".home.arpa", ".onion", ".test")

_LINES = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f"  # controls
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction
    "\xad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u2065\u206a-\u206f"
    "\u2800\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff9-\ufffb"  # nothing to be seen
    "\U000e0000-\U000e0fff]"  # tags
)
_JOINERS = re.compile("(?<=[\u200c\u200d])[\u200c\u200d]+")
_LOOSE_JOINER = re.compile(r"(?<!\S)[\u200c\u200d]|[\u200c\u200d](?!\S)")
_HALVES = re.compile("[\ud800-\udfff]")

_ACTIVE = re.compile(
    r"[\\*_~`|\[\]<>]"
    r"|(?<!\S)[#+-]|[#+-](?!\S)"  # headings and lists, wherever a line may come to begin
    r"|(?<=[0-9])[.)](?!\S)"
    r"|:(?=//|[\w+-]+:)"  # addresses and emoji
    r"|(?<=discord)\.|(?<=discordapp)\.",  # invitations need no https://
    re.IGNORECASE,
)
_PING = re.compile(r"@(?=everyone|here|[!&]?\d)", re.IGNORECASE)
_ESCAPED = re.compile(r"\\([^0-9A-Za-z\s])|(?<=@)\u200b")

_MASKED = r"\[((?:\\.|[^\\\[\]\n]){1,200})\]\(<?https?://[^\s()]{1,500}\)"
_CHARACTER = (
    r"(?:\\.|@\u200b|.)[\u0300-\u036f\u200c\ufe0f\U0001f3fb-\U0001f3ff]{0,6}"
    r"(?:\u200d.\ufe0f?){0,3}"
)
_UNIT = re.compile(_CHARACTER, re.DOTALL)
_UNIT_OR_LINK = re.compile(f"{_MASKED}|{_CHARACTER}", re.DOTALL)
_LINK = re.compile(rf"(\\.)|{_MASKED}", re.DOTALL)
_LONGEST_LINK = 720
_NO_SPACES = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)
_CLOSERS = "\"'”’»)]*_\\"
_WORD, _SENTENCE, _LINE, _PARAGRAPH = 1, 2, 3, 4


def size(text: str) -> int:
    """Length in UTF-16 code units."""
    return len(text) + sum(character > "\uffff" for character in text)


def clean(text: str) -> str:
    """The text as it can be seen.

    Without control characters, overrides of direction, halves of characters and what takes no
    room; with single spaces, at most one empty line in a row and four marks on a letter.
    """
    text = _INVISIBLE.sub("", _LINES.sub("\n", text))
    text = _HALVES.sub("\N{REPLACEMENT CHARACTER}", text)
    if not text.isascii():
        text = _LOOSE_JOINER.sub("", _JOINERS.sub("", "".join(_few_marks(text))))
    text = re.sub(r"[^\S\n]+", " ", text)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r" ?\n ?", "\n", text)).strip()


def _few_marks(text: str) -> Iterator[str]:
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= _MOST_MARKS:
            yield character


def escape(text: str) -> str:
    """The text, cleaned, so that nothing in it is more than text to Discord.

    No markup, link, mention, time, emoji or invitation is left in it, on whichever side of a cut
    or of a page it comes to stand. For places that show Markdown; see ``plain`` for the others.
    """
    return _PING.sub("@\u200b", _ACTIVE.sub(r"\\\g<0>", clean(text)))


def unescape(text: str) -> str:
    """What a reader sees of an escaped text; ``unescape(escape(text)) == clean(text)``."""
    return _ESCAPED.sub(lambda match: match[1] or "", text)


def snippet(text: str, limit: int) -> str:
    """The text escaped, on one line and cut; costs no more than the limit does."""
    return _shortened(text, limit, escape)


def plain(text: str, limit: int) -> str:
    """The text on one line and cut, for places without Markdown: footers, labels, file names."""
    return _shortened(text, limit, clean)


def _shortened(text: str, limit: int, prepare: Callable[[str], str]) -> str:
    # What lies beyond is never seen, except where most of the text is nothing to be seen.
    beginning = text[: 4 * limit]
    line = prepare(" ".join(beginning.split()))
    return cut(line, limit, whole=len(beginning) == len(text))


def cut(text: str, limit: int, *, whole: bool = True) -> str:
    """The beginning of a text, which may be escaped, with an ellipsis where more follows.

    It ends with a sentence if that keeps half of what fits, or else with a word, and never within
    an escape or a character that people see as one.

    Args:
        text: in no way trusted.
        limit: UTF-16 code units, at least ``SHORTEST``.
        whole: False where the text itself is only a beginning.

    Raises:
        ValueError: the limit is too small.
    """
    if whole and size(text) <= limit:
        return text
    if not text:
        return ELLIPSIS
    end = _end(text, 0, limit - 2, _SENTENCE)
    kept = text[:end].rstrip()
    between = " " if kept and (end == len(text) or _kind(text, end)) else ""
    return kept + between + ELLIPSIS


def pages(text: str, limit: int) -> tuple[str, ...]:
    """A text in pages, which joined are the text.

    A page ends with a paragraph, a line or a sentence where one of them ends in its second half,
    or else with a word. No page of a cleaned text is blank.

    Args:
        text: escaped, where it is from outside. Masked links in it stay whole where the limit is
            that of a message or an embed.
        limit: UTF-16 code units of a page, at least ``SHORTEST``.

    Raises:
        ValueError: the limit is too small.
    """
    found, start = [], 0
    while start < len(text):
        end = _end(text, start, limit, _PARAGRAPH)
        found.append(text[start:end])
        start = end
    return tuple(found)


def _end(text: str, start: int, limit: int, most: int) -> int:
    """Where a part that begins at ``start`` ends best; kinds above ``most`` count as that."""
    if limit < SHORTEST - 2:
        raise ValueError(f"nothing is cut to fewer than {SHORTEST} characters")
    ends = _fitting(text, start, limit)
    if ends[-1] == len(text):
        return len(text)
    blank = len(text) - len(text[start:].lstrip())
    kinds = [(min(_kind(text, end), most) if end > blank else 0, end) for end in ends]
    middle = start + (ends[-1] - start) // 2
    best, end = max(pair for pair in kinds if pair[1] > middle)
    if not best:
        best, end = max((min(kind, _WORD), end) for kind, end in kinds)
    return end


def _fitting(text: str, start: int, limit: int) -> list[int]:
    """Where a part could end at all, as far as it fits."""
    ends: list[int] = []
    unit = _UNIT_OR_LINK if limit >= _LONGEST_LINK else _UNIT
    for found in unit.finditer(text, start):
        limit -= size(found[0])
        if limit < 0:
            break
        ends.append(found.end())
    return ends


def _kind(text: str, end: int) -> int:
    """What ends there: a paragraph, a line, a sentence, a word or nothing (0)."""
    last = text[end - 1]
    if last == "\n":
        return _PARAGRAPH if text.endswith("\n\n", 0, end) else _LINE
    if _NO_SPACES.match(last) or last in "。！？":
        return _SENTENCE if last in "。！？" else _WORD
    if not last.isspace():
        return 0
    before = text[max(0, end - 12) : end].rstrip().rstrip(_CLOSERS)
    return _SENTENCE if before.endswith((".", "!", "?", "…")) else _WORD


# -- links ---------------------------------------------------------------------------------------


def address(url: str) -> str | None:
    """The address, percent-encoded, where it may be clicked; else None.

    It may when it is http or https, not too long to be shown, names nobody (``user@``) and leads
    to a host on the public internet: a name with a dot, in ASCII as browsers resolve it, or a
    public IP address. Names are not looked up.
    """
    try:
        parts = urlsplit(clean(url[: 2 * _LONGEST_ADDRESS]))
        port, host = parts.port, _host(parts.hostname or "")
    except ValueError:
        return None
    if len(url) > _LONGEST_ADDRESS or parts.scheme not in ("http", "https") or host is None:
        return None
    if "@" in parts.netloc:
        return None
    path, query, fragment = (
        quote(part, safe="%/:?#@!$&'+,;=~", errors="replace")
        for part in (parts.path, parts.query, parts.fragment)
    )
    place = f"{host}:{port}" if port else host
    found = urlunsplit((parts.scheme, place, path, query, fragment))
    return found if len(found) <= _LONGEST_ADDRESS else None


def _host(host: str) -> str | None:
    """The host in ASCII, where it is one of the public internet."""
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        name = idna.encode(host, uts46=True).decode()  # raises a ValueError
        private = name.rstrip(".").endswith(_PRIVATE)
        return name if is_name(name) and "." in name.rstrip(".") and not private else None
    if not is_public(number):
        return None
    return f"[{number}]" if number.version == 6 else str(number)


def link(label: str, url: str, *, quiet: bool = False) -> str:
    """A masked link, or the label alone where the address may not be clicked.

    Args:
        label: escaped.
        url: from anywhere.
        quiet: in a message's content: without a preview below it. Embeds never have one.
    """
    found = address(url)
    if found is None:
        return label
    return f"[{label}](<{found}>)" if quiet else f"[{label}]({found})"


def unlinked(text: str) -> str:
    """The text with the labels of masked links in their place."""
    return _LINK.sub(lambda match: match[1] or match[2], text)
