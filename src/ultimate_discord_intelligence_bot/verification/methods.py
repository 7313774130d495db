"""What the fact-check says about itself, for the report."""

from __future__ import annotations

from ..models.report import Method
from ..models.verification import Verdicts
from .judgement import CONFIDENCE


def describe(verdicts: Verdicts | None) -> tuple[Method, ...]:
    """How the verdicts were reached, and where that ends; nothing where there are none."""
    if verdicts is None:
        return ()
    if verdicts.model:
        told = (
            f"The language model {verdicts.model} judged each claim by the passages that were "
            "found, and by nothing else. A verdict counts only with words cited from them, which "
            "were looked up letter by letter; without them it is Not Enough Evidence."
        )
    else:
        least = min(CONFIDENCE.values())
        told = (
            "Passages were compared with each claim: words, figures, dates and negation. Where "
            f"that was measured, at least {least:.0%} of what it found was right; it is silent "
            "about most claims, also about many that a reader of the same passages could judge."
        )
    return (
        Method(
            name="Verdicts",
            description=f"{told} What another recording says is what somebody said, not proof; "
            "see who says it, and when.",
        ),
    )
