"""Downloads, from the parent's side: start the worker, listen, admit what it brings."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from ..errors import NoMediaFound, NotMedia, storage_error
from ..events import Progress
from ..models.media import Acquisition, CaptionFile, MediaFile, Source, SourceChapter
from ..processes import delegate
from ..runs import Run
from .fingerprint import file_hash
from .localfile import caption_title, check_media, media_file, pretty
from .sidecar import is_captions, language_in

WORKER = "ultimate_discord_intelligence_bot.acquisition.worker"


async def download(run: Run, progress: Progress) -> Acquisition:
    """Fetch what a run's link leads to into its media folder.

    Raises:
        AcquisitionError: in one of its kinds: what the link or the network did wrong.
        InputError: the link leads to a list.
        NoAudio: the video has neither sound nor captions.
        StorageError: it could not be written; nothing half-written stays.
    """
    incoming = run.media_folder / "incoming"
    settings = run.settings
    longest = settings.max_duration_hours * 3600
    await asyncio.to_thread(_clear, incoming)
    try:
        result = await delegate(
            WORKER,
            {
                "task": "fetch",
                "url": run.locator.value,
                "folder": str(incoming),
                "largest": settings.max_download_mb * 1_000_000,
                "longest": longest,
                "timeout": settings.network_timeout,
                "language": settings.language,
                "allowed_hosts": settings.allowed_hosts,
                "proxy": settings.proxy,
            },
            progress,
        )
        progress(1.0, "checking the download")
        return await asyncio.to_thread(_admit, run, incoming, result, longest)
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


def _clear(folder: Path) -> None:
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    except OSError as error:
        raise storage_error(error, folder) from error


# -- what it brought -----------------------------------------------------------------------------


def _admit(run: Run, incoming: Path, result: dict[str, Any], longest: float) -> Acquisition:
    """Check what was downloaded like any file, move it to its place and describe it."""
    fetched = incoming / result["media"]
    info = result["info"]
    if is_captions(fetched):
        language = language_in(Path(run.locator.value).name)
        suffix = ".vtt" if fetched.suffix.lower() != ".srt" else ".srt"
        place = _keep(fetched, run.media_folder / f"captions{suffix}")
        info["title"] = caption_title(info["title"] or place.stem, language)
        captions = (CaptionFile(path=place, sha256=file_hash(place), language=language),)
        return _described(run, info, None, captions, language)
    try:
        found = check_media(fetched, bool(result["captions"]), longest)
    except NotMedia as error:
        raise NoMediaFound(f"What the link leads to is not media. {error.message}") from error
    tracks = tuple(_caption_track(run, incoming, track) for track in result["captions"])
    media = media_file(_keep(fetched, run.media_folder / fetched.name))
    info["duration"] = info["duration"] or found.duration
    return _described(run, info, media, tracks, info["language"])


def _caption_track(run: Run, incoming: Path, track: dict[str, Any]) -> CaptionFile:
    place = _keep(incoming / track["file"], run.media_folder / track["file"])
    return CaptionFile(
        path=place, sha256=file_hash(place), kind=track["kind"], language=track["language"]
    )


def _keep(fetched: Path, place: Path) -> Path:
    try:
        return fetched.replace(place)
    except OSError as error:
        raise storage_error(error, place) from error


def _described(
    run: Run,
    info: dict[str, Any],
    media: MediaFile | None,
    captions: tuple[CaptionFile, ...],
    language: str | None,
) -> Acquisition:
    title = info["title"] or run.locator.value
    source = Source(
        id=run.source_id,
        url=run.locator.value,
        title=pretty(title) if info["direct"] else title,
        platform=info["platform"],
        uploader=info["uploader"],
        published=_day(info["published"]),
        duration=info["duration"],
        language=language,
        description=info["description"],
        chapters=tuple(SourceChapter(**chapter) for chapter in info["chapters"]),
    )
    return Acquisition(source=source, media=media, captions=captions, acquired_at=datetime.now(UTC))


def _day(value: str | None) -> date | None:
    """A day as yt-dlp writes it, ``20260131``; None for anything else."""
    try:
        return datetime.strptime(value or "", "%Y%m%d").date()
    except ValueError:
        return None
