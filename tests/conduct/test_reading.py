"""What was read ahead has the same vectors, to the last digit, as what was not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.hour import sentences
from ultimate_discord_intelligence_bot import analysis
from ultimate_discord_intelligence_bot.embedding import Embedder
from ultimate_discord_intelligence_bot.events import silent
from ultimate_discord_intelligence_bot.models.artifact import Vectors
from ultimate_discord_intelligence_bot.models.transcript import Origin, Segment, Transcript
from ultimate_discord_intelligence_bot.reading import _MOST, Reading, _batches

SPOKEN = tuple(sentences())[:130]


def transcript(
    texts: Sequence[str], language: str | None = "en", origin: Origin = "speech recognition"
) -> Transcript:
    segments = tuple(
        Segment(index=i, start=i, end=i + 1.0, text=text) for i, text in enumerate(texts)
    )
    return Transcript(segments=segments, origin=origin, language=language)


def equal(one: Vectors, other: Vectors) -> bool:
    assert one.readings.keys() == other.readings.keys()
    return np.array_equal(one.array, other.array) and all(
        np.array_equal(one.readings[name], other.readings[name]) for name in one.readings
    )


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many texts the encoder was given each time."""
    counted: list[int] = []
    read = Embedder.read

    def noted(self: Embedder, texts: Sequence[str], *more: object) -> object:
        counted.append(len(texts))
        return read(self, texts, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(Embedder, "read", noted)
    return counted


@pytest.mark.parametrize("step", [1, 7, 130])
def test_what_was_read_ahead_gives_the_same_and_is_not_read_again(
    step: int, passes: list[int]
) -> None:
    spoken = transcript(SPOKEN)
    expected = Reading().whole(spoken, silent)
    assert sum(passes) == len(SPOKEN)
    passes.clear()
    reading = Reading()
    for first in range(0, len(SPOKEN), step):
        reading.ahead(SPOKEN[first : first + step], "en")
    assert 0 < len(SPOKEN) - sum(passes) < _MOST
    assert equal(reading.whole(spoken, silent), expected)
    assert sum(passes) == len(SPOKEN)


def test_a_transcript_that_differs_from_the_foretaste_is_read_as_it_is(passes: list[int]) -> None:
    meant = list(SPOKEN)
    meant[70:72] = ["Nobody has heard this before.", "Nor this.", "Nor this, which came between."]
    expected = Reading().whole(transcript(meant), silent)
    reading = Reading()
    reading.ahead(SPOKEN, "en")
    passes.clear()
    assert equal(reading.whole(transcript(meant), silent), expected)
    assert sum(passes) < len(SPOKEN) / 2


def test_what_is_told_twice_harms_nobody() -> None:
    reading = Reading()
    for _ in range(2):
        reading.ahead(SPOKEN[:90], "en")
    spoken = transcript(SPOKEN[:90])
    assert equal(reading.whole(spoken, silent), Reading().whole(spoken, silent))


def test_sentences_that_come_again_have_the_same_vector_and_keep_their_places() -> None:
    said = [SPOKEN[0], SPOKEN[1], SPOKEN[0]]
    found = Reading().whole(transcript(said), silent)
    assert found.array.shape[0] == 3
    np.testing.assert_allclose(found.array[0], found.array[2], atol=1e-5)
    assert not np.allclose(found.array[0], found.array[1], atol=1e-2)


def test_the_branches_read_only_what_is_in_their_language(passes: list[int]) -> None:
    assert not analysis.applies_to("de")
    told = ["Im Jahr 1990 kam die Einheit.", "Niemand hatte damit gerechnet."] * 40
    reading = Reading()
    reading.ahead(told, "en")  # as it seemed at first
    found = reading.whole(transcript(told, "de"), silent)
    assert found.readings == {}
    assert equal(found, Reading().whole(transcript(told, "de"), silent))
    assert Reading().whole(transcript(told, "en"), silent).readings


def test_captions_are_read_in_one_pass(passes: list[int]) -> None:
    told: list[float | None] = []
    Reading().whole(
        transcript(SPOKEN, origin="human captions"), lambda share, _: told.append(share)
    )
    assert passes == [len(SPOKEN)]
    assert told[-1] == 1.0


def test_the_reading_of_speech_tells_how_far_it_is() -> None:
    told: list[tuple[float | None, str]] = []
    Reading().whole(transcript(SPOKEN), lambda *said: told.append(said))
    assert [share for share, _ in told] == sorted(share or 0 for share, _ in told)
    assert told[-1] == (1.0, "130 of 130 passages")


@pytest.mark.parametrize("origin", ["human captions", "speech recognition"])
def test_where_nothing_is_said_there_is_nothing_to_read(origin: Origin) -> None:
    assert len(Reading().whole(transcript((), origin=origin), silent).array) == 0


TEXTS = st.lists(st.text(max_size=3), max_size=200)


@given(TEXTS)
def test_no_text_is_lost_between_batches(texts: list[str]) -> None:
    batches = _batches(texts)
    assert [text for batch in batches for text in batch] == texts
    assert all(0 < len(batch) <= _MOST for batch in batches[:-1])
    assert len(batches[-1]) < _MOST


@given(TEXTS, st.data())
def test_batches_are_the_same_however_their_texts_come(
    texts: list[str], data: st.DataObject
) -> None:
    full: list[tuple[str, ...]] = []
    begun: tuple[str, ...] = ()
    rest = texts
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        *ended, begun = _batches([*begun, *rest[:size]])
        full += ended
        rest = rest[size:]
    assert [*full, begun] == _batches(texts)
