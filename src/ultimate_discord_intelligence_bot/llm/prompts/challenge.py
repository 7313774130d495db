"""What speaks against a verdict."""

from __future__ import annotations

from pydantic import Field

from ..call import Priority
from ..question import Answer, Prompt
from .verdict import Citation


class Challenge(Answer):
    """The strongest case against a verdict.

    Attributes:
        counter: words that speak against it; none when nothing does.
        explanation: one or two sentences.
    """

    counter: list[Citation] = Field(max_length=6)
    explanation: str = Field(min_length=1, max_length=600)


CHALLENGE = Prompt(
    name="challenge",
    version=1,
    answer=Challenge,
    instruction="""
The first material is a statement and the verdict that was reached on it ({label}). The second is a
numbered list of passages from a wider search. You are the challenger: find the words in these
passages that speak against the verdict. Only words that really contradict it count: another time,
another place, another quantity or a mere doubt does not. Use what the passages say and nothing
else. If nothing speaks against it, return an empty list; that is a good answer.
""",
    answer_tokens=1_000,
    priority=Priority.JUDGEMENT,
)
