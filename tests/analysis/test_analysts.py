"""The analysts on speech that we wrote, and on speech nobody would expect."""

from __future__ import annotations

import pytest

from tests.speech import heard, spoken
from ultimate_discord_intelligence_bot.analysis import (
    applies_to,
    describe,
    detect_claims,
    find_chapters,
    pick_key_points,
)
from ultimate_discord_intelligence_bot.models.artifact import Vectors
from ultimate_discord_intelligence_bot.models.media import SourceChapter
from ultimate_discord_intelligence_bot.models.transcript import Transcript
from ultimate_discord_intelligence_bot.plans import Flags, plan
from ultimate_discord_intelligence_bot.settings import Depth

DEBATE = """\
Moderator: Good evening and welcome to the programme.
Moderator: Tonight we talk about nuclear power, about trains, and about the rising cost of rent.
Moderator: Anna, should we build new nuclear plants?
Anna: Nuclear power is the safest way we have to make electricity.
Anna: Coal kills about eight hundred times more people for every unit of energy it produces.
Anna: France gets around seventy percent of its electricity from nuclear reactors.
Ben: A new reactor takes fifteen years to build and always costs twice what was promised.
Ben: The plant at Flamanville was twelve years late.
Ben: I just find the whole idea frightening.
Anna: Reactors run day and night, while wind turbines stand still when there is no wind.
Ben: Batteries and wind farms are cheaper than any reactor.
Moderator: Let us move on to the railways.
Ben: Trains in this country are late because nobody has invested in the tracks since 1994.
Anna: Punctuality of long distance trains fell to sixty two percent last year.
Anna: Passengers deserve better than a seat on the floor of a crowded train.
Ben: If we close one more station, soon there will be no railway left at all.
Ben: High speed rail between the two largest cities would take half of the flights away.
Anna: My opponent never takes the train, so why should we believe him?
Anna: A kilometre of high speed track costs about twenty million euros.
Moderator: And finally, the rents.
Anna: Rents in the capital have doubled since 2010.
Anna: Landlords leave flats empty and wait for the price to rise.
Ben: Rent control reduces the number of new apartments that are built.
Ben: Berlin tried a rent cap in 2020 and the court struck it down a year later.
Anna: Tenants spend almost a third of their income on rent.
Ben: We must build more apartments, there is no other way.
Moderator: Thank you both for coming, and good night."""


@pytest.fixture(scope="module")
def debate() -> tuple[Transcript, Vectors]:
    transcript = spoken(*DEBATE.splitlines())
    return transcript, heard(transcript)


class TestChapters:
    def test_cuts_where_the_moderator_changes_the_subject(
        self, debate: tuple[Transcript, Vectors]
    ) -> None:
        transcript, _ = debate

        found = find_chapters(*debate, ())

        assert [transcript.segments[c.first].text for c in found.chapters] == [
            "Good evening and welcome to the programme.",
            "Let us move on to the railways.",
            "And finally, the rents.",
        ]
        assert found.origin == "segmentation"

    def test_titles_name_the_subject(self, debate: tuple[Transcript, Vectors]) -> None:
        nuclear, railway, rent = (c.title for c in find_chapters(*debate, ()).chapters)

        assert "reactor" in nuclear.lower()
        assert "train" in railway.lower()
        assert "rent" in rent.lower()
        assert all(title[0].isupper() for title in (nuclear, railway, rent))

    def test_no_title_is_the_name_of_a_speaker(self) -> None:
        lines = [f"Anna: Ben, the harbour needs a longer wall, number {n}." for n in range(8)]
        lines += [f"Ben: Anna, fishing quotas ruin the fleet, year {n}." for n in range(8)]
        transcript = spoken(*lines)

        titles = " ".join(
            c.title for c in find_chapters(transcript, heard(transcript), ()).chapters
        )

        assert "Anna" not in titles
        assert "Ben" not in titles

    def test_titles_keep_abbreviations_and_names_of_things(self) -> None:
        transcript = spoken(
            "The NHS needs more nurses and the NHS needs more money.",
            "Waiting lists of the NHS are longer than ever before.",
            "Nobody in the NHS was asked about human rights.",
        )

        (chapter, *_) = find_chapters(transcript, heard(transcript), ()).chapters

        assert "NHS" in chapter.title

    def test_topics_share_out_the_speaking_time(self, debate: tuple[Transcript, Vectors]) -> None:
        found = find_chapters(*debate, ())

        assert sum(topic.share for topic in found.topics) == pytest.approx(1, abs=0.01)
        assert sorted(i for topic in found.topics for i in topic.chapters) == [0, 1, 2]

    def test_a_subject_that_comes_back_is_one_topic(self) -> None:
        parts = DEBATE.splitlines()
        lines = [*parts[3:11], *parts[12:19], *parts[3:11][::-1]]
        transcript = spoken(*lines)
        marks = tuple(
            SourceChapter(title=name, start=start * 5, end=0)
            for name, start in (("Power", 0), ("Rail", 8), ("Power again", 15))
        )

        topics = find_chapters(transcript, heard(transcript), marks).topics

        assert {topic.chapters for topic in topics} == {(0, 2), (1,)}

    def test_the_chapters_of_the_source_win(self, debate: tuple[Transcript, Vectors]) -> None:
        marks = (
            SourceChapter(title=" Trains\n and more ", start=55, end=95),
            SourceChapter(title="Power", start=2, end=55),
            SourceChapter(title="After the end", start=9_999, end=10_000),
            SourceChapter(title="Never", start=float("nan"), end=1),
        )

        found = find_chapters(*debate, marks)

        assert found.origin == "source"
        assert [(c.title, c.first, c.last) for c in found.chapters] == [
            ("Power", 0, 10),
            ("Trains and more", 11, 26),
        ]

    def test_a_single_mark_is_not_a_division(self, debate: tuple[Transcript, Vectors]) -> None:
        marks = (SourceChapter(title="Everything", start=0, end=135),)

        assert find_chapters(*debate, marks).origin == "segmentation"


