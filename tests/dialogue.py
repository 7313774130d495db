"""Conversations of synthetic voices of which it is known who speaks when."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from tests.media import write_audio
from tests.speech_samples import TALK
from ultimate_discord_intelligence_bot.models.transcript import Turn
from ultimate_discord_intelligence_bot.transcription.sound import RATE, samples_of

STORY = """\
The old lighthouse stands where the river meets the sea. For ninety years a keeper climbed its
stairs every evening. My grandfather was the last of them. He told us that the storm of the seventh
winter took the roof of the boathouse and left the hens alone. When the light became electric, he
stayed for another year to watch a machine do what he had done. I do not blame the machine, he used
to say, it never asked for my chair. Today you can rent the upper room for a weekend. The bread is
fresh, the bed is hard, and nobody will call you. We went there in October with two friends and a
dog who hates water. On the second night the wind turned, and all of us sat around the stove. Who
would have thought that silence can be so loud? In the morning the beach was covered with wood, and
the dog carried home more than we did.
"""
"""Another text than `TALK`, so that what was tuned on one can be measured on the other."""

_STEP = 0.01


@dataclass(frozen=True)
class Dialogue:
    """A recording and who speaks in it, as (start, end, name) in seconds."""

    path: Path
    truth: tuple[tuple[float, float, str], ...]

    @property
    def seconds(self) -> float:
        return self.truth[-1][1]


def converse(
    voices: Sequence[str],
    path: Path,
    seconds: float,
    *,
    seed: int,
    text: str = TALK,
    noise: float | None = None,
) -> Dialogue:
    """Let voices of flite take turns of one to three sentences, each as loud as it is.

    Args:
        voices: their names; one voice alone speaks on and on.
        noise: decibels of signal over white noise; None for none.
    """
    chance = random.Random(seed)
    loudness = {voice: chance.uniform(0.5, 1.0) for voice in voices}
    said = sentences(text)
    pieces: list[NDArray[np.float32]] = []
    truth: list[tuple[float, float, str]] = []
    length, voice = 0, ""

    def add(piece: NDArray[np.float32]) -> None:
        nonlocal length
        pieces.append(piece)
        length += len(piece)

    def pause(shortest: float, longest: float) -> None:
        add(np.zeros(int(RATE * chance.uniform(shortest, longest)), np.float32))

    while length < seconds * RATE:
        voice = chance.choice([other for other in voices if other != voice] or list(voices))
        begin = length / RATE
        for _ in range(chance.choice((1, 1, 2, 3))):
            add(spoken(voice, chance.choice(said)) * np.float32(loudness[voice]))
            pause(0.05, 0.3)
        truth.append((begin, length / RATE, voice))
        pause(0.1, 0.8)
    sound = np.concatenate(pieces)
    if noise is not None:
        power = float(np.mean(sound**2)) / 10 ** (noise / 10)
        hiss = np.random.default_rng(seed).normal(0, np.sqrt(power), len(sound))
        sound = sound + hiss.astype(np.float32)
    return Dialogue(write_audio(path, np.clip(sound, -1, 1)), tuple(truth))


def sentences(text: str) -> list[str]:
    """The sentences of a text that are long enough to be heard."""
    return [said.strip() + "." for said in text.replace("\n", " ").split(".") if len(said) > 10]


@cache
def spoken(voice: str, text: str) -> NDArray[np.float32]:
    """What flite makes of a sentence."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        subprocess.run(["flite", "-voice", voice, "-t", text, str(path)], check=True)
        return np.concatenate(list(samples_of(path)))


def error_rate(truth: Sequence[tuple[float, float, str]], turns: Sequence[Turn]) -> float:
    """The diarisation error rate: missed, invented and confused time by the time of speech.

    NIST's measure with a collar of 0.25 s around every true border, for the best one-to-one match
    of voices; for up to eight voices.
    """
    names = list(dict.fromkeys(name for *_, name in truth))
    ends = [end for _, end, _ in truth] + [turn.end for turn in turns]
    true = np.full(int(max(ends) / _STEP) + 1, -1)
    heard, counts = true.copy(), np.ones(len(true), bool)
    for start, end, name in truth:
        true[int(start / _STEP) : int(end / _STEP)] = names.index(name)
        for border in (start, end):
            counts[max(0, int((border - 0.25) / _STEP)) : int((border + 0.25) / _STEP)] = False
    for turn in turns:
        heard[int(turn.start / _STEP) : int(turn.end / _STEP)] = turn.speaker
    true, heard = true[counts], heard[counts]
    voices = max(len(names), max((turn.speaker + 1 for turn in turns), default=0))
    both = np.array(
        [[np.sum((true == i) & (heard == j)) for j in range(voices)] for i in range(voices)]
    )
    right = max(
        sum(both[i, j] for i, j in enumerate(match)) for match in permutations(range(voices))
    )
    wrong = np.sum((true >= 0) | (heard >= 0)) - right
    return float(wrong / max(1, np.sum(true >= 0)))
