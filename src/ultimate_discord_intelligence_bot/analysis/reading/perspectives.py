"""Positions and exchanges as a language model finds them."""

from __future__ import annotations

from collections import defaultdict
from typing import Literal

from ...llm import Mind, material
from ...llm.prompts import PERSPECTIVES
from ...models.analysis import Chapters, Exchange, Perspectives, Position, Quote
from ...models.transcript import Transcript
from .stretches import read

Attitude = Literal["favourable", "critical", "mixed", "neutral"]
_QUOTES = 3


async def read_perspectives(mind: Mind, transcript: Transcript, chapters: Chapters) -> Perspectives:
    """Who holds what, and where speakers agree or not, each with words that were said.

    What one speaker says on one topic in several stretches becomes one position; where the
    attitudes differ it is mixed.

    Raises:
        LanguageModelError: there was no answer.
    """
    topics = material("topics", (topic.label for topic in chapters.topics))
    found, gaps = await read(mind, PERSPECTIVES, transcript, chapters, topics)
    segments = transcript.segments
    held: defaultdict[tuple[str, str | None], list[tuple[Attitude, Quote]]] = defaultdict(list)
    exchanges: dict[tuple[int, int], Exchange] = {}
    dropped = 0
    for stretch in found:
        if stretch.answer is None:
            continue
        for position in stretch.answer.positions:
            span = stretch.quote(position.quote, position.segment)
            if span is None:
                dropped += 1
                continue
            quote = Quote.of(segments[span[0]])
            held[_topic(position.topic), quote.speaker].append((position.attitude, quote))
        inside = range(stretch.segments[0].index, stretch.segments[-1].index + 1)
        for exchange in stretch.answer.exchanges:
            pair = (exchange.first, exchange.second)
            if not (pair[0] < pair[1] and pair[0] in inside and pair[1] in inside):
                dropped += 1
                continue
            first, second = Quote.of(segments[pair[0]]), Quote.of(segments[pair[1]])
            if first.speaker is None or first.speaker == second.speaker:
                dropped += 1
                continue
            exchanges[pair] = Exchange(
                kind=exchange.kind,
                topic=_topic(exchange.topic),
                first=first,
                second=second,
                reason=exchange.reason,
            )
    return Perspectives(
        positions=tuple(_position(*key, said) for key, said in held.items()),
        exchanges=tuple(exchanges[pair] for pair in sorted(exchanges)),
        dropped=dropped,
        gaps=gaps,
    )


def _position(topic: str, speaker: str | None, said: list[tuple[Attitude, Quote]]) -> Position:
    attitudes = {attitude for attitude, _ in said} - {"neutral"}
    attitude: Attitude = "neutral"
    if attitudes:
        attitude = attitudes.pop() if len(attitudes) == 1 else "mixed"
    quotes = {quote.segment: quote for _, quote in said}
    return Position(
        topic=topic,
        speaker=speaker,
        attitude=attitude,
        quotes=tuple(quotes.values())[:_QUOTES],
    )


def _topic(name: str) -> str:
    return " ".join(name.split()).strip(" .").lower()
