"""``autointel search``: everything remembered, by meaning and by words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich.markup import escape

from ..briefing.wording import MARKS, clock, counted, one_line
from ..memory.ports import Mode
from ..models.memory import Hit, Record
from ..observability import configure_logging
from ..recall import Found, Passage, Question, Recall
from ..settings import Settings, load_settings
from ..stages import memory_for
from . import signals
from .terminal import orderly_exit, stderr, stdout

_HIT = ("text", "start", "end", "speaker", "source", "url", "score", "exact")
_NEIGHBOUR = ("text", "start", "end", "speaker", "url")
_MEASURES = {"dense": "likeness", "words": "BM25"}


def search(question: Question, *, as_json: bool) -> int:
    """Print the passages that fit a question best; returns the exit code."""
    with orderly_exit():
        settings = load_settings()
        configure_logging(settings)
        found, recordings = signals.run(_search(settings, question.understood()))
        if as_json:
            _print_json(found, with_context=bool(question.context))
        elif found:
            _print(found, question)
        else:
            stderr.print(_why_nothing(question, recordings))
        return 0


async def _search(settings: Settings, question: Question) -> Found:
    with memory_for(settings) as memory:
        return await Recall(memory, settings, allow_files=True).search(question)


def _print_json(found: Sequence[Passage], *, with_context: bool) -> None:
    rows: list[dict[str, Any]] = []
    for hit, before, after in found:
        row = _chosen(hit, _HIT)
        if with_context:
            row["before"] = [_chosen(record, _NEIGHBOUR) for record in before]
            row["after"] = [_chosen(record, _NEIGHBOUR) for record in after]
        rows.append(row)
    print(json.dumps(rows, ensure_ascii=False, indent=1))  # noqa: T201


def _chosen(item: Hit | Record, keys: Sequence[str]) -> dict[str, Any]:
    fields = item.model_dump(mode="json", include=set(keys))
    return {key: fields[key] for key in keys}


def _print(found: Sequence[Passage], question: Question) -> None:
    for hit, before, after in found:
        for record in before:
            stdout.print(f"  {_line(record)}", style="dim")
        stdout.print(f"{'> ' if question.context else ''}{_line(hit)}")
        for record in after:
            stdout.print(f"  {_line(record)}", style="dim")
        indent = " " * (11 if question.context else 9)
        stdout.print(f"{indent}[dim]{escape(' · '.join(_origin(hit, question.mode)))}[/]")
        if question.context:
            stdout.print()


def _line(said: Hit | Record) -> str:
    who = f"{escape(one_line(said.speaker))}: " if said.speaker else ""
    who += "" if said.exact else "≈ "
    return f"[cyan]{clock(said.start):>7}[/]  {who}{escape(one_line(said.text))}"


def _origin(hit: Hit, mode: Mode) -> list[str]:
    parts = [one_line(hit.source)]
    if hit.published:
        parts.append(hit.published.isoformat())
    if hit.verdict:
        marks = {str(label): mark for label, mark in MARKS.items()}
        parts.append(f"{marks.get(hit.verdict, '')} {one_line(hit.verdict)}".strip())
    if measure := _MEASURES.get(mode):  # a sum of reciprocal ranks tells a reader nothing
        parts.append(f"{measure} {hit.score:.2f}")
    return [*parts, one_line(hit.url)]


def _why_nothing(question: Question, recordings: int) -> str:
    if not recordings:
        return "Nothing is remembered yet. `autointel run` remembers a recording."
    where = f"Nothing found in {counted(recordings, 'recording')}"
    if question.source is not None or any(each is not None for each in question.wanted.values()):
        return (
            f"{where} with these restrictions. Leave some out; the name of a speaker is compared "
            "letter by letter."
        )
    return f"{where} with these words. `--mode hybrid` looks for their meaning as well."
