"""What is left of a source when something of it must be forgotten."""

from __future__ import annotations

from tests.memory.test_nodes import drawn
from ultimate_discord_intelligence_bot.memory.graph import checked
from ultimate_discord_intelligence_bot.memory.trimming import without
from ultimate_discord_intelligence_bot.models.graph import Graph, Node


def labels(graph: Graph) -> set[str]:
    return {node.label for node in graph.nodes}


def test_what_only_led_from_it_goes_with_it() -> None:
    def is_claim(node: Node) -> bool:
        return node.label == "Claim"

    left = without(drawn(), is_claim)
    assert labels(drawn()) - labels(left) == {"Claim", "Verdict", "Evidence"}
    assert checked(left)


def test_an_entity_stays_while_somebody_mentions_it() -> None:
    first, second = (r.start for r in drawn().relations if r.kind == "MENTIONS")
    assert "Entity" in labels(without(drawn(), lambda node: node.uid == first))
    assert "Entity" not in labels(without(drawn(), lambda node: node.uid in (first, second)))


def test_a_verdict_does_not_outlive_its_evidence() -> None:
    left = without(drawn(), lambda node: node.label == "Evidence")
    assert labels(drawn()) - labels(left) == {"Evidence", "Verdict"}
    assert "Claim" in labels(left)
