"""Tavily, a web search that answers with the fitting parts of pages; needs TAVILY_API_KEY."""

from __future__ import annotations

import asyncio

from pydantic import BaseModel, SecretStr

from .passages import best_passages
from .results import Result, quoted
from .source import Passage, Query, Surroundings
from .web import Key, Service, WebClient

_MOST_RESULTS = 10


class _Result(BaseModel):
    title: str | None = None
    url: str
    content: str | None = None
    published_date: str | None = None


class _Answer(BaseModel):
    results: list[_Result] = []


class Tavily:
    """Passages of pages of the web.

    Args:
        web: the way out.
        key: of the account.
        base: address of the API.
    """

    name = "Tavily"

    def __init__(
        self, web: WebClient, key: SecretStr, base: str = "https://api.tavily.com"
    ) -> None:
        self._web = web
        self._url = f"{base}/search"
        self._service = Service(self.name, "TAVILY_API_KEY", Key(key, prefix="Bearer "))

    async def search(self, query: Query, limit: int) -> list[Passage]:
        """As in ``EvidenceSource``."""
        answer: _Answer = await self._web.fetch_json(
            self._service,
            self._url,
            _Answer,
            json={
                "query": query.text[:400],
                "max_results": min(limit + 3, _MOST_RESULTS),
                "search_depth": "basic",
            },
        )
        documents = [
            quoted(Result(found.title or "", found.url, found.content or "", found.published_date))
            for found in answer.results
        ]
        return await asyncio.to_thread(best_passages, documents, query, limit)


def open_source(surroundings: Surroundings) -> Tavily | None:
    """Tavily where its key is set."""
    key = surroundings.settings.tavily_api_key
    return Tavily(surroundings.web, key) if key else None
