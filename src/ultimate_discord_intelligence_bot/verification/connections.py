"""Claims of a recording beside those of all others: the same, in agreement, in contradiction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from ..models.analysis import Claim, Claims
from ..models.graph import LinkKind
from ..models.memory import Hit
from ..models.verification import Connection, Connections
from .evidence import Floats, Retriever
from .quantities import Murky, quantities
from .stance import FLOOR, compare
from .words import IGNORED, Token, stem, tokens

_LOOKED_AT = 50
_SAME = 0.9
"""Least cosine similarity of claims that are taken to say the same."""

_SHARED = 0.6
"""Least share of their words that such claims have in common."""

_DENIALS = frozenset({"not", "no", "never", "none", "nobody", "nothing", "without"})


async def find_connections(
    claims: Claims, vectors: Floats, retrieve: Retriever, today: date
) -> Connections:
    """How each claim stands to the remembered claims that are about the same.

    Two claims *say the same* when their sentences are nearly alike and all their quantities and
    denials agree; they *agree* when their figures bear one another out, and *contradict* one
    another when both cannot be true (see ``compare``). They are linked, never merged.

    Args:
        claims: of this recording.
        vectors: one row for each claim, in their order.
        retrieve: gives remembered claims of other recordings.
        today: the day of the search.
    """
    hits = await retrieve(vectors, _LOOKED_AT) if claims.claims else []
    return Connections(
        found=today,
        connections=tuple(
            connection
            for claim, found in zip(claims.claims, hits, strict=True)
            for connection in _connections(claim, found)
        ),
    )


def _connections(claim: Claim, found: list[Hit]) -> Iterator[Connection]:
    for hit in found:
        if hit.score < FLOOR:
            continue
        kind, reason = _kind(claim.text, hit)
        if kind:
            yield Connection(
                kind=kind, claim=claim.id, other=hit.id, reason=reason, similarity=hit.score
            )


def _kind(text: str, hit: Hit) -> tuple[LinkKind | None, str]:
    stance, reason = compare(text, hit.text, hit.score)
    if stance == "refutes":
        return "CONTRADICTS", reason
    if hit.score >= _SAME and _say_the_same(text, hit.text):
        return "SAME_AS", "nearly the same words, the same names and figures"
    return ("AGREES", reason) if stance == "supports" else (None, "")


def _say_the_same(ours: str, theirs: str) -> bool:
    a, b = tokens(ours), tokens(theirs)
    said, also = _words(a), _words(b)
    if len(said & also) < _SHARED * len(said | also) or _names(a) != _names(b):
        return False
    stated = _stated(a)
    return stated is not None and stated == _stated(b)


def _words(spoken: Sequence[Token]) -> set[str]:
    return {stem(t.word) for t in spoken if t.is_word and t.word not in IGNORED}


def _names(spoken: Sequence[Token]) -> set[str]:
    return {token.word for token in spoken if token.name}


def _stated(spoken: Sequence[Token]) -> tuple[list[tuple[str, float, float]], bool] | None:
    """The quantities of a sentence, and whether it denies; None where a number is not plain."""
    try:
        measures, _ = quantities(spoken)
    except Murky:
        return None
    said = sorted((q.dimension, q.value, q.upper or 0.0) for q in measures)
    return said, sum(token.word in _DENIALS for token in spoken) % 2 == 1
