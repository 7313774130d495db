"""Names and rare terms become a short hint for the speech model."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ultimate_discord_intelligence_bot.transcription.hotwords import hotwords, terms

COMMON = {"The", "Future", "of", "Housing", "With", "Talk", "My"}


def pieces(text: str) -> int:
    """A vocabulary in which common words are one token and others one for three letters."""
    return sum(1 if word in COMMON else -(-len(word) // 3) for word in text.split())


def test_names_of_title_and_description_that_the_model_does_not_know() -> None:
    found = terms(
        "The Future of Housing: With Adaeze Okonkwo",
        "Today we talk about mRNA and GPT-4 with Kwabena. Everybody liked it.",
    )
    hint = hotwords(found, pieces)
    assert hint == "Adaeze, Okonkwo, mRNA, GPT-4, Kwabena"


def test_beginnings_of_sentences_and_links_are_no_names() -> None:
    text = (
        "Subscribe now! Visit https://Example.com/Shop or mail Us@Example.com\n- Chapters\nSponsors"
    )
    assert terms("", text) == ()


def test_ordinary_words_make_no_hint() -> None:
    assert hotwords(terms("The Future of Housing", None), pieces) is None
    assert hotwords(terms("", None), pieces) is None


def test_a_hint_is_short_however_long_the_text() -> None:
    found = terms("Title", " and ".join(f"Xyz{n}qwert" for n in range(5000)))
    hint = hotwords(found, pieces)
    assert hint
    assert pieces(hint) <= 60


def test_no_control_token_gets_through() -> None:
    found = terms("<|endoftext|> A <|Translate|> Bobby\x00Tables", "<|StartOfPrev|> ~ %$ Z\u202eX")
    assert not any(mark in term for term in found for mark in "<|>\x00\u202e")


@given(st.text(), st.text())
def test_any_text_gives_words_of_letters_digits_and_their_marks(a: str, b: str) -> None:
    for term in terms(a, b):
        assert 1 < len(term) <= 30
        assert all(mark.isalnum() or mark in "'’.-" for mark in term)
