"""The sound of a media file, and the stretches of it in which somebody speaks."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..containers import Readable, open_container
from ..errors import NoAudio, NotMedia
from .growing import whole_file

RATE = 16000
"""Samples per second, as the speech models want them."""

WINDOW = 30.0
"""Seconds that a speech model sees at once."""

BLOCK = 120.0
"""Seconds that are kept in memory at a time."""

_PAUSE = 500
"""Milliseconds without a voice that part two stretches of speech."""

_SLOWEST = 2000
"""Samples per second below which a sound track is no speech, but would grow without measure."""

Samples = NDArray[np.float32]
Stretch = tuple[float, float]
"""Beginning and end, in seconds."""


class Stopped(Exception):
    """Nobody waits for the result any more."""


@dataclass(frozen=True)
class Block:
    """A piece of sound that begins and ends in a pause where there is one.

    Attributes:
        start: seconds from the beginning of the recording.
        samples: mono, at `RATE`.
        speech: where the voice detector hears somebody, in seconds from ``start``; no stretch is
            longer than `WINDOW`.
    """

    start: float
    samples: Samples
    speech: tuple[Stretch, ...]


def duration(path: Path) -> float | None:
    """Seconds, as the container tells it.

    Raises:
        NotMedia: the file is damaged.
    """
    with open_container(path) as container:
        return container.duration / 1_000_000 if container.duration else None


def samples_of(source: Path | Readable, stop: threading.Event | None = None) -> Iterator[Samples]:
    """The sound of a file, mono at `RATE`, in small pieces of any length.

    Raises:
        NotMedia, NoAudio: the file is damaged or has no sound.
        Stopped: once ``stop`` is set.
    """
    import av

    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    with _opened(source) as container:
        if not container.streams.audio:
            raise NoAudio(f"{source.name} has no sound track.")
        for packet in container.demux(audio=0):
            if stop is not None and stop.is_set():
                raise Stopped
            try:
                frames = packet.decode()
            except av.InvalidDataError:
                continue  # a damaged packet costs a few milliseconds of sound
            for frame in frames:
                if frame.sample_rate < _SLOWEST:
                    raise NotMedia(f"The sound of {source.name} has no speech in it.")
                frame.pts = None
                for resampled in resampler.resample(frame):
                    yield resampled.to_ndarray()[0]
        for resampled in resampler.resample(None):
            yield resampled.to_ndarray()[0]


@contextmanager
def _opened(source: Path | Readable) -> Iterator[Any]:
    """Open a file; an MP3 always as if it still grew.

    FFmpeg cuts the padding at the end of an MP3 only where it can seek, and a recording must not
    sound different for having been heard during its download.
    """
    if isinstance(source, Path):
        with open_container(source) as container:
            if container.format.name != "mp3":
                yield container
                return
        with closing(whole_file(source)) as file, open_container(file) as container:
            yield container
    else:
        with open_container(source) as container:
            yield container


def blocks(sound: Iterable[Samples], seconds: float = BLOCK) -> Iterator[Block]:
    """All of a sound in blocks of at most so many seconds, cut in pauses of speech.

    The cuts depend on the samples alone, not on the pieces in which they come. What could still
    grow to fill a window is left for the next block.
    """
    size = int(seconds * RATE)
    start, rest = 0, np.zeros(0, np.float32)
    for piece in _joined(sound, size):
        rest = np.concatenate([rest, piece])
        while len(rest) >= size:
            speech = speech_in(rest[:size])
            cut = _cut(speech, seconds)
            yield Block(start / RATE, rest[:cut], tuple(s for s in speech if s[0] * RATE < cut))
            start, rest = start + cut, rest[cut:]
    if len(rest):
        yield Block(start / RATE, rest, speech_in(rest))


def windows(speech: Iterable[Stretch]) -> list[Stretch]:
    """Stretches of speech, with the pauses between them, that fit into a window together."""
    found: list[Stretch] = []
    for start, end in speech:
        if found and end - found[-1][0] <= WINDOW:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def speech_in(samples: Samples) -> tuple[Stretch, ...]:
    """Where the voice detector (Silero, as it comes with faster-whisper) hears somebody."""
    from faster_whisper.vad import get_speech_timestamps

    heard = get_speech_timestamps(
        samples, min_silence_duration_ms=_PAUSE, max_speech_duration_s=WINDOW
    )
    return tuple((found["start"] / RATE, found["end"] / RATE) for found in heard)


def _cut(speech: tuple[Stretch, ...], seconds: float) -> int:
    """Samples of a block that are done: up to its last window, if that is not full yet."""
    last = windows(speech)[-1:]
    if last and last[0][0] > max(0.0, seconds - WINDOW):
        return int(last[0][0] * RATE)
    return int(seconds * RATE)


def _joined(sound: Iterable[Samples], size: int) -> Iterator[Samples]:
    """Small pieces put together, so that sound is not copied over and over."""
    waiting: list[Samples] = []
    length = 0
    for samples in sound:
        waiting.append(samples)
        length += len(samples)
        if length >= size:
            yield np.concatenate(waiting)
            waiting, length = [], 0
    if waiting:
        yield np.concatenate(waiting)
