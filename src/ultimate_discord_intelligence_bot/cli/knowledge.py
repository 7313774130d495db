"""``autointel knowledge``: the user's own documents as evidence."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.markup import escape
from rich.table import Table

from ..briefing.wording import counted, one_line
from ..embedding import load_embedder
from ..knowledge import add, open_library
from ..models.knowledge import Addition, Document
from ..observability import configure_logging
from ..settings import Settings, load_settings
from . import signals
from .terminal import Exit, orderly_exit, stderr, stdout


def add_documents(paths: Sequence[Path], *, as_json: bool) -> int:
    """Take files and folders into the library; returns the exit code."""
    with orderly_exit():
        settings = load_settings()
        configure_logging(settings)
        addition = signals.run(_add(paths, settings))
        if as_json:
            print(json.dumps(addition.model_dump(mode="json"), indent=1))  # noqa: T201
        else:
            _print_addition(addition)
        return Exit.FAILED if addition.refused else Exit.COMPLETE


async def _add(paths: Sequence[Path], settings: Settings) -> Addition:
    with stderr.status("reading") as status:
        embedder = await asyncio.to_thread(load_embedder)
        with open_library(settings.data_dir, settings.tenant, embedder.name) as library:
            return await add(
                library,
                paths,
                embedder,
                lambda _, message: status.update(escape(one_line(message))),
            )


def list_documents(*, as_json: bool) -> int:
    """Print every document of the library; returns the exit code."""
    with orderly_exit():
        settings = load_settings()
        configure_logging(settings)
        with open_library(settings.data_dir, settings.tenant) as library:
            documents = library.documents()
        if as_json:
            _print_json(documents)
        elif documents:
            _print_table(documents)
        else:
            stderr.print("No documents yet. `autointel knowledge add FOLDER` adds some.")
        return Exit.COMPLETE


def remove_documents(names: Sequence[str], *, as_json: bool) -> int:
    """Forget documents by path or id; returns the exit code."""
    with orderly_exit():
        settings = load_settings()
        configure_logging(settings)
        with open_library(settings.data_dir, settings.tenant) as library:
            gone = [document for name in names for document in library.remove(name)]
        if as_json:
            _print_json(gone)
        else:
            if gone:
                _print_table(gone)
            stdout.print(f"{counted(len(gone), 'document')} removed; the files stay as they are.")
        return Exit.COMPLETE


def _print_json(documents: Sequence[Document]) -> None:
    found = [document.model_dump(mode="json") for document in documents]
    print(json.dumps(found, indent=1))  # noqa: T201


def _print_addition(addition: Addition) -> None:
    if addition.added:
        _print_table(addition.added)
    for refusal in addition.refused:
        path = escape(one_line(str(refusal.path)))
        stderr.print(f"[bold red]refused:[/] {path}: {escape(refusal.reason)}")
        stderr.print(f"  [bold]→[/] {escape(refusal.remedy)}")
    skipped = addition.skipped
    counts = {
        "added": len(addition.added),
        "unchanged": addition.unchanged,
        "refused": len(addition.refused),
        "skipped as hidden": skipped.hidden,
        "skipped as no documents": skipped.unknown,
        "links to elsewhere not followed": skipped.links,
    }
    told = [f"{count} {what}" for what, count in counts.items() if count]
    stdout.print(", ".join(told) + "." if told else "There is nothing in there.")


def _print_table(documents: Sequence[Document]) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("id", no_wrap=True, style="dim")
    table.add_column("title")
    table.add_column("date", no_wrap=True)
    table.add_column("passages", justify="right", no_wrap=True)
    table.add_column("file", overflow="fold")
    for document in documents:
        date = document.date.isoformat() if document.date else ""
        files = "\n".join(map(_shown, document.paths))
        passages = str(document.passages)
        table.add_row(document.id[:8], escape(document.title), date, passages, files)
    stdout.print(table)


def _shown(path: Path) -> str:
    return escape(one_line(str(path))) + ("" if path.exists() else " [yellow](gone)[/]")
