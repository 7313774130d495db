"""Who holds what, in one stretch of a recording."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..question import Answer, Prompt


class PositionFound(Answer):
    """What somebody holds on a topic.

    Attributes:
        attitude: of the speaker to the topic.
        segment: that shows it.
        quote: from that segment, verbatim.
    """

    topic: str = Field(min_length=1, max_length=80)
    attitude: Literal["favourable", "critical", "mixed", "neutral"]
    segment: int = Field(ge=0)
    quote: str = Field(min_length=1, max_length=600)


class ExchangeFound(Answer):
    """Two speakers who agree or disagree.

    Attributes:
        first, second: segments of the two, in order of time.
        reason: what tells it, one clause.
    """

    kind: Literal["agreement", "disagreement"]
    topic: str = Field(min_length=1, max_length=80)
    first: int = Field(ge=0)
    second: int = Field(ge=0)
    reason: str = Field(min_length=1, max_length=200)


class PerspectivesFound(Answer):
    """Positions and exchanges of the stretch; both may be empty."""

    positions: list[PositionFound] = Field(max_length=24)
    exchanges: list[ExchangeFound] = Field(max_length=12)


PERSPECTIVES = Prompt(
    name="perspectives",
    version=1,
    answer=PerspectivesFound,
    instruction="""
The first material is a stretch of a transcript; each line begins with the number of its segment in
brackets and, where it is known, the speaker. The second is a list of topics. Find who holds which
position on what, and where two different speakers agree or disagree with each other.

A position needs words that show it; do not infer what somebody must think. Reporting what others
think is not holding it. Take the topic from the list where one fits, otherwise name it in two or
three words.
""",
)
