"""What the Markdown and the web page say alike: times, links, summaries and absences."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from ..models.analysis import (
    Claim,
    Entity,
    Fallacy,
    Position,
    SegmentSentiment,
    Signal,
)
from ..models.report import Report
from ..models.verification import Evidence, Label, Verdict

MARKS: dict[Label, str] = {
    Label.SUPPORTED: "✓",
    Label.REFUTED: "✗",
    Label.NOT_ENOUGH_EVIDENCE: "?",
    Label.CONFLICTING: "≠",
}
"""A sign for each verdict, so that colour is never the only difference."""

_FROM_DEPTH = {"verdicts": "deep", "contradictions": "comprehensive"}
_DEEPER = {
    "fallacies": "possible fallacies",
    "perspectives": "perspectives",
    "signals": "trust signals",
    "emotions": "emotions",
    "entities": "names and figures",
}
"""Parts that a depth without them does not mention, except once at the end."""

ATTITUDES = {
    "favourable": "in favour",
    "critical": "against",
    "mixed": "both in favour and against",
    "neutral": "neither in favour nor against",
}
KINDS = {
    "person": "People",
    "organisation": "Organisations",
    "place": "Places",
    "work": "Works",
    "other": "Other names",
}
NO_SCORE = "Counts side by side. They are not added up: a single score of trust would be made up."
_URL_SAFE = "%/:?#[]@!$&'*+,;=~"


def clock(seconds: float) -> str:
    """A time as readers write it: ``1:23`` or ``1:02:03``."""
    whole = int(seconds) if math.isfinite(seconds) and seconds > 0 else 0
    hours, rest = divmod(whole, 3600)
    minutes, second = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{second:02}" if hours else f"{minutes}:{second:02}"


def one_line(text: str) -> str:
    """The text on one line, without control characters and without overrides of direction."""
    shown = (
        character
        for character in text
        if (unicodedata.category(character) != "Cc" or character.isspace())
        and character not in "\u202a\u202b\u202d\u202e"
    )
    return " ".join("".join(shown).split())


def safe_link(url: str) -> str | None:
    """The address, percent-encoded where needed, when it may be clickable; else None.

    Only http, https and file addresses may: ``javascript:`` and the like never become links.
    """
    try:
        scheme = urlsplit(url).scheme.lower()
    except ValueError:
        return None
    if scheme not in ("http", "https", "file"):
        return None
    return quote(url, safe=_URL_SAFE)


def is_web(url: str) -> bool:
    """Whether the address leads to the web."""
    return url.lower().startswith(("http://", "https://"))


def source_name(report: Report) -> str:
    """What the link to the recording says: the site, or the file's name."""
    source = report.source
    name = unquote(PurePosixPath(urlsplit(source.url).path).name)
    return one_line((source.platform == "file" and name) or source.platform)


def tally(report: Report) -> tuple[tuple[Label, int], ...]:
    """How often each verdict was given, those that occur."""
    counts = Counter(verdict.label for verdict in report.verdicts or ())
    return tuple((label, counts[label]) for label in Label if counts[label])


def source_facts(report: Report) -> tuple[str, ...]:
    """What is known about the recording, apart from its title and address."""
    source = report.source
    facts = [one_line(source.uploader)] if source.uploader else []
    if source.published:
        facts.append(f"published {source.published.isoformat()}")
    facts.append(clock(report.duration))
    facts.append(f"fetched {report.acquired_at.date().isoformat()}")
    facts.append(f"depth {one_line(report.depth)}")
    return tuple(facts)


@dataclass(frozen=True)
class Gap:
    """Stages without a result for one reason; ``stages`` are their names, as a list in words."""

    stages: str
    reason: str
    remedy: str


def gaps(report: Report) -> tuple[Gap, ...]:
    """What is missing, each reason once."""
    found: dict[tuple[str, str], list[str]] = {}
    for missing in report.missing:
        why = one_line(missing.reason), one_line(missing.remedy)
        found.setdefault(why, []).append(one_line(missing.stage))
    return tuple(Gap(", ".join(stages), *why) for why, stages in found.items())


def absence(report: Report, stage: str) -> str:
    """Why a part of the report is not there, in one sentence or two."""
    for missing in report.missing:
        if missing.stage == stage:
            return f"Missing: {one_line(missing.reason)}"
    if stage in _FROM_DEPTH:
        return (
            f"Not checked at this depth ({one_line(report.depth)}). "
            f"Run again with --depth {_FROM_DEPTH[stage]} to have it done."
        )
    return "Not part of this run."


def has(report: Report, stage: str, found: object) -> bool:
    """Whether a part has a place in the briefing: it is there, or it should be."""
    return found is not None or any(missing.stage == stage for missing in report.missing)


def depth_note(report: Report) -> str | None:
    """What a greater depth would add; None when nothing."""
    found: dict[str, object] = {
        "fallacies": report.fallacies,
        "perspectives": report.positions,
        "signals": report.signals,
        "emotions": report.emotion_timeline,
        "entities": report.entities,
    }
    absent = [_DEEPER[stage] for stage, part in found.items() if not has(report, stage, part)]
    if not absent:
        return None
    return (
        f"Not looked for at this depth ({one_line(report.depth)}): {', '.join(absent)}. "
        "Run again with --depth deep to have it done."
    )


def transcript_note(report: Report) -> str:
    """How the transcript came about and how far to trust it."""
    info = report.transcript
    made = f"The transcript comes from {one_line(info.origin)}"
    if info.model:
        made += f" (model {one_line(info.model)})"
    made += f", {len(info.segments)} sentences"
    made += f", language {one_line(info.language)}." if info.language else "."
    if info.origin != "human captions":
        made += " A machine wrote it: names and numbers may be wrong, listen before you quote."
    return made


