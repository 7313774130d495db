"""Makes the sample debate: ``debate.opus`` and ``debate.vtt`` from ``debate.yaml``.

The voices are those of flite (a Debian package of that name); the sound is encoded with PyAV.
The same flite gives the same files, so they only change when the script does.
"""

from __future__ import annotations

import subprocess
import tempfile
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import yaml
from numpy.typing import NDArray

HERE = Path(__file__).parent
RATE = 16_000
BIT_RATE = 16_000
LOUDNESS = 0.08  # root mean square of every sentence, of full scale
LINE = 42  # characters, as in broadcast captions
PAUSE_SAME, PAUSE_TURN, PAUSE_TOPIC = 0.30, 0.55, 1.00  # seconds

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Cue:
    """A caption; times in seconds."""

    start: float
    end: float
    speaker: str
    text: str


def load_script(path: Path = HERE / "debate.yaml") -> dict[str, Any]:
    """The script with its annotations."""
    script: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return script


def sentences(script: dict[str, Any]) -> Iterator[tuple[dict[str, Any], bool]]:
    """Every sentence, and whether it opens a topic."""
    for topic in script["topics"]:
        for position, sentence in enumerate(topic["sentences"]):
            yield sentence, position == 0


def speak(text: str, voice: str, stretch: float) -> Samples:
    """One sentence as mono samples in -1 to 1, without silence at its ends."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        command = ["flite", "-voice", voice, "--setf", f"duration_stretch={stretch}"]
        subprocess.run([*command, "-t", text, "-o", file.name], check=True)
        with wave.open(file.name) as sound:
            if (sound.getframerate(), sound.getnchannels()) != (RATE, 1):
                raise SystemExit(f"flite's voice {voice} does not speak {RATE} Hz mono.")
            data = np.frombuffer(sound.readframes(sound.getnframes()), dtype=np.int16)
    samples: Samples = data.astype(np.float32) / np.float32(32768)
    loud = np.flatnonzero(np.abs(samples) > 0.005)
    samples = samples[max(loud[0] - 800, 0) : loud[-1] + 1600]
    samples *= np.float32(LOUDNESS / np.sqrt(np.mean(samples**2)))
    return samples.clip(-1, 1)


def cue_texts(sentence: str) -> tuple[str, ...]:
    """A sentence as one cue, or as two cut at the comma or space nearest to its middle."""
    if len(sentence) <= 2 * LINE:
        return (sentence,)
    middle = len(sentence) // 2
    spaces = [i for i, character in enumerate(sentence) if character == " "]
    cut = min(spaces, key=lambda i: abs(i - middle) - (12 if sentence[i - 1] in ",:" else 0))
    return sentence[:cut], sentence[cut + 1 :]


def two_lines(text: str) -> str:
    """Broken as captions are: at most two lines, about equally long."""
    if len(text) <= LINE:
        return text
    spaces = [i for i, character in enumerate(text) if character == " "]
    cut = min(spaces, key=lambda i: abs(i - len(text) / 2))
    return f"{text[:cut]}\n{text[cut + 1 :]}"


def perform(script: dict[str, Any]) -> tuple[Samples, list[Cue]]:
    """The whole debate as sound, and its captions."""
    pieces: list[Samples] = [np.zeros(RATE // 2, dtype=np.float32)]
    cues: list[Cue] = []
    before = None
    clock = len(pieces[0])
    for sentence, opens in sentences(script):
        speaker = sentence["speaker"]
        if before is not None:
            pause = PAUSE_TOPIC if opens else PAUSE_SAME if before == speaker else PAUSE_TURN
            pieces.append(np.zeros(int(pause * RATE), dtype=np.float32))
            clock += len(pieces[-1])
        spoken = speak(sentence["text"], **script["speakers"][speaker])
        at, length = clock / RATE, len(spoken) / RATE
        texts = cue_texts(sentence["text"])
        for text in texts:
            share = length * len(text) / sum(map(len, texts))
            cues.append(Cue(at, at + share, speaker, text))
            at += share
        pieces.append(spoken)
        clock += len(spoken)
        before = speaker
    pieces.append(np.zeros(RATE // 2, dtype=np.float32))
    return np.concatenate(pieces), cues


def write_opus(path: Path, samples: Samples, tags: dict[str, str]) -> None:
    """Encode as Opus in Ogg, the same bytes each time."""
    with av.open(str(path), "w", format="ogg", options={"fflags": "+bitexact"}) as container:
        container.metadata.update(tags)
        stream = container.add_stream("libopus", rate=48_000, layout="mono")
        stream.bit_rate = BIT_RATE
        stream.options = {"application": "voip", "frame_duration": "60"}
        frame = av.AudioFrame.from_ndarray(
            (samples * 32767).astype(np.int16).reshape(1, -1), format="s16", layout="mono"
        )
        frame.sample_rate = RATE
        resampler = av.AudioResampler(format="s16", layout="mono", rate=48_000)
        for ready in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(ready))
        container.mux(stream.encode(None))


def timestamp(seconds: float) -> str:
    """As WebVTT writes it, e.g. 00:01:02.345."""
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"


def render_captions(cues: list[Cue]) -> str:
    """The cues as a WebVTT file."""
    blocks = [
        f"{timestamp(cue.start)} --> {timestamp(cue.end)}\n<v {cue.speaker}>{two_lines(cue.text)}"
        for cue in cues
    ]
    return "\n\n".join(["WEBVTT", *blocks]) + "\n"


def main() -> None:
    script = load_script()
    samples, cues = perform(script)
    tags = {"title": script["title"], "artist": script["artist"]}
    write_opus(HERE / "debate.opus", samples, tags)
    (HERE / "debate.vtt").write_text(render_captions(cues), encoding="utf-8")
    print(f"{len(samples) / RATE:.1f} s, {len(cues)} cues")


if __name__ == "__main__":
    main()
