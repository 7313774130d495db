"""What of a recording the graph holds: its nodes, and the relations between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..models.analysis import (
    Chapters,
    Claims,
    Entities,
    Fallacies,
    Perspectives,
    Quote,
)
from ..models.graph import Graph, Node, NodeLabel, Relation, RelationKind, Scalar
from ..models.media import Source
from ..models.memory import Record
from ..models.verification import Connections, Evidence, Verdict, Verdicts
from ..runs import stable_id


def graph_of(
    source: Source,
    tenant: str,
    records: Sequence[Record],
    *,
    chapters: Chapters | None = None,
    claims: Claims | None = None,
    entities: Entities | None = None,
    fallacies: Fallacies | None = None,
    perspectives: Perspectives | None = None,
    verdicts: Verdicts | None = None,
) -> Graph:
    """The graph of a recording. Parts that were not looked for are left out.

    Args:
        source: the recording.
        tenant: whose memory it is.
        records: as made by ``records_of``; segments and claims keep their ids.
        chapters: with its topics.
        claims: tells which claim a verdict is about.
        entities: who and what is named.
        fallacies: that may be in it.
        perspectives: who holds what.
        verdicts: of the evidence, what supports or refutes is kept.
    """
    return _Drawing(source, tenant, records).finished(
        chapters, claims, entities, fallacies, perspectives, verdicts
    )


def links_of(
    source_id: str,
    tenant: str,
    records: Sequence[Record],
    claims: Claims | None,
    found: Connections | None,
) -> tuple[Relation, ...]:
    """The links from the claims and entities of a recording to those of others.

    Args:
        source_id: of the recording.
        tenant: whose memory it is.
        records: as made by ``records_of``.
        claims: of the recording.
        found: how they stand to remembered ones; None when nobody looked.
    """
    if claims is None or found is None:
        return ()
    home = _home(tenant, source_id)
    same = (
        Relation(
            kind="SAME_AS",
            start=_uid(home, "Entity", entity.kind, entity.name),
            end=entity.other,
            properties={"reason": entity.reason, "since": found.found.isoformat()},
        )
        for entity in found.entities
    )
    stated = {record.row: record.id for record in records if record.kind == "claim"}
    rows = {claim.id: claim.segment for claim in claims.claims}
    compared = (
        Relation(
            kind=connection.kind,
            start=stated[rows[connection.claim]],
            end=connection.other,
            properties={
                "reason": connection.reason,
                "score": connection.similarity,
                "since": found.found.isoformat(),
            },
        )
        for connection in found.connections
        if rows.get(connection.claim) in stated
    )
    return (*compared, *same)


def _home(tenant: str, source_id: str) -> str:
    """The uid of a source."""
    return stable_id("graph", tenant, source_id, "source")


def _uid(home: str, label: NodeLabel, *parts: object) -> str:
    return stable_id(home, label, *map(str, parts))


class _Drawing:
    """A graph in the making: every node and relation once, in order."""

    def __init__(self, source: Source, tenant: str, records: Sequence[Record]) -> None:
        self._source, self._tenant = source, tenant
        self._records = records
        self._home = _home(tenant, source.id)
        self._segments = {r.row: r for r in records if r.kind == "segment"}
        self._nodes: dict[str, Node] = {}
        self._relations: dict[tuple[RelationKind, str, str], Relation] = {}

    def finished(
        self,
        chapters: Chapters | None,
        claims: Claims | None,
        entities: Entities | None,
        fallacies: Fallacies | None,
        perspectives: Perspectives | None,
        verdicts: Verdicts | None,
    ) -> Graph:
        if self._records:
            self._add_source()
            self._add_records()
            self._add_chapters(chapters)
            self._add_entities(entities)
            self._add_fallacies(fallacies)
            self._add_perspectives(perspectives)
            self._add_verdicts(claims, verdicts)
        return Graph(
            tenant=self._tenant,
            source_id=self._source.id,
            nodes=tuple(self._nodes.values()),
            relations=tuple(self._relations.values()),
        )

    # -- nodes and relations ------------------------------------------------------------------

    def _uid(self, label: NodeLabel, *parts: object) -> str:
        return _uid(self._home, label, *parts)

    def _node(self, uid: str, label: NodeLabel, /, **properties: Scalar) -> str:
        known = {"source_id": self._source.id, "tenant": self._tenant} | properties
        kept = {name: value for name, value in known.items() if value is not None}
        self._nodes.setdefault(uid, Node(uid=uid, label=label, properties=kept))
        return uid

    def _relate(self, kind: RelationKind, start: str, end: str, **properties: Scalar) -> None:
        if start in self._nodes and end in self._nodes:
            kept = {name: value for name, value in properties.items() if value is not None}
            found = Relation(kind=kind, start=start, end=end, properties=kept)
            self._relations.setdefault((kind, start, end), found)

    # -- parts ----------------------------------------------------------------------------------

    def _add_source(self) -> None:
        source = self._source
        self._node(
            self._home,
            "Source",
            title=source.title,
            url=source.url,
            platform=source.platform,
            uploader=source.uploader,
            published=source.published.isoformat() if source.published else None,
            duration=source.duration,
            language=source.language,
        )

    def _speaker(self, name: str | None) -> str | None:
        """The node of a speaker; the same name in two recordings may be two people."""
        if name is None:
            return None
        uid = self._node(self._uid("Speaker", name), "Speaker", name=name)
        self._relate("HAS", self._home, uid)
        return uid

    def _add_records(self) -> None:
        for record in sorted(self._records, key=lambda record: record.kind != "segment"):
            speaker = self._speaker(record.speaker)
            said: dict[str, Scalar] = {
                "position": record.row,
                "text": record.text,
                "start": record.start,
                "end": record.end,
            }
            if record.kind == "segment":
                self._node(record.id, "Segment", **said)
                self._relate("HAS", self._home, record.id)
                if speaker:
                    self._relate("SPOKEN_BY", record.id, speaker, at=record.start)
                continue
            self._node(record.id, "Claim", **said, score=record.score, url=record.url)
            if home := self._segments.get(record.row):
                self._relate("MADE_IN", record.id, home.id, at=record.start)
            if speaker:
                self._relate("STATED_BY", record.id, speaker, at=record.start)

    def _add_chapters(self, chapters: Chapters | None) -> None:
        made = []
        for number, chapter in enumerate(chapters.chapters if chapters else ()):
            uid = self._node(
                self._uid("Chapter", number),
                "Chapter",
                position=number,
                title=chapter.title,
                start=chapter.start,
                end=chapter.end,
            )
            made.append(uid)
            self._relate("HAS", self._home, uid)
            for row in range(chapter.first, chapter.last + 1):
                if segment := self._segments.get(row):
                    self._relate("IN", segment.id, uid)
        for topic in chapters.topics if chapters else ():
            uid = self._node(
                self._uid("Topic", topic.label), "Topic", label=topic.label, share=topic.share
            )
            self._relate("HAS", self._home, uid)
            for index in topic.chapters:
                self._relate("RUNS_THROUGH", uid, made[index])

    def _add_entities(self, entities: Entities | None) -> None:
        for entity in entities.entities if entities else ():
            uid = self._node(
                self._uid("Entity", entity.kind, entity.name),
                "Entity",
                name=entity.name,
                kind=entity.kind,
                aliases="\n".join(entity.aliases) or None,
            )
            self._relate("HAS", self._home, uid)
            for segment, quote in self._where(entity.mentions):
                self._relate("MENTIONS", segment, uid, at=quote.start)

    def _add_fallacies(self, fallacies: Fallacies | None) -> None:
        for fallacy in fallacies.fallacies if fallacies else ():
            uid = self._node(
                self._uid("Fallacy", fallacy.label, fallacy.segment, fallacy.last),
                "Fallacy",
                kind=fallacy.label,
                text=fallacy.text,
                start=fallacy.start,
                confidence=fallacy.confidence,
            )
            for segment, quote in self._where([fallacy]):
                self._relate("COMMITS", segment, uid, at=quote.start)

    def _add_perspectives(self, perspectives: Perspectives | None) -> None:
        for position in perspectives.positions if perspectives else ():
            uid = self._node(
                self._uid("Perspective", position.topic, position.speaker),
                "Perspective",
                topic=position.topic,
                attitude=position.attitude,
            )
            if speaker := self._speaker(position.speaker):
                self._relate("HOLDS", speaker, uid)
            for segment, quote in self._where(position.quotes):
                self._relate("SHOWN_BY", uid, segment, at=quote.start)

    def _add_verdicts(self, claims: Claims | None, verdicts: Verdicts | None) -> None:
        stated = {r.row: r.id for r in self._records if r.kind == "claim"}
        rows = {claim.id: claim.segment for claim in claims.claims} if claims else {}
        for verdict in verdicts.verdicts if verdicts else ():
            claim = stated.get(rows.get(verdict.claim, -1))
            if claim is None:
                continue
            uid = self._verdict(verdict, claim)
            for evidence in verdict.evidence:
                if evidence.stance != "related":
                    at = evidence.start
                    self._relate(
                        "RESTS_ON", uid, self._evidence(evidence), stance=evidence.stance, at=at
                    )

    def _verdict(self, verdict: Verdict, claim: str) -> str:
        uid = self._node(
            self._uid("Verdict", claim),
            "Verdict",
            label=verdict.label.value,
            confidence=verdict.confidence,
            checked=verdict.checked.isoformat() if verdict.checked else None,
            explanation=verdict.explanation,
            method=verdict.method,
        )
        self._relate("JUDGED", claim, uid)
        return uid

    def _evidence(self, evidence: Evidence) -> str:
        return self._node(
            self._uid("Evidence", evidence.url, evidence.passage),
            "Evidence",
            title=evidence.title,
            url=evidence.url,
            passage=evidence.passage,
            published=evidence.published.isoformat() if evidence.published else None,
            found_by=evidence.found_by,
            origin=evidence.source_id,
            speaker=evidence.speaker,
        )

    def _where(self, quotes: Iterable[Quote]) -> Iterator[tuple[str, Quote]]:
        """The segments in which quotes were said."""
        for quote in quotes:
            if segment := self._segments.get(quote.segment):
                yield segment.id, quote
