"""Caption files as people and sites write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.clarity import assert_clear
from ultimate_discord_intelligence_bot.errors import BadCaptions
from ultimate_discord_intelligence_bot.transcription.captions import read_captions
from ultimate_discord_intelligence_bot.transcription.cue import Cue

LONGEST = 12 * 3600.0


def read(folder: Path, content: str | bytes, name: str = "talk.vtt") -> list[Cue]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_captions(path, LONGEST)


def vtt(*cues: str) -> str:
    """One cue of two seconds after another."""
    timed = (f"00:{2 * n:02}.000 --> 00:{2 * n + 2:02}.000\n{text}" for n, text in enumerate(cues))
    return "WEBVTT\n\n" + "\n\n".join(timed) + "\n"


def said(cues: list[Cue]) -> list[str]:
    return [cue.text for cue in cues]


def spoken(cues: list[Cue]) -> list[tuple[str | None, str]]:
    return [(cue.speaker, cue.text) for cue in cues]


# -- formats and encodings ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "WEBVTT\n\n00:01.000 --> 00:02.500\nHello\nthere\n",
        "WEBVTT - a title\nKind: captions\n\nNOTE hm\n\nid\n00:00:01.000 --> 00:00:02.500 "
        "align:start\nHello\nthere\n",
        "1\n00:00:01,000 --> 00:00:02,500\nHello\nthere\n",
        "\n\n1 \r\n00:00:01,000 --> 00:00:02,500 \r\nHello\r\nthere\r\n",
        "00:00:01,000 --> 00:00:02,500\nHello\nthere\n",
        "WEBVTT\n\n00:01,000 --> 00:02,500\nHello\nthere\n",
    ],
)
def test_webvtt_and_subrip_with_their_usual_slips(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == [Cue(1.0, 2.5, "Hello there")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_is_read(tmp_path: Path, encoding: str) -> None:
    assert said(read(tmp_path, vtt("Café — žluťoučký 東京").encode(encoding))) == [
        "Café — žluťoučký 東京"
    ]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1250", "utf-16-le", "utf-32", "shift-jis"])
def test_another_encoding_is_refused_and_never_guessed(tmp_path: Path, encoding: str) -> None:
    text = vtt("東京" if encoding == "shift-jis" else "Café")
    with pytest.raises(BadCaptions, match="UTF-8") as caught:
        read(tmp_path, text.encode(encoding))
    assert_clear(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"WEBVTT\n",
        b"Dear diary",
        b"1\nnot a time --> neither\nHello\n",
        b"WEBVTT\n\n00:01.000 --> 00:02.000\nHello\0\n",
        bytes(range(256)) * 20,
        b"WEBVTT\n\n99:00:00.000 --> 99:00:01.000\nLate\n",
        b"WEBVTT\n\n00:01.000 --> 00:02.000\na\n\nx --> y\nb\n\nx --> y\nc\n",
    ],
)
def test_what_is_no_caption_file_is_refused(tmp_path: Path, content: bytes) -> None:
    for name in ("talk.vtt", "talk.srt"):
        with pytest.raises(BadCaptions) as caught:
            read(tmp_path, content, name)
        assert_clear(caught.value)


def test_a_huge_file_is_refused_without_reading_it_all(tmp_path: Path) -> None:
    path = tmp_path / "huge.vtt"
    with path.open("wb") as file:
        file.write(b"WEBVTT\n\n")
        file.truncate(10**12)
    with pytest.raises(BadCaptions, match="too large") as caught:
        read_captions(path, LONGEST)
    assert_clear(caught.value)


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda t: ("WEBVTT\n\n" + t).encode()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_give_ordered_cues_or_a_clear_error(tmp_path: Path, content: bytes) -> None:
    try:
        cues = read(tmp_path, content)
    except BadCaptions as error:
        assert_clear(error)
    else:
        assert_in_order(cues)


# -- times ----------------------------------------------------------------------------------------


def assert_in_order(cues: list[Cue]) -> None:
    last = 0.0
    for cue in cues:
        assert last <= cue.start <= cue.end
        last = cue.end


_times = st.floats(0, 4000).map(lambda t: round(t, 3))
_texts = st.text(st.characters(codec="utf-8", categories=["L"]), min_size=1, max_size=8)


def _stamp(seconds: float) -> str:
    whole = round(seconds * 1000)
    return f"{whole // 3600000:02}:{whole // 60000 % 60:02}:{whole // 1000 % 60:02}." + (
        f"{whole % 1000:03}"
    )


@given(st.lists(st.tuples(_times, _times, _texts), min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cues_in_any_order_come_out_in_order_of_time_and_complete(
    tmp_path: Path, cues: list[tuple[float, float, str]]
) -> None:
    body = "\n\n".join(f"{_stamp(a)} --> {_stamp(b)}\n{text}" for a, b, text in cues)
    found = read(tmp_path, f"WEBVTT\n\n{body}\n")
    assert_in_order(found)
    assert sorted(said(found)) == sorted(text for _, _, text in set(cues))
    starts = {start for start, _, _ in cues}
    assert {cue.start for cue in found} >= {round(start, 3) for start in starts}


def test_negative_and_backward_times_are_mended(tmp_path: Path) -> None:
    text = "WEBVTT\n\n-00:00:01.000 --> 00:00:01.000\nFirst\n\n00:05.000 --> 00:03.000\nSecond\n"
    assert read(tmp_path, text) == [Cue(0.0, 1.0, "First"), Cue(5.0, 5.0, "Second")]


def test_a_cue_that_never_ends_is_ended(tmp_path: Path) -> None:
    (cue,) = read(tmp_path, "WEBVTT\n\n00:01.000 --> 11:00:00.000\nGood night.\n")
    assert cue.end < 20


def test_cues_that_overlap_are_shortened_and_cues_that_coincide_share(tmp_path: Path) -> None:
    text = (
        "WEBVTT\n\n00:00.000 --> 00:04.000\nfour\n\n00:00.000 --> 00:04.000\nfive\n\n"
        "00:02.000 --> 00:05.000\nlast\n"
    )
    assert read(tmp_path, text) == [Cue(0, 1, "four"), Cue(1, 2, "five"), Cue(2, 5, "last")]


# -- text -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        ("<i>Hello</i> <c.yellow.bg_blue>you</c>", "Hello you"),
        ("so<00:00:00.200><c> today</c>", "so today"),
        (r"{\an8}On top", "On top"),
        ('<font color="red">Red</font>', "Red"),
        ("Tom &amp; Jerry &lt;3 caf&eacute;", "Tom & Jerry <3 café"),
        ("5 < 6 and 7 > 3", "5 < 6 and 7 > 3"),
        ("a\u200bb\u00a0c", "ab c"),
        ("So [Music] it begins [ __ ]", "So it begins [ __ ]"),
        ("Ends in 1999: that is all", "Ends in 1999: that is all"),
    ],
)
def test_markup_goes_and_words_stay(tmp_path: Path, shown: str, text: str) -> None:
    assert " ".join(said(read(tmp_path, vtt(shown)))) == text


def test_descriptions_of_sounds_are_not_speech(tmp_path: Path) -> None:
    found = read(tmp_path, vtt("[Door slams]", "♪ la la ♪", "[Music] [Applause]", "Hello."))
    assert said(found) == ["Hello."]


def test_what_rolling_captions_repeat_is_said_once(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        vtt(
            "so today we", "so today we", "so today we\ntalk about", "talk about", "talk about\nit"
        ),
    )
    assert said(found) == ["so today we", "talk about", "it"]


def test_captions_that_grow_word_by_word_are_said_once(tmp_path: Path) -> None:
    found = read(tmp_path, vtt("one", "one two", "one two three", "one two three four", "five"))
    assert " ".join(said(found)) == "one two three four five"


def test_people_may_repeat_themselves(tmp_path: Path) -> None:
    lines = ["Yes.", "Yes.", "I said yes.", "You said no.", "No.", "No.", "Well."]
    assert said(read(tmp_path, vtt(*lines))) == lines


def test_what_comes_back_after_a_while_is_said_again(tmp_path: Path) -> None:
    refrain = "\n".join(f"0{n}:00.000 --> 0{n}:05.000\nWe all live here.\n" for n in range(9))
    assert len(read(tmp_path, f"WEBVTT\n\n{refrain}")) == 9


# -- speakers -------------------------------------------------------------------------------------


def test_voice_tags_name_the_speaker_of_their_span(tmp_path: Path) -> None:
    found = read(tmp_path, vtt("<v Mary Ann>Hi.\n<v.loud Bob>No!</v> A door slams.", "Silence."))
    assert spoken(found) == [
        ("Mary Ann", "Hi."),
        ("Bob", "No!"),
        (None, "A door slams."),
        (None, "Silence."),
    ]


def test_names_before_a_colon_are_speakers_where_that_is_a_habit(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        vtt(
            "ALICE: Hello.",
            "I am first.",
            "BOB: Hi.\nALICE: How are you?",
            "BOB: Fine.",
            "HOST: Thanks.",
            "Note: nobody left.",
        ),
    )
    assert spoken(found) == [
        ("ALICE", "Hello."),
        ("ALICE", "I am first."),
        ("BOB", "Hi."),
        ("ALICE", "How are you?"),
        ("BOB", "Fine."),
        ("HOST", "Thanks."),
        ("HOST", "Note: nobody left."),
    ]


def test_a_colon_now_and_then_is_no_speaker(tmp_path: Path) -> None:
    lines = ["Question: why?", "He said: because.", "He said: so what?", "He said: no."]
    assert spoken(read(tmp_path, vtt(*lines))) == [(None, line) for line in lines]


def test_chevrons_and_dashes_begin_a_turn(tmp_path: Path) -> None:
    found = read(
        tmp_path, vtt("Good evening. &gt;&gt; Thank you.", "- Really?\n- Yes.", "-5 degrees")
    )
    assert [(cue.text, cue.new_turn) for cue in found] == [
        ("Good evening.", False),
        ("Thank you.", True),
        ("Really?", True),
        ("Yes.", True),
        ("-5 degrees", False),
    ]


def test_a_dash_inside_a_sentence_that_was_wrapped_there_stays(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        vtt(
            "It has one use\n- exploration.", "- Always?", "and then - I mean", "- it went on\n- no"
        ),
    )
    assert [(cue.text, cue.new_turn) for cue in found] == [
        ("It has one use - exploration.", False),
        ("Always?", True),
        ("and then - I mean", False),
        ("it went on", True),
        ("no", True),
    ]


def test_rolling_lines_with_a_dash_are_still_said_once(tmp_path: Path) -> None:
    plain = [f"- line{n} so" for n in range(8)]
    timed = [line.replace(" so", "<00:00:00.100><c> so</c>") for line in plain]
    shown = [f"{a}\n{b}" for a, b in zip(["", *plain], timed, strict=False)]
    text = " ".join(said(read(tmp_path, vtt(shown[0].strip(), *shown[1:]))))
    assert text.replace("- ", "") == " ".join(f"line{n} so" for n in range(8))
