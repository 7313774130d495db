"""Numbers as people say them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ultimate_discord_intelligence_bot.verification.quantities import (
    Murky,
    Quantity,
    quantities,
    read_number,
)
from ultimate_discord_intelligence_bot.verification.words import tokens

_ONES: list[str] = str.split(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen"
)
_TENS: list[str] = str.split("_ _ twenty thirty forty fifty sixty seventy eighty ninety")


def _spelled(number: int, joined: str) -> str:
    """English cardinals, the other way round."""
    for size, name in ((10**12, "trillion"), (10**9, "billion"), (10**6, "million")):
        if number >= size:
            rest = f" {_spelled(number % size, joined)}" if number % size else ""
            return f"{_spelled(number // size, joined)} {name}{rest}"
    if number >= 1000:
        rest = f" {_spelled(number % 1000, joined)}" if number % 1000 else ""
        return f"{_spelled(number // 1000, joined)} thousand{rest}"
    if number >= 100:
        rest = f" {joined}{_spelled(number % 100, joined)}" if number % 100 else ""
        return f"{_ONES[number // 100]} hundred{rest}"
    if number < 20:
        return _ONES[number]
    return _TENS[number // 10] + (f"-{_ONES[number % 10]}" if number % 10 else "")


def _one(text: str) -> Quantity:
    found, _ = quantities(tokens(text))
    assert len(found) == 1, found
    return found[0]


@given(st.integers(0, 10**15 - 1), st.sampled_from(["", "and "]))
@example(1_000_000_000_001, "")
@example(100_100, "and ")
def test_every_cardinal_is_understood(number: int, joined: str) -> None:
    spoken = tokens(_spelled(number, joined))
    read = read_number(spoken, 0)
    assert read is not None
    assert (read.value, read.after) == (number, len(spoken))


@given(st.integers(0, 10**12))
def test_digits_are_understood_with_and_without_commas(number: int) -> None:
    assert _one(f"it weighs {number} grams").value == number
    assert _one(f"it weighs {number:,} grams").value == number


@given(st.integers(1010, 2099).filter(lambda year: year % 100 >= 10))
def test_years_in_two_halves(year: int) -> None:
    spoken = f"in {_spelled(year // 100, '')} {_spelled(year % 100, '')}"
    found = _one(spoken)
    assert (found.dimension, found.value) == ("year", year)
    assert _one(f"in {year}").key == found.key


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("forty percent", "percent", 40),
        ("40 per cent", "percent", 40),
        ("40%", "percent", 40),
        ("3 percentage points", "percentage point", 3),
        ("two thirds of them", "percent", 200 / 3),
        ("a quarter of them", "percent", 25),
        ("half of them", "percent", 50),
        ("one in five people", "percent", 20),
        ("nine out of ten people", "percent", 90),
        ("half a million people", "count:peopl", 500_000),
        ("a quarter of a million people", "count:peopl", 250_000),
        ("a hundred dollars", "dollar", 100),
        ("$5 billion", "dollar", 5e9),
        ("2.5 billion dollars", "dollar", 2.5e9),
        ("two point five billion dollars", "dollar", 2.5e9),
        ("two and a half billion dollars", "dollar", 2.5e9),
        ("three dozen eggs", "count:egg", 36),
        ("nineteen hundred people", "count:peopl", 1900),
        ("since nineteen oh five", "year", 1905),
        ("in two thousand and eight", "year", 2008),
        ("in twenty twenty four", "year", 2024),
        ("December 1993", "year", 1993),
        ("1,969 people", "count:peopl", 1969),
        ("three weeks", "time", 21 * 86400),
        ("5 km", "length", 5000),
        ("5km", "length", 5000),
        ("it is minus -5 kilograms", "mass", -5000),
        ("Apollo 11", "name", 11),
        ("the answer is 42", "value", 42),
    ],
)
def test_what_is_counted(text: str, dimension: str, value: float) -> None:
    found = _one(text)
    assert found.dimension == dimension
    assert found.value == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("about 40 percent", "about"),
        ("more than 40 percent", "least"),
        ("no more than 40 percent", "most"),
        ("at least 40 percent", "least"),
        ("less than 40 percent", "most"),
        ("only 40 percent", ""),
    ],
)
def test_limits(text: str, bound: str) -> None:
    assert _one(text).bound == bound


@pytest.mark.parametrize(
    "text",
    ["5 to 10 percent", "5-10 percent", "between five and ten percent", "from 5 to 10 percent"],
)
def test_ranges(text: str) -> None:
    found = _one(text)
    assert (found.value, found.upper, found.role) == (5, 10, "")


@pytest.mark.parametrize("text", ["by 5 percent", "to 5 percent", "from 5 percent"])
def test_what_a_change_leads_to_is_not_what_it_amounts_to(text: str) -> None:
    assert _one(text).role == text.split()[0]


@pytest.mark.parametrize(
    "text",
    [
        "sixty seventy percent",
        "one two three",
        "nineteen fifty dollars",
        "of 1969 people",
        "two million five billion",
    ],
)
def test_what_has_two_readings_is_not_read(text: str) -> None:
    with pytest.raises(Murky):
        quantities(tokens(text))


@pytest.mark.parametrize(
    "text",
    ["the one who left", "no one left", "the 21st century", "at 7:30", "the third time", "a third"],
)
def test_what_is_no_quantity(text: str) -> None:
    assert quantities(tokens(text))[0] == []
