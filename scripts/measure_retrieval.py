"""How well the memory finds, on questions about meetings whose answers people marked.

Usage:
    python scripts/measure_retrieval.py --data qmsum_val.jsonl [--tune]

The file is QMSum's validation part (Zhong et al. 2021): 35 meetings, 237 questions with the turns
that answer them. Each meeting is a tenant of its own in a real embedded store. A turn that belongs
to an answer is a hit; the general questions ("Summarize the meeting") have no turns and are left
out. Parameters are chosen with --tune on every other meeting; the figures are of both halves.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import math
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from ultimate_discord_intelligence_bot.embedding import Embedder, load_embedder
from ultimate_discord_intelligence_bot.memory import bm25, ranking
from ultimate_discord_intelligence_bot.memory.drivers.edge import EdgeVectors
from ultimate_discord_intelligence_bot.memory.ports import Mode, Where
from ultimate_discord_intelligence_bot.models.memory import Record
from ultimate_discord_intelligence_bot.runs import stable_id

Floats = NDArray[np.float32]
MODES: tuple[Mode, ...] = ("dense", "words", "hybrid")
LIMIT = 50
APART = ranking.APART
CONTEXTS = ((0.5,), (0.5, 0.25))
_SENTENCE = re.compile(r"(?<=[.?!])\s+(?=\S*\w)")


@dataclass(frozen=True)
class Meeting:
    """Passages of one meeting in their order, and the questions about it.

    Attributes:
        turns: for each passage the turn that it is, or is a sentence of.
        answers: for each question the turns that answer it.
    """

    name: str
    records: list[Record]
    turns: list[int]
    vectors: Floats
    queries: list[str]
    asked: Floats
    answers: list[set[int]]


@dataclass(frozen=True)
class Figures:
    """Reciprocal ranks of the first turn that answers, question by question, 0 for none."""

    ranks: list[list[float]]

    def of(self, part: slice) -> str:
        some = np.array([rank for meeting in self.ranks[part] for rank in meeting])
        hits = " ".join(f"{np.mean(some >= 1 / k):.3f}" for k in (1, 5, 10))
        return f"{hits} {some.mean():.3f}"

    def worth(self, part: slice) -> float:
        """What tuning looks at: hit@5 and MRR, equally."""
        some = np.array([rank for meeting in self.ranks[part] for rank in meeting])
        return float(np.mean(some >= 1 / 5) + some.mean())


def read_meetings(path: Path, embedder: Embedder, sentences: bool) -> list[Meeting]:
    return [
        read_meeting(f"meeting-{number}", json.loads(line), embedder, sentences)
        for number, line in enumerate(path.read_text().splitlines())
    ]


def read_meeting(name: str, found: dict[str, Any], embedder: Embedder, split: bool) -> Meeting:
    records: list[Record] = []
    turns: list[int] = []
    for turn, said in enumerate(found["meeting_transcripts"]):
        for text in _SENTENCE.split(said["content"]) if split else [said["content"]]:
            row = len(records)
            records.append(
                Record(
                    id=stable_id("record", name, str(row)),
                    kind="segment",
                    tenant=name,
                    source_id=name,
                    title=name,
                    url="",
                    published=None,
                    text=text,
                    start=row,
                    end=row + 1,
                    speaker=said["speaker"],
                    row=row,
                )
            )
            turns.append(turn)
    asked = found["specific_query_list"]
    return Meeting(
        name,
        records,
        turns,
        embedder.encode([record.text for record in records]),
        [each["query"] for each in asked],
        embedder.encode([each["query"] for each in asked]),
        [
            {t for a, b in each["relevant_text_span"] for t in range(int(a), int(b) + 1)}
            for each in asked
        ],
    )


def in_context(vectors: Floats, weights: Sequence[float]) -> Floats:
    """Each vector with its neighbours', weighted by distance: no second pass of the encoder."""
    total = vectors.copy()
    for distance, weight in enumerate(weights, 1):
        total[:-distance] += weight * vectors[distance:]
        total[distance:] += weight * vectors[:-distance]
    return np.asarray(total / np.linalg.norm(total, axis=1, keepdims=True), np.float32)


@contextmanager
def filled(meetings: Sequence[Meeting], context: Sequence[float] = ()) -> Iterator[EdgeVectors]:
    """A store that holds all meetings."""
    with tempfile.TemporaryDirectory() as folder:
        store = EdgeVectors(Path(folder) / "vectors", "measured", meetings[0].vectors.shape[1])
        with closing(store):
            for meeting in meetings:
                vectors = in_context(meeting.vectors, context) if context else meeting.vectors
                write = store.replace(meeting.name, meeting.name, meeting.records, vectors)
                asyncio.run(write)
            yield store


def measure(store: EdgeVectors, meetings: Sequence[Meeting], mode: Mode, **how: Any) -> Figures:
    async def ranks(meeting: Meeting) -> list[float]:
        found = await store.search(
            meeting.asked, LIMIT, Where(meeting.name), mode=mode, texts=meeting.queries, **how
        )
        turns = [[meeting.turns[hit.row or 0] for hit in hits] for hits in found]
        return [first(some, good) for some, good in zip(turns, meeting.answers, strict=True)]

    async def everything() -> list[list[float]]:
        return [await ranks(meeting) for meeting in meetings]

    return Figures(asyncio.run(everything()))


def first(turns: Sequence[int], good: set[int]) -> float:
    """Reciprocal rank of the first good turn; a turn counts once, by its best sentence."""
    for rank, turn in enumerate(dict.fromkeys(turns), 1):
        if turn in good:
            return 1 / rank
    return 0.0


def plain(meetings: Sequence[Meeting], cut: Callable[[str], list[str]], apart: int = 1) -> Figures:
    """Okapi BM25 over each meeting with its own average length, as baselines are made."""
    return Figures([plain_ranks(meeting, cut, apart) for meeting in meetings])


