"""What of a recording the graph holds."""

from __future__ import annotations

from collections import Counter
from datetime import date

from ultimate_discord_intelligence_bot.memory.graph import checked
from ultimate_discord_intelligence_bot.memory.nodes import graph_of
from ultimate_discord_intelligence_bot.memory.records import records_of
from ultimate_discord_intelligence_bot.models.analysis import (
    Chapter,
    Chapters,
    Claim,
    Claims,
    Entities,
    Entity,
    Fallacies,
    Fallacy,
    Perspectives,
    Position,
    Quote,
    Topic,
)
from ultimate_discord_intelligence_bot.models.graph import Graph, Node
from ultimate_discord_intelligence_bot.models.media import Source
from ultimate_discord_intelligence_bot.models.transcript import Segment, Transcript
from ultimate_discord_intelligence_bot.models.verification import (
    Evidence,
    Label,
    Stance,
    Verdict,
    Verdicts,
)

SOURCE = Source(
    id="talk",
    url="https://example.org/talk",
    title="A talk",
    platform="example",
    published=date(2024, 5, 1),
)
SAID = (
    ("Ada", "Rome has three million people."),
    ("Ben", "You are an idiot, so you are wrong."),
    ("Ada", "Rome is a fine city."),
    (None, "Applause."),
)
SEGMENTS = tuple(
    Segment(index=n, start=10.0 * n, end=10.0 * n + 9, text=text, speaker=who)
    for n, (who, text) in enumerate(SAID)
)
TRANSCRIPT = Transcript(segments=SEGMENTS, origin="human captions", language="en")
QUOTES = tuple(Quote.of(segment) for segment in SEGMENTS)
CLAIMS = Claims(
    claims=(Claim(**QUOTES[0].model_dump(), id="c0", score=0.9),),
    threshold=0.2,
)


def evidence(stance: Stance, passage: str) -> Evidence:
    return Evidence(
        source_id="atlas",
        title="Atlas",
        url="https://example.org/atlas",
        published=date(2020, 1, 1),
        passage=passage,
        start=None,
        speaker=None,
        found_by="your documents",
        similarity=0.9,
        stance=stance,
    )


VERDICTS = Verdicts(
    verdicts=(
        Verdict(
            claim="c0",
            label=Label.SUPPORTED,
            evidence=(evidence("supports", "3 million."), evidence("related", "A city.")),
            explanation="It says so.",
            confidence=0.97,
            checked=date(2024, 5, 2),
        ),
    )
)


def drawn(tenant: str = "me") -> Graph:
    return graph_of(
        SOURCE,
        tenant,
        records_of(SOURCE, tenant, TRANSCRIPT, CLAIMS),
        chapters=Chapters(
            chapters=(
                Chapter(title="Rome", first=0, last=1, start=0, end=19),
                Chapter(title="End", first=2, last=3, start=20, end=39),
            ),
            topics=(Topic(label="Rome", chapters=(0, 1), share=1.0),),
        ),
        claims=CLAIMS,
        entities=Entities(
            entities=(
                Entity(
                    name="Rome",
                    kind="place",
                    aliases=("Roma",),
                    mentions=(QUOTES[0], QUOTES[2]),
                ),
            ),
            figures=(),
        ),
        fallacies=Fallacies(
            fallacies=(
                Fallacy(
                    **QUOTES[1].model_dump(),
                    last=1,
                    label="ad hominem",
                    category="Fallacy of Credibility",
                    confidence=0.8,
                    explanation="It attacks the man.",
                ),
            ),
            threshold=0.7,
        ),
        perspectives=Perspectives(
            positions=(
                Position(topic="Rome", speaker="Ada", attitude="favourable", quotes=(QUOTES[2],)),
            ),
            exchanges=(),
        ),
        verdicts=VERDICTS,
    )


def named(graph: Graph, label: str) -> Node:
    (node,) = (node for node in graph.nodes if node.label == label)
    return node


def test_every_part_becomes_nodes_and_every_relation_has_both_its_ends() -> None:
    graph = drawn()
    assert Counter(node.label for node in graph.nodes) == {
        "Source": 1,
        "Speaker": 2,
        "Chapter": 2,
        "Topic": 1,
        "Segment": 4,
        "Claim": 1,
        "Entity": 1,
        "Fallacy": 1,
        "Perspective": 1,
        "Verdict": 1,
        "Evidence": 1,
    }
    assert Counter(relation.kind for relation in graph.relations) == {
        "HAS": 4 + 2 + 2 + 1 + 1,
        "SPOKEN_BY": 3,
        "IN": 4,
        "MADE_IN": 1,
        "STATED_BY": 1,
        "RUNS_THROUGH": 2,
        "MENTIONS": 2,
        "COMMITS": 1,
        "HOLDS": 1,
        "SHOWN_BY": 1,
        "JUDGED": 1,
        "RESTS_ON": 1,
    }
    assert checked(graph)  # a store would take it


def test_segments_and_claims_have_the_ids_of_the_vector_memory() -> None:
    records = records_of(SOURCE, "me", TRANSCRIPT, CLAIMS)
    shared = {node.uid for node in drawn().nodes if node.label in ("Segment", "Claim")}
    assert shared == {record.id for record in records}


def test_relations_tell_when() -> None:
    mentions = [r for r in drawn().relations if r.kind == "MENTIONS"]
    assert [relation.properties["at"] for relation in mentions] == [0.0, 20.0]


def test_a_verdict_rests_on_the_evidence_that_decides() -> None:
    graph = drawn()
    verdict, found = named(graph, "Verdict"), named(graph, "Evidence")
    assert verdict.properties["label"] == "Supported"
    assert verdict.properties["checked"] == "2024-05-02"
    assert found.properties["passage"] == "3 million."
    (rests,) = (r for r in graph.relations if r.kind == "RESTS_ON")
    assert rests.properties["stance"] == "supports"


def test_that_nothing_decided_a_claim_is_known_too() -> None:
    undecided = Verdict(
        claim="c0",
        label=Label.NOT_ENOUGH_EVIDENCE,
        evidence=(evidence("related", "A city."),),
        explanation="Nothing says so.",
        checked=date(2024, 5, 2),
    )
    records = records_of(SOURCE, "me", TRANSCRIPT, CLAIMS)
    graph = graph_of(SOURCE, "me", records, claims=CLAIMS, verdicts=Verdicts(verdicts=(undecided,)))
    assert named(graph, "Verdict").properties["label"] == "Not Enough Evidence"
    assert not any(node.label == "Evidence" for node in graph.nodes)


def test_the_same_recording_gives_the_same_graph_and_another_tenant_shares_no_id() -> None:
    assert drawn() == drawn()
    assert not {n.uid for n in drawn("me").nodes} & {n.uid for n in drawn("you").nodes}


def test_nothing_to_remember_is_an_empty_graph() -> None:
    graph = graph_of(SOURCE, "me", ())
    assert (graph.nodes, graph.relations) == ((), ())
