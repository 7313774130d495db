"""Who speaks when, estimated by the sound of the voices.

A classical method that needs no trained weights: every voice is one Gaussian over cepstral
coefficients; stretches of speech are put together from the bottom up as long as the Bayesian
information criterion prefers one voice to two (Chen & Gopalakrishnan 1998, "Speaker, environment
and channel change detection and clustering via the Bayesian information criterion"); then the
borders are found anew by the most likely path through the voices (Viterbi), as in Anguera et al.
2012, "Speaker diarization: a review of recent research".
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..events import Progress
from ..models.transcript import Diarization, Segment, Transcript, Turn
from .sound import Stopped, duration
from .voices import SIZE, UNIT, Rows, rows_of

_PENALTY = 4.0
"""How much better two voices must explain the sound than one, in units of the criterion: frames
are not independent, as it presumes, so that 1 would split one voice into many."""

_ENOUGH = 3000.0
"""Frames, half a minute, beyond which more of a voice tells nothing new: no voice is a Gaussian,
and given enough of it the criterion would split every one."""

_WINDOW = 12
"""Units that are taken to be of one voice at first: three seconds."""

_AT_ONCE = 300
"""Pieces that are compared each with each; longer recordings are put together part by part."""

_CHANGE = 60.0
"""What a change of voice costs on the most likely path, in nats; less after a pause."""

_AFTER_PAUSE = 20.0
_ROUNDS = 3
_SHORTEST_VOICE = 4.0
"""Seconds that somebody must speak to count as a voice of their own."""

_MOST_VOICES = 8
_LEAST = 0.05
"""Added to every variance, so that a short piece has a shape, too."""

_JOINED = 0.5
_NEAR = 1.0

Sums = NDArray[np.float64]


def diarize(path: Path, progress: Progress, stop: threading.Event) -> Diarization:
    """Estimate who speaks when in a recording.

    Works for a few distinct voices that take turns; see ``docs/analysis/diarization.md``.

    Args:
        path: a media file.
        progress: told how far it is, by the time of the recording.
        stop: once set, the work ends.

    Raises:
        NotMedia, NoAudio: the file is damaged or has no sound.
        Stopped: once ``stop`` is set.
    """
    total = duration(path)

    def told(seconds: float) -> None:
        progress(min(1.0, seconds / total) if total else None, "telling the voices apart")

    rows = rows_of(path, stop, told)
    if not len(rows.start):
        return Diarization(turns=())
    return Diarization(turns=tuple(_turns(rows, _voices(rows, stop))))


def assign(transcript: Transcript, diarization: Diarization) -> Transcript:
    """Give every segment the voice that is heard most in it, as ``Speaker 1 (estimated)``.

    Numbers are in order of appearance in the transcript. A segment in which no voice is heard gets
    the nearest one within a second, or none. Speakers that the captions name stay.
    """
    turns = diarization.turns
    starts, ends = [turn.start for turn in turns], [turn.end for turn in turns]
    voices = []
    for segment in transcript.segments:
        first = bisect_left(ends, segment.start - _NEAR)
        last = bisect_right(starts, segment.end + _NEAR)
        voices.append(_voice_of(segment, turns[first:last]))
    order = list(dict.fromkeys(voice for voice in voices if voice is not None))
    segments = tuple(
        segment
        if voice is None or segment.speaker
        else segment.model_copy(update={"speaker": f"Speaker {order.index(voice) + 1} (estimated)"})
        for segment, voice in zip(transcript.segments, voices, strict=True)
    )
    return transcript.model_copy(update={"segments": segments})


def _voice_of(segment: Segment, turns: tuple[Turn, ...]) -> int | None:
    heard: dict[int, float] = {}
    nearest, distance = None, _NEAR
    for turn in turns:
        overlap = min(segment.end, turn.end) - max(segment.start, turn.start)
        if overlap > 0:
            heard[turn.speaker] = heard.get(turn.speaker, 0.0) + overlap
        elif -overlap <= distance:
            nearest, distance = turn.speaker, -overlap
    return max(heard, key=lambda voice: heard[voice]) if heard else nearest


# -- which voice a unit belongs to ----------------------------------------------------------------


def _voices(rows: Rows, stop: threading.Event) -> NDArray[np.int64]:
    """The number of a voice for each unit of speech, from 0 and without gaps."""
    pieces = _pieces(rows)
    labels = _put_together(_added(rows.sums, pieces), stop)[pieces]
    for _ in range(_ROUNDS):
        labels = _likeliest(rows, _kept(labels))
        labels = _merged(_added(rows.sums, labels), _MOST_VOICES, stop)[labels]
    return _likeliest(rows, _kept(labels))


def _kept(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The labels, with -1 for voices that speak too little to be one; the longest always stays."""
    counts = np.bincount(labels)
    short = counts * UNIT < _SHORTEST_VOICE
    short[counts.argmax()] = False
    return np.where(short[labels], -1, labels)


