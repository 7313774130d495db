"""Each source against a server that answers in the documented shape of its API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from pydantic import SecretStr

from tests.clarity import assert_clear
from tests.verification.sources.conftest import Asked, Reply, Site
from ultimate_discord_intelligence_bot.errors import SourceFailed
from ultimate_discord_intelligence_bot.settings import Settings, load_settings
from ultimate_discord_intelligence_bot.verification.sources import (
    EvidenceSource,
    Query,
    Surroundings,
    WebClient,
    brave,
    exa,
    factcheck,
    searxng,
    serper,
    tavily,
    wikipedia,
)

TALL = Query("The Eiffel Tower is 500 metres tall.", ("Eiffel Tower",))
KEY = SecretStr("sk-4f1d0c2b9a")
TEXT = "The tower is in Paris. The Eiffel Tower is 330 metres tall, with its antennas."
SAID = "The Eiffel Tower is 330 metres tall, with its antennas."

Make = Callable[[WebClient, str], EvidenceSource]

SOURCES: dict[str, tuple[Make, str]] = {
    "Wikipedia": (lambda web, url: wikipedia.Wikipedia(web, f"{url}/w"), "/w/api.php"),
    "SearXNG": (searxng.SearXNG, "/search"),
    "Tavily": (lambda web, url: tavily.Tavily(web, KEY, url), "/search"),
    "Exa": (lambda web, url: exa.Exa(web, KEY, url), "/search"),
    "Serper": (lambda web, url: serper.Serper(web, KEY, url), "/search"),
    "Brave Search": (lambda web, url: brave.Brave(web, KEY, url), "/res/v1/web/search"),
    "Google Fact Check Tools": (
        lambda web, url: factcheck.FactChecks(web, KEY, url),
        "/v1alpha1/claims:search",
    ),
}


# -- what all have in common ----------------------------------------------------------------------


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize(
    "reply",
    [
        Reply(500),
        Reply(403),
        Reply(429, headers={"Retry-After": "99"}),
        Reply(200, b"<html>Welcome</html>"),
        Reply(200, b'{"results": 1, "query": 1, "organic": 1, "web": 1, "claims": 1}'),
        Reply(302, headers={"Location": "http://10.0.0.1/"}),
    ],
)
async def test_a_source_that_fails_says_so(
    site: Site, web: WebClient, name: str, reply: Reply
) -> None:
    make, path = SOURCES[name]
    site.says(path, reply)
    with pytest.raises(SourceFailed) as caught:
        await make(web, site.url).search(TALL, 5)
    assert_clear(caught.value)
    assert caught.value.message.startswith(name)
    assert KEY.get_secret_value() not in str(caught.value)


@pytest.mark.parametrize("name", SOURCES)
async def test_a_source_that_finds_nothing(site: Site, web: WebClient, name: str) -> None:
    make, path = SOURCES[name]
    site.says_json(path, {})
    source = make(web, site.url)
    assert source.name == name
    assert await source.search(TALL, 5) == []


@pytest.mark.parametrize("name", SOURCES)
async def test_a_source_is_asked_for_few_words(site: Site, web: WebClient, name: str) -> None:
    make, path = SOURCES[name]
    site.says_json(path, {})
    await make(web, site.url).search(Query("word & " * 2_000, language="en"), 5)
    assert site.asked
    assert all(len(asked.target) + len(asked.body) < 2_500 for asked in site.asked)


# -- Wikipedia ------------------------------------------------------------------------------------


def encyclopedia(asked: Asked) -> Reply:
    """Answers of the MediaWiki API, formatversion 2."""
    import json

    assert asked.params["action"] == "query"
    if asked.params.get("list") == "search":
        titles = [{"ns": 0, "title": "Eiffel Tower", "pageid": 9232}]
        found = titles if "Eiffel" in asked.params["srsearch"] else []
        return Reply(200, json.dumps({"batchcomplete": True, "query": {"search": found}}).encode())
    page = {
        "pageid": int(asked.params["pageids"]),
        "ns": 0,
        "title": "Eiffel Tower",
        "fullurl": "https://en.wikipedia.org/wiki/Eiffel_Tower",
        "extract": "The Eiffel Tower is a tower in Paris. It is 330 metres tall.\n\n\n"
        "== History ==\nIt was built in 1889.",
        "revisions": [{"revid": 1234, "parentid": 1233, "timestamp": "2024-05-01T12:00:00Z"}],
    }
    return Reply(200, json.dumps({"batchcomplete": True, "query": {"pages": [page]}}).encode())


async def test_wikipedia(site: Site, web: WebClient) -> None:
    site.says("/w/api.php", encyclopedia)
    found = await wikipedia.Wikipedia(web, f"{site.url}/w").search(TALL, 5)
    assert found[0].text == "The Eiffel Tower is a tower in Paris. It is 330 metres tall."
    assert found[0].url == f"{site.url}/w/index.php?title=Eiffel_Tower&oldid=1234"
    assert (found[0].title, found[0].publisher) == ("Eiffel Tower", "Wikipedia")
    assert found[0].published == date(2024, 5, 1)
    assert "500" not in site.asked[0].params["srsearch"]
    assert not any("==" in passage.text for passage in found)


async def test_wikipedia_looks_for_the_names_when_the_words_find_nothing(
    site: Site, web: WebClient
) -> None:
    site.says("/w/api.php", encyclopedia)
    source = wikipedia.Wikipedia(web, f"{site.url}/w")
    assert await source.search(Query("That thing has metres", ("Eiffel Tower",)), 5)
    assert await source.search(Query("That thing has metres"), 5) == []


@pytest.mark.parametrize(
    ("language", "path"), [("de", "/de/w"), ("..", "/en/w"), ("a.b/c", "/en/w"), ("", "/en/w")]
)
async def test_wikipedia_in_the_language_of_the_statement(
    site: Site, web: WebClient, language: str, path: str
) -> None:
    site.says_json(f"{path}/api.php", {})
    source = wikipedia.Wikipedia(web, site.url + "/{language}/w")
    await source.search(Query("Der Turm", language=language), 5)
    assert {asked.path for asked in site.asked} == {f"{path}/api.php"}


# -- web searches ---------------------------------------------------------------------------------


async def test_searxng_reads_the_best_pages(site: Site, web: WebClient) -> None:
    good = site.says_page("/good", f"<h1>Tower</h1><nav>Menu metres</nav><p>{TEXT}</p>")
    site.says("/pdf", Reply(200, b"%PDF", {"Content-Type": "application/pdf"}))
    inside = site.says("/away", Reply(302, headers={"Location": "http://10.0.0.1/"}))
    results: list[dict[str, Any]] = [
        {"url": good, "title": "A", "content": "short", "engine": "x", "score": 3.1},
        {"url": f"{site.url}/pdf", "title": "B", "content": "The tower has 300 metres."},
        {"url": inside, "title": "C", "content": None, "publishedDate": None},
        {"url": f"{site.url}/fourth", "title": "D", "content": "Eiffel is <b>tall</b>."},
        {"url": "javascript:alert(1)", "title": "E", "content": "The Eiffel Tower is tall."},
    ]
    results[3]["publishedDate"] = "2024-05-01T00:00:00"
    site.says_json("/search", {"query": "x", "results": results, "unresponsive_engines": []})
    found = await searxng.SearXNG(web, site.url).search(TALL, 9)
    assert found[0].text == SAID
    assert (found[0].url, found[0].title, found[0].publisher) == (good, "Tower", "127.0.0.1")
    by_url = {passage.url: passage for passage in found}
    assert by_url[f"{site.url}/pdf"].text == "The tower has 300 metres."
    assert by_url[f"{site.url}/fourth"].text == "Eiffel is tall."
    assert by_url[f"{site.url}/fourth"].published == date(2024, 5, 1)
    assert not any(url.startswith("javascript:") for url in by_url)
    assert site.count("/fourth") == 0
    [asked] = [asked for asked in site.asked if asked.path == "/search"]
    assert asked.params == {"q": TALL.text, "format": "json", "language": "en"}


async def test_searxng_without_json_says_how_to_turn_it_on(site: Site, web: WebClient) -> None:
    site.says("/search", Reply(403))
    with pytest.raises(SourceFailed, match=r"json to search\.formats"):
        await searxng.SearXNG(web, site.url).search(TALL, 5)


async def test_tavily(site: Site, web: WebClient) -> None:
    result = {"title": "T", "url": "https://a.test/", "content": TEXT, "score": 0.9}
    site.says_json("/search", {"query": "x", "answer": None, "results": [result]})
    [found] = await tavily.Tavily(web, KEY, site.url).search(TALL, 1)
    assert (found.text, found.url, found.publisher) == (SAID, "https://a.test/", "a.test")
    [asked] = site.asked
    assert asked.headers["Authorization"] == f"Bearer {KEY.get_secret_value()}"
    assert asked.json["query"] == TALL.text


async def test_exa(site: Site, web: WebClient) -> None:
    result = {
        "id": "https://a.test/",
        "title": None,
        "url": "https://a.test/",
        "publishedDate": "2024-05-01T00:00:00.000Z",
        "author": None,
        "text": TEXT,
    }
    site.says_json("/search", {"requestId": "x", "results": [result]})
    [found] = await exa.Exa(web, KEY, site.url).search(TALL, 1)
    assert (found.text, found.published, found.title) == (SAID, date(2024, 5, 1), "a.test")
    [asked] = site.asked
    assert asked.headers["x-api-key"] == KEY.get_secret_value()
    assert asked.json["contents"]["text"]["maxCharacters"] > 0


async def test_serper(site: Site, web: WebClient) -> None:
    page = site.says_page("/page", f"<p>{TEXT}</p>")
    results = [
        {"title": "T", "link": page, "snippet": "The Eiffel ...", "position": 1},
        {"title": "U", "link": f"{site.url}/gone", "snippet": "It is tall.", "date": "May 1, 2024"},
    ]
    site.says_json("/search", {"searchParameters": {}, "organic": results})
    found = await serper.Serper(web, KEY, site.url).search(TALL, 5)
    assert found[0].text == SAID
    assert f"{site.url}/gone" in {passage.url for passage in found}
    assert site.asked[0].headers["X-API-KEY"] == KEY.get_secret_value()


async def test_brave(site: Site, web: WebClient) -> None:
    result = {
        "title": "The <strong>Tower</strong>",
        "url": f"{site.url}/gone",
        "description": "The tower is in Paris.",
        "page_age": "2024-05-01T10:00:00",
        "extra_snippets": [SAID],
    }
    site.says_json("/res/v1/web/search", {"type": "search", "web": {"results": [result]}})
    [found] = await brave.Brave(web, KEY, site.url).search(TALL, 1)
    assert (found.text, found.title, found.published) == (SAID, "The Tower", date(2024, 5, 1))
    assert site.asked[0].headers["X-Subscription-Token"] == KEY.get_secret_value()


async def test_published_fact_checks(site: Site, web: WebClient) -> None:
    review: dict[str, Any] = {
        "publisher": {"name": "Checkers", "site": "checkers.test"},
        "url": "https://checkers.test/tower",
        "title": "No, the tower is not 500 metres tall",
        "reviewDate": "2024-05-01T00:00:00Z",
        "textualRating": "False",
        "languageCode": "en",
    }
    claim = {
        "text": "The Eiffel Tower is 500 m tall",
        "claimant": "Somebody",
        "claimReview": [review, review | {"textualRating": ""}, review | {"url": "about:blank"}],
    }
    site.says_json("/v1alpha1/claims:search", {"claims": [claim], "nextPageToken": "x"})
    [found] = await factcheck.FactChecks(web, KEY, site.url).search(TALL, 5)
    assert found.text == "The Eiffel Tower is 500 m tall"
    assert (found.rating, found.publisher) == ("False", "Checkers")
    assert (found.title, found.published) == (review["title"], date(2024, 5, 1))
    [asked] = site.asked
    assert asked.params == {"query": TALL.text, "languageCode": "en", "pageSize": "5"}
    assert asked.headers["X-Goog-Api-Key"] == KEY.get_secret_value()


# -- what is configured ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "variable", "value"),
    [
        (searxng, "AUTOINTEL_SEARXNG_URL", "http://127.0.0.1:8080"),
        (tavily, "TAVILY_API_KEY", "k"),
        (exa, "EXA_API_KEY", "k"),
        (serper, "SERPER_API_KEY", "k"),
        (brave, "BRAVE_API_KEY", "k"),
        (factcheck, "GOOGLE_FACT_CHECK_API_KEY", "k"),
    ],
)
def test_a_source_is_there_when_it_is_configured(
    settings: Settings, web: WebClient, module: Any, variable: str, value: str
) -> None:
    assert module.open_source(Surroundings(settings, web)) is None
    configured = load_settings(**{variable: value})
    assert module.open_source(Surroundings(configured, web)).name


def test_wikipedia_is_there_unless_turned_off(settings: Settings, web: WebClient) -> None:
    assert wikipedia.open_source(Surroundings(settings, web))
    off = load_settings(AUTOINTEL_WIKIPEDIA="off")
    assert wikipedia.open_source(Surroundings(off, web)) is None


async def test_a_wiki_of_the_operator_may_be_inside(
    site: Site, guarded: Callable[..., Settings], cache_folder: Any
) -> None:
    site.says("/w/api.php", encyclopedia)
    settings = guarded(AUTOINTEL_WIKIPEDIA=f"{site.url}/w")
    async with WebClient(settings, cache_folder) as web:
        source = wikipedia.open_source(Surroundings(settings, web))
        assert source
        assert await source.search(TALL, 5)
