"""``autointel memory``: what is remembered, whether it is whole, and how to move or forget it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from ..briefing.wording import counted
from ..embedding import load_embedder
from ..errors import BundleInvalid, RunUnknown
from ..memory import Manifest, Memory, Pending, read_bundle, read_manifest, write_bundle
from ..models.memory import Discrepancy, Forgotten
from ..oblivion import forget_source, forget_speaker
from ..observability import configure_logging
from ..settings import Settings, load_settings
from ..stages import memory_for
from .terminal import Exit, orderly_exit, stderr, stdout


def stats(*, as_json: bool) -> int:
    """Print how much is remembered and how large it is; returns the exit code."""
    with orderly_exit():
        settings = _settings()
        with memory_for(settings) as memory:
            held = asyncio.run(memory.stats(settings.tenant))
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
        finished, found = asyncio.run(_check(settings, repair))
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
            manifest = asyncio.run(_export(settings, path))
        _print_manifest(manifest, path, "written", as_json=as_json)
        return Exit.COMPLETE


def restore(path: Path, *, as_json: bool) -> int:
    """Remember what a file holds; what is there already stays; returns the exit code."""
    with orderly_exit():
        settings = _settings()
        with stderr.status("importing"):
            manifest = asyncio.run(_import(settings, path))
        _print_manifest(manifest, path, "remembered", as_json=as_json)
        return Exit.COMPLETE


def forget(name: str, *, speaker: bool, as_json: bool) -> int:
    """Remove a recording, or a speaker, from everything; returns the exit code."""
    with orderly_exit():
        settings = _settings()
        if speaker:
            _print_silenced(name, asyncio.run(_forget_speaker(settings, name)), as_json=as_json)
            return Exit.COMPLETE
        gone = asyncio.run(_forget(settings, name))
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
    configure_logging(settings.log_level)
    return settings


async def _check(
    settings: Settings, repair: bool
) -> tuple[tuple[Pending, ...], tuple[Discrepancy, ...]]:
    with memory_for(settings) as memory:
        finished = await memory.recover() if repair else ()
        return finished, await memory.check(settings.tenant)


async def _export(settings: Settings, path: Path) -> Manifest:
    embedder = load_embedder()
    with memory_for(settings) as memory:
        return await write_bundle(
            path,
            memory.export(settings.tenant),
            settings.tenant,
            embedder.name,
            embedder.dimension,
        )


async def _import(settings: Settings, path: Path) -> Manifest:
    manifest, embedder = read_manifest(path), load_embedder()
    if manifest.tenant != settings.tenant:
        raise BundleInvalid(
            f"{path} holds the memory of {manifest.tenant}, not of {settings.tenant}.",
            f"Set AUTOINTEL_TENANT={manifest.tenant}.",
        )
    if (manifest.embedder, manifest.dimension) != (embedder.name, embedder.dimension):
        raise BundleInvalid(
            f"{path} holds vectors of {manifest.embedder}, not of {embedder.name}.",
            "Use the version that wrote it.",
        )
    with memory_for(settings) as memory:
        for portion in read_bundle(path):
            await memory.take(settings.tenant, portion)
        # Links between sources hold only when both are there: the second time all of them are.
        for portion in read_bundle(path):
            if portion.graph is not None and portion.graph.links:
                await memory.remember_graph(portion.graph)
    return manifest


async def _forget(settings: Settings, name: str) -> Forgotten:
    with memory_for(settings) as memory:
        return await forget_source(settings, memory, await _source(memory, settings.tenant, name))


async def _forget_speaker(settings: Settings, name: str) -> tuple[str, ...]:
    with memory_for(settings) as memory:
        return await forget_speaker(settings, memory, name)


async def _source(memory: Memory, tenant: str, name: str) -> str:
    """The id of the one recording that an id, a link or a title names."""
    nodes = await memory.sources(tenant)
    found = {
        str(node.properties["source_id"])
        for node in nodes
        if str(node.properties["source_id"]).startswith(name)
        or name in (node.properties.get("url"), node.properties.get("title"))
    }
    found |= {source for source in await memory.remembered(tenant) if source.startswith(name)}
    if len(found) != 1:
        how_many = "No recording is" if not found else f"{len(found)} recordings are"
        raise RunUnknown(
            f"{how_many} called “{name}”.",
            "Give its link, its title, or its id as its briefing names it.",
        )
    return found.pop()


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
