"""Arguments that mislead, in one stretch of a recording."""

from __future__ import annotations

from pydantic import Field

from ..question import Answer, Prompt


class FallacyFound(Answer):
    """One fallacious passage.

    Attributes:
        kind: one of the kinds that the instruction lists.
        segment, last: first and last segment of the passage.
        quote: from the passage, verbatim.
        confidence: 0 to 1.
        explanation: what is wrong with this very argument, one sentence.
    """

    kind: str = Field(max_length=60)
    segment: int = Field(ge=0)
    last: int = Field(ge=0)
    quote: str = Field(min_length=1, max_length=600)
    confidence: float = Field(ge=0, le=1)
    explanation: str = Field(min_length=1, max_length=400)


class FallaciesFound(Answer):
    """All that were found; usually none or few."""

    fallacies: list[FallacyFound] = Field(max_length=20)


FALLACIES = Prompt(
    name="fallacies",
    version=1,
    answer=FallaciesFound,
    instruction="""
The material is a stretch of a transcript; each line begins with the number of its segment in
brackets. Find passages in which somebody argues in a way known to mislead. Most speech holds none:
a false alarm harms more than a miss. Somebody who quotes, names or rejects a fallacy does not
commit it; a strong opinion, a joke or a mistake of fact is none.

Kinds, to be named exactly like this:
{kinds}
""",
)
