"""From the page of a stranger to the sentences that bear on a statement."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultimate_discord_intelligence_bot.verification.sources import Query
from ultimate_discord_intelligence_bot.verification.sources.passages import (
    LONGEST,
    Document,
    best_passages,
    day,
    keywords,
    read_html,
    read_plain,
    sentences,
    without_tags,
)

TOWER = Document(
    "Eiffel Tower",
    "https://www.example.org/tower",
    (
        "The Eiffel Tower is a wrought-iron lattice tower in Paris. It is 330 metres tall. "
        "Gustave Eiffel's company built it from 1887 to 1889.",
        "Paris is the capital of France. Many visitors like its cafés.",
    ),
    date(2024, 5, 1),
)

prose = st.text(
    st.one_of(
        st.sampled_from("abc ABC .!?…。\"'“”()\n\t 0129 Dr.Mr. é東京"),
        st.characters(codec="utf-8"),
    ),
    max_size=400,
)


# -- sentences ------------------------------------------------------------------------------------


@given(prose)
def test_no_word_is_lost_or_moved(text: str) -> None:
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())


@given(prose)
def test_a_sentence_is_neither_empty_nor_long_nor_ragged(text: str) -> None:
    for sentence in sentences(text):
        assert 0 < len(sentence) <= LONGEST
        assert sentence == sentence.strip()
        assert "\n" not in sentence


@given(st.integers(1, 3_000), st.sampled_from(["a", "a ", "東", "a. "]))
def test_a_text_without_an_end_is_cut(length: int, unit: str) -> None:
    text = (unit * length)[:length]
    assert all(len(sentence) <= LONGEST for sentence in sentences(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It rains. It pours! Does it? Yes.", ["It rains.", "It pours!", "Does it?", "Yes."]),
        ("Dr. Smith met the U.S. President.", ["Dr. Smith met the U.S. President."]),
        ("It cost $3.5 million. Nobody paid.", ["It cost $3.5 million.", "Nobody paid."]),
        ("George W. Bush spoke on Jan. 3.", ["George W. Bush spoke on Jan. 3."]),
        ("He said “No.” She left.", ["He said “No.”", "She left."]),
        ("Er kam. Über Nacht blieb er.", ["Er kam.", "Über Nacht blieb er."]),
        ("東京は首都です。人口は多い。", ["東京は首都です。", "人口は多い。"]),
        ("no end", ["no end"]),
        (" \n\t", []),
    ],
)
def test_where_a_sentence_ends(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


# -- the best of them -----------------------------------------------------------------------------


def test_the_sentence_that_shares_most_words_comes_first() -> None:
    found = best_passages([TOWER], Query("The Eiffel Tower is 500 metres tall."), 3)
    assert found[0].text == (
        "The Eiffel Tower is a wrought-iron lattice tower in Paris. It is 330 metres tall."
    )
    assert (found[0].title, found[0].publisher) == ("Eiffel Tower", "example.org")
    assert found[0].published == date(2024, 5, 1)


def test_sentences_without_a_word_of_the_statement_are_left_out() -> None:
    assert best_passages([TOWER], Query("Whales sing."), 5) == []


def test_the_names_of_a_statement_count() -> None:
    [first, *_] = best_passages([TOWER], Query("It was built then.", ("Gustave Eiffel",)), 5)
    assert first.text.startswith("Gustave Eiffel's company")


def test_words_are_compared_without_their_endings() -> None:
    [only] = best_passages([TOWER], Query("A visitor likes a café."), 1)
    assert only.text == "Many visitors like its cafés."


def test_languages_without_spaces() -> None:
    page = Document("東京", "https://a.test/", ("東京は日本の首都です。犬は動物です。",))
    assert (
        best_passages([page], Query("首都は東京", language="ja"), 1)[0].text
        == "東京は日本の首都です。"
    )


def test_the_same_sentence_on_two_pages_is_shown_once() -> None:
    found = best_passages([TOWER, TOWER], Query("Paris is a capital"), 9)
    assert found == best_passages([TOWER], Query("Paris is a capital"), 9)


@given(st.lists(prose, max_size=5), prose, st.integers(0, 5))
def test_passages_are_verbatim_and_few(texts: list[str], statement: str, limit: int) -> None:
    pages = [read_plain(text, "https://a.test/") for text in texts]
    found = best_passages(pages, Query(statement), limit)
    assert len(found) <= limit
    every = ["".join(text.split()) for text in texts]
    assert all(any("".join(p.text.split()) in text for text in every) for p in found)


def test_what_to_search_for() -> None:
    statement = Query("Well, I think the Eiffel Tower is 500 metres tall and it was built in 1920")
    assert "Eiffel Tower" in keywords(statement)
    assert not {"500", "1920", "the", "it"} & set(keywords(statement).split())
    assert keywords(Query("It is so.")) != ""


# -- HTML -----------------------------------------------------------------------------------------

PAGE = """<!DOCTYPE html><html><head><title>Tower &amp; more | Site</title>
<meta property="article:published_time" content="2023-04-05T10:00:00Z">
<style>p { color: red }</style><script>var a = "<p>not me</p>";</script></head>
<body><nav><ul><li>Home</li></ul></nav><header>Site</header>
<h1>The Tower</h1><p>It is <b>330</b>&nbsp;metres<br>tall.</p>
<aside>Read this too</aside><div>Second<div>Third</div></div>
<footer>Imprint</footer></body></html>"""


def test_a_page_is_read_without_its_frame() -> None:
    page = read_html(PAGE, "https://a.test/tower")
    assert page.title == "The Tower"
    assert page.published == date(2023, 4, 5)
    assert page.paragraphs == ("The Tower", "It is 330 metres", "tall.", "Second", "Third")


def test_a_page_without_a_title_is_called_by_its_host() -> None:
    assert read_html("<p>Words", "https://www.a.test/x").title == "a.test"


def test_a_snippet_loses_its_tags() -> None:
    assert without_tags("The <strong>tower</strong> &amp; 3 < 4") == "The tower & 3 < 4"


@given(
    st.text(max_size=300), st.sampled_from(["", "<p>", "<!--", "<script>", "<a b='", "</", "&#"])
)
def test_any_text_can_be_read_as_a_page(text: str, opening: str) -> None:
    page = read_html(opening + text, "https://a.test/")
    assert all(paragraph == " ".join(paragraph.split()) for paragraph in page.paragraphs)


@pytest.mark.parametrize(
    "unit", ["<", "<a", "<!--", "<!", "<![CDATA[", "<?", "<a b='", "</", "</a ", "&", "&#1", "<p>x"]
)
@pytest.mark.timeout(30)
def test_a_hostile_page_is_read_in_bounded_time(unit: str) -> None:
    page = read_html(unit * (400_000 // len(unit)), "https://a.test/")
    assert len(best_passages([page], Query("x"), 5)) <= 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-05-01", date(2024, 5, 1)),
        ("2024-05-01T12:00:00.123456789Z", date(2024, 5, 1)),
        ("2024/05/01 12:00", date(2024, 5, 1)),
        ("2024-13-01", None),
        ("0000-01-01", None),
        ("May 1, 2024", None),
        ("", None),
        (None, None),
    ],
)
def test_a_day(text: str | None, expected: date | None) -> None:
    assert day(text) == expected
