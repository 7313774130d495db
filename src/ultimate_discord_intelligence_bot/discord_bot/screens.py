"""What the messages about a job show: its report, progress or failure, as embeds and buttons.

Everything here is a pure function of what it is told. The limits of Discord are kept by
construction: an embed adds up to at most 6000 characters, its description has at most 4096, a
field 1024, and each part has a share of its own that it cannot exceed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Literal, NamedTuple, TypeVar

import discord

from ..briefing.wording import (
    ATTITUDES,
    MARKS,
    caveats,
    clock,
    counted,
    deciding,
    gaps,
    source_facts,
    tally,
    undecided,
    unfounded_note,
)
from ..models.analysis import Claim, Fallacy, KeyPoint, Position, Quote
from ..models.report import Linked, Report
from ..models.verification import (
    DECIDED,
    Contradiction,
    Evidence,
    Label,
    Statement,
    Verdict,
)
from ..plans import Phase
from ..settings import Depth
from .chart import draw
from .text import address, escape, link, plain, size, snippet, unlinked

SHOWN = 5
"""Key points and claims of a result; claims of a page."""

_T = TypeVar("_T")
_FIRST = (Label.REFUTED, Label.CONFLICTING, Label.SUPPORTED, Label.NOT_ENOUGH_EVIDENCE)
"""The order in which a moderator wants verdicts: what may be wrong comes first."""

_WHOLE, _FIELD = 5900, 1000
"""Characters of an embed, and of a field of it."""

BLUE = discord.Colour(0x3D7DD8)
GREEN = discord.Colour(0x2E8B57)
AMBER = discord.Colour(0xC98A00)
RED = discord.Colour(0xC0392B)
GREY = discord.Colour(0x7A7F87)


# -- parts of a message --------------------------------------------------------------------------


class Action(StrEnum):
    """What a click on a button asks for."""

    OVERVIEW = "overview"
    REPORT = "report"
    TRANSCRIPT = "transcript"
    CLAIMS = "claims"
    DEEPER = "deeper"
    AGAIN = "again"
    CANCEL = "cancel"
    DELETE = "delete"


TARGET = re.compile(
    rf"autointel:(?P<action>{'|'.join(Action)}):(?P<job>[A-Za-z0-9._-]{{1,64}})"
    r":(?P<page>0|[1-9][0-9]{0,5})"
)
"""The ``custom_id`` of every button, for a ``DynamicItem``."""


class Target(NamedTuple):
    """What a button asks for, as it is written in its ``custom_id``.

    It holds no secret and proves nothing: whoever is sent a message can make up such a click, so
    the right to do what is asked is to be checked at each one.

    Attributes:
        job: id of the job on the board.
        page: counts from 0.
    """

    action: Action
    job: str
    page: int = 0

    def __str__(self) -> str:
        """The ``custom_id``.

        Raises:
            ValueError: the id of the job is none that the board gives.
        """
        text = f"autointel:{self.action}:{self.job}:{self.page}"
        if not TARGET.fullmatch(text):
            raise ValueError(f"no button can ask for {text!r}")
        return text

    @classmethod
    def parse(cls, custom_id: str) -> Target | None:
        """What is asked for; None where it is not one of ours."""
        match = TARGET.fullmatch(custom_id)
        if match is None:
            return None
        return cls(Action(match["action"]), match["job"], int(match["page"]))


@dataclass(frozen=True)
class Button:
    """A button: with a ``custom_id`` it asks the bot, with a ``url`` it opens a page."""

    label: str
    custom_id: str | None = None
    url: str | None = None
    style: Literal["primary", "secondary", "danger", "link"] = "secondary"
    disabled: bool = False


@dataclass(frozen=True)
class Attachment:
    """A file of a message; ``alt`` describes it to those who do not see it."""

    name: str
    data: bytes
    alt: str


@dataclass(frozen=True)
class Screen:
    """A whole message."""

    content: str = ""
    embeds: tuple[discord.Embed, ...] = ()
    files: tuple[Attachment, ...] = ()
    rows: tuple[tuple[Button, ...], ...] = ()


def _ask(label: str, action: Action, job: str, page: int = 0, *, disabled: bool = False) -> Button:
    style: Literal["secondary", "danger"] = "secondary"
    if action in (Action.CANCEL, Action.DELETE):
        style = "danger"
    return Button(label, str(Target(action, job, page)), style=style, disabled=disabled)


def card(title: str, text: str, colour: discord.Colour, url: str | None = None) -> discord.Embed:
    """An embed; title and text are escaped and within their limits."""
    return discord.Embed(title=title, description=text, colour=colour, url=url)


def _size(embed: discord.Embed) -> int:
    parts = [embed.title, embed.description, embed.footer.text]
    parts += [text for part in embed.fields for text in (part.name, part.value)]
    return sum(size(part) for part in parts if part)


def fitted(
    items: Sequence[_T], line: Callable[[_T, int], str], limit: int, total: int | None = None
) -> str:
    """A line for each item, together within a limit.

    The quotes become shorter, then the links go, then the last items; how many are not shown is
    told at the end.

    Args:
        items: those that may be shown.
        line: makes the line of an item, its quote in at most so many characters.
        limit: at least 330.
        total: how many there are, where only the first are given.
    """
    total = len(items) if total is None else total
    for width, kept in ((260, str), (200, str), (150, str), (110, str), (80, str), (80, unlinked)):
        text = "\n".join([kept(line(item, width)) for item in items] + _rest(total - len(items)))
        if size(text) <= limit:
            return text
    lines = [unlinked(line(item, 80)) for item in items]
    while lines:
        lines.pop()
        text = "\n".join(lines + _rest(total - len(lines)))
        if size(text) <= limit:
            return text
    return ""


def _rest(number: int) -> list[str]:
    return [f"… and {number} more"] if number > 0 else []


# -- words ---------------------------------------------------------------------------------------


def moment(start: float | None, url: str) -> str:
    """A time in a recording, with a link to it; None: a source that has no times."""
    return link("source" if start is None else clock(start), url)


def speaking(speaker: str | None) -> str:
    """Who says what follows; empty where nobody knows."""
    return f"**{snippet(speaker, 40)}**: " if speaker else ""


def spoken(text: str, width: int, *, exact: bool) -> str:
    """What somebody says, as a quote where the words can be relied on."""
    return f"“{snippet(text, width)}”" if exact else f"≈ {snippet(text, width)}"


def _quote(quote: Quote, report: Report, width: int) -> str:
    words = spoken(quote.text, width, exact=report.transcript.exact)
    return f"{_at(quote.start, report)} {speaking(quote.speaker)}{words}"


def _at(seconds: float, report: Report) -> str:
    """A moment of the recording, with a link to it where its address is one."""
    try:
        return moment(seconds, report.source.at(seconds))
    except (ValueError, OverflowError):  # an address that is none, or a time
        return clock(seconds)


def mark(label: Label) -> str:
    """A verdict, by a sign and in words."""
    return f"{MARKS[label]} **{label.value}**"


def _sure(verdict: Verdict) -> str:
    """What the confidence is, in few words; empty where there is none."""
    if verdict.confidence is None:
        return ""
    if verdict.method == "comparison":
        return f" (right in {verdict.confidence:.0%} of such cases, measured)"
    return f" ({snippet(verdict.method, 40)} calls itself {verdict.confidence:.0%} sure)"


def _verdicts(report: Report) -> dict[str, Verdict]:
    return {verdict.claim: verdict for verdict in report.verdicts or ()}


def _is_doubted(verdict: Verdict) -> bool:
    """Whether a reader should look at a claim that nothing was decided about."""
    return any(evidence.stance == "refutes" for evidence in verdict.evidence)


def _is_telling(report: Report) -> bool:
    """Whether the claims have something to say that the key points do not."""
    return any(v.label in DECIDED or _is_doubted(v) for v in report.verdicts or ())


def _ranked(report: Report) -> list[Linked[Claim]]:
    """The claims, what may be wrong first, and then by how check-worthy they are."""
    verdicts = _verdicts(report)
    places = {label: place for place, label in enumerate(_FIRST)}

    def place(linked: Linked[Claim]) -> tuple[int, bool, float]:
        verdict = verdicts.get(linked.item.id)
        if verdict is None:
            return len(places), True, -linked.item.score
        return places[verdict.label], not _is_doubted(verdict), -linked.item.score

    return sorted(report.claims or (), key=place)


# -- a result ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Links:
    """Where the buttons of a result lead.

    Attributes:
        job: id of the job on the board.
        report: address of the whole report on the web; None: the button has the file sent.
    """

    job: str
    report: str | None = None


def result(report: Report, links: Links) -> Screen:
    """A finished run: what a moderator wants to know first, first.

    It draws the chart, so call it in a thread.
    """
    url = address(report.source.url)
    embed = card(_title(report), _overview(report), _colour(report), url)
    embed.set_footer(text=_footer(report))
    files: tuple[Attachment, ...] = ()
    findings = _findings(report)
    if picture := draw(report):
        files = (Attachment("emotions.png", picture.png, picture.alt),)
        embed.set_image(url="attachment://emotions.png")
        findings["Emotions"] = lambda limit: snippet(picture.alt, min(limit, 400))
    left = len(findings)
    for name, value in findings.items():
        # What one part does not need is for the others; each has its share at least.
        room = (_WHOLE - _size(embed)) // left - len(name)
        embed.add_field(name=name, value=value(min(room, _FIELD)), inline=False)
        left -= 1
    return Screen(embeds=(embed,), files=files, rows=(_result_buttons(report, links),))


def _title(report: Report) -> str:
    return snippet(report.source.title, 250) or "Recording without a title"


def _colour(report: Report) -> discord.Colour:
    labels = {verdict.label for verdict in report.verdicts or ()}
    if report.contradictions or labels & {Label.REFUTED, Label.CONFLICTING}:
        return RED
    if report.missing:
        return AMBER
    return GREEN if Label.SUPPORTED in labels else BLUE


def _overview(report: Report) -> str:
    """The description: the verdicts in one line, what it is, then claims and key points."""
    claims, points = _claims_part(report), _points_part(report)
    findings = (claims, points) if _is_telling(report) else (points, claims)
    parts = (_headline(report), _about(report), *findings)
    return "\n\n".join(part for part in parts if part)


def _headline(report: Report) -> str:
    """What was found out about the claims, in a sentence."""
    warning = ""
    if report.missing:
        stages = snippet(", ".join(gap.stages.replace("_", " ") for gap in gaps(report)), 120)
        warning = f"⚠ **Incomplete**, without {stages}: see “Missing” below.\n"
    if report.claims is None:
        return warning + "**Nobody looked for claims.**"
    if not report.claims:
        return warning + "**No checkable claims were found.**"
    many = counted(len(report.claims), "checkable claim")
    if not report.verdicts:
        return warning + f"**{many}, none of them checked.**"
    return warning + _outcome(report, many)


def _outcome(report: Report, many: str) -> str:
    verdicts = report.verdicts or ()
    counts = dict(tally(report))
    if counts.keys() & DECIDED:
        parts = [
            f"{MARKS[label]} {counts[label]} {label.value}" for label in _FIRST if label in counts
        ]
        return f"**{' · '.join(parts)}**\n{many}, {len(verdicts)} checked."
    doubted = sum(map(_is_doubted, verdicts))
    against = f" Something speaks against {doubted} of them, see below." if doubted else ""
    return (
        f"**No claim was confirmed or refuted.**{against}\n{many}, {len(verdicts)} checked, none "
        "with enough evidence. That says nothing about whether they are true."
    )


def _about(report: Report) -> str:
    """What was analysed, and how far its words can be relied on."""
    info = report.transcript
    facts = snippet(" · ".join(source_facts(report)), 200)
    if not info.exact:
        trust = "≈ marks what a low-accuracy recogniser heard: these are not quotes."
    elif info.origin != "human captions":
        trust = "A machine wrote it: names and numbers may be wrong, listen before you quote."
    else:
        trust = "Quotes are word for word."
    told = f"{facts}\nTranscript: {escape(info.origin)}. {trust}"
    notes = " ".join((caveats(report), *report.notes)).strip()
    return f"{told}\nNote: {snippet(notes, 200)}" if notes else told


def _points_part(report: Report) -> str:
    if not report.key_points:
        return ""

    def line(point: Linked[KeyPoint], width: int) -> str:
        return f"- {_quote(point.item, report, width)}"

    total = len(report.key_points)
    return "**Key points**\n" + fitted(report.key_points[:SHOWN], line, 850, total)


def _claims_part(report: Report) -> str:
    if not report.claims:
        return ""
    verdicts = _verdicts(report)

    def line(linked: Linked[Claim], width: int) -> str:
        verdict = verdicts.get(linked.item.id)
        said = _quote(linked.item, report, width)
        if verdict is None:
            return f"- {said}{', not checked' if verdicts else ''}"
        if verdict.label in DECIDED:
            told = f"- {mark(verdict.label)}{_sure(verdict)}: {said}"
        else:
            told = f"- {said} {MARKS[verdict.label]} {verdict.label.value}"
        evidence = deciding(verdict)[:1]
        return "\n  - ".join([told, *(_evidence(found, report, width) for found in evidence)])

    telling = _is_telling(report)
    heading = "Claims, what may be wrong first" if telling else "Most check-worthy claims"
    first = _ranked(report)[:SHOWN]
    return f"**{heading}**\n" + fitted(first, line, 1750, len(report.claims))


def _evidence(evidence: Evidence, report: Report, width: int) -> str:
    """One passage: for or against, and where it is."""
    stance = {"supports": "For", "refutes": "Against", "related": "Related"}[evidence.stance]
    if evidence.source_id == report.source.id and evidence.start is not None:
        parts = [f"{moment(evidence.start, evidence.url)} in this recording"]
    else:
        parts = [link(snippet(evidence.title, 60) or "source", evidence.url)]
        if width > 80:
            finder = "heard before" if evidence.found_by == "memory" else evidence.found_by
            parts.append(snippet(evidence.publisher or finder, 40))
    if evidence.published:
        parts.append(evidence.published.isoformat())
    if width > 110:
        parts.append(snippet(evidence.reason, 90))
    return f"{stance}: {', '.join(part for part in parts if part)}"


def _findings(report: Report) -> dict[str, Callable[[int], str]]:
    """The fields: by name, what makes its text within a limit."""
    fields: dict[str, Callable[[int], str]] = {}
    if clashes := report.contradictions:
        name = f"Contradictions ({len(clashes)})"
        fields[name] = partial(fitted, clashes[:3], _clash(report), total=len(clashes))
    if fallacies := report.fallacies:
        name = f"Possible fallacies ({len(fallacies)})"
        fields[name] = partial(fitted, fallacies[:3], _fallacy(report), total=len(fallacies))
    topics: dict[str, list[Position]] = {}
    for position in report.positions or ():
        topics.setdefault(position.topic, []).append(position)
    if topics:
        first = list(topics.items())[:3]
        fields["Positions"] = partial(fitted, first, _topic(report), total=len(topics))
    lost = [f"{gap.stages}: {gap.reason} {gap.remedy}".replace("_", " ") for gap in gaps(report)]
    if note := unfounded_note(report):
        lost.append(note)
    if lost:
        fields["Missing"] = partial(fitted, lost, lambda text, width: f"- {snippet(text, width)}")
    return fields


def _clash(report: Report) -> Callable[[Contradiction, int], str]:
    def told(said: Statement, width: int) -> str:
        words = spoken(said.text, width, exact=report.transcript.exact)
        elsewhere = said.source_id != report.source.id
        where = f" in {snippet(said.title, 40)}" if elsewhere else ""
        return f"{moment(said.start, said.url)} {speaking(said.speaker)}{words}{where}"

    def line(pair: Contradiction, width: int) -> str:
        half = max(30, width // 2)
        reason = f" ({snippet(pair.reason, 90)})" if width > 100 else ""
        return f"- {told(pair.first, half)} but {told(pair.second, half)}{reason}"

    return line


def _fallacy(report: Report) -> Callable[[Linked[Fallacy], int], str]:
    def line(linked: Linked[Fallacy], width: int) -> str:
        found = linked.item
        kind = f"may be {snippet(found.label, 40)}, {found.confidence:.0%} sure"
        return f"- {_quote(found, report, width)} {kind}"

    return line


def _topic(report: Report) -> Callable[[tuple[str, list[Position]], int], str]:
    def stand(position: Position) -> str:
        who = snippet(position.speaker or "Speakers not named", 40)
        first = position.quotes[0] if position.quotes else None
        where = f" ({_at(first.start, report)})" if first else ""
        return f"{who} {ATTITUDES[position.attitude]}{where}"

    def line(topic: tuple[str, list[Position]], width: int) -> str:
        name, positions = topic
        most = 3 if width > 80 else 1
        stands = [stand(position) for position in positions[:most]]
        more = len(positions) - most
        rest = [f"{more} more"] if more > 0 else []
        return f"- **{snippet(name, 60) or 'topic'}**: {'; '.join(stands + rest)}"

    return line


def _footer(report: Report) -> str:
    """What was looked for and not found, and what a greater depth would add."""
    parts = {
        "claims checked": report.verdicts,
        "contradictions": report.contradictions,
        "fallacies": report.fallacies,
        "positions": report.positions,
        "emotions": report.emotion_timeline,
    }
    names = {missing.stage for missing in report.missing}
    none = [name for name, part in parts.items() if part is not None and not part]
    absent = [
        name
        for name, part in parts.items()
        if part is None and _STAGES.get(name, name) not in names
    ]
    told = []
    if none:
        told.append(f"Looked for and not found: {', '.join(none)}.")
    if absent:
        told.append(f"Not looked for at depth {plain(report.depth, 40)}: {', '.join(absent)}.")
    return " ".join(told) or "Every part of the report has something in it."


_STAGES = {"claims checked": "verdicts", "positions": "perspectives"}


def _result_buttons(report: Report, links: Links) -> tuple[Button, ...]:
    web = links.report and address(links.report)
    whole = (
        Button("Full report", url=web, style="link")
        if web
        else _ask("Full report", Action.REPORT, links.job)
    )
    buttons = [whole, _ask("Transcript", Action.TRANSCRIPT, links.job)]
    if report.claims:
        label = f"All {len(report.claims)} claims" if len(report.claims) > 1 else "The claim"
        buttons.append(_ask(label, Action.CLAIMS, links.job))
    if deeper := _deeper(report.depth):
        buttons.append(_ask(f"Run deeper: {deeper}", Action.DEEPER, links.job))
    return (*buttons, _ask("Delete", Action.DELETE, links.job))


def _deeper(depth: str) -> Depth | None:
    """The next depth; None where there is none."""
    order = list(Depth)
    if depth not in order[:-1]:
        return None
    return order[order.index(Depth(depth)) + 1]


def claims_page(report: Report, number: int, links: Links) -> Screen:
    """Some of the claims, with why each verdict was given.

    Args:
        report: with claims in it, or without.
        number: of the page, from 0; one that is not there shows the nearest that is.
        links: where its buttons lead.
    """
    claims = _ranked(report)
    last = max(0, (len(claims) - 1) // SHOWN)
    number = min(max(0, number), last)
    first = number * SHOWN
    verdicts = _verdicts(report)
    shown = list(enumerate(claims[first : first + SHOWN], first + 1))

    def block(entry: tuple[int, Linked[Claim]], width: int) -> str:
        place, linked = entry
        verdict = verdicts.get(linked.item.id)
        lines = [f"**{place}.** {_quote(linked.item, report, width)}"]
        lines += (
            _why(verdict, report, width)
            if verdict
            else [f"- Not checked; check-worthiness {linked.item.score:.0%}"]
        )
        if linked.item.repeats:
            times = ", ".join(clock(quote.start) for quote in linked.item.repeats[:5])
            lines.append(f"- Also said at {times}{', …' if len(linked.item.repeats) > 5 else ''}")
        return "\n".join(lines)

    text = fitted(shown, block, 4000) or "No checkable claims were found."
    embed = card(f"Claims: {snippet(report.source.title, 200)}", text, _colour(report))
    embed.set_footer(text=f"Page {number + 1} of {last + 1}. What may be wrong comes first.")
    job = links.job
    buttons = [
        _ask("Previous", Action.CLAIMS, job, max(0, number - 1), disabled=number == 0),
        _ask("Next", Action.CLAIMS, job, min(last, number + 1), disabled=number == last),
    ]
    overview = _ask("Overview", Action.OVERVIEW, job)
    return Screen(embeds=(embed,), rows=((*buttons, overview) if last else (overview,),))


def _why(verdict: Verdict, report: Report, width: int) -> list[str]:
    lines = [f"- {mark(verdict.label)}{_sure(verdict)}. {snippet(verdict.explanation, width)}"]
    most = 2 if width > 110 else 1
    for evidence in (*deciding(verdict), *undecided(verdict))[:most]:
        words = snippet(evidence.quote or evidence.passage, width)
        lines.append(f"  - {_evidence(evidence, report, width)}: “{words}”")
    return lines


# -- a run that is not done ----------------------------------------------------------------------


State = Literal["waiting", "running", "done", "reused", "incomplete", "failed"]

_SIGNS: dict[State, str] = {
    "waiting": "○",
    "running": "▸",
    "done": "✓",
    "reused": "↺",
    "incomplete": "◐",
    "failed": "✗",
}


@dataclass(frozen=True)
class PhaseState:
    """How a phase of a run stands.

    Attributes:
        state: ``reused``: done in an earlier run; ``incomplete``: a part of it gave no result.
        seconds: since it began, or that it took; None while it waits.
        fraction: 0 to 1, where that is known.
        note: what is being done, in a few words.
    """

    phase: Phase
    state: State
    seconds: float | None = None
    fraction: float | None = None
    note: str = ""


def progress(
    phases: Sequence[PhaseState],
    elapsed: float,
    estimated: float | None,
    waiting_place: int | None,
    *,
    job: str,
    name: str,
) -> Screen:
    """A run that waits or is under way.

    Args:
        phases: those of the run's depth, in their order.
        elapsed: seconds since it was asked for, or since it began where it runs.
        estimated: seconds that it will take in all; None when it cannot be told yet.
        waiting_place: how many go first while it waits; None when it runs.
        job: id of the job on the board.
        name: title of the recording, or its link while that is not known.
    """
    told = _waiting(waiting_place) if waiting_place is not None else _remaining(elapsed, estimated)
    lines = [_phase_line(state) for state in phases]
    shown = snippet(name, 200) or "recording"
    doing = "Waiting" if waiting_place is not None else "Analysing"
    embed = card(f"{doing}: {shown}", "\n".join([f"**{told}**", "", *lines]), BLUE)
    return Screen(embeds=(embed,), rows=((_ask("Cancel", Action.CANCEL, job),),))


def _waiting(ahead: int) -> str:
    if ahead <= 0:
        return "Next in line; it begins as soon as a worker is free."
    return f"{counted(ahead, 'run')} {'goes' if ahead == 1 else 'go'} first."


def _remaining(elapsed: float, estimated: float | None) -> str:
    so_far = f"{clock(elapsed)} so far"
    if estimated is None:
        return f"{so_far}; how long it takes is not known yet."
    left = estimated - elapsed
    if left < 1:
        return f"{so_far}, longer than the {clock(estimated)} expected; it should end soon."
    return f"{so_far}, about {clock(left)} left."


def _phase_line(state: PhaseState) -> str:
    parts = [f"{_SIGNS[state.state]} **{state.phase.value.capitalize()}**: {state.state}"]
    if state.state == "running" and state.fraction is not None:
        parts.append(f"{min(max(state.fraction, 0.0), 1.0):.0%}")
    if state.seconds is not None:
        parts.append(clock(state.seconds))
    if note := snippet(state.note, 120):
        parts.append(note)
    return ", ".join(parts)


def failed(message: str, remedy: str, *, job: str | None = None, name: str = "") -> Screen:
    """Something that did not work: what happened, and what to do.

    Args:
        message: what happened.
        remedy: what the reader can do.
        job: id of the job that can be tried again, where there is one.
        name: of the recording that it was about, where there is one.
    """
    about = f"{snippet(name, 300)}\n\n" if name else ""
    text = f"{about}{snippet(message, 1500)}\n\n**What to do:** {snippet(remedy, 1500)}"
    rows = (_retry(job),) if job else ()
    return Screen(embeds=(card("✗ Failed", text, RED),), rows=rows)


def _retry(job: str) -> tuple[Button, ...]:
    return _ask("Try again", Action.AGAIN, job), _ask("Delete", Action.DELETE, job)


def cancelled(name: str, *, job: str) -> Screen:
    """A run that was taken back."""
    text = f"{snippet(name, 300)}\n\nWhat was finished is kept: trying again continues there."
    return Screen(embeds=(card("⊘ Cancelled", text, GREY),), rows=(_retry(job),))


def left(name: str, *, job: str) -> Screen:
    """A run that somebody follows no longer, while it goes on for others."""
    text = f"{snippet(name, 300)}\n\nThe run goes on, since others wait for it too."
    buttons = (
        _ask("Follow it again", Action.AGAIN, job),
        _ask("Delete", Action.DELETE, job),
    )
    return Screen(embeds=(card("⊘ No longer followed", text, GREY),), rows=(buttons,))


def queue_full(waiting: int, wait: float | None = None) -> Screen:
    """No more runs are taken for now.

    Args:
        waiting: how many runs wait.
        wait: seconds after which asking again makes sense; None when that cannot be told.
    """
    when = "later" if wait is None else f"in about {_span(wait)}"
    text = (
        f"{counted(waiting, 'run')} {'waits' if waiting == 1 else 'wait'} already, and nothing was "
        f"added.\n\n**What to do:** ask again {when}."
    )
    return Screen(embeds=(card("‖ The queue is full", text, AMBER),))


def _span(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return counted(minutes, "minute") if minutes < 90 else counted(round(minutes / 60), "hour")
