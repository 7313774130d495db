"""What is left of a source when something of it must be forgotten."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from ..models.graph import Graph, Node, NodeLabel
from .bundle import Portion

_LEANING: frozenset[NodeLabel] = frozenset(
    {"Verdict", "Evidence", "Fallacy", "Perspective", "Entity"}
)
"""Nodes that are there only for what leads to them."""


def without_speaker(portion: Portion, name: str) -> Portion:
    """A source without all that one speaker said, and what rests on nothing else.

    Args:
        portion: everything remembered of the source.
        name: of the speaker, whatever its case.
    """
    folded = name.casefold()
    kept = [n for n, r in enumerate(portion.records) if (r.speaker or "").casefold() != folded]
    gone = {record.id for record in portion.records} - {portion.records[n].id for n in kept}

    def is_theirs(node: Node) -> bool:
        named = str(node.properties.get("name", "")).casefold() == folded
        return node.uid in gone or (node.label == "Speaker" and named)

    return replace(
        portion,
        records=tuple(portion.records[n] for n in kept),
        vectors=portion.vectors[kept],
        graph=without(portion.graph, is_theirs) if portion.graph else None,
        verdicts={},
    )


def without(graph: Graph, is_gone: Callable[[Node], bool]) -> Graph:
    """A graph without some nodes, their relations, and whatever only they led to.

    A verdict that loses evidence it rests on goes as well: nobody can say what is left of it.
    """
    gone = {node.uid for node in graph.nodes if is_gone(node)}
    gone |= {r.start for r in graph.relations if r.kind == "RESTS_ON" and r.end in gone}
    leaning = {node.uid for node in graph.nodes if node.label in _LEANING}
    while fallen := leaning & _bereft(graph, gone) - gone:
        gone |= fallen
    relations = tuple(r for r in graph.relations if not {r.start, r.end} & gone)
    return graph.model_copy(
        update={
            "nodes": tuple(node for node in graph.nodes if node.uid not in gone),
            "relations": relations,
            "links": tuple(link for link in graph.links if link.start not in gone),
        }
    )


def _bereft(graph: Graph, gone: Collection[str]) -> set[str]:
    """Nodes that relations led to, of which all began at nodes that are gone.

    That a source has an entity is no reason to keep one that nobody mentions any more.
    """
    led_to: dict[str, bool] = {}
    for relation in graph.relations:
        if relation.kind != "HAS":
            still = relation.start not in gone
            led_to[relation.end] = led_to.get(relation.end, False) or still
    return {uid for uid, still in led_to.items() if not still}
