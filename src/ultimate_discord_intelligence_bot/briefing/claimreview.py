"""Verdicts as ClaimReview (https://schema.org/ClaimReview), for search engines and archives."""

from __future__ import annotations

import json
from typing import Any

from ..models.analysis import Claim
from ..models.report import Linked, Report
from ..models.verification import DECIDED, Evidence, Label, Verdict
from .wording import is_web, one_line

_RATINGS = {Label.REFUTED: 1, Label.CONFLICTING: 3, Label.SUPPORTED: 5}
"""On a scale from 1 (false) to 5 (true), as Google's guidelines for fact checks have it."""


def claim_reviews(report: Report) -> list[dict[str, Any]]:
    """One ClaimReview for each verdict that decides something, in order of time."""
    verdicts = {verdict.claim: verdict for verdict in report.verdicts or ()}
    return [
        _review(report, linked, verdicts[linked.item.id])
        for linked in report.claims or ()
        if linked.item.id in verdicts and verdicts[linked.item.id].label in DECIDED
    ]


def embedded(reviews: list[dict[str, Any]]) -> str:
    """As JSON-LD that may stand inside a page; empty when there are none."""
    if not reviews:
        return ""
    text = json.dumps(reviews, ensure_ascii=False)
    # Nothing inside may end the element it stands in.
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def render_jsonld(report: Report) -> str:
    """The reviews as a file of their own."""
    return json.dumps(claim_reviews(report), ensure_ascii=False, indent=1) + "\n"


def _review(report: Report, linked: Linked[Claim], verdict: Verdict) -> dict[str, Any]:
    review: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "ClaimReview",
        "claimReviewed": one_line(linked.item.text),
        "itemReviewed": _claim(report, linked),
        "author": {"@type": "Organization", "name": "Autointel (automatic fact-check)"},
        "reviewRating": {
            "@type": "Rating",
            "worstRating": 1,
            "ratingValue": _RATINGS[verdict.label],
            "bestRating": 5,
            "alternateName": verdict.label.value,
            "ratingExplanation": one_line(verdict.explanation),
        },
        "citation": [_citation(e) for e in verdict.evidence if e.stance != "related"],
    }
    if verdict.checked:
        review["datePublished"] = verdict.checked.isoformat()
    if is_web(linked.url):
        review["url"] = linked.url
    return review


def _claim(report: Report, linked: Linked[Claim]) -> dict[str, Any]:
    claim: dict[str, Any] = {"@type": "Claim"}
    if linked.item.speaker:
        claim["author"] = {"@type": "Person", "name": one_line(linked.item.speaker)}
    if report.source.published:
        claim["datePublished"] = report.source.published.isoformat()
    appearance: dict[str, Any] = {
        "@type": "CreativeWork",
        "name": one_line(report.source.title),
    }
    if is_web(linked.url):
        appearance["url"] = linked.url
    return claim | {"appearance": appearance}


def _citation(evidence: Evidence) -> dict[str, Any]:
    work: dict[str, Any] = {
        "@type": "CreativeWork",
        "name": one_line(evidence.title),
        "text": one_line(evidence.passage),
    }
    if is_web(evidence.url):
        work["url"] = evidence.url
    if evidence.published:
        work["datePublished"] = evidence.published.isoformat()
    return work
