"""Nobody sees, counts, changes or removes what is another's, whichever stores are used."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qdrant_client import AsyncQdrantClient

from tests.neo4j_server import NEO4J_MARKS, PASSWORD, shared_server
from ultimate_discord_intelligence_bot.acquisition.locator import parse_locator
from ultimate_discord_intelligence_bot.errors import (
    BundleInvalid,
    GraphInvalid,
    RunUnknown,
    SettingsError,
    StorageError,
)
from ultimate_discord_intelligence_bot.memory import Memory, Servers, graph_of, open_memory
from ultimate_discord_intelligence_bot.memory import stores as stores_module
from ultimate_discord_intelligence_bot.memory.drivers.qdrant import QdrantVectors
from ultimate_discord_intelligence_bot.memory.ports import Where
from ultimate_discord_intelligence_bot.models.analysis import Entities, Entity, Quote
from ultimate_discord_intelligence_bot.models.graph import Graph, Relation
from ultimate_discord_intelligence_bot.models.verification import Evidence, Label, Verdict
from ultimate_discord_intelligence_bot.runs import Run, RunCard, find_card
from ultimate_discord_intelligence_bot.settings import Depth, Settings, load_settings

pytestmark = pytest.mark.filterwarnings("ignore:Local mode performs exact:UserWarning")
Make = Callable[..., Any]
Open = Callable[[str], Memory]
TODAY, LONG_AGO = date(2024, 5, 1), date(1900, 1, 1)
WORDS = ("tea", "coffee", "milk")


@pytest.fixture(params=["embedded", "qdrant", pytest.param("neo4j", marks=NEO4J_MARKS)])
def opened(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Open]:
    """Memories by name, each in a folder and servers of its own."""
    memories = []
    servers = Servers()
    if request.param == "neo4j":
        server = shared_server(request.getfixturevalue("tmp_path_factory"))
        servers = Servers(neo4j_uri=server.uri, neo4j_password=PASSWORD)
    if request.param == "qdrant":

        def in_memory(_folder: Path, embedder: str, dimension: int, _: Servers) -> QdrantVectors:
            client = AsyncQdrantClient(":memory:")
            return QdrantVectors("http://in.memory", None, embedder, dimension, client=client)

        monkeypatch.setattr(stores_module, "open_vectors", in_memory)

    def open_(name: str) -> Memory:
        memories.append(open_memory(tmp_path / name, embedder="test", dimension=8, servers=servers))
        return memories[-1]

    yield open_
    for memory in memories:
        memory.close()


@pytest.fixture
def tenants() -> tuple[str, str]:
    """Two whose names are alike, and that no other test has."""
    name = f"guild-{uuid.uuid4().hex[:8]}"
    return name, f"{name}-2"


def verdict(said: str) -> Verdict:
    evidence = Evidence(
        source_id="id-talk-0",
        title="Atlas",
        url="https://example.org/",
        published=None,
        passage=said,
        start=None,
        speaker="Ann",
        found_by="what was heard before",
        similarity=1,
        stance="supports",
    )
    return Verdict(
        claim="c",
        label=Label.SUPPORTED,
        evidence=(evidence,),
        explanation=said,
        checked=TODAY,
    )


def drawn(talk: Any, *aliases: str) -> Graph:
    """The graph of a recording in which somebody with a full name is named."""
    mentions = tuple(Quote.of(segment) for segment in talk.transcript.segments[:4])
    entities = Entities(
        entities=(
            Entity(name="Ada Lovelace", kind="person", aliases=aliases, mentions=mentions),
            Entity(name="Lord Byron", kind="person", mentions=mentions[:1]),
        ),
        figures=(),
    )
    return graph_of(
        talk.source,
        talk.tenant,
        talk.records,
        chapters=talk.chapters,
        claims=talk.claims,
        entities=entities,
    )


def links(graph: Graph, others: list[str]) -> tuple[Relation, ...]:
    stated = [node.uid for node in graph.nodes if node.label == "Claim"]
    named = [node.uid for node in graph.nodes if node.label == "Entity"]
    kinds = ("AGREES", "CONTRADICTS", "SAME_AS")
    return tuple(
        Relation(
            kind=kind, start=start, end=end, properties={"reason": "so", "since": "2024-05-01"}
        )
        for start in stated[:2]
        for end, kind in zip(others, kinds, strict=False)
    ) + tuple(Relation(kind="SAME_AS", start=named[0], end=end) for end in others[-1:])


# -- what somebody does --------------------------------------------------------------------------

Deed = Callable[[Memory, str], Awaitable[object]]


def deeds(recording: Make, chance: random.Random, count: int) -> list[Deed]:
    """What a tenant does with a memory, in turn; the same whoever does it."""

    def remember(number: int, word: str, length: int) -> Deed:
        async def do(memory: Memory, tenant: str) -> None:
            talk = recording(f"talk-{number}", length, tenant=tenant, word=word, seed=number)
            await talk.to_vectors(memory)
            graph = drawn(talk, "Countess")
            theirs = [claim.id for claim in await memory.claims(tenant, limit=4)]
            ends = [end for end in theirs if end not in {node.uid for node in graph.nodes}]
            await memory.remember_graph(graph.model_copy(update={"links": links(graph, ends)}))
            said = talk.claims.claims[0].text
            await memory.remember_verdicts(talk.source, tenant, {said: verdict(said)})

        return do

    async def forget(memory: Memory, tenant: str) -> None:
        await memory.forget(tenant, "id-talk-1")

    async def silence(memory: Memory, tenant: str) -> None:
        await memory.forget_speaker(tenant, "bob")

    async def part(memory: Memory, tenant: str) -> None:
        if await memory.timeline(tenant, "Lord Byron"):
            await memory.decide(tenant, "Ada Lovelace", "Lord Byron", same=True, today=TODAY)

    async def restore(memory: Memory, tenant: str) -> None:
        for portion in [portion async for portion in memory.export(tenant)]:
            await memory.take(tenant, portion)

    chosen: list[Deed] = []
    for _ in range(count):
        length, word = chance.choice((6, 12)), chance.choice(WORDS)
        first = remember(chance.randrange(3), word, length)
        chosen.append(chance.choice((first, first, first, forget, silence, part, restore)))
    return [remember(0, "tea", 12), *chosen]


async def seen(memory: Memory, tenant: str, recording: Make) -> dict[str, Any]:
    """Everything that a tenant can see."""
    rows = recording("any", 12, seed=1).vectors[:3]
    texts = ["Sentence about tea", "coffee, Ann?", "7"]
    told: dict[str, Any] = {}
    for mode in ("dense", "words", "hybrid"):
        for wanted in (
            {},
            {"kind": "claim"},
            {"source": "id-talk-0"},
            {"exclude_source": "id-talk-0"},
            {"exact": True, "since": LONG_AGO},
            {"speaker": "Ann"},
            {"language": "en", "until": TODAY},
        ):
            told[f"{mode} {wanted}"] = await memory.search_many(
                rows,
                tenant=tenant,
                limit=40,
                mode=mode,
                texts=texts,
                **wanted,
            )
    hits = told["dense {}"][0]
    told["neighbours"] = await memory.neighbours(tenant, hits[:5], 2)
    told["remembered"] = await memory.remembered(tenant)
    told["sources"] = await memory.sources(tenant)
    told["names"] = await memory.names(tenant)
    told["extent"] = [await memory.extent(tenant, f"id-talk-{n}") for n in range(3)]
    told["labels"] = [await memory.labels(tenant, f"id-talk-{n}") for n in range(3)]
    told["spoken by"] = await memory.spoken_by(tenant, "ann")
    kinds = ("AGREES", "CONTRADICTS", "SAME_AS")
    for wanted in ({}, {"source_id": "id-talk-0"}, {"speaker": "ANN"}):
        told[f"links {wanted}"] = await memory.links(tenant, kinds, **wanted)  # type: ignore[arg-type]
    for asked in ({}, {"words": "tea"}, {"speaker": "ann"}, {"until": TODAY}, {"limit": 1}):
        told[f"claims {asked}"] = await memory.claims(tenant, **asked)
    for name in ("Ada Lovelace", "countess", "Lord Byron", "nobody"):
        told[f"timeline {name}"] = await memory.timeline(tenant, name)
    spoken = [f"Sentence {n} about {word}." for n in range(12) for word in WORDS]
    told["verdicts"] = memory.recall_verdicts(spoken, tenant=tenant, since=LONG_AGO, besides="")
    named = Entity(name="Ada Lovelace", kind="person", aliases=("Countess",), mentions=())
    entities = Entities(entities=(named,), figures=())
    told["resolve"] = await memory.resolve(tenant, "id-new", entities)
    told["stats"] = await memory.stats(tenant)
    told["check"] = await memory.check(tenant)
    later = datetime.now(UTC) + timedelta(days=1)
    told["untouched"] = await memory.untouched(tenant, later)
    told["export"] = [
        replace(portion, vectors=portion.vectors.round(5).tolist())
        async for portion in memory.export(tenant)
    ]
    return told


def alike(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        assert one[name] == other[name], name


@pytest.mark.parametrize("seed", [1, 2])
async def test_what_somebody_sees_depends_on_their_own_deeds_alone(
    opened: Open, recording: Make, tenants: tuple[str, str], seed: int
) -> None:
    """Two tenants act in turn on one memory; one of them acts alone on another."""
    ours, theirs = tenants
    chance = random.Random(seed)
    do, disturb = deeds(recording, chance, 5), deeds(recording, chance, 5)
    shared, alone = opened("shared"), opened("alone")
    for number, deed in enumerate(do):
        await deed(shared, ours)
        await disturb[number](shared, theirs)
    together = await seen(shared, ours, recording)
    assert together["stats"].vector.segments
    assert await shared.check(theirs) == ()
    # A graph server is shared by all memories: what stands there is ours from before.
    if shared._stores.servers.neo4j_uri:
        for source in await shared.remembered(ours):
            await shared._stores.graph.forget(ours, source)
    for deed in do:
        await deed(alone, ours)
    alike(together, await seen(alone, ours, recording))


async def test_the_same_words_under_the_same_names_stay_two(
    opened: Open, recording: Make, tenants: tuple[str, str]
) -> None:
    ours, theirs = tenants
    memory = opened("shared")
    remember = deeds(recording, random.Random(0), 0)[0]
    await remember(memory, ours)
    before = await seen(memory, ours, recording)
    assert await memory.remembered(theirs) == ()
    await remember(memory, theirs)
    alike(before, await seen(memory, ours, recording))
    gone = await memory.forget(theirs, "id-talk-0")
    assert gone.records == 16
    alike(before, await seen(memory, ours, recording))
    assert (await memory.stats(theirs)).nodes == {}
    assert await memory.forget_speaker(theirs, "Ann") == ()
    alike(before, await seen(memory, ours, recording))


async def test_a_link_to_a_claim_of_another_is_impossible(
    opened: Open, recording: Make, tenants: tuple[str, str]
) -> None:
    ours, theirs = tenants
    memory = opened("shared")
    for tenant in tenants:
        await deeds(recording, random.Random(0), 0)[0](memory, tenant)
    before = await seen(memory, theirs, recording)
    talk = recording("talk-0", 12, tenant=ours)
    graph = drawn(talk)
    foreign = [claim.id for claim in await memory.claims(theirs)]
    foreign += [node.uid for node in drawn(recording("talk-0", 12, tenant=theirs)).nodes]
    stated = next(node.uid for node in graph.nodes if node.label == "Claim")
    reaching = tuple(Relation(kind="SAME_AS", start=stated, end=end) for end in foreign)
    await memory.remember_graph(graph.model_copy(update={"links": reaching}))
    assert await memory.links(ours, ["SAME_AS"]) == ()
    assert await memory.links(theirs, ["SAME_AS"]) == before["links {}"]
    alike(before, await seen(memory, theirs, recording))


async def test_ids_of_another_cannot_be_taken(
    opened: Open, recording: Make, tenants: tuple[str, str]
) -> None:
    ours, theirs = tenants
    memory = opened("shared")
    await deeds(recording, random.Random(0), 0)[0](memory, theirs)
    before = await seen(memory, theirs, recording)
    victim = recording("talk-0", 12, tenant=theirs)
    talk = recording("talk-0", 12, tenant=ours, seed=5)
    stolen = tuple(
        record.model_copy(update={"id": other.id, "text": "mine now"})
        for record, other in zip(talk.records, victim.records, strict=True)
    )
    with pytest.raises(StorageError, match="id of one of another source"):
        await memory.remember_vectors(talk.source, ours, stolen, talk.vectors)
    graph = drawn(victim).model_copy(update={"tenant": ours})
    with pytest.raises(GraphInvalid):
        await memory.remember_graph(graph)
    bare = tuple(
        node.model_copy(update={"properties": {**node.properties, "tenant": ours}})
        for node in graph.nodes
    )
    with pytest.raises(GraphInvalid, match="uid of one of another"):
        await memory.remember_graph(graph.model_copy(update={"nodes": bare}))
    alike(before, await seen(memory, theirs, recording))


async def test_what_was_exported_can_be_taken_by_its_owner_alone(
    opened: Open, recording: Make, tenants: tuple[str, str]
) -> None:
    ours, theirs = tenants
    memory = opened("shared")
    await deeds(recording, random.Random(0), 0)[0](memory, theirs)
    before = await seen(memory, theirs, recording)
    (portion,) = [portion async for portion in memory.export(theirs)]
    for disguised in (
        portion,
        replace(portion, records=(), vectors=np.zeros((0, 8), np.float32)),
        replace(portion, source_id="id-else"),
    ):
        with pytest.raises(BundleInvalid, match="another tenant"):
            await memory.take(ours, disguised)
    for broken in (
        replace(portion, vectors=portion.vectors[1:]),
        replace(portion, vectors=portion.vectors * np.nan),
        replace(
            portion,
            records=(portion.records[0].model_copy(update={"row": 10**12}), *portion.records[1:]),
        ),
    ):
        with pytest.raises(BundleInvalid):
            await memory.take(theirs, broken)
    assert await memory.remembered(ours) == ()
    alike(before, await seen(memory, theirs, recording))


HOSTILE = (
    "",
    " ",
    "../x",
    "/etc",
    "a' OR '1'='1",
    'a" OR ""="',
    "%",
    "*",
    "x'}) DETACH DELETE (n) //",
    "$tenant",
    "a\nb",
    "a\0b",
    "ａ",
    "x" * 10_000,
)


async def test_a_name_made_to_harm_is_refused_or_does_nothing(
    opened: Open, recording: Make, tmp_path: Path
) -> None:
    memory = opened("shared")
    ours = f"a-{uuid.uuid4().hex[:8]}"
    await deeds(recording, random.Random(0), 0)[0](memory, ours)
    before = await seen(memory, ours, recording)
    files = _names(tmp_path)
    for name in (*HOSTILE, ours.upper(), f"{ours} ", f"{ours}\0", f"{ours}' OR 'a'='a"):
        assert await memory.search(
            recording().vectors[0], tenant=name, limit=5
        ) == await memory.search(None, tenant=name, limit=5, mode="words", text="tea")
        assert await memory.sources(name) == ()
        assert await memory.claims(name) == ()
        assert await memory.timeline(name, "Ada Lovelace") == ()
        assert (await memory.forget(name, "id-talk-0", purge=False)).records == 0
        talk = recording("talk-9", 6, tenant=name)
        try:
            await talk.to_vectors(memory)
            await memory.remember_graph(drawn(talk))
        except GraphInvalid:
            pass
        else:
            assert await memory.remembered(name) == ("id-talk-9",)
            assert await memory.check(name) == ()
        await memory.forget(name, "id-talk-9", purge=False)
    alike(before, await seen(memory, ours, recording))
    assert _names(tmp_path) == files


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("name", [*HOSTILE, "x" * 65, "a\n", "é"])
def test_settings_take_only_plain_names(name: str) -> None:
    with pytest.raises(SettingsError, match="AUTOINTEL_TENANT"):
        load_settings(AUTOINTEL_TENANT=name)


def test_writes_that_were_not_finished_are_finished_for_their_owner(
    tmp_path: Path, recording: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = recording("one", tenant="ours"), recording("one", tenant="theirs", word="milk")
    with open_memory(tmp_path, embedder="test", dimension=8) as memory:
        for talk in (ours, theirs):
            asyncio.run(talk.to_vectors(memory))

        async def fail(*_: object) -> None:
            raise StorageError("The power is gone.")

        monkeypatch.setattr(memory._stores.graph, "replace", fail)
        for talk in (ours, theirs):
            with pytest.raises(StorageError):
                asyncio.run(talk.to_graph(memory))
        monkeypatch.undo()
    with open_memory(tmp_path, embedder="test", dimension=8) as memory:
        assert [write.tenant for write in memory.unfinished()] == ["ours", "theirs"]
        asyncio.run(memory.forget("theirs", "id-one"))
        assert [write.tenant for write in memory.unfinished()] == ["ours"]
        asyncio.run(memory.recover())
        assert asyncio.run(memory.remembered("theirs")) == ()
        (source,) = asyncio.run(memory.sources("ours"))
        assert source.properties["tenant"] == "ours"


def test_a_finished_run_is_found_by_its_owner_alone(tmp_path: Path) -> None:
    def settings(tenant: str) -> Settings:
        return load_settings(AUTOINTEL_DATA_DIR=tmp_path, AUTOINTEL_TENANT=tenant)

    locator = parse_locator("https://example.org/a", allow_files=False)
    run = Run(locator, Depth.STANDARD, settings("ours"))
    run.leave_card(tmp_path / "out")
    assert isinstance(find_card(settings("ours"), run.id[:8]), RunCard)
    with pytest.raises(RunUnknown):
        find_card(settings("theirs"), run.id)


async def test_of_the_stores_themselves_none_crosses(
    opened: Open, recording: Make, tenants: tuple[str, str]
) -> None:
    """What the memory does not ask of them, they would not tell either."""
    ours, theirs = tenants
    memory = opened("shared")
    await deeds(recording, random.Random(0), 0)[0](memory, theirs)
    stores = memory._stores
    assert await stores.vectors.ids(ours, "id-talk-0") == frozenset()
    assert await stores.vectors.neighbours(ours, "id-talk-0", [3], 2, 2) == [[]]
    assert await stores.vectors.forget(ours, "id-talk-0") == 0
    assert [each async for each in stores.vectors.export(ours, "id-talk-0")] == []
    query = recording().vectors[:1]
    assert await stores.vectors.search(query, 9, Where(ours, source="id-talk-0")) == [[]]
    assert await stores.graph.ids(ours, "id-talk-0") == frozenset()
    assert (await stores.graph.read(ours, "id-talk-0")).nodes == ()
    assert await stores.graph.entities(ours, ["Ada Lovelace"]) == ()
    assert await stores.graph.forget(ours, "id-talk-0") == 0
    assert await stores.archive.of_source(ours, "id-talk-0") == {}
    assert await stores.archive.forget(ours, "id-talk-0") == 0
    assert await stores.archive.forget_evidence(ours, lambda _: True) == 0
    assert await stores.outbox.held(ours) == ()
    await stores.outbox.forget(ours, "id-talk-0")
    assert len(await stores.outbox.held(theirs)) == 2
