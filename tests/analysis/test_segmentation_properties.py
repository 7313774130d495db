"""Cutting into chapters, on vectors drawn at random."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultimate_discord_intelligence_bot.analysis import find_chapters
from ultimate_discord_intelligence_bot.analysis.chapters import chapter_range, segment_boundaries
from ultimate_discord_intelligence_bot.models.artifact import Vectors
from ultimate_discord_intelligence_bot.models.media import SourceChapter
from ultimate_discord_intelligence_bot.models.transcript import Segment, Transcript


def unit_rows(seed: int, count: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, 8)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


MARKS = st.lists(
    st.builds(SourceChapter, title=st.text(max_size=20), start=st.floats(), end=st.floats()),
    max_size=4,
)


@given(
    texts=st.lists(st.text(max_size=30), min_size=1, max_size=40),
    seed=st.integers(0, 99),
    seconds=st.floats(0, 600),
    marks=MARKS,
)
def test_chapters_cover_every_segment_once_and_in_order(
    texts: list[str], seed: int, seconds: float, marks: list[SourceChapter]
) -> None:
    segments = tuple(
        Segment(index=i, start=i * seconds, end=(i + 1) * seconds, text=text)
        for i, text in enumerate(texts)
    )
    transcript = Transcript(segments=segments, origin="automatic captions")

    found = find_chapters(transcript, Vectors(unit_rows(seed, len(texts))), tuple(marks))

    assert found.chapters[0].first == 0
    assert found.chapters[-1].last == len(texts) - 1
    for chapter in found.chapters:
        assert chapter.first <= chapter.last
        assert chapter.start <= chapter.end
        assert chapter.title.strip()
    for one, following in pairwise(found.chapters):
        assert following.first == one.last + 1
    assert sorted(i for topic in found.topics for i in topic.chapters) == list(
        range(len(found.chapters))
    )


def test_finds_the_seams_of_three_made_up_subjects() -> None:
    rng = np.random.default_rng(7)
    centres = np.eye(3, 16, dtype=np.float32)
    rows = np.vstack([c + rng.normal(scale=0.2, size=(20, 16)) for c in centres])
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    assert segment_boundaries(rows, np.full(60, 12.0), 3.0, count=3) == [20, 40]


@pytest.mark.parametrize(
    ("minutes", "fewest", "most"), [(0, 1, 2), (2.5, 2, 5), (60, 6, 15), (600, 12, 40)]
)
def test_longer_recordings_have_more_chapters(minutes: float, fewest: int, most: int) -> None:
    low, high = chapter_range(minutes)

    assert fewest <= low <= high <= most


def test_ten_hours_are_cut_in_bounded_memory_and_time() -> None:
    rows = unit_rows(3, 7_000)

    cuts = segment_boundaries(rows, np.full(7_000, 12.0), 600.0)

    assert 12 <= len(cuts) + 1 <= 40
    assert cuts == sorted(set(cuts))
