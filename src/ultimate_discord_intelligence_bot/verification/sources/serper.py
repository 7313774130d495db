"""Serper, which answers with Google's results; needs SERPER_API_KEY."""

from __future__ import annotations

from pydantic import BaseModel, SecretStr

from .results import Result, read_results
from .source import Passage, Query, Surroundings
from .web import Key, Service, WebClient


class _Result(BaseModel):
    title: str = ""
    link: str
    snippet: str = ""
    date: str | None = None


class _Answer(BaseModel):
    organic: list[_Result] = []


class Serper:
    """Passages of pages of the web.

    Args:
        web: the way out.
        key: of the account.
        base: address of the API.
    """

    name = "Serper"

    def __init__(
        self, web: WebClient, key: SecretStr, base: str = "https://google.serper.dev"
    ) -> None:
        self._web = web
        self._url = f"{base}/search"
        self._service = Service(self.name, "SERPER_API_KEY", Key(key, "X-API-KEY"))

    async def search(self, query: Query, limit: int) -> list[Passage]:
        """As in ``EvidenceSource``."""
        answer: _Answer = await self._web.fetch_json(
            self._service,
            self._url,
            _Answer,
            json={"q": query.text[:400], "hl": query.language, "num": 10},
        )
        results = [
            Result(found.title, found.link, found.snippet, found.date) for found in answer.organic
        ]
        return await read_results(results, query, limit, self._web)


def open_source(surroundings: Surroundings) -> Serper | None:
    """Serper where its key is set."""
    key = surroundings.settings.serper_api_key
    return Serper(surroundings.web, key) if key else None
