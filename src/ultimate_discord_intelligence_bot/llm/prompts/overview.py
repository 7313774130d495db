"""The recording as a whole, from the points of its stretches."""

from __future__ import annotations

from pydantic import Field

from ..question import Answer, Prompt


class Sentence(Answer):
    """One sentence of the overview.

    Attributes:
        text: in the model's words.
        points: numbers of the points it rests on.
    """

    text: str = Field(min_length=1, max_length=500)
    points: list[int] = Field(min_length=1, max_length=8)


class OverviewAnswer(Answer):
    """What the recording is about and what is said in it."""

    sentences: list[Sentence] = Field(max_length=12)


OVERVIEW = Prompt(
    name="overview",
    version=1,
    answer=OverviewAnswer,
    instruction="""
The material is a numbered list of points from the whole recording, in order of time. Write an
overview of the recording in at most {most} sentences: what it is about, what is argued by whom,
and what it comes to. Cover the beginning, the middle and the end. Give for each sentence the
numbers of the points it rests on; a sentence that rests on none must not be written. Keep
attributions: what somebody claims is not a fact.
""",
)
