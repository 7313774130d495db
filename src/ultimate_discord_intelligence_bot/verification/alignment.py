"""A claim beside a longer passage: figures that belong together, and words that are all there.

``compare`` asks for the same words in the same order. Written sources rarely oblige: a sentence of
an encyclopedia carries a claim among much else. Here a claim is *borne out* when the passage has
its words in their order and its figures agree; it is *refuted* when the passage has its words and
names, and the only figure that counts the same thing cannot agree. Everything that supposes,
denies, restricts, or tells of another date is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from typing import Literal, NamedTuple

from .quantities import Murky, Quantity, Span, spans
from .stance import Agreement, Stance, agree, agreement
from .words import (
    ASKING,
    ATTRIBUTED,
    CHANGE,
    DEICTIC,
    DENYING,
    DIRECTIONS,
    FINITE,
    IGNORED,
    LIGHT,
    MONTH_NUMBERS,
    NOT_ASSERTED,
    ONCE,
    OPPOSITES,
    OWN,
    POLES,
    PREPOSITIONS,
    PRESENT,
    RANKS,
    RELATIONS,
    RESTRICTING,
    SAME,
    UNIQUE,
    UNRESOLVED,
    Token,
    is_past,
    sentences,
    stem,
    tokens,
)

_LEAST_WORDS = 3
_ENOUGH_TO_SUPPORT = 0.8
_LONGEST_TITLE = 12
_NOUNS = 4
"""Words after a number that may be its noun, as in "591 confirmed coronavirus cases"."""

_OF_THE_ONE = re.compile(r"\W*the \w+['’]s\b", re.IGNORECASE)
_PRONOUN = re.compile(r"(?:It|He|She|They)\b")
_CAPITALS = re.compile(r"[A-Z][\w'’-]*(?: (?:(?:of|de|the) )*[A-Z][\w'’-]*){0,5}")
_SUPPOSED = (NOT_ASSERTED - ATTRIBUTED) | DENYING | {"must", "would"}
_EMPTY = IGNORED | LIGHT | PREPOSITIONS

Ground = Literal["figures", "dates", "words", ""]


class Finding(NamedTuple):
    """What a passage says about a claim.

    Attributes:
        ground: what decided.
        reason: the comparison in one clause; "" when related.
    """

    stance: Stance
    ground: Ground
    reason: str


_NOTHING = Finding("related", "", "")


@dataclass(frozen=True)
class Date:
    """A day, month or year; parts that were not said are None.

    Attributes:
        relation: "before", "after", "by" …; "" for the date itself.
        words: as it was said.
    """

    year: float | None
    month: int | None
    day: float | None
    relation: str
    words: str = field(compare=False)

    def agrees(self, other: Date) -> Agreement:
        """Whether what is said to have been at ``other`` was at this date."""
        if self == other:
            return "same"
        if other.relation or self.relation not in ("", "before", "after", "by"):
            return "unclear"
        if self.year is not None and other.year is None:
            return "unclear"
        first, last = self._span(other.year)
        begin, end = other._span(other.year)
        if self.relation == "after":
            first, last = last + 1, float("inf")
        elif self.relation == "before":
            first, last = -float("inf"), first - 1
        elif self.relation == "by":
            first = -float("inf")
        if first <= begin and end <= last:
            return "same"
        return "unclear" if begin <= last and first <= end else "differs"

    def _span(self, year: float | None) -> tuple[float, float]:
        """First and last day, counted with 31 days to each of 12 months."""
        begin = ((self.year or year or 0) * 12 + (self.month or 1)) * 31 + (self.day or 1)
        end = ((self.year or year or 0) * 12 + (self.month or 12)) * 31 + (self.day or 31)
        return begin, end


@dataclass(frozen=True)
class Figure:
    """A quantity, and the words around it that tell what it counts.

    Attributes:
        noun: stem of the last of the words after it, "grain" in "40 tonnes of grain"; "" where
            there is none.
        before: stem of the word before it, as in "the cases reached 919".
    """

    quantity: Quantity
    noun: str
    before: str

    @property
    def kind(self) -> str:
        """What must agree at least before two figures are compared."""
        dimension = self.quantity.dimension
        return "count" if dimension.startswith("count:") or dimension == "value" else dimension

    def counts_the_same(self, other: Figure) -> bool:
        if self.kind != other.kind:
            return False
        if self.kind == "count":
            return (self.noun or self.before) == (other.noun or other.before)
        return not (self.noun and other.noun) or self.noun == other.noun


@dataclass(frozen=True)
class Reading:
    """What a claim or a passage says, as far as it can be laid beside another.

    Attributes:
        stems: of the words that show what it is about, in order.
        names: stems of names.
        marks: tokens with digits that are no quantities: "37th", "6.8/10".
        said: every word, to look for those that change everything.
        definite: whether it is about one thing: there is a name, or it begins with "the".
        loose: whether which thing it is about must be known from elsewhere: "The film …".
        past: whether it tells of the past.
        compares: whether it sets one thing above another ("larger than Mars").
        directions: "from", "against" and the like.
        undergone: stems of verbs whose doer follows: "was defeated by".
    """

    figures: tuple[Figure, ...]
    dates: tuple[Date, ...]
    stems: tuple[str, ...]
    names: frozenset[str]
    marks: frozenset[str]
    said: frozenset[str]
    loose: bool
    past: bool
    definite: bool
    compares: bool
    directions: frozenset[str]
    undergone: frozenset[str]


def align(claim: str, passage: str) -> Finding:
    """What a passage says about a claim that it contains among other things.

    Args:
        claim: one sentence.
        passage: a few sentences that are known to be about something similar. Where it needs its
            title to be understood, it begins with it ("Venus: The planet has no moon").
    """
    ours = _read(claim)
    if ours is None:
        return _NOTHING
    found: dict[Stance, Finding] = {}
    for sentence in _titled(passage):
        theirs = _read(sentence)
        if theirs is not None and _comparable(ours, theirs):
            finding = _beside(ours, theirs)
            found.setdefault(finding.stance, finding)
    decided = [finding for stance, finding in found.items() if stance != "related"]
    return decided[0] if len(decided) == 1 else _NOTHING


def _titled(passage: str) -> list[str]:
    """The sentences of a passage, each after what it is about.

    That is the title where there is one. Without, a sentence that begins with a pronoun is about
    what the sentence before it begins with.
    """
    first, *others = sentences(passage)
    title, colon, _ = first.partition(": ")
    if colon and len(title.split()) <= _LONGEST_TITLE:
        return [first, *(f"{title}: {sentence}" for sentence in others)]
    found, subject = [first], _subject(first)
    for sentence in others:
        if _PRONOUN.match(sentence):
            found.append(f"{subject}: {sentence}")
        else:
            found.append(sentence)
            subject = _subject(sentence)
    return found


def _subject(sentence: str) -> str:
    found = _CAPITALS.match(sentence)
    return found.group() if found else ""


def _beside(ours: Reading, theirs: Reading) -> Finding:
    pairs = []
    for figure in ours.figures:
        found = {f.quantity for f in theirs.figures if figure.counts_the_same(f)}
        if len(found) != 1:
            return _NOTHING
        pairs.append((figure.quantity, found.pop()))
    when = _when(ours.dates, theirs.dates)
    agreements = [agree(a, _as_written(b)) for a, b in pairs]
    if when == "same" and all(agreed == "same" for agreed in agreements):
        return _by_words(ours, theirs, pairs)
    differing = [
        pair for pair, agreed in zip(pairs, agreements, strict=True) if agreed == "differs"
    ]
    if not set(ours.stems) <= set(theirs.stems):
        return _NOTHING
    if when == "same" and differing and _of_one_time(ours, theirs):
        a, b = differing[0]
        return Finding("refutes", "figures", f"{a.words} against {b.words}")
    if when == "differs" and not pairs and _once(ours, theirs):
        reason = f"{ours.dates[0].words} against {theirs.dates[0].words}"
        return Finding("refutes", "dates", reason)
    return _NOTHING


def _as_written(quantity: Quantity) -> Quantity:
    """A share of a written source is rounded to whole percents at most, not to tens."""
    if quantity.dimension != "percent":
        return quantity
    return replace(quantity, half=min(quantity.half, 1.0))


def _of_one_time(ours: Reading, theirs: Reading) -> bool:
    """Whether what differs cannot simply have changed between the one and the other."""
    if ours.past != theirs.past or DEICTIC & theirs.said:
        return False
    if ours.dates:
        return True
    changes = any(POLES.get(word, ("", 0))[0] == CHANGE for word in ours.said)
    return not theirs.dates and not changes


def _once(ours: Reading, theirs: Reading) -> bool:
    """Whether both tell of what happens once, to one thing that has a name."""
    named = ours.definite or ours.stems[0] in theirs.names
    return named and bool(ONCE & set(ours.stems) & set(theirs.stems))


def _by_words(
    ours: Reading, theirs: Reading, pairs: Sequence[tuple[Quantity, Quantity]]
) -> Finding:
    if pairs and _share(ours.stems, theirs.stems) >= _ENOUGH_TO_SUPPORT:
        return Finding("supports", "figures", agreement(pairs))
    if not pairs and _in_order(ours.stems, theirs.stems):
        return Finding("supports", "words", "it says all of it")
    for place, word in enumerate(ours.stems):
        for opposite in OPPOSITES.get(word, frozenset()) - set(ours.stems):
            turned = (*ours.stems[:place], opposite, *ours.stems[place + 1 :])
            plain = word not in theirs.stems and _of_one_time(ours, theirs)
            if plain and _in_order(turned, theirs.stems):
                return Finding("refutes", "words", "it says the opposite")
    return _NOTHING


def _comparable(ours: Reading, theirs: Reading) -> bool:
    """Whether both assert, of the same names and the same time."""
    if ours.loose or ours.said & (UNRESOLVED - OWN | DEICTIC) or theirs.said & (DEICTIC - PRESENT):
        return False
    if (ours.said | theirs.said) & _SUPPOSED:
        return False
    if (theirs.said & RESTRICTING) - ours.said:
        return False
    if len(set(ours.stems)) < _LEAST_WORDS or not ours.marks <= theirs.marks:
        return False
    if (theirs.said & RANKS) - ours.said and any(_tops(word) for word in ours.said):
        return False
    if not ours.directions <= theirs.said:
        return False
    if (ours.undergone ^ theirs.undergone) & set(ours.stems) & set(theirs.stems):
        return False
    if ours.compares and not _in_order(ours.stems, theirs.stems):
        return False
    return ours.names | {ours.stems[0]} <= set(theirs.stems)


def _tops(word: str) -> bool:
    return word in ("most", "first", "best", "only") or (word.endswith("est") and len(word) > 5)


def _when(ours: Sequence[Date], theirs: Sequence[Date]) -> Agreement:
    """Whether what was said of the one time was said of the other; so too where ours is untold."""
    if not ours:
        return "same"
    if len(set(theirs)) != 1:
        return "same" if set(ours) == set(theirs) else "unclear"
    agreements = {date.agrees(theirs[0]) for date in ours}
    return agreements.pop() if len(agreements) == 1 else "unclear"


def _share(ours: Sequence[str], theirs: Sequence[str]) -> float:
    return len(set(ours) & set(theirs)) / len(set(ours))


def _in_order(ours: Sequence[str], theirs: Sequence[str]) -> bool:
    rest = iter(theirs)
    return all(stem in rest for stem in ours)


# -- from text to readings ----------------------------------------------------------------------


@lru_cache(maxsize=8192)
def _read(text: str) -> Reading | None:
    """None where a number has no single reading, or where it is a question."""
    spoken: list[Token] = []
    for sentence in sentences(text):
        spoken += [*tokens(sentence), Token(";")]
    if len(spoken) < 2 or "?" in text or spoken[0].word in ASKING:
        return None
    dates, rest = _dates(spoken)
    try:
        found = spans(rest)
    except Murky:
        return None
    dates += [date for span in found for date in _years(rest, span)]
    named = [span.quantity for span in found if _names(rest, span)]
    figures = [
        _figure(rest, span)
        for span in found
        if span.quantity.dimension != "year"
        and span.quantity not in named
        and [_at(rest, span.first - 2), _at(rest, span.first - 1)] != ["out", "of"]
    ]
    inside = {index for span in found for index in range(span.first, span.after)}
    inside |= {span.first - 1 for span in found if _related_year(rest, span)}
    left = [token for index, token in enumerate(rest) if index not in inside]
    stems = [_stem(token) for token in left if _matters(token)]
    return Reading(
        figures=tuple(figures),
        dates=tuple(dates),
        stems=tuple(stems),
        names=frozenset(_stem(token) for token in left if token.name and _matters(token)),
        marks=frozenset(
            [token.word for token in left if token.word[0].isdigit()]
            + [f"{quantity.value:g}" for quantity in named]
        ),
        said=frozenset(token.word for token in rest),
        loose=_is_loose(text, left),
        past=any(is_past(token.word) for token in left),
        definite=spoken[0].word == "the" or any(token.name for token in left),
        compares=any(token.word == "than" for token in left),
        directions=frozenset(token.word for token in left) & DIRECTIONS,
        undergone=frozenset(_stem(verb) for verb, by in pairwise(left) if by.word == "by"),
    )


def _is_loose(text: str, left: Sequence[Token]) -> bool:
    """Whether its subject is "the" and a word, without a name: one of many, and not told which."""
    if not left or left[0].word != "the":
        return False
    subject: list[Token] = []
    for token in left[1:]:
        if token.word in FINITE or is_past(token.word):
            break
        subject.append(token)
    if any(token.name for token in subject) or (subject and subject[0].word in UNIQUE):
        return False
    return len([t for t in subject if _matters(t)]) < 2 or bool(_OF_THE_ONE.match(text))


def _names(spoken: Sequence[Token], span: Span) -> bool:
    """Whether a number only tells which one is meant: "Apollo 11", "the 2016 draft", "331 BC"."""
    quantity = span.quantity
    if quantity.dimension == "name" or _at(spoken, span.after) in ("bc", "bce", "ad", "ce"):
        return True
    edition = 1000 <= quantity.value <= 2100 and quantity.words.isdecimal() and not quantity.bound
    return edition and quantity.dimension.startswith("count:")


def _stem(token: Token) -> str:
    found = stem(token.word)
    return found if token.name else SAME.get(found, found)


def _matters(token: Token) -> bool:
    return token.is_word and len(token.word) > 1 and token.word not in _EMPTY


def _figure(spoken: Sequence[Token], span: Span) -> Figure:
    noun, before = "", ""
    of_what = span.after + (_at(spoken, span.after) == "of")
    for token in spoken[of_what : of_what + _NOUNS]:
        if not _matters(token) or token.word in FINITE:
            break
        noun = _stem(token)
    for token in reversed(spoken[: span.first]):
        if not token.is_word:
            break
        if _matters(token) and token.word not in FINITE and not is_past(token.word):
            before = _stem(token)
            break
    return Figure(span.quantity, noun, before)


def _dates(spoken: Sequence[Token]) -> tuple[list[Date], list[Token]]:
    """Dates with a month, and the tokens that are left."""
    found: list[Date] = []
    left: list[Token] = []
    index = 0
    while index < len(spoken):
        read = _date(spoken, index)
        if read is None:
            left.append(spoken[index])
            index += 1
            continue
        year, month, day, after = read
        words = " ".join(token.word for token in spoken[index:after]).rstrip(" ,")
        relation = _relation(left, len(left))
        if relation:
            left.pop()
        found.append(Date(year, MONTH_NUMBERS[month], day, relation, words))
        index = after
    return found, left


def _date(
    spoken: Sequence[Token], index: int
) -> tuple[float | None, str, float | None, int] | None:
    day = _day(spoken, index)
    at = index + (day is not None)
    if day is not None and _at(spoken, at) == "of":
        at += 1
    month = _at(spoken, at)
    if month not in MONTH_NUMBERS:
        return None
    at += 1
    if day is None:
        day = _day(spoken, at)
        at += day is not None
    comma = at + (_at(spoken, at) == ",")
    value = spoken[comma].number if comma < len(spoken) else None
    if value is not None and 1000 <= value <= 2100 and "," not in spoken[comma].word:
        return value, month, day, comma + 1
    return (None, month, day, at) if day is not None else None


def _day(spoken: Sequence[Token], index: int) -> float | None:
    word = _at(spoken, index)
    for ending in ("st", "nd", "rd", "th"):
        word = word.removesuffix(ending)
    return float(word) if word.isdecimal() and len(word) <= 2 and 1 <= int(word) <= 31 else None


def _years(spoken: Sequence[Token], span: Span) -> list[Date]:
    quantity = span.quantity
    if quantity.dimension != "year":
        return []
    if quantity.upper is not None:
        return [
            Date(quantity.value, None, None, "from", quantity.words),
            Date(quantity.upper, None, None, "until", quantity.words),
        ]
    inside = spoken[span.first].word
    relation = inside if inside in RELATIONS else _relation(spoken, span.first)
    return [Date(quantity.value, None, None, relation, quantity.words)]


def _related_year(spoken: Sequence[Token], span: Span) -> bool:
    return span.quantity.dimension == "year" and bool(_relation(spoken, span.first))


def _relation(spoken: Sequence[Token], before: int) -> str:
    word = _at(spoken, before - 1)
    return word if word in RELATIONS else ""


def _at(spoken: Sequence[Token], index: int) -> str:
    return spoken[index].word if 0 <= index < len(spoken) else ""
