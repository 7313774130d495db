"""What one sentence says about another, as far as numbers, dates and negation can tell.

The method is strict on purpose: a wrong verdict is worse than none. Two clauses are compared only
when they are about the same thing, which means here: the same words in the same order once
inflection, filler, quantities, negation and poles ("rose", "fell") are set aside. Then exactly one
difference decides. Whatever supposes, asks, reports, or points outside itself is left alone.
English words; figures in any language. Compare the numerical and negation classes of
contradiction in de Marneffe, Rafferty and Manning (2008), "Finding Contradictions in Text".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, product
from typing import Literal

from .quantities import Murky, Quantity, quantities
from .words import (
    ASKING,
    CHANGE,
    DEICTIC,
    FINITE,
    IGNORED,
    LIGHT,
    MONTHS,
    MURKY_AFTER_NO,
    MURKY_AFTER_NOT,
    NOT_ASSERTED,
    ONCE,
    OPENERS,
    POLES,
    PREPOSITIONS,
    UNRESOLVED,
    Token,
    is_past,
    sentences,
    stem,
    tokens,
)

Stance = Literal["supports", "refutes", "related"]

FLOOR = 0.6
"""Least cosine similarity of passages that are taken to be about the same thing."""

_LEAST_SHARED = 2
_ENOUGH_WITHOUT_VERB = 3
Agreement = Literal["same", "differs", "unclear"]


@dataclass(frozen=True)
class Clause:
    """One assertion.

    Attributes:
        frame: what it is about: stems, and the names of poles, in order.
        sides: for each pole word in order, which side it is on.
        negated: whether it denies.
        measures: quantities in order of their keys.
        past: whether it tells of the past.
        named: whether its subject is one known thing: a name, or "the …".
        dated_by_speech: whether its time depends on the day it was said.
    """

    frame: tuple[str, ...]
    sides: tuple[int, ...]
    negated: bool
    measures: tuple[Quantity, ...]
    past: bool
    named: bool
    dated_by_speech: bool


def compare(
    claim: str,
    passage: str,
    similarity: float,
    *,
    same_recording: bool = False,
    floor: float = FLOOR,
) -> tuple[Stance, str]:
    """What a passage says about a claim.

    Args:
        claim: one sentence.
        passage: one or more sentences.
        similarity: cosine of their embeddings.
        same_recording: both were said on the same day, so that "last year" is the same year.
        floor: least similarity that is looked into.

    Returns:
        The stance, and the comparison that led to it in one clause ("" when related).
    """
    if similarity < floor:
        return "related", ""
    found: dict[Stance, str] = {}
    for ours, theirs in product(_clauses(claim), _clauses(passage)):
        stance, reason = _judge(ours, theirs, same_recording)
        found.setdefault(stance, reason)
    decided = [stance for stance in found if stance != "related"]
    if len(decided) != 1:
        return "related", ""
    return decided[0], found[decided[0]]


def _judge(ours: Clause, theirs: Clause, same_recording: bool) -> tuple[Stance, str]:
    if not _about_the_same(ours, theirs, same_recording):
        return "related", ""
    pairs = list(zip(ours.measures, theirs.measures, strict=True))
    agreements = [agree(a, b) for a, b in pairs]
    if "unclear" in agreements:
        return "related", ""
    differing = [
        pair for pair, agreed in zip(pairs, agreements, strict=True) if agreed == "differs"
    ]
    flips = sum(a != b for a, b in zip(ours.sides, theirs.sides, strict=True))
    denials = int(ours.negated != theirs.negated)
    if flips + denials == 0:
        return _by_quantity(ours, pairs, differing)
    if flips + denials == 1 and not differing and (denials or _same_time(ours, same_recording)):
        return "refutes", "one denies what the other says" if denials else "opposite directions"
    return "related", ""


def _about_the_same(ours: Clause, theirs: Clause, same_recording: bool) -> bool:
    if not same_recording and (ours.dated_by_speech or theirs.dated_by_speech):
        return False
    if (ours.frame, ours.past) != (theirs.frame, theirs.past):
        return False
    if [q.key for q in ours.measures] != [q.key for q in theirs.measures]:
        return False
    return _weight(ours.frame) >= _LEAST_SHARED


def _weight(words: Iterable[str]) -> int:
    """How many words show what something is about."""
    return len({word for word in words if len(word) > 1} - LIGHT)


def _by_quantity(
    ours: Clause,
    pairs: Sequence[tuple[Quantity, Quantity]],
    differing: Sequence[tuple[Quantity, Quantity]],
) -> tuple[Stance, str]:
    measured = [pair for pair in pairs if pair[0].dimension != "name"]
    if not measured or ours.negated:
        return "related", ""
    if not differing:
        return "supports", agreement(measured)
    if len(differing) > 1 or not _excludes(ours, differing[0][0], measured):
        return "related", ""
    a, b = differing[0]
    return "refutes", f"{a.words} against {b.words}"


def agreement(pairs: Sequence[tuple[Quantity, Quantity]]) -> str:
    """Why quantities agree: "both say 7", "24 million is at least 23 million"."""
    limits = {"least": "at least ", "most": "at most "}
    return " and ".join(
        f"{theirs.words} is {limits[ours.bound]}{ours.words}"
        if ours.bound in limits and not theirs.bound
        else f"both say {ours.words}"
        for ours, theirs in pairs
    )


def _excludes(
    clause: Clause, differing: Quantity, measured: Sequence[tuple[Quantity, Quantity]]
) -> bool:
    """Whether two values for this cannot both be right."""
    dated = any(a.dimension == "year" for a, _ in measured)
    if differing.dimension == "name":
        return False
    if differing.dimension == "year":
        named_by_number = any(a.dimension == "name" for a in clause.measures)
        once = ONCE | ({"land", "launch"} if named_by_number else set())
        return len(measured) == 1 and clause.named and bool(once & set(clause.frame))
    return dated or CHANGE not in clause.frame


def _same_time(clause: Clause, same_recording: bool) -> bool:
    """Whether a change one way rules out the other: only when both are of one time."""
    if CHANGE not in clause.frame:
        return True
    return any(q.dimension == "year" for q in clause.measures) or (
        same_recording and clause.dated_by_speech
    )


def agree(ours: Quantity, theirs: Quantity) -> Agreement:
    """Whether two values agree within the precision they were said with."""
    if ours.upper is not None or theirs.upper is not None:
        return "same" if (ours.value, ours.upper) == (theirs.value, theirs.upper) else "unclear"
    if {"least", "most"} & {ours.bound, theirs.bound}:
        return _agree_on_limits(ours, theirs)
    gap = abs(ours.value - theirs.value)
    size = max(abs(ours.value), abs(theirs.value))
    rough = "about" in (ours.bound, theirs.bound)
    if ours.dimension in ("year", "name"):
        return "same" if gap == 0 else "unclear" if rough and gap <= 10 else "differs"
    if gap <= (0.1 if rough else 0.005) * size:
        return "same"
    if gap <= max(ours.half, theirs.half, 0.25 * size if rough else 0.0):
        return "unclear"
    return "differs"


def _agree_on_limits(ours: Quantity, theirs: Quantity) -> Agreement:
    if (ours.value, ours.bound) == (theirs.value, theirs.bound):
        return "same"
    if ours.bound == theirs.bound or "about" in (ours.bound, theirs.bound):
        return "unclear"
    ours_is_low = ours.bound == "least" or theirs.bound == "most"
    low, high = (ours, theirs) if ours_is_low else (theirs, ours)
    # A limit is meant as it was said; only a plain figure may have been rounded.
    if low.value > high.value + sum(q.half for q in (ours, theirs) if not q.bound):
        return "differs"
    if low.value == high.value and _counted_exactly(ours, theirs):
        return "differs"
    # A figure bears out the limit that was claimed; a limit does not bear out a figure.
    return "same" if not theirs.bound and low.value < high.value else "unclear"


def _counted_exactly(ours: Quantity, theirs: Quantity) -> bool:
    """Whether a limit that is not reached meets a count that is not rounded: "over 33" and 33."""
    plain = [q for q in (ours, theirs) if not q.bound]
    return (
        len(plain) == 1
        and plain[0].half <= 0.5
        and plain[0].dimension.startswith("count:")
        and (ours.beyond or theirs.beyond)
    )


# -- from text to clauses -----------------------------------------------------------------------


@lru_cache(maxsize=8192)
def _clauses(text: str) -> tuple[Clause, ...]:
    found = []
    for sentence in sentences(text):
        spoken = tokens(sentence)
        if sentence.rstrip("\"' ").endswith("?") or not _asserts(spoken):
            continue
        for part in _parts(spoken):
            clause = _clause(part)
            if clause is not None and clause not in found:
                found.append(clause)
    return tuple(found)


def _asserts(spoken: Sequence[Token]) -> bool:
    words = [token.word for token in spoken]
    # "may" the month is followed by a number
    if any(
        word in NOT_ASSERTED and not (word == "may" and following[:1].isdigit())
        for word, following in pairwise([*words, ""])
    ):
        return False
    opening = next((word for word in words if word not in OPENERS), "")
    return bool(opening) and opening not in ASKING and "?" not in words


def _parts(spoken: Sequence[Token]) -> Iterator[list[Token]]:
    """The sentence, and those of its parts that are sentences in their own right."""
    for piece in _around_because(list(spoken)):
        turned = _time_last(piece)
        yield turned
        words = [token.word for token in turned]
        if "," in words:
            head = turned[: words.index(",")]
            rest = turned[words.index(",") + 1 :]
            if FINITE & {token.word for token in head} and not _qualifies(rest):
                yield head


def _around_because(spoken: list[Token]) -> Iterator[list[Token]]:
    at = _reason(spoken)
    if at is None:
        yield spoken
        return
    yield spoken[:at]
    yield spoken[at + 1 :]


def _reason(spoken: list[Token]) -> int | None:
    """Where a reason is given: "because", or "since" after a comma and not before a date."""
    words = [token.word for token in spoken]
    for at, word in enumerate(words):
        if word == "because":
            return at
        if word == "since" and at and words[at - 1] == "," and at + 1 < len(words):
            following = spoken[at + 1]
            if following.number is None and following.word not in MONTHS | {"then"}:
                return at
    return None


def _time_last(spoken: list[Token]) -> list[Token]:
    """Turn "In 1993, astronauts …" into "astronauts … in 1993"."""
    words = [token.word for token in spoken]
    if words and words[0] in PREPOSITIONS and "," in words:
        at = words.index(",")
        return spoken[at + 1 :] + spoken[:at]
    return spoken


def _qualifies(rest: Sequence[Token]) -> bool:
    """Whether what follows a comma may restrict what stands before it."""
    words = [token.word for token in rest]
    return (
        not words
        or words[0] in PREPOSITIONS | DEICTIC | {"not", "no", "never", "and", "or", "but", "except"}
        or not any(is_past(word) or word in FINITE for word in words[:2])
    )


def _clause(spoken: Sequence[Token]) -> Clause | None:
    """A clause, or None where it cannot be understood alone."""
    words = [token.word for token in spoken]
    opening = next((w for w in words if w not in IGNORED - {"that"} and w != ","), "")
    if opening == "that" or UNRESOLVED & set(words):
        return None
    try:
        measures, left = quantities(spoken)
        negated, left = _negation(left)
    except Murky:
        return None
    kept = [token for token in left if _matters(token)]
    # "Too big" and "not too big" are no statements yet; a verb or a third word makes one.
    weight = _weight(token.word for token in kept)
    if not kept or (weight < _ENOUGH_WITHOUT_VERB and not FINITE & set(words)):
        return None
    poles = [POLES.get(token.word) for token in kept]
    return Clause(
        frame=tuple(
            pole[0] if pole else stem(token.word) for token, pole in zip(kept, poles, strict=True)
        ),
        sides=tuple(pole[1] for pole in poles if pole),
        negated=negated,
        measures=tuple(sorted(measures, key=lambda q: q.key)),
        past=any(is_past(token.word) for token in left),
        named=words[0] == "the" or any(token.name for token in spoken),
        dated_by_speech=bool(DEICTIC & set(words)),
    )


def _matters(token: Token) -> bool:
    return (token.is_word or token.word[0].isdigit()) and token.word not in IGNORED


def _opens(before: Sequence[Token]) -> bool:
    """Whether a clause has not begun yet."""
    return all(token.word in OPENERS | IGNORED for token in before)


def _negation(left: Sequence[Token]) -> tuple[bool, list[Token]]:
    """Whether a clause denies, and its other tokens.

    Raises:
        Murky: a negation whose reach is not plain.
    """
    kept: list[Token] = []
    negators = 0
    for index, token in enumerate(left):
        following = left[index + 1].word if index + 1 < len(left) else ""
        if token.word not in ("not", "never", "no"):
            kept.append(token)
            continue
        # "No vaccines …" at the beginning may be an answer: captions often have no comma.
        if token.word == "not" and following in ("every", "all") and _opens(left[:index]):
            negators += 1  # "Not every …" denies "Every …" as a whole
            continue
        answers = not following or following in MURKY_AFTER_NO or following in OPENERS
        if token.word == "no" and (answers or index == 0):
            raise Murky
        if token.word == "not" and following in MURKY_AFTER_NOT:
            raise Murky
        negators += 1
    if negators > 1:
        raise Murky
    return negators == 1, kept
