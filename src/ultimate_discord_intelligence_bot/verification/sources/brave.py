"""Brave Search; needs BRAVE_API_KEY."""

from __future__ import annotations

from pydantic import BaseModel, SecretStr

from .results import Result, read_results
from .source import Passage, Query, Surroundings
from .web import Key, Service, WebClient

_MOST_WORDS = 50
_MOST_CHARACTERS = 400


class _Result(BaseModel):
    title: str = ""
    url: str
    description: str = ""
    page_age: str | None = None
    extra_snippets: list[str] = []


class _Results(BaseModel):
    results: list[_Result] = []


class _Answer(BaseModel):
    web: _Results | None = None


class Brave:
    """Passages of pages of the web.

    Args:
        web: the way out.
        key: of the account.
        base: address of the API.
    """

    name = "Brave Search"

    def __init__(
        self, web: WebClient, key: SecretStr, base: str = "https://api.search.brave.com"
    ) -> None:
        self._web = web
        self._url = f"{base}/res/v1/web/search"
        self._service = Service(
            # The plans allow one request a second at least.
            self.name,
            "BRAVE_API_KEY",
            Key(key, "X-Subscription-Token"),
            at_once=1,
            gap=1.0,
        )

    async def search(self, query: Query, limit: int) -> list[Passage]:
        """As in ``EvidenceSource``."""
        text = " ".join(query.text.split()[:_MOST_WORDS])[:_MOST_CHARACTERS]
        answer: _Answer = await self._web.fetch_json(
            self._service, self._url, _Answer, params={"q": text, "count": 10}
        )
        results = [
            Result(
                found.title,
                found.url,
                " ".join((found.description, *found.extra_snippets)),
                found.page_age,
            )
            for found in (answer.web.results if answer.web else [])
        ]
        return await read_results(results, query, limit, self._web)


def open_source(surroundings: Surroundings) -> Brave | None:
    """Brave Search where its key is set."""
    key = surroundings.settings.brave_api_key
    return Brave(surroundings.web, key) if key else None
