"""Compare the keyless judge of evidence with four baselines on VitaminC.

Usage:
    python scripts/measure_verdicts.py --data TASK.json

TASK.json is ``vitaminc_fact_verification`` of BIG-bench: sentences of Wikipedia, each with a claim
that it supports, refutes, or says nothing about (VitaminC, Schuster et al. 2021, test part). It is
for evaluation only; no weights may be trained on it. One half of the pages chooses every
threshold, the other half is reported. Intervals are 95 % and come from resampling whole pages,
since the claims of a page are much alike. Takes about five minutes on two cores.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ultimate_discord_intelligence_bot.embedding import load_embedder
from ultimate_discord_intelligence_bot.verification import compare
from ultimate_discord_intelligence_bot.verification.judgement import weigh
from ultimate_discord_intelligence_bot.verification.stance import FLOOR, Stance
from ultimate_discord_intelligence_bot.verification.words import DENYING, IGNORED, stem, tokens

Array = NDArray[Any]

SUPPORTED, REFUTED, NEITHER = range(3)
NAMES = ("Supported", "Refuted", "neither")
_LABELS = {"True": SUPPORTED, "False": REFUTED, "Neither": NEITHER}
_CODES = {"supports": SUPPORTED, "refutes": REFUTED, "related": NEITHER}
_RESAMPLES = 1000
_SHOWN = 5
_GRID = np.linspace(0, 1, 41)


@dataclass(frozen=True)
class Pair:
    """A sentence of a page, a claim, and what the one says about the other.

    Attributes:
        page: its title, as the data spells it.
    """

    page: str
    sentence: str
    claim: str
    label: int

    @property
    def passage(self) -> str:
        """As a source gives it: after the title of its page, without what only tells apart."""
        return f"{re.sub(r' [(][^)]*[)]$', '', plain(self.page))}: {self.sentence}"

    @property
    def tuning(self) -> bool:
        """Whether its page is of the half that chooses thresholds."""
        return hashlib.sha256(self.page.encode()).digest()[-1] % 2 == 0


def load(path: Path) -> list[Pair]:
    """All pairs, in the spelling of ordinary text."""
    pairs = []
    for example in json.loads(path.read_text("utf-8"))["examples"]:
        evidence, _, claim = example["input"].rpartition("\nClaim: ")
        page, _, sentence = evidence.partition(": ")
        label = max(example["target_scores"], key=example["target_scores"].get)
        pairs.append(Pair(page, plain(sentence), plain(claim), _LABELS[label]))
    return pairs


def plain(text: str) -> str:
    """Undo the spacing and the brackets of the Penn Treebank."""
    for mark, sign in {"-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]"}.items():
        text = text.replace(mark, sign)
    text = text.replace("-COLON-", ":")
    text = re.sub(r"``\s*|\s*''", '"', text)
    text = re.sub(r"\s+([,.;:!?%)\]])", r"\1", text)
    text = re.sub(r"([(\[$£€])\s+", r"\1", text)
    text = re.sub(r"\s+('s|n't|'re|'ve|'ll|')(?=\W|$)", r"\1", text)
    return " ".join(text.split())


def embedded(pairs: Sequence[Pair]) -> tuple[Array, Array]:
    """Vectors of the sentences and of the claims, one row for each pair."""
    texts = sorted({pair.sentence for pair in pairs} | {pair.claim for pair in pairs})
    rows = {text: row for row, text in enumerate(texts)}
    vectors = load_embedder().encode(texts)
    return (
        vectors[[rows[pair.sentence] for pair in pairs]],
        vectors[[rows[pair.claim] for pair in pairs]],
    )


# -- judges: from pairs to what they find ----------------------------------------------------


def by_ours(pairs: Sequence[Pair], similarities: Array) -> Array:
    return np.array(
        [
            _CODES[weigh(pair.claim, [pair.passage], similarities[i : i + 1])[0][0]]
            for i, pair in enumerate(pairs)
        ]
    )


def by_rules(pairs: Sequence[Pair], similarities: Array) -> Array:
    """``compare`` alone, on the sentence without its title: with it, it would find less still."""
    return np.array(
        [
            _CODES[compare(pair.claim, pair.sentence, float(similarity))[0]]
            for pair, similarity in zip(pairs, similarities, strict=True)
        ]
    )


class Lexical:
    """Word overlap and BM25 (Robertson & Zaragoza 2009), with negation.

    What is enough is supported, or refuted where one denies and the other does not; what is less
    is neither. What is enough is chosen on the tuning half, for macro-F1.
    """

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self._claims = [self._words(pair.claim) for pair in pairs]
        self._passages = [self._words(pair.passage) for pair in pairs]
        self._flips = np.array(
            [bool(_denials(pair.claim)) != bool(_denials(pair.passage)) for pair in pairs]
        )
        frequency = Counter(word for words in self._passages for word in set(words))
        total = len(pairs)
        self._rarity = {
            word: math.log(1 + (total - n + 0.5) / (n + 0.5)) for word, n in frequency.items()
        }
        self._unseen = math.log(1 + (total + 0.5) / 0.5)
        self._length = float(np.mean([len(words) for words in self._passages]))

    def overlap(self) -> Array:
        """Share of the claim's words that the passage has."""
        return np.array(
            [
                len(set(claim) & set(passage)) / max(len(set(claim)), 1)
                for claim, passage in zip(self._claims, self._passages, strict=True)
            ]
        )

    def bm25(self) -> Array:
        """BM25 of the passage for the claim, as a share of what it could be at most."""
        return np.array(
            [self._score(c, p) for c, p in zip(self._claims, self._passages, strict=True)]
        )

    def judged(self, scores: Array, enough: float) -> Array:
        found = np.where(self._flips, REFUTED, SUPPORTED)
        return np.where(scores >= enough, found, NEITHER)

    def _score(
        self, claim: Sequence[str], passage: Sequence[str], k: float = 1.2, b: float = 0.75
    ) -> float:
        counts = Counter(passage)
        norm = k * (1 - b + b * len(passage) / self._length)
        weights = {word: self._rarity.get(word, self._unseen) for word in set(claim)}
        most = (k + 1) * sum(weights.values())
        got = sum(
            weight * counts[word] * (k + 1) / (counts[word] + norm)
            for word, weight in weights.items()
        )
        return got / most if most else 0.0

    @staticmethod
    def _words(text: str) -> list[str]:
        return [stem(token.word) for token in tokens(text) if token.word not in IGNORED]


