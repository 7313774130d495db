"""Real media files, made by PyAV."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

RATE = 16000


def make_tone(path: Path, seconds: float = 3.0, title: str | None = None) -> Path:
    """A 440 Hz tone; the container follows the suffix."""
    time = np.arange(int(seconds * RATE)) / RATE
    return write_audio(path, 0.3 * np.sin(2 * np.pi * 440 * time), title)


def make_silence(path: Path, seconds: float = 3.0) -> Path:
    """Digital silence."""
    return write_audio(path, np.zeros(int(seconds * RATE)))


def make_voice(path: Path, spoken: list[tuple[float, float]], seconds: float) -> Path:
    """Sound that a voice detector takes for speech, in the given stretches; silence elsewhere."""
    sound = np.zeros(int(seconds * RATE))
    for start, end in spoken:
        first, last = int(start * RATE), int(end * RATE)
        sound[first:last] = voice_like(last - first)
    return write_audio(path, sound)


def voice_like(samples: int, pitch: float = 120, throat: float = 1.0) -> NDArray[Any]:
    """Vowels by the source-filter model: a gliding pulse train through three formants.

    ``pitch`` in hertz; a short ``throat`` has high formants.
    """
    rng = np.random.default_rng(7)
    time = np.arange(samples) / RATE
    glide = pitch + 25 * np.sin(2 * np.pi * 0.7 * time)
    phase = np.cumsum(glide) / RATE
    pulses = (np.diff(np.floor(phase), prepend=0) > 0).astype(float)
    source = pulses + 0.01 * rng.standard_normal(samples)
    vowels = [(730, 1090, 2440), (270, 2290, 3010), (530, 1840, 2480), (300, 870, 2240)]
    out = np.zeros(samples)
    syllable = int(0.22 * RATE)
    for number, first in enumerate(range(0, samples, syllable)):
        piece = source[first : first + syllable]
        shaped = sum(_resonance(piece, f / throat, 80) for f in vowels[number % len(vowels)])
        out[first : first + syllable] = shaped * np.hanning(len(piece))
    return 0.5 * out / (np.abs(out).max() or 1.0)


def _resonance(signal: NDArray[Any], frequency: float, width: float) -> NDArray[Any]:
    radius = np.exp(-np.pi * width / RATE)
    length = np.arange(int(0.03 * RATE))
    response = radius**length * np.sin(2 * np.pi * frequency * (length + 1) / RATE)
    return np.convolve(signal, response)[: len(signal)]


_CODECS = {
    ".mp3": "mp3",
    ".flac": "flac",
    **dict.fromkeys((".ogg", ".opus", ".webm", ".mkv"), "libopus"),
    **dict.fromkeys((".mp4", ".m4a", ".aac", ".ts"), "aac"),
}


def write_audio(path: Path, sound: NDArray[Any], title: str | None = None, **options: str) -> Path:
    """Encode mono sound, -1 to 1, at 16 kHz (Opus at 48 kHz); options are the container's."""
    import av

    with av.open(str(path), "w", options=options) as container:
        if title:
            container.metadata["title"] = title
        stream: Any = container.add_stream(_CODECS.get(path.suffix, "pcm_s16le"), rate=RATE)
        stream.layout = "mono"
        _encode_audio(container, stream, sound)
    return path


def _encode_audio(container: Any, stream: Any, sound: NDArray[Any]) -> None:
    import av

    samples = (np.clip(sound, -1, 1) * 32767).astype(np.int16)
    for first in range(0, len(samples), 1024):
        frame = av.AudioFrame.from_ndarray(samples[None, first : first + 1024], "s16", "mono")
        frame.sample_rate = RATE
        frame.pts = first
        frame.time_base = Fraction(1, RATE)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def make_video_without_sound(path: Path, seconds: float = 2.0) -> Path:
    """A grey picture that moves a little."""
    import av

    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(int(seconds * 10)):
            picture = np.full((48, 64, 3), number * 5 % 255, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def make_hls(playlist: Path, seconds: float = 6.0) -> Path:
    """A tone as an HLS playlist with its pieces beside it."""
    import av

    time = np.arange(int(seconds * RATE)) / RATE
    options = {"hls_time": "2", "hls_list_size": "0"}
    with av.open(str(playlist), "w", format="hls", options=options) as container:
        stream: Any = container.add_stream("aac", rate=RATE)
        stream.layout = "mono"
        _encode_audio(container, stream, 0.3 * np.sin(2 * np.pi * 300 * time))
    return playlist


def make_truncated(path: Path, *, index_first: bool, seconds: float = 20.0) -> Path:
    """The first half of an mp4: with its index in front, or without it, as it stands at the end."""
    import av

    whole = path.with_name(f"whole-{path.name}")
    time = np.arange(int(seconds * RATE)) / RATE
    options = {"movflags": "faststart"} if index_first else {}
    with av.open(str(whole), "w", options=options) as container:
        stream: Any = container.add_stream("aac", rate=RATE)
        stream.layout = "mono"
        _encode_audio(container, stream, 0.3 * np.sin(2 * np.pi * 300 * time))
    data = whole.read_bytes()
    whole.unlink()
    path.write_bytes(data[: len(data) // 2])
    return path
