"""What became of a batch: for programs, for GitHub and as a web page."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
import uuid
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from pathlib import Path
from statistics import median
from typing import IO, TYPE_CHECKING, Any, Literal, get_args
from urllib.parse import quote

from .. import briefing
from ..briefing.markdown import escape
from ..briefing.wording import MARKS, clock, counted, one_line, safe_link
from ..errors import storage_error
from ..models.verification import Label
from ..runs import sync_folder
from .lists import Refused

if TYPE_CHECKING:
    from jinja2 import Template

Status = Literal["complete", "partial", "failed", "cancelled", "parked", "waiting"]
Outcome = Literal["complete", "partial", "failed"]

SCHEMA_VERSION = "1.0"
"""Of ``batch.json``; a new field raises the second number, any other change the first."""

_SIGNS: dict[Status, str] = {
    "complete": "✓",
    "partial": "◐",
    "failed": "✗",
    "cancelled": "⊘",
    "parked": "‖",
    "waiting": "…",
}
_TONES: dict[str, str] = {
    "complete": "supported",
    "partial": "open",
    "failed": "refuted",
    "parked": "conflicting",
    Label.SUPPORTED: "supported",
    Label.REFUTED: "refuted",
    Label.NOT_ENOUGH_EVIDENCE: "open",
    Label.CONFLICTING: "conflicting",
}
_ORDER = {label.value: place for place, label in enumerate(Label)}
_MOST_REFUSED = 200
_LONGEST = 300
_IN_TARGET = {ord(character): f"%{ord(character):02X}" for character in "[];$"}


@dataclass(frozen=True)
class Row:
    """What became of one link.

    Attributes:
        line: where it stands in the list.
        status: ``complete``; ``partial``: with a briefing in which something is missing;
            ``failed``; ``cancelled``; ``parked``: put aside after it crashed several times;
            ``waiting``: not done yet.
        title: of the recording, once it is known.
        seconds: that the work took, waiting in a queue not included.
        out: folder of its briefing; None when there is none.
        missing: stages that gave no result.
        error: why there is no briefing.
        remedy: what to do about it.
        claims: how many were found; None when nobody looked.
        verdicts: how often each of AVeriTeC's labels was given.
    """

    line: int
    url: str
    depth: str
    status: Status
    run_id: str
    title: str | None
    seconds: float | None
    out: Path | None
    missing: tuple[str, ...]
    error: str | None
    remedy: str | None
    claims: int | None
    verdicts: Mapping[str, int]


@dataclass(frozen=True)
class Totals:
    """A batch in numbers.

    Attributes:
        rows: links that were taken on.
        statuses: how many of them have each status; every status is there.
        verdicts: how often each label was given, those that occur.
        claims: found in all recordings.
        seconds: of work on all recordings; side by side, so a batch takes less.
        median: seconds of the recording in the middle; None when none has been worked on.
        repeats: links left out for having stood in the list before.
        refused: lines of the list that could not be used.
    """

    rows: int
    statuses: Mapping[Status, int]
    verdicts: Mapping[str, int]
    claims: int
    seconds: float
    median: float | None
    repeats: int
    refused: int


def exit_code_of(totals: Totals) -> Outcome:
    """How a batch went as a whole; a line that could not be used is one that was not finished.

    Returns:
        ``complete`` when everything is, also when there was nothing to do; ``failed`` when not one
        briefing came of it; else ``partial``.
    """
    complete = totals.statuses["complete"]
    if complete == totals.rows + totals.refused:
        return "complete"
    return "partial" if complete + totals.statuses["partial"] else "failed"


def write_summary(
    folder: Path,
    name: str,
    rows: Iterable[Row],
    *,
    repeats: int,
    refused: Sequence[Refused],
    began: datetime,
    ended: datetime | None,
) -> Totals:
    """Write ``batch.json``, ``batch.md`` and ``index.html``.

    Rows are read once and never held all at once. All three files are whole before the first of
    them takes the place of an older one. Briefings below the folder are linked by their relative
    path, so that both can be moved together.

    Args:
        folder: made when it is not there.
        name: of the batch, for its heading.
        rows: in the order in which they are to be shown.
        repeats: links left out for having stood in the list before.
        refused: lines of the list that could not be used.
        began: with a time zone.
        ended: with a time zone; None while the batch goes on.

    Raises:
        StorageError: the folder cannot be written; older files are as they were.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as spool, ExitStack() as files:
            totals = _spool(rows, folder, spool, repeats=repeats, refused=len(refused))
            batch = _Batch(_utf8(name), totals, tuple(refused), began, ended, spool)
            for file_name, render in (
                ("batch.json", _json),
                ("batch.md", _markdown),
                ("index.html", _html),
            ):
                file = files.enter_context(_replacing(folder / file_name))
                file.writelines(render(batch))
        sync_folder(folder)
    except OSError as error:
        raise storage_error(error, folder) from error
    return totals