def _denials(text: str) -> set[str]:
    return {token.word for token in tokens(text)} & DENYING


def chosen(lexical: Lexical, scores: Array, truth: Array, tuning: Array) -> float:
    """What is enough, for the best macro-F1 on the tuning half."""
    return float(
        max(
            _GRID,
            key=lambda enough: figures(
                table(truth[tuning], lexical.judged(scores, enough)[tuning])
            )["macro-F1"],
        )
    )


# -- measures --------------------------------------------------------------------------------


def table(truth: Array, found: Array) -> Array:
    """Counts by label (rows) and by what was found (columns)."""
    counts = np.zeros((3, 3))
    np.add.at(counts, (truth, found), 1)
    return counts


def figures(counts: Array) -> dict[str, Array]:
    """Figures from one table, or from many at once; shape (..., 3, 3)."""
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    with np.errstate(invalid="ignore"):
        precision = right / counts.sum(axis=-2)
        recall = right / counts.sum(axis=-1)
    f1 = 2 * right / np.maximum(counts.sum(axis=-2) + counts.sum(axis=-1), 1)
    return {
        "accuracy": right.sum(axis=-1) / counts.sum(axis=(-2, -1)),
        "macro-F1": f1.mean(axis=-1),
        "P Supported": precision[..., SUPPORTED],
        "R Supported": recall[..., SUPPORTED],
        "P Refuted": precision[..., REFUTED],
        "R Refuted": recall[..., REFUTED],
    }


def with_intervals(pages: Sequence[str], truth: Array, found: Array) -> dict[str, str]:
    """Each figure with its interval, as "0.970 (0.953-0.981)"; and how often what was said."""
    rows = {page: row for row, page in enumerate(sorted(set(pages)))}
    counts = np.zeros((len(rows), 3, 3))
    np.add.at(counts, (np.array([rows[page] for page in pages]), truth, found), 1)
    rng = np.random.default_rng(0)
    weights = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=_RESAMPLES)
    resampled = figures(np.tensordot(weights, counts, axes=1))
    said = counts.sum(axis=(0, 1))
    told = {"said": f"{said[SUPPORTED]:.0f} Supported and {said[REFUTED]:.0f} Refuted"}
    for name, value in figures(counts.sum(axis=0)).items():
        if np.isnan(value):
            told[name] = "-"
            continue
        low, high = np.nanquantile(resampled[name], [0.025, 0.975])
        told[name] = f"{value:.3f} ({low:.3f}-{high:.3f})"
    return told


