"""``autointel search``: everything remembered, by meaning."""

from __future__ import annotations

import asyncio
import json

from rich.markup import escape

from ..briefing.wording import clock
from ..embedding import load_embedder
from ..errors import InputError
from ..models.memory import Hit
from ..observability import configure_logging
from ..settings import Settings, load_settings
from ..stages import memory_for
from .terminal import orderly_exit, stderr, stdout


def search(words: str, *, limit: int, as_json: bool) -> int:
    """Print the hits for some words; returns the exit code."""
    with orderly_exit():
        settings = load_settings()
        configure_logging(settings.log_level)
        if not words.strip():
            raise InputError("There is nothing to look for.", 'Say it in words: search "rent cap".')
        hits = asyncio.run(_search(words, limit, settings))
        _print_json(hits) if as_json else _print(hits)
        return 0


async def _search(words: str, limit: int, settings: Settings) -> list[Hit]:
    with memory_for(settings) as memory:
        vector = (await asyncio.to_thread(load_embedder().encode, [words]))[0]
        return await memory.search(vector, tenant=settings.tenant, limit=limit)


def _print_json(hits: list[Hit]) -> None:
    keys = ("text", "start", "end", "speaker", "source", "url", "score", "exact")
    found = [hit.model_dump(mode="json", include=set(keys)) for hit in hits]
    rows = [{key: row[key] for key in keys} for row in found]
    print(json.dumps(rows, ensure_ascii=False, indent=1))  # noqa: T201


def _print(hits: list[Hit]) -> None:
    if not hits:
        stderr.print("Nothing found. Recordings are remembered by `autointel run`.")
    for hit in hits:
        who = f"{escape(hit.speaker)}: " if hit.speaker else ""
        who += "" if hit.exact else "≈ "
        stdout.print(
            f"[cyan]{clock(hit.start):>7}[/]  {who}{escape(hit.text)}  [dim]{hit.score:.2f}[/]"
        )
        stdout.print(f"         [dim]{escape(hit.source)} · {escape(hit.url)}[/]")
