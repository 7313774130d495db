"""From what a store finds to what a search returns, the same for every store.

Both stores can fuse and diversify by themselves, but number equals as they come, so the same
memory would answer differently after a restore or a move. Here equals share a rank, and the order
depends on the records alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..models.memory import Hit
from .bm25 import Words, query
from .ports import Mode

K = 20
"""Of reciprocal rank fusion: a hit scores Σ 1/(K + rank) (Cormack et al. 2009, who take 60).
Chosen on QMSum; docs/analysis/memory.md."""

DEPTH = 100
"""How many of the best by meaning, and by words, are merged or chosen from."""

APART = 4
"""How far apart hits of one recording are best shown to a reader, in rows. Chosen on QMSum."""

_MORE, _MOST = 8, 10_000


@dataclass(frozen=True)
class Request:
    """One search of the store, by meaning or by words."""

    about: NDArray[np.float32] | Words
    limit: int


class Found(NamedTuple):
    """What a store found; the vector of its text where it was asked for."""

    hit: Hit
    vector: NDArray[np.float32] | None = None


Ask = Callable[[Sequence[Request], bool], Awaitable[list[list[Found]]]]
"""Makes all requests at once; the flag asks for the vectors of what is found."""


async def search(
    ask: Ask,
    vectors: NDArray[np.float32],
    limit: int,
    *,
    mode: Mode,
    texts: Sequence[str],
    diversity: float,
    apart: int,
) -> list[list[Hit]]:
    """As ``VectorStore.search``, over a store that knows nothing but ``ask``."""
    count = len(texts) if mode == "words" else len(vectors)
    _check(mode, count, vectors, texts, diversity, apart)
    found: list[list[Found]] = [[] for _ in range(count)]
    by_meaning = [] if mode == "words" else list(vectors)
    by_words = [] if mode == "dense" else [query(text) for text in texts]
    waiting = list(range(count)) if limit > 0 else []
    wanted = max(DEPTH, 4 * limit) if diversity or apart else 2 * limit + _MORE
    if mode == "hybrid":
        wanted = max(DEPTH, wanted)
    while waiting:
        about = [each[i] for each in (by_meaning, by_words) if each for i in waiting]
        rankings = await _settled(ask, about, wanted, bool(diversity))
        short = []
        for place, index in enumerate(waiting):
            of_query = rankings[place :: len(waiting)]
            ranking = fused(of_query, K)[:wanted] if mode == "hybrid" else of_query[0]
            found[index] = _as_passages(ranking)
            cut = any(len(each) == wanted for each in of_query)
            if cut and wanted < _MOST and not _decided(found[index], ranking, limit):
                short.append(index)
        waiting, wanted = short, min(4 * wanted, max(_MOST, wanted))
    if apart:
        found = [_spread(some, apart) for some in found]
    if diversity:
        found = [diverse(some, limit, diversity) for some in found]
    return [[each.hit for each in some[:limit]] for some in found]


async def _settled(
    ask: Ask, about: Sequence[NDArray[np.float32] | Words], wanted: int, with_vectors: bool
) -> list[list[Found]]:
    """For each request the first of all that the store holds, in a fixed order.

    Where as good ones as the last may have been cut off, more is fetched.
    """
    found: list[list[Found]] = [[] for _ in about]
    # A query of function words alone has nothing to look for.
    waiting = [i for i, each in enumerate(about) if not isinstance(each, Words) or each]
    fetch = wanted + _MORE
    while waiting:
        answers = await ask([Request(about[i], fetch) for i in waiting], with_vectors)
        short = []
        for index, answer in zip(waiting, answers, strict=True):
            ordered = sorted(answer, key=_order)
            found[index] = ordered[:wanted]
            cut = len(ordered) >= fetch and ordered[wanted - 1].hit.score <= ordered[-1].hit.score
            if cut and fetch < _MOST:
                short.append(index)
        waiting, fetch = short, min(4 * fetch, max(_MOST, fetch))
    return found


def fused(rankings: Sequence[Sequence[Found]], k: int) -> list[Found]:
    """Reciprocal rank fusion; a rank is one more than the number of better ones."""
    scores: dict[str, float] = {}
    known: dict[str, Found] = {}
    for ranking in rankings:
        rank, last = 0, float("inf")
        for place, each in enumerate(ranking, 1):
            if each.hit.score < last:
                rank, last = place, each.hit.score
            known[each.hit.id] = each
            scores[each.hit.id] = scores.get(each.hit.id, 0.0) + 1 / (k + rank)
    merged = [
        Found(each.hit.model_copy(update={"score": round(scores[id_], 9)}), each.vector)
        for id_, each in known.items()
    ]
    return sorted(merged, key=_order)


def _order(found: Found) -> tuple[float, str]:
    return -found.hit.score, found.hit.id


def _as_passages(ranking: Sequence[Found]) -> list[Found]:
    """A claim and the segment that holds it are one: the segment, at the better of their places."""
    segments: dict[tuple[str, int | None], Found] = {
        (each.hit.source_id, each.hit.row): each
        for each in ranking
        if each.hit.kind == "segment" and each.hit.row is not None
    }
    passages: dict[str, Found] = {}
    for each in ranking:
        segment = segments.get((each.hit.source_id, each.hit.row), each)
        if segment is not each and each.hit.text in segment.hit.text:
            whole = segment.hit.model_copy(update={"score": each.hit.score})
            passages.setdefault(whole.id, Found(whole, segment.vector))
        else:
            passages.setdefault(each.hit.id, each)
    return sorted(passages.values(), key=_order)


def _decided(passages: Sequence[Found], ranking: Sequence[Found], limit: int) -> bool:
    """Whether nothing that was cut off is as good as the last passage that is wanted."""
    return len(passages) >= limit and passages[limit - 1].hit.score > ranking[-1].hit.score


def diverse(found: Sequence[Found], limit: int, diversity: float) -> list[Found]:
    """Maximal marginal relevance (Carbonell & Goldstein 1998), λ = 1 - ``diversity``.

    Relevance is the score as a share of the best one; likeness the cosine of the vectors.
    """
    if not found:
        return []
    scores = np.array([max(each.hit.score, 0.0) for each in found])
    relevance = scores / max(scores.max(), 1e-9)
    rows = np.stack([each.vector for each in found if each.vector is not None])
    likeness = np.full(len(found), -1.0)
    picked: list[int] = []
    left = np.ones(len(found), bool)
    while len(picked) < min(limit, len(found)):
        gain = (1 - diversity) * relevance - diversity * np.maximum(likeness, 0)
        # Rounded, because a product of matrices may differ in its last digit.
        best = int(np.argmax(np.where(left, np.round(gain, 6), -np.inf)))
        picked.append(best)
        left[best] = False
        likeness = np.maximum(likeness, rows @ rows[best])
    return [found[i] for i in picked]


def _spread(found: Sequence[Found], apart: int) -> list[Found]:
    kept: list[Found] = []
    taken: set[tuple[str, int | None]] = set()
    for each in found:
        source, row = each.hit.source_id, each.hit.row
        if row is not None and (source, row) in taken:
            continue
        kept.append(each)
        if row is not None:
            taken.update((source, row + step) for step in range(1 - apart, apart))
    return kept


def _check(
    mode: Mode,
    count: int,
    vectors: NDArray[np.float32],
    texts: Sequence[str],
    diversity: float,
    apart: int,
) -> None:
    if mode == "hybrid" and len(texts) != len(vectors):
        raise ValueError(f"{len(vectors)} vectors and {len(texts)} texts are not the same queries")
    if not 0 <= diversity <= 1:
        raise ValueError(f"diversity is {diversity}, not from 0 to 1")
    if not 0 <= apart <= _MOST:
        raise ValueError(f"apart is {apart}, not from 0 to {_MOST}")
