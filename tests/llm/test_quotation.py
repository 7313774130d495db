"""Where a quote stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultimate_discord_intelligence_bot.llm.quotation import locate, stands_in

SAID = ("Good evening, everyone.", "The rent rose by 5 percent.", "Nobody knows why.", "Yes.")


@pytest.mark.parametrize(
    ("quote", "span"),
    [
        ("The rent rose by 5 percent.", (1, 1)),
        ("the RENT  rose\nby 5 percent", (1, 1)),
        ("by 5 percent. Nobody knows", (1, 2)),
        ("everyone. The rent rose by 5 percent. Nobody knows why.", (0, 2)),
        ("Yes.", (3, 3)),
    ],
)
def test_white_space_and_case_do_not_matter(quote: str, span: tuple[int, int]) -> None:
    assert locate(quote, SAID) == span


@pytest.mark.parametrize(
    "quote",
    [
        "The rent rose by 6 percent.",
        "The rent rose … 5 percent.",
        "The rent rose by five percent.",
        "“The rent rose by 5 percent.”",
        "percent",
        "",
        "   ",
    ],
)
def test_everything_else_does(quote: str) -> None:
    assert locate(quote, SAID) is None


@given(st.lists(st.text(min_size=1), min_size=1, max_size=8), st.data())
def test_whatever_was_said_is_found_where_it_was_said(
    texts: list[str], data: st.DataObject
) -> None:
    plain = [" ".join(text.casefold().split()) for text in texts]
    index = data.draw(st.integers(0, len(texts) - 1))
    if len(plain[index]) < 8:
        return
    found = locate(texts[index], texts)
    assert found is not None
    assert found[0] <= index
    assert stands_in(texts[index], texts[index])
