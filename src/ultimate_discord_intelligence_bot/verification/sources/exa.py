"""Exa, a web search that answers with the text of pages; needs EXA_API_KEY."""

from __future__ import annotations

import asyncio

from pydantic import BaseModel, Field, SecretStr

from .passages import Document, best_passages, day, read_plain
from .source import Passage, Query, Surroundings
from .web import Key, Service, WebClient

_MOST_RESULTS = 10
_MOST_CHARACTERS = 10_000


class _Result(BaseModel):
    title: str | None = None
    url: str
    published: str | None = Field(None, alias="publishedDate")
    text: str | None = None

    @property
    def document(self) -> Document:
        page = read_plain(self.text or "", self.url, self.title or "")
        return Document(page.title, page.url, page.paragraphs, day(self.published))


class _Answer(BaseModel):
    results: list[_Result] = []


class Exa:
    """Passages of pages of the web.

    Args:
        web: the way out.
        key: of the account.
        base: address of the API.
    """

    name = "Exa"

    def __init__(self, web: WebClient, key: SecretStr, base: str = "https://api.exa.ai") -> None:
        self._web = web
        self._url = f"{base}/search"
        self._service = Service(self.name, "EXA_API_KEY", Key(key, "x-api-key"))

    async def search(self, query: Query, limit: int) -> list[Passage]:
        """As in ``EvidenceSource``."""
        answer: _Answer = await self._web.fetch_json(
            self._service,
            self._url,
            _Answer,
            json={
                "query": query.text[:400],
                "type": "auto",
                "numResults": min(limit, _MOST_RESULTS),
                "contents": {"text": {"maxCharacters": _MOST_CHARACTERS}},
            },
        )
        documents = [found.document for found in answer.results]
        return await asyncio.to_thread(best_passages, documents, query, limit)


def open_source(surroundings: Surroundings) -> Exa | None:
    """Exa where its key is set."""
    key = surroundings.settings.exa_api_key
    return Exa(surroundings.web, key) if key else None
