"""A SearXNG server of the operator's own; it must offer its results as JSON."""

from __future__ import annotations

from pydantic import BaseModel, Field

from .results import Result, read_results
from .source import Passage, Query, Surroundings
from .web import Service, WebClient


class _Result(BaseModel):
    url: str | None = None
    title: str | None = None
    content: str | None = None
    published: str | None = Field(None, alias="publishedDate")


class _Answer(BaseModel):
    results: list[_Result] = []


class SearXNG:
    """Passages of pages of the web, found by the engines that the server asks.

    Args:
        web: the way out.
        base: address of the server.
    """

    name = "SearXNG"

    def __init__(self, web: WebClient, base: str) -> None:
        self._web = web
        self._url = f"{base.rstrip('/')}/search"
        self._service = Service(
            self.name,
            "AUTOINTEL_SEARXNG_URL",
            remedy="Add json to search.formats in its settings.yml, or turn its limiter off.",
        )

    async def search(self, query: Query, limit: int) -> list[Passage]:
        """As in ``EvidenceSource``."""
        answer: _Answer = await self._web.fetch_json(
            self._service,
            self._url,
            _Answer,
            params={"q": query.text[:400], "format": "json", "language": query.language},
        )
        results = [
            Result(found.title or "", found.url or "", found.content or "", found.published)
            for found in answer.results[: limit + 5]
        ]
        return await read_results(results, query, limit, self._web)


def open_source(surroundings: Surroundings) -> SearXNG | None:
    """The server that AUTOINTEL_SEARXNG_URL names."""
    base = surroundings.settings.searxng_url
    if base is None:
        return None
    surroundings.web.trust(base)
    return SearXNG(surroundings.web, base)
