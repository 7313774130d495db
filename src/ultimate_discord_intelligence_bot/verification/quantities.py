"""Numbers in speech: "forty percent", "nineteen sixty-nine", "two and a half billion dollars"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .words import FINITE, IGNORED, MONTHS, PREPOSITIONS, Token, is_past, stem


def _numbered(words: str, first: int) -> dict[str, int]:
    return {word: value for value, word in enumerate(words.split(), first)}


_ONES = _numbered(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    " fifteen sixteen seventeen eighteen nineteen",
    first=0,
)
_TENS = {
    word: 10 * value
    for word, value in _numbered(
        "twenty thirty forty fifty sixty seventy eighty ninety", first=2
    ).items()
}
_MAGNITUDES = {"thousand": 1e3, "million": 1e6, "billion": 1e9, "bn": 1e9, "trillion": 1e12}
_PARTS = {
    word + plural: 1 / value
    for word, value in _numbered(
        "half third quarter fifth sixth seventh eighth ninth tenth", first=2
    ).items()
    for plural in ("", "s")
}
_DAY, _METRE, _GRAM = 86400.0, 1.0, 1.0
_UNITS: dict[str, tuple[str, float]] = {
    name: (dimension, factor)
    for dimension, units in {
        "time": {
            "second seconds": 1.0,
            "minute minutes": 60.0,
            "hour hours": 3600.0,
            "day days": _DAY,
            "week weeks": 7 * _DAY,
            "month months": 365.25 / 12 * _DAY,
            "year years": 365.25 * _DAY,
            "decade decades": 3652.5 * _DAY,
            "century centuries": 36525 * _DAY,
        },
        "length": {
            "millimeter millimeters millimetre millimetres mm": 0.001,
            "centimeter centimeters centimetre centimetres cm": 0.01,
            "meter meters metre metres": _METRE,
            "kilometer kilometers kilometre kilometres km": 1000.0,
            "inch inches": 0.0254,
            "foot feet": 0.3048,
            "yard yards": 0.9144,
            "mile miles": 1609.344,
        },
        "mass": {
            "gram grams": _GRAM,
            "kilogram kilograms kilo kilos kg": 1000.0,
            "tonne tonnes": 1e6,
        },
        "dollar": {"dollar dollars": 1.0, "cent cents": 0.01},
        "euro": {"euro euros": 1.0},
        "percent": {"percent pct %": 1.0},
    }.items()
    for names, factor in units.items()
    for name in names.split()
}
_CURRENCIES = {"$": "dollar", "€": "euro", "£": "pound"}

Bound = Literal["", "about", "least", "most"]

_BOUNDS: dict[tuple[str, ...], Bound] = {
    ("no", "more", "than"): "most",
    ("no", "fewer", "than"): "least",
    ("no", "less", "than"): "least",
    ("more", "than"): "least",
    ("less", "than"): "most",
    ("fewer", "than"): "most",
    ("at", "least"): "least",
    ("at", "most"): "most",
    ("up", "to"): "most",
    ("over",): "least",
    ("above",): "least",
    ("under",): "most",
    ("below",): "most",
    ("nearly",): "about",
    ("almost",): "about",
    ("about",): "about",
    ("around",): "about",
    ("roughly",): "about",
    ("approximately",): "about",
    ("some",): "about",
    ("only",): "",
    ("just",): "",
    ("exactly",): "",
}
_BEYOND = {
    ("more", "than"),
    ("less", "than"),
    ("fewer", "than"),
    ("over",),
    ("above",),
    ("under",),
    ("below",),
}
_SURELY_YEAR = {"in", "since", "during", "until", "year", "early", "late", "mid"} | MONTHS
_MAYBE_YEAR = {"by", "to", "from", "of", "around", "after", "before", "about", "between", "and"}
_STATES_VALUE = {"is", "are", "was", "were", "to", "at", "reach", "reached", "by", "equals", "hit"}


@dataclass(frozen=True)
class Numeral:
    """A number read from tokens ``first`` to before ``after``.

    Attributes:
        form: ``year`` for "nineteen sixty-nine", ``part`` for "two thirds".
    """

    value: float
    first: int
    after: int
    form: Literal["", "year", "part"] = ""


@dataclass(frozen=True)
class Quantity:
    """A number and what it counts.

    Attributes:
        value: in base units of its dimension (seconds, metres, grams, dollars, percent).
        upper: end of a range, else None.
        dimension: what may be compared: ``time``, ``percent``, ``year``, ``count:people`` …;
            ``name`` for a number that names something, as in "Apollo 11".
        role: ``by``, ``to`` or ``from`` where it makes a difference ("rose by" and "rose to").
        bound: whether it is an approximation or a limit.
        beyond: whether that limit itself is outside, as in "more than".
        half: half a unit of its last significant digit, in base units.
        words: as it was said.
    """

    value: float
    upper: float | None
    dimension: str
    role: str
    bound: Bound
    half: float
    words: str
    beyond: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What must agree before two values are compared."""
        return self.dimension, self.role


