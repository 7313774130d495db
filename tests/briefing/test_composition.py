"""Composing a report: links, grounding, absences."""

from __future__ import annotations

from typing import Any

import pytest

from ultimate_discord_intelligence_bot.models.media import Source
from ultimate_discord_intelligence_bot.models.report import Report
from ultimate_discord_intelligence_bot.models.verification import Contradictions, Verdicts


def test_every_finding_leads_to_its_moment(report: Report) -> None:
    found = [(linked.url, linked.item.start) for linked in report.claims or ()]
    found += [(linked.url, linked.item.start) for linked in report.key_points or ()]
    found += [(linked.url, linked.item.start) for linked in report.chapters or ()]
    assert len(found) == 26
    for url, start in found:
        assert url == report.source.at(start)
        assert "#t=" in url


def test_a_site_with_its_own_timestamps_gets_them(debate: Any) -> None:
    source = Source(
        id="debate", url="https://www.youtube.com/watch?v=abc", title="x", platform="youtube"
    )
    report = debate.found_at(source).report()
    assert report.key_points[0].url == "https://www.youtube.com/watch?v=abc&t=9s"


@pytest.mark.parametrize(
    "change",
    [
        {"text": "Between 1969 and 1972, thirteen people walked on the Moon."},
        {"text": "between 1969 and 1972, twelve people walked on the Moon."},
        {"text": " "},
        {"segment": 9999},
        {"segment": -1},
        {"segment": 0},
    ],
)
def test_a_claim_that_is_not_verbatim_is_left_out_and_counted(
    debate: Any, change: dict[str, Any]
) -> None:
    claims = debate.claims
    altered = claims.claims[0].model_copy(update=change)
    report = debate.report(
        claims=claims.model_copy(update={"claims": (altered, *claims.claims[1:])})
    )
    assert altered.id not in {linked.item.id for linked in report.claims}
    assert len(report.claims) == len(claims.claims) - 1
    assert altered.id not in {verdict.claim for verdict in report.verdicts}
    assert report.unfounded == 1


def test_a_part_of_a_sentence_is_a_quote_too(debate: Any) -> None:
    claims = debate.claims
    part = claims.claims[0].model_copy(update={"text": "twelve people walked on the Moon"})
    report = debate.report(claims=claims.model_copy(update={"claims": (part,)}))
    assert report.claims[0].item == part
    assert report.unfounded == 0


def test_a_key_point_that_is_not_verbatim_is_left_out_and_counted(debate: Any) -> None:
    points = debate.key_points
    invented = points.points[0].model_copy(update={"text": "Nobody walked on the Moon."})
    report = debate.report(key_points=points.model_copy(update={"points": (invented,)}))
    assert report.key_points == ()
    assert report.unfounded == 1


def test_a_contradiction_needs_both_statements_to_have_been_made(debate: Any) -> None:
    (clash,) = debate.contradictions.contradictions
    invented = clash.second.model_copy(update={"text": "A mission to Mars is free."})
    elsewhere = invented.model_copy(update={"source_id": "another recording"})
    wrong_time = clash.second.model_copy(update={"start": 1.0})
    clashes = tuple(
        clash.model_copy(update={"second": second}) for second in (invented, elsewhere, wrong_time)
    )
    report = debate.report(contradictions=Contradictions(contradictions=clashes))
    assert report.contradictions == (clashes[1],)
    assert report.unfounded == 2


@pytest.mark.parametrize(
    "change",
    [
        {"passage": "NASA received two percent."},
        {"start": 1.0},
        {"passage": "NASA received two percent.", "start": None},
    ],
)
def test_a_verdict_that_rests_on_a_misquote_of_this_recording_falls(
    debate: Any, change: dict[str, Any]
) -> None:
    verdicts = debate.verdicts.verdicts
    refuted = next(verdict for verdict in verdicts if verdict.claim == "quarter")
    misquote = refuted.evidence[0].model_copy(update=change)
    fallen = refuted.model_copy(update={"evidence": (misquote,)})
    standing = refuted.model_copy(update={"evidence": (misquote, *refuted.evidence)})

    report = debate.report(verdicts=Verdicts(verdicts=(fallen,)))
    assert report.verdicts == ()
    assert report.unfounded == 1

    report = debate.report(verdicts=Verdicts(verdicts=(standing,)))
    assert report.verdicts == (refuted,)
    assert report.unfounded == 1


def test_what_was_not_made_is_none_and_what_was_not_found_is_empty(debate: Any) -> None:
    report = debate.report(
        "standard",
        chapters=None,
        key_points=None,
        claims=debate.claims.model_copy(update={"claims": ()}),
        sentiment=None,
    )
    assert report.chapters is None
    assert report.topics is None
    assert report.key_points is None
    assert report.verdicts is None
    assert report.contradictions is None
    assert report.sentiment is None
    assert report.claims == ()


def test_the_report_comes_back_from_its_json(report: Report) -> None:
    assert Report.decode(report.encode()) == report