def _pieces(rows: Rows) -> NDArray[np.int64]:
    """The number of a piece for each unit: about three seconds of one stretch."""
    first = np.r_[True, np.diff(rows.stretch) > 0]
    begins = np.flatnonzero(first)
    lengths = np.diff(np.r_[begins, len(first)])
    place = np.arange(len(first)) - np.repeat(begins, lengths)
    count = np.maximum(1, np.round(np.repeat(lengths, lengths) / _WINDOW).astype(np.int64))
    within = np.minimum(place // _WINDOW, count - 1)
    begun = first | (np.r_[0, np.diff(within)] != 0)
    return np.cumsum(begun) - 1


def _added(sums: NDArray[Any], labels: NDArray[np.int64]) -> Sums:
    """The sums of all rows with a label, shape (labels, width); rows labelled -1 are left out."""
    found = np.zeros((labels.max() + 1, sums.shape[1]))
    np.add.at(found, labels[labels >= 0], sums[labels >= 0])
    return found[found[:, 0] > 0]


def _put_together(sums: Sums, stop: threading.Event) -> NDArray[np.int64]:
    """Which pieces are of one voice; part by part first, where there are too many to compare."""
    labels = np.arange(len(sums))
    while len(sums) > _AT_ONCE:
        done, parts = 0, []
        for first in range(0, len(sums), _AT_ONCE):
            part = _merged(sums[first : first + _AT_ONCE], _AT_ONCE // 4, stop)
            parts.append(part + done)
            done += part.max() + 1
        merged = np.concatenate(parts)
        labels, sums = merged[labels], _added(sums, merged)
    return _merged(sums, _MOST_VOICES, stop)[labels]


def _merged(sums: Sums, most: int, stop: threading.Event) -> NDArray[np.int64]:
    """Put together what is of one voice, the likest first; at most so many voices stay."""
    groups = [[number] for number in range(len(sums))]
    sums = sums.copy()
    spread = _spread(sums)
    gain = np.full((len(sums), len(sums)), np.inf)
    for number in range(1, len(sums)):
        gain[number, :number] = _cost(sums[number], spread[number], sums[:number], spread[:number])
    while len(groups) > 1:
        if stop.is_set():
            raise Stopped
        one, other = sorted(divmod(int(gain.argmin()), len(groups)))
        if gain.min() >= 0 and len(groups) <= most:
            break
        groups[one] += groups.pop(other)
        sums[one] += sums[other]
        sums, spread = np.delete(sums, other, 0), np.delete(spread, other)
        gain = np.delete(np.delete(gain, other, 0), other, 1)
        spread[one] = _spread(sums[one : one + 1])[0]
        costs = _cost(sums[one], spread[one], sums, spread)
        gain[one, :one], gain[one + 1 :, one] = costs[:one], costs[one + 1 :]
    labels = np.zeros(sum(map(len, groups)), np.int64)
    for voice, group in enumerate(sorted(groups, key=min)):
        labels[group] = voice
    return labels


def _cost(one: Sums, spread: float, others: Sums, spreads: Sums) -> Sums:
    """How much worse one Gaussian for both explains the sound than one for each, less the penalty.

    The difference of the Bayesian information criteria; below zero, one voice is the better story.
    """
    one, others = _bounded(one[None])[0], _bounded(others)
    together = others + one
    frames = together[:, 0]
    loss = frames * _spread(together) - others[:, 0] * spreads - one[0] * spread
    numbers = SIZE + SIZE * (SIZE + 1) / 2
    return np.asarray(0.5 * loss - 0.5 * _PENALTY * numbers * np.log(frames))


def _bounded(sums: Sums) -> Sums:
    """The same voices as if they had spoken for `_ENOUGH` frames at most."""
    return sums * np.minimum(1.0, _ENOUGH / sums[:, :1])


def _spread(sums: Sums) -> Sums:
    """The logarithm of the determinant of each covariance."""
    return np.asarray(np.linalg.slogdet(_gaussians(sums)[1])[1])


def _gaussians(sums: Sums) -> tuple[Sums, Sums]:
    """Means, shape (rows, SIZE), and covariances, shape (rows, SIZE, SIZE)."""
    frames = sums[:, :1]
    mean = sums[:, 1 : SIZE + 1] / frames
    products = (sums[:, SIZE + 1 :] / frames).reshape(-1, SIZE, SIZE)
    covariance = products - mean[:, :, None] * mean[:, None, :]
    return mean, covariance + _LEAST * np.eye(SIZE)


def _likeliest(rows: Rows, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The most likely voice of each unit, when voices do not change often (Viterbi)."""
    likelihood = rows.sums @ _weights(_added(rows.sums, labels)).astype(np.float32)
    came_from = np.zeros(likelihood.shape, np.int64)
    same_stretch = np.r_[False, np.diff(rows.stretch) == 0]
    best = likelihood[0].astype(np.float64)
    stay = np.arange(len(best))
    for unit in range(1, len(likelihood)):
        changed = best.max() - (_CHANGE if same_stretch[unit] else _AFTER_PAUSE)
        came_from[unit] = np.where(best >= changed, stay, best.argmax())
        best = np.maximum(best, changed) + likelihood[unit]
    path = np.empty(len(likelihood), np.int64)
    path[-1] = best.argmax()
    for unit in range(len(path) - 1, 0, -1):
        path[unit - 1] = came_from[unit, path[unit]]
    return np.unique(path, return_inverse=True)[1]


def _weights(sums: Sums) -> Sums:
    """What a row of sums is multiplied with to give its log likelihood, shape (width, voices)."""
    mean, covariance = _gaussians(sums)
    precision = np.linalg.inv(covariance)
    pulled = np.einsum("vij,vj->vi", precision, mean)
    constant = -0.5 * (np.linalg.slogdet(covariance)[1] + (pulled * mean).sum(1))
    flat = -0.5 * precision.reshape(len(sums), -1)
    return np.concatenate([constant[:, None], pulled, flat], 1).T


def _turns(rows: Rows, labels: NDArray[np.int64]) -> Iterator[Turn]:
    """Units of one voice as turns; a short pause does not end one. Voices by first appearance."""
    order = {label: number for number, label in enumerate(dict.fromkeys(labels.tolist()))}
    start, end, voice = rows.start[0], rows.end[0], labels[0]
    for begin, until, label in zip(rows.start[1:], rows.end[1:], labels[1:], strict=True):
        if label != voice or begin - end > _JOINED:
            yield Turn(start=round(start, 2), end=round(end, 2), speaker=order[int(voice)])
            start, voice = begin, label
        end = until
    yield Turn(start=round(start, 2), end=round(end, 2), speaker=order[int(voice)])
