"""Markdown into paragraphs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..models.knowledge import Place
from .paragraphs import Paragraph, label, plain

if TYPE_CHECKING:
    from markdown_it.token import Token

_FRONT_MATTER = re.compile(r"---[ \t]*\n(.{0,65536}?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_BREAKS = {"softbreak": " ", "hardbreak": " "}


def front_matter(text: str) -> tuple[dict[str, str], int]:
    """The plain values of the YAML block at the head of a text, and where the text goes on.

    A block that is no YAML mapping is text.
    """
    import yaml

    match = _FRONT_MATTER.match(text)
    if match is None:
        return {}, 0
    try:
        found: Any = yaml.safe_load(match[1])
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}, 0
    if not isinstance(found, dict):
        return {}, 0
    values = {
        str(key).lower(): str(value)
        for key, value in found.items()
        if not isinstance(value, dict | list | set | tuple | None)
    }
    return values, match.end()


def read_markdown(text: str, first_line: int = 1) -> tuple[str | None, list[Paragraph]]:
    """The first heading of the highest rank, and the paragraphs; code and raw HTML are left out.

    A row of a table is a paragraph with its cells between bars.

    Args:
        text: without its front matter.
        first_line: number of its first line in the file.
    """
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    titles: list[tuple[int, str]] = []
    paragraphs: list[Paragraph] = []
    heading: str | None = None
    for kind, line, words in _blocks(tokens):
        if kind.startswith("h"):
            heading = label(words) or None
            titles.append((int(kind[1:]), words))
        elif words:
            place = Place(heading=heading, line=first_line + line)
            paragraphs.append(Paragraph(words, place))
    best = min(titles, key=lambda title: title[0], default=None)
    return (best[1] if best else None), paragraphs


def _blocks(tokens: list[Token]) -> Iterator[tuple[str, int, str]]:
    """Tag, line from 0 and words of each block that has words."""
    tag, cells, row = "p", list[str](), 0
    for token in tokens:
        if token.type == "heading_open":
            tag = token.tag
        elif token.type == "heading_close":
            tag = "p"
        elif token.type == "tr_open":
            cells, row = [], token.map[0] if token.map else row
            tag = "td"
        elif token.type == "tr_close":
            tag = "p"
            yield tag, row, " | ".join(cell for cell in cells if cell)
        elif token.type == "inline" and tag == "td":
            cells.append(_words(token))
        elif token.type == "inline":
            yield tag, (token.map or [0])[0], _words(token)


def _words(inline: Token) -> str:
    """What a reader sees of a line: no marks, no addresses, of a picture its description."""
    parts = []
    for token in inline.children or ():
        if token.type == "html_inline":
            continue
        parts.append(_BREAKS.get(token.type) or token.content)
    return plain("".join(parts))
