"""WebVTT, SubRip, json3 and TTML: what goes in as captions comes out as speech."""

from __future__ import annotations

import html
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.clarity import assert_clear
from ultimate_discord_intelligence_bot.errors import BadCaptions
from ultimate_discord_intelligence_bot.transcription.captions import read_captions
from ultimate_discord_intelligence_bot.transcription.cue import Cue
from ultimate_discord_intelligence_bot.transcription.sentences import segments

LONGEST = 12 * 3600.0
once = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

Captions = list[tuple[int, int, str]]
"""Start and end in milliseconds, and the text."""


def read(folder: Path, content: str | bytes) -> list[Cue]:
    path = folder / "talk"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_captions(path, LONGEST)


def _clock(milliseconds: int, point: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{rest:03}"


def as_vtt(captions: Captions) -> str:
    cues = (f"{_clock(a, '.')} --> {_clock(b, '.')}\n{html.escape(t)}\n" for a, b, t in captions)
    return "WEBVTT\n\n" + "\n".join(cues)


def as_srt(captions: Captions) -> str:
    return "\n".join(
        f"{n}\n{_clock(a, ',')} --> {_clock(b, ',')}\n{html.escape(t)}\n"
        for n, (a, b, t) in enumerate(captions, 1)
    )


def as_json3(captions: Captions) -> str:
    """Every word with its own time."""
    events = []
    for start, end, text in captions:
        words = text.split(" ")
        step = (end - start) // len(words)
        segs = [
            {"utf8": f" {word}" if n else word, "tOffsetMs": n * step}
            for n, word in enumerate(words)
        ]
        events.append({"tStartMs": start, "dDurationMs": end - start, "segs": segs})
    return json.dumps({"wireMagic": "pb3", "events": events})


def as_ttml(captions: Captions) -> str:
    ps = (f'<p begin="{a}ms" end="{b / 1000}s">{html.escape(t)}</p>' for a, b, t in captions)
    return f'<tt xmlns="http://www.w3.org/ns/ttml"><body><div>{"".join(ps)}</div></body></tt>'


FORMATS = [as_vtt, as_srt, as_json3, as_ttml]

_word = st.text(st.characters(categories=["L"]), min_size=1, max_size=6)
_captions = st.lists(
    st.tuples(
        st.integers(0, 600_000), st.integers(1, 9_000), st.lists(_word, min_size=1, max_size=5)
    ),
    min_size=1,
    max_size=8,
)


@pytest.mark.parametrize("write", FORMATS)
@given(drawn=_captions)
@once
def test_all_words_come_back_in_order_of_time(
    tmp_path: Path, write: Callable[[Captions], str], drawn: list[tuple[int, int, list[str]]]
) -> None:
    # A number makes every word different: what is shown twice is otherwise said once.
    captions = [
        (start, start + length, " ".join(f"{word}{n}" for word in words))
        for n, (start, length, words) in enumerate(drawn)
    ]
    found = read(tmp_path, write(captions))
    ordered = sorted(captions, key=lambda caption: caption[0])
    assert " ".join(cue.text for cue in found) == " ".join(text for _, _, text in ordered)
    last = 0.0
    for cue in found:
        assert last <= cue.start <= cue.end
        last = cue.end
    assert {round(cue.start * 1000) for cue in found} >= {start for start, _, _ in captions}
    assert found[-1].end <= max(end for _, end, _ in captions) / 1000 + 1e-6


_any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["tStartMs", "dDurationMs", "segs", "utf8", "tOffsetMs", "aAppend"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)
_attributes = st.dictionaries(
    st.sampled_from(
        ["begin", "end", "dur", "timeContainer", "color", "style", "xml:space", "agent"]
    ),
    st.sampled_from(["1s", "00:00:01:12", "-1s", "9" * 40 + "s", "seq", "a", "", "preserve", "5t"]),
    max_size=3,
).map(lambda given: "".join(f' {key}="{value}"' for key, value in given.items()))
_any_xml = st.recursive(
    st.text("ab <>&\n\x01", max_size=6).map(html.escape) | st.text("a<&", max_size=3),
    lambda inner: st.builds(
        lambda tag, given, inside: f"<{tag}{given}>{''.join(inside)}</{tag}>",
        st.sampled_from(["p", "span", "div", "br", "agent", "name", "style", "metadata"]),
        _attributes,
        st.lists(inner, max_size=3),
    ),
    max_leaves=12,
)


@given(
    _any_json.map(lambda events: json.dumps({"events": events if events else [events]}))
    | st.text(max_size=60).map(lambda text: '{"events": [' + text)
    | _any_xml.map(lambda inside: f"<tt><body>{inside}</body></tt>")
    | st.text(max_size=80).map(lambda text: f"<tt>{text}")
    | st.text("19:,.->\n\r aV", max_size=80)
    | st.binary(max_size=80)
)
@once
def test_whatever_it_is_it_is_read_in_order_or_refused_clearly(
    tmp_path: Path, content: str | bytes
) -> None:
    if isinstance(content, str):
        content = content.encode(errors="replace")
    try:
        cues = read(tmp_path, content)
    except BadCaptions as error:
        assert_clear(error)
        return
    last = 0.0
    for cue in cues:
        assert last <= cue.start <= cue.end < LONGEST * 2
        last = cue.end
    for segment in segments(cues):
        segment.model_dump_json()


# -- json3 ----------------------------------------------------------------------------------------


def json3(*events: dict[str, Any]) -> str:
    return json.dumps({"events": events})


def test_words_keep_the_times_that_json3_gives_them(tmp_path: Path) -> None:
    segs = [
        {"utf8": "so"},
        {"utf8": " today", "tOffsetMs": 500},
        {"utf8": " now", "tOffsetMs": 9000},
    ]
    found = read(tmp_path, json3({"tStartMs": 1000, "dDurationMs": 10_000, "segs": segs}))
    assert [(cue.text, cue.start) for cue in found] == [("so", 1.0), ("today", 1.5), ("now", 10.0)]
    assert found[1].end == 3.5, "what follows a word is a pause"


def test_webvtt_gives_words_the_same_times(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "WEBVTT\n\n00:01.000 --> 00:11.000\n"
        "so<00:00:01.500><c> today</c><00:00:10.000><c> now</c>\n",
    )
    assert [(cue.text, cue.start) for cue in found] == [("so", 1.0), ("today", 1.5), ("now", 10.0)]


def test_times_that_make_no_sense_are_passed_over(tmp_path: Path) -> None:
    segs = [{"utf8": "a", "tOffsetMs": True}, {"utf8": " b", "tOffsetMs": -5}, {"utf8": " c"}]
    (cue,) = read(
        tmp_path,
        json3(
            {"tStartMs": 10**400, "segs": segs}, {"tStartMs": -1000, "dDurationMs": 1, "segs": segs}
        ),
    )
    assert (cue.text, cue.start) == ("a b c", 0.0)


# -- TTML -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rates", "begin", "seconds"),
    [
        ("", "01:00:00", 3600.0),
        ("", "00:00:01.25", 1.25),
        ("", "12.5s", 12.5),
        ("", "1.5m", 90.0),
        ("", "0.5h", 1800.0),
        ("", "250ms", 0.25),
        ("", "3t", 3.0),
        ('ttp:tickRate="10"', "25t", 2.5),
        ('ttp:frameRate="25"', "00:00:01:05", 1.2),
        ('ttp:frameRate="25"', "50f", 2.0),
        ('ttp:frameRate="25"', "50t", 2.0),
        ('ttp:frameRate="30" ttp:frameRateMultiplier="1000 1001"', "30f", 1.001),
        ('ttp:frameRate="24" ttp:frameRateMultiplier="999:1000"', "0:0:0:12", 0.5005),
        ('ttp:frameRate="0" ttp:tickRate="-3"', "30f", 1.0),
    ],
)
def test_every_way_to_write_a_time(tmp_path: Path, rates: str, begin: str, seconds: float) -> None:
    (cue,) = read(
        tmp_path,
        f'<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter" '
        f'{rates}><body><div><p begin="{begin}" dur="1s">Hi.</p></div></body></tt>',
    )
    assert cue.start == pytest.approx(seconds, abs=0.001)
    assert cue.end == pytest.approx(seconds + 1, abs=0.001)


