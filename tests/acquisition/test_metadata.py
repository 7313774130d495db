"""What a site says about a recording is text of strangers."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultimate_discord_intelligence_bot.acquisition.language import language_tag
from ultimate_discord_intelligence_bot.acquisition.metadata import described
from ultimate_discord_intelligence_bot.models.media import Source

LINK = "https://youtu.example/watch?v=1"


def source(**info: Any) -> Source:
    return Source(id="1", **described(info, LINK))


def chapter(title: Any, start: Any, end: Any) -> dict[str, Any]:
    return {"title": title, "start_time": start, "end_time": end}


def test_everything_that_a_site_tells_is_kept() -> None:
    found = source(
        title="A talk",
        webpage_url="https://Example.org/talk?utm_source=x",
        extractor="example:talk",
        extractor_key="ExampleTalk",
        uploader="Ada",
        release_date="20260131",
        duration=60.5,
        language="pt_br",
        description="One.\r\nTwo.",
        thumbnail="https://example.org/a.jpg",
        chapters=[chapter("Start", 0, 30), chapter("End", 30, 60.5)],
    )
    assert found.url == "https://example.org/talk"
    assert (found.extractor, found.platform, found.uploader) == (
        "example:talk",
        "exampletalk",
        "Ada",
    )
    assert (str(found.published), found.duration, found.language) == ("2026-01-31", 60.5, "pt-BR")
    assert found.description == "One.\nTwo."
    assert found.thumbnail == "https://example.org/a.jpg"
    assert [(c.title, c.start, c.end) for c in found.chapters] == [
        ("Start", 0, 30),
        ("End", 30, 60.5),
    ]


def test_a_recording_without_a_word_about_it_is_named_by_its_link() -> None:
    assert source().title == source().url == LINK


@pytest.mark.parametrize(
    ("info", "url"),
    [
        ({"webpage_url": "javascript:alert(1)"}, LINK),
        ({"webpage_url": "https://user:secret@example.org/"}, LINK),
        ({"webpage_url": 7}, LINK),
        ({"webpage_url": "https://example.org/a.mp3?sig=1&expires=2", "direct": True}, LINK),
        (
            {"webpage_url": "https://youtu.example/b.mp3?v=1", "direct": True},
            "https://youtu.example/b.mp3?v=1",
        ),
    ],
)
def test_only_a_clean_link_becomes_the_address(info: dict[str, Any], url: str) -> None:
    assert source(**info).url == url


@pytest.mark.parametrize("picture", ["data:image/png;base64,AA", "file:///etc/passwd", "//x", 5])
def test_only_pictures_of_the_web_are_named(picture: object) -> None:
    assert source(thumbnail=picture).thumbnail is None


def test_what_cannot_be_seen_is_taken_out() -> None:
    found = source(
        title="Safe\u202egnp.exe\x00 \n \x1b[31mtitle\ud800",
        uploader="\u200f\u2066",
        description="a\u2028b\n\nc\x07",
    )
    assert found.title == "Safegnp.exe [31mtitle"
    assert found.uploader is None
    assert found.description == "ab\n\nc"


def test_chapters_are_put_in_order_and_inside_the_recording() -> None:
    found = source(
        duration=100,
        chapters=[
            chapter("Third", 50, 1000),
            chapter("First", 0, 40),
            chapter("Second", 20, 50),
            chapter("Late", 100, 110),
            chapter("Never", math.nan, 3),
            chapter("Before", -5, 3),
            chapter("", 1, 2),
            chapter("Backwards", 60, 55),
        ],
    )
    assert [(c.title, c.start, c.end) for c in found.chapters] == [
        ("First", 0, 20),
        ("Second", 20, 50),
        ("Third", 50, 60),
    ]


@pytest.mark.parametrize("duration", [0, -1, math.inf, math.nan, "12", True, 1e12, None])
def test_a_duration_that_cannot_be_is_none(duration: object) -> None:
    assert source(duration=duration).duration is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["title", "start_time", "end_time", "x"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
FIELDS = [
    "title",
    "webpage_url",
    "extractor",
    "extractor_key",
    "uploader",
    "channel",
    "release_date",
    "upload_date",
    "duration",
    "language",
    "description",
    "thumbnail",
    "chapters",
    "direct",
    "id",
]


@given(st.dictionaries(st.sampled_from(FIELDS), VALUES))
def test_whatever_a_site_says_becomes_a_source(info: dict[str, Any]) -> None:
    found = source(**info)
    assert found.title
    assert len(found.title) <= 500
    ends = [0.0, *(moment for c in found.chapters for moment in (c.start, c.end))]
    assert ends == sorted(ends)
    Source.model_validate_json(found.model_dump_json())


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("en", "en"),
        ("EN-us", "en-US"),
        ("eng", "en"),
        ("zh_hans_cn", "zh-Hans-CN"),
        ("es-419", "es-419"),
        ("en-nP7-2PuUl7o", "en"),
        ("de-x-private", "de"),
        ("und", None),
        ("", None),
        ("english", None),
        ("e", None),
        (None, None),
        (7, None),
        ("en" * 100, None),
    ],
)
def test_language_tags(text: object, tag: str | None) -> None:
    assert language_tag(text) == tag
    assert language_tag(tag) == tag
