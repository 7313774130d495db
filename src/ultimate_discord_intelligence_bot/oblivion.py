"""Forgetting: a recording is removed from everything that holds something of it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path

from .bucket import Bucket
from .errors import StorageError, storage_error
from .llm import Replies
from .memory import Memory
from .models.memory import Forgotten
from .runs import LINKS, RunCard, owner_of
from .settings import Settings


async def forget_source(
    settings: Settings, memory: Memory, source_id: str, *, purge: bool = True
) -> Forgotten:
    """Remove a recording of the settings' tenant: memory, verdicts, folders, answers of a model.

    The memory comes last: as long as it knows the recording, the same call can be repeated.

    Args:
        settings: name the tenant and the data folder.
        memory: to forget from.
        source_id: of the recording.
        purge: whether to clean the files of the memory at once; see ``Memory.purge``.

    Raises:
        StorageError: something of it is still there.
    """
    await asyncio.to_thread(_remove_folders, settings, source_id)
    await asyncio.to_thread(_remove_answers, settings, source_id)
    return await memory.forget(settings.tenant, source_id, purge=purge)


async def forget_speaker(settings: Settings, memory: Memory, name: str) -> tuple[str, ...]:
    """Remove all that somebody of this name said, in every recording of the settings' tenant.

    The folders of these recordings go as a whole: sound and captions hold every voice.

    Returns:
        The ids of the recordings.

    Raises:
        StorageError: something of it is still there.
    """
    sources = await memory.spoken_by(settings.tenant, name)
    for source_id in sources:
        await asyncio.to_thread(_remove_folders, settings, source_id)
        await asyncio.to_thread(_remove_answers, settings, source_id)
    await memory.forget_speaker(settings.tenant, name)
    return sources


async def prune(
    settings: Settings, memory: Memory, now: datetime, besides: str = ""
) -> tuple[str, ...]:
    """Forget the recordings of the settings' tenant that were kept for longer than they may be.

    Folders of runs that never got as far as the memory go by their age too.

    Args:
        settings: ``retention_days`` says how long; 0 means for ever.
        memory: to forget from.
        now: aware.
        besides: a recording that stays.

    Returns:
        The ids of the recordings and runs that are gone.
    """
    if not settings.retention_days:
        return ()
    since = now - timedelta(days=settings.retention_days)
    gone = [each for each in await memory.untouched(settings.tenant, since) if each != besides]
    for source_id in gone:
        await forget_source(settings, memory, source_id, purge=False)
    await memory.purge()
    remembered = {*await memory.remembered(settings.tenant), besides}
    left = await asyncio.to_thread(_outlived, settings, since, remembered)
    return (*gone, *left)


def _outlived(settings: Settings, since: datetime, besides: Collection[str]) -> list[str]:
    """Remove the folders of the tenant's runs, and of unfinished ones, not touched since."""
    bucket = Bucket.of(settings)
    gone = []
    for folder in sorted((settings.data_dir / "runs").glob("*")):
        if folder.name in besides or _tenant_of(folder) not in (settings.tenant, None):
            continue
        if (
            max((path.stat().st_mtime for path in folder.rglob("*")), default=0.0)
            >= since.timestamp()
        ):
            continue
        # Another machine may have gone on with it.
        touched = bucket and bucket.touched(folder)
        _remove_run(folder, bucket if touched and touched < since else None)
        gone.append(folder.name)
    return gone


def _tenant_of(folder: Path) -> str | None:
    """Whose run it is; None where it never ended."""
    try:
        card = RunCard.decode((folder / "run.json").read_bytes())
    except (OSError, ValueError):
        return None
    return str(card.settings.get("tenant"))


def _remove_run(folder: Path, bucket: Bucket | None) -> None:
    """The bucket comes first: as long as the folder is there, the same can be repeated."""
    if bucket is not None:
        bucket.remove(folder)
    if not folder.exists():
        return
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise storage_error(error, folder) from error
    if folder.exists():
        raise StorageError(f"{folder} is still there.", "Remove it by hand.")


def _remove_folders(settings: Settings, source_id: str) -> None:
    """The recording's own folder, and those of other links to it, here and in the bucket."""
    runs, bucket = settings.data_dir / "runs", Bucket.of(settings)
    others = {folder.name for folder in runs.glob("*") if _is_about(folder, source_id)}
    if bucket is not None:
        others.update(bucket.names(runs / source_id / LINKS))
    # What leads to the others comes last.
    for name in (*sorted(others - {source_id}), source_id):
        _remove_run(runs / name, bucket)


def _is_about(folder: Path, source_id: str) -> bool:
    """Whether a run met the same recording under another link."""
    acquired = folder.glob("artifacts/acquisition-*.json")
    return any(f'"id": "{source_id}"' in path.read_text("utf-8") for path in acquired)


def _remove_answers(settings: Settings, source_id: str) -> None:
    path = settings.data_dir / "llm" / "replies.sqlite"
    if path.exists():
        replies = Replies(path)
        try:
            replies.forget(owner_of(settings.tenant, source_id))
        finally:
            replies.close()
