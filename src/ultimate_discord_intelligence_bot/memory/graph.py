"""What a graph store must be able to do, whoever makes it, and what all of them share."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Protocol, get_args

from ..errors import GraphInvalid
from ..models.graph import (
    Graph,
    Link,
    LinkKind,
    Mention,
    Node,
    NodeLabel,
    Relation,
    Scalar,
    StatedClaim,
)
from ..models.media import Source

LABELS: tuple[NodeLabel, ...] = get_args(NodeLabel)
LINKS: tuple[LinkKind, ...] = get_args(LinkKind)


class GraphStore(Protocol):
    """Everything remembered, by its relations.

    All questions are asked on behalf of one tenant and answered from what that tenant has alone.
    Days are compared inclusively; what has no date fits no range of days and comes last. Names
    are compared whatever their case and white space. A property that is None is one that is not
    there.

    Attributes:
        identity: made when the store was created; another one means that it was made anew.

    Every method raises ``StorageError`` where the store cannot be used; nothing is lost then, and
    a repeat completes what was begun.
    """

    identity: str

    async def replace(self, graph: Graph) -> frozenset[str]:
        """Hold exactly these nodes, relations and links of a source, in one transaction.

        Nodes that were there before keep the links that other sources have to them. A link whose
        other end is not remembered is left out; one between two nodes of the source counts as a
        relation. Of several relations of one kind between the same two nodes the first counts.

        Returns:
            The uids of all nodes of the source, as read back.

        Raises:
            GraphInvalid: contradicts itself, belongs to several sources, or cannot be kept.
        """
        ...

    async def forget(self, tenant: str, source_id: str) -> int:
        """Remove a source with all its relations; returns how many nodes that were."""
        ...

    async def purge(self) -> None:
        """Leave nothing in the files of what is held no more, as far as the store can."""
        ...

    async def ids(self, tenant: str, source_id: str) -> frozenset[str]:
        """The uids of all nodes of a source."""
        ...

    async def tenants(self) -> tuple[str, ...]:
        """Whoever anything is held of, sorted."""
        ...

    async def sources(self, tenant: str) -> tuple[Node, ...]:
        """The nodes of all sources, newest first."""
        ...

    async def counts(self, tenant: str) -> dict[NodeLabel, int]:
        """How many nodes of each label there are; every label is named."""
        ...

    async def claims(
        self,
        tenant: str,
        *,
        source_id: str | None = None,
        speaker: str | None = None,
        verdict: str | None = None,
        since: date | None = None,
        until: date | None = None,
        words: str | None = None,
        limit: int = 100,
    ) -> tuple[StatedClaim, ...]:
        """Claims, those of the newest source first, each source from its beginning.

        Args:
            tenant: whose memory is asked.
            source_id: only claims of this source.
            speaker: only claims stated by somebody of this name.
            verdict: only claims with this verdict, by its label.
            since: only claims of sources published on this day or later.
            until: only claims of sources published on this day or earlier.
            words: only claims in whose text each of these words occurs, if within a longer one.
            limit: most claims.
        """
        ...

    async def links(
        self,
        tenant: str,
        kinds: Collection[LinkKind],
        *,
        source_id: str | None = None,
        speaker: str | None = None,
        limit: int = 100,
    ) -> tuple[Link, ...]:
        """Pairs of claims that stand in relations of these kinds, the latest found first.

        A pair comes once for each kind, also where either side links to the other.

        Args:
            tenant: whose memory is asked.
            kinds: of which at least one is given.
            source_id: only pairs of which one claim is of this source.
            speaker: only pairs of which one claim was stated by somebody of this name.
            limit: most pairs.
        """
        ...

    async def entities(self, tenant: str, names: Collection[str]) -> tuple[Node, ...]:
        """The entities of all sources that have one of these names or aliases, sorted by uid."""
        ...

    async def timeline(self, tenant: str, name: str, *, limit: int = 1000) -> tuple[Mention, ...]:
        """Every mention of an entity of this name or alias, the earliest published first.

        Entities that SAME_AS relations join to it, over any number of them, are the same.
        """
        ...

    async def read(self, tenant: str, source_id: str) -> Graph:
        """Everything of one source, as ``replace`` takes it; without nodes if it is not known."""
        ...

    def export(self, tenant: str) -> AsyncIterator[Graph]:
        """Everything of a tenant, source by source.

        ``replace`` of each in this order restores it all in an empty store. Sources that link to
        each other in a circle come twice: a link can be kept only when both its ends are there.
        """
        ...

    def close(self) -> None:
        """Give back what is held open."""
        ...


# -- what goes in ---------------------------------------------------------------------------

RESERVED = frozenset({"uid", "folded", "keys"})
_PROPERTY_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LONGEST_ID = 200
_MOST_NAMES = 1000
_NUMBERS = frozenset({"start", "end", "at", "score", "share", "duration", "confidence"})
_TEXTS = frozenset({"text", "title", "url", "name", "label", "kind", "aliases", "reason"})
_NEEDED: Mapping[NodeLabel, tuple[str, ...]] = {
    "Source": ("title", "url"),
    "Speaker": ("name",),
    "Segment": ("text", "start"),
    "Claim": ("text", "start"),
    "Entity": ("name", "kind"),
    "Verdict": ("label",),
}
_AT_MOST_ONE = frozenset({"SPOKEN_BY", "STATED_BY", "JUDGED"})
"""Relations of which a node has one, so that a claim or a mention comes once."""
_INTEGERS = range(-(2**63), 2**63)


def checked(graph: Graph) -> Graph:
    """The graph as every store keeps it: sorted, without repetition, its properties complete.

    Raises:
        GraphInvalid: says what is wrong with it.
    """
    for what in (graph.tenant, graph.source_id, *(node.uid for node in graph.nodes)):
        if not 0 < len(what) <= _LONGEST_ID or not _is_text(what):
            raise GraphInvalid(f"{what[:50]!r} cannot be an id: it is empty, too long or no text.")
    nodes = {node.uid: node for node in (_checked_node(node, graph) for node in graph.nodes)}
    if len(nodes) < len(graph.nodes):
        raise GraphInvalid(f"Two nodes of {graph.source_id} have the same uid.")
    if nodes and sum(node.label == "Source" for node in nodes.values()) != 1:
        raise GraphInvalid(f"{graph.source_id} has not exactly one node for the source itself.")
    inner = [link for link in graph.links if link.end in nodes]
    relations = _checked_relations([*graph.relations, *inner])
    links = _checked_relations([link for link in graph.links if link.end not in nodes])
    for relation in relations:
        if relation.start not in nodes or relation.end not in nodes:
            raise GraphInvalid(f"A relation {relation.kind} of {graph.source_id} leads nowhere.")
    for link in links:
        if link.start not in nodes or link.kind not in LINKS:
            raise GraphInvalid(f"{graph.source_id} cannot have a link {link.kind} as given.")
    _check_singles(relations)
    return Graph(
        tenant=graph.tenant,
        source_id=graph.source_id,
        nodes=tuple(nodes[uid] for uid in sorted(nodes)),
        relations=relations,
        links=links,
    )


def _checked_node(node: Node, graph: Graph) -> Node:
    own: dict[str, Scalar] = {"tenant": graph.tenant, "source_id": graph.source_id}
    properties = _checked_properties(node.properties, f"{node.label} {node.uid}")
    if any(properties.get(name, value) != value for name, value in own.items()):
        raise GraphInvalid(f"{node.label} {node.uid} belongs to another source or tenant.")
    properties |= own
    if node.label == "Source":
        _check_day(properties, "published", graph.source_id)
    for name in _NEEDED.get(node.label, ()):
        if name not in properties:
            raise GraphInvalid(f"{node.label} {node.uid} has no {name}.")
    checked_node = node.model_copy(update={"properties": properties})
    if node.label == "Entity" and len(names_of(checked_node)) > _MOST_NAMES:
        raise GraphInvalid(f"Entity {node.uid} has more than {_MOST_NAMES} names.")
    return checked_node


def _checked_relations(relations: Sequence[Relation]) -> tuple[Relation, ...]:
    first: dict[tuple[str, str, str], Relation] = {}
    for relation in relations:
        name = f"{relation.kind} from {relation.start}"
        properties = _checked_properties(relation.properties, name)
        _check_day(properties, "since", name)
        key = (relation.start, relation.end, relation.kind)
        first.setdefault(key, relation.model_copy(update={"properties": properties}))
    return tuple(first[key] for key in sorted(first))


def _check_singles(relations: Sequence[Relation]) -> None:
    seen = set()
    for relation in relations:
        key = (relation.start, relation.kind)
        if relation.kind in _AT_MOST_ONE and key in seen:
            raise GraphInvalid(f"{relation.start} is {relation.kind} more than one node.")
        seen.add(key)


def _checked_properties(properties: Mapping[str, Scalar], owner: str) -> dict[str, Scalar]:
    for name, value in properties.items():
        if not _PROPERTY_NAME.fullmatch(name) or name in RESERVED:
            raise GraphInvalid(f"{owner} cannot have a property named {name[:50]!r}.")
        if value is not None and not _fits(name, value):
            raise GraphInvalid(f"The {name} of {owner} cannot be {value!r:.50}.")
    return {name: value for name, value in properties.items() if value is not None}


def _fits(name: str, value: str | float | bool) -> bool:
    if isinstance(value, str):
        return name not in _NUMBERS and _is_text(value)
    if name in _TEXTS or (name in _NUMBERS and isinstance(value, bool)):
        return False
    return value in _INTEGERS if isinstance(value, int) else math.isfinite(value)


def _check_day(properties: Mapping[str, Scalar], name: str, owner: str) -> None:
    try:
        _day(properties.get(name))
    except (TypeError, ValueError):
        raise GraphInvalid(f"The day in {name} of {owner} is not like 2026-01-31.") from None


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return True


def foreign(graph: Graph) -> GraphInvalid:
    """What is raised for a uid that stands for a node of another source."""
    return GraphInvalid(f"A node of {graph.source_id} has the uid of one of another source.")


def fold(text: str) -> str:
    """What makes two spellings of a name the same: case and white space do not count."""
    plain = unicodedata.normalize("NFC", text).casefold().replace("\0", " ")
    return " ".join(plain.encode("utf-8", "replace").decode().split())


def names_of(node: Node) -> frozenset[str]:
    """The folded names under which an entity is found."""
    names = str(node.properties["name"]), *str(node.properties.get("aliases", "")).split("\n")
    return frozenset(filter(None, map(fold, names)))


def folded_of(node: Node) -> str | None:
    """What a speaker or a claim is found by."""
    if node.label == "Speaker":
        return fold(str(node.properties["name"]))
    return fold(str(node.properties["text"])) if node.label == "Claim" else None


# -- what comes out -------------------------------------------------------------------------

Properties = Mapping[str, Any]


def stated_claim(
    uid: str, claim: Properties, source: Properties, speaker: str | None, verdict: str | None
) -> StatedClaim:
    """A claim, from the properties of its node and of its source's."""
    start = float(claim["start"])
    return StatedClaim(
        id=uid,
        text=claim["text"],
        speaker=speaker,
        start=start,
        source_id=claim["source_id"],
        title=source["title"],
        url=claim.get("url") or _moment(source, start),
        published=_day(source.get("published")),
        score=claim.get("score"),
        verdict=verdict,
    )


