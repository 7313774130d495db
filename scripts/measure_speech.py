"""Measure the low-accuracy recogniser: word error rate, and processor time per second of sound.

Usage:
    python -m scripts.measure_speech

It prints a table in Markdown, of the speech that is found on this machine: Debian's package
``pocketsphinx-testdata``, the voices of flite, and ``jfk.flac`` beside the checkout.

The word error rate is (substitutions + deletions + insertions) / words of the reference, of the
alignment with the fewest of them, over all files of a line (jiwer). Both texts are in small
letters, with hyphens as spaces and no other marks than apostrophes.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import jiwer

from tests.speech_samples import (
    JFK,
    LIBRIVOX,
    TALK,
    VOICES,
    Sample,
    flite,
    jfk,
    librivox,
    with_noise,
    words,
)
from ultimate_discord_intelligence_bot.errors import NoSpeech
from ultimate_discord_intelligence_bot.events import silent
from ultimate_discord_intelligence_bot.settings import Settings, load_settings
from ultimate_discord_intelligence_bot.transcription.sound import duration
from ultimate_discord_intelligence_bot.transcription.sphinx import Sphinx, recognise_roughly

NOISE = (20, 10)
"""Decibels by which white noise is weaker than the speech."""


def lines(folder: Path) -> Iterator[tuple[str, list[Sample]]]:
    """What is measured: a name, and recordings of that kind."""
    if LIBRIVOX.is_dir():
        read = librivox()
        yield "LibriVox, a man reads Austen", read
        for decibels in NOISE:
            noisy = [with_noise(sample, decibels, folder) for sample in read]
            yield f"the same in white noise, SNR {decibels} dB", noisy
    if JFK.is_file():
        yield "Kennedy, 1961, outdoors", [jfk()]
    if shutil.which("flite"):
        voices = {voice: flite(voice, TALK, folder) for voice in VOICES}
        for voice, sample in voices.items():
            yield f"flite {voice}", [sample]
        for decibels in NOISE:
            noisy = [with_noise(voices["slt"], decibels, folder)]
            yield f"flite slt in white noise, SNR {decibels} dB", noisy


def heard(sample: Sample, settings: Settings) -> str:
    """What the recogniser makes of a recording."""
    try:
        found = recognise_roughly(sample.path, settings, silent, threading.Event())
    except NoSpeech:
        return ""
    return words(" ".join(segment.text for segment in found.segments))


def row(name: str, samples: list[Sample], settings: Settings, loading: float) -> str:
    """A line of the table."""
    started = time.process_time()
    found = [heard(sample, settings) for sample in samples]
    spent = time.process_time() - started - loading * len(samples)
    seconds = sum(duration(sample.path) or 0.0 for sample in samples)
    result = jiwer.process_words([words(sample.text) for sample in samples], found)
    total = result.hits + result.substitutions + result.deletions
    errors = f"{result.substitutions} / {result.deletions} / {result.insertions}"
    figures = f"{seconds:.0f} | {total} | {result.wer:.1%} | {errors} | {spent / seconds:.2f}"
    return f"| {name} | {figures} |"


def main() -> None:
    """Print the table."""
    settings = load_settings()
    Sphinx()
    started = time.process_time()
    name = Sphinx().name
    loading = time.process_time() - started
    print(f"{name}; loading takes {loading:.1f} s of processor time.\n")
    print("| speech | seconds | words | word error rate | S / D / I | real-time factor |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for line in lines(Path(folder)):
            print(row(*line, settings, loading), flush=True)


if __name__ == "__main__":
    main()
