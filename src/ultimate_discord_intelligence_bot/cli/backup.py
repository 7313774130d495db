"""``autointel memory backup`` and ``restore``: the memory of all tenants, put away and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from ..briefing.wording import counted
from ..memory import Manifest, back_up
from ..memory import restore as restore_backup
from ..observability import configure_logging
from ..settings import Settings, load_settings
from ..stages import memory_for
from . import signals
from .terminal import Exit, orderly_exit, stderr, stdout


def backup(folder: Path, *, as_json: bool) -> int:
    """Write the memory of all tenants to a new folder; returns the exit code."""
    with orderly_exit():
        settings = _settings()
        with stderr.status("backing up"):
            manifests = signals.run(_backup(settings, folder))
        _print(manifests, folder, "written", as_json=as_json)
        return Exit.COMPLETE


def restore(folder: Path, *, as_json: bool) -> int:
    """Let the memory hold what a backup holds, and nothing else; returns the exit code."""
    with orderly_exit():
        settings = _settings()
        with stderr.status("restoring"):
            manifests = signals.run(_restore(settings, folder))
        _print(manifests, folder, "remembered, and compared", as_json=as_json)
        return Exit.COMPLETE


def _settings() -> Settings:
    settings = load_settings()
    configure_logging(settings)
    return settings


async def _backup(settings: Settings, folder: Path) -> tuple[Manifest, ...]:
    with memory_for(settings) as memory:
        await memory.recover()
        return await back_up(memory, folder)


async def _restore(settings: Settings, folder: Path) -> tuple[Manifest, ...]:
    with memory_for(settings) as memory:
        return await restore_backup(memory, folder)


def _print(manifests: Sequence[Manifest], folder: Path, done: str, *, as_json: bool) -> None:
    sources = [entry for manifest in manifests for entry in manifest.sources]
    records, nodes = sum(e.records for e in sources), sum(e.nodes for e in sources)
    if as_json:
        tenants = [manifest.tenant for manifest in manifests]
        counts = {"sources": len(sources), "records": records, "nodes": nodes}
        print(json.dumps({"folder": str(folder), "tenants": tenants} | counts))  # noqa: T201
        return
    stdout.print(
        f"{escape(str(folder))}: {counted(len(manifests), 'tenant')}, "
        f"{counted(len(sources), 'recording')}, {records:,} records, {nodes:,} nodes {done}."
    )
