"""What the analysts say about themselves, for the report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ..models.media import primary_tag
from ..models.report import Method
from .branches import facts


def applies_to(language: str | None) -> bool:
    """Whether the analysts can judge this language: English, or unknown and so taken for it.

    Args:
        language: BCP 47 tag or ISO 639 code of the transcript.
    """
    return language is None or primary_tag(language) in {"en", "eng"}


def describe(stages: Iterable[str], models: Mapping[str, str]) -> tuple[Method, ...]:
    """How each part was made, how well that works by measurement, and where it ends.

    Args:
        stages: those whose findings are in the report.
        models: the language model that reasoned a stage, for those that one has.
    """
    done = set(stages)
    return tuple(
        Method(
            name=name, description=_reasoned(stage, models[stage]) if stage in models else tell()
        )
        for stage, (name, tell) in _METHODS.items()
        if stage in done
    )


def _reasoned(stage: str, model: str) -> str:
    """How a part was made that a language model reasoned."""
    if stage == "summary":
        return (
            f"The language model {model} read the recording stretch by stretch and wrote the "
            "sentences in its own words; each leads to what was said, and what was not found "
            "there was left out. Beside it stand sentences of the recording, word for word, chosen "
            "by the local analysts."
        )
    if stage == "fallacies":
        return (
            f"Marked by the language model {model}, with the words it means. How sure it calls "
            "itself was not measured. A mark does not say that the conclusion is false, nor that "
            "anybody meant to mislead."
        )
    return (
        f"Found by the language model {model}, which read the recording stretch by stretch; "
        "whatever it could not show in words that were said was left out."
    )


def _chapters() -> str:
    return (
        "The publisher's own chapters where there are any; otherwise the recording is cut where "
        "sentence vectors change most. Titles are key phrases of the chapter, not a summary. On 35 "
        "meetings that people had cut into as many parts, the error (Pk) was 0.34, against 0.40 "
        "for parts of equal length: a boundary may be some sentences off."
    )


def _summary() -> str:
    return (
        "Sentences of the recording, word for word, chosen so that together they are near to all "
        "of it. Nothing is put into other words, and what takes many words to say is missing."
    )


def _key_points() -> str:
    return (
        "The sentences nearest to the middle of each chapter and unlike one another, word for "
        "word. What matters but is said only once may be missing."
    )


def _claims() -> str:
    return (
        "Sentences that state something checkable, found by a classifier with "
        f"{facts('claim')['measured']}. The score is about being worth a check, not about being "
        "true."
    )


def _sentiment() -> str:
    return (
        "Wording from negative to positive, judged sentence by sentence by a classifier: "
        f"{facts('sentiment')['measured']}. Read it as a trend; single sentences are often "
        "misjudged, and irony is missed."
    )


def _emotions() -> str:
    return (
        "The emotion of the wording, not of the voice nor of the person, judged sentence by "
        f"sentence by a classifier: {facts('emotion')['measured']}. The course is smoothed over "
        "time; a peak is a place to listen to."
    )


def _fallacies() -> str:
    return (
        "Passages worded like arguments of a kind known to mislead, found by a classifier that is "
        f"silent when unsure: {facts('fallacy')['measured']}. A mark does not say that the "
        "conclusion is false, nor that anybody meant to mislead; most fallacies are not found."
    )


def _entities() -> str:
    return (
        "Names found by their spelling and use in the recording, their kind judged by a small "
        "classifier; figures found by rule. Where the transcript does not tell names by capital "
        "letters, few are found."
    )


def _perspectives() -> str:
    return (
        "Sentences on a topic by one speaker whose wording the emotion and sentiment classifiers "
        "read as favourable or critical; agreement and disagreement where speakers answer each "
        "other so. Sides that nobody took are not guessed."
    )


def _signals() -> str:
    return (
        "Counts side by side, each explained. They are not added up: a single score of trust would "
        "be made up."
    )


_METHODS: dict[str, tuple[str, Callable[[], str]]] = {
    "summary": ("Summary", _summary),
    "chapters": ("Chapters and topics", _chapters),
    "key_points": ("Key points", _key_points),
    "claims": ("Claims", _claims),
    "fallacies": ("Possible fallacies", _fallacies),
    "perspectives": ("Perspectives", _perspectives),
    "sentiment": ("Sentiment", _sentiment),
    "emotions": ("Emotions", _emotions),
    "entities": ("Names and figures", _entities),
    "signals": ("Trust signals", _signals),
}