def plain_ranks(meeting: Meeting, cut: Callable[[str], list[str]], apart: int) -> list[float]:
    said = [Counter(cut(f"{each.speaker} {each.text}")) for each in meeting.records]
    holding = Counter(word for each in said for word in each)
    lengths = np.array([each.total() for each in said])
    norms = 1.2 * (0.25 + 0.75 * lengths / lengths.mean())
    ranks = []
    for query, good in zip(meeting.queries, meeting.answers, strict=True):
        scores = np.zeros(len(said))
        for word in cut(query):
            often = np.array([each[word] for each in said])
            rarity = math.log(1 + (len(said) - holding[word] + 0.5) / (holding[word] + 0.5))
            scores += rarity * 2.2 * often / (often + norms)
        order = spread(np.argsort(-scores, kind="stable").tolist(), apart)
        ranks.append(first([meeting.turns[i] for i in order], good))
    return ranks


def spread(order: Sequence[int], apart: int) -> Iterator[int]:
    """The best of rows less than ``apart`` from one another."""
    taken: set[int] = set()
    for row in order:
        if row not in taken:
            yield row
            taken.update(range(row - apart + 1, row + apart))


def unstemmed(text: str) -> list[str]:
    with mock.patch.object(bm25, "_stem", lambda word: word):
        return bm25.terms(text)


def show(name: str, figures: Figures) -> None:
    halves = (slice(0, None, 2), slice(1, None, 2), slice(None))
    print(f"  {name:<44} " + " | ".join(figures.of(part) for part in halves), flush=True)


def against(ours: Figures, theirs: Figures) -> None:
    """Print the gain of one side, with the interval that 95 % of 10,000 drawn samples are in."""
    one, other = (
        np.array([rank for meeting in side.ranks for rank in meeting]) for side in (ours, theirs)
    )
    drawn = np.random.default_rng(0).integers(len(one), size=(10_000, len(one)))
    for name, gains in (
        ("hit@5", (one >= 0.2).astype(float) - (other >= 0.2)),
        ("MRR", one - other),
    ):
        low, high = np.percentile(gains[drawn].mean(axis=1), (2.5, 97.5))
        print(f"    gain over BM25 in {name}: {gains.mean():+.3f} ({low:+.3f} to {high:+.3f})")


def report(meetings: Sequence[Meeting]) -> None:
    print(f"  {'':<44} tuned: hit@1 @5 @10 MRR | others | all")
    show("BM25, every word", plain(meetings, lambda text: re.findall(r"\w+", text.lower())))
    show("BM25, no function words", plain(meetings, unstemmed))
    show(f"BM25, no function words, apart {APART}", plain(meetings, unstemmed, APART))
    with filled(meetings) as store:
        for apart in (0, APART):
            for mode in MODES:
                show(f"{mode}, apart {apart}", measure(store, meetings, mode, apart=apart))
        against(measure(store, meetings, "hybrid", apart=APART), plain(meetings, unstemmed))
        for diversity in (0.1, 0.3):
            figures = measure(store, meetings, "hybrid", apart=APART, diversity=diversity)
            show(f"hybrid, apart {APART}, diversity {diversity}", figures)
        with mock.patch.object(bm25, "_STEMS_OF_ASKING", frozenset()):
            figures = measure(store, meetings, "hybrid", apart=APART)
            show(f"hybrid, apart {APART}, words of asking count", figures)
        with mock.patch.object(ranking, "K", 60):
            show(f"hybrid, apart {APART}, K 60", measure(store, meetings, "hybrid", apart=APART))
    for weights in CONTEXTS:
        with filled(meetings, weights) as store:
            for mode in (MODES[0], MODES[2]):
                figures = measure(store, meetings, mode, apart=APART)
                show(f"{mode} in context {weights}, apart {APART}", figures)
    with mock.patch.object(bm25, "NEIGHBOURS", ()), filled(meetings) as store:
        for mode in MODES[1:]:
            figures = measure(store, meetings, mode, apart=APART)
            show(f"{mode}, no neighbours' words, apart {APART}", figures)


def tune(kinds: Sequence[Sequence[Meeting]]) -> None:
    """The best ten of the grid on every other meeting, over all kinds of passages."""
    worth: dict[str, float] = defaultdict(float)
    grid = itertools.product(
        (1.2,), (0.4, 0.75), (4.0, 8.0, 16.0, 24.0), ((), (0.3,), (0.3, 0.15), (0.5,), (0.5, 0.25))
    )
    for k1, b, length, weights in grid:
        for kind in kinds:
            half = list(kind)[::2]
            weighed = mock.patch.multiple(bm25, K1=k1, B=b, LENGTH=length, NEIGHBOURS=weights)
            with weighed, filled(half) as store:
                for k in (2, 5, 10, 20, 60):
                    with mock.patch.object(ranking, "K", k):
                        figures = measure(store, half, "hybrid", apart=APART)
                    setting = f"k1 {k1} b {b} length {length} neighbours {weights} K {k}"
                    worth[setting] += figures.worth(slice(None)) / len(kinds)
    for setting in sorted(worth, key=lambda each: -worth[each])[:10]:
        print(f"  {worth[setting]:.3f}  {setting}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tune", action="store_true")
    wanted = parser.parse_args()
    embedder = load_embedder()
    turns, sentences = (read_meetings(wanted.data, embedder, split) for split in (False, True))
    if wanted.tune:
        tune([turns, sentences])
    for name, meetings in (("turns", turns), ("sentences", sentences)):
        print(f"\n{sum(len(meeting.records) for meeting in meetings)} {name}")
        report(meetings)


if __name__ == "__main__":
    main()
