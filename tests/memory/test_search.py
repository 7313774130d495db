"""What a reader gets who searches the memory: passages, each once, with what is around them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ultimate_discord_intelligence_bot.errors import EmbedderMismatch
from ultimate_discord_intelligence_bot.memory import Memory, graph_of
from ultimate_discord_intelligence_bot.memory.drivers.edge import EdgeVectors
from ultimate_discord_intelligence_bot.memory.ports import Mode
from ultimate_discord_intelligence_bot.models.media import Source
from ultimate_discord_intelligence_bot.models.memory import Record
from ultimate_discord_intelligence_bot.runs import stable_id

Floats = NDArray[np.float32]
MODES: tuple[Mode, ...] = ("dense", "words", "hybrid")
DIMENSION = 8


def source_of(name: str = "talk") -> Source:
    url = f"https://example.org/{name}"
    return Source(id=name, url=url, title=f"The {name}", platform="example")


def say(
    *texts: str, claims: Sequence[tuple[int, str]] = (), source: str = "talk", **fields: Any
) -> list[Record]:
    """Segments of a source with these texts, and claims by the row that holds them."""
    said = [("segment", row, text) for row, text in enumerate(texts)]
    said += [("claim", row, text) for row, text in claims]
    return [
        Record.model_validate(
            {
                "id": stable_id("record", source, kind, str(row), text),
                "kind": kind,
                "tenant": "local",
                "source_id": source,
                "title": f"The {source}",
                "url": f"https://example.org/{source}#t={row}",
                "published": None,
                "text": text,
                "start": float(row),
                "end": row + 1.0,
                "speaker": None,
                "row": row,
                **fields,
            },
            strict=False,
        )
        for kind, row, text in said
    ]


def rows_of(records: Sequence[Record], seed: int = 0) -> Floats:
    count = max(record.row for record in records) + 1
    rows = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


async def remember(memory: Memory, records: list[Record], seed: int = 0) -> Floats:
    rows = rows_of(records, seed)
    await memory.remember_vectors(source_of(records[0].source_id), "local", records, rows)
    return rows


# -- ways of searching ----------------------------------------------------------------------------


async def test_by_meaning_by_words_and_by_both(memory: Memory) -> None:
    rows = await remember(memory, say("Tea.", "Coffee.", "Milk.", "Sugar.", "Salt.", "Rice."))

    async def best(mode: Mode, row: int, text: str) -> str:
        hits = await memory.search(rows[row], tenant="local", limit=3, mode=mode, text=text)
        return hits[0].text

    assert await best("dense", 0, "rice") == "Tea."
    assert await best("words", 0, "rice") == "Rice."
    assert await best("hybrid", 5, "rice") == "Rice."


async def test_words_need_no_vector(memory: Memory) -> None:
    await remember(memory, say("Tea.", "Coffee."))
    hits = await memory.search(None, tenant="local", limit=1, mode="words", text="coffee")
    assert [hit.text for hit in hits] == ["Coffee."]
    many = await memory.search_many(
        None, tenant="local", limit=1, mode="words", texts=["coffee", "tea"]
    )
    assert [hits[0].text for hits in many] == ["Coffee.", "Tea."]


@pytest.mark.parametrize("mode", MODES)
async def test_many_questions_are_answered_like_one_by_one(memory: Memory, mode: Mode) -> None:
    texts = [f"Sentence {row} about {('tea', 'milk', 'rice')[row % 3]}." for row in range(40)]
    rows = await remember(
        memory, say(*texts, claims=[(row, texts[row]) for row in range(0, 40, 3)])
    )
    how: dict[str, Any] = {"tenant": "local", "limit": 5, "mode": mode}
    vectors = None if mode == "words" else rows
    together = await memory.search_many(vectors, texts=texts, **how)
    alone = [
        await memory.search(row, text=text, **how) for row, text in zip(rows, texts, strict=True)
    ]
    assert together == alone


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"speaker": "Ann"}, "ann"),
        ({"language": "de"}, "german"),
        ({"verdict": "Refuted"}, "refuted"),
        ({"kind": "claim"}, "refuted"),
        ({"since": date(2026, 1, 1)}, "new"),
        ({"until": date(2020, 1, 1)}, "old"),
        ({"source": "ann", "exact": True}, "ann"),
    ],
)
async def test_every_restriction_holds_in_every_mode(
    memory: Memory, mode: Mode, wanted: Any, expected: str
) -> None:
    fields: dict[str, dict[str, Any]] = {
        "plain": {},
        "ann": {"speaker": "Ann"},
        "german": {"language": "de"},
        "refuted": {"kind": "claim", "verdict": "Refuted"},
        "new": {"published": date(2026, 1, 1)},
        "old": {"published": date(2020, 1, 1)},
    }
    for seed, (name, more) in enumerate(fields.items()):
        rows = await remember(memory, say("Tea and milk.", source=name, **more), seed)
    hits = await memory.search(rows[0], tenant="local", limit=9, mode=mode, text="tea", **wanted)
    assert [hit.source_id for hit in hits] == [expected]


async def test_questions_that_do_not_fit_are_a_mistake_of_the_caller(memory: Memory) -> None:
    rows = await remember(memory, say("Tea.", "Coffee."))
    with pytest.raises(ValueError, match="2 vectors and 1 texts"):
        await memory.search_many(rows, tenant="local", limit=3, mode="hybrid", texts=["tea"])
    with pytest.raises(EmbedderMismatch, match="8 numbers"):
        await memory.search(rows[0][:5], tenant="local", limit=3, mode="hybrid", text="tea")


# -- passages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("apart", [0, 1])
async def test_a_claim_and_its_segment_are_one_passage(
    memory: Memory, mode: Mode, apart: int
) -> None:
    long = "Tea is grown in Assam, as I said, and in many other places that nobody has heard of."
    claims = [(0, "Tea is grown in Assam"), (1, "Tea is green")]
    rows = await remember(memory, say(long, "Tea is green.", "Milk.", claims=claims))
    hits = await memory.search(
        rows[0], tenant="local", limit=9, mode=mode, text="tea assam", apart=apart
    )
    assert {hit.kind for hit in hits} == {"segment"}
    assert hits[0].text == long
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


async def test_a_segment_has_the_better_place_of_its_claim(memory: Memory) -> None:
    padded = "Tea was mentioned. " + " ".join(f"Filler{number}." for number in range(60))
    records = say(padded, "Tea for two people.", claims=[(0, "Tea was mentioned.")])
    await remember(memory, records)
    query: Any = {"tenant": "local", "limit": 3, "mode": "words", "text": "tea"}
    [claim] = await memory.search(None, kind="claim", **query)
    first, second = await memory.search(None, **query)
    assert (first.text, first.score) == (padded, claim.score)
    assert second.score < first.score


async def test_claims_that_fall_away_leave_room_for_others(memory: Memory) -> None:
    text = " ".join(f"Tea fact {number}." for number in range(300))
    claims = [(0, f"Tea fact {number}.") for number in range(300)]
    others = [f"Another sentence, number {row}." for row in range(20)]
    rows = await remember(memory, say(text, *others, claims=claims))
    for mode in MODES:
        words = "tea sentence fact number another"
        hits = await memory.search(rows[0], tenant="local", limit=10, mode=mode, text=words)
        assert len(hits) == 10
        assert {hit.kind for hit in hits} == {"segment"}


async def test_of_passages_close_together_the_best_is_returned(memory: Memory) -> None:
    rows = await remember(memory, say(*[f"Tea {row}." for row in range(40)]))
    hits = await memory.search(
        rows[9], tenant="local", limit=5, mode="hybrid", text="tea 9", apart=4
    )
    places = sorted(hit.row or 0 for hit in hits)
    assert hits[0].text == "Tea 9."
    assert len(hits) == 5
    assert all(later - earlier >= 4 for earlier, later in pairwise(places))


async def test_a_claim_without_its_segment_is_found(memory: Memory) -> None:
    records = say("Tea is green.", "Milk.", claims=[(0, "Tea is green."), (1, "Nobody likes it.")])
    rows = await remember(memory, records)
    hits = await memory.search(rows[1], tenant="local", limit=9, kind="claim")
    assert len(hits) == 2
    everything = await memory.search(rows[1], tenant="local", limit=9)
    assert "Nobody likes it." in {hit.text for hit in everything}, "its segment does not hold it"


# -- around a hit ---------------------------------------------------------------------------------


async def test_what_is_around_hits_is_asked_once_for_each_source(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed, name in enumerate(("one", "two")):
        await remember(memory, say(*[f"{name} tea {row}." for row in range(12)], source=name), seed)
    hits = await memory.search(None, tenant="local", limit=24, mode="words", text="tea")
    assert len(hits) == 24
    asked: list[str] = []
    original = EdgeVectors.neighbours

    async def counted(self: EdgeVectors, tenant: str, source: str, *how: Any) -> Any:
        asked.append(source)
        return await original(self, tenant, source, *how)

    monkeypatch.setattr(EdgeVectors, "neighbours", counted)
    near = await memory.neighbours("local", hits, 2)
    assert sorted(asked) == ["one", "two"]
    for hit, records in zip(hits, near, strict=True):
        row = hit.row or 0
        expected = range(max(0, row - 2), min(11, row + 2) + 1)
        assert [record.text for record in records] == [
            f"{hit.source_id} tea {place}." for place in expected
        ]


async def test_around_a_claim_is_what_is_around_its_segment(memory: Memory) -> None:
    rows = await remember(memory, say("Milk.", "Tea is green.", "Rice.", claims=[(1, "Tea")]))
    hits = await memory.search(rows[1], tenant="local", limit=1, kind="claim")
    [near] = await memory.neighbours("local", hits, 1)
    assert [record.text for record in near] == ["Milk.", "Tea is green.", "Rice."]
    assert await memory.neighbours("local", [], 1) == []
    [unknown] = await memory.neighbours("local", [hits[0].model_copy(update={"row": None})], 1)
    assert unknown == []
    assert await memory.neighbours("others", hits, 1) == [[]]


# -- what recordings are called -------------------------------------------------------------------


async def test_recordings_have_names_whichever_store_knows_them(memory: Memory) -> None:
    in_both, in_one = say("Tea.", source="one"), say("Milk.", "Rice.", source="two")
    await asyncio.gather(remember(memory, in_both), remember(memory, in_one))
    await memory.remember_graph(graph_of(source_of("one"), "local", in_both))
    assert await memory.names("local") == {
        "one": {"The one", "https://example.org/one"},
        "two": {"The two"},
    }
    assert await memory.names("others") == {}


async def test_searching_tells_nothing_of_other_tenants(
    memory: Memory, recording: Callable[..., Any]
) -> None:
    theirs = recording(tenant="theirs")
    await theirs.to_vectors(memory)
    rows = await remember(memory, say("Tea."))
    for mode in MODES:
        hits = await memory.search(
            rows[0], tenant="local", limit=9, mode=mode, text="sentence about tea"
        )
        assert [hit.text for hit in hits] == ["Tea."]
