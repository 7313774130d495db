"""Lists of links: one per line, a table (CSV), or JSON lines."""

from __future__ import annotations

import codecs
import csv
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Literal, NamedTuple

from ..acquisition import parse_locator
from ..briefing.wording import one_line
from ..errors import InputError
from ..settings import Depth

Form = Literal["auto", "lines", "csv", "jsonl"]

FIRST, LAST, USUAL = 1, 100, 50
"""The priorities: of what comes first, of what comes last, and where none is given."""

LONGEST_LINE = 64 * 1024
"""Bytes of a line that is still read."""

_CHUNK = 64 * 1024
_SHOWN = 200
_COLUMNS = ("url", "depth", "priority")
_SEPARATORS = ",;\t"
_COMMENT = re.compile(r"(?:^|\s)#")
_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


@dataclass(frozen=True)
class Entry:
    """A link to work on.

    Attributes:
        line: where it stands in the list; the first line is 1.
        url: as it is written there; it has the form of an http(s) link.
        depth: None where the list does not say.
        priority: 1 for what comes first to 100 for what comes last.
    """

    line: int
    url: str
    depth: Depth | None = None
    priority: int = USUAL


@dataclass(frozen=True)
class Refused:
    """A line that cannot be used.

    Attributes:
        line: where it stands in the list; the first line is 1.
        text: what stands there, fit to be shown and cut to 200 characters.
        reason: what is wrong with it, and what to do.
    """

    line: int
    text: str
    reason: str


class _Asked(NamedTuple):
    """What a row says, before the link is looked at."""

    url: str
    depth: Depth | None = None
    priority: int = USUAL


_Reader = Callable[[str], "_Asked | None"]


def read_list(
    lines: Iterable[bytes] | IO[bytes], *, form: Form = "auto"
) -> Iterator[Entry | Refused]:
    r"""Read a list of links row by row, in bounded memory; a bad row never stops the rest.

    * ``lines``: ``https://… [depth]``. A comment begins with ``#``, at the start of the line or
      after white space.
    * ``csv``: the first row names the columns, in any order: ``url`` and, if wanted, ``depth`` and
      ``priority``; other columns are left alone. Comma, semicolon or tab separates. A row is one
      line: quoted fields may hold anything but a line end.
    * ``jsonl``: one object per line, ``{"url": …, "depth": …, "priority": …}``, nothing else.

    The text is UTF-8, with or without a byte order mark; a file may also be UTF-16 with one. Lines
    end with LF, CRLF or CR; empty ones are passed over, and so are comments above the first row.
    Nothing is looked up on the network or on the disk.

    Args:
        lines: a binary file, or whole lines with or without their ends.
        form: ``auto`` lets the first line decide that is neither empty nor a comment.

    Yields:
        Each link, or why a line holds none that can be used.
    """
    read = None if form == "auto" else _reader(form)
    for number, raw in enumerate(_split(_chunks(lines)), 1):
        try:
            text = _decoded(raw)
            bare = text.strip()
            if not bare or (read is None and bare.startswith("#")):
                continue
            read = read or _reader(_form_of(text))
            if asked := read(text):
                parse_locator(asked.url, allow_files=False)
                yield Entry(number, asked.url.strip(), asked.depth, asked.priority)
        except InputError as error:
            start = raw.lstrip()[: 4 * _SHOWN].decode(errors="replace")
            yield Refused(number, _shown(start, _SHOWN), one_line(str(error)))


class Distinct:
    """The rows of a list without the links that stood there before.

    Links are equal when they lead to the same recording as far as their text tells; the first
    one counts, whatever depth the others ask for. Of each link 16 bytes of a hash are remembered.

    Attributes:
        repeats: how many links were left out so far.
    """

    def __init__(self, rows: Iterable[Entry | Refused]) -> None:
        self.repeats = 0
        self._rows = rows
        self._seen: set[bytes] = set()

    def __iter__(self) -> Iterator[Entry | Refused]:
        for row in self._rows:
            if isinstance(row, Entry):
                link = parse_locator(row.url, allow_files=False).value
                mark = hashlib.blake2b(link.encode(), digest_size=16).digest()
                if mark in self._seen:
                    self.repeats += 1
                    continue
                self._seen.add(mark)
            yield row


# -- from bytes to lines -----------------------------------------------------------------------


def _chunks(lines: Iterable[bytes] | IO[bytes]) -> Iterator[bytes]:
    read = getattr(lines, "read1", None) or getattr(lines, "read", None)
    if read is None:
        return (line if line.endswith((b"\n", b"\r")) else line + b"\n" for line in lines)
    return _as_utf8(iter(lambda: read(_CHUNK), b""))


