"""``autointel memory``: what is remembered, whether it is whole, and how to move or forget it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.markup import escape

from ..briefing.wording import counted
from ..embedding import load_embedder
from ..errors import BundleInvalid, SettingsError
from ..memory import (
    Manifest,
    Pending,
    Servers,
    read_manifest,
    reembed,
    require_same_embedder,
    take_all,
    write_bundle,
)
from ..models.memory import Discrepancy, Forgotten
from ..oblivion import forget_source, forget_speaker, prune
from ..observability import configure_logging
from ..recall import Recall
from ..settings import Settings, load_settings
from ..stages import memory_for
from . import signals
from .terminal import Exit, orderly_exit, stderr, stdout


def stats(*, as_json: bool) -> int:
    """Print how much is remembered and how large it is; returns the exit code."""
    with orderly_exit():
        settings = _settings()
        with memory_for(settings) as memory:
            held = signals.run(memory.stats(settings.tenant))
        folder = settings.data_dir / "memory"
        # Files are larger than what they take: stores reserve room that they do not use.
        files = (path.stat() for path in folder.rglob("*") if path.is_file())
        size = sum(512 * file.st_blocks for file in files)
        if as_json:
            _print({**held.model_dump(), "bytes": size})
        else:
            stdout.print(
                f"{counted(held.vector.sources, 'recording')}, {held.vector.segments:,} passages, "
                f"{held.vector.claims:,} claims; {size / 1e6:.1f} MB in {escape(str(folder))}"
            )
            for label, count in held.nodes.items():
                stdout.print(f"  {count:>9,}  {label}")
        return Exit.COMPLETE


def check(*, repair: bool, as_json: bool) -> int:
    """Compare the stores with one another; with ``repair`` finish what was begun before."""
    with orderly_exit():
        settings = _settings()
        finished, found = signals.run(_check(settings, repair))
        if as_json:
            _print(
                {
                    "repaired": len(finished),
                    "discrepancies": [item.model_dump() for item in found],
                }
            )
        else:
            if finished:
                stdout.print(f"{counted(len(finished), 'write')} finished.")
            for item in found:
                name = item.title or item.source_id
                stdout.print(f"[yellow]problem[/]  {escape(name)}: {item.problem}")
            if found:
                hint = "Repeat `autointel run` for it" if repair else "`autointel memory repair`"
                stdout.print(f"  → {hint}; nothing that is there is removed.")
            else:
                stdout.print("Both stores hold the same, and all that was written.")
        return Exit.PARTIAL if found else Exit.COMPLETE


def export(path: Path, *, as_json: bool) -> int:
    """Write everything remembered of the tenant to one file; returns the exit code."""
    with orderly_exit():
        settings = _settings()
        with stderr.status("exporting"):
            manifest = signals.run(_export(settings, path))
        _print_manifest(manifest, path, "written", as_json=as_json)
        return Exit.COMPLETE


def import_bundle(path: Path, *, as_json: bool) -> int:
    """Remember what a file holds; what is there already stays; returns the exit code."""
    with orderly_exit():
        settings = _settings()
        with stderr.status("importing"):
            manifest = signals.run(_import(settings, path))
        _print_manifest(manifest, path, "remembered", as_json=as_json)
        return Exit.COMPLETE


def reembed_all(*, as_json: bool) -> int:
    """Give everything remembered the vectors of this version's embedder; returns the exit code."""
    with orderly_exit():
        settings = _settings()
        embedder = load_embedder()
        with stderr.status("reading anew") as status:
            records = reembed(
                settings.data_dir,
                Servers.of(settings),
                embedder.name,
                embedder.dimension,
                embedder.encode,
                lambda _, message: status.update(f"reading anew: {message}"),
            )
        if as_json:
            _print({"embedder": embedder.name, "records": records})
        else:
            stdout.print(f"{records:,} records have vectors of {escape(embedder.name)}.")
        return Exit.COMPLETE


def prune_old(days: int | None, *, as_json: bool) -> int:
    """Forget recordings that were kept long enough; returns the exit code."""
    with orderly_exit():
        settings = _settings()
        if days is not None:
            settings = settings.model_copy(update={"retention_days": days})
        if not settings.retention_days:
            raise SettingsError(
                "Nothing says how long recordings are kept.",
                "Give --days, or set AUTOINTEL_RETENTION_DAYS.",
            )
        gone = signals.run(_prune(settings))
        if as_json:
            _print({"forgotten": list(gone)})
        else:
            stdout.print(
                f"{counted(len(gone), 'recording')} forgotten that nobody ran for "
                f"{counted(settings.retention_days, 'day')}."
            )
        return Exit.COMPLETE


