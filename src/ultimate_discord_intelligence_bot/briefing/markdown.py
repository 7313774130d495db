"""The briefing as Markdown, for the terminal and for GitHub."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sized

from ..models.analysis import Claim, Quote
from ..models.report import Report
from ..models.verification import Evidence, Statement, Verdict
from .wording import (
    ATTITUDES,
    MARKS,
    NO_SCORE,
    absence,
    by_kind,
    by_topic,
    caveats,
    clock,
    confidence,
    counted,
    deciding,
    depth_note,
    fidelity_note,
    gaps,
    has,
    mood,
    one_line,
    provenance,
    safe_link,
    share_of,
    signed,
    source_facts,
    source_name,
    sureness,
    tally,
    transcript_note,
    undecided,
    unfounded_note,
)

_MOST_NAMES = 15
_ACTIVE = re.compile(r"([\\`*_\[\]<>|~$&])")
_AUTOLINK = re.compile(r"(?i)\b(https?|ftp|www)([:.])")


def escape(text: str) -> str:
    """The text on one line, so that nothing in it is Markdown, HTML, a link or a formula.

    It does not guard against block marks (``#``, ``-``, ``1.``): never put it first on a line.
    """
    return _AUTOLINK.sub(r"\1\\\2", _ACTIVE.sub(r"\\\1", one_line(text)))


def render_markdown(report: Report) -> str:
    """The whole briefing."""
    parts = [
        _head(report),
        _summary(report),
        _key_points(report),
        _chapters(report),
        _claims(report),
        _contradictions(report),
        _fallacies(report),
        _perspectives(report),
        _signals(report),
        _sentiment(report),
        _emotions(report),
        _names(report),
        _missing(report),
        _methods(report),
    ]
    return "\n".join(line for part in parts for line in part).rstrip() + "\n"


def _head(report: Report) -> Iterator[str]:
    yield f"# Briefing: {escape(report.source.title)}"
    yield ""
    address = safe_link(report.source.url)
    name = escape(source_name(report))
    place = f"[{name}]({_target(address)})" if address else name
    yield " · ".join(["Source: " + place, *(escape(fact) for fact in source_facts(report))])
    if report.missing:
        yield ""
        names = ", ".join(escape(missing.stage) for missing in report.missing)
        yield f"**This briefing is incomplete:** {names}. See “What is missing”."
    if report.notes:
        yield ""
        yield "**Done in another way than asked:**"
        yield ""
        yield from (f"- {escape(note)}" for note in report.notes)
    if caveat := caveats(report):
        yield ""
        yield f"**About the transcript:** {escape(caveat)}"
    yield ""


def _heading(report: Report, title: str, stage: str, found: Sized | None) -> Iterator[str]:
    """The title of a part, and what to say where there is nothing to list."""
    yield f"## {title}"
    yield ""
    if found is None:
        yield absence_text(report, stage)
    elif not found:
        yield "None found."


def _summary(report: Report) -> Iterator[str]:
    yield from _heading(report, "Summary", "summary", report.summary)
    exact = report.transcript.exact
    if report.abstract:
        model = report.models.get("summary", "a language model")
        yield f"In the words of {escape(model)}; every sentence leads to what was said:"
        yield ""
    for sentence in report.abstract or ():
        moments = (_moment(quote.start, report.source.at(quote.start)) for quote in sentence.quotes)
        yield f"- {escape(sentence.text)} ({', '.join(moments)})"
    if report.abstract and report.summary:
        yield ""
        yield "In the recording's own sentences:"
        yield ""
    for linked in report.summary or ():
        item = linked.item
        yield f"- {_quote(item.start, linked.url, item.speaker, item.text, exact=exact)}"
    yield ""


def _key_points(report: Report) -> Iterator[str]:
    yield from _heading(report, "Key points", "key_points", report.key_points)
    exact = report.transcript.exact
    for point in report.key_points or ():
        item = point.item
        yield f"- {_quote(item.start, point.url, item.speaker, item.text, exact=exact)}"
    yield ""


def _chapters(report: Report) -> Iterator[str]:
    yield from _heading(report, "Chapters", "chapters", report.chapters)
    for chapter in report.chapters or ():
        item = chapter.item
        about = f" ({escape(', '.join(item.phrases))})" if item.phrases else ""
        yield f"- {_moment(item.start, chapter.url)} **{escape(item.title)}**{about}"
    yield ""
    if report.topics:
        shares = (f"{escape(topic.label)} ({topic.share:.0%})" for topic in report.topics)
        yield f"Topics by speaking time: {', '.join(shares)}."
        yield ""


def _claims(report: Report) -> Iterator[str]:
    yield "## Claims"
    yield ""
    if report.claims is None:
        yield absence_text(report, "claims")
        yield ""
        return
    yield f"{counted(len(report.claims), 'checkable claim')} found."
    if report.verdicts is None:
        yield absence_text(report, "verdicts")
    elif report.verdicts:
        counts = (f"{MARKS[label]} {number} {label.value}" for label, number in tally(report))
        yield f"Verdicts: {', '.join(counts)}."
    yield ""
    verdicts = {verdict.claim: verdict for verdict in report.verdicts or ()}
    for number, claim in enumerate(report.claims, 1):
        quote = _quote(
            claim.item.start,
            claim.url,
            claim.item.speaker,
            claim.item.text,
            exact=report.transcript.exact,
        )
        yield f"{number}. {quote}"
        indent = " " * (len(str(number)) + 2)
        yield from (indent + line for line in _about(claim.item, report))
        if report.verdicts is not None:
            verdict = verdicts.get(claim.item.id)
            yield from (indent + line for line in _verdict(claim.item, verdict))
    yield ""


def _about(claim: Claim, report: Report) -> Iterator[str]:
    """What a claim needs to be understood, and when it was said again."""
    if claim.context:
        yield f"- Before it: {' '.join(f'“{escape(quote.text)}”' for quote in claim.context)}"
    if claim.repeats:
        times = (_moment(quote.start, report.source.at(quote.start)) for quote in claim.repeats)
        yield f"- Also said at {', '.join(times)}"


def _verdict(claim: Claim, verdict: Verdict | None) -> Iterator[str]:
    if verdict is None:
        yield f"- Not checked: its check-worthiness is {claim.score:.0%}."
        return
    for evidence in (*deciding(verdict), *undecided(verdict)):
        yield f"- Evidence, {_evidence(evidence)}"
    for part in verdict.parts:
        yield f"- Part: {escape(part.text)} {MARKS[part.label]} {part.label.value}"
    yield f"- {MARKS[verdict.label]} **{verdict.label.value}.** {escape(verdict.explanation)}"
    if sure := sureness(verdict):
        yield f"- {escape(sure)}"
    if verdict.earlier:
        day = f", on {verdict.checked.isoformat()}" if verdict.checked else ""
        yield f"- Checked before{day}, in {escape(verdict.earlier.title)}."


def _evidence(evidence: Evidence) -> str:
    where = [escape(evidence.title), escape(provenance(evidence))]
    reason = f" {escape(evidence.reason)}." if evidence.reason else ""
    if evidence.quote:
        reason += f" Cited: “{escape(evidence.quote)}”."
    quote = _quote(evidence.start, evidence.url, evidence.speaker, evidence.passage)
    return f"{evidence.stance}: {quote} ({', '.join(where)}){reason}"


def _contradictions(report: Report) -> Iterator[str]:
    yield from _heading(report, "Contradictions", "contradictions", report.contradictions)
    for clash in report.contradictions or ():
        yield f"- Reason: {escape(clash.reason)}"
        for statement in (clash.first, clash.second):
            yield f"  - {_statement(statement, report)}"
    yield ""


def _statement(statement: Statement, report: Report) -> str:
    quote = _quote(statement.start, statement.url, statement.speaker, statement.text)
    elsewhere = statement.source_id != report.source.id
    return f"{quote} (in {escape(statement.title)})" if elsewhere else quote


def _said(quote: Quote, report: Report) -> str:
    url = report.source.at(quote.start)
    exact = report.transcript.exact
    return _quote(quote.start, url, quote.speaker, quote.text, exact=exact)


def _fallacies(report: Report) -> Iterator[str]:
    if not has(report, "fallacies", report.fallacies):
        return
    yield from _heading(report, "Possible fallacies", "fallacies", report.fallacies)
    for linked in report.fallacies or ():
        found = linked.item
        yield f"- {_said(found, report)}"
        yield f"  - {escape(confidence(found))}: {escape(found.explanation)}"
    yield ""


def _perspectives(report: Report) -> Iterator[str]:
    if not has(report, "perspectives", report.positions):
        return
    yield from _heading(report, "Perspectives", "perspectives", report.positions)
    for topic, positions in by_topic(report.positions or ()):
        yield f"- **{escape(topic)}**"
        for position in positions:
            speaker = escape(position.speaker or "Speakers not named")
            yield f"  - {speaker}, {ATTITUDES[position.attitude]}"
            yield from (f"    - {_said(quote, report)}" for quote in position.quotes)
    for exchange in report.exchanges or ():
        yield f"- {exchange.kind.capitalize()}: {escape(exchange.reason)}"
        yield from (f"  - {_said(quote, report)}" for quote in (exchange.first, exchange.second))
    yield ""


def _signals(report: Report) -> Iterator[str]:
    if not has(report, "signals", report.signals):
        return
    yield from _heading(report, "Trust signals", "signals", report.signals)
    if report.signals:
        yield NO_SCORE
        yield ""
    for signal in report.signals or ():
        yield f"- **{escape(signal.name)}: {share_of(signal)}.** {escape(signal.explanation)}"
        yield from (f"  - {_said(quote, report)}" for quote in signal.examples)
    yield ""


def _emotions(report: Report) -> Iterator[str]:
    if not has(report, "emotions", report.emotion_timeline):
        return
    yield from _heading(report, "Emotions", "emotions", report.emotion_peaks)
    for linked in report.emotion_peaks or ():
        peak = linked.item
        yield f"- {peak.emotion.capitalize()} ({escape(peak.label)}): {_said(peak, report)}"
    yield ""


def _names(report: Report) -> Iterator[str]:
    if not has(report, "entities", report.entities):
        return
    yield from _heading(report, "Names", "entities", report.entities)
    for title, entities in by_kind(report.entities or ()):
        shown = (
            f"{escape(entity.name)} ({len(entity.mentions)}×, first at "
            f"{_moment(entity.mentions[0].start, report.source.at(entity.mentions[0].start))})"
            for entity in entities[:_MOST_NAMES]
        )
        more = len(entities) - _MOST_NAMES
        rest = f" and {more} more" if more > 0 else ""
        yield f"- **{title}:** {', '.join(shown)}{rest}"
    yield ""


def _sentiment(report: Report) -> Iterator[str]:
    yield "## Sentiment"
    yield ""
    if report.sentiment is None:
        yield absence_text(report, "sentiment")
        yield ""
        return
    summed = mood(report)
    yield escape(summed.summary)
    segments = report.transcript.segments
    for name, extreme in (("positive", summed.highest), ("negative", summed.lowest)):
        if extreme is None or extreme.segment >= len(segments):
            continue
        said = segments[extreme.segment]
        url = report.source.at(said.start)
        yield ""
        yield (
            f"Most {name} ({signed(extreme.value)}): "
            f"{_quote(said.start, url, said.speaker, said.text, exact=report.transcript.exact)}"
        )
    yield ""


def _missing(report: Report) -> Iterator[str]:
    yield "## What is missing"
    yield ""
    note = unfounded_note(report)
    if not report.missing and note is None:
        yield "Nothing: every stage of this run gave a result."
    for gap in gaps(report):
        yield f"- **{escape(gap.stages)}**: {escape(gap.reason)} {escape(gap.remedy)}"
    if note:
        yield f"- {escape(note)}"
    yield ""


def _methods(report: Report) -> Iterator[str]:
    yield "## How this briefing was made"
    yield ""
    yield f"- {escape(transcript_note(report))}"
    for method in report.methods:
        yield f"- **{escape(method.name)}**: {escape(method.description)}"
    if report.sources:
        asked = escape(", ".join(report.sources))
        yield f"- Evidence was sought in {asked}, and in everything remembered."
    if report.remembered:
        yield f"- Remembered in {escape('; '.join(report.remembered))}."
    if note := depth_note(report):
        yield f"- {escape(note)}"
    yield f"- {escape(fidelity_note(report))}"
    yield f"- Run {escape(report.run_id)}, report schema {report.schema_version}."


def absence_text(report: Report, stage: str) -> str:
    """The absence of a part as a Markdown line."""
    return f"_{escape(absence(report, stage))}_"


def _quote(
    start: float | None, url: str, speaker: str | None, text: str, *, exact: bool = True
) -> str:
    who = f" **{escape(speaker)}**:" if speaker else ""
    words = f"“{escape(text)}”" if exact else f"≈ {escape(text)}"
    return f"{_moment(start, url)}{who} {words}"


def _moment(start: float | None, url: str) -> str:
    label = "source" if start is None else clock(start)
    address = safe_link(url)
    return f"[{label}]({_target(address)})" if address else label


def _target(address: str) -> str:
    """A link target that no Markdown reader ends early or decodes."""
    for character in "[];$":
        address = address.replace(character, f"%{ord(character):02X}")
    return address
