"""A claim as statements that can be checked one by one."""

from __future__ import annotations

from pydantic import Field

from ..question import Answer, Prompt


class Decomposition(Answer):
    """The statements of one claim.

    Attributes:
        claim: its number in the list.
        statements: each understandable alone and either true or false.
    """

    claim: int = Field(ge=0)
    statements: list[str] = Field(max_length=4)


class Decompositions(Answer):
    """One entry for each claim."""

    claims: list[Decomposition] = Field(max_length=40)


ASSERTIONS = Prompt(
    name="assertions",
    version=1,
    answer=Decompositions,
    instruction="""
The material is a numbered list of claims from a recording, each with the sentences before it where
they are needed. Rewrite each claim as one to four short statements that can be understood and
checked alone: resolve pronouns and "there", "then", "that year" from the sentences before it, and
split what asserts several things. Keep every number, date, name and hedge exactly; add nothing that
was not said, correct nothing. If the claim cannot be understood from what is given, return no
statements for it.
""",
)
