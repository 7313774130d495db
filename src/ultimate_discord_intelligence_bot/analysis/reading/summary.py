"""An abstract of the recording in other words, every sentence with what was said."""

from __future__ import annotations

from ...errors import LanguageModelError
from ...llm import Mind, material
from ...llm.prompts import OVERVIEW, POINTS
from ...models.analysis import Chapters, Cited, Quote, Summary
from ...models.transcript import Transcript
from .stretches import read

_POINTS_EACH = 6
_FEWEST, _MOST = 4, 9
_POINTS_AT_ONCE = 120


async def read_summary(
    mind: Mind, transcript: Transcript, chapters: Chapters, extract: Summary
) -> Summary:
    """The extractive summary, with an abstract beside it.

    Points are taken from every stretch; the abstract is made of points whose quotes were found,
    so that each of its sentences leads to words that were said. Of a very long recording the points
    of a part become one sentence each before they become the abstract.

    Raises:
        LanguageModelError: there was no answer.
    """
    found, gaps = await read(mind, POINTS, transcript, chapters, most=_POINTS_EACH)
    points: list[Cited] = []
    dropped = 0
    for stretch in found:
        for point in stretch.answer.points if stretch.answer else ():
            span = stretch.quote(point.quote, point.segment)
            if span is None:
                dropped += 1
                continue
            quote = Quote.of(transcript.segments[span[0]])
            points.append(Cited(text=point.statement, quotes=(quote,)))
    most = min(_MOST, _FEWEST + int(transcript.duration // 1200))
    try:
        abstract = await _condensed(mind, points, most)
    except LanguageModelError as error:
        # The points themselves are an abstract, only a longer one.
        abstract, gaps = points, (*gaps, f"The points were not condensed. {error}")
    return extract.model_copy(
        update={"abstract": tuple(abstract), "dropped": dropped, "gaps": gaps}
    )


async def _condensed(mind: Mind, points: list[Cited], most: int) -> list[Cited]:
    """At most so many sentences that stand for all the points."""
    while len(points) > _POINTS_AT_ONCE:
        parts = [points[at : at + _POINTS_AT_ONCE] for at in range(0, len(points), _POINTS_AT_ONCE)]
        points = [
            sentence
            for part in parts
            for sentence in await _sentences(mind, part, _POINTS_AT_ONCE // 4)
        ]
    return await _sentences(mind, points, most) if points else []


async def _sentences(mind: Mind, points: list[Cited], most: int) -> list[Cited]:
    lines = (f"[{number}] {point.text}" for number, point in enumerate(points))
    answer = await mind.ask(OVERVIEW.about(material("points", lines), most=min(most, 12)))
    sentences = []
    for sentence in answer.sentences:
        numbers = sorted({number for number in sentence.points if 0 <= number < len(points)})
        quotes = {quote.segment: quote for number in numbers for quote in points[number].quotes}
        if quotes:
            in_order = tuple(quotes[segment] for segment in sorted(quotes))
            sentences.append(Cited(text=sentence.text, quotes=in_order))
    return sentences