@contextmanager
def _replacing(path: Path) -> Iterator[IO[str]]:
    """A file that takes the place of another one when all went well; else nothing stays of it."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with temporary.open("w", encoding="utf-8", errors="replace", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


# -- what is told --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Batch:
    """All that the files tell; ``spool`` holds one row of ``batch.json`` per line."""

    name: str
    totals: Totals
    refused: tuple[Refused, ...]
    began: datetime
    ended: datetime | None
    spool: IO[bytes]

    def lines(self) -> Iterator[bytes]:
        self.spool.seek(0)
        return iter(self.spool)

    def rows(self) -> Iterator[_Shown]:
        return (_shown(json.loads(line)) for line in self.lines())

    @property
    def outcome(self) -> str:
        """The batch in one sentence."""
        done, rows = self.totals.statuses["complete"], self.totals.rows
        if not rows:
            return "There was nothing to do."
        if done == rows:
            return "The one recording is complete." if rows == 1 else f"All {rows} are complete."
        return f"{done} of {counted(rows, 'recording')} {'is' if done == 1 else 'are'} complete."

    @property
    def facts(self) -> tuple[str, ...]:
        totals = self.totals
        facts = [counted(totals.rows, "recording"), f"begun {_moment(self.began)}"]
        if self.ended:
            facts.append(f"ended {_moment(self.ended)}")
            facts.append(f"took {clock((self.ended - self.began).total_seconds())}")
        else:
            facts.append("not ended yet")
        if totals.median is not None:
            facts.append(f"{clock(totals.seconds)} of work, {clock(totals.median)} in the middle")
        if totals.claims:
            facts.append(counted(totals.claims, "claim"))
        return tuple(facts)

    @property
    def statuses(self) -> tuple[_Count, ...]:
        return tuple(
            _Count(_SIGNS[status], number, status, _TONES.get(status, "none"))
            for status, number in self.totals.statuses.items()
            if number
        )

    @property
    def verdicts(self) -> tuple[_Count, ...]:
        return _counts(self.totals.verdicts)

    @property
    def repeated(self) -> str:
        """What was left out of the list for being in it twice; empty when nothing was."""
        if not self.totals.repeats:
            return ""
        links = counted(self.totals.repeats, "link")
        return f"{links} stood in the list before and {_was(self.totals.repeats)} left out."

    @property
    def unused(self) -> str:
        """How many lines could not be used; empty when all could."""
        if not self.refused:
            return ""
        return f"{counted(len(self.refused), 'line')} of the list could not be used."

    @property
    def unshown(self) -> str:
        """How many of them are not listed; empty when all are."""
        more = len(self.refused) - _MOST_REFUSED
        return f"{more} more {'is' if more == 1 else 'are'} in batch.json." if more > 0 else ""


@dataclass(frozen=True)
class _Count:
    """How often something occurs, with its sign and tone."""

    sign: str
    number: int
    name: str
    tone: str

    def __str__(self) -> str:
        return f"{self.sign} {self.number} {self.name}".lstrip()


@dataclass(frozen=True)
class _Shown:
    """A row in words; ``report`` and ``source`` are addresses that may be links, or None."""

    line: int
    status: _Count
    title: str
    report: str | None
    source: str | None
    url: str
    depth: str
    time: str
    claims: str
    verdicts: tuple[_Count, ...]
    missing: str
    error: str


def _shown(row: dict[str, Any]) -> _Shown:
    status = row["status"]
    error = " ".join(_cut(text) for text in (row["error"], row["remedy"]) if text)
    return _Shown(
        line=row["line"],
        status=_Count(_SIGNS[status], 1, status, _TONES.get(status, "none")),
        title=_cut(row["title"] or "") or _cut(row["url"]),
        report=row["report"],
        source=safe_link(row["url"]),
        url=_cut(row["url"]),
        depth=_cut(row["depth"]),
        time="–" if row["seconds"] is None else clock(row["seconds"]),
        claims="–" if row["claims"] is None else str(row["claims"]),
        verdicts=_counts(row["verdicts"]),
        missing=", ".join(_cut(stage) for stage in row["missing"]),
        error=error,
    )


def _spool(
    rows: Iterable[Row], folder: Path, spool: IO[bytes], *, repeats: int, refused: int
) -> Totals:
    """Keep each row as it will stand in ``batch.json``, and count."""
    statuses: Counter[Status] = Counter()
    verdicts: Counter[str] = Counter()
    claims, seconds = 0, array("d")
    for row in rows:
        told = asdict(row) | {
            "out": row.out and str(row.out),
            "report": row.out and _link(row.out / "report.html", folder),
            "verdicts": dict(row.verdicts),
        }
        line = json.dumps(told, ensure_ascii=False) + "\n"
        spool.write(line.encode(errors="replace"))
        statuses[row.status] += 1
        verdicts.update(row.verdicts)
        claims += row.claims or 0
        if row.seconds is not None:
            seconds.append(row.seconds)
    return Totals(
        rows=statuses.total(),
        statuses={status: statuses[status] for status in get_args(Status)},
        verdicts={count.name: count.number for count in _counts(verdicts)},
        claims=claims,
        seconds=sum(seconds),
        median=median(seconds) if seconds else None,
        repeats=repeats,
        refused=refused,
    )


def _counts(verdicts: Mapping[str, int]) -> tuple[_Count, ...]:
    """The labels that occur, AVeriTeC's first and in their order."""
    signs = {label.value: sign for label, sign in MARKS.items()}
    labels = sorted(verdicts, key=lambda label: (_ORDER.get(label, len(_ORDER)), label))
    return tuple(
        _Count(signs.get(label, ""), verdicts[label], label, _TONES.get(label, "none"))
        for label in labels
        if verdicts[label]
    )


