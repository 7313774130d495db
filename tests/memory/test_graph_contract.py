"""What a graph store promises, kept by all of them alike."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.neo4j_server import NEO4J_MARKS, PASSWORD, shared_server
from ultimate_discord_intelligence_bot.errors import GraphInvalid
from ultimate_discord_intelligence_bot.memory.drivers.graph_sqlite import SqliteGraph
from ultimate_discord_intelligence_bot.memory.drivers.neo4j import Neo4jGraph
from ultimate_discord_intelligence_bot.memory.graph import GraphStore, checked, restore_order
from ultimate_discord_intelligence_bot.models.graph import (
    Graph,
    LinkKind,
    Node,
    NodeLabel,
    Relation,
    RelationKind,
    Scalar,
)


@pytest.fixture(scope="session")
def neo4j_graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neo4jGraph]:
    graph = Neo4jGraph(shared_server(tmp_path_factory).uri, "neo4j", PASSWORD)
    yield graph
    graph.close()


@pytest.fixture(params=["sqlite", pytest.param("neo4j", marks=NEO4J_MARKS)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GraphStore]:
    if request.param == "neo4j":
        yield request.getfixturevalue("neo4j_graph")
        return
    graph = SqliteGraph(tmp_path / "graph.sqlite")
    yield graph
    graph.close()


@pytest.fixture
def tenant() -> str:
    return f"guild-{uuid.uuid4()}"


@pytest.fixture
def other(tenant: str) -> str:
    return f"{tenant}-other"


class Talk:
    """A recording, put together sentence by sentence; a sentence takes ten seconds."""

    def __init__(
        self,
        tenant: str,
        name: str = "talk",
        published: str | None = "2024-05-01",
        url: str = "https://example.org/talk",
    ) -> None:
        self.tenant, self.name = tenant, name
        self.nodes: dict[str, Node] = {}
        self.relations: list[Relation] = []
        self.links: list[Relation] = []
        self._sentences = itertools.count()
        self.source = self.node(
            "Source", "source", title=f"The {name}", url=url, published=published
        )

    def uid(self, label: str, key: object) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.tenant}/{self.name}/{label}/{key}"))

    def node(self, label: NodeLabel, key: object, /, **properties: Scalar) -> str:
        uid = self.uid(label, key)
        if uid not in self.nodes:
            self.nodes[uid] = Node(uid=uid, label=label, properties=properties)
            if label in {"Speaker", "Segment", "Entity"}:
                self.relate("HAS", self.source, uid)
        return uid

    def relate(self, kind: RelationKind, start: str, end: str, /, **properties: Scalar) -> None:
        self.relations.append(Relation(kind=kind, start=start, end=end, properties=properties))

    def link(self, kind: LinkKind, start: str, end: str, /, **properties: Scalar) -> None:
        self.links.append(Relation(kind=kind, start=start, end=end, properties=properties))

    def say(self, text: str, speaker: str | None = "Ann") -> str:
        position = next(self._sentences)
        at = 10.0 * position
        segment = self.node("Segment", position, text=text, start=at, end=at + 9, position=position)
        if speaker:
            who = self.node("Speaker", speaker, name=speaker)
            self.relate("SPOKEN_BY", segment, who, at=at)
        return segment

    def claim(
        self, text: str, speaker: str | None = "Ann", verdict: str | None = None, **more: Scalar
    ) -> str:
        segment = self.say(text, speaker)
        at = self.nodes[segment].properties["start"]
        claim = self.node("Claim", segment, text=text, start=at, score=0.5, **more)
        self.relate("MADE_IN", claim, segment)
        if speaker:
            self.relate("STATED_BY", claim, self.uid("Speaker", speaker), at=at)
        if verdict:
            judged = self.node("Verdict", claim, label=verdict, confidence=0.9)
            self.relate("JUDGED", claim, judged)
            evidence = self.node("Evidence", claim, title="Almanac", passage="It says so.")
            self.relate("RESTS_ON", judged, evidence)
        return claim

    def name_in(
        self, segment: str, name: str, kind: str = "person", aliases: str | None = None
    ) -> str:
        entity = self.node("Entity", name, name=name, kind=kind, aliases=aliases)
        self.relate("MENTIONS", segment, entity, at=self.nodes[segment].properties["start"])
        return entity

    def graph(self) -> Graph:
        return Graph(
            tenant=self.tenant,
            source_id=self.name,
            nodes=tuple(self.nodes.values()),
            relations=tuple(self.relations),
            links=tuple(self.links),
        )

    async def to(self, store: GraphStore) -> None:
        assert await store.replace(self.graph()) == self.nodes.keys()


def a_debate(tenant: str) -> Talk:
    """Something of everything."""
    talk = Talk(tenant, "debate")
    first = talk.claim("Taxes went up by 4 %.", "Ann", "Refuted", url="https://example.org/x")
    second = talk.claim("Taxes went down.", "Bob")
    talk.relate("CONTRADICTS", first, second, reason="up against down", since="2024-06-01")
    talk.name_in(talk.say("Ada Lovelace said so.", None), "Ada Lovelace", aliases="Ada\nLady A")
    chapter = talk.node("Chapter", 0, position=0, title="Taxes", start=0.0, end=30.0)
    topic = talk.node("Topic", 0, label="money", share=0.75)
    talk.relate("RUNS_THROUGH", topic, chapter)
    fallacy = talk.node("Fallacy", 0, kind="straw man", start=0, confidence=0.5, text="So!")
    talk.relate("COMMITS", talk.uid("Segment", 0), fallacy)
    view = talk.node("Perspective", 0, topic="taxes", attitude="against")
    talk.relate("HOLDS", talk.uid("Speaker", "Ann"), view)
    talk.relate("SHOWN_BY", view, talk.uid("Segment", 0))
    return talk


async def everything(store: GraphStore, tenant: str) -> list[Graph]:
    return [graph async for graph in store.export(tenant)]


# -- writing ------------------------------------------------------------------------------------


async def test_what_was_written_is_read_back(store: GraphStore, tenant: str) -> None:
    talk = a_debate(tenant)
    await talk.to(store)
    assert await store.ids(tenant, "debate") == talk.nodes.keys()
    assert await everything(store, tenant) == [checked(talk.graph())]


async def test_writing_again_changes_nothing(store: GraphStore, tenant: str) -> None:
    talk = a_debate(tenant)
    await talk.to(store)
    await talk.to(store)
    assert await everything(store, tenant) == [checked(talk.graph())]


async def test_a_source_is_exactly_what_was_written_last(store: GraphStore, tenant: str) -> None:
    await a_debate(tenant).to(store)
    shorter = Talk(tenant, "debate")
    shorter.claim("Taxes went up by 4 %.")
    await shorter.to(store)
    assert await everything(store, tenant) == [checked(shorter.graph())]
    empty = Graph(tenant=tenant, source_id="debate", nodes=(), relations=())
    assert await store.replace(empty) == frozenset()
    assert await everything(store, tenant) == []


async def test_nodes_that_stay_keep_the_links_of_other_sources(
    store: GraphStore, tenant: str
) -> None:
    old, new = Talk(tenant, "old", "2023-01-01"), Talk(tenant, "new", "2024-01-01")
    stays, goes = old.claim("It is warm."), old.claim("It is wet.")
    await old.to(store)
    new.link("AGREES", new.claim("Warm it is."), stays, reason="same", since="2024-02-02")
    new.link("CONTRADICTS", new.claim("It is dry."), goes)
    await new.to(store)
    assert len(await store.links(tenant, ["AGREES", "CONTRADICTS"])) == 2

    shorter = Talk(tenant, "old", "2023-01-01")
    shorter.claim("It is warm.")
    await shorter.to(store)
    (link,) = await store.links(tenant, ["AGREES", "CONTRADICTS"])
    assert (link.kind, link.first.id, link.reason) == ("AGREES", stays, "same")
    assert link.since == date(2024, 2, 2)


async def test_a_source_takes_back_its_own_links(store: GraphStore, tenant: str) -> None:
    old, new = Talk(tenant, "old"), Talk(tenant, "new")
    target, claim = old.claim("It is warm."), new.claim("Warm it is.")
    await old.to(store)
    new.link("AGREES", claim, target)
    await new.to(store)
    new.links.clear()
    await new.to(store)
    assert await store.links(tenant, ["AGREES"]) == ()


async def test_a_link_to_what_is_not_there_is_left_out(store: GraphStore, tenant: str) -> None:
    old, new = Talk(tenant, "old"), Talk(tenant, "new")
    new.link("SAME_AS", new.claim("Warm it is."), old.claim("It is warm."))
    await new.to(store)
    assert await store.links(tenant, ["SAME_AS"]) == ()
    await old.to(store)
    await new.to(store)
    assert len(await store.links(tenant, ["SAME_AS"])) == 1


async def test_what_is_forgotten_is_gone(store: GraphStore, tenant: str) -> None:
    old, new = a_debate(tenant), Talk(tenant, "new")
    new.link("SAME_AS", new.claim("Taxes rose."), old.claim("Taxes grew."))
    await old.to(store)
    await new.to(store)
    assert await store.forget(tenant, "debate") == len(old.nodes)
    assert await store.forget(tenant, "debate") == 0
    assert await store.ids(tenant, "debate") == frozenset()
    assert await store.timeline(tenant, "Ada") == ()
    assert await store.links(tenant, ["SAME_AS", "CONTRADICTS"]) == ()
    new.links.clear()
    assert await everything(store, tenant) == [checked(new.graph())]


async def test_two_who_write_one_source_do_not_mix(store: GraphStore, tenant: str) -> None:
    one, two = Talk(tenant), Talk(tenant)
    for number in range(40):
        one.claim(f"One says {number}.", "One")
        two.claim(f"Two says {number}.", "Two")
    await asyncio.gather(*(talk.to(store) for talk in (one, two) * 3))
    (held,) = await everything(store, tenant)
    assert held in (checked(one.graph()), checked(two.graph()))


async def test_many_sources_written_at_once_with_links_both_ways(
    store: GraphStore, tenant: str
) -> None:
    talks = [Talk(tenant, f"talk{number}") for number in range(6)]
    claims = {talk.name: [talk.claim(f"Claim {n}.") for n in range(10)] for talk in talks}
    await asyncio.gather(*(talk.to(store) for talk in talks))
    for talk, another in itertools.permutations(talks, 2):
        for a, b in zip(claims[talk.name], reversed(claims[another.name]), strict=True):
            talk.link("AGREES", a, b)
    await asyncio.gather(*(talk.to(store) for talk in talks))
    assert len(await store.links(tenant, ["AGREES"], limit=1000)) == 15 * 10


# -- asking -------------------------------------------------------------------------------------


async def test_sources_come_newest_first(store: GraphStore, tenant: str) -> None:
    for name, day in (("a", "2023-01-01"), ("b", None), ("c", "2024-01-01"), ("d", "2023-01-01")):
        await Talk(tenant, name, day).to(store)
    found = await store.sources(tenant)
    assert [node.properties["source_id"] for node in found] == ["c", "a", "d", "b"]
    assert found[0].properties["title"] == "The c"


async def test_every_label_is_counted(store: GraphStore, tenant: str) -> None:
    assert set((await store.counts(tenant)).values()) == {0}
    await a_debate(tenant).to(store)
    assert await store.counts(tenant) == {
        "Source": 1,
        "Speaker": 2,
        "Chapter": 1,
        "Topic": 1,
        "Segment": 3,
        "Claim": 2,
        "Entity": 1,
        "Fallacy": 1,
        "Perspective": 1,
        "Verdict": 1,
        "Evidence": 1,
    }


async def test_a_claim_tells_who_made_it_where_and_when(store: GraphStore, tenant: str) -> None:
    await a_debate(tenant).to(store)
    first, second = await store.claims(tenant)
    assert first.text == "Taxes went up by 4 %."
    assert (first.speaker, first.verdict, first.score) == ("Ann", "Refuted", 0.5)
    assert (first.source_id, first.title, first.start) == ("debate", "The debate", 0.0)
    assert (first.url, first.published) == ("https://example.org/x", date(2024, 5, 1))
    assert (second.speaker, second.verdict) == ("Bob", None)
    assert second.url == "https://example.org/talk#t=10"


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ({}, ["new 1", "new 2", "old 1", "old 2", "undated"]),
        ({"limit": 2}, ["new 1", "new 2"]),
        ({"limit": 0}, []),
        ({"source_id": "old"}, ["old 1", "old 2"]),
        ({"source_id": "none"}, []),
        ({"speaker": " ann  straße"}, ["new 1", "old 1"]),
        ({"speaker": "ANN STRASSE"}, ["new 1", "old 1"]),
        ({"speaker": "Ann"}, []),
        ({"verdict": "Supported"}, ["new 2", "old 1"]),
        ({"since": date(2024, 1, 1)}, ["new 1", "new 2"]),
        ({"until": date(2024, 1, 1)}, ["new 1", "new 2", "old 1", "old 2"]),
        ({"until": date(2023, 12, 31)}, ["old 1", "old 2"]),
        ({"words": "OLD"}, ["old 1", "old 2"]),
        ({"words": "1 new"}, ["new 1"]),
        ({"words": "ate undated"}, ["undated"]),
        ({"words": "100%"}, []),
        ({"words": "x" * 50_000}, []),
        ({"words": "' OR 1=1 --"}, []),
        ({"words": "\ud800"}, []),
        ({"speaker": "Ann Straße", "words": "new", "verdict": "Supported"}, []),
        ({"speaker": "Ann Straße", "words": "old", "verdict": "Supported"}, ["old 1"]),
    ],
)
async def test_claims_are_found_by_what_is_asked(
    store: GraphStore, tenant: str, asked: dict[str, object], answer: Sequence[str]
) -> None:
    old, new, undated = (
        Talk(tenant, "old", "2023-01-01"),
        Talk(tenant, "new", "2024-01-01"),
        Talk(tenant, "undated", None),
    )
    old.claim("old 1", "Ann Straße", "Supported")
    old.claim("old 2", "Bob", "Refuted")
    new.claim("new 1", "Ann  STRASSE")
    new.claim("new 2", None, "Supported")
    undated.claim("undated", "Carl")
    for talk in (undated, new, old):
        await talk.to(store)
    assert [claim.text for claim in await store.claims(tenant, **asked)] == answer  # type: ignore[arg-type]


async def test_links_name_the_older_claim_first(store: GraphStore, tenant: str) -> None:
    old, new, undated = (
        Talk(tenant, "old", "2023-01-01"),
        Talk(tenant, "new", "2024-01-01"),
        Talk(tenant, "undated", None),
    )
    a, b, c = old.claim("warm"), new.claim("cold", "Bob"), undated.claim("warm too", "Carl")
    for talk in (old, new, undated):
        await talk.to(store)
    old.link("CONTRADICTS", a, b, reason="warm against cold", since="2024-02-01")
    new.link("CONTRADICTS", b, a, reason="cold against warm", since="2024-02-01")
    undated.link("SAME_AS", c, a, since="2024-03-01")
    for talk in (old, new, undated):
        await talk.to(store)

    def pairs(found: Sequence[object]) -> list[tuple[str, str]]:
        return [(link.first.text, link.second.text) for link in found]  # type: ignore[attr-defined]

    contradictions = await store.links(tenant, ["CONTRADICTS"])
    assert pairs(contradictions) == [("warm", "cold")]
    assert contradictions[0].reason in {"warm against cold", "cold against warm"}
    assert contradictions[0].first.speaker == "Ann"
    both = await store.links(tenant, ["CONTRADICTS", "SAME_AS", "AGREES"])
    assert pairs(both) == [("warm", "warm too"), ("warm", "cold")]
    assert pairs(await store.links(tenant, ["CONTRADICTS", "SAME_AS"], limit=1)) == pairs(both)[:1]
    assert pairs(await store.links(tenant, ["SAME_AS"], source_id="undated")) == pairs(both)[:1]
    assert pairs(await store.links(tenant, ["SAME_AS"], source_id="new")) == []
    assert (
        pairs(await store.links(tenant, ["CONTRADICTS", "SAME_AS"], speaker="BOB"))
        == (pairs(both)[1:])
    )
    assert pairs(await store.links(tenant, [])) == []


async def test_contradictions_within_one_recording_count_too(
    store: GraphStore, tenant: str
) -> None:
    await a_debate(tenant).to(store)
    (link,) = await store.links(tenant, ["CONTRADICTS"], speaker="ann")
    assert (link.first.text, link.second.text) == ("Taxes went up by 4 %.", "Taxes went down.")
    assert (link.reason, link.since) == ("up against down", date(2024, 6, 1))


async def test_a_timeline_follows_a_name_through_all_recordings(
    store: GraphStore, tenant: str
) -> None:
    old = Talk(tenant, "old", "2023-01-01", url="https://www.youtube.com/watch?v=1")
    new, undated = Talk(tenant, "new", "2024-01-01"), Talk(tenant, "undated", None)
    old.say("Welcome.")
    ada = old.name_in(old.say("Ada Lovelace wrote it.", "Bob"), "Ada Lovelace", aliases="Ada\nAAL")
    old.name_in(old.say("Charles did not."), "Charles")
    countess = new.name_in(new.say("The Countess!", None), "The Countess")
    new.link("SAME_AS", countess, ada)
    lady = undated.name_in(undated.say("My lady."), "Lady Lovelace")
    undated.link("SAME_AS", lady, countess)
    for talk in (old, new, undated):
        await talk.to(store)

    for name in ("ada  LOVELACE", "ada", "The Countess", "lady lovelace"):
        found = await store.timeline(tenant, name)
        assert [m.entity for m in found] == ["Ada Lovelace", "The Countess", "Lady Lovelace"]
    assert [m.entity for m in await store.timeline(tenant, "Charles")] == ["Charles"]
    assert await store.timeline(tenant, "Lovelace") == ()
    assert await store.timeline(tenant, "") == ()
    (first,) = await store.timeline(tenant, "Ada", limit=1)
    assert (first.text, first.speaker, first.start) == ("Ada Lovelace wrote it.", "Bob", 10.0)
    assert first.url == "https://www.youtube.com/watch?v=1&t=10s"
    assert (first.kind, first.published, first.title) == ("person", date(2023, 1, 1), "The old")


async def test_a_name_that_everybody_shares_is_still_found_at_once(
    store: GraphStore, tenant: str
) -> None:
    talk = Talk(tenant)
    entities = [talk.name_in(talk.say(f"A{n}"), f"A{n}") for n in range(40)]
    for a, b in itertools.combinations(entities, 2):
        talk.relate("SAME_AS", a, b)
    await talk.to(store)
    assert len(await store.timeline(tenant, "a7")) == 40


# -- export -------------------------------------------------------------------------------------


async def test_an_export_restores_everything(
    store: GraphStore, tenant: str, tmp_path: Path
) -> None:
    talks = [Talk(tenant, name) for name in "abc"]
    claims = [talk.claim(f"Said in {talk.name}.") for talk in talks]
    debate = a_debate(tenant)
    for talk in (*talks, debate):
        await talk.to(store)
    for number, talk in enumerate(talks):  # in a circle
        talk.link("AGREES", claims[number], claims[number - 1], reason=talk.name)
        await talk.to(store)
    debate.link("SAME_AS", debate.claim("As said in b."), claims[1])
    await debate.to(store)

    exported = await everything(store, tenant)
    assert sorted({graph.source_id for graph in exported}) == ["a", "b", "c", "debate"]
    empty = SqliteGraph(tmp_path / "restored.sqlite")
    for graph in exported:
        await empty.replace(graph)
    assert await everything(empty, tenant) == exported
    assert await empty.links(tenant, ["AGREES", "SAME_AS"]) == await store.links(
        tenant, ["AGREES", "SAME_AS"]
    )
    empty.close()


@given(
    st.sets(st.integers(0, 12)).flatmap(
        lambda nodes: st.tuples(
            st.just(nodes),
            st.sets(
                st.tuples(
                    st.sampled_from(sorted(nodes) or [0]), st.sampled_from(sorted(nodes) or [0])
                )
            ),
        )
    )
)
def test_sources_are_ordered_so_that_no_link_is_lost(
    case: tuple[set[int], set[tuple[int, int]]],
) -> None:
    sources = {str(number) for number in case[0]}
    links = {(str(a), str(b)) for a, b in case[1] if a != b}
    order = restore_order(sources, links)
    assert sorted(set(order)) == sorted(sources)
    last = {source: place for place, source in enumerate(order)}
    first = {source: order.index(source) for source in sources}
    for start, end in links:
        if {start, end} <= sources:
            assert first[end] <= last[start]
    if not order[len(sources) :]:
        assert len(order) == len(sources)


# -- tenants ------------------------------------------------------------------------------------


async def test_tenants_do_not_meet(store: GraphStore, tenant: str, other: str) -> None:
    mine, theirs = a_debate(tenant), a_debate(other)
    await mine.to(store)
    await theirs.to(store)
    assert {c.id for c in await store.claims(tenant)} <= mine.nodes.keys()
    assert len(await store.claims(tenant)) == 2
    assert len(await store.timeline(tenant, "Ada")) == 1
    assert len(await store.links(tenant, ["CONTRADICTS"])) == 1
    assert await store.ids(tenant, "debate") == mine.nodes.keys()
    assert [node.uid for node in await store.sources(tenant)] == [mine.source]
    assert await store.forget(tenant, "debate") == len(mine.nodes)
    assert await everything(store, tenant) == []
    assert await everything(store, other) == [checked(theirs.graph())]


async def test_no_link_leads_to_another_tenant(store: GraphStore, tenant: str, other: str) -> None:
    theirs = a_debate(other)
    await theirs.to(store)
    mine = Talk(tenant, "mine")
    spy = mine.name_in(mine.say("Ada?"), "Spy")
    mine.link("SAME_AS", spy, theirs.uid("Entity", "Ada Lovelace"))
    mine.link("AGREES", mine.claim("Hm."), theirs.uid("Claim", theirs.uid("Segment", 0)))
    await mine.to(store)
    assert len(await store.timeline(tenant, "Spy")) == 1
    assert await store.links(tenant, ["AGREES", "SAME_AS"]) == ()
    assert await store.links(other, ["AGREES", "SAME_AS"]) == ()
    assert await everything(store, other) == [checked(theirs.graph())]


async def test_nobody_writes_over_the_nodes_of_another(
    store: GraphStore, tenant: str, other: str
) -> None:
    theirs = a_debate(other)
    await theirs.to(store)
    mine = Talk(tenant, "mine")
    mine.claim("First.")
    await mine.to(store)
    thief = Talk(tenant, "mine")
    for uid, node in theirs.nodes.items():
        if node.label != "Source":
            thief.nodes[uid] = node
    with pytest.raises(GraphInvalid, match="another source"):
        await store.replace(thief.graph())
    assert await everything(store, other) == [checked(theirs.graph())]
    assert await everything(store, tenant) == [checked(mine.graph())]


# -- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        'It\'s "quoted" `here` \\ and $there {x} %s',
        "a\0b",
        "line\nline\r\n\u2028\ufeff",
        "🐍 ﷽ e\u0301 \U0010ffff",
        "word " * 10_000,
        "",
    ],
    ids=["quotes", "nul", "lines", "astral", "long", "empty"],
)
async def test_strange_words_are_kept_as_they_are(
    store: GraphStore, tenant: str, text: str
) -> None:
    talk = Talk(tenant)
    segment = talk.say(text, text or None)
    talk.claim(text, text or None)
    talk.name_in(segment, text, text, text)
    await talk.to(store)
    assert await everything(store, tenant) == [checked(talk.graph())]
    (claim,) = await store.claims(tenant, speaker=text or None, words=text)
    assert (claim.text, claim.speaker) == (text, text or None)
    assert [m.entity for m in await store.timeline(tenant, text)] == ([text] if text else [])


async def test_a_name_with_very_many_aliases(store: GraphStore, tenant: str) -> None:
    talk = Talk(tenant)
    aliases = "\n".join(f"{number:x}" for number in range(999))
    talk.name_in(talk.say("Many."), "Legion", aliases=aliases)
    await talk.to(store)
    assert len(await store.timeline(tenant, "3E6")) == 1
    assert await store.timeline(tenant, "3E7") == ()


def _broken(change: Callable[[Talk], object]) -> Callable[[str], Graph]:
    def make(tenant: str) -> Graph:
        talk = a_debate(tenant)
        changed = change(talk)
        return changed if isinstance(changed, Graph) else talk.graph()

    return make


def _property(name: str, value: Scalar, label: NodeLabel = "Topic") -> Callable[[str], Graph]:
    return _broken(lambda talk: talk.node(label, "new", **{"name": "n", "kind": "k", name: value}))


@pytest.mark.parametrize(
    "broken",
    [
        _property("share", float("nan")),
        _property("share", float("inf")),
        _property("share", "much"),
        _property("share", True),
        _property("position", 2**63),
        _property("label", 7),
        _property("label", "\ud800"),
        _property("uid", "x"),
        _property("folded", "x"),
        _property("n`]->() DETACH DELETE n //", "x"),
        _property("x" * 65, "x"),
        _property("tenant", "somebody else"),
        _property("source_id", "something else"),
        _property("name", None, "Entity"),
        _property("aliases", "\n".join(map(str, range(1000))), "Entity"),
        _broken(lambda talk: talk.relate("HAS", talk.source, "nowhere")),
        _broken(lambda talk: talk.relate("HAS", "nowhere", talk.source)),
        _broken(lambda talk: talk.links.append(Relation(kind="HAS", start=talk.source, end="x"))),
        _broken(lambda talk: talk.link("AGREES", "nowhere", "elsewhere")),
        _broken(lambda talk: talk.relations[0].properties.update(since="May")),
        _broken(lambda talk: talk.relate("RUNS_THROUGH", talk.source, talk.source, since="x")),
        _broken(
            lambda talk: talk.relate(
                "JUDGED", talk.uid("Claim", talk.uid("Segment", 0)), talk.source
            )
        ),
        _broken(lambda talk: talk.nodes.pop(talk.source)),
        _broken(lambda talk: talk.node("Source", "second", title="t", url="u")),
        _broken(lambda talk: talk.node("Segment", "silent", start=0.0)),
        _broken(lambda talk: talk.graph().model_copy(update={"source_id": ""})),
        _broken(lambda talk: talk.graph().model_copy(update={"source_id": "x" * 201})),
        _broken(lambda talk: talk.graph().model_copy(update={"nodes": talk.graph().nodes * 2})),
    ],
)
async def test_what_contradicts_itself_is_refused(
    store: GraphStore, tenant: str, broken: Callable[[str], Graph]
) -> None:
    talk = a_debate(tenant)
    await talk.to(store)
    with pytest.raises(GraphInvalid, match=r"Nothing of it was written"):
        await store.replace(broken(tenant))
    assert await everything(store, tenant) == [checked(talk.graph())]


# -- anything at all ----------------------------------------------------------------------------

SOURCES, CLAIMS = ("a", "b", "c"), range(4)
_Step = tuple[str, frozenset[int], frozenset[tuple[int, str, int]]]

steps = st.lists(
    st.tuples(
        st.sampled_from(SOURCES),
        st.frozensets(st.sampled_from(CLAIMS)),
        st.frozensets(
            st.tuples(st.sampled_from(CLAIMS), st.sampled_from(SOURCES), st.sampled_from(CLAIMS)),
            max_size=6,
        ),
    ),
    max_size=8,
)


class Expected:
    """The same promises in plain sets; a node is (source, claim)."""

    def __init__(self) -> None:
        self.nodes: set[tuple[str, int]] = set()
        self.links: set[tuple[tuple[str, int], tuple[str, int]]] = set()

    def replace(
        self, source: str, claims: frozenset[int], ends: frozenset[tuple[int, str, int]]
    ) -> None:
        self.nodes = {node for node in self.nodes if node[0] != source}
        self.nodes |= {(source, claim) for claim in claims}
        self.links = {(a, b) for a, b in self.links if a[0] != source and {a, b} <= self.nodes}
        wanted = {((source, a), (there, b)) for a, there, b in ends if a in claims}
        self.links |= {(a, b) for a, b in wanted if b in self.nodes and a != b}


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps)
def test_whatever_is_written_in_whatever_order(store: GraphStore, story: list[_Step]) -> None:
    asyncio.run(_play(store, f"guild-{uuid.uuid4()}", story))


async def _play(store: GraphStore, tenant: str, story: list[_Step]) -> None:
    expected, names = Expected(), {}
    for source, claims, ends in story:
        expected.replace(source, claims, ends)
        if not claims:
            await store.forget(tenant, source)
            continue
        talk = Talk(tenant, source)
        for claim in claims:
            uid = talk.node("Claim", claim, text=f"{source}{claim}", start=float(claim))
            names[uid] = (source, claim)
        for a, there, b in sorted(ends):
            start, end = talk.uid("Claim", a), Talk(tenant, there).uid("Claim", b)
            if a in claims and start != end and not (there == source and b not in claims):
                talk.link("AGREES", start, end)
        await talk.to(store)
    held = await everything(store, tenant)
    relations = [r for graph in held for r in (*graph.relations, *graph.links)]
    assert {names[r.start] + names[r.end] for r in relations} == {a + b for a, b in expected.links}
    claims_held = {(c.source_id, int(c.start)) for c in await store.claims(tenant)}
    assert claims_held == expected.nodes
    pairs = {frozenset(pair) for pair in expected.links}
    assert len(await store.links(tenant, ["AGREES"])) == len(pairs)
