"""Prints how well the voices of a recording are told apart, as in docs/analysis/diarization.md.

Usage: python -m scripts.measure_diarization    (needs flite; pocketsphinx-testdata where it is)
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tests.dialogue import STORY, converse, error_rate
from tests.media import write_audio
from tests.speech_samples import JFK, LIBRIVOX, VOICES, jfk, librivox
from ultimate_discord_intelligence_bot.events import silent
from ultimate_discord_intelligence_bot.models.transcript import Turn
from ultimate_discord_intelligence_bot.transcription import diarize
from ultimate_discord_intelligence_bot.transcription.sound import duration, samples_of

SEEDS = (101, 102)
HOUR = 3600.0


def heard(path: Path) -> tuple[Turn, ...]:
    return diarize(path, silent, threading.Event()).turns


def voices(turns: Sequence[Turn]) -> int:
    return len({turn.speaker for turn in turns})


def row(label: str, count: int, folder: Path, noise: float | None) -> str:
    """All combinations of so many voices, a minute for each voice, in a text of its own."""
    rates, found = [], []
    for names in combinations(VOICES, count):
        for seed in SEEDS:
            path = folder / "talk.wav"
            talk = converse(names, path, 60 * count, seed=seed, text=STORY, noise=noise)
            turns = heard(talk.path)
            rates.append(error_rate(talk.truth, turns))
            found.append(voices(turns))
    right = sum(number == count for number in found)
    split = sum(number > count for number in found)
    return (
        f"| {label} | {count} | {len(found)} | {right} | {split} | "
        f"{100 * np.mean(rates):.1f} % | {100 * max(rates):.1f} % |"
    )


def main() -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        print("| sound | voices | recordings | right number | too many | mean DER | worst |")
        print("|---|---|---|---|---|---|---|")
        for label, noise in (("clean", None), ("noise, 30 dB", 30.0), ("noise, 20 dB", 20.0)):
            for count in (1, 2, 3, 4):
                print(row(label, count, folder, noise), flush=True)
        if LIBRIVOX.is_dir():
            pieces = [piece for sample in librivox() for piece in samples_of(sample.path)]
            path = write_audio(folder / "reader.wav", np.concatenate(pieces))
            print(f"a reader of LibriVox: {voices(heard(path))} voice")
        if JFK.is_file():
            print(f"Kennedy, 1961: {voices(heard(jfk().path))} voice")
        hour = folder / "hour.opus"
        converse(["slt", "awb", "rms"], hour, HOUR, seed=1)
        whole = np.concatenate(list(samples_of(hour)))
        for hours in (1 / 6, 1, 10):
            path = folder / "long.opus"
            rest = whole[: int(hours * len(whole))] if hours < 1 else np.tile(whole, int(hours))
            write_audio(path, rest)
            print(f"{60 * hours:.0f} minutes of three voices: {alone(path)}", flush=True)


def alone(path: Path) -> str:
    """Time and memory, measured in a process of its own."""
    call = [sys.executable, "-m", "scripts.measure_diarization", str(path)]
    return subprocess.run(call, check=True, capture_output=True, text=True).stdout.strip()


def report(path: Path) -> None:
    began = time.monotonic()
    found = voices(heard(path))
    spent = time.monotonic() - began
    status = Path("/proc/self/status").read_text()  # its peak begins with this program
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    speed = (duration(path) or 0) / spent
    print(f"{found} found, {spent:.0f} s, {speed:.0f} x real time, peak {peak:.0f} MB")


if __name__ == "__main__":
    report(Path(sys.argv[1])) if sys.argv[1:] else main()
