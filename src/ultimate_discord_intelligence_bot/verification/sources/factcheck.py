"""Published fact-checks, by the Google Fact Check Tools API; needs GOOGLE_FACT_CHECK_API_KEY."""

from __future__ import annotations

from pydantic import BaseModel, Field, SecretStr

from .passages import day
from .source import Passage, Query, Surroundings
from .web import Key, Service, WebClient


class _Publisher(BaseModel):
    name: str = ""
    site: str = ""


class _Review(BaseModel):
    publisher: _Publisher = _Publisher()
    url: str = ""
    title: str = ""
    reviewed: str | None = Field(None, alias="reviewDate")
    rating: str = Field("", alias="textualRating")


class _Claim(BaseModel):
    text: str = ""
    reviews: list[_Review] = Field([], alias="claimReview")


class _Answer(BaseModel):
    claims: list[_Claim] = []


class FactChecks:
    """Statements that fact-checkers have reviewed, with what they concluded.

    Args:
        web: the way out.
        key: of the account.
        base: address of the API.
    """

    name = "Google Fact Check Tools"

    def __init__(
        self, web: WebClient, key: SecretStr, base: str = "https://factchecktools.googleapis.com"
    ) -> None:
        self._web = web
        self._url = f"{base}/v1alpha1/claims:search"
        self._service = Service(
            self.name, "GOOGLE_FACT_CHECK_API_KEY", Key(key, "X-Goog-Api-Key"), at_once=2
        )

    async def search(self, query: Query, limit: int) -> list[Passage]:
        """As in ``EvidenceSource``; a text is the reviewed statement, not that of the reviewer."""
        answer: _Answer = await self._web.fetch_json(
            self._service,
            self._url,
            _Answer,
            params={
                "query": query.text[:400],
                "languageCode": query.language,
                "pageSize": limit,
            },
        )
        found = [
            Passage(
                text=claim.text,
                title=review.title or claim.text,
                url=review.url,
                published=day(review.reviewed),
                publisher=review.publisher.name or review.publisher.site,
                rating=review.rating,
            )
            for claim in answer.claims
            for review in claim.reviews
            if claim.text and review.rating and review.url.startswith(("http://", "https://"))
        ]
        return found[:limit]


def open_source(surroundings: Surroundings) -> FactChecks | None:
    """The published fact-checks where the key is set."""
    key = surroundings.settings.google_fact_check_api_key
    return FactChecks(surroundings.web, key) if key else None
