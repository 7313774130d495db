"""Words as sparse vectors, so that their inner product is Okapi BM25.

A passage is weighed here, but for the rarity of its terms, which the store multiplies in from what
it holds (its IDF modifier): score = Σ idf(t) · w(t), w(t) = f(k₁+1) / (f + k₁(1 − b + b·l/L)),
with f how often the term occurs, l the length of the passage and L a fixed one, because a weight
must not change when others are remembered (Robertson & Zaragoza 2009).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ..models.memory import Record

K1 = 1.2
"""Saturation of repeated terms."""

B = 0.75
"""How much of the length counts."""

LENGTH = 16.0
"""Terms of a passage of ordinary length, its speaker's name included."""

NEIGHBOURS = (0.5, 0.25)
"""How much of the words of the segments one and two rows away belongs to a passage: what is talked
about is named once, and meant for a while. Chosen on QMSum; docs/analysis/memory.md."""

_MOST_CHARACTERS = 100_000
# Languages without spaces between words are compared character by character.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")


def _set(line: str) -> frozenset[str]:
    return frozenset(line.split())


_LEFT_OUT = _set(
    "a about after again all also am an and any are as at be because been before being both but by"
    " can could d did do does doing don down during each for from further had has have having he"
    " her here hers him his how i if in into is it its just ll m me more most my no nor not of off"
    " on once only or other our out over own re s same shall she should so some such t than that"
    " the their them then there these they this those through to too under until up ve very was we"
    " were what when where which while who whom whose why will with would you your"
)
# Of questions about what somebody said: the saying, those who say it, and where.
_OF_ASKING = _set(
    "agree comment conclude conclusion debate decide describe discuss discussion explain introduce"
    " main mention opinion point recommend say summarize summary talk think thought view"
    " group member participant people person speaker team"
    " conversation episode interview meeting podcast recording video"
)


@dataclass(frozen=True)
class Words:
    """A sparse vector: ids of terms, ascending, and their weights."""

    indices: tuple[int, ...]
    values: tuple[float, ...]

    def __bool__(self) -> bool:
        return bool(self.indices)


def terms(text: str) -> list[str]:
    """The words of a text that say something: folded, lightly stemmed, in their order.

    Accents are dropped. Of a text of more than 100,000 characters only these are read.
    """
    folded = unicodedata.normalize("NFKD", text[:_MOST_CHARACTERS]).casefold()
    # After decomposition Hangul is letters, not syllables: composed again before it is cut.
    bare = "".join(sign for sign in folded if not unicodedata.combining(sign))
    found = _WORD.findall(unicodedata.normalize("NFC", bare))
    return [_stem(word) for word in found if word not in _LEFT_OUT]


def passages(records: Sequence[Record]) -> list[Words]:
    """The words of each record of one source, with its speaker's and some of its neighbours'.

    Args:
        records: all that is remembered of the source.
    """
    own = [_weights(terms(f"{record.speaker or ''} {record.text}")) for record in records]
    spoken = {
        record.row: weights
        for record, weights in zip(records, own, strict=True)
        if record.kind == "segment"
    }
    return [
        _in_context(weights, record.row, spoken)
        for record, weights in zip(records, own, strict=True)
    ]


def query(text: str) -> Words:
    """The words of a question, each once; words of asking only where there are no others."""
    found = set(terms(text))
    asked = found - _STEMS_OF_ASKING or found
    return _vector(dict.fromkeys(map(_id, asked), 1.0))


def _weights(words: Iterable[str]) -> dict[int, float]:
    counts = Counter(map(_id, words))
    norm = K1 * (1 - B + B * counts.total() / LENGTH)
    return {term: count * (K1 + 1) / (count + norm) for term, count in counts.items()}


def _in_context(weights: dict[int, float], row: int, spoken: dict[int, dict[int, float]]) -> Words:
    total = defaultdict(float, weights)
    for distance, share in enumerate(NEIGHBOURS, 1):
        for neighbour in (row - distance, row + distance):
            for term, weight in spoken.get(neighbour, {}).items():
                total[term] += share * weight
    return _vector(total)


def _vector(weights: dict[int, float]) -> Words:
    ordered = sorted(weights.items())
    return Words(tuple(term for term, _ in ordered), tuple(weight for _, weight in ordered))


@lru_cache(65_536)
def _id(term: str) -> int:
    """32 bits, the same on every machine; two of 10,000 terms share theirs once in 86 memories."""
    return int.from_bytes(hashlib.blake2b(term.encode("utf-8", "replace"), digest_size=4).digest())


def _stem(word: str) -> str:
    """Without the endings of English plurals and verbs, where enough of the word is left."""
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        if len(word) > len(ending) + 3 and word.endswith(ending):
            word = word.removesuffix(ending)
            if word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    return word.removesuffix("e") if len(word) > 4 else word


_STEMS_OF_ASKING = frozenset(map(_stem, _OF_ASKING))
