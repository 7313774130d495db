"""report.md."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ultimate_discord_intelligence_bot.briefing import render_markdown
from ultimate_discord_intelligence_bot.briefing.markdown import escape
from ultimate_discord_intelligence_bot.briefing.wording import clock, one_line
from ultimate_discord_intelligence_bot.models.media import Source
from ultimate_discord_intelligence_bot.models.report import Report

_HOSTILE = "[click](javascript:alert(1)) <img src=x onerror=alert(1)> | *a* `b` &lt; # $x$ www.x.y"


def test_it_reads_from_summary_to_method(report: Report) -> None:
    text = render_markdown(report)
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings == [
        "# Briefing: People or robots: who should explore Mars?",
        "## Summary",
        "## Key points",
        "## Chapters",
        "## Claims",
        "## Contradictions",
        "## Possible fallacies",
        "## Perspectives",
        "## Trust signals",
        "## Sentiment",
        "## Emotions",
        "## Names",
        "## What is missing",
        "## How this briefing was made",
    ]
    assert "✗ **Refuted.**" in text
    assert "Evidence, refutes: [0:42](file://" in text
    assert "Topics by speaking time: Mars (60%)." in text
    assert "The transcript comes from human captions, 29 sentences, language en." in text


def test_a_depth_without_verdicts_says_so(plain: Report) -> None:
    text = render_markdown(plain)
    assert "Not checked at this depth (standard). Run again with --depth deep" in text
    assert "Run again with --depth comprehensive" in text
    assert "Supported" not in text


def test_what_is_missing_is_named_at_the_top_and_explained(incomplete: Report) -> None:
    text = render_markdown(incomplete)
    assert text.index("This briefing is incomplete") < text.index("## Key points")
    assert "**sentiment**: The sentiment model is damaged. Install again." in text
    assert "_Missing: The sentiment model is damaged._" in text


def test_quotes_left_out_are_counted(report: Report) -> None:
    text = render_markdown(report.model_copy(update={"unfounded": 2}))
    assert "2 findings were left out" in text


def test_machine_transcripts_carry_a_warning(report: Report) -> None:
    heard = report.transcript.model_copy(update={"origin": "speech recognition", "model": "small"})
    text = render_markdown(report.model_copy(update={"transcript": heard}))
    assert "(model small)" in text
    assert "listen before you quote" in text


def test_only_web_and_file_addresses_become_links(debate: Any) -> None:
    source = Source(id="debate", url="javascript:alert(1)//", title=_HOSTILE, platform="x")
    text = render_markdown(debate.found_at(source).report())
    html = MarkdownIt("commonmark").enable("table").render(text)
    assert "<img" not in html
    assert 'href="javascript' not in html.lower()


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from([*"\\`*_[]<>|~$&!#()", "www.", "http://a.b", "&amp;", "--", "1."])
        | st.text(max_size=5),
        max_size=10,
    ).map("".join)
)
def test_escaped_text_is_read_as_itself(text: str) -> None:
    document = MarkdownIt("commonmark").parse(f"- “{escape(text)}”")
    inline = [token for token in document if token.type == "inline"]
    assert len(inline) == 1
    children = inline[0].children or []
    assert {child.type for child in children} <= {"text"}
    assert "".join(child.content for child in children) == f"“{one_line(text)}”"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0:00"),
        (9.99, "0:09"),
        (83, "1:23"),
        (3723.4, "1:02:03"),
        (-1, "0:00"),
        (float("nan"), "0:00"),
        (float("inf"), "0:00"),
    ],
)
def test_times_are_written_as_readers_write_them(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


def test_what_a_reader_must_know_about_the_transcript_stands_at_the_top(report: Report) -> None:
    noted = report.transcript.model_copy(update={"notes": ("They end after 2 of 60 minutes.",)})
    text = render_markdown(report.model_copy(update={"transcript": noted}))
    assert text.index("They end after 2 of 60 minutes.") < text.index("## Key points")


def test_words_that_were_only_roughly_heard_are_not_shown_as_quotes(plain: Report) -> None:
    rough = plain.transcript.model_copy(
        update={"origin": "low-accuracy speech recognition", "notes": ("It hissed.",)}
    )
    text = render_markdown(plain.model_copy(update={"transcript": rough}))
    assert "“" not in text.replace("See “What is missing”", "")
    assert "≈ " in text
    assert "It hissed." in text
    assert "verbatim" not in text
