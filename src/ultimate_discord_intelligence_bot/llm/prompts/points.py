"""What is said in one stretch of a recording, point by point."""

from __future__ import annotations

from pydantic import Field

from ..question import Answer, Prompt


class Point(Answer):
    """One thing that is said.

    Attributes:
        statement: in the model's words, one sentence.
        quote: the words it rests on, verbatim, from one segment.
        segment: number of that segment.
    """

    statement: str = Field(min_length=1, max_length=400)
    quote: str = Field(min_length=1, max_length=600)
    segment: int = Field(ge=0)


class Points(Answer):
    """What a stretch says, in order."""

    points: list[Point] = Field(max_length=12)


POINTS = Prompt(
    name="points",
    version=1,
    answer=Points,
    instruction="""
The material is a stretch of a transcript. Each line begins with the number of its segment in
brackets and, where it is known, the speaker.

Tell what is said in it in at most {most} points that matter to somebody who will not listen to
it. Attribute opinions and claims to who says them ("Ada says that …"); never present them as
facts. Give for each point the segment it rests on and a quote from that segment.
""",
)
