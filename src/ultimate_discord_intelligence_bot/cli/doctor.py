"""``autointel doctor``: what is installed, configured, missing, and how to mend it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from rich.markup import escape

from ..embedding import load_embedder
from ..errors import AutointelError, SettingsError, storage_error
from ..jobs.board import Board
from ..jobs.database import is_local
from ..llm import open_model
from ..observability import configure_logging
from ..settings import Settings, load_settings
from ..stages import memory_for
from ..transcription.weights import choose, usual_model
from ..verification import Surroundings, WebClient, open_sources
from . import signals
from .terminal import Exit, orderly_exit, stdout

_PACKAGES = ("crewai", "yt-dlp", "faster-whisper", "qdrant-edge-py", "onnxruntime", "av")
_MANY_JOBS = 10_000
_ENOUGH_FREE = 2 * 1024**3
_MARKS = {"ok": "[green]ok     [/]", "warning": "[yellow]warning[/]", "failed": "[red]failed [/]"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; ``remedy`` is empty when nothing needs mending."""

    name: str
    status: Literal["ok", "warning", "failed"]
    detail: str
    remedy: str = ""


def doctor(*, as_json: bool) -> int:
    """Print every finding; returns the exit code."""
    with orderly_exit():
        findings = list(_examine())
        if as_json:
            print(json.dumps([asdict(finding) for finding in findings], indent=1))  # noqa: T201
        else:
            for finding in findings:
                _print(finding)
        return Exit.UNUSABLE if any(f.status == "failed" for f in findings) else Exit.COMPLETE


def _print(finding: Finding) -> None:
    mark = _MARKS[finding.status]
    stdout.print(f"{mark}  {finding.name:<14} {escape(finding.detail)}")
    if finding.remedy:
        stdout.print(f"         {'':<14} → {escape(finding.remedy)}")


def _examine() -> Iterator[Finding]:
    yield Finding("python", "ok", sys.version.split()[0])
    yield from map(_package, _PACKAGES)
    try:
        settings = load_settings()
    except SettingsError as error:
        yield Finding("settings", "failed", error.message, error.remedy)
        return
    configure_logging(settings)
    yield Finding("settings", "ok", f"depth {settings.depth}, tenant {settings.tenant}")
    for name, check in _CHECKS.items():
        try:
            yield check(settings)
        except AutointelError as error:
            status: Literal["warning", "failed"] = "warning" if name in _OPTIONAL else "failed"
            yield Finding(name, status, error.message, error.remedy)


def _package(name: str) -> Finding:
    try:
        return Finding(name, "ok", version(name))
    except PackageNotFoundError:
        return Finding(name, "failed", "not installed", "Install Autointel again.")


def _data_folder(settings: Settings) -> Finding:
    folder = settings.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".doctor-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise storage_error(error, folder) from error
    detail = f"{folder} ({free / 1024**3:.0f} GB free)"
    if free < _ENOUGH_FREE:
        return Finding("data folder", "warning", detail, "Free some space before long recordings.")
    return Finding("data folder", "ok", detail)


def _discord(settings: Settings) -> Finding:
    if settings.discord_token is None:
        return Finding("discord bot", "ok", "none (DISCORD_BOT_TOKEN is not set)")
    quotas = f"{settings.discord_user_quota} a member, {settings.discord_guild_quota} a server"
    return Finding("discord bot", "ok", f"there is a token; within 24 hours {quotas}")


def _memory(settings: Settings) -> Finding:
    with memory_for(settings) as memory:
        unfinished = memory.unfinished()
        held = signals.run(memory.stats(settings.tenant)).vector
    if unfinished:
        remedy = "Run `autointel memory repair`; the next run does the same."
        return Finding("memory", "warning", f"{len(unfinished)} unfinished writes", remedy)
    vectors, graph = map(_place, (settings.qdrant_url, settings.neo4j_uri))
    detail = f"recordings {held.sources}, passages {held.segments}, claims {held.claims}"
    return Finding("memory", "ok", f"{detail}; vectors {vectors}, graph {graph}")


def _jobs(settings: Settings) -> Finding:
    with Board(settings) as board:
        found = board.look(statuses=["waiting", "running", "parked"], limit=_MANY_JOBS)
        stand = Counter(view.status for view in found)
    where = "embedded" if is_local(settings) else "in Postgres"
    detail = f"{stand['waiting']} waiting, {stand['running']} running; {where}"
    if stand["parked"]:
        remedy = "`autointel jobs list --status parked` shows them; `jobs retry` tries again."
        return Finding("jobs", "warning", f"{stand['parked']} parked, {detail}", remedy)
    return Finding("jobs", "ok", detail)


def _place(address: str | None) -> str:
    return f"at {urlsplit(address).netloc.rpartition('@')[2]}" if address else "embedded"


def _embedder(settings: Settings) -> Finding:
    embedder = load_embedder()
    vector = embedder.encode(["A sentence."])
    return Finding("embedder", "ok", f"{embedder.name}, {vector.shape[1]} dimensions")


def _speech_model(settings: Settings) -> Finding:
    choice = choose(settings)
    detail = f"{choice.name}, {choice.compute} on {choice.device}: {choice.folder}"
    if choice.note:
        remedy = f"Run `autointel models fetch {usual_model(settings)}`."
        return Finding("speech model", "warning", detail, remedy)
    return Finding("speech model", "ok", detail)


def _language_model(settings: Settings) -> Finding:
    name = "language model"
    model = open_model(settings)
    if model is None:
        return Finding(name, "ok", "none; the local analysts do all (AUTOINTEL_LLM names one)")
    with model:
        price = model.price
        cost = (
            f"${price.prompt * 1e6:g}/{price.completion * 1e6:g} a million tokens" if price else ""
        )
        detail = f"{model.name}, reads {model.facts.context:,} tokens, {cost or 'price unknown'}"
    if price is None:
        remedy = "Set AUTOINTEL_LLM_PRICE; without it no budget can be kept to."
        return Finding(name, "warning", detail, remedy)
    return Finding(name, "ok", detail)


def _evidence(settings: Settings) -> Finding:
    sources = signals.run(_sources(settings))
    asked = ", ".join(["everything remembered", "your documents", *sources])
    return Finding("evidence", "ok", f"sought in {asked}")


async def _sources(settings: Settings) -> list[str]:
    embedder = load_embedder()
    async with WebClient(settings, settings.data_dir / "web") as web:
        opened = open_sources(Surroundings(settings, web), embedder.encode, embedder.name)
    return [source.name for source in opened]


def _javascript(settings: Settings) -> Finding:
    beside = Path(sys.executable).with_name("deno")
    found = str(beside) if beside.exists() else shutil.which("deno")
    if found:
        return Finding("deno", "ok", found)
    return Finding("deno", "warning", "not found", "Install yt-dlp[deno]; YouTube needs it.")


_CHECKS: dict[str, Callable[[Settings], Finding]] = {
    "data folder": _data_folder,
    "memory": _memory,
    "jobs": _jobs,
    "embedder": _embedder,
    "speech model": _speech_model,
    "deno": _javascript,
    "language model": _language_model,
    "evidence": _evidence,
    "discord bot": _discord,
}
_OPTIONAL = {"speech model", "deno", "language model", "evidence"}