def link(kind: LinkKind, properties: Properties, ends: tuple[StatedClaim, StatedClaim]) -> Link:
    """Two claims, the older one first."""
    first, second = sorted(
        ends, key=lambda c: (c.published or date.max, c.source_id, c.start, c.id)
    )
    return Link(
        kind=kind,
        first=first,
        second=second,
        reason=properties.get("reason", ""),
        since=_day(properties.get("since")),
    )


def mention(
    entity: Properties,
    segment: Properties,
    relation: Properties,
    source: Properties,
    speaker: str | None,
) -> Mention:
    """A mention, from the properties of the nodes and the relation that make it."""
    start = float(relation.get("at", segment["start"]))
    return Mention(
        entity=entity["name"],
        kind=entity["kind"],
        text=segment["text"],
        speaker=speaker,
        start=start,
        source_id=segment["source_id"],
        title=source["title"],
        url=_moment(source, start),
        published=_day(source.get("published")),
    )


def restore_order(sources: Iterable[str], links: Iterable[tuple[str, str]]) -> list[str]:
    """In which order to write sources so that the far end of each link is there already.

    Args:
        sources: ids of all sources.
        links: pairs of sources of which the first links to the second.

    Returns:
        Every source once, depth first, and at the end those again that link to a later one.
    """
    targets: dict[str, list[str]] = {source: [] for source in sorted(sources)}
    for start, end in sorted(set(links)):
        if start in targets and end in targets:
            targets[start].append(end)
    order: dict[str, int] = {}
    for root in targets:
        _visit(root, targets, order)
    again = [s for s in order if any(order[end] > order[s] for end in targets[s])]
    return [*order, *again]


def _visit(root: str, targets: Mapping[str, list[str]], order: dict[str, int]) -> None:
    path, met = [(root, iter(targets[root]))], {root}
    if root in order:
        return
    while path:
        source, ends = path[-1]
        following = next((end for end in ends if end not in order and end not in met), None)
        if following is None:
            order[source] = len(order)
            path.pop()
        else:
            met.add(following)
            path.append((following, iter(targets[following])))


def _moment(source: Properties, seconds: float) -> str:
    about = Source(id=source["source_id"], url=source["url"], title="", platform="")
    try:
        return about.at(seconds)
    except ValueError:  # an address that cannot be taken apart
        return about.url


def _day(value: Any) -> date | None:
    return None if value is None else date.fromisoformat(value)