def caveats(report: Report) -> str:
    """What a reader must know before reading on; empty when there is nothing."""
    return " ".join(one_line(note) for note in report.transcript.notes)


def fidelity_note(report: Report) -> str:
    """What the words shown are: verbatim, or not."""
    if report.transcript.exact:
        return "Every quote was compared with the transcript and is verbatim in it."
    return "No words here are a quote: they are what a low-accuracy recogniser heard (≈)."


def unfounded_note(report: Report) -> str | None:
    """How many findings were left out for not being verbatim; None when none were."""
    if not report.unfounded:
        return None
    findings = "finding was" if report.unfounded == 1 else "findings were"
    return f"{report.unfounded} {findings} left out: the words are not verbatim in the transcript."


@dataclass(frozen=True)
class Mood:
    """The sentiment of a recording in words.

    Attributes:
        summary: one sentence.
        highest, lowest: the most positive and most negative moment, None when there is none.
    """

    summary: str
    highest: SegmentSentiment | None
    lowest: SegmentSentiment | None


def mood(report: Report) -> Mood:
    """Sum up ``Report.sentiment``; call it only when that is not None."""
    entries = report.sentiment or ()
    if not entries:
        return Mood("No sentences to judge.", None, None)
    mean = report.sentiment_mean or 0.0
    tone = "positive" if mean > 0.15 else "negative" if mean < -0.15 else "balanced"
    counts = Counter(entry.label for entry in entries)
    summary = (
        f"On the whole {tone}: mean {signed(mean)} on a scale from −1 (negative) to +1 (positive). "
        f"{counts['positive']} sentences are positive, {counts['neutral']} neutral, "
        f"{counts['negative']} negative."
    )
    highest = max(entries, key=lambda entry: entry.value)
    lowest = min(entries, key=lambda entry: entry.value)
    return Mood(
        summary, highest if highest.value > 0 else None, lowest if lowest.value < 0 else None
    )


def confidence(fallacy: Fallacy) -> str:
    """How sure the analyst is, in words that do not accuse."""
    return f"may be {one_line(fallacy.label)}, {fallacy.confidence:.0%} sure"


def deciding(verdict: Verdict) -> tuple[Evidence, ...]:
    """The evidence that says something about the claim."""
    return tuple(e for e in verdict.evidence if e.stance != "related")


def undecided(verdict: Verdict) -> tuple[Evidence, ...]:
    """The evidence that is about the same and settles nothing."""
    return tuple(e for e in verdict.evidence if e.stance == "related")


def sureness(verdict: Verdict) -> str:
    """What the confidence of a verdict means, in one sentence; empty where there is none."""
    if verdict.confidence is None:
        return ""
    if verdict.method == "comparison":
        return (
            "Found by comparing words and figures; where it was measured, "
            f"{verdict.confidence:.0%} of such findings were right about what the evidence says."
        )
    return (
        f"Judged by {one_line(verdict.method)} from this evidence alone; it calls itself "
        f"{verdict.confidence:.0%} sure, which nobody has measured."
    )


def provenance(evidence: Evidence) -> str:
    """Where and how a passage was found, and of what day it is."""
    parts = []
    if evidence.published:
        parts.append(evidence.published.isoformat())
    parts.append(f"found in {one_line(evidence.found_by)}")
    if evidence.retrieved:
        parts[-1] += f" on {evidence.retrieved.isoformat()}"
    if evidence.publisher and evidence.publisher != evidence.found_by:
        parts.append(one_line(evidence.publisher))
    if evidence.rating:
        parts.append(f"fact-checkers rated it “{one_line(evidence.rating)}”")
    parts.append(f"similarity {evidence.similarity:.2f}")
    return ", ".join(parts)


def cited(evidence: Evidence) -> list[tuple[str, bool]]:
    """The passage in pieces, each with whether these are the words that were cited."""
    passage, quote = one_line(evidence.passage), one_line(evidence.quote)
    at = passage.casefold().find(quote.casefold()) if quote else -1
    if at < 0 or len(passage.casefold()) != len(passage):
        return [(passage, False)]
    end = at + len(quote)
    pieces = [(passage[:at], False), (passage[at:end], True), (passage[end:], False)]
    return [piece for piece in pieces if piece[0]]


def tags(claim: Claim) -> tuple[str, ...]:
    """What a claim is about and which figures it gives, each once."""
    found = (*claim.subjects, *(quantity.text for quantity in claim.quantities))
    return tuple(dict.fromkeys(one_line(text) for text in found))


def share_of(signal: Signal) -> str:
    """A count and what it is out of: ``3 of 40 (8%)``."""
    if not signal.of:
        return "nothing to count"
    return f"{signal.count} of {signal.of} ({signal.count / signal.of:.0%})"


def by_kind(entities: Sequence[Entity]) -> tuple[tuple[str, tuple[Entity, ...]], ...]:
    """Names under the heading of their kind, those kinds that occur."""
    return tuple(
        (title, found)
        for kind, title in KINDS.items()
        if (found := tuple(entity for entity in entities if entity.kind == kind))
    )


def by_topic(positions: Sequence[Position]) -> tuple[tuple[str, tuple[Position, ...]], ...]:
    """Positions under their topic, in the order of the topics."""
    topics = dict.fromkeys(position.topic for position in positions)
    return tuple(
        (topic, tuple(position for position in positions if position.topic == topic))
        for topic in topics
    )


def signed(value: float) -> str:
    """Two decimals with a real minus sign, e.g. ``−0.21``."""
    return f"{value:+.2f}".replace("-", "−")


def counted(number: int, noun: str) -> str:
    """``1 claim``, ``2 claims``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
