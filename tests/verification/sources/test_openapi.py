"""Services that are known by their OpenAPI description alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.clarity import assert_clear
from tests.verification.sources.conftest import Reply, Site
from ultimate_discord_intelligence_bot.errors import SourceFailed
from ultimate_discord_intelligence_bot.settings import Settings, load_settings
from ultimate_discord_intelligence_bot.verification.sources import Query, Surroundings, WebClient
from ultimate_discord_intelligence_bot.verification.sources.answers import read_answer
from ultimate_discord_intelligence_bot.verification.sources.openapi import (
    Opened,
    open_descriptions,
)
from ultimate_discord_intelligence_bot.verification.sources.operations import (
    Link,
    Operation,
    read_operations,
)

TALL = Query("The Eiffel Tower is 500 metres tall.", ("Eiffel Tower",))
SAID = "The Eiffel Tower is 330 metres tall, with all of its antennas."
KEY = "sk-4f1d0c2b9a"


class Words:
    """Texts to vectors by the words they share; counts how often it is asked."""

    name = "words"

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.batches.append(len(texts))
        rows = np.zeros((len(texts), 512), np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().replace(".", " ").split():
                rows[row, int(hashlib.md5(word.encode()).hexdigest(), 16) % 512] += 1
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        vectors: NDArray[np.float32] = (rows / np.maximum(lengths, 1)).astype(np.float32)
        return vectors


def parameter(name: str, place: str = "query", **more: Any) -> dict[str, Any]:
    return {"name": name, "in": place, "required": True, "schema": {"type": "string"}} | more


def answers(schema: dict[str, Any]) -> dict[str, Any]:
    return {"200": {"description": "ok", "content": {"application/json": {"schema": schema}}}}


def library(base: str, **more: Any) -> dict[str, Any]:
    """A service in which a search gives ids and another request gives the text."""
    article = {"type": "object", "properties": {"id": {"type": "integer"}, "title": {}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "City Library", "version": "1"},
        "servers": [{"url": f"{base}/v1"}],
        "paths": {
            "/articles": {
                "get": {
                    "summary": "Search articles about buildings and how tall they are",
                    "parameters": [{"$ref": "#/components/parameters/Words"}],
                    "responses": answers(
                        {
                            "type": "object",
                            "properties": {
                                "hits": {
                                    "type": "array",
                                    "items": {"$ref": "#/components/schemas/Article"},
                                }
                            },
                        }
                    ),
                },
                "post": {"summary": "Write an article about buildings"},
            },
            "/articles/{articleId}": {
                "parameters": [parameter("articleId", "path")],
                "get": {"summary": "One article", "responses": answers({"type": "object"})},
            },
            "/weather": {
                "get": {
                    "summary": "Weather of a town",
                    "parameters": [parameter("q"), parameter("unit", schema={"enum": ["c", "f"]})],
                    "responses": answers({}),
                }
            },
        },
        "components": {
            "parameters": {"Words": parameter("q", description="Words to search for")},
            "schemas": {"Article": article},
        },
    } | more


@pytest.fixture
def folder(data_dir: Path) -> Path:
    folder = data_dir / "evidence"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def embed() -> Words:
    return Words()


Open = Callable[..., Opened]


@pytest.fixture
def opened(settings: Settings, web: WebClient, folder: Path, embed: Words) -> Open:
    def make(*descriptions: dict[str, Any]) -> Opened:
        for number, description in enumerate(descriptions):
            (folder / f"{number}.yaml").write_text(yaml.safe_dump(description))
        return open_descriptions(Surroundings(settings, web), embed, embed.name)

    return make


def two_step(site: Site) -> None:
    hits = [{"id": 7, "title": "Eiffel Tower"}, {"id": 7}, {"id": 8}, {"id": 9}, {"id": 10}]
    site.says_json("/v1/articles", {"hits": hits})
    text = f"<p>It stands in Paris.</p><p>{SAID}</p>"
    more = {"url": "/read/7", "updated_at": "2024-05-01T00:00:00Z"}
    site.says_json("/v1/articles/7", {"title": "Eiffel Tower", "body": text} | more)


# -- asking ---------------------------------------------------------------------------------------


async def test_a_search_and_then_the_text_of_what_it_found(site: Site, opened: Open) -> None:
    two_step(site)
    [api] = opened(library(site.url)).sources
    assert api.name == "City Library"
    site.says_json("/v1/articles/8", {"body": "Nothing of the kind is written in here, sorry."})
    site.says_json("/v1/articles/9", {"body": ""})
    found = await api.search(TALL, 3)
    assert found[0].text == SAID
    assert (found[0].title, found[0].publisher) == ("Eiffel Tower", "City Library")
    assert (found[0].url, found[0].published) == (f"{site.url}/read/7", date(2024, 5, 1))
    searches = [asked.params for asked in site.asked if asked.path == "/v1/articles"]
    assert searches[0] == {"q": TALL.text}
    assert {a.path for a in site.asked if "/articles/" in a.path} == {
        f"/v1/articles/{number}" for number in (7, 8, 9)
    }


async def test_an_answer_with_sentences_is_enough(site: Site, opened: Open) -> None:
    site.says_json("/v1/articles", {"hits": [{"id": 7, "title": "Tower", "text": SAID}]})
    [api] = opened(library(site.url)).sources
    [found] = await api.search(TALL, 3)
    assert (found.text, found.title, found.url) == (SAID, "Tower", f"{site.url}/v1")
    assert not any("/articles/" in asked.path for asked in site.asked)


async def test_a_service_whose_operations_fit_less_is_not_asked(site: Site, opened: Open) -> None:
    other = {
        "openapi": "3.0.0",
        "info": {"title": "Zoo"},
        "servers": [{"url": site.url}],
        "paths": {"/zoo": {"get": {"summary": "Animals", "parameters": [parameter("q")]}}},
    }
    many = {
        f"/articles{number}": {
            "get": {
                "summary": "Tower is 500 metres tall.",
                "parameters": [parameter("q")],
            }
        }
        for number in range(6)
    }
    zoo, _ = opened(other, library(site.url) | {"paths": many}).sources
    assert await zoo.search(TALL, 3) == []
    assert site.asked == []


async def test_operations_are_embedded_once(
    site: Site, opened: Open, embed: Words, settings: Settings, web: WebClient
) -> None:
    description = library(site.url)
    first, second = opened(description, library(site.url)).sources
    assert embed.batches == [3]
    two_step(site)
    await first.search(TALL, 3)
    await second.search(TALL, 3)
    assert embed.batches == [3, 1]
    opened(description)
    assert embed.batches == [3, 1]
    description["paths"]["/weather"]["get"]["summary"] = "Forecast"
    opened(description)
    assert embed.batches == [3, 1, 1]
    for vectors in (settings.data_dir / "cache").glob("*.npz"):
        vectors.write_bytes(b"damaged")
    opened(description)
    assert embed.batches[3:] == [4]


async def test_a_service_that_fails_says_so(site: Site, opened: Open) -> None:
    site.says("/v1/articles", Reply(500))
    site.says("/v1/weather", Reply(500))
    [api] = opened(library(site.url)).sources
    with pytest.raises(SourceFailed, match=r"City Library answered with HTTP 500") as caught:
        await api.search(TALL, 3)
    assert_clear(caught.value)


async def test_what_is_not_found_is_no_failure(site: Site, opened: Open) -> None:
    """A path that holds a value and is not there means that there is no such thing."""
    description = library(site.url)
    description["paths"] = {"/word/{word}": get(parameter("word", "path"))}
    [api] = opened(description).sources
    for number in range(5):
        assert await api.search(Query(f"tower {number}"), 3) == []
    # Each statement, and once the words of all of them.
    assert len(site.asked) == 6


async def test_one_operation_that_fails_does_not_hide_the_other(site: Site, opened: Open) -> None:
    two_step(site)
    site.says("/v1/weather", Reply(500))
    [api] = opened(library(site.url)).sources
    site.says_json("/v1/articles/8", {})
    site.says_json("/v1/articles/9", {})
    assert (await api.search(TALL, 1))[0].text == SAID


@pytest.mark.parametrize(
    "scheme",
    [
        {"type": "apiKey", "in": "header", "name": "X-Token"},
        {"type": "apiKey", "in": "query", "name": "token"},
        {"type": "apiKey", "in": "cookie", "name": "token"},
        {"type": "http", "scheme": "bearer"},
        {"type": "oauth2", "flows": {}},
    ],
)
async def test_a_key_is_sent_as_the_description_says(
    site: Site, opened: Open, monkeypatch: pytest.MonkeyPatch, scheme: dict[str, Any]
) -> None:
    monkeypatch.setenv("CITY_LIBRARY_KEY", KEY)
    description = library(site.url) | {"x-autointel-key-env": "CITY_LIBRARY_KEY"}
    description["components"]["securitySchemes"] = {"other": {"type": "mutualTLS"}, "ours": scheme}
    description["security"] = [{"ours": []}]
    site.says("/v1/articles", Reply(401))
    site.says("/v1/weather", Reply(401))
    [api] = opened(description).sources
    with pytest.raises(SourceFailed, match="CITY_LIBRARY_KEY") as caught:
        await api.search(TALL, 3)
    assert KEY not in str(caught.value)
    [asked, *_] = site.asked
    sent = {
        "header": asked.headers.get("X-Token"),
        "query": asked.params.get("token"),
        "cookie": asked.headers.get("Cookie", "").removeprefix("token="),
        None: asked.headers.get("Authorization", "").removeprefix("Bearer "),
    }
    assert sent[scheme.get("in")] == KEY


# -- what a transcript can do ---------------------------------------------------------------------

HOSTILE = [
    "../../admin",
    "..",
    ".",
    "..%2f..%2fadmin",
    "//evil.test/x",
    "http://evil.test/",
    "a?admin=1#x",
    "a/../../b",
    "{articleId}",
    "\r\nHost: evil.test",
    "@evil.test",
]


@pytest.mark.parametrize("value", HOSTILE)
async def test_words_are_only_ever_a_value(site: Site, opened: Open, value: str) -> None:
    """Neither what is said nor what a service answers chooses where a request goes."""
    site.says_json("/v1/articles", {"hits": [{"id": value}]})
    [api] = opened(library(site.url)).sources
    assert await api.search(Query(value), 3) == []
    for asked in site.asked:
        assert asked.headers["Host"] == f"127.0.0.1:{site.port}"
        path = asked.target.partition("?")[0]
        if path not in ("/v1/articles", "/v1/weather"):
            assert path.startswith("/v1/articles/")
            assert unquote(path.removeprefix("/v1/articles/")) == value.strip()
            assert "/" not in path.removeprefix("/v1/articles/")


@given(st.text(max_size=50))
def test_a_value_in_a_path_stays_one_segment(value: str) -> None:
    operation = Operation("/a/{x}/b", "", None, ("x",), {}, frozenset())
    request = operation.request("https://a.test", {"x": value})
    if request is None:
        assert not value.strip().strip(".")
    else:
        url, rest = request
        assert rest == {}
        assert unquote(url.removeprefix("https://a.test/a/").removesuffix("/b")) == value.strip()
        assert url.count("/") == 5


# -- reading a description ------------------------------------------------------------------------


def get(*parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"get": {"parameters": list(parameters)} | more}


def paths(**operations: Any) -> dict[str, Any]:
    return {"paths": {f"/{name}": operation for name, operation in operations.items()}}


@pytest.mark.parametrize(
    ("asked", "carrier"),
    [
        (parameter("q"), "q"),
        (parameter("q", required=False), "q"),
        (parameter("searchTerm"), "searchTerm"),
        (parameter("phrase", schema={"type": ["string", "null"]}), "phrase"),
        (parameter("what", description="Keywords to look for"), "what"),
        (parameter("title"), "title"),
        (parameter("title", required=False), None),
        (parameter("country"), None),
        (parameter("q", schema={"type": "integer"}), None),
        (parameter("q", schema={"type": "string", "enum": ["a"]}), None),
        (parameter("q", schema={"type": "string", "format": "date"}), None),
        (parameter("q", "header"), None),
        (parameter("searchId", description="id of a search"), None),
    ],
)
def test_which_parameter_takes_the_words(asked: dict[str, Any], carrier: str | None) -> None:
    operations = read_operations(paths(find=get(asked)))
    found = [operations.all[row].carrier for row in operations.usable]
    assert found == ([carrier] if carrier else [])


def test_defaults_fill_what_is_required() -> None:
    unit = parameter("unit", schema={"type": "string", "default": "metric"})
    page = parameter("page", schema={"type": "integer", "enum": [3, 4]})
    [operation] = read_operations(paths(find=get(parameter("q"), unit, page))).all
    assert operation.request("https://a.test", {"q": "x"}) == (
        "https://a.test/find",
        {"unit": "metric", "page": "3", "q": "x"},
    )


def test_an_operation_that_nothing_can_fill_is_left_out() -> None:
    lonely = get(parameter("country"), parameter("q"))
    assert read_operations(paths(find=lonely)).usable == []


def test_two_fields_of_one_object_fill_two_parameters() -> None:
    fields: dict[str, Any] = {"properties": {"owner": {}, "repo_name": {}}}
    root = paths(
        search=get(parameter("q"), responses=answers({"type": "array", "items": fields})),
        read=get(parameter("owner"), parameter("repoName")),
    )
    operations = read_operations(root)
    assert operations.usable == [0, 1]
    link = operations.links[1]
    assert link.producer == 0
    answer = [
        {"owner": "a"},
        {"owner": "a", "repo_name": "x"},
        {"owner": "b", "repo_name": True, "nested": {"owner": "c", "repo_name": 4}},
        {"owner": ["d"], "repo_name": "y"},
    ]
    assert link.values(answer, 3) == [
        {"owner": "a", "repoName": "x"},
        {"owner": "b", "repoName": "true"},
        {"owner": "c", "repoName": "4"},
    ]


def test_of_several_searches_the_one_of_a_like_path_gives_the_id() -> None:
    schema: dict[str, Any] = {"properties": {"id": {}}}
    root = {
        "paths": {
            "/people": get(parameter("q"), responses=answers(schema)),
            "/books": get(parameter("q"), responses=answers(schema)),
            "/books/{id}": get(parameter("id", "path")),
        }
    }
    assert read_operations(root).links[2].producer == 1


def test_a_description_that_refers_to_itself() -> None:
    root = paths(find=get(parameter("q"), responses=answers({"$ref": "#/x"})))
    root |= {"x": {"properties": {"id": {}, "child": {"$ref": "#/x"}, "a": {"$ref": "#/y"}}}}
    root |= {"y": {"$ref": "#/y"}, "z": {"$ref": "https://a.test/#/x"}}
    [operation] = read_operations(root).all
    assert operation.outputs == {"id", "child", "a"}


trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["get", "parameters", "$ref", "schema", "responses", "content", "name"])
            | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=30,
)


@given(st.dictionaries(st.text(max_size=5).map("/{}".format), trees, max_size=4))
def test_any_tree_can_be_read_as_a_description(tree: dict[str, Any]) -> None:
    operations = read_operations({"paths": tree})
    assert all(0 <= row < len(operations.all) for row in operations.usable)


@given(trees)
def test_any_tree_can_be_read_as_an_answer(tree: Any) -> None:
    for document in read_answer(tree, "T", "https://a.test/"):
        assert document.paragraphs
        assert document.url.startswith("https://")
    Link(0, 1, {"x": "name"}).values(tree, 3)


def test_a_large_answer_costs_little() -> None:
    answer: Any = [{"text": f"{SAID} {number}"} for number in range(100_000)]
    assert len(read_answer(answer, "T", "https://a.test/")) <= 1_000
    for _ in range(100):
        answer = [answer, answer]
    assert read_answer(answer, "T", "https://a.test/") == []


def test_what_stands_beside_a_text_describes_it() -> None:
    answer = {
        "title": "All",
        "link": "javascript:alert(1)",
        "items": [
            {"headline": "<i>One</i>", "webUrl": "/one", "body": SAID, "date": "2024-05-01"},
            {"body": f"{SAID} Really.", "hash": "a9f0e8d7c6b5a4938271605f4e3d2c1b0a99"},
            {"body": "https://a.test/a page with words in its address and more"},
            {"body": "塔は高さ三百三十メートルで、パリにあります。とても高いです。"},
        ],
    }
    first, second, third = read_answer(answer, "Service", "https://a.test/api")
    assert (first.title, first.url, first.published) == (
        "One",
        "https://a.test/one",
        date(2024, 5, 1),
    )
    assert (second.title, second.url, second.published) == ("All", "https://a.test/api", None)
    assert third.paragraphs[0].startswith("塔")


# -- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"openapi": "2.0"}, "OpenAPI 3"),
        ({"paths": {}}, "no GET operation"),
        ({"paths": "none"}, "no GET operation"),
        ({"servers": []}, "server"),
        ({"servers": [{"url": "/v1"}]}, "server"),
        ({"servers": [{"url": "file:///etc"}]}, "server"),
        ({"servers": [{"url": "https://user@a.test"}]}, "server"),
        ({"servers": [{"url": "https://a.test:x"}]}, "server"),
        ({"servers": [{"url": "https://{host}/"}]}, "server"),
        ({"x-autointel-key-env": "CITY_LIBRARY_KEY"}, "Set CITY_LIBRARY_KEY"),
        ({"x-autointel-key-env": "TAVILY_API_KEY"}, "no key of its own"),
        ({"x-autointel-key-env": "AUTOINTEL_DATA_DIR"}, "no key of its own"),
        ({"x-autointel-key-env": ["X"]}, "no key of its own"),
    ],
)
def test_a_description_that_cannot_be_used_is_told(
    opened: Open, change: dict[str, Any], told: str
) -> None:
    result = opened(library("https://a.test", **change), library("https://b.test"))
    assert [api.name for api in result.sources] == ["City Library"]
    [(name, error)] = result.failures.items()
    assert name == "0.yaml"
    assert told in str(error)
    assert_clear(error)


def test_a_key_that_cannot_be_sent_is_told(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITY_LIBRARY_KEY", KEY)
    [error] = opened(
        library("https://a.test", **{"x-autointel-key-env": "CITY_LIBRARY_KEY"})
    ).failures.values()
    assert "securityScheme" in str(error)


@pytest.mark.parametrize("text", ["", "a: [", "[1]", "\x00", "!!python/object:os.system {}", "é"])
@pytest.mark.parametrize("suffix", ["json", "yml"])
def test_a_file_that_is_no_description(
    settings: Settings, web: WebClient, folder: Path, embed: Words, text: str, suffix: str
) -> None:
    (folder / f"bad.{suffix}").write_bytes(text.encode("latin-1"))
    (folder / "README.md").write_text("not looked at")
    opened = open_descriptions(Surroundings(settings, web), embed, embed.name)
    assert opened.sources == []
    [error] = opened.failures.values()
    assert_clear(error)


def test_a_folder_of_the_operator(
    web: WebClient, tmp_path: Path, data_dir: Path, embed: Words
) -> None:
    settings = load_settings(
        AUTOINTEL_DATA_DIR=data_dir, AUTOINTEL_EVIDENCE_DIR=tmp_path / "services"
    )
    surroundings = Surroundings(settings, web)
    assert list(open_descriptions(surroundings, embed, embed.name).failures) == [
        "AUTOINTEL_EVIDENCE_DIR"
    ]
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "library.json").write_text(json.dumps(library("https://a.test")))
    assert len(open_descriptions(surroundings, embed, embed.name).sources) == 1


def test_the_worked_example_of_the_guide(
    settings: Settings, web: WebClient, folder: Path, embed: Words
) -> None:
    root = Path(__file__).parents[3]
    guide = (root / "config" / "evidence" / "README.md").read_text()
    example = guide.partition("```yaml\n")[2].partition("```")[0]
    (folder / "example.yaml").write_text(example)
    opened = open_descriptions(Surroundings(settings, web), embed, embed.name)
    assert opened.failures == {}
    [api] = opened.sources
    assert api.name == "City Library"


async def test_a_service_inside_the_network_is_trusted_for_pages_of_nobody(
    site: Site, guarded: Callable[..., Settings], cache_folder: Path, folder: Path, embed: Words
) -> None:
    site.says_json("/v1/articles", {"hits": [{"title": "Tower", "text": SAID}]})
    (folder / "a.json").write_text(json.dumps(library(site.url)))
    settings = guarded()
    async with WebClient(settings, cache_folder) as web:
        [api] = open_descriptions(Surroundings(settings, web), embed, embed.name).sources
        assert await api.search(TALL, 1)
        with pytest.raises(SourceFailed, match="inside the network"):
            await web.fetch_page(f"{site.url}/v1/articles")
