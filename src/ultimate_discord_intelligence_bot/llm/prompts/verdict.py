"""One statement weighed against passages."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..call import Priority
from ..question import Answer, Prompt


class Citation(Answer):
    """Words of a passage that bear on the statement.

    Attributes:
        passage: its number.
        quote: from it, verbatim.
        stance: what the words do to the statement.
    """

    passage: int = Field(ge=0)
    quote: str = Field(min_length=1, max_length=800)
    stance: Literal["supports", "refutes"]


class Weighing(Answer):
    """What the passages, and nothing else, say about the statement.

    Attributes:
        confidence: that a careful reader of the same passages comes to the same label, 0 to 1.
        explanation: one or two sentences.
    """

    label: Literal[
        "Supported", "Refuted", "Not Enough Evidence", "Conflicting Evidence/Cherrypicking"
    ]
    citations: list[Citation] = Field(max_length=8)
    confidence: float = Field(ge=0, le=1)
    explanation: str = Field(min_length=1, max_length=600)


VERDICT = Prompt(
    name="verdict",
    version=1,
    answer=Weighing,
    instruction="""
The first material is a statement somebody made. The second is a numbered list of passages that
were found about it, with source and date. Judge the statement by these passages only; what you
know besides does not count, and neither does how confident a passage sounds.

Supported: passages state it, numbers, dates and names included. Refuted: passages state something
that cannot be true together with it. Conflicting Evidence/Cherrypicking: reliable passages stand on
both sides, or it is true only by leaving out what matters. Not Enough Evidence: everything else,
also when passages are merely about the same subject; this is a good answer. Consider whether a
passage speaks of the same time, place and quantity as the statement. Cite the words that decide;
without a citation the label is Not Enough Evidence.
""",
    answer_tokens=1_200,
    priority=Priority.JUDGEMENT,
)