@pytest.mark.parametrize("prefix", ["", "tt:", "x-1:"])
@pytest.mark.parametrize("space", ["ns/ttml", "2006/04/ttaf1", "2006/10/ttaf1", "some/future"])
def test_namespaces_of_any_version(tmp_path: Path, prefix: str, space: str) -> None:
    name = f"xmlns:{prefix[:-1]}" if prefix else "xmlns"
    p = prefix
    (cue,) = read(
        tmp_path,
        f'<{p}tt {name}="http://www.w3.org/{space}"><{p}body><{p}div><{p}p begin="1s" end="2s">'
        f"One<{p}br/>two</{p}p></{p}div></{p}body></{p}tt>",
    )
    assert cue == Cue(1.0, 2.0, "One two")


def test_annotations_are_not_said(tmp_path: Path) -> None:
    (cue,) = read(
        tmp_path,
        '<tt xmlns:tts="#s"><body><div><p begin="1s" end="2s"><span tts:ruby="container">'
        '<span tts:ruby="base">東京</span><span tts:ruby="text">とうきょう</span></span></p></div>'
        "</body></tt>",
    )
    assert cue.text == "東京"


# -- bounds ---------------------------------------------------------------------------------------

_HEAD = "WEBVTT\n\n00:00.000 --> 10:00:00.000\n"
_TTML = '<tt><body><div><p begin="0s" end="9h">'


@pytest.mark.parametrize(
    "content",
    [
        _HEAD + "[music " * 150_000,
        _HEAD + "[" + "music " * 150_000,
        _HEAD + "♪" * 1_000_000,
        _HEAD + "<v" + " " * 1_000_000,
        _HEAD + "&#" + "1" * 1_000_000,
        _HEAD + "[x] " * 250_000 + "y",
        _HEAD + "a\n" * 500_000,
        '{"events":[' + "[" * 1_000_000,
        '{"events":[' + '{"a":' * 200_000,
        '{"events":[' + "{}," * 300_000 + "{}]}",
        _TTML + "<p>" * 300_000,
        _TTML + "<br/>" * 200_000 + "</p></div></body></tt>",
        "<tt " + " ".join(f'a{n}="1"' for n in range(80_000)) + "/>",
        "<!--" * 250_000,
    ],
    ids=lambda content: content[-12:],
)
def test_a_megabyte_made_to_exhaust_costs_little(tmp_path: Path, content: str) -> None:
    began = time.process_time()
    try:
        read(tmp_path, content)
    except BadCaptions as error:
        assert_clear(error)
    assert time.process_time() - began < 5, "far above what is measured, far below quadratic"


def test_more_words_than_anybody_can_say(tmp_path: Path) -> None:
    with pytest.raises(BadCaptions, match="more than can be said") as caught:
        read(tmp_path, _HEAD + "a " * 600_000)
    assert_clear(caught.value)
