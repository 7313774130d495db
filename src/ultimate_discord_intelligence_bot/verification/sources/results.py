"""Results of a web search as passages: the best pages are read, the others quoted as found."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import structlog

from ...errors import SourceFailed
from .cache import Answer
from .passages import Document, best_passages, day, read_html, read_plain, without_tags
from .source import Passage, Query
from .web import WebClient

_READ = 3

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Result:
    """What a search engine says about a page.

    Attributes:
        snippet: words of the page, as the engine chose them; may hold HTML.
        published: a date in ISO 8601, where told.
    """

    title: str
    url: str
    snippet: str
    published: str | None = None

    @property
    def day(self) -> date | None:
        """When it was published, where told."""
        return day(self.published)


async def read_results(
    results: Sequence[Result], query: Query, limit: int, web: WebClient
) -> list[Passage]:
    """The passages that fit a statement best, of the first three pages and of all snippets.

    A page that cannot be had is logged, and its snippet serves.
    """
    results = [result for result in results if result.url.startswith(("http://", "https://"))]
    pages = await asyncio.gather(*(_page(result, web) for result in results[:_READ]))
    read = {result.url: page for result, page in zip(results, pages, strict=False) if page}
    documents = [read.get(result.url) or quoted(result) for result in results]
    return await asyncio.to_thread(best_passages, documents, query, limit)


def quoted(result: Result) -> Document:
    """A page by its snippet alone."""
    return Document(
        title=without_tags(result.title)[:300],
        url=result.url,
        paragraphs=tuple(filter(None, [without_tags(result.snippet)])),
        published=result.day,
    )


async def _page(result: Result, web: WebClient) -> Document | None:
    try:
        answer = await web.fetch_page(result.url)
    except SourceFailed as error:
        log.info("page_not_read", reason=error.message)
        return None
    return await asyncio.to_thread(_document, answer, result)


def _document(answer: Answer, result: Result) -> Document | None:
    if answer.kind == "text/plain":
        page = read_plain(answer.text, answer.url, result.title)
    else:
        page = read_html(answer.text, answer.url)
    if not page.paragraphs:
        return None
    return Document(
        title=page.title or result.title,
        url=page.url,
        paragraphs=page.paragraphs,
        published=page.published or result.day,
    )
