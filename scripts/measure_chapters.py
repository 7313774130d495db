"""Compare the cutting of chapters with two baselines on meetings that people cut.

Usage:
    python scripts/measure_chapters.py --data FOLDER

FOLDER holds ``meetings/qmsum_val.jsonl`` (QMSum, Zhong et al. 2021); its ``topic_list`` is the
reference. Every method is told how many parts there are. Pk (Beeferman et al. 1999) and WindowDiff
(Pevzner & Hearst 2002) are error rates: lower is better. The length weight is the only parameter;
besides its figures on all meetings, it is chosen for each meeting on all the others.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ultimate_discord_intelligence_bot.analysis import chapters
from ultimate_discord_intelligence_bot.analysis.words import FUNCTION_WORDS, words
from ultimate_discord_intelligence_bot.embedding import load_embedder

Array = NDArray[Any]
WEIGHTS = (0.0, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08)


@dataclass
class Meeting:
    """One meeting: its turns, their vectors, lengths in words, and the cuts people made."""

    turns: list[str]
    array: Array
    lengths: Array
    cuts: list[int]

    @property
    def parts(self) -> int:
        return len(self.cuts) + 1


Cutter = Callable[[Meeting], list[int]]


def reference(meeting: dict[str, Any]) -> list[int]:
    """Turns where the topic changes; a turn without a topic belongs to the one before."""
    topics = np.full(len(meeting["meeting_transcripts"]), -1)
    for number, topic in enumerate(meeting["topic_list"]):
        for first, last in topic["relevant_text_span"]:
            topics[int(first) : int(last) + 1] = number
    topics[0] = topics[topics >= 0][0]
    for turn in range(1, len(topics)):
        if topics[turn] < 0:
            topics[turn] = topics[turn - 1]
    return [int(cut) for cut in np.flatnonzero(np.diff(topics)) + 1]


def load(path: Path) -> list[Meeting]:
    """All meetings, embedded once."""
    meetings = []
    for line in path.read_text("utf-8").splitlines():
        raw = json.loads(line)
        turns = [turn["content"] for turn in raw["meeting_transcripts"]]
        lengths = np.array([len(words(turn)) for turn in turns], float)
        meetings.append(Meeting(turns, load_embedder().encode(turns), lengths, reference(raw)))
    return meetings


# -- methods ---------------------------------------------------------------------------------


def by_vectors(meeting: Meeting) -> list[int]:
    return chapters.segment_boundaries(meeting.array, meeting.lengths, 60, meeting.parts)


def equal_parts(meeting: Meeting) -> list[int]:
    """Parts of the same number of words."""
    spoken = meeting.lengths.cumsum()
    aims = spoken[-1] * np.arange(1, meeting.parts) / meeting.parts
    return sorted({int(cut) for cut in np.clip(np.searchsorted(spoken, aims), 1, None)})


def lexical_tiling(meeting: Meeting, window: int = 300) -> list[int]:
    """TextTiling (Hearst 1997): the deepest valleys of lexical cohesion between two windows."""
    tokens = [[w for w in words(turn.lower()) if w not in FUNCTION_WORDS] for turn in meeting.turns]
    index = {word: i for i, word in enumerate(sorted({w for turn in tokens for w in turn}))}
    counts = np.zeros((len(tokens) + 1, len(index)), np.float32)
    for turn, found in enumerate(tokens, start=1):
        for word in found:
            counts[turn, index[word]] += 1
    sums = counts.cumsum(axis=0)
    spoken = np.append(0, meeting.lengths.cumsum())
    left = sums - sums[np.searchsorted(spoken, spoken - window).clip(0)]
    right = sums[np.searchsorted(spoken, spoken + window).clip(0, len(tokens))] - sums
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    cohesion = (left * right).sum(axis=1) / np.maximum(norms, 1e-9)
    depth = np.array([_depth(cohesion, gap) for gap in range(len(cohesion))])
    cuts: list[int] = []
    for gap in np.argsort(-depth, kind="stable"):
        room = spoken[-1] / meeting.parts / 3
        near = [0, len(tokens), *cuts]
        if len(cuts) < meeting.parts - 1 and all(abs(spoken[gap] - spoken[c]) > room for c in near):
            cuts.append(int(gap))
    return sorted(cuts)


def _depth(cohesion: Array, gap: int) -> float:
    """How far cohesion rises on both sides of a gap before it falls again."""
    rises = []
    for side in (cohesion[gap::-1], cohesion[gap:]):
        falls = np.flatnonzero(np.diff(side) < 0)
        rises.append(side[falls[0] if len(falls) else -1] - cohesion[gap])
    return float(sum(rises))


# -- measures --------------------------------------------------------------------------------


def errors(meeting: Meeting, cuts: list[int]) -> tuple[float, float]:
    """Pk and WindowDiff with a window of half the mean length of a part."""
    size = len(meeting.turns)
    width = max(2, round(size / meeting.parts / 2))
    inside = []
    for places in (meeting.cuts, cuts):
        marks = np.zeros(size, int)
        marks[places] = 1
        total = marks.cumsum()
        inside.append(total[width:] - total[:-width])
    ours, theirs = inside
    return float(np.mean((ours > 0) != (theirs > 0))), float(np.mean(ours != theirs))


def mean_errors(meetings: list[Meeting], cut: Cutter) -> tuple[float, float]:
    pairs = np.array([errors(meeting, cut(meeting)) for meeting in meetings])
    pk, difference = pairs.mean(axis=0)
    return float(pk), float(difference)


def with_weight(weight: float) -> Cutter:
    def cut(meeting: Meeting) -> list[int]:
        kept, chapters.LENGTH_WEIGHT = chapters.LENGTH_WEIGHT, weight
        try:
            return by_vectors(meeting)
        finally:
            chapters.LENGTH_WEIGHT = kept

    return cut


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Measure the cutting of chapters.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    meetings = load(parser.parse_args().data / "meetings/qmsum_val.jsonl")
    methods: dict[str, Cutter] = {
        "sentence vectors (ours)": by_vectors,
        "parts of equal length": equal_parts,
        "lexical TextTiling": lexical_tiling,
        "no cut at all": lambda meeting: [],
    }
    print(f"{len(meetings)} meetings                  Pk  WindowDiff")
    for name, cut in methods.items():
        pk, difference = mean_errors(meetings, cut)
        print(f"{name:28s} {pk:.3f}  {difference:.3f}")
    for weight in WEIGHTS:
        pk, difference = mean_errors(meetings, with_weight(weight))
        print(f"  length weight {weight:<12} {pk:.3f}  {difference:.3f}")
    table = np.array([[errors(m, with_weight(w)(m)) for m in meetings] for w in WEIGHTS])
    rest = table[:, :, 0].sum(axis=1, keepdims=True) - table[:, :, 0]
    chosen = table[rest.argmin(axis=0), np.arange(len(meetings))]
    pk, difference = chosen.mean(axis=0)
    print(f"weight chosen on all others  {pk:.3f}  {difference:.3f}")


if __name__ == "__main__":
    main()
