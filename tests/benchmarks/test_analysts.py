"""All analysts on one hour of speech: one shared pass of the encoder against a pass for each."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.figures import Figures
from tests.benchmarks.hour import SEGMENTS, sentences
from tests.benchmarks.measure import interleave
from ultimate_discord_intelligence_bot import analysis
from ultimate_discord_intelligence_bot.embedding import load_embedder
from ultimate_discord_intelligence_bot.models.artifact import Vectors
from ultimate_discord_intelligence_bot.models.transcript import Segment, Transcript

pytestmark = pytest.mark.benchmark

LIMIT = 15.0  # seconds for an hour of speech
MOST_OVERHEAD = 1.3


@pytest.fixture(scope="module")
def hour() -> Transcript:
    length = 3600 / SEGMENTS
    segments = [
        Segment(
            index=index,
            start=index * length,
            end=(index + 1) * length,
            text=text,
            speaker=("Ada", "Ben")[index // 3 % 2],
        )
        for index, text in enumerate(sentences())
    ]
    return Transcript(segments=tuple(segments), origin="human captions", language="en")


def _encode(transcript: Transcript) -> Vectors:
    texts = [segment.text for segment in transcript.segments]
    return Vectors(*load_embedder().read(texts, analysis.load_branches()))


def _analyse(transcript: Transcript, vectors: Callable[[], Vectors]) -> list[Any]:
    """What every analyst finds; each asks for the vectors when it begins."""
    chapters = analysis.find_chapters(transcript, vectors(), ())
    claims = analysis.detect_claims(transcript, vectors(), "s")
    points = analysis.pick_key_points(transcript, vectors(), chapters, claims)
    fallacies = analysis.find_fallacies(transcript, vectors())
    entities = analysis.find_entities(transcript, vectors())
    return [
        chapters,
        claims,
        points,
        fallacies,
        entities,
        analysis.score_sentiment(transcript, vectors()),
        analysis.trace_emotions(transcript, vectors()),
        analysis.summarise(transcript, vectors(), chapters, points),
        analysis.find_perspectives(transcript, vectors(), chapters, claims),
        analysis.trust_signals(transcript, claims, None, fallacies, entities),
    ]


def test_one_pass_serves_all_analysts(hour: Transcript, figures: Figures) -> None:
    assert 9_000 < sum(len(segment.text.split()) for segment in hour.segments) < 11_000
    _analyse(hour, lambda: _encode(hour))  # loads what is loaded once

    def shared() -> list[Any]:
        vectors = _encode(hour)
        return _analyse(hour, lambda: vectors)

    seconds, results = interleave(
        {
            "the encoder alone, all branches": lambda: [_encode(hour)][:0],
            "all analysts, one pass": shared,
            "all analysts, a pass for each": lambda: _analyse(hour, lambda: _encode(hour)),
        },
        rounds=2,
    )
    figures.compare(
        "One hour of speech through the analysts",
        seconds,
        watch={"all analysts, one pass": "the encoder alone, all branches"},
    )
    first = results["all analysts, one pass"][0]
    for name in ("all analysts, one pass", "all analysts, a pass for each"):
        assert all(found == first for found in results[name])
    best = {name: min(values) for name, values in seconds.items()}
    ours = best["all analysts, one pass"]
    figures.note("all analysts, one pass", ours, "s", most=LIMIT)
    beyond = ours / best["the encoder alone, all branches"]
    figures.note("all analysts / the encoder alone", beyond, "", most=MOST_OVERHEAD)
    assert ours < best["all analysts, a pass for each"]


CHILD = """
import sys
from tests.analysis.test_hostile_speech import everything
from tests.benchmarks.hour import sentences
from tests.speech import spoken

hours = int(sys.argv[1])
everything(spoken(*(f"Ada: {text}" for hour in range(hours) for text in sentences(hour))))
print(int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]) / 1024)
"""


def _peak(hours: int) -> float:
    """Megabytes of a process that analyses so many hours."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(hours)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def test_memory_does_not_grow_with_length(figures: Figures) -> None:
    one, four = _peak(1), _peak(4)
    figures.note("peak memory of all analysts, 1 h", one, "MB")
    figures.note("peak memory of all analysts, 4 h", four, "MB", most=1.1 * one + 20)


def test_what_each_analyst_adds_to_the_pass(hour: Transcript, figures: Figures) -> None:
    vectors = _encode(hour)
    chapters = analysis.find_chapters(hour, vectors, ())
    claims = analysis.detect_claims(hour, vectors, "s")
    points = analysis.pick_key_points(hour, vectors, chapters, claims)
    work: dict[str, Callable[[], Any]] = {
        "chapters": lambda: analysis.find_chapters(hour, vectors, ()),
        "claims": lambda: analysis.detect_claims(hour, vectors, "s"),
        "key points": lambda: analysis.pick_key_points(hour, vectors, chapters, claims),
        "summary": lambda: analysis.summarise(hour, vectors, chapters, points),
        "fallacies": lambda: analysis.find_fallacies(hour, vectors),
        "entities": lambda: analysis.find_entities(hour, vectors),
        "perspectives": lambda: analysis.find_perspectives(hour, vectors, chapters, claims),
        "sentiment": lambda: analysis.score_sentiment(hour, vectors),
        "emotions": lambda: analysis.trace_emotions(hour, vectors),
    }
    seconds, results = interleave(work, rounds=2)
    figures.compare("Each analyst, after the pass", seconds)
    for found in results.values():
        assert found[0] == found[1]
