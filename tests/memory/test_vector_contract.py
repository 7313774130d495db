"""What every vector store does, embedded or on a server.

The server's side runs against the in-memory implementation that the client library has of the
server's interface: no server is needed, and no wire is crossed (that is in test_qdrant.py).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from qdrant_client import AsyncQdrantClient

from ultimate_discord_intelligence_bot.errors import EmbedderMismatch, StorageError
from ultimate_discord_intelligence_bot.memory.drivers.edge import EdgeVectors
from ultimate_discord_intelligence_bot.memory.drivers.qdrant import QdrantVectors
from ultimate_discord_intelligence_bot.memory.ports import Mode, VectorStore, Where
from ultimate_discord_intelligence_bot.models.memory import Record
from ultimate_discord_intelligence_bot.runs import stable_id

pytestmark = pytest.mark.filterwarnings("ignore:Local mode performs exact:UserWarning")
DIMENSION = 8
Floats = NDArray[np.float32]
MODES: tuple[Mode, ...] = ("dense", "words", "hybrid")


class Lasting(AsyncQdrantClient):
    """A server that goes on when a connection to it ends."""

    async def close(self, grpc_grace: float | None = None, **kwargs: Any) -> None:
        pass


class Place(Protocol):
    """Somewhere a store can be opened, again and again."""

    def open(self, embedder: str = "test", dimension: int = DIMENSION) -> VectorStore: ...

    def reembed(self, embedder: str, dimension: int, encode: Any, progress: Any) -> int: ...


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self, embedder: str = "test", dimension: int = DIMENSION) -> VectorStore:
        return EdgeVectors(self.path, embedder, dimension)

    def reembed(self, embedder: str, dimension: int, encode: Any, progress: Any) -> int:
        return EdgeVectors.reembed(self.path, embedder, dimension, encode, progress)


class Server:
    def __init__(self) -> None:
        self.client = Lasting(":memory:")

    def open(self, embedder: str = "test", dimension: int = DIMENSION) -> VectorStore:
        url = "http://in.memory"
        return QdrantVectors(url, None, embedder, dimension, client=self.client)

    def reembed(self, embedder: str, dimension: int, encode: Any, progress: Any) -> int:
        url = "http://in.memory"
        return QdrantVectors.reembed(
            url, None, embedder, dimension, encode, progress, client=self.client
        )


@pytest.fixture(params=["edge", "server"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Folder(tmp_path / "vectors") if request.param == "edge" else Server()


@pytest.fixture
def store(place: Place) -> Iterator[VectorStore]:
    opened = place.open()
    yield opened
    opened.close()


def say(
    *texts: str, source: str = "talk", tenant: str = "local", seed: int = 0, **fields: Any
) -> tuple[list[Record], Floats]:
    """Segments of a source with these texts, and a vector for each."""
    records = [
        Record(
            id=stable_id("record", tenant, source, "segment", str(row), text),
            kind="segment",
            tenant=tenant,
            source_id=source,
            title=f"The {source}",
            url=f"https://example.org/{source}?t={row}",
            published=date(2024, 5, 1),
            text=text,
            start=float(row),
            end=row + 1.0,
            speaker=None,
            row=row,
        ).model_copy(update=fields)
        for row, text in enumerate(texts)
    ]
    rows = np.random.default_rng(seed).normal(size=(len(texts), DIMENSION)).astype(np.float32)
    return records, rows / np.linalg.norm(rows, axis=1, keepdims=True)


def with_(records: list[Record], at: int, **fields: Any) -> None:
    records[at] = records[at].model_copy(update=fields)


async def found(store: VectorStore, vector: Floats, limit: int = 99, **where: Any) -> list[str]:
    [hits] = await store.search(vector[np.newaxis], limit, Where("local", **where))
    return [hit.text for hit in hits]


async def by_words(store: VectorStore, text: str, **where: Any) -> list[str]:
    none = np.zeros((0, DIMENSION), np.float32)
    [hits] = await store.search(none, 9, Where("local", **where), mode="words", texts=[text])
    return [hit.text for hit in hits]


# -- holding ------------------------------------------------------------------------------


async def test_it_holds_exactly_what_was_last_written(store: VectorStore) -> None:
    records, rows = say(*[f"Sentence {i}." for i in range(600)])
    assert await store.replace("local", "talk", records, rows) == {r.id for r in records}
    assert await store.replace("local", "talk", records, rows) == {r.id for r in records}
    assert await store.replace("local", "talk", records[:5], rows) == {r.id for r in records[:5]}
    assert await store.ids("local", "talk") == {r.id for r in records[:5]}
    assert (await store.counts("local")).segments == 5
    assert await store.replace("local", "talk", [], rows) == frozenset()
    assert await store.sources("local") == ()


async def test_it_lists_counts_and_forgets_sources_of_a_tenant(store: VectorStore) -> None:
    for source in ("b", "a"):
        await store.replace("local", source, *say("One.", "Two.", source=source))
    await store.replace("others", "a", *say("One.", source="a", tenant="others"))
    assert await store.sources("local") == ("a", "b")
    assert await store.forget("local", "a") == 2
    assert await store.forget("local", "a") == 0
    assert await store.ids("local", "a") == frozenset()
    assert await store.sources("local") == ("b",)
    assert await store.sources("others") == ("a",)
    assert (await store.counts("others")).sources == 1


async def test_what_is_exported_is_what_was_written(store: VectorStore) -> None:
    texts = [f"Sentence {i}." for i in range(300)]
    records, rows = say(*texts, speaker="Ann", language="en", verdict="Refuted", score=0.5)
    with_(records, 7, exact=False, published=None, language=None, verdict=None)
    await store.replace("local", "talk", records, rows)
    await store.replace("local", "other", *say("Else.", source="other"))
    read: dict[str, tuple[Record, Floats]] = {}
    sizes = []
    async for batch, vectors in store.export("local", "talk"):
        assert vectors.dtype == np.float32
        sizes.append(len(batch))
        read |= {r.id: (r, v) for r, v in zip(batch, vectors, strict=True)}
    assert max(sizes) < 300
    assert {id_: record for id_, (record, _) in read.items()} == {r.id: r for r in records}
    for record, row in zip(records, rows, strict=True):
        np.testing.assert_allclose(read[record.id][1], row, atol=1e-6)


async def test_neighbours_of_several_hits_come_at_once(store: VectorStore) -> None:
    records, rows = say(*[f"Sentence {i}." for i in range(9)])
    claim = records[4].model_copy(update={"id": stable_id("claim"), "kind": "claim"})
    await store.replace("local", "talk", [*records, claim], rows)
    near = await store.neighbours("local", "talk", [0, 4, 8], 1, 2)
    assert [[r.row for r in some] for some in near] == [[0, 1, 2], [3, 4, 5, 6], [7, 8]]
    assert near[1][1] == records[4]
    assert await store.neighbours("local", "talk", [], 1, 1) == []
    assert await store.neighbours("others", "talk", [4], 1, 1) == [[]]


# -- finding ------------------------------------------------------------------------------


async def test_filters_hold_back_what_does_not_fit(store: VectorStore) -> None:
    records, rows = say("plain", "Ann", "German", "refuted", "old", "new", "undated", "rough")
    with_(records, 1, speaker="Ann")
    with_(records, 2, language="de")
    with_(records, 3, verdict="Refuted", kind="claim")
    with_(records, 4, published=date(2020, 1, 1))
    with_(records, 5, published=date(2026, 1, 1))
    with_(records, 6, published=None)
    with_(records, 7, exact=False)
    await store.replace("local", "talk", records, rows)
    await store.replace("local", "else", *say("elsewhere", source="else"))

    async def texts(**where: Any) -> set[str]:
        return set(await found(store, rows[0], **where))

    everything = {record.text for record in records} | {"elsewhere"}
    assert await texts() == everything
    assert await texts(speaker="Ann") == {"Ann"}
    assert await texts(speaker="ann") == set()
    assert await texts(language="de") == {"German"}
    assert await texts(verdict="Refuted") == {"refuted"}
    assert await texts(kind="claim") == {"refuted"}
    assert await texts(source="else") == {"elsewhere"}
    assert await texts(exclude_source="else") == everything - {"elsewhere"}
    assert await texts(exact=True) == everything - {"rough"}
    assert await texts(until=date(2020, 1, 1)) == {"old"}
    assert await texts(since=date(2024, 5, 2)) == {"new"}
    assert await texts(since=date(2024, 5, 1), until=date(2024, 5, 1)) == everything - {
        "old",
        "new",
        "undated",
    }
    assert await texts(since=date(2025, 1, 1), speaker="Ann") == set()
    assert await by_words(store, "German", language="de") == ["German"]
    assert await by_words(store, "German", language="en") == []


async def test_words_find_what_is_named_and_the_rarer_word_counts_more(
    store: VectorStore,
) -> None:
    texts = ["The budget is tight.", "The budget grows.", "Turbines need oil.", "Lunch?", "Hm."]
    records, rows = say(*texts)
    for at in range(5):
        with_(records, at, row=10 * at)
    rows = np.repeat(rows, 10, axis=0)
    await store.replace("local", "talk", records, rows)
    assert await by_words(store, "What about turbines and the budget?") == [
        texts[2],
        *sorted(texts[:2], key=len),
    ]
    assert await by_words(store, "BÜDGETS") == sorted(texts[:2], key=len)
    assert await by_words(store, "the of and") == []
    assert await by_words(store, "zeppelin") == []


async def test_words_find_by_speaker_and_by_what_was_said_around(store: VectorStore) -> None:
    records, rows = say("Turbines.", "They are loud.", "Hm.", "Right.", "Lunch?", "Fish.")
    with_(records, 4, speaker="Marie")
    await store.replace("local", "talk", records, rows)
    assert (await by_words(store, "turbines"))[:2] == ["Turbines.", "They are loud."]
    assert (await by_words(store, "marie"))[0] == "Lunch?"
    assert "Fish." not in await by_words(store, "turbines")


async def test_rarity_is_counted_within_a_tenant_and_forgets(store: VectorStore) -> None:
    records, rows = say("One word here.", "Nothing.", "Else.")
    await store.replace("local", "talk", records, rows)
    none = np.zeros((0, DIMENSION), np.float32)

    async def score() -> float:
        [[hit]] = await store.search(none, 1, Where("local"), mode="words", texts=["word"])
        return hit.score

    alone = await score()
    await store.replace("others", "talk", *say(*["A word."] * 40, tenant="others"))
    assert await score() == alone
    await store.replace("local", "more", *say(*["A word."] * 40, source="more"))
    assert await score() != alone
    await store.forget("local", "more")
    assert await score() == pytest.approx(alone, abs=1e-6)


async def test_both_find_what_either_finds(store: VectorStore) -> None:
    records, rows = say(*[f"Sentence {i}." for i in range(40)])
    await store.replace("local", "talk", records, rows)
    await store.replace("local", "else", *say("Zeppelins fly.", source="else", seed=1))
    [hits] = await store.search(rows[3:4], 2, Where("local"), mode="hybrid", texts=["zeppelins"])
    assert {hit.text for hit in hits} == {"Sentence 3.", "Zeppelins fly."}
    [plain] = await store.search(rows[3:4], 5, Where("local"), mode="hybrid", texts=["the"])
    [dense] = await store.search(rows[3:4], 5, Where("local"))
    assert [hit.id for hit in plain] == [hit.id for hit in dense]


@pytest.mark.parametrize("mode", MODES)
async def test_many_queries_answer_like_one_by_one(store: VectorStore, mode: Mode) -> None:
    records, rows = say(*[f"Sentence {i} about {i % 7}." for i in range(60)])
    await store.replace("local", "talk", records, rows)
    texts = [record.text for record in records]
    together = await store.search(rows, 5, Where("local"), mode=mode, texts=texts)
    alone = [
        (await store.search(rows[i : i + 1], 5, Where("local"), mode=mode, texts=texts[i : i + 1]))
        for i in range(60)
    ]
    assert together == [hits for [hits] in alone]


async def test_diversity_puts_the_different_before_the_repeated(store: VectorStore) -> None:
    records, _ = say("Tea.", "Tea!", "Tea?", "Coffee.", seed=1)
    rows = np.zeros((4, DIMENSION), np.float32)
    rows[:3, 0], rows[3, :2] = 1.0, (0.8, 0.6)
    await store.replace("local", "talk", records, rows)
    where = Where("local")
    [plain] = await store.search(rows[:1], 2, where)
    [mixed] = await store.search(rows[:1], 2, where, diversity=0.6)
    assert "Coffee." not in [hit.text for hit in plain]
    assert [hit.text for hit in mixed] == [plain[0].text, "Coffee."]


async def test_hits_apart_stand_for_their_neighbourhood(store: VectorStore) -> None:
    records, _ = say(*[f"Sentence {i}." for i in range(12)])
    rows = np.zeros((12, DIMENSION), np.float32)
    rows[:, 0], rows[:, 1] = 1.0, np.abs(np.arange(12) - 5) / 10
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    await store.replace("local", "talk", records, rows)
    query = np.eye(1, DIMENSION, dtype=np.float32)
    [hits] = await store.search(query, 3, Where("local"), apart=3)
    assert [hit.row for hit in hits][:1] == [5]
    assert {hit.row for hit in hits[1:]} == {2, 8}


async def test_a_search_that_makes_no_sense_is_a_mistake_of_the_caller(
    store: VectorStore,
) -> None:
    query = np.eye(2, DIMENSION, dtype=np.float32)
    for wrong in (
        {"mode": "hybrid", "texts": ["one"]},
        {"diversity": 1.5},
        {"apart": -1},
    ):
        with pytest.raises(ValueError, match="not"):
            await store.search(query, 3, Where("local"), **wrong)
    with pytest.raises(ValueError, match="neighbours"):
        await store.neighbours("local", "talk", [1], -1, 0)
    assert await store.search(query, 0, Where("local")) == [[], []]
    assert await store.search(query[:0], 3, Where("local")) == []


async def test_hostile_texts_do_no_harm(store: VectorStore) -> None:
    texts = ["quotes '\" \\ ; DROP", "nul \0 inside", "long " * 10_000, "🫖 ليل 夜 e\u0301", " "]
    records, rows = say(*texts, tenant="lo'cal\0", source='"; {}', speaker="A\0n'n")
    assert len(await store.replace("lo'cal\0", '"; {}', records, rows)) == 5
    where = Where("lo'cal\0", speaker="A\0n'n")
    [hits] = await store.search(rows[:1], 9, where)
    assert {hit.text for hit in hits} == set(texts)
    queries = ["\ud800 drop", "\0", "x" * 200_000, "夜"]
    none = np.zeros((0, DIMENSION), np.float32)
    answers = await store.search(none, 1, where, mode="words", texts=queries)
    assert [[hit.text for hit in hits] for hits in answers] == [[texts[0]], [], [], [texts[3]]]
    assert await store.sources("lo'cal\0") == ('"; {}',)


# -- the same answer, whatever happened before --------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("more", [{}, {"diversity": 0.5}, {"apart": 2}])
async def test_equals_come_in_order_of_id_whatever_was_written_first(
    tmp_path: Path, mode: Mode, more: dict[str, Any]
) -> None:
    records, rows = say(*["Tea again."] * 90, *["Coffee."] * 90)
    rows[:] = rows[0]
    answers = []
    for number, order in enumerate((records, records[::-1], random.Random(3).sample(records, 180))):
        for place in (Folder(tmp_path / str(number)), Server()):
            store = place.open()
            await store.replace("local", "talk", order, rows)
            answers.append(
                await store.search(rows[:1], 7, Where("local"), mode=mode, texts=["tea"], **more)
            )
            store.close()
    assert all(answer == answers[0] for answer in answers)
    assert len(answers[0][0]) == 7


_SENTENCES = st.lists(
    st.lists(
        st.sampled_from(["tea", "coffee", "milk", "sugar", "cup", "spoon"]), min_size=1, max_size=5
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=20, deadline=None)
@given(sentences=_SENTENCES, query=st.sampled_from(["tea", "sugar milk", "cup of coffee"]))
def test_the_embedded_store_and_the_server_answer_alike(
    tmp_path_factory: pytest.TempPathFactory, sentences: list[list[str]], query: str
) -> None:
    records, rows = say(*[" ".join(words) for words in sentences])
    folder = tmp_path_factory.mktemp("alike") / "vectors"

    async def answers(store: VectorStore) -> list[Any]:
        await store.replace("local", "talk", records, rows)
        return [
            [
                (hit.id, pytest.approx(hit.score, abs=1e-5))
                for hit in (
                    await store.search(
                        rows[:1], 6, Where("local"), mode=mode, texts=[query], **more
                    )
                )[0]
            ]
            for mode in MODES
            for more in ({}, {"diversity": 0.4}, {"apart": 3})
        ]

    both = []
    for place in (Folder(folder), Server()):
        store = place.open()
        try:
            both.append(asyncio.run(answers(store)))
        finally:
            store.close()
    assert both[0] == both[1]


# -- opening again ------------------------------------------------------------------------


async def test_it_is_still_there_after_closing(place: Place) -> None:
    records, rows = say("Tea.", "Coffee.")
    first = place.open()
    await first.replace("local", "talk", records, rows)
    first.close()
    with pytest.raises(StorageError, match="closed"):
        await first.ids("local", "talk")
    again = place.open()
    assert again.identity == first.identity
    assert await by_words(again, "coffee") == ["Coffee.", "Tea."]
    again.close()


@pytest.mark.parametrize(("embedder", "dimension"), [("other", 8), ("test", 9)])
async def test_another_embedder_is_refused_with_the_way_out(
    place: Place, embedder: str, dimension: int
) -> None:
    store = place.open()
    await store.replace("local", "talk", *say("Tea."))
    store.close()
    with pytest.raises(EmbedderMismatch, match="test") as caught:
        place.open(embedder, dimension)
    assert "autointel memory reembed" in caught.value.remedy
    store = place.open()
    assert await store.sources("local") == ("talk",)
    store.close()


class Killed(Exception):
    pass


async def test_everything_can_be_embedded_anew_and_goes_on_after_a_crash(place: Place) -> None:
    store = place.open()
    for tenant in ("local", "others"):
        for source in ("one", "two", "three"):
            said = say(f"{source} tea.", "Coffee.", source=source, tenant=tenant, speaker="Ann")
            await store.replace(tenant, source, *said)
    before = [record async for batch, _ in store.export("local", "one") for record in batch]
    store.close()
    encoded: list[str] = []

    def encode(texts: list[str]) -> Floats:
        if len(encoded) == 8:
            encoded.append("killed")
            raise Killed
        encoded.extend(texts)
        return np.eye(len(texts), 5, dtype=np.float32)

    shown: list[float] = []

    def progress(fraction: float, _message: str) -> None:
        shown.append(fraction)

    with pytest.raises(Killed):
        await asyncio.to_thread(place.reembed, "new", 5, encode, progress)
    untouched = place.open()
    assert await untouched.sources("local") == ("one", "three", "two")
    untouched.close()
    assert await asyncio.to_thread(place.reembed, "new", 5, encode, progress) == 12
    assert len(encoded) == 13, "a source was encoded twice"
    assert shown[-1] == 1.0
    with pytest.raises(EmbedderMismatch):
        place.open()
    renewed = place.open("new", 5)
    assert renewed.identity == store.identity
    after = [record async for batch, _ in renewed.export("local", "one") for record in batch]
    assert sorted(after, key=lambda r: r.id) == sorted(before, key=lambda r: r.id)
    query: Floats = np.eye(1, 5, dtype=np.float32)
    [hits] = await renewed.search(query, 9, Where("local"), mode="hybrid", texts=["tea"])
    assert len(hits) == 6
    assert (await renewed.counts("others")).segments == 6
    renewed.close()


async def test_an_encoder_of_another_length_is_refused(place: Place) -> None:
    store = place.open()
    await store.replace("local", "talk", *say("Tea."))
    store.close()

    def encode(texts: list[str]) -> Floats:
        return np.zeros((len(texts), 3), np.float32)

    with pytest.raises(EmbedderMismatch, match=r"shape \(1, 3\)"):
        await asyncio.to_thread(place.reembed, "new", 5, encode, lambda *_: None)
    place.open().close()
