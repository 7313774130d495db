"""Recordings that are already on this machine."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from ..errors import BadCaptions, FileMissing, NoAudio, NotMedia, TooLong
from ..models.media import Acquisition, CaptionFile, MediaFile, Source
from .fingerprint import file_hash
from .probe import Probe, probe
from .sidecar import SUFFIXES, Sidecar, captions_suffix, language_in, sidecars


def read_file(path: Path, source_id: str, longest: float) -> Acquisition:
    """Look at a media or caption file and the captions beside it. The files stay where they are.

    Args:
        path: absolute.
        source_id: id of the recording in memory.
        longest: most seconds a recording may last.

    Raises:
        FileMissing: gone or unreadable.
        NotMedia: empty, damaged, or something else than its name says.
        BadCaptions: named like captions but not that.
        NoAudio: neither sound nor captions.
        TooLong: it lasts too long.
    """
    try:
        if path.stat().st_size == 0:
            raise NotMedia(f"{path.name} is empty (0 bytes).", "Download or export it again.")
    except OSError as error:
        raise FileMissing(f"{path} cannot be read ({error.strerror}).") from error
    if captions_suffix(path):
        return _captions_alone(path, source_id)
    if path.suffix.lower() in SUFFIXES:
        raise BadCaptions(f"{path.name} holds no captions that can be read.")
    beside = sidecars(path)
    found = check_media(path, bool(beside), longest)
    source = Source(
        id=source_id,
        url=path.as_uri(),
        title=found.tags.get("title", "").strip()[:500] or pretty(path.stem),
        platform="file",
        uploader=found.tags.get("artist", "").strip()[:200] or None,
        duration=found.duration,
    )
    return Acquisition(
        source=source,
        media=media_file(path),
        captions=tuple(caption_file(sidecar) for sidecar in beside),
        acquired_at=datetime.now(UTC),
    )


def check_media(path: Path, captioned: bool, longest: float) -> Probe:
    """Look into a media file and refuse what cannot become a transcript.

    Raises:
        NotMedia, NoAudio, TooLong: as for `read_file`.
    """
    found = probe(path)
    if not found.has_audio and not captioned:
        raise NoAudio(f"{path.name} has no sound track.")
    if found.duration is not None and found.duration > longest:
        hours = found.duration / 3600
        raise TooLong(f"{path.name} lasts {hours:.1f} hours; the limit is {longest / 3600:g}.")
    return found


def media_file(path: Path) -> MediaFile:
    """The file with its hash and size."""
    return MediaFile(path=path, sha256=file_hash(path), size=path.stat().st_size)


def caption_file(sidecar: Sidecar) -> CaptionFile:
    """Captions that somebody put beside a recording."""
    sha256 = file_hash(sidecar.path)
    return CaptionFile(path=sidecar.path, sha256=sha256, language=sidecar.language)


def pretty(stem: str) -> str:
    """A file name as a title: ``my_first-talk`` becomes ``My first talk``."""
    words = re.sub(r"[_\s]+", " ", stem).strip()
    if " " not in words or "_" in stem:
        words = re.sub(r"(?<=\w)-(?=\w)", " ", words)
    return (words[:1].upper() + words[1:])[:500] or stem


def caption_title(stem: str, language: str | None) -> str:
    """A title from the name of a caption file, without the language in it."""
    return pretty(stem.rpartition(".")[0] if language else stem)


def _captions_alone(path: Path, source_id: str) -> Acquisition:
    language = language_in(path.name)
    return Acquisition(
        source=Source(
            id=source_id,
            url=path.as_uri(),
            title=caption_title(path.stem, language),
            platform="file",
            language=language,
        ),
        captions=(caption_file(Sidecar(path, language)),),
        acquired_at=datetime.now(UTC),
    )
