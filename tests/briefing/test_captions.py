"""transcript.vtt."""

from __future__ import annotations

import html
import io
from typing import Any

import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st

from ultimate_discord_intelligence_bot.briefing import render_webvtt
from ultimate_discord_intelligence_bot.briefing.wording import one_line
from ultimate_discord_intelligence_bot.models.report import Report
from ultimate_discord_intelligence_bot.models.transcript import Segment, Transcript

_PIECES = st.sampled_from(
    [
        *("-->", "<v Eve>", "</v>", "&amp;", "&", "<", ">", "NOTE", "WEBVTT", "STYLE"),
        *("\n\n", "\r", "\x00", "\u2028", "\x85", "00:00:01.000 --> 00:00:02.000", "word", "1"),
    ]
)
_TEXTS = st.lists(_PIECES | st.text(max_size=8), max_size=8).map(" ".join)


def _read(text: str) -> list[Any]:
    captions: list[Any] = webvtt.from_buffer(io.StringIO(text)).captions
    return captions


def _with(report: Report, segments: list[Segment]) -> Report:
    info = Transcript(origin="human captions", language="en", model=None, segments=tuple(segments))
    return report.model_copy(update={"transcript": info})


def test_the_sample_keeps_words_speakers_and_times(report: Report) -> None:
    for caption, segment in zip(
        _read(render_webvtt(report)), report.transcript.segments, strict=True
    ):
        assert html.unescape(caption.text) == segment.text
        assert caption.voice == segment.speaker
        assert caption.start_time.in_milliseconds() == round(segment.start * 1000)
        assert caption.end_time.in_milliseconds() == round(segment.end * 1000)


@settings(max_examples=150, deadline=None)
@given(data=st.lists(st.tuples(_TEXTS, st.none() | _TEXTS), min_size=1, max_size=5))
def test_any_transcript_survives_the_way_there_and_back(
    report: Report, data: list[tuple[str, str | None]]
) -> None:
    segments = [
        Segment(index=n, start=n * 4000.5, end=n * 4000.5 + 3, text=text, speaker=speaker)
        for n, (text, speaker) in enumerate(data)
    ]
    written = render_webvtt(_with(report, segments))
    expected = [
        (one_line(segment.text), one_line(segment.speaker or "") or None)
        for segment in segments
        if one_line(segment.text)
    ]
    read = [
        (html.unescape(caption.text), html.unescape(caption.voice) if caption.voice else None)
        for caption in _read(written)
    ]
    assert read == expected


def test_a_cue_always_lasts(report: Report) -> None:
    segments = [Segment(index=0, start=5.0, end=5.0, text="No time.")]
    (caption,) = _read(render_webvtt(_with(report, segments)))
    assert caption.end_time.in_milliseconds() > caption.start_time.in_milliseconds()
