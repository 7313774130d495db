"""Verdicts and the evidence they carry."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Literal

from .artifact import Artifact, Model
from .graph import LinkKind
from .reasoning import Reasoned


class Label(StrEnum):
    """AVeriTeC's verdict labels (Schlichtkrull et al. 2023)."""

    SUPPORTED = "Supported"
    REFUTED = "Refuted"
    NOT_ENOUGH_EVIDENCE = "Not Enough Evidence"
    CONFLICTING = "Conflicting Evidence/Cherrypicking"


DECIDED = frozenset({Label.SUPPORTED, Label.REFUTED, Label.CONFLICTING})
"""Labels that say something; they never come without evidence."""

Stance = Literal["supports", "refutes", "related"]


class Evidence(Model):
    """A passage that bears on a claim.

    Attributes:
        source_id: of the recording or document; the address of a page.
        published: when it was published, where that is known.
        passage: verbatim.
        start: seconds into a recording.
        found_by: where it was found, e.g. ``memory`` or ``Wikipedia``.
        similarity: cosine to the claim, -1 to 1.
        stance: what the passage says about the claim, as far as can be told.
        reason: what led to the stance, one clause.
        quote: the words of the passage that decide, verbatim; empty when all of it counts.
        publisher: who says it, where that is not the title.
        retrieved: the day it was found, for what can change.
        rating: what a fact-checker concluded about the passage, in their words.
        confidence: of the stance, 0 to 1: how often such a finding is right by measurement; 0
            when related.
    """

    source_id: str
    title: str
    url: str
    published: date | None
    passage: str
    start: float | None
    speaker: str | None
    found_by: str
    similarity: float
    stance: Stance = "related"
    reason: str = ""
    quote: str = ""
    publisher: str = ""
    retrieved: date | None = None
    rating: str = ""
    confidence: float = 0.0


class EvidenceSet(Artifact):
    """Evidence from one kind of place.

    Attributes:
        found: by assertion id; assertions without any are absent.
        asked: the sources that were asked, as a reader should see them.
        failures: sources that could not be asked, and why.
    """

    found: dict[str, tuple[Evidence, ...]]
    asked: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


class Verdict(Model):
    """A judgement of one claim. Supported, Refuted and Conflicting always carry evidence.

    Attributes:
        claim: id of the claim.
        explanation: why, in one or two sentences.
        confidence: that the label is right given this evidence, 0 to 1: the measured precision of
            such findings, or what a language model states; None where nothing was decided.
        method: who judged: ``comparison``, or the name of a language model.
        checked: the day of the judgement.
        parts: of a claim that asserts several things: each of them and its label.
        earlier: where the same claim was checked before, when that verdict is used again.
    """

    claim: str
    label: Label
    evidence: tuple[Evidence, ...]
    explanation: str
    confidence: float | None = None
    method: str = "comparison"
    checked: date | None = None
    parts: tuple[Part, ...] = ()
    earlier: Earlier | None = None


class Part(Model):
    """One of several things that a claim asserts."""

    text: str
    label: Label


class Earlier(Model):
    """The recording in which a claim was checked before."""

    title: str
    url: str


class Assertion(Model):
    """What is to be checked: a claim, or one of several things that it asserts.

    Attributes:
        id: the claim's own when it asserts one thing.
        claim: id of the claim.
        text: understandable alone as far as possible.
        segment: in which it was claimed.
        subjects: names it is about.
        speaker: who claims it.
        verdict: reached before for the same claim, and fresh enough.
    """

    id: str
    claim: str
    text: str
    segment: int
    subjects: tuple[str, ...] = ()
    speaker: str | None = None
    verdict: Verdict | None = None


class Assertions(Reasoned):
    """What of the claims is checked, in order of time."""

    assertions: tuple[Assertion, ...]


class Verdicts(Reasoned):
    """One verdict for each claim that was checked."""

    verdicts: tuple[Verdict, ...]


class Statement(Model):
    """Somebody saying something somewhere."""

    text: str
    speaker: str | None
    start: float
    source_id: str
    title: str
    url: str


class Contradiction(Model):
    """Two statements that cannot both be true, and why we think so."""

    first: Statement
    second: Statement
    reason: str


class Contradictions(Artifact):
    """Contradictions in the source and with everything remembered."""

    contradictions: tuple[Contradiction, ...]


class Connection(Model):
    """A claim of this recording and a remembered claim of another one.

    Attributes:
        kind: they say the same, agree, or cannot both be true.
        claim: id of the claim of this recording.
        other: id of the remembered claim.
        reason: what tells it, one clause.
        similarity: cosine, -1 to 1.
    """

    kind: LinkKind
    claim: str
    other: str
    reason: str
    similarity: float


class SameEntity(Model):
    """An entity of this recording that is one of another recording.

    Attributes:
        name, kind: of the entity of this recording.
        other: uid of the node of the other one.
        reason: what tells it, one clause.
    """

    name: str
    kind: str
    other: str
    reason: str


class Connections(Artifact):
    """How the claims and entities of a recording stand to those of all others.

    Attributes:
        found: the day on which this was looked for.
    """

    connections: tuple[Connection, ...]
    entities: tuple[SameEntity, ...] = ()
    found: date
