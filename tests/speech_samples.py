"""Speech with its words: recordings of people, and voices that a computer makes.

The tests that need them are marked, and skipped where a package is not installed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.media import write_audio
from ultimate_discord_intelligence_bot.transcription.sound import samples_of

LIBRIVOX = Path("/usr/share/pocketsphinx/test/data/librivox")
JFK = Path(__file__).parents[2] / "shared" / "media" / "jfk.flac"
VOICES = ("slt", "awb", "rms", "kal")
"""An American woman, a Scottish and an American man at 16 kHz; an old voice at 8 kHz."""

needs_librivox = pytest.mark.skipif(
    not LIBRIVOX.is_dir(), reason="Debian's package pocketsphinx-testdata is not installed"
)
needs_flite = pytest.mark.skipif(
    shutil.which("flite") is None, reason="the speech synthesiser flite is not installed"
)
needs_jfk = pytest.mark.skipif(not JFK.is_file(), reason=f"{JFK.name} is not beside the checkout")

TALK = """\
Good evening, and thank you for listening. Tonight we talk about the small things that keep a city
alive. Our first guest has worked for the water company for twenty years. She says that nobody
thinks about water until it stops coming out of the wall.

Last winter a pipe broke under the main street, and four thousand homes were dry for two days. The
repair took eleven people and a machine that had to be driven in from another state. It could have
been prevented, she told me, because the same pipe had been leaking since the summer. The money for
a new one was in the budget, but the council spent it on a parking garage.

Is that fair? I asked the mayor. He answered that the garage brings in more than a million dollars
every year, and that this money now pays for the new pipes. He also said that the company never
asked for help before the accident. The letters that I have seen tell another story. There are
three of them, and the first was written in the spring.

Let us turn to the weather. The north will stay cold until Friday, with some snow in the mountains
and a strong wind along the coast. On Saturday the sun comes back, and children who want to go
swimming on Sunday may be lucky.

Before we finish, a word about books. A reader from the south wrote to ask what we would take to a
lonely island. My answer is simple. I would take a long history of the sea, a pencil, and as much
paper as the boat can carry. What would you take? Write to us, and we will read the best answers
next week. Until then, take care of each other, and good night.
"""
"""Three hundred words of an ordinary radio talk; what flite reads out, numbers in words."""


@dataclass(frozen=True)
class Sample:
    """A media file and the words that are spoken in it."""

    path: Path
    text: str


def librivox() -> list[Sample]:
    """Five sentences of Jane Austen's "Sense and Sensibility", read by a volunteer of LibriVox.

    In one reference a slip of the tongue is written out ("a more a amiable woman").
    """
    lines = (LIBRIVOX / "transcription").read_text("utf-8")
    found = re.findall(r"<s> (.*?) </s> \((\S+)\)", lines)
    return [Sample(LIBRIVOX / f"{name}.wav", text) for text, name in found]


def flite(voice: str, text: str, folder: Path) -> Sample:
    """A text read out by a voice of the synthesiser flite.

    Args:
        voice: one of `VOICES`.
        text: with its punctuation.
        folder: where to write the file.
    """
    path, script = folder / f"{voice}.wav", folder / f"{voice}.txt"
    script.write_text(text, "utf-8")
    command = ["flite", "-voice", voice, "-f", str(script), "-o", str(path)]
    subprocess.run(command, check=True, timeout=60)
    return Sample(path, text)


def jfk() -> Sample:
    """A sentence of John F. Kennedy's inaugural address, 1961, with the echo of a public place."""
    return Sample(
        JFK,
        "And so, my fellow Americans, ask not what your country can do for you, ask what you can "
        "do for your country.",
    )


def with_noise(sample: Sample, decibels: float, folder: Path) -> Sample:
    """The same in white noise, so many decibels below the mean power of the recording."""
    sound: NDArray[np.float64] = np.concatenate(list(samples_of(sample.path))).astype(np.float64)
    power = np.mean(sound**2) / 10 ** (decibels / 10)
    noise = np.random.default_rng(1).standard_normal(len(sound)) * np.sqrt(power)
    loud = sound + noise
    path = folder / f"{sample.path.stem}-noise.flac"
    return Sample(write_audio(path, loud / max(1.0, np.abs(loud).max())), sample.text)


def words(text: str) -> str:
    """A text as it is compared: words in small letters, hyphens as spaces, no other marks."""
    return " ".join(re.findall(r"[a-z']+", text.lower().replace("-", " ")))
