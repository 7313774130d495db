"""The recording as a language model reads it: all of it, and nothing that was not said."""

from __future__ import annotations

from typing import Any

import pytest

from tests.minds import Prepared
from tests.speech import spoken as transcript_of
from ultimate_discord_intelligence_bot.analysis.reading import (
    read_fallacies,
    read_perspectives,
    read_summary,
)
from ultimate_discord_intelligence_bot.errors import ModelUnavailable
from ultimate_discord_intelligence_bot.llm.prompts.fallacies import FallaciesFound, FallacyFound
from ultimate_discord_intelligence_bot.llm.prompts.overview import OverviewAnswer, Sentence
from ultimate_discord_intelligence_bot.llm.prompts.perspectives import (
    ExchangeFound,
    PerspectivesFound,
    PositionFound,
)
from ultimate_discord_intelligence_bot.llm.prompts.points import Point, Points
from ultimate_discord_intelligence_bot.llm.question import A, Question
from ultimate_discord_intelligence_bot.models.analysis import Chapters, Summary, Topic
from ultimate_discord_intelligence_bot.models.transcript import Transcript

CHAPTERS = Chapters(chapters=(), topics=(Topic(label="rent", chapters=(), share=1.0),))
EXTRACT = Summary(sentences=())
TALK = transcript_of(
    "ADA: The rent must be capped, because people cannot pay it.",
    "BEN: A cap would be a mistake.",
    "ADA: You are an idiot, so you are wrong about the cap.",
    "BEN: Let us look at Vienna.",
)


class Reader:
    """Makes one point of the first and the last segment of every stretch, and joins all points.

    Attributes:
        stretches: as they were read.
        overviews: how many points each overview was made of.
    """

    def __init__(self, context: int = 100_000) -> None:
        self.context = context
        self.stretches: list[list[str]] = []
        self.overviews: list[int] = []

    async def ask(self, question: Question[A]) -> A:
        lines = question.messages[0].content.split("\n")[1:-1]
        answer: Any
        if question.prompt.name == "points":
            self.stretches.append(lines)
            answer = Points(points=[_point(line) for line in dict.fromkeys((lines[0], lines[-1]))])
        else:
            self.overviews.append(len(lines))
            last = len(lines) - 1
            answer = OverviewAnswer(
                sentences=[Sentence(text=lines[n], points=[n]) for n in dict.fromkeys((0, last))]
            )
        assert isinstance(answer, question.prompt.answer)
        return answer


def _point(line: str) -> Point:
    number, _, words = line.partition("] ")
    return Point(statement=f"About {words[:20]}", quote=words, segment=int(number[1:]))


def long_talk(segments: int) -> Transcript:
    return transcript_of(*(f"Sentence number {n} tells of {n} things." for n in range(segments)))


@pytest.mark.parametrize("context", [5_000, 100_000])
async def test_every_word_of_a_long_recording_is_read_once_and_the_ends_are_kept(
    context: int,
) -> None:
    talk, reader = long_talk(2_000), Reader(context)
    summary = await read_summary(reader, talk, CHAPTERS, EXTRACT)
    lines = [line for stretch in reader.stretches for line in stretch]
    assert lines == [f"[{s.index}] {s.text}" for s in talk.segments]
    assert len(reader.stretches) > 5
    cited = {quote.segment for sentence in summary.abstract for quote in sentence.quotes}
    assert min(cited) == 0
    assert max(cited) == 1_999


async def test_very_many_points_are_condensed_part_by_part() -> None:
    reader = Reader(context=4_500)
    await read_summary(reader, long_talk(3_000), CHAPTERS, EXTRACT)
    assert len(reader.overviews) > 1
    assert max(reader.overviews) <= 120


