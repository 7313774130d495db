"""From artifacts to one report in which every quote is proven to be in the transcript."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from ..models.analysis import (
    Chapter,
    Chapters,
    Claim,
    Claims,
    EmotionPeak,
    Emotions,
    Entities,
    Fallacies,
    Fallacy,
    KeyPoint,
    KeyPoints,
    Perspectives,
    Quote,
    Sentiment,
    Summary,
    TrustSignals,
)
from ..models.media import Acquisition, Source
from ..models.memory import Receipt
from ..models.reasoning import Reasoned
from ..models.report import Linked, Method, Missing, Report
from ..models.transcript import Segment, Transcript
from ..models.verification import Contradictions, EvidenceSet, Label, Statement, Verdict, Verdicts
from .proof import Proof

_ROUNDING = 0.01  # seconds that a time may lose on its way through a store

_M = TypeVar("_M", Chapter, Claim, EmotionPeak, Fallacy, KeyPoint, Quote)


def compose(
    *,
    run_id: str,
    depth: str,
    acquisition: Acquisition,
    transcript: Transcript,
    chapters: Chapters | None = None,
    key_points: KeyPoints | None = None,
    claims: Claims | None = None,
    sentiment: Sentiment | None = None,
    summary: Summary | None = None,
    fallacies: Fallacies | None = None,
    perspectives: Perspectives | None = None,
    emotions: Emotions | None = None,
    entities: Entities | None = None,
    signals: TrustSignals | None = None,
    verdicts: Verdicts | None = None,
    contradictions: Contradictions | None = None,
    evidence: Sequence[EvidenceSet] = (),
    receipts: tuple[Receipt, ...] = (),
    missing: tuple[Missing, ...] = (),
    methods: tuple[Method, ...] = (),
) -> Report:
    """Assemble the report of a run.

    What quotes this recording with words that are not verbatim where it says they are is left
    out, and counted in ``Report.unfounded``; a verdict that rested on such evidence alone goes
    with it.

    Args:
        run_id: of the run that is reported.
        depth: as the user named it.
        acquisition: what was fetched.
        transcript: what was said.
        chapters: this and the eleven below are None when the depth has none or the stage failed.
        key_points: see ``chapters``.
        claims: see ``chapters``.
        sentiment: see ``chapters``.
        summary: see ``chapters``.
        fallacies: see ``chapters``.
        perspectives: see ``chapters``.
        emotions: see ``chapters``.
        entities: see ``chapters``.
        signals: see ``chapters``.
        verdicts: see ``chapters``; those on claims that are left out go with them.
        contradictions: see ``chapters``.
        evidence: what was sought for the verdicts, one set for each kind of place.
        receipts: what the memory confirmed.
        missing: stages that gave no result.
        methods: how the parts were made, for the reader.
    """
    source, segments = acquisition.source, transcript.segments
    proof = Proof(segments)
    founded_claims = proof.keep(claims.claims) if claims else None
    clashes = contradictions.contradictions if contradictions else ()
    founded_clashes = tuple(
        clash
        for clash in clashes
        if _was_said(clash.first, source, segments) and _was_said(clash.second, source, segments)
    )
    kept_ids = {claim.id for claim in founded_claims or ()}
    judged = [v for v in verdicts.verdicts if v.claim in kept_ids] if verdicts else []
    proven = [_proven(verdict, source, segments) for verdict in judged]
    dropped = sum(len(v.evidence) for v in judged) - sum(len(v.evidence) for v in proven)
    dropped += len(clashes) - len(founded_clashes)
    reasoned: dict[str, Reasoned | None] = {
        "summary": summary,
        "fallacies": fallacies,
        "perspectives": perspectives,
        "verdicts": verdicts,
    }
    dropped += sum(part.dropped for part in reasoned.values() if part)
    report = Report(
        run_id=run_id,
        depth=depth,
        source=source,
        acquired_at=acquisition.acquired_at,
        transcript=transcript,
        abstract=proof.keep(summary.abstract) if summary and summary.abstract else None,
        summary=_link(proof.keep(summary.sentences) if summary else None, source),
        chapters=_link(chapters.chapters if chapters else None, source),
        topics=chapters.topics if chapters else None,
        key_points=_link(proof.keep(key_points.points) if key_points else None, source),
        claims=_link(founded_claims, source),
        verdicts=tuple(v for v in proven if _stands(v)) if verdicts else None,
        contradictions=founded_clashes if contradictions else None,
        sentiment=sentiment.segments if sentiment else None,
        sentiment_mean=sentiment.mean if sentiment else None,
        fallacies=_link(proof.keep(fallacies.fallacies) if fallacies else None, source),
        positions=proof.keep(perspectives.positions) if perspectives else None,
        exchanges=proof.keep(perspectives.exchanges) if perspectives else None,
        emotions=emotions.segments if emotions else None,
        emotion_timeline=emotions.timeline if emotions else None,
        emotion_peaks=_link(proof.keep(emotions.peaks) if emotions else None, source),
        entities=proof.keep(entities.entities) if entities else None,
        figures=proof.keep(entities.figures) if entities else None,
        signals=proof.keep(signals.signals) if signals else None,
        remembered=tuple(
            f"{receipt.store} memory ({receipt.records} records)" for receipt in receipts
        ),
        missing=missing,
        notes=_notes(reasoned, evidence),
        models={name: part.model for name, part in reasoned.items() if part and part.model},
        sources=tuple(dict.fromkeys(name for found in evidence for name in found.asked)),
        methods=methods,
    )
    return report.model_copy(update={"unfounded": dropped + proof.dropped})


def _notes(
    reasoned: Mapping[str, Reasoned | None], evidence: Sequence[EvidenceSet]
) -> tuple[str, ...]:
    """What was done in another way than asked, each thing once."""
    parts: dict[str, list[str]] = {}
    for name, part in reasoned.items():
        for gap in part.gaps if part else ():
            parts.setdefault(gap, []).append(name)
    gaps = [f"{' and '.join(names).capitalize()}: {gap}" for gap, names in parts.items()]
    failures = (failure for found in evidence for failure in found.failures)
    return tuple(dict.fromkeys([*gaps, *(f"Evidence: {failure}" for failure in failures)]))


def _was_said(statement: Statement, source: Source, segments: tuple[Segment, ...]) -> bool:
    """Whether a statement attributed to this recording is in it; others cannot be judged here."""
    return statement.source_id != source.id or _verbatim(statement.text, statement.start, segments)


def _verbatim(quote: str, start: float | None, segments: tuple[Segment, ...]) -> bool:
    """Whether the words are spoken at that time; at any time when none is given."""
    said = (
        segment.text
        for segment in segments
        if start is None or segment.start - _ROUNDING <= start <= segment.end + _ROUNDING
    )
    return bool(quote.strip()) and any(quote in text for text in said)


def _proven(verdict: Verdict, source: Source, segments: tuple[Segment, ...]) -> Verdict:
    """The verdict without evidence that misquotes this recording."""
    evidence = tuple(
        found
        for found in verdict.evidence
        if found.source_id != source.id or _verbatim(found.passage, found.start, segments)
    )
    return verdict.model_copy(update={"evidence": evidence})


def _stands(verdict: Verdict) -> bool:
    return bool(verdict.evidence) or verdict.label is Label.NOT_ENOUGH_EVIDENCE


def _link(findings: tuple[_M, ...] | None, source: Source) -> tuple[Linked[_M], ...] | None:
    if findings is None:
        return None
    return tuple(Linked(item=finding, url=source.at(finding.start)) for finding in findings)
