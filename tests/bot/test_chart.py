"""The emotion timeline: a picture that can be read without its colours, and the same in words."""

from __future__ import annotations

import io
import math
from datetime import UTC, datetime

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

from ultimate_discord_intelligence_bot.discord_bot.chart import HEIGHT, MOST, STYLES, WIDTH, draw
from ultimate_discord_intelligence_bot.models.analysis import Ekman, EmotionPoint
from ultimate_discord_intelligence_bot.models.media import Source
from ultimate_discord_intelligence_bot.models.report import Report
from ultimate_discord_intelligence_bot.models.transcript import Transcript

PHASES = tuple(phase for phase in Phase if phase != Phase.shrink)
Shares = dict[Ekman, float]


def report(points: list[tuple[float, Shares]] | None) -> Report:
    return Report(
        run_id="run",
        depth="deep",
        source=Source(id="s", url="https://example.org/v", title="A talk", platform="web"),
        acquired_at=datetime(2026, 3, 1, tzinfo=UTC),
        transcript=Transcript(segments=(), origin="human captions"),
        emotion_timeline=None
        if points is None
        else tuple(EmotionPoint(time=at, values=values) for at, values in points),
    )


def hour() -> Report:
    """An hour in which every emotion comes and goes."""
    points: list[tuple[float, Shares]] = []
    for at in range(0, 3600, 5):
        values: Shares = {
            emotion: 0.1 + (0.05 + 0.01 * place) * math.sin(at / (200 + 90 * place) + place)
            for place, emotion in enumerate(STYLES)
        }
        points.append((float(at), values))
    return report(points)


def opened(png: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(png))
    image.load()
    return image


def test_it_tells_in_words_where_each_emotion_is_highest() -> None:
    picture = draw(
        report(
            [
                (0.0, {"joy": 0.1, "fear": 0.3, "neutral": 0.6}),
                (190.0, {"joy": 0.5, "fear": 0.1, "neutral": 0.4}),
                (300.0, {"joy": 0.2, "disgust": 0.01}),
            ]
        )
    )
    assert picture is not None
    assert picture.alt == (
        "Emotions from 0:00 to 5:00, as shares of what was said. Joy is highest at 3:10 (50%), "
        "fear at 0:00 (30%). The rest is neutral or weaker."
    )


def test_an_hour_makes_a_small_picture() -> None:
    picture = draw(hour())
    assert picture is not None
    assert len(picture.png) < 100_000
    assert opened(picture.png).size == (WIDTH, HEIGHT)


def test_at_most_five_emotions_are_drawn() -> None:
    picture = draw(hour())
    assert picture is not None
    assert sum(picture.alt.lower().count(emotion) for emotion in STYLES) == MOST


def test_emotions_differ_in_their_dashes_and_marks_and_not_only_in_colour() -> None:
    styles = STYLES.values()
    assert len({style.dashes for style in styles}) == len(styles)
    assert len({(style.corners, style.turned) for style in styles}) == len(styles)


def test_every_colour_stands_out_from_the_ground() -> None:
    picture = draw(report([(0.0, {}), (10.0, {})]))
    assert picture is not None
    ground = opened(picture.png).convert("RGB").getpixel((2, 2))
    assert isinstance(ground, tuple)
    for style in STYLES.values():
        red, green, blue = (int(style.colour[at : at + 2], 16) for at in (1, 3, 5))
        assert _contrast((red, green, blue), ground) >= 4.5


def _contrast(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """WCAG 2.2, relative luminance."""

    def light(colour: tuple[int, ...]) -> float:
        parts = [c / 255 for c in colour]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


def test_a_recording_without_emotions_says_so() -> None:
    picture = draw(report([(0.0, {"neutral": 1.0}), (60.0, {"neutral": 1.0})]))
    assert picture is not None
    assert picture.alt.endswith("All of it is neutral.")


@pytest.mark.parametrize("points", [None, [], [(3.0, {"joy": 1.0})], [(3.0, {}), (3.0, {})]])
def test_there_is_no_picture_without_two_moments(points: list[tuple[float, Shares]] | None) -> None:
    assert draw(report(points)) is None


@settings(max_examples=25, deadline=None, phases=PHASES)
@given(
    st.lists(
        st.tuples(
            st.floats(),
            st.dictionaries(st.sampled_from([*STYLES, "neutral"]), st.floats(), max_size=7),
        ),
        max_size=12,
    )
)
def test_nothing_in_a_timeline_breaks_it(points: list[tuple[float, Shares]]) -> None:
    picture = draw(report(points))
    if picture is not None:
        assert opened(picture.png).size == (WIDTH, HEIGHT)
        assert len(picture.alt) <= 1024
