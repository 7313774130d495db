"""Verdicts and the evidence they carry."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Literal

from .artifact import Artifact, Model


class Label(StrEnum):
    """AVeriTeC's verdict labels (Schlichtkrull et al. 2023)."""

    SUPPORTED = "Supported"
    REFUTED = "Refuted"
    NOT_ENOUGH_EVIDENCE = "Not Enough Evidence"
    CONFLICTING = "Conflicting Evidence/Cherrypicking"


class Evidence(Model):
    """A passage that bears on a claim.

    Attributes:
        passage: verbatim.
        found_by: how it was found, e.g. ``memory``.
        similarity: cosine to the claim, -1 to 1.
        stance: what the passage says about the claim, as far as can be compared.
        reason: the comparison that led to the stance, one clause.
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
    stance: Literal["supports", "refutes", "related"] = "related"
    reason: str = ""


class EvidenceSet(Artifact):
    """Evidence from one place, by claim id; claims without any are absent."""

    found: dict[str, tuple[Evidence, ...]]


class Verdict(Model):
    """A judgement of one claim. Supported and Refuted always carry evidence.

    Attributes:
        claim: id of the claim.
        explanation: why, in one or two sentences.
    """

    claim: str
    label: Label
    evidence: tuple[Evidence, ...]
    explanation: str


class Verdicts(Artifact):
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
