"""What the analysts say about themselves, for the report."""

from __future__ import annotations

from ..models.media import primary_tag
from ..models.report import Method
from .head import load_head


def applies_to(language: str | None) -> bool:
    """Whether the analysts can judge this language: English, or unknown and so taken for it.

    Args:
        language: BCP 47 tag or ISO 639 code of the transcript.
    """
    return language is None or primary_tag(language) in {"en", "eng"}


def describe() -> tuple[Method, ...]:
    """How each part was made, how well that works by measurement, and where it ends."""
    claims, sentiment = load_head("claims"), load_head("sentiment")
    return (
        Method(
            name="Chapters and topics",
            description=(
                "The publisher's own chapters where there are any; otherwise the recording is cut "
                "where sentence vectors change most. Titles are key phrases of the chapter, not "
                "a summary. On 35 meetings that people had cut into as many parts, the error (Pk) "
                "was 0.34, against 0.40 for parts of equal length: a boundary may be some "
                "sentences off."
            ),
        ),
        Method(
            name="Key points",
            description=(
                "The sentences nearest to the middle of each chapter and unlike one another, word "
                "for word. What matters but is said only once may be missing."
            ),
        ),
        Method(
            name="Claims",
            description=(
                "Sentences that state something checkable, found by a classifier with "
                f"{claims.measured}. The score is about being worth a check, not about being true."
            ),
        ),
        Method(
            name="Sentiment",
            description=(
                "Wording from negative to positive, judged sentence by sentence by a classifier: "
                f"{sentiment.measured}. Read it as a trend; single sentences are often misjudged, "
                "and irony is missed."
            ),
        ),
    )
