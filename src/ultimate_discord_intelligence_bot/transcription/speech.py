"""Speech recognition with faster-whisper, block by block, in bounded memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from ..containers import open_container
from ..errors import NoAudio, NoSpeech, TranscriptionError
from ..events import Progress
from ..models.transcript import Transcript
from ..settings import Settings
from .cue import Cue, in_order
from .sentences import segments
from .weights import load_model

RATE = 16000
"""Samples per second, as the speech models want them."""

_BLOCK = 300.0
"""Seconds that are listened to at a time; a cut falls into a pause."""

_PAUSE = {"min_silence_duration_ms": 500}
_SURE_OF_SILENCE = 0.3
_GARBLED = 2.4
_ECHO = 4
_SILENCE_PHRASES = {
    "thanks for watching",
    "thank you for watching",
    "thank you so much for watching",
    "please subscribe",
    "please subscribe to my channel",
    "like and subscribe",
    "subtitles by the amara.org community",
    "thank you",
    "thanks",
    "bye",
    "you",
}
"""What Whisper says to silence: captions that its training data had there."""

log = structlog.get_logger(__name__)

Samples = NDArray[np.float32]


class Stopped(Exception):
    """Nobody waits for the result any more."""


@dataclass(frozen=True)
class Block:
    """A stretch of sound that begins and ends in a pause where there is one.

    Attributes:
        start: seconds from the beginning of the recording.
        speaks: whether the voice detector heard somebody.
    """

    start: float
    samples: Samples
    speaks: bool


def recognise(
    path: Path, settings: Settings, progress: Progress, stop: threading.Event
) -> Transcript:
    """Listen to a recording.

    A voice detector comes first: silence is told as such even where no speech model is installed.

    Args:
        path: audio or video.
        settings: model, device and language.
        progress: told the share of the sound that is done.
        stop: set it to end the work within one window of 30 s of sound.

    Raises:
        NotMedia, NoAudio: the file is damaged or has no sound.
        NoSpeech: nobody says anything.
        ModelMissing: the model is not on this machine.
        TranscriptionError: the device cannot be used.
    """
    words: list[Cue] = []
    language = settings.language
    model: Any = None
    total = _duration(path)
    for block in blocks(path, stop, _BLOCK):
        progress(_share(block.start, total), "listening")
        if not block.speaks:
            continue
        model = model or _model(settings)
        with _explained(settings):
            heard, language = _listen(model, block, language)
            for segment in _credible(heard, block.start):
                if stop.is_set():
                    raise Stopped
                words += _spoken_words(segment, block.start)
                progress(_share(block.start + segment.end, total), "listening")
    found = segments(in_order(words))
    if not found:
        raise NoSpeech(f"Nobody speaks in {path.name}.")
    return Transcript(
        segments=found,
        origin="speech recognition",
        language=language,
        model=f"faster-whisper {Path(settings.whisper_model).name}",
    )


def _model(settings: Settings) -> Any:
    model = load_model(settings)
    if settings.language and settings.language not in model.supported_languages:
        raise TranscriptionError(
            f"The speech model {settings.whisper_model} does not know the language "
            f"“{settings.language}”.",
            "Use another AUTOINTEL_WHISPER_MODEL, or correct AUTOINTEL_LANGUAGE.",
        )
    return model


def _share(seconds: float, total: float | None) -> float | None:
    return min(1.0, seconds / total) if total else None


# -- sound ------------------------------------------------------------------------------------


def _duration(path: Path) -> float | None:
    with open_container(path) as container:
        return container.duration / 1_000_000 if container.duration else None


def blocks(path: Path, stop: threading.Event, seconds: float) -> Iterator[Block]:
    """The sound of a file in blocks of at most ``seconds``, cut in pauses of speech.

    Raises:
        NotMedia, NoAudio: the file is damaged or has no sound.
        Stopped: once ``stop`` is set.
    """
    size = int(seconds * RATE)
    start, rest = 0, np.zeros(0, np.float32)
    for piece in _pieces(_decoded(path, stop), size):
        rest = np.concatenate([rest, piece])
        while len(rest) >= size:
            cut, speaks = _pause(rest[:size])
            yield Block(start / RATE, rest[:cut], speaks)
            start, rest = start + cut, rest[cut:]
    if len(rest):
        _, speaks = _pause(rest)
        yield Block(start / RATE, rest, speaks)


def _pause(samples: Samples) -> tuple[int, bool]:
    """Where to cut after the last pause, and whether anybody speaks before the cut."""
    from faster_whisper.vad import get_speech_timestamps

    heard = get_speech_timestamps(samples, **_PAUSE)
    if not heard:
        return len(samples), False
    last = heard[-1]
    unfinished = last["end"] >= len(samples) - RATE // 2
    if unfinished and last["start"] > len(samples) // 2:
        return int(last["start"]), len(heard) > 1
    return len(samples), True


def _pieces(decoded: Iterator[Samples], size: int) -> Iterator[Samples]:
    """Small frames put together, so that sound is not copied over and over."""
    waiting: list[Samples] = []
    length = 0
    for samples in decoded:
        waiting.append(samples)
        length += len(samples)
        if length >= size:
            yield np.concatenate(waiting)
            waiting, length = [], 0
    if waiting:
        yield np.concatenate(waiting)


def _decoded(path: Path, stop: threading.Event) -> Iterator[Samples]:
    import av

    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    with open_container(path) as container:
        if not container.streams.audio:
            raise NoAudio(f"{path.name} has no sound track.")
        for packet in container.demux(audio=0):
            if stop.is_set():
                raise Stopped
            try:
                frames = packet.decode()
            except av.InvalidDataError:
                continue  # a damaged packet costs a few milliseconds of sound
            for frame in frames:
                frame.pts = None
                for resampled in resampler.resample(frame):
                    yield resampled.to_ndarray()[0]
        for resampled in resampler.resample(None):
            yield resampled.to_ndarray()[0]


# -- words ------------------------------------------------------------------------------------


def _listen(model: Any, block: Block, language: str | None) -> tuple[Iterator[Any], str]:
    """Start recognising a block; the language found is kept for the blocks after it."""
    heard, info = model.transcribe(
        block.samples,
        language=language,
        beam_size=5 if model.model.device == "cuda" else 1,
        temperature=(0.0, 0.4, 0.8),
        condition_on_previous_text=False,
        word_timestamps=True,
        vad_filter=True,
        vad_parameters=_PAUSE,
    )
    return heard, str(info.language)


@contextmanager
def _explained(settings: Settings) -> Iterator[None]:
    """Turn what the engine raises into what a user can mend."""
    try:
        yield
    except RuntimeError as error:
        raise TranscriptionError(
            f"Speech recognition failed on {settings.whisper_device}: {error}.",
            "Set AUTOINTEL_WHISPER_DEVICE=cpu and try again.",
        ) from error


def _credible(heard: Iterator[Any], offset: float) -> Iterator[Any]:
    """Without what Whisper makes up: garbled repetition, echoes of itself, phrases to silence."""
    before = ""
    for segment in heard:
        said = segment.text.strip()
        plain = said.lower().strip(" .!?")
        made_up = (
            segment.compression_ratio > _GARBLED
            or (plain == before and len(plain.split()) >= _ECHO)
            or (plain in _SILENCE_PHRASES and segment.no_speech_prob > _SURE_OF_SILENCE)
        )
        before = plain
        if made_up:
            at = round(offset + float(segment.start), 1)
            log.info("speech_passed_over", at=at, text=said[:80])
        elif said:
            yield segment


def _spoken_words(segment: Any, offset: float) -> list[Cue]:
    """The words of a segment with their times; all of it as one where the times lack a word."""
    words = [
        Cue(offset + float(word.start), offset + float(word.end), word.word.strip())
        for word in segment.words or ()
        if word.word.strip()
    ]
    text = " ".join(segment.text.split())
    if " ".join(word.text for word in words).replace(" ", "") == text.replace(" ", ""):
        return words
    return [Cue(offset + float(segment.start), offset + float(segment.end), text)]
