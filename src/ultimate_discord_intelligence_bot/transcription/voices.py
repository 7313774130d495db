"""What voices sound like, as sums from which Gaussians are made.

Every quarter of a second of speech becomes one row of sums over its frames: how many frames, the
sum of their features and the sum of the features' products. Means, covariances and likelihoods of
any stretch follow from the rows, so that ten hours of speech fit into memory with ease.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .sound import RATE, Block, Samples, blocks, samples_of

UNIT = 0.25
"""Seconds of speech in one row."""

SIZE = 16
"""Numbers that describe a frame: cepstral coefficients 1 to 16."""

_FRAME, _HOP, _FFT = 400, 160, 512
_FRAMES = int(UNIT * RATE) // _HOP
_FILTERS = 26
_LOWEST, _HIGHEST = 100.0, 7600.0
_QUIET = 30.0
"""Decibels below the loudest frame of a stretch that count as a pause."""

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Rows:
    """The speech of a recording, unit by unit.

    Attributes:
        start, end: seconds, shape (units,).
        stretch: number of the stretch of speech that a unit belongs to, shape (units,).
        sums: shape (units, 1 + SIZE + SIZE²): frames, features, products of features.
    """

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    stretch: NDArray[np.int64]
    sums: Array


def rows_of(path: Path, stop: threading.Event, told: Callable[[float], None]) -> Rows:
    """Listen to the voices of a file; ``told`` hears up to which second that is done.

    Raises:
        NotMedia, NoAudio: the file is damaged or has no sound.
        Stopped: once ``stop`` is set.
    """
    starts: list[float] = []
    ends: list[float] = []
    stretches: list[int] = []
    sums: list[Array] = []
    number = 0
    for block in blocks(samples_of(path, stop)):
        for first, samples in _stretches(block):
            number += 1
            for offset, length, row in _units(cepstra(samples)):
                starts.append(first + offset)
                ends.append(first + offset + length)
                stretches.append(number)
                sums.append(row)
        told(block.start + len(block.samples) / RATE)
    width = 1 + SIZE + SIZE * SIZE
    return Rows(
        np.array(starts),
        np.array(ends),
        np.array(stretches, np.int64),
        np.array(sums, np.float32).reshape(-1, width),
    )


def _stretches(block: Block) -> Iterator[tuple[float, Samples]]:
    for start, end in block.speech:
        samples = block.samples[int(start * RATE) : int(end * RATE)]
        if len(samples) >= _FRAME + _HOP * _FRAMES:
            yield block.start + start, samples


def _units(features: tuple[Array, NDArray[np.bool_]]) -> Iterator[tuple[float, float, Array]]:
    values, loud = features
    for first in range(0, len(values), _FRAMES):
        chosen = values[first : first + _FRAMES][loud[first : first + _FRAMES]]
        if len(chosen):
            products = chosen.T @ chosen
            row = np.concatenate([[len(chosen)], chosen.sum(0), products.ravel()])
            length = min(_FRAMES, len(values) - first) * _HOP / RATE
            yield first * _HOP / RATE, length, row.astype(np.float32)


def cepstra(samples: Samples) -> tuple[Array, NDArray[np.bool_]]:
    """Mel-frequency cepstral coefficients of every 10 ms, and which frames are not pauses.

    Davis & Mermelstein 1980. The zeroth coefficient, the loudness, is left out.

    Args:
        samples: mono, 16 kHz, at least one frame of 25 ms.

    Returns:
        Shape (frames, SIZE), and a mask of shape (frames,).
    """
    emphasised = np.append(samples[:1], samples[1:] - 0.97 * samples[:-1]).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(emphasised, _FRAME)[::_HOP]
    spectrum = np.abs(np.fft.rfft(frames * np.hamming(_FRAME).astype(np.float32), _FFT)) ** 2
    energy = spectrum.astype(np.float32) @ _mel().T + np.float32(1e-8)
    level = 10 * np.log10(energy.sum(1))
    return np.log(energy) @ _cosines().T, level > level.max() - _QUIET


@cache
def _mel() -> Array:
    """Triangles of equal width on the mel scale, shape (_FILTERS, _FFT / 2 + 1)."""
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (_LOWEST, _HIGHEST))
    edges = 700 * (10 ** (np.linspace(low, high, _FILTERS + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(_FFT, 1 / RATE)
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - left) / (middle - left), (right - bins) / (right - middle)
    triangles: Array = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    return triangles


@cache
def _cosines() -> Array:
    """The discrete cosine transform of coefficients 1 to SIZE, shape (SIZE, _FILTERS)."""
    order = np.arange(1, SIZE + 1)[:, None]
    place = (np.arange(_FILTERS) + 0.5)[None] * np.pi / _FILTERS
    table: Array = (np.sqrt(2 / _FILTERS) * np.cos(order * place)).astype(np.float32)
    return table