class Murky(Exception):
    """A number that can be understood in more than one way."""


def read_number(spoken: Sequence[Token], first: int) -> Numeral | None:
    """The number that begins at a token, in digits or in words; None where none does.

    Raises:
        Murky: numbers follow each other in a way that has no single reading.
    """
    if spoken[first].word in ("a", "an") and not _scaled(spoken, first + 1):
        return _part(spoken, first)
    found = _part(spoken, first) or _plain(spoken, first)
    if found is None:
        return None
    following = _plain(spoken, found.after)
    if following is None:
        return found
    year = _year_in_two(spoken, found)
    if year is None or _plain(spoken, year.after):
        raise Murky
    return year


def _word(spoken: Sequence[Token], index: int) -> str:
    return spoken[index].word if 0 <= index < len(spoken) else ""


def _scaled(spoken: Sequence[Token], index: int) -> bool:
    return _word(spoken, index) in _MAGNITUDES or _word(spoken, index) in ("hundred", "dozen")


def _small(spoken: Sequence[Token], index: int) -> tuple[int, int] | None:
    """One to ninety-nine in words: its value and the index after it."""
    word = _word(spoken, index)
    if word in _ONES:
        return _ONES[word], index + 1
    if word not in _TENS:
        return None
    unit = _ONES.get(_word(spoken, index + 1), 0)
    return (_TENS[word] + unit, index + 2) if 0 < unit < 10 else (_TENS[word], index + 1)


def _group(spoken: Sequence[Token], index: int, joined: bool) -> tuple[float, int] | None:
    """Up to "ninety-nine hundred and ninety-nine" in words."""
    if _word(spoken, index) in ("a", "an") and _scaled(spoken, index + 1):
        small: tuple[int, int] | None = (1, index + 1)
    else:
        small = _small(spoken, index)
    if small is None:
        return None
    value, after = small
    if _word(spoken, after) == "hundred" and value:
        value, after = 100 * value, after + 1
        gap = after + 1 if joined and _word(spoken, after) == "and" else after
        rest = _small(spoken, gap)
        # In "one hundred and two hundred" the second small number begins another one.
        if rest and _word(spoken, rest[1]) not in ("hundred", "dozen"):
            value, after = value + rest[0], rest[1]
    return float(value), after


def _plain(spoken: Sequence[Token], first: int) -> Numeral | None:
    if first >= len(spoken):
        return None
    digits = spoken[first].number
    if digits is not None:
        return _scale(spoken, Numeral(digits, first, first + 1))
    joined = _word(spoken, first - 1) != "between"
    group = _group(spoken, first, joined)
    if group is None or (_word(spoken, first) == "zero" and group[1] != first + 1):
        return None
    value, after = group
    if _word(spoken, after) == "point" and _digit(spoken, after + 1) is not None:
        return _scale(spoken, _decimals(spoken, value, first, after + 1))
    if _word(spoken, after) not in _MAGNITUDES:
        return _scale(spoken, Numeral(value, first, after))
    return _thousands(spoken, value, first, after, joined)


def _thousands(
    spoken: Sequence[Token], value: float, first: int, after: int, joined: bool
) -> Numeral:
    """Groups with falling magnitudes: "two million three hundred thousand and five"."""
    total, least = 0.0, float("inf")
    while True:
        magnitude = _MAGNITUDES.get(_word(spoken, after), 1.0)
        if magnitude >= least:
            raise Murky
        total, least = total + value * magnitude, magnitude
        after += magnitude > 1
        gap = after + 1 if joined and _word(spoken, after) == "and" else after
        group = _group(spoken, gap, joined)
        if magnitude == 1 or group is None:
            return Numeral(total, first, after)
        value, end = group
        if _MAGNITUDES.get(_word(spoken, end), 1.0) >= least or (gap > after and value >= 100):
            return Numeral(total, first, after)
        after = end


def _digit(spoken: Sequence[Token], index: int) -> int | None:
    value = _ONES.get("zero" if _word(spoken, index) == "oh" else _word(spoken, index), 10)
    return value if value < 10 else None


