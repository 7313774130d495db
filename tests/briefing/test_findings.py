"""What the deeper analysts found, in the briefing: proven, linked, worded with care."""

from __future__ import annotations

import re
from typing import Any

from ultimate_discord_intelligence_bot.briefing import render_html, render_markdown
from ultimate_discord_intelligence_bot.models.analysis import (
    Claims,
    Entities,
    Entity,
    Fallacies,
    Perspectives,
    Quote,
    Signal,
    Summary,
    TrustSignals,
)
from ultimate_discord_intelligence_bot.models.report import Missing, Report

INVENTED = Quote(text="Nobody said this.", segment=1, start=0.0, end=1.0, speaker="Ruth")


class TestProof:
    def test_an_honest_report_loses_nothing(self, debate: Any) -> None:
        report = debate.report()

        assert report.unfounded == 0
        assert [len(part or ()) for part in (report.summary, report.fallacies)] == [2, 2]
        assert len(report.positions or ()) == 2
        assert len(report.exchanges or ()) == 1

    def test_an_invented_quote_is_left_out_wherever_it_stands(self, debate: Any) -> None:
        positions, (exchange,) = debate.perspectives.positions, debate.perspectives.exchanges
        half = positions[0].model_copy(update={"quotes": (INVENTED, *positions[0].quotes)})
        none = positions[1].model_copy(update={"quotes": (INVENTED,)})
        claim = debate.claims.claims[0].model_copy(
            update={"context": (INVENTED,), "repeats": (INVENTED, debate.quote("twelve"))}
        )
        signal = Signal(name="x", count=1, of=1, explanation="x", examples=(INVENTED,))
        report = debate.report(
            summary=Summary(sentences=(INVENTED,)),
            perspectives=Perspectives(
                positions=(half, none),
                exchanges=(exchange.model_copy(update={"second": INVENTED}),),
            ),
            entities=Entities(
                entities=(Entity(name="x", kind="other", mentions=(INVENTED,)),), figures=()
            ),
            signals=TrustSignals(signals=(signal,)),
            claims=Claims(claims=(claim,), threshold=0.5),
        )

        assert report.summary == ()
        assert [p.speaker for p in report.positions or ()] == ["Daniel"]
        assert [len(p.quotes) for p in report.positions or ()] == [2]
        assert report.exchanges == ()
        assert report.entities == ()
        assert [s.examples for s in report.signals or ()] == [()]
        assert report.claims is not None
        assert report.claims[0].item.context == ()
        assert len(report.claims[0].item.repeats) == 1
        assert report.unfounded == 8

    def test_a_passage_of_several_sentences_is_compared_as_a_whole(self, debate: Any) -> None:
        (fallacy, *_) = debate.fallacies.fallacies
        text = " ".join(s.text for s in debate.segments[3:5])
        whole = fallacy.model_copy(update={"segment": 3, "last": 4, "text": text})
        wrong = fallacy.model_copy(update={"segment": 3, "last": 5, "text": text + " and more"})
        outside = fallacy.model_copy(update={"segment": 3, "last": 999})

        report = debate.report(
            fallacies=Fallacies(fallacies=(whole, wrong, outside), threshold=0.8)
        )

        assert [linked.item for linked in report.fallacies or ()] == [whole]
        assert report.unfounded == 2


class TestPage:
    def test_every_part_has_its_place(self, debate: Any) -> None:
        page = render_html(debate.report())

        for title in (
            "Summary",
            "Possible fallacies",
            "Perspectives",
            "Trust signals",
            "Emotions",
            "Names and figures",
        ):
            assert f">{title}</h2>" in page
        ids = re.findall(r'id="([^"]+)"', page)
        assert len(ids) == len(set(ids))
        assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)

    def test_a_fallacy_is_worded_with_care_and_marked_in_the_transcript(self, debate: Any) -> None:
        page = render_html(debate.report())

        assert "may be slippery slope, 87% sure" in page
        assert "Listen before you judge" in page
        assert page.count('class="seg doubt"') == 2
        assert 'href="#fallacy-1"' in page

    def test_what_was_not_looked_for_is_said_once(self, debate: Any) -> None:
        page = render_html(debate.report("standard"))
        text = render_markdown(debate.report("standard"))

        for shown in (page, text):
            assert shown.count("possible fallacies, perspectives, trust signals") == 1
            assert "Possible fallacies" not in shown

    def test_what_failed_is_said_in_its_place(self, debate: Any) -> None:
        gone = Missing(stage="fallacies", reason="It broke.", remedy="Run again.")

        report = debate.report(fallacies=None, missing=(gone,))

        assert "Missing: It broke." in render_html(report)
        assert "Missing: It broke." in render_markdown(report).replace("\\", "")

    def test_emotions_are_drawn_with_a_text_for_each(self, debate: Any) -> None:
        page = render_html(debate.report())

        assert 'aria-label="Fear over time, up to 50 percent"' in page
        assert 'aria-label="Joy over time, up to 20 percent"' in page
        assert "Neutral over time" not in page

    def test_many_names_are_folded(self, debate: Any) -> None:
        said = (debate.quote("twelve"),)
        many = tuple(Entity(name=f"Name {n}", kind="place", mentions=said) for n in range(40))

        page = render_html(debate.report(entities=Entities(entities=many, figures=())))

        assert "<summary>28 more</summary>" in page
        assert "Name 39" in page

    def test_a_claim_shows_what_it_leans_on_and_when_it_was_said_again(self, debate: Any) -> None:
        claim = debate.claims.claims[0].model_copy(
            update={"context": (debate.quote("slope"),), "repeats": (debate.quote("novels"),)}
        )

        report = debate.report(claims=Claims(claims=(claim,), threshold=0.5))

        assert 'class="context"' in render_html(report)
        assert "also said at" in render_html(report)
        assert "Before it: " in render_markdown(report)
        assert "Also said at [" in render_markdown(report)


def test_hostile_names_stay_text(debate: Any) -> None:
    evil = "<script>alert(1)</script>[x](javascript:alert(1))"
    said = (debate.quote("twelve"),)
    (position, *_) = debate.perspectives.positions
    report = debate.report(
        entities=Entities(
            entities=(Entity(name=evil, kind="person", aliases=(evil,), mentions=said),),
            figures=(),
        ),
        perspectives=Perspectives(
            positions=(position.model_copy(update={"topic": evil}),), exchanges=()
        ),
    )

    page, text = render_html(report), render_markdown(report)

    assert "<script>alert" not in page
    assert "[x](javascript" not in text
    assert "<script>" not in text


def test_old_reports_are_still_read(debate: Any) -> None:
    kept = debate.report().model_dump(mode="json")
    new = "summary fallacies positions exchanges emotions emotion_timeline emotion_peaks entities"
    old = {name: value for name, value in kept.items() if name not in f"{new} figures signals"}

    report = Report.model_validate(old | {"schema_version": "1.0"})

    assert report.fallacies is None
    assert "Possible fallacies" not in render_html(report)