def same(name: str, other: str, *, joined: bool, as_json: bool) -> int:
    """Say that two names are those of one, or that they are not; returns the exit code."""
    with orderly_exit():
        settings = _settings()
        changed = signals.run(_decide(settings, name, other, joined))
        if as_json:
            _print({"sources": list(changed)})
        else:
            verb = "are one from now on" if joined else "are two from now on"
            stdout.print(
                f"{escape(name)} and {escape(other)} {verb}, in "
                f"{counted(len(changed), 'recording')}."
            )
        return Exit.COMPLETE


def forget(name: str, *, speaker: bool, as_json: bool) -> int:
    """Remove a recording, or a speaker, from everything; returns the exit code."""
    with orderly_exit():
        settings = _settings()
        if speaker:
            _print_silenced(name, signals.run(_forget_speaker(settings, name)), as_json=as_json)
            return Exit.COMPLETE
        gone = signals.run(_forget(settings, name))
        if as_json:
            _print(gone.model_dump())
        else:
            stdout.print(
                f"Forgotten: {gone.records} records, {gone.nodes} nodes, {gone.verdicts} verdicts, "
                "and its folder. Looked for again: nothing is left."
            )
        return Exit.COMPLETE


def _settings() -> Settings:
    settings = load_settings()
    configure_logging(settings)
    return settings


async def _check(
    settings: Settings, repair: bool
) -> tuple[tuple[Pending, ...], tuple[Discrepancy, ...]]:
    with memory_for(settings) as memory:
        finished = await memory.recover() if repair else ()
        return finished, await memory.check(settings.tenant)


async def _export(settings: Settings, path: Path) -> Manifest:
    with memory_for(settings) as memory:
        return await write_bundle(
            path,
            memory.export(settings.tenant),
            settings.tenant,
            memory.embedder,
            memory.dimension,
        )


async def _import(settings: Settings, path: Path) -> Manifest:
    manifest = read_manifest(path)
    if manifest.tenant != settings.tenant:
        raise BundleInvalid(
            f"{path} holds the memory of {manifest.tenant}, not of {settings.tenant}.",
            f"Set AUTOINTEL_TENANT={manifest.tenant}.",
        )
    with memory_for(settings) as memory:
        require_same_embedder(manifest, memory)
        await take_all(memory, path, manifest)
    return manifest


async def _prune(settings: Settings) -> tuple[str, ...]:
    with memory_for(settings) as memory:
        return await prune(settings, memory, datetime.now().astimezone())


async def _decide(settings: Settings, name: str, other: str, joined: bool) -> tuple[str, ...]:
    with memory_for(settings) as memory:
        return await memory.decide(
            settings.tenant, name, other, same=joined, today=datetime.now().astimezone().date()
        )


async def _forget(settings: Settings, name: str) -> Forgotten:
    with memory_for(settings) as memory:
        source_id = await Recall(memory, settings, allow_files=True).recording_id(name)
        return await forget_source(settings, memory, source_id)


async def _forget_speaker(settings: Settings, name: str) -> tuple[str, ...]:
    with memory_for(settings) as memory:
        return await forget_speaker(settings, memory, name)


def _print_silenced(name: str, sources: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        _print({"speaker": name, "sources": list(sources)})
    elif sources:
        stdout.print(
            f"Forgotten: all that {escape(name)} said in {counted(len(sources), 'recording')}, and "
            "the folders of these."
        )
    else:
        stderr.print(f"Nobody called {escape(name)} is remembered.")


def _print_manifest(manifest: Manifest, path: Path, done: str, *, as_json: bool) -> None:
    records = sum(entry.records for entry in manifest.sources)
    nodes = sum(entry.nodes for entry in manifest.sources)
    if as_json:
        sources = len(manifest.sources)
        _print({"file": str(path), "sources": sources, "records": records, "nodes": nodes})
    else:
        stdout.print(
            f"{escape(str(path))}: {counted(len(manifest.sources), 'recording')}, {records:,} "
            f"records, {nodes:,} nodes {done}."
        )


def _print(document: dict[str, object]) -> None:
    print(json.dumps(document, ensure_ascii=False, indent=1))  # noqa: T201
