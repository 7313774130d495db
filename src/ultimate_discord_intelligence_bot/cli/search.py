"""``autointel search``: everything remembered, by meaning and by words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rich.markup import escape

from ..briefing.wording import MARKS, clock, counted, one_line
from ..embedding import load_embedder
from ..errors import InputError
from ..memory import SearchFilter
from ..memory.bm25 import query
from ..memory.ports import Mode
from ..memory.ranking import APART
from ..models.memory import Hit, Record
from ..models.verification import Label
from ..observability import configure_logging
from ..settings import Settings, load_settings
from ..stages import memory_for
from .recordings import recording_id
from .terminal import orderly_exit, stderr, stdout

_LONGEST = 2_000
"""Characters of a question; the embedder reads about as many."""

_HIT = ("text", "start", "end", "speaker", "source", "url", "score", "exact")
_NEIGHBOUR = ("text", "start", "end", "speaker", "url")
_MEASURES = {"dense": "likeness", "words": "BM25"}


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
        source: id, link or title of the only recording that is searched.
        context: how many segments are shown before and after each hit.
    """

    words: str
    mode: Mode = "hybrid"
    limit: int = 10
    context: int = 0
    source: str | None = None
    wanted: SearchFilter = field(default_factory=lambda: SearchFilter())


class Shown(NamedTuple):
    """A hit with what was said before and after it."""

    hit: Hit
    before: list[Record]
    after: list[Record]


def search(request: Request, *, as_json: bool) -> int:
    """Print the passages that fit a question best; returns the exit code."""
    with orderly_exit():
        settings = load_settings()
        configure_logging(settings.log_level)
        words, wanted = _looked_for(request), _understood(request.wanted)
        found, recordings = asyncio.run(_search(settings, request, words, wanted))
        if as_json:
            _print_json(found, with_context=bool(request.context))
        elif found:
            _print(found, request)
        else:
            stderr.print(_why_nothing(request, recordings))
        return 0


def _looked_for(request: Request) -> str:
    """The words without what cannot be looked for: control characters, halves of characters."""
    words = one_line(request.words.encode("utf-8", "ignore").decode())
    if not any(map(str.isalnum, words)):
        raise InputError("There is nothing to look for.", 'Say it in words: search "rent cap".')
    if len(words) > _LONGEST:
        raise InputError(
            f"These are {len(words):,} characters; a search takes {_LONGEST:,}.",
            "Say in a sentence or two what you look for.",
        )
    if request.mode == "words" and not query(words):
        raise InputError(
            "Words alone find nothing here: these say too little.",
            "Use others, or leave out --mode words.",
        )
    return words


def _understood(wanted: SearchFilter) -> SearchFilter:
    """Verdict and language as the records have them."""
    understood = wanted.copy()
    if language := wanted.get("language"):
        understood["language"] = language.strip().lower()
    if verdict := wanted.get("verdict"):
        folded = verdict.strip().casefold()
        labels = [label.value for label in Label if label.value.casefold().startswith(folded)]
        if not folded or len(labels) != 1:
            raise InputError(
                f"“{verdict}” is no verdict.", f"Use one of: {', '.join(label for label in Label)}."
            )
        understood["verdict"] = labels[0]
    return understood


async def _search(
    settings: Settings, request: Request, words: str, wanted: SearchFilter
) -> tuple[list[Shown], int]:
    """What is found, and in how many recordings it was looked for."""
    tenant = settings.tenant
    with memory_for(settings) as memory:
        recordings = len(await memory.remembered(tenant))
        if not recordings:
            return [], 0
        if request.source is not None:
            wanted["source"] = await recording_id(memory, settings, request.source)
        vector = None
        if request.mode != "words":
            vector = (await asyncio.to_thread(load_embedder().encode, [words]))[0]
        hits = await memory.search(
            vector,
            tenant=tenant,
            limit=request.limit,
            mode=request.mode,
            text=words,
            # Claims are short and few: of two that are near each other both are wanted.
            apart=0 if wanted.get("kind") == "claim" else max(APART, 2 * request.context + 1),
            **wanted,
        )
        near: list[list[Record]] = [[] for _ in hits]
        if request.context:
            near = await memory.neighbours(tenant, hits, request.context)
        return [_shown(hit, some) for hit, some in zip(hits, near, strict=True)], recordings


def _shown(hit: Hit, near: Sequence[Record]) -> Shown:
    row = -1 if hit.row is None else hit.row
    return Shown(hit, [r for r in near if r.row < row], [r for r in near if r.row > row])


def _print_json(found: Sequence[Shown], *, with_context: bool) -> None:
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


def _print(found: Sequence[Shown], request: Request) -> None:
    for hit, before, after in found:
        for record in before:
            stdout.print(f"  {_line(record)}", style="dim")
        stdout.print(f"{'> ' if request.context else ''}{_line(hit)}")
        for record in after:
            stdout.print(f"  {_line(record)}", style="dim")
        indent = " " * (11 if request.context else 9)
        stdout.print(f"{indent}[dim]{escape(' · '.join(_origin(hit, request.mode)))}[/]")
        if request.context:
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


def _why_nothing(request: Request, recordings: int) -> str:
    if not recordings:
        return "Nothing is remembered yet. `autointel run` remembers a recording."
    where = f"Nothing found in {counted(recordings, 'recording')}"
    if request.source is not None or any(each is not None for each in request.wanted.values()):
        return (
            f"{where} with these restrictions. Leave some out; the name of a speaker is compared "
            "letter by letter."
        )
    return f"{where} with these words. `--mode hybrid` looks for their meaning as well."