def _as_utf8(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """What a file holds, if need be from UTF-16; what no UTF-8 can express stays invalid."""
    start = b""
    while len(start) < 2 and (chunk := next(chunks, b"")):
        start += chunk
    encoding = _UTF16.get(start[:2])
    if encoding is None:
        yield start
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    yield decoder.decode(start[2:]).encode(errors="surrogatepass")
    for chunk in chunks:
        yield decoder.decode(chunk).encode(errors="surrogatepass")
    if decoder.getstate()[0]:
        yield b"\xff"  # half a character at the end


def _split(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines without their ends; of one that is too long, its beginning, one byte too long."""
    line = bytearray()
    after_return = False
    for chunk in filter(None, chunks):
        if after_return:
            chunk = chunk.removeprefix(b"\n")
        after_return = chunk.endswith(b"\r")
        for piece in chunk.splitlines(keepends=True):
            held = piece.rstrip(b"\r\n")
            line += held[: LONGEST_LINE + 1 - len(line)]
            if len(held) < len(piece):
                yield bytes(line)
                line.clear()
    if line:
        yield bytes(line)


def _decoded(raw: bytes) -> str:
    if len(raw) > LONGEST_LINE:
        raise InputError(
            f"The line is longer than {LONGEST_LINE // 1024} KiB.", "Write one link per line."
        )
    if b"\0" in raw:
        raise InputError(
            "The line holds NUL characters.", "Save the list as plain text in UTF-8 and try again."
        )
    try:
        return raw.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise InputError(
            "The line is not UTF-8.", "Save the list as plain text in UTF-8 and try again."
        ) from error


# -- from lines to rows ------------------------------------------------------------------------


def _form_of(text: str) -> Form:
    """The form of a list that begins with this line."""
    if text.lstrip().startswith(("{", "[")):
        return "jsonl"
    return "csv" if _header(text) else "lines"


def _reader(form: Form) -> _Reader:
    if form == "csv":
        return _Table()
    return _from_json if form == "jsonl" else _from_text


def _from_text(text: str) -> _Asked | None:
    words = _COMMENT.split(text, maxsplit=1)[0].split()
    if len(words) > 2:
        raise InputError(
            "There is more on the line than a link and a depth.",
            "Write one link per line, and # before a comment.",
        )
    if not words:
        return None
    return _Asked(words[0], _depth(words[1]) if words[1:] else None)


def _from_json(text: str) -> _Asked | None:
    if text.lstrip().startswith("#"):
        return None
    try:
        row = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _no_object() from error
    if not isinstance(row, dict):
        raise _no_object()
    if unknown := [_quoted(key) for key in row if key not in _COLUMNS]:
        raise InputError(
            f"The key {unknown[0]} means nothing here.", f"Use {_listed(_COLUMNS)} only."
        )
    url, depth = row.get("url"), row.get("depth")
    if not isinstance(url, str):
        raise InputError("The object names no link.", 'Give it as "url": "https://…".')
    if not isinstance(depth, str | None):
        raise _no_depth("That")
    return _Asked(url, None if depth is None else _depth(depth), _rank(row.get("priority")))


def _no_object() -> InputError:
    return InputError(
        "The line is no JSON object.",
        'Write one object per line, such as {"url": "https://…", "depth": "deep"}.',
    )


class _Table:
    """Reads rows of CSV; the first that names a column ``url`` is the header."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._separator = ","

    def __call__(self, text: str) -> _Asked | None:
        if not self._names:
            self._begin(text)
            return None
        fields = [field.strip() for field in _fields(text, self._separator)]
        if not any(fields):
            return None
        if any(fields[len(self._names) :]):
            raise InputError(
                f"The row has {len(fields)} fields, but the header names {len(self._names)}.",
                'Put a field that holds a separator between quotation marks: "…".',
            )
        row = dict(zip(self._names, fields, strict=False))
        if not row.get("url"):
            raise InputError("The row names no link.", "Fill in its column “url”.")
        depth, priority = row.get("depth"), row.get("priority")
        return _Asked(row["url"], _depth(depth) if depth else None, _rank(_number(priority)))

    def _begin(self, text: str) -> None:
        if text.lstrip().startswith("#"):
            return
        header = _header(text)
        if header is None:
            raise InputError(
                "No row above names the columns, and this one has none named “url”.",
                "Begin the list with a row such as: url,depth,priority",
            )
        self._separator, names = header
        for name in _COLUMNS:
            if names.count(name) > 1:
                raise InputError(f"Two columns are named “{name}”.", "Rename or remove one.")
        self._names = names


def _header(text: str) -> tuple[str, list[str]] | None:
    """The separator and the columns, when one of them is named ``url``."""
    for separator in _SEPARATORS:
        try:
            names = [name.strip().lower() for name in _fields(text, separator)]
        except InputError:
            continue
        if "url" in names:
            return separator, names
    return None


def _fields(text: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=separator, skipinitialspace=True, strict=True))
    except csv.Error as error:
        raise InputError(
            "The quotation marks of the row do not match.",
            'Keep the row on one line, and write "" for a quotation mark inside quotation marks.',
        ) from error


# -- what stands in a row ----------------------------------------------------------------------


def _depth(word: str) -> Depth:
    try:
        return Depth(word.strip().lower())
    except ValueError as error:
        raise _no_depth(_quoted(word)) from error


def _no_depth(what: str) -> InputError:
    return InputError(f"{what} is not a depth.", f"Write {_listed(tuple(Depth))}, or leave it out.")


def _number(text: str | None) -> object:
    """The whole number that a text is; the text itself when it is none."""
    if not text:
        return None
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else text


def _rank(given: object) -> int:
    if given is None:
        return USUAL
    if not isinstance(given, int) or isinstance(given, bool) or not FIRST <= given <= LAST:
        raise InputError(
            "The priority is not a whole number that can be used.",
            f"Write {FIRST} for what comes first to {LAST} for what comes last, or leave it out.",
        )
    return given


def _listed(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _quoted(text: str) -> str:
    return f"“{_shown(text, 40)}”"


def _shown(text: str, most: int) -> str:
    """The text on one line, cut, with nothing in it that UTF-8 cannot express."""
    line = one_line(text[: 4 * most].encode(errors="replace").decode())
    return line if len(line) <= most else line[: most - 1] + "…"
