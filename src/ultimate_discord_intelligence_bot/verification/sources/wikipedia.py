"""Wikipedia, or any other MediaWiki with the TextExtracts extension; no key is needed."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import quote

from pydantic import BaseModel

from .passages import Document, best_passages, day, keywords
from .source import Passage, Query, Surroundings
from .web import Service, WebClient

_WIKIPEDIA = "https://{language}.wikipedia.org/w"
_ARTICLES = 3
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_HEADING = re.compile(r"^=+ (.+) =+$")


class _Found(BaseModel):
    pageid: int


class _Revision(BaseModel):
    revid: int
    timestamp: str = ""


class _Article(BaseModel):
    pageid: int
    title: str
    fullurl: str = ""
    extract: str = ""
    revisions: list[_Revision] = []


class _Search(BaseModel):
    search: list[_Found] = []


class _Articles(BaseModel):
    pages: list[_Article] = []


class _SearchAnswer(BaseModel):
    query: _Search = _Search()


class _ArticleAnswer(BaseModel):
    query: _Articles = _Articles()


class Wikipedia:
    """Passages of encyclopedia articles, in the language of the statement.

    Args:
        web: the way out.
        base: address of the folder of ``api.php``; ``{language}`` stands for the language code.
    """

    name = "Wikipedia"

    def __init__(self, web: WebClient, base: str = _WIKIPEDIA) -> None:
        self._web = web
        self._base = base.rstrip("/")
        # Wikimedia asks for few requests at a time.
        self._service = Service(self.name, "AUTOINTEL_WIKIPEDIA", at_once=2, gap=0.1)

    async def search(self, query: Query, limit: int) -> list[Passage]:
        """As in ``EvidenceSource``; looks for the words of the statement, then for its names."""
        language = query.language if _LANGUAGE.fullmatch(query.language) else "en"
        api = f"{self._base.replace('{language}', language)}/api.php"
        pages: dict[int, None] = {}
        for text in dict.fromkeys((keywords(query), *query.subjects[:_ARTICLES])):
            if len(pages) < _ARTICLES and text.strip():
                pages |= dict.fromkeys(await self._find(api, text))
        articles = [self._article(api, page) for page in list(pages)[:_ARTICLES]]
        documents = [page for page in await asyncio.gather(*articles) if page]
        return await asyncio.to_thread(best_passages, documents, query, limit)

    async def _find(self, api: str, text: str) -> list[int]:
        answer: _SearchAnswer = await self._web.fetch_json(
            self._service,
            api,
            _SearchAnswer,
            params={
                "action": "query",
                "format": "json",
                "formatversion": 2,
                "list": "search",
                "srlimit": _ARTICLES,
                "srprop": "",
                "srsearch": text[:300],
            },
        )
        return [found.pageid for found in answer.query.search]

    async def _article(self, api: str, page: int) -> Document | None:
        # Whole extracts are given one at a time.
        answer: _ArticleAnswer = await self._web.fetch_json(
            self._service,
            api,
            _ArticleAnswer,
            params={
                "action": "query",
                "format": "json",
                "formatversion": 2,
                "pageids": page,
                "prop": "extracts|info|revisions",
                "explaintext": 1,
                "inprop": "url",
                "rvprop": "ids|timestamp",
            },
        )
        article = next(iter(answer.query.pages), None)
        return self._document(api, article) if article and article.extract else None

    def _document(self, api: str, article: _Article) -> Document:
        revision = next(iter(article.revisions), None)
        url = article.fullurl
        if revision:
            title = quote(article.title.replace(" ", "_"))
            url = f"{api.removesuffix('api.php')}index.php?title={title}&oldid={revision.revid}"
        lines = (line.strip() for line in article.extract.splitlines())
        return Document(
            title=article.title,
            url=url,
            paragraphs=tuple(line for line in lines if line and not _HEADING.match(line)),
            published=day(revision.timestamp) if revision else None,
            publisher=self.name,
        )


def open_source(surroundings: Surroundings) -> Wikipedia | None:
    """Wikipedia unless AUTOINTEL_WIKIPEDIA turns it off."""
    setting = surroundings.settings.wikipedia
    if setting == "off":
        return None
    if setting == "on":
        return Wikipedia(surroundings.web)
    if "{language}" not in setting.partition("://")[2].partition("/")[0]:
        surroundings.web.trust(setting)
    return Wikipedia(surroundings.web, setting)