def false_alarms(pairs: Sequence[Pair], sentences: Array, claims: Array) -> None:
    """What is found in the most similar sentences of other pages, which should be nothing."""
    distinct = {pair.sentence: i for i, pair in enumerate(pairs)}
    shown = list(distinct.values())
    asked = list({pair.claim: i for i, pair in enumerate(pairs)}.values())
    pages = np.array([pair.page for pair in pairs])
    found: Counter[str] = Counter()
    for claim in asked:
        scores = sentences[shown] @ claims[claim]
        scores[pages[shown] == pages[claim]] = -1
        best = np.argsort(-scores, kind="stable")[:_SHOWN]
        best = best[scores[best] >= FLOOR]
        passages = [pairs[shown[i]].passage for i in best]
        for place, (stance, _, reason) in enumerate(
            weigh(pairs[claim].claim, passages, scores[best])
        ):
            found[stance] += 1
            if stance != "related":
                print(f"  {stance}: {pairs[claim].claim} | {passages[place]} | {reason}")
    print(
        f"{len(asked)} claims, {sum(found.values())} sentences of other pages: "
        f"{found['supports']} said to support, {found['refutes']} said to refute"
    )


def grounds(pairs: Sequence[Pair], similarities: Array) -> None:
    """Precision of each kind of finding, with Wilson's interval."""
    right: Counter[tuple[Stance, float]] = Counter()
    total: Counter[tuple[Stance, float]] = Counter()
    for i, pair in enumerate(pairs):
        stance, confidence, _ = weigh(pair.claim, [pair.passage], similarities[i : i + 1])[0]
        total[stance, confidence] += 1
        right[stance, confidence] += _CODES[stance] == pair.label
    for (stance, confidence), n in sorted(total.items()):
        if stance != "related":
            low, high = wilson(right[stance, confidence], n)
            share = right[stance, confidence] / n
            between = f"{share:.3f} ({low:.3f}-{high:.3f})"
            print(f"  {stance:9s} said with {confidence:.2f}: {between} of {n}")


def wilson(right: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's score interval for a share."""
    share, spread = right / total, z * z / total
    middle = (share + spread / 2) / (1 + spread)
    reach = z / (1 + spread) * math.sqrt(share * (1 - share) / total + spread / total / 4)
    return middle - reach, middle + reach


def show(title: str, judges: Iterable[tuple[str, dict[str, str]]]) -> None:
    print(f"\n{title}")
    for name, told in judges:
        print(f"  {name}")
        print("    " + ", ".join(f"{key} {value}" for key, value in told.items()))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Measure the judge of evidence.")
    parser.add_argument("--data", type=Path, required=True, help="task.json of VitaminC")
    pairs = load(parser.parse_args().data)
    sentences, claims = embedded(pairs)
    similarities = np.einsum("ij,ij->i", sentences, claims)
    truth = np.array([pair.label for pair in pairs])
    tuning = np.array([pair.tuning for pair in pairs])
    pages = np.array([pair.page for pair in pairs])
    lexical = Lexical(pairs)
    majority = int(np.bincount(truth[tuning]).argmax())
    found = {
        "ours": by_ours(pairs, similarities),
        "rules alone": by_rules(pairs, similarities),
        f"majority ({NAMES[majority]})": np.full(len(pairs), majority),
    }
    for name, scores in {"word overlap": lexical.overlap(), "BM25": lexical.bm25()}.items():
        enough = chosen(lexical, scores, truth, tuning)
        found[f"{name} from {enough:.3f}, and negation"] = lexical.judged(scores, enough)
    found["every word, and negation"] = lexical.judged(lexical.overlap(), 1.0)
    near = similarities >= FLOOR
    for title, part in {
        "Tuning half, similarity from 0.6": tuning & near,
        "Reported half, all pairs": ~tuning,
        "Reported half, similarity from 0.6": ~tuning & near,
    }.items():
        shares = ", ".join(f"{NAMES[i]} {np.mean(truth[part] == i):.3f}" for i in range(3))
        show(
            f"{title}: {part.sum()} pairs of {len(set(pages[part]))} pages ({shares})",
            (
                (name, with_intervals(list(pages[part]), truth[part], judged[part]))
                for name, judged in found.items()
            ),
        )
    for title, part in {"tuning": tuning & near, "reported": ~tuning & near}.items():
        print(f"\nKinds of findings, {title} half, similarity from 0.6")
        chosen_rows = np.flatnonzero(part)
        grounds([pairs[i] for i in chosen_rows], similarities[chosen_rows])
    print("\nSentences of other pages, reported half")
    rows = np.flatnonzero(~tuning)
    false_alarms([pairs[i] for i in rows], sentences[rows], claims[rows])


if __name__ == "__main__":
    main()