class TestKeyPoints:
    def test_are_verbatim_and_in_order_and_touch_every_chapter(
        self, debate: tuple[Transcript, Vectors]
    ) -> None:
        transcript, vectors = debate
        chapters = find_chapters(*debate, ())
        claims = detect_claims(*debate, "source")

        points = pick_key_points(transcript, vectors, chapters, claims).points

        assert 3 <= len(points) <= 8
        assert {point.chapter for point in points} == {0, 1, 2}
        assert [p.segment for p in points] == sorted({p.segment for p in points})
        for point in points:
            chapter = chapters.chapters[point.chapter]
            assert chapter.first <= point.segment <= chapter.last
            assert point.text == transcript.segments[point.segment].text

    def test_pass_over_questions_greetings_and_fragments(self) -> None:
        transcript = spoken(
            "Good evening everybody and welcome to our programme about bees.",
            "Why do bees matter to us at all?",
            "Bees, well.",
            "Let us move on to the bees of the mountains now.",
            "Wild bees pollinate most of the fruit trees in the valley.",
        )
        vectors = heard(transcript)

        points = pick_key_points(transcript, vectors, find_chapters(transcript, vectors, ()), None)

        assert [point.segment for point in points.points] == [4]

    def test_a_sentence_said_often_is_chosen_once(self) -> None:
        lines = ["The dam must be repaired before the winter comes."] * 6
        lines += ["Fishermen in the delta depend on the water below the dam."] * 2
        lines += ["Engineers found cracks in the wall of the dam last spring."] * 2
        transcript = spoken(*lines)
        vectors = heard(transcript)
        chapters = find_chapters(transcript, vectors, ())

        points = pick_key_points(transcript, vectors, chapters, None).points

        assert len({point.text for point in points}) == len(points)


@pytest.mark.parametrize(
    ("language", "expected"),
    [("en", True), ("en-GB", True), ("EN_us", True), (None, True), ("de", False), ("eno", False)],
)
def test_the_analysts_are_for_english(language: str | None, expected: bool) -> None:
    assert applies_to(language) is expected


def test_each_analyst_of_a_report_says_how_it_works_and_what_was_measured() -> None:
    methods = {
        method.name: method.description
        for method in describe((s.name for s in plan(Depth.DEEP, Flags()).stages), {})
    }

    assert set(methods) == {
        "Summary",
        "Chapters and topics",
        "Key points",
        "Claims",
        "Possible fallacies",
        "Perspectives",
        "Sentiment",
        "Emotions",
        "Names and figures",
        "Trust signals",
    }
    for name in ("Chapters and topics", "Claims", "Possible fallacies", "Sentiment", "Emotions"):
        assert any(character.isdigit() for character in methods[name])
    assert "{" not in "".join(methods.values())
    assert [method.name for method in describe(["claims"], {})] == ["Claims"]
