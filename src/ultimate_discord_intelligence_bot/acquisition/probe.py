"""What a media file holds, found by looking into it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..containers import open_container
from ..errors import NotMedia

_MICROSECONDS = 1_000_000
_DAMAGED_PACKETS = 50


@dataclass(frozen=True)
class Probe:
    """A look into a media file.

    Attributes:
        duration: seconds, when the container tells.
        has_audio: whether there is a sound track that can be decoded.
        tags: metadata of the streams and the container, keys in lower case.
    """

    duration: float | None
    has_audio: bool
    tags: dict[str, str]


def probe(path: Path) -> Probe:
    """Open a media file, decode its first sound and check that it does not end too early.

    Raises:
        NotMedia: no audio or video, damaged, or cut off.
    """
    with open_container(path) as container:
        if not container.streams.audio and not container.streams.video:
            raise NotMedia(f"{path.name} contains neither sound nor pictures.")
        duration = container.duration / _MICROSECONDS if container.duration else None
        has_audio = bool(container.streams.audio)
        if has_audio and not _sounds(container):
            raise NotMedia(f"The sound of {path.name} cannot be decoded.")
        if duration is not None:
            _check_end(container, duration, path)
        # Ogg keeps its tags on the stream.
        kept = [*(stream.metadata for stream in container.streams), container.metadata]
        tags = {key.lower(): value for tags in kept for key, value in tags.items()}
        return Probe(duration, has_audio, tags)


def _sounds(container: Any) -> bool:
    import av

    for number, packet in enumerate(container.demux(audio=0)):
        try:
            if packet.decode():
                return True
        except av.InvalidDataError:
            pass  # the first packets of a stream that was cut out of another are often useless
        if number > _DAMAGED_PACKETS:
            break
    return False


def _check_end(container: Any, duration: float, path: Path) -> None:
    """Read the last packets: a file that was cut off promises more than it holds."""
    import av

    slack = max(2.0, 0.05 * duration)
    enough = (container.start_time or 0) / _MICROSECONDS + duration - slack
    try:
        # Winding forward can lead astray, as in a WAV that misstates its bytes per second.
        whole = _end(container, duration - 2 * slack) >= enough or _end(container, 0.0) >= enough
    except av.FFmpegError:
        return  # a stream that cannot be wound forward; transcription reads it from the start
    if not whole:
        raise NotMedia(
            f"{path.name} is cut off: it promises {duration:.0f} s but cannot be read to the end."
        )


def _end(container: Any, start: float) -> float:
    """When the last packet after so many seconds ends; 0 when there is none."""
    container.seek(int(max(0.0, start) * _MICROSECONDS))
    return max(
        (
            float((packet.pts + (packet.duration or 0)) * packet.time_base)
            for packet in container.demux()
            if packet.pts is not None
        ),
        default=0.0,
    )
