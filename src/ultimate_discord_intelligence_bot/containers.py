"""Opening media files that strangers made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from .errors import NotMedia

_FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,eac3,flac,flv,matroska,webm,mov,mp4,m4a,mp3,mpeg,"
    "mpegts,ogg,w64,wav,wv"
)
"""Demuxers that read one file and no other: playlists, concat scripts and pictures are left out."""


class Readable(Protocol):
    """A media file that can only be read from its beginning to its end."""

    name: str

    def read(self, size: int) -> bytes: ...


@contextmanager
def open_container(source: Path | Readable) -> Iterator[Any]:
    """Open an audio or video file with PyAV and close it at the end.

    Only formats that cannot refer to other files or addresses are recognised, whatever the name
    says, so a hostile file reads nothing but itself.

    Raises:
        NotMedia: the file is no audio or video, or is damaged; also when that shows up while the
            caller reads from the container.
    """
    import av

    options = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}
    file = str(source.absolute()) if isinstance(source, Path) else source
    try:
        with av.open(file, options=options, metadata_errors="replace") as container:
            yield container
    except av.FFmpegError as error:
        raise NotMedia(f"{source.name} is no audio or video file, or it is damaged.") from error
