"""Quantities: what is taken out of a sentence, and that nothing can make it slow or wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultimate_discord_intelligence_bot.analysis.quantities import quantities_in


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It rose by forty percent.", [("percent", "forty percent")]),
        ("It fell to 3.5% of wages.", [("percent", "3.5%")]),
        ("They spent 40 million dollars.", [("money", "40 million dollars")]),
        ("A loss of $12.4 million and €3bn.", [("money", "$12.4 million"), ("money", "€3bn")]),
        ("In nineteen sixty-nine, or 1969.", [("date", "nineteen sixty-nine"), ("date", "1969")]),
        ("It began in March 2021.", [("date", "March 2021")]),
        ("On July 4, 1776, and 21st of May.", [("date", "July 4, 1776"), ("date", "21st of May")]),
        ("Back in the 1990s.", [("date", "1990s")]),
        ("We waited 3 hours.", [("duration", "3 hours")]),
        ("A ten-year plan.", [("duration", "ten-year")]),
        ("The sea rose twenty centimetres.", [("measure", "twenty centimetres")]),
        ("About 1,200 people came.", [("number", "1,200")]),
        ("Two thirds of them left.", [("number", "Two thirds")]),
        ("Half a million people.", [("number", "Half a million")]),
        ("Two and a half million.", [("number", "Two and a half million")]),
        ("In 2019 people lost 2,019 jobs.", [("date", "2019"), ("number", "2,019")]),
        ("That is one thing, and number 2.", []),
        ("COVID-19 and version 3.14.15 at 12:30 on 3/4.", []),
        ("May we march?", []),
        ("", []),
    ],
)
def test_what_is_said(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(quantity.kind, quantity.text) for quantity in quantities_in(text)] == expected


@given(st.text(st.sampled_from("0123456789,.%$€ -onetwhundrmilaf\n\x00é"), max_size=400))
def test_every_quantity_is_verbatim_and_in_order(text: str) -> None:
    place = 0
    for quantity in quantities_in(text):
        place = text.index(quantity.text, place) + len(quantity.text)


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "part",
    ["one two three ", "9", "1,000,", "twenty ", "a hundred and ", "1 ", "half a ", "nineteen-"],
)
def test_no_text_takes_long(part: str) -> None:
    quantities_in(part * 20_000)