def _decimals(spoken: Sequence[Token], whole: float, first: int, after: int) -> Numeral:
    digits = ""
    while (digit := _digit(spoken, after)) is not None and len(digits) < 9:
        digits, after = digits + str(digit), after + 1
    return Numeral(float(f"{int(whole)}.{digits}"), first, after)


def _scale(spoken: Sequence[Token], number: Numeral) -> Numeral:
    """Add "and a half", and multiply by "million" or "dozen"."""
    value, after = number.value, number.after
    if [_word(spoken, after + i) for i in range(3)] == ["and", "a", "half"]:
        value, after = value + 0.5, after + 3
    word = _word(spoken, after)
    if word in _MAGNITUDES:
        value, after = value * _MAGNITUDES[word], after + 1
    elif word == "dozen":
        value, after = value * 12, after + 1
    return Numeral(value, number.first, after)


def _part(spoken: Sequence[Token], first: int) -> Numeral | None:
    """Shares: "two thirds of", "one in five"; and "half a million", which is none."""
    word = _word(spoken, first)
    count = 1 if word in ("a", "one") else _ONES.get(word, 0)
    at = first + 1 if count else first
    if count and 0 < count < 20 and _word(spoken, at) in ("in", "out"):
        return _out_of(spoken, first, count)
    part = _PARTS.get(_word(spoken, at))
    if part is None or (not count and _word(spoken, at) != "half"):
        return None
    at += 1
    of = at + (_word(spoken, at) == "of")
    whole = _plain(spoken, of)
    if whole and whole.value >= 100 and _word(spoken, of) in ("a", "an", "one"):
        return Numeral(max(count, 1) * part * whole.value, first, whole.after)
    if of == at:
        return None
    return Numeral(100 * max(count, 1) * part, first, of, "part")


def _out_of(spoken: Sequence[Token], first: int, count: int) -> Numeral | None:
    at = first + 2
    if _word(spoken, first + 1) == "out":
        if _word(spoken, at) != "of":
            return None
        at += 1
    elif count != 1:
        return None
    whole = _plain(spoken, at)
    if whole is None or not count < whole.value <= 100:
        return None
    return Numeral(100 * count / whole.value, first, whole.after, "part")


def _year_in_two(spoken: Sequence[Token], first: Numeral) -> Numeral | None:
    """A year as it is spoken: "nineteen sixty-nine"."""
    century = _small(spoken, first.first)
    if century is None or century[1] != first.after or not 10 <= century[0] <= 21:
        return None
    rest = _small(spoken, first.after)
    if rest is None or not 10 <= rest[0] <= 99:
        return None
    return Numeral(100.0 * century[0] + rest[0], first.first, rest[1], "year")


@dataclass(frozen=True)
class Span:
    """A quantity read from tokens ``first`` to before ``after``."""

    quantity: Quantity
    first: int
    after: int


def quantities(spoken: Sequence[Token]) -> tuple[list[Quantity], list[Token]]:
    """The quantities of a clause, and the tokens that are left: what they are quantities of.

    Raises:
        Murky: a number has no single reading.
    """
    found = spans(spoken)
    inside = {index for span in found for index in range(span.first, span.after)}
    left = [token for index, token in enumerate(spoken) if index not in inside]
    return [span.quantity for span in found], left


def spans(spoken: Sequence[Token]) -> list[Span]:
    """As ``quantities``, with the place of each.

    Raises:
        Murky: a number has no single reading.
    """
    found: list[Span] = []
    index = 0
    while index < len(spoken):
        number = _number_at(spoken, index)
        if number is None:
            index += 1
            continue
        found.append(_measured(spoken, number))
        index = found[-1].after
    return found


def _number_at(spoken: Sequence[Token], index: int) -> Numeral | None:
    """As ``read_number``, but "one" alone is a pronoun and "oh five" is a year's end."""
    number = read_number(spoken, index)
    if number is None:
        return _year_with_oh(spoken, index)
    if _word(spoken, number.after) in ("oh", "o"):
        return _year_with_oh(spoken, index)
    alone = number.after == index + 1 and _word(spoken, index) == "one"
    if alone and _unit(spoken, number.after) is None and _word(spoken, index + 1) != "to":
        return None
    return number


def _year_with_oh(spoken: Sequence[Token], index: int) -> Numeral | None:
    century, last = _small(spoken, index), _digit(spoken, index + 2)
    if century and century[1] == index + 1 and 10 <= century[0] <= 21 and last is not None:
        return Numeral(100.0 * century[0] + last, index, index + 3, "year")
    return None


