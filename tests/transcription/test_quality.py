"""Captions that do not do for a recording, and captions that do although they look odd."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultimate_discord_intelligence_bot.transcription.cue import Cue, in_order
from ultimate_discord_intelligence_bot.transcription.quality import Doubt, doubt

HOUR = 3600.0
LINES = (
    "We went to the harbour in the morning.",
    "Nobody had told us about the storm.",
    "The price of fish had doubled within a year.",
    "So we asked the captain what he thought.",
    "He said that it was all the same to him.",
)


def talk(first: float, last: float, every: float = 4.0, lines: Iterable[str] = LINES) -> list[Cue]:
    """Somebody speaks from the first to the last second."""
    said = tuple(lines)
    count = max(1, int((last - first) / every))
    return [
        Cue(first + n * every, first + n * every + 3, f"{said[n % len(said)]}")
        for n in range(count)
    ]


# -- what does ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cues", "duration"),
    [
        pytest.param(talk(0, HOUR), HOUR, id="an ordinary talk"),
        pytest.param(talk(0, HOUR), None, id="of unknown duration"),
        pytest.param(talk(0, 40 * 60), HOUR, id="the last third is music"),
        pytest.param(talk(25 * 60, HOUR), HOUR, id="a waiting screen first"),
        pytest.param(talk(0, 900) + talk(2400, HOUR), HOUR, id="a long break"),
        pytest.param(talk(0, HOUR, every=40), HOUR, id="an interview with long pauses"),
        pytest.param(talk(30, 15 * 60, every=60), 15 * 60, id="a silent film"),
        pytest.param(talk(2, 28, every=5), 30.0, id="a clip of 30 seconds"),
        pytest.param([Cue(3, 5, "Watch this!")], 30.0, id="a clip with a single line"),
        pytest.param([Cue(3, 5, "Watch this!")], 170.0, id="a trailer with a single line"),
        pytest.param(
            talk(10, 200, every=5, lines=[*["La la, love me do."] * 4, LINES[0]]),
            210.0,
            id="a song with its refrain",
        ),
        pytest.param(talk(0, HOUR + 30), HOUR, id="a little longer than the recording"),
        pytest.param(
            talk(0, 600, lines=["今日は月について話します。", "月は岩です。"]), 600.0, id="Japanese"
        ),
        pytest.param(talk(0, 600, lines=["สวัสดีครับ วันนี้เราจะพูดถึงดวงจันทร์"])[:10], 45.0, id="Thai"),
        pytest.param(
            talk(0, 600, lines=["NÃO É NÃO.", "A MANHÃ ÑAME.", "ØL."]), 600.0, id="capitals"
        ),
        pytest.param(talk(0, 600, lines=["7", "12", "Bingo! 33", "45"]), 600.0, id="numbers"),
        pytest.param(
            [*talk(0, 600), Cue(601, 603, "Subtitles by the Amara.org community")],
            610.0,
            id="credits at the end",
        ),
    ],
)
def test_odd_but_good(cues: list[Cue], duration: float | None) -> None:
    assert doubt(cues, duration) is None


# -- what does not --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cues", "reason"),
    [
        (talk(0, 120), "they end after 2 of 60 minutes"),
        (talk(0, 92), "they end after 1.5 of 60 minutes"),
        (talk(50 * 60, HOUR), "they begin after 50 of 60 minutes"),
        (talk(0, 300) + talk(3300, HOUR), "they leave out 50 of 60 minutes"),
        (talk(0, HOUR, every=300, lines=["♪ Song title"]), "they have 36 words for 60 minutes"),
        (talk(2 * HOUR, 3 * HOUR), "they go on after the end, as those of a longer recording"),
        (
            in_order([Cue(n / 100, n / 100 + 0.01, LINES[n % 5]) for n in range(400)]),
            "their times would have people say 12 words a second",
        ),
    ],
)
def test_what_leaves_out_most_is_better_than_nothing(cues: list[Cue], reason: str) -> None:
    assert doubt(cues, HOUR) == Doubt(reason, usable=True)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["GrÃ¼ÃŸe aus KÃ¶ln, schÃ¶n hier."], "damaged"),
        (["Ð¿Ñ€Ð¸Ð²ÐµÑ‚ Ð¼Ð¸Ñ€"], "damaged"),
        (["It\ufffds a na\ufffdve caf\ufffd"], "damaged"),
        (["%$ #@! &*( )__ +={ }|"], "signs instead of words"),
        (["🎉 🎉 🎉", "👏"], "signs instead of words"),
        (["QUJD" * 100], "data instead of words"),
        (["Lorem ipsum dolor sit amet,", "consectetur adipiscing elit."], "filler"),
        (["Thank you."], "repeat one line 900 times"),
    ],
)
def test_garbage_is_worse_than_nothing(lines: list[str], reason: str) -> None:
    found = doubt(talk(0, HOUR, lines=lines), HOUR)
    assert found is not None
    assert reason in found.reason
    assert not found.usable


@pytest.mark.parametrize(
    "line",
    [
        "Subtitles by the Amara.org community",
        "Captions by Jane Doe",
        "Untertitel von Stephanie Geiges",
        "Sous-titrage: www.example.org",
    ],
)
def test_credits_alone_are_no_transcript(line: str) -> None:
    found = doubt([Cue(0, 3, line), Cue(20, 23, line)], 25.0)
    assert found == Doubt("they only name who made them", usable=False)


# -- language -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "declared", "wanted", "spoken", "reason"),
    [
        ("en", "en", None, None, None),
        ("en", "en", None, "de", None),
        ("en", "en", "en", "de", None),
        ("nb", "nb", "no", None, None),
        (None, None, "de", "de", None),
        ("en", "en", "de", None, "they are in English, not in German"),
        ("en", "de", "de", None, "they are in English, not in German"),
        ("de", "en", None, None, "they are labelled English, but are in German"),
        ("de", "en", None, "en", "they are labelled English, but are in German"),
        ("de", "en", None, "de", None),
        ("de", "en", "de", "en", None),
    ],
)
def test_captions_in_another_language(
    language: str | None,
    declared: str | None,
    wanted: str | None,
    spoken: str | None,
    reason: str | None,
) -> None:
    found = doubt(talk(0, HOUR), HOUR, language, declared=declared, wanted=wanted, spoken=spoken)
    assert found == (Doubt(reason, usable=True) if reason else None)


@given(
    st.lists(
        st.builds(Cue, st.floats(0, 4000), st.floats(0, 4000), st.text(min_size=1, max_size=9)),
        min_size=1,
    )
    .map(in_order)
    .filter(bool),
    st.none() | st.floats(0, 4000),
)
def test_any_captions_can_be_judged(cues: list[Cue], duration: float | None) -> None:
    found = doubt(cues, duration)
    assert found is None or (found.reason.startswith("the") and not found.reason.endswith("."))