def _link(path: Path, folder: Path) -> str:
    """The address of a file, as seen from a page in a folder."""
    path, folder = path.absolute(), folder.absolute()
    if path.is_relative_to(folder):
        return quote(os.fsencode(path.relative_to(folder)))
    return path.as_uri()


def _moment(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _was(number: int) -> str:
    return "was" if number == 1 else "were"


def _utf8(text: str) -> str:
    """The text without what UTF-8 cannot express."""
    return text.encode(errors="replace").decode()


def _cut(text: str) -> str:
    """The text on one line, not too long to be read."""
    line = one_line(text[: 4 * _LONGEST])
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


# -- the files -----------------------------------------------------------------------------------


def _json(batch: _Batch) -> Iterator[str]:
    head = {
        "schema_version": SCHEMA_VERSION,
        "name": batch.name,
        "began": batch.began.isoformat(),
        "ended": batch.ended and batch.ended.isoformat(),
        "outcome": exit_code_of(batch.totals),
        "totals": asdict(batch.totals),
        "refused": [asdict(refused) for refused in batch.refused],
    }
    yield json.dumps(head, ensure_ascii=False, indent=1).removesuffix("\n}") + ',\n "rows": ['
    separator = "\n  "
    for line in batch.lines():
        yield separator + line.decode().rstrip("\n")
        separator = ",\n  "
    yield "\n ]\n}\n"


def _markdown(batch: _Batch) -> Iterator[str]:
    yield f"# Batch: {escape(_cut(batch.name))}\n\n"
    yield f"**{batch.outcome}**\n\n"
    yield " · ".join(batch.facts) + "\n"
    for counts in (batch.statuses, batch.verdicts):
        if counts:
            yield "\n" + " · ".join(escape(str(count)) for count in counts) + "\n"
    for note in (batch.repeated, batch.unused):
        if note:
            yield f"\n{note}\n"
    if batch.totals.rows:
        yield "\n| Line | Status | Recording | Depth | Time | Claims | Verdicts | Remarks |\n"
        yield "| ---: | :--- | :--- | :--- | ---: | ---: | :--- | :--- |\n"
        yield from map(_markdown_row, batch.rows())
    if batch.refused:
        yield "\n## Lines that could not be used\n\n"
        for refused in batch.refused[:_MOST_REFUSED]:
            text, reason = _markdown_of(refused.text), escape(refused.reason)
            yield f"- Line {refused.line}: {text} – {reason}\n"
        if batch.unshown:
            yield f"- {batch.unshown}\n"


def _markdown_row(row: _Shown) -> str:
    title = _linked(row.title, row.report)
    if row.source:
        title += f" ({_linked('source', row.source)})"
    remarks = [f"Missing: {escape(row.missing)}."] if row.missing else []
    if row.error:
        remarks.append(escape(row.error))
    cells = (
        str(row.line),
        f"{row.status.sign} {row.status.name}",
        title,
        escape(row.depth),
        row.time,
        row.claims,
        ", ".join(escape(_cut(str(count))) for count in row.verdicts),
        " ".join(remarks),
    )
    return f"| {' | '.join(cells)} |\n"


def _linked(text: str, address: str | None) -> str:
    return f"[{escape(text)}]({address.translate(_IN_TARGET)})" if address else escape(text)


def _markdown_of(text: str) -> str:
    return f"“{escape(text)}”"


def _html(batch: _Batch) -> Iterator[str]:
    template, style = _template()
    refused = batch.refused[:_MOST_REFUSED]
    return template.generate(batch=batch, refused=refused, style=style, policy=_policy(style))


@cache
def _template() -> tuple[Template, str]:
    """The page, and its style: that of a briefing and what a batch adds to it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cut"] = _cut
    briefings = resources.files(briefing) / "templates" / "report.css"
    own = resources.files(__package__) / "templates" / "batch.css"
    style = briefings.read_text(encoding="utf-8") + own.read_text(encoding="utf-8")
    return environment.get_template("index.html"), style


def _policy(style: str) -> str:
    """Only our own style may load; nothing runs."""
    mark = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{mark}'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )
