"""Cues become segments of about one sentence."""

from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from ultimate_discord_intelligence_bot.models.transcript import Segment
from ultimate_discord_intelligence_bot.transcription.cue import Cue, in_order
from ultimate_discord_intelligence_bot.transcription.sentences import (
    complete_sentences,
    segments,
)


def texts(*cues: Cue) -> list[str]:
    return [segment.text for segment in segments(cues)]


def test_a_sentence_over_several_cues_is_one_segment() -> None:
    (segment,) = segments([Cue(0, 2, "The moon is"), Cue(2, 4, "made of rock.")])
    assert segment == Segment(index=0, start=0, end=4, text="The moon is made of rock.")


def test_several_sentences_in_a_cue_are_several_segments_by_characters() -> None:
    first, second = segments([Cue(10, 20, "Abc def. Abc def.")])
    assert (first.start, first.end) == (10, second.start)
    assert second.end == 20
    assert abs(second.start - 15) < 0.6


def test_abbreviations_numbers_and_ellipses_do_not_end_a_sentence() -> None:
    assert texts(
        Cue(0, 9, "Dr. Smith paid 3.5 million, e.g. to J. R. Jones... and left. Yes?")
    ) == [
        "Dr. Smith paid 3.5 million, e.g. to J. R. Jones... and left.",
        "Yes?",
    ]


def test_no_segment_spans_speakers_or_turns() -> None:
    cues = [
        Cue(0, 1, "I was", "A"),
        Cue(1, 2, "going to", "B"),
        Cue(2, 3, "say", "B", new_turn=True),
    ]
    assert [(s.text, s.speaker) for s in segments(cues)] == [
        ("I was", "A"),
        ("going to", "B"),
        ("say", "B"),
    ]


def test_no_segment_spans_a_long_pause() -> None:
    assert texts(Cue(0, 1, "I think"), Cue(2.5, 3, "that this"), Cue(6, 7, "is it")) == [
        "I think that this",
        "is it",
    ]


def test_the_pause_that_ends_a_segment_can_be_told() -> None:
    cues = [Cue(0, 1, "ask not"), Cue(1.8, 3, "what your"), Cue(3.5, 4, "country")]
    assert [s.text for s in segments(cues, 0.7)] == ["ask not", "what your country"]


def test_a_slow_cue_is_no_pause() -> None:
    assert texts(Cue(0, 60, "so slow")) == ["so slow"]


def test_unpunctuated_text_is_cut_to_about_thirty_words() -> None:
    cues = [Cue(n, n + 1, "one two three four five") for n in range(60)]
    lengths = [len(text.split()) for text in texts(*cues)]
    assert sum(lengths) == 300
    assert all(20 <= length <= 32 for length in lengths)


def test_unpunctuated_text_is_cut_in_a_pause_where_there_is_one() -> None:
    cues = [Cue(n + (n > 34) / 2, n + 1 + (n > 34) / 2, "word") for n in range(120)]
    assert [len(text.split()) for text in texts(*cues)] == [35, 25, 30, 30]


def test_an_absurdly_long_sentence_is_cut_at_commas() -> None:
    words = " ".join("Word," if n == 44 else "Word" for n in range(100))
    parts = texts(Cue(0, 1, "A short one."), Cue(1, 40, words + "."), Cue(40, 41, "Another one."))
    assert [len(part.split()) for part in parts] == [3, 45, 55, 2]


_WORD = st.text("abcABC", min_size=1, max_size=5)
_TEXT = st.lists(
    st.builds(str.__add__, _WORD, st.sampled_from(["", "", "", ".", "?", ","])),
    min_size=1,
    max_size=40,
).map(" ".join)
_CUES = st.lists(
    st.builds(
        Cue,
        start=st.floats(-5, 300).map(lambda t: round(t, 2)),
        end=st.floats(0, 320).map(lambda t: round(t, 2)),
        text=_TEXT,
        speaker=st.sampled_from([None, None, "A", "B"]),
    ),
    max_size=12,
).map(in_order)


@given(_CUES)
def test_no_word_is_lost_doubled_or_moved(cues: list[Cue]) -> None:
    before = " ".join(cue.text for cue in cues).split()
    assert " ".join(segment.text for segment in segments(cues)).split() == before


@given(_CUES)
def test_times_are_in_order_and_inside_the_cues(cues: list[Cue]) -> None:
    last = min((cue.start for cue in cues), default=0.0)
    for number, segment in enumerate(segments(cues)):
        assert segment.index == number
        assert last - 0.001 <= segment.start <= segment.end
        last = segment.end
    assert last <= max((cue.end for cue in cues), default=0.0) + 0.001


@given(_CUES)
def test_segments_are_segmented_already(cues: list[Cue]) -> None:
    once = segments(cues)
    again = segments([Cue(s.start, s.end, s.text, s.speaker) for s in once])
    assert [(s.text, s.speaker, s.start, s.end) for s in again] == [
        (s.text, s.speaker, s.start, s.end) for s in once
    ]


@given(_CUES)
def test_no_segment_is_longer_than_a_long_sentence(cues: list[Cue]) -> None:
    assert all(len(segment.text.split()) <= 75 for segment in segments(cues))


def spoken(words: str, start: float = 0.0) -> list[Cue]:
    """A word every half second."""
    return [Cue(start + i / 2, start + i / 2 + 0.4, word) for i, word in enumerate(words.split())]


def test_a_sentence_is_complete_when_the_next_has_begun() -> None:
    told, rest = complete_sentences(spoken("One. Two and three. Four and"))
    assert told == ["One.", "Two and three."]
    assert rest == spoken("Four and", 2.0)
    told, rest = complete_sentences([*rest, *spoken("five. Six", 3.0)])
    assert (told, [cue.text for cue in rest]) == (["Four and five."], ["Six"])


def test_before_a_word_is_said_no_sentence_is_complete() -> None:
    assert complete_sentences([]) == ([], [])


def test_a_cue_in_which_a_sentence_begins_is_kept_whole() -> None:
    told, rest = complete_sentences([Cue(0, 4, "One and two."), Cue(4, 8, "Three. Four")])
    assert told == ["One and two.", "Three."]
    assert [cue.text for cue in rest] == ["Three. Four"]


def test_scripts_without_spaces_have_sentences_too() -> None:
    told, rest = complete_sentences([Cue(0, 2, "月は石です。"), Cue(2, 4, "誰も知らない。")])
    assert told == ["月は石です。"]
    assert [cue.text for cue in rest] == ["誰も知らない。"]


@given(_TEXT.map(lambda text: spoken(text)), st.lists(st.integers(1, 12), max_size=40))
def test_no_word_is_lost_or_doubled_however_they_come(words: list[Cue], sizes: list[int]) -> None:
    heard: list[str] = []
    rest: list[Cue] = []
    coming = iter(words)
    for size in (*sizes, len(words)):
        told, rest = complete_sentences([*rest, *islice(coming, size)])
        heard += told
    heard += [segment.text for segment in segments(rest)]
    assert " ".join(heard).split() == [cue.text for cue in words]
