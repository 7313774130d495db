"""Forgetting: a recording is removed from everything that holds something of it."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from .errors import StorageError, storage_error
from .llm import Replies
from .memory import Memory
from .models.memory import Forgotten
from .runs import owner_of
from .settings import Settings


async def forget_source(settings: Settings, memory: Memory, source_id: str) -> Forgotten:
    """Remove a recording of the settings' tenant: memory, verdicts, folders, answers of a model.

    Raises:
        StorageError: something of it is still there.
    """
    gone = await memory.forget(settings.tenant, source_id)
    await asyncio.to_thread(_remove_folders, settings, source_id)
    await asyncio.to_thread(_remove_answers, settings, source_id)
    return gone


async def forget_speaker(settings: Settings, memory: Memory, name: str) -> tuple[str, ...]:
    """Remove all that somebody of this name said, in every recording of the settings' tenant.

    The folders of these recordings go as a whole: sound and captions hold every voice.

    Returns:
        The ids of the recordings.

    Raises:
        StorageError: something of it is still there.
    """
    sources = await memory.forget_speaker(settings.tenant, name)
    for source_id in sources:
        await asyncio.to_thread(_remove_folders, settings, source_id)
        await asyncio.to_thread(_remove_answers, settings, source_id)
    return sources


def _remove_folders(settings: Settings, source_id: str) -> None:
    """The recording's own folder, and those of other links to it."""
    for folder in (settings.data_dir / "runs").glob("*"):
        if folder.name == source_id or _is_about(folder, source_id):
            try:
                shutil.rmtree(folder)
            except OSError as error:
                raise storage_error(error, folder) from error
            if folder.exists():
                raise StorageError(f"{folder} is still there.", "Remove it by hand.")


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
