"""Key phrases: which words set one part of a recording apart from the rest."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..models.artifact import Vectors
from ..models.transcript import Segment, Transcript
from .words import BEFORE_NOUNS, BEFORE_VERBS, FUNCTION_WORDS, VAGUE_WORDS, WORD

Span = tuple[int, int]

_LONGEST = 3
_KEPT = 6
_READ = 2_000
_NOISE = re.compile(r"\{[^}]*\}|\[[^\]]*\]|\([^)]*\)")
_POSSESSIVE = re.compile(r"['’]s$|['’]$")
_ADVERB = re.compile(r"\w{3,}ly$")
_CANDIDATES = 40
_FAINTEST = 0.3
_LONGEST_WORD = 30
_SOUND = re.compile(r"([mhn-]{2,}|[aeou]h+|h[aeu]h*|who+a*|alright|mister)$")


@dataclass
class _Phrase:
    """A candidate: how often it occurs in each part, where, and in which spellings."""

    parts: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    segments: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    spellings: Counter[str] = field(default_factory=Counter)


def key_phrases(
    transcript: Transcript, vectors: Vectors, parts: Sequence[Sequence[Span]]
) -> list[tuple[str, ...]]:
    """Up to six phrases for every part, the most typical first.

    Candidates are runs of one to three content words (Rose et al. 2010, RAKE). They are ranked by
    class-based TF-IDF, a part being a class (Grootendorst 2022), times how near the sentences
    that hold the phrase lie to the middle of the part.

    Args:
        transcript: of the whole recording.
        vectors: one row for each segment.
        parts: each a list of spans of segments, the end not included.
    """
    names = _name_words(transcript)
    found: dict[str, _Phrase] = defaultdict(_Phrase)
    sizes = [0.0] * len(parts)
    for number, spans in enumerate(parts):
        for segment in _segments(transcript, spans):
            for key, spelling, weight in _candidates(segment.text[:_READ], names):
                phrase = found[key]
                phrase.parts[number] += weight
                phrase.segments[number].append(segment.index)
                phrase.spellings[spelling] += 1
                sizes[number] += weight
    average = sum(sizes) / max(len(parts), 1)
    by_part: list[list[tuple[float, str]]] = [[] for _ in parts]
    for key, phrase in found.items():
        rarity = math.log1p(average / sum(phrase.parts.values()))
        # A phrase of several words says more than its parts, but only if it comes back.
        for number, count in phrase.parts.items():
            by_part[number].append((count / sizes[number] * rarity * _weight(key, count), key))
    return [
        _choose(ranked, found, number, _middle(vectors, parts[number]), vectors)
        for number, ranked in enumerate(by_part)
    ]


def title_from(phrases: Sequence[str], number: int) -> str:
    """A title of one or two phrases; ``Part n`` where there are none.

    Args:
        phrases: most typical first.
        number: of the part, from 0.
    """
    if not phrases:
        return f"Part {number + 1}"
    title = " and ".join(phrases[:2])
    return title[0].upper() + title[1:]


def _segments(transcript: Transcript, spans: Sequence[Span]) -> Iterator[Segment]:
    for first, after in spans:
        yield from transcript.segments[first:after]


def _name_words(transcript: Transcript) -> frozenset[str]:
    return frozenset(
        word.lower() for speaker in transcript.speakers for word in WORD.findall(speaker[:100])
    )


def _middle(vectors: Vectors, spans: Sequence[Span]) -> NDArray[np.float32]:
    total = sum(vectors.array[first:after].sum(axis=0) for first, after in spans)
    return np.asarray(total / max(float(np.linalg.norm(total)), 1e-9), np.float32)


def _weight(key: str, count: float) -> float:
    size = key.count(" ") + 1
    return float(size**0.7 if count > 1.5 else size**0.2)


# -- candidates ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Token:
    """A content word.

    Attributes:
        strong: may stand at the edge of a phrase.
        led: an article, a preposition or the like comes before it, so that it is no verb.
    """

    text: str
    strong: bool
    led: bool


def _candidates(text: str, names: frozenset[str]) -> Iterator[tuple[str, str, float]]:
    """Key, spelling and weight of every run of content words and of every shorter run inside."""
    text = _NOISE.sub(" . ", text)
    shouting = text.isupper()
    for run in _runs(text, names):
        for begin in range(len(run)):
            for size in range(1, min(_LONGEST, len(run) - begin) + 1):
                tokens = run[begin : begin + size]
                if _stands_alone(tokens):
                    spelling = " ".join(token.text for token in tokens)
                    key = " ".join(_stem(token.text) for token in tokens)
                    whole = begin + size == len(run)
                    weight = (1.0 if whole else 0.3) * (1.0 if tokens[0].led or begin else 0.6)
                    yield key, spelling.lower() if shouting else spelling, weight


def _runs(text: str, names: frozenset[str]) -> Iterator[list[_Token]]:
    """Unbroken content words."""
    run: list[_Token] = []
    before, end = ".", 0
    for match in WORD.finditer(text):
        written = match.group().replace("’", "'")
        token = _POSSESSIVE.sub("", written)
        gap = text[end : match.start()]
        if gap.strip() and run:
            yield run
            run = []
        if gap.strip() or not end:
            before = "."
        opens = not end or any(mark in gap for mark in ".!?:")
        end, low = match.end(), token.lower()
        if low in names or not _may_be_content(low):
            if run:
                yield run
            run, before = [], low
            continue
        if opens and token[1:].islower():
            token = low
        verb = not run and before in BEFORE_VERBS
        weak = verb or low in VAGUE_WORDS or low[0].isdigit() or _ADVERB.match(low) is not None
        run.append(_Token(token, not weak, not run and before in BEFORE_NOUNS))
        if written != match.group() or len(written) != len(token):
            yield run
            run, before = [], low
    if run:
        yield run


def _may_be_content(low: str) -> bool:
    if low in FUNCTION_WORDS or "'" in low or not 2 <= len(low) <= _LONGEST_WORD:
        return False
    return _SOUND.match(low) is None


def _stands_alone(tokens: list[_Token]) -> bool:
    if not (tokens[0].strong and tokens[-1].strong):
        return False
    last = tokens[-1].text
    return not (len(last) > 4 and last.endswith("ed")) and (len(tokens) > 1 or len(last) > 2)


def _stem(token: str) -> str:
    """Lower case without a plural ending."""
    low = token.lower()
    if len(low) > 4 and low.endswith("ies"):
        return low[:-3] + "y"
    if len(low) > 4 and low.endswith(("sses", "xes", "zes", "ches", "shes")):
        return low[:-2]
    if len(low) > 3 and low.endswith("s") and not low.endswith(("ss", "us", "is")):
        return low[:-1]
    return low


# -- choice --------------------------------------------------------------------------------------


def _choose(
    ranked: list[tuple[float, str]],
    found: dict[str, _Phrase],
    number: int,
    middle: NDArray[np.float32],
    vectors: Vectors,
) -> tuple[str, ...]:
    """The best phrases that share no word with one another."""
    best = sorted(ranked, key=lambda item: (-item[0], item[1]))[:_CANDIDATES]
    scored = []
    for score, key in best:
        where = found[key].segments[number]
        nearness = float((vectors.array[where] @ middle).mean())
        scored.append((score * max(nearness, 0.01), key))
    chosen: list[str] = []
    used: set[str] = set()
    scored.sort(key=lambda item: (-item[0], item[1]))
    for score, key in scored:
        if score < _FAINTEST * scored[0][0]:
            break
        parts = set(key.split())
        if not parts & used:
            used |= parts
            chosen.append(_spelling(found[key].spellings))
        if len(chosen) == _KEPT:
            break
    return tuple(chosen)


def _spelling(spellings: Counter[str]) -> str:
    """The most frequent spelling, the first in the alphabet among equals."""
    return min(spellings, key=lambda spelling: (-spellings[spelling], spelling))
