"""Verdicts, abstracts and notes as a reader sees them."""

from __future__ import annotations

import json
from datetime import date

import pytest

from ultimate_discord_intelligence_bot.briefing import (
    render_html,
    render_jsonld,
    render_markdown,
)
from ultimate_discord_intelligence_bot.models.analysis import Cited, Quote
from ultimate_discord_intelligence_bot.models.report import Report
from ultimate_discord_intelligence_bot.models.verification import (
    Earlier,
    Evidence,
    Label,
    Part,
    Verdict,
)

PASSAGE = "In all, 12 people walked on the Moon, the last of them in 1972."


def evidence(**changes: object) -> Evidence:
    found = Evidence(
        source_id="https://example.org/moon",
        title="Moon landing",
        url="https://example.org/moon",
        published=date(2020, 2, 3),
        passage=PASSAGE,
        start=None,
        speaker=None,
        found_by="Wikipedia",
        similarity=0.81,
        stance="supports",
        publisher="Wikipedia",
        retrieved=date(2024, 5, 1),
        confidence=0.97,
    )
    return found.model_copy(update=changes)


def judged(report: Report, **changes: object) -> Report:
    """The report with one verdict, on its first claim."""
    assert report.claims
    verdict = Verdict(
        claim=report.claims[0].item.id,
        label=Label.SUPPORTED,
        evidence=(evidence(),),
        explanation="One page from Wikipedia supports it (both say twelve).",
        confidence=0.97,
        checked=date(2024, 5, 1),
    )
    return report.model_copy(update={"verdicts": (verdict.model_copy(update=changes),)})


def both(report: Report) -> tuple[str, str]:
    return render_html(report), render_markdown(report)


def test_the_evidence_comes_before_what_is_concluded_from_it(report: Report) -> None:
    for text in both(judged(report)):
        assert 0 < text.index("12 people walked") < text.index("One page from Wikipedia supports")


def test_evidence_is_shown_with_its_source_and_dates(report: Report) -> None:
    page = render_html(judged(report))
    assert 'href="https://example.org/moon"' in page
    assert "2020-02-03, found in Wikipedia on 2024-05-01, similarity 0.81" in page


def test_the_words_that_were_cited_are_marked(report: Report) -> None:
    cited = evidence(quote="12 PEOPLE walked on the moon")
    page = render_html(judged(report, evidence=(cited,)))
    assert "In all, <mark>12 people walked on the Moon</mark>, the last" in page


def test_what_settles_nothing_is_folded_away(report: Report) -> None:
    others = tuple(evidence(stance="related", passage=f"Passage {n}.") for n in range(2))
    page = render_html(judged(report, evidence=(evidence(), *others)))
    folded = page.partition("<details><summary>2 passages that settle nothing")[2]
    assert "Passage 0." in folded.partition("</details>")[0]


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("comparison", "97% of such findings were right"),
        ("openai/gpt-x", "it calls itself 97% sure, which nobody has measured"),
    ],
)
def test_confidence_is_told_with_its_meaning(method: str, words: str, report: Report) -> None:
    for text in both(judged(report, method=method)):
        assert words in text
    for text in both(judged(report, method=method, confidence=None)):
        assert words not in text


def test_a_claim_of_several_things_shows_each_of_them(report: Report) -> None:
    parts = (
        Part(text="They walked.", label=Label.SUPPORTED),
        Part(text="They ran.", label=Label.REFUTED),
    )
    for text in both(judged(report, label=Label.REFUTED, parts=parts)):
        assert "They ran." in text


def test_a_verdict_of_before_says_when_and_where(report: Report) -> None:
    earlier = Earlier(title="Other talk", url="https://example.org/other")
    for text in both(judged(report, earlier=earlier)):
        assert "Checked before, on 2024-05-01, in" in text
        assert "Other talk" in text


def test_an_abstract_names_its_author_and_leads_to_what_was_said(report: Report) -> None:
    quote = Quote.of(report.transcript.segments[1])
    told = report.model_copy(
        update={
            "abstract": (Cited(text="They argue <about> it.", quotes=(quote,)),),
            "models": {"summary": "openai/gpt-x"},
        }
    )
    page, text = both(told)
    assert "They argue &lt;about&gt; it." in page
    for rendered in (page, text):
        assert "In the words of openai/gpt-x" in rendered.replace("\\", "")
    assert f'href="#s{quote.segment}"' in page or report.source.at(quote.start) in page


def test_what_was_done_in_another_way_stands_at_the_top(report: Report) -> None:
    noted = report.model_copy(update={"notes": ("Evidence: Wikipedia could not be reached.",)})
    for text in both(noted):
        assert "Done in another way than asked" in text
        assert text.index("could not be reached") < text.index("Summary")


def test_sources_that_were_asked_are_named(report: Report) -> None:
    asked = report.model_copy(update={"sources": ("your documents", "Wikipedia")})
    for text in both(asked):
        assert "Evidence was sought in your documents, Wikipedia" in text


def test_undecided_claims_are_no_claim_reviews(report: Report) -> None:
    undecided = judged(report, label=Label.NOT_ENOUGH_EVIDENCE, confidence=None)
    assert json.loads(render_jsonld(undecided)) == []
    assert "application/ld+json" not in render_html(undecided)


def test_a_claim_review_cannot_end_the_script_it_stands_in(report: Report) -> None:
    hostile = "</script><script>alert(1)</script>"
    page = render_html(judged(report, explanation=hostile))
    assert "<script>alert" not in page
    embedded = page.partition('<script type="application/ld+json">')[2].partition("</script>")[0]
    (review,) = json.loads(embedded)
    assert review["reviewRating"]["ratingExplanation"] == hostile
    assert review["citation"] == [
        {
            "@type": "CreativeWork",
            "name": "Moon landing",
            "text": PASSAGE,
            "url": "https://example.org/moon",
            "datePublished": "2020-02-03",
        }
    ]


@pytest.mark.parametrize(
    ("label", "rating"), [(Label.SUPPORTED, 5), (Label.CONFLICTING, 3), (Label.REFUTED, 1)]
)
def test_ratings_go_from_false_to_true(label: Label, rating: int, report: Report) -> None:
    (review,) = json.loads(render_jsonld(judged(report, label=label)))
    assert review["reviewRating"]["ratingValue"] == rating
    assert review["reviewRating"]["alternateName"] == label