def _unit(spoken: Sequence[Token], index: int) -> tuple[str, float, int] | None:
    """Dimension, factor and the index after the unit."""
    word, second = _word(spoken, index), _word(spoken, index + 1)
    if word == "percentage" and second in ("point", "points"):
        return "percentage point", 1.0, index + 2
    if word == "per" and second == "cent":
        return "percent", 1.0, index + 2
    if word in _UNITS:
        return (*_UNITS[word], index + 1)
    return None


def _measured(spoken: Sequence[Token], number: Numeral) -> Span:
    upper = _range_end(spoken, number)
    after = upper.after if upper else number.after
    first = number.first
    unit = _unit(spoken, after)
    symbol = _CURRENCIES.get(_word(spoken, first - 1))
    if symbol:
        first -= 1
        unit = (symbol, 1.0, unit[2] if unit and unit[0] == symbol else after)
    dimension, factor, after = unit or ("", 1.0, after)
    bound, first, beyond = _bound(spoken, first)
    if not dimension:
        dimension = _kind(spoken, number, first, after)
    elif number.form == "year":
        raise Murky
    role, first = _role(spoken, first, bool(upper))
    return Span(
        Quantity(
            value=number.value * factor,
            upper=upper.value * factor if upper else None,
            dimension=dimension,
            role=role if dimension != "year" else "",
            bound=bound,
            half=_half_unit(number.value) * factor,
            words=" ".join(token.word for token in spoken[number.first : after]).strip(),
            beyond=beyond,
        ),
        first,
        after,
    )


def _range_end(spoken: Sequence[Token], number: Numeral) -> Numeral | None:
    after = number.after
    unit = _unit(spoken, after)
    after = unit[2] if unit else after
    link = _word(spoken, after)
    between = _word(spoken, number.first - 1) == "between" and link == "and"
    if link not in ("to", "through", "till", "or") and not between:
        return None
    if after + 1 >= len(spoken):
        return None
    end = read_number(spoken, after + 1)
    return end if end and end.value != number.value else None


def _bound(spoken: Sequence[Token], first: int) -> tuple[Bound, int, bool]:
    """What stands before a number: the kind of limit, where it begins, whether it lies beyond."""
    bound: Bound = ""
    beyond = False
    while True:
        for words, meaning in _BOUNDS.items():
            start = first - len(words)
            if start >= 0 and all(_word(spoken, start + i) == w for i, w in enumerate(words)):
                beyond = beyond if bound else words in _BEYOND
                bound, first = bound or meaning, start
                break
        else:
            return bound, first, beyond


def _role(spoken: Sequence[Token], first: int, ranged: bool) -> tuple[str, int]:
    word = _word(spoken, first - 1)
    if word in ("by", "to", "from"):
        return ("" if ranged and word == "from" else word), first - 1
    if ranged and word == "between":
        return "", first - 1
    return "", first


def _kind(spoken: Sequence[Token], number: Numeral, first: int, after: int) -> str:
    """What a number without a unit is: a share, a year, a count of something, a value, a name."""
    if number.form == "part":
        return "percent"
    before, following = _word(spoken, first - 1), _word(spoken, after)
    counts = bool(following) and following[0].isalpha()
    counts = counts and following not in IGNORED | PREPOSITIONS | MONTHS
    if _may_be_year(spoken, number):
        if before in _SURELY_YEAR:
            return "year"
        if before in _MAYBE_YEAR and counts:
            raise Murky
        if not counts or number.form == "year":
            return "year"
    if _names(spoken, number, first, following):
        return "name"
    if counts:
        return f"count:{stem(following)}"
    return "value" if before in _STATES_VALUE else "name"


def _names(spoken: Sequence[Token], number: Numeral, first: int, following: str) -> bool:
    """Whether it belongs to the word before it, as in "Apollo 11"."""
    if spoken[number.first].number is None or number.first != first or first == 0:
        return False
    before = spoken[first - 1]
    if not before.is_word or before.word in IGNORED | PREPOSITIONS:
        return False
    return before.name or first == 1 or is_past(following) or following in FINITE


def _may_be_year(spoken: Sequence[Token], number: Numeral) -> bool:
    if number.form == "year":
        return True
    comma = "," in _word(spoken, number.first)
    return 1000 <= number.value <= 2100 and number.value.is_integer() and not comma


def _half_unit(value: float) -> float:
    """Half a unit of the last digit that is not zero, but not more than people round."""
    if value == 0 or not value.is_integer():
        digits = f"{abs(value):.6f}".rstrip("0").partition(".")[2]
        return 0.5 * 10.0 ** -len(digits)
    unit = 1
    while value % (10 * unit) == 0:
        unit *= 10
    return min(0.5 * unit, max(2.5, 0.05 * abs(value)))
