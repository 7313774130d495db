"""JSON answers of any shape as documents: the sentences in them, and what stands beside those."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urljoin

from .operations import plain_name
from .passages import Document, day, read_plain, without_tags, words

_MOST_NODES = 20_000
_MOST_DOCUMENTS = 1_000
_LONGEST = 100_000
_FEWEST_CHARACTERS = 30
_FEWEST_WORDS = 5

_TITLES = words("title headline name label heading subject")
_LINKS = words("url link weburl htmlurl permalink canonicalurl href uri sourceurl")
_DATES = words(
    "published publishedat publisheddate publicationdate pubdate datepublished date reviewdate"
    " updated updatedat lastmodified modified modifiedat created createdat timestamp"
)


@dataclass(frozen=True)
class _About:
    title: str
    url: str
    published: date | None


def read_answer(answer: Any, title: str, url: str) -> list[Document]:
    """The texts of a JSON answer that are sentences, outermost first. Blocks.

    Title, address and date come from fields of usual names beside a text or around it.

    Args:
        answer: parsed JSON.
        title: of texts that have none.
        url: of texts that have none; relative addresses are meant from here.
    """
    found: list[Document] = []
    queue: list[tuple[Any, _About]] = [(answer, _About(title, url, None))]
    for count, (node, about) in enumerate(queue):
        if count == _MOST_NODES or len(found) >= _MOST_DOCUMENTS:
            break
        if isinstance(node, dict):
            about = _described(node, about, url)
            queue += [(child, about) for child in node.values()]
        elif isinstance(node, list):
            queue += [(child, about) for child in node]
        elif isinstance(node, str) and (paragraphs := _paragraphs(node, about)):
            found.append(Document(about.title, about.url, paragraphs, about.published, title))
    return found


def _described(node: Mapping[str, Any], around: _About, base: str) -> _About:
    texts = {plain_name(name): value for name, value in node.items() if isinstance(value, str)}
    title = next((texts[name] for name in _TITLES if texts.get(name, "").strip()), None)
    links = (_link(base, texts[name]) for name in _LINKS if name in texts)
    days = (day(texts[name]) for name in _DATES if name in texts)
    return _About(
        without_tags(title[:600])[:300] if title else around.title,
        next(filter(None, links), around.url),
        next(filter(None, days), around.published),
    )


def _link(base: str, text: str) -> str | None:
    try:
        url = urljoin(base, text.strip())
    except ValueError:
        return None
    return url if url.startswith(("http://", "https://")) and len(url) < 2_000 else None


def _paragraphs(text: str, about: _About) -> tuple[str, ...]:
    text = text[:_LONGEST]
    if len(text) < _FEWEST_CHARACTERS or "://" in text[:12]:
        return ()
    paragraphs = read_plain(text, about.url).paragraphs
    if "<" in text:
        paragraphs = tuple(filter(None, map(without_tags, paragraphs)))
    return tuple(p for p in paragraphs if _speaks(p) and p != about.title)


def _speaks(text: str) -> bool:
    """Whether a text is made of sentences, not of codes; some languages write without spaces."""
    letters = sum(character.isalpha() or character.isspace() for character in text)
    wide = sum(character > "\u2e80" for character in text)
    long = len(text) >= _FEWEST_CHARACTERS or wide >= _FEWEST_CHARACTERS // 2
    return long and letters >= 0.6 * len(text) and (len(text.split()) >= _FEWEST_WORDS or wide > 10)
