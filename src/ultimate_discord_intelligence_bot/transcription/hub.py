"""Fetching a speech model from the model hub, with the hub's own client.

The download runs in a process of its own (``python -m …transcription.hub``, see ``processes``)
which goes on where an earlier one broke off. A model appears under its name only when it is
complete, has the hashes that the hub tells, and can be loaded.
"""

from __future__ import annotations

import asyncio
import errno
import fnmatch
import hashlib
import io
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import (
    AutointelError,
    DiskFull,
    InputError,
    ModelMissing,
    ModelUnreachable,
    StorageError,
    storage_error,
)
from ..events import Progress
from ..processes import Inbox, Message, Say, delegate, serve
from ..runs import sync_folder
from ..settings import Settings
from .recognition import WORKER
from .weights import ALIASES, MEGABYTES, find_weights, models_folder

HUB = "ultimate_discord_intelligence_bot.transcription.hub"

_WANTED = (
    "config.json",
    "preprocessor_config.json",
    "model.bin",
    "tokenizer.json",
    "vocabulary.*",
)
_LARGEST = 10_000_000_000
_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS, errno.EPERM}


async def fetch(name: str, settings: Settings, progress: Progress) -> Path:
    """Bring a speech model to this machine, unless a sound one is here; returns its folder.

    Args:
        name: one of `weights.MEGABYTES` or `weights.ALIASES`.
        settings: where the data folder is.
        progress: told the share of the bytes that is here.

    Raises:
        InputError: there is no such model.
        ModelUnreachable: the hub cannot be reached, or the download broke off.
        ModelMissing: what arrived is damaged.
        StorageError: it could not be written.
    """
    name = ALIASES.get(name, name)
    if name not in MEGABYTES:
        raise InputError(
            f"There is no speech model “{name}” to fetch.",
            f"Take one of: {', '.join(MEGABYTES)}.",
        )
    with suppress(ModelMissing):
        folder = find_weights(name, settings)
        await _check(folder, progress)
        return folder
    place = models_folder(settings) / name
    arrived = await delegate(HUB, {"name": name, "place": str(place)}, progress)
    folder = Path(arrived["folder"])
    try:
        await _check(folder, progress)
    except AutointelError:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        raise
    await asyncio.to_thread(_put, folder, place)
    return find_weights(name, settings)


async def _check(folder: Path, progress: Progress) -> None:
    progress(1.0, "checking that it can be loaded")
    await delegate(WORKER, {"task": "check", "path": str(folder)}, progress)


def _put(folder: Path, place: Path) -> None:
    """Give a complete model its name."""
    try:
        if place.is_dir():
            shutil.rmtree(place)  # incomplete or damaged, else it would not have been fetched
        folder.replace(place)
        sync_folder(place.parent)
        for left in place.parent.glob(f".{place.name}-*"):
            shutil.rmtree(left)
    except OSError as error:
        raise storage_error(error, place) from error


# -- the process that downloads ----------------------------------------------------------------


def work(message: Message, say: Say, inbox: Inbox) -> Message:
    """Download a model to a hidden folder beside its place."""
    from faster_whisper.utils import _MODELS
    from huggingface_hub import HfApi

    repository = _MODELS[message["name"]]
    found: Any = HfApi().model_info(repository, files_metadata=True)
    files = [file for file in found.siblings if _is_wanted(file.rfilename)]
    total = sum(file.size or 0 for file in files)
    place = Path(message["place"])
    folder = place.with_name(f".{place.name}-{found.sha[:12]}")
    folder.mkdir(parents=True, exist_ok=True)
    _check_room(folder, total)
    done = 0
    for file in files:

        def tell(size: int, before: int = done) -> None:
            here = before + size
            text = f"{here / 1e6:.0f} of {total / 1e6:.0f} MB"
            say({"progress": {"fraction": min(1.0, here / max(total, 1)), "message": text}})

        _download(repository, found.sha, file, folder, tell)
        done += file.size or 0
    return {"folder": str(folder)}


def explain(error: Exception, message: Message) -> AutointelError:
    """The error to show for what the hub's client raised."""
    from huggingface_hub import constants

    place = Path(message["place"])
    if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
        return storage_error(error, place)
    text = re.sub(r"\[Errno -?\d+\] ", "", str(error)).strip()
    reason = text.partition("\n")[0][:200].rstrip(".") or type(error).__name__
    return ModelUnreachable(
        f"The speech model {message['name']} could not be fetched from {constants.ENDPOINT}: "
        f"{reason}.",
        "Check the network connection and repeat the command, what has arrived is kept; or name a "
        f"mirror in HF_ENDPOINT; or copy the folder {place} from another machine.",
    )


def _is_wanted(name: str) -> bool:
    return "/" not in name and any(fnmatch.fnmatch(name, pattern) for pattern in _WANTED)


def _check_room(folder: Path, total: int) -> None:
    if total > _LARGEST:
        raise StorageError("That is no speech model: it is too large.", "Check HF_ENDPOINT.")
    there = sum(file.stat().st_size for file in folder.iterdir())
    if shutil.disk_usage(folder).free < total - there:
        raise DiskFull(f"The disk has not enough room for the {total / 1e6:.0f} MB of the model.")


def _download(repository: str, revision: str, file: Any, folder: Path, tell: Any) -> None:
    """Fetch one file, from where an earlier attempt broke off."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    place, part = folder / file.rfilename, folder / f"{file.rfilename}.part"
    if place.exists():
        return
    with _Counted(part, tell) as target:
        start = target.seek(0, io.SEEK_END)
        if file.size is not None and start > file.size:
            start = target.truncate(target.seek(0))
        http_get(
            hf_hub_url(repository, file.rfilename, revision=revision),
            target,
            resume_size=start,
            headers=build_hf_headers(),
            expected_size=file.size,
        )
    if file.lfs is not None and _sha256(part) != file.lfs.sha256:
        part.unlink()
        raise ModelMissing(
            f"The file {file.rfilename} of the model arrived damaged.", "Repeat the command."
        )
    part.replace(place)


class _Counted(io.FileIO):
    """A file that tells how large it has become; what was in it stays."""

    def __init__(self, path: Path, tell: Any) -> None:
        path.touch()
        super().__init__(path, "r+")
        self._told = tell

    def write(self, data: Any) -> int:
        written = super().write(data)
        self._told(self.tell())
        return written


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    serve(work, explain)