async def test_a_point_whose_quote_was_not_said_carries_no_sentence() -> None:
    mind = Prepared(
        Points(
            points=[
                Point(statement="Ada wants a cap.", quote="The rent MUST be  capped", segment=0),
                Point(statement="Ben agrees.", quote="I agree with Ada on this", segment=1),
                Point(statement="Ben looks abroad.", quote="Let us look at Vienna.", segment=2),
            ]
        ),
        OverviewAnswer(
            sentences=[
                Sentence(text="They argue about a cap.", points=[0, 1]),
                Sentence(text="It ends well.", points=[7]),
            ]
        ),
    )
    summary = await read_summary(mind, TALK, CHAPTERS, EXTRACT)
    assert summary.dropped == 1
    (sentence,) = summary.abstract
    # Numbers are those of the points that held: the second one is the third of the answer.
    assert [quote.segment for quote in sentence.quotes] == [0, 3]
    assert sentence.quotes[0].text == TALK.segments[0].text


async def test_a_stretch_without_an_answer_is_told() -> None:
    talk = long_talk(220)
    point = Point(statement="A.", quote=talk.segments[0].text, segment=0)
    mind = Prepared(
        Points(points=[point]),
        ModelUnavailable("It is down."),
        OverviewAnswer(sentences=[Sentence(text="A.", points=[0])]),
        context=6_000,
    )
    summary = await read_summary(mind, talk, CHAPTERS, EXTRACT)
    assert [sentence.text for sentence in summary.abstract] == ["A."]
    (gap,) = summary.gaps
    assert gap.startswith("1 of 2 stretches were not read. It is down.")


async def test_fallacies_need_a_known_kind_words_that_were_said_and_confidence() -> None:
    def found(kind: str, quote: str, confidence: float = 0.9, segment: int = 2) -> FallacyFound:
        return FallacyFound(
            kind=kind,
            segment=segment,
            last=segment,
            quote=quote,
            confidence=confidence,
            explanation="He attacks the man.",
        )

    insult = "You are an idiot, so you are wrong"
    answer = FallaciesFound(
        fallacies=[
            found("Ad Hominem", insult),
            found("Ad Hominem", insult),
            found("bad manners", insult),
            found("straw man", "Nobody said anything like this"),
            found("false dilemma", "A cap would be a mistake.", confidence=0.4, segment=1),
        ]
    )
    fallacies = await read_fallacies(Prepared(answer), TALK, CHAPTERS)
    (fallacy,) = fallacies.fallacies
    assert (fallacy.label, fallacy.category) == ("ad hominem", "Fallacy of Credibility")
    assert (fallacy.segment, fallacy.last, fallacy.speaker) == (2, 2, "ADA")
    assert fallacy.text == TALK.segments[2].text
    assert fallacies.dropped == 2


async def test_positions_are_joined_by_topic_and_speaker_and_exchanges_need_two_speakers() -> None:
    def held(attitude: Any, segment: int, quote: str, topic: str = "Rent") -> PositionFound:
        return PositionFound(topic=topic, attitude=attitude, segment=segment, quote=quote)

    def pair(first: int, second: int) -> ExchangeFound:
        return ExchangeFound(
            kind="disagreement", topic="rent", first=first, second=second, reason="No."
        )

    answer = PerspectivesFound(
        positions=[
            held("favourable", 0, "The rent must be capped"),
            held("critical", 2, "You are an idiot", topic=" rent. "),
            held("critical", 1, "A cap would be a mistake."),
            held("critical", 1, "Caps always fail, everywhere."),
        ],
        exchanges=[pair(0, 1), pair(0, 2), pair(1, 0), pair(0, 99)],
    )
    found = await read_perspectives(Prepared(answer), TALK, CHAPTERS)
    assert [(p.topic, p.speaker, p.attitude, len(p.quotes)) for p in found.positions] == [
        ("rent", "ADA", "mixed", 2),
        ("rent", "BEN", "critical", 1),
    ]
    (exchange,) = found.exchanges
    assert (exchange.first.speaker, exchange.second.speaker) == ("ADA", "BEN")
    assert found.dropped == 4


async def test_no_answer_at_all_is_an_error() -> None:
    with pytest.raises(ModelUnavailable):
        await read_fallacies(Prepared(ModelUnavailable("It is down.")), TALK, None)
