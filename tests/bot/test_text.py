"""Text from outside stays text in Discord, whatever is in it and wherever it is cut."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ultimate_discord_intelligence_bot.discord_bot.text import (
    ELLIPSIS,
    SHORTEST,
    address,
    clean,
    cut,
    escape,
    link,
    pages,
    plain,
    size,
    snippet,
    unescape,
    unlinked,
)

TRICKS = (
    "@everyone", "@here", "<@123456789012345678>", "<@!1>", "<@&1>", "<#1>", "<:ok:1>", "<a:ok:1>",
    "<t:1:R>", "</forget:1>", "<id:customize>", ":joy:", "12:30:45", "https://example.org/x_y",
    "discord.gg/abc", "discordapp.com/invite/x", "[free](https://evil.example)", "**", "__", "~~",
    "||", "`", "```", "> ", ">>> ", "# ", "## ", "-# ", "- ", "+ ", "* ", "1. ", "12) ", "\\", "\n",
    "\n\n\n", " ", "\u200b", "\u200d", "\u202e", "\u2066", "\ufeff", "\x00", "\ud83d", "\U000e0041",
    "\u3164", "e" + "\u0301" * 9, "👩\u200d👩\u200d👧", "👍🏽", "東京。",
    "Dr. Who said so. ", "end.” ", "word ",
)  # fmt: skip
HOSTILE = st.lists(st.sampled_from(TRICKS) | st.text(max_size=6), max_size=60).map("".join)
LIMITS = st.integers(SHORTEST, 120)

PING = re.compile(r"@(everyone|here)|<@[!&]?\d+>", re.IGNORECASE)
MARKUP = re.compile(r"[*_~`|<>\[\]]|https?://|:[\w+-]+:|discord(app)?\.", re.IGNORECASE)
BLOCK = re.compile(r"\s*(#{1,3}\s|-#\s|[-+]\s|>|\d+[.)](\s|$))")


def is_only_text(shown: str) -> bool:
    """Reads as Discord does: a backslash before a mark makes it text."""
    if PING.search(shown):
        return False
    at, line_begins = 0, True
    while at < len(shown):
        if line_begins and BLOCK.match(shown, at):
            return False
        if re.match(r"\\[^0-9A-Za-z\s]", shown[at : at + 2]):
            at, line_begins = at + 2, False
            continue
        if MARKUP.match(shown, at):
            return False
        line_begins = shown[at] == "\n"
        at += 1
    return True


@given(HOSTILE)
@example("".join(TRICKS))
@example("\n".join(TRICKS))
@example("@\u200beveryone @\u200d\u200b\u200dhere")
@example("a\u200d \u200db")
def test_nothing_in_an_escaped_text_does_anything(text: str) -> None:
    assert is_only_text(escape(text))


@given(HOSTILE)
def test_a_reader_sees_of_an_escaped_text_what_could_be_seen_of_the_original(text: str) -> None:
    assert unescape(escape(text)) == clean(text)


@given(HOSTILE)
def test_a_cleaned_text_is_clean(text: str) -> None:
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    cleaned.encode()
    assert not re.search("[\x00-\x09\x0b-\x1f\u200b\u202a-\u202e\u2066-\u2069]", cleaned)


def test_ordinary_text_is_left_as_it_is() -> None:
    for text in (
        "In 2023, NASA received less than 1 percent (about $25 billion).",
        "Ein Satz über Käse; noch einer!",
        "At 3:10 she said: no.",
        "مرحبا بالعالم, שלום, 東京。",
        "A family: 👩\u200d👩\u200d👧, thumbs 👍🏽",
        "well-known",
    ):
        assert escape(text) == text


@given(HOSTILE, LIMITS)
@example("👍🏽" * 100, SHORTEST)
@example("\\" * 200, SHORTEST + 1)
def test_a_cut_text_is_short_enough_and_still_only_text(text: str, limit: int) -> None:
    escaped = escape(text)
    short = cut(escaped, limit)
    assert size(short) <= limit
    assert is_only_text(short)
    if size(escaped) <= limit:
        assert short == escaped
    else:
        assert short.endswith(ELLIPSIS)
        assert escaped.startswith(short.removesuffix(ELLIPSIS).rstrip())


@given(st.lists(st.text("abcdé", min_size=1, max_size=9), min_size=1).map(" ".join), LIMITS)
def test_a_text_is_cut_between_words(text: str, limit: int) -> None:
    kept = cut(text, limit).removesuffix(ELLIPSIS).rstrip()
    assert text[len(kept) :][:1] in ("", " ")


def test_a_text_is_cut_after_a_sentence_where_that_keeps_enough() -> None:
    text = "The first sentence is here. And “the second one follows.” Then a third, long one."
    assert cut(text, 70) == "The first sentence is here. And “the second one follows.” …"
    assert cut(text, 50) == "The first sentence is here. …"
    assert cut("Short. " + "word " * 30, 60).startswith("Short. word word")
    assert cut("東京は大きい。" * 20, 50).endswith("。 …")


def test_a_cut_keeps_whole_what_people_see_as_one_character() -> None:
    family = "👩\u200d👩\u200d👧"
    for limit in range(SHORTEST, 60):
        kept = cut(family * 40, limit).removesuffix(ELLIPSIS).rstrip()
        assert kept == family * (len(kept) // len(family))


def test_too_small_a_limit_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="characters"):
        cut("word " * 20, 10)
    with pytest.raises(ValueError, match="characters"):
        pages("word " * 20, 10)


@given(HOSTILE, LIMITS)
def test_pages_joined_are_the_text_and_none_is_too_long_or_blank(text: str, limit: int) -> None:
    escaped = escape(text)
    parts = pages(escaped, limit)
    assert "".join(parts) == escaped
    for part in parts:
        assert size(part) <= limit
        assert part.strip()
        assert is_only_text(part.strip())


@given(st.text(max_size=300), LIMITS)
def test_pages_of_any_text_joined_are_the_text(text: str, limit: int) -> None:
    assert "".join(pages(text, limit)) == text


def test_pages_end_with_lines_or_sentences() -> None:
    text = "\n".join(
        f"[{n}:00](https://example.org/v?t={n}) Ruth said this. And that." for n in range(99)
    )
    first, *rest = pages(text, 2000)
    assert all(part.endswith("\n") for part in (first, *rest[:-1]))
    prose = "This is a sentence of some length. " * 200
    assert all(part.endswith(". ") for part in pages(prose, 2000))


def test_masked_links_are_on_one_page() -> None:
    text = "[two words](https://example.org/a) " * 300
    for part in pages(text, 2000):
        assert part.count("[") == part.count(")")


@given(HOSTILE, LIMITS)
def test_snippets_are_one_short_line(text: str, limit: int) -> None:
    for short in (snippet(text, limit), plain(text, limit)):
        assert size(short) <= limit
        assert "\n" not in short
    assert is_only_text(snippet(text, limit))


def test_a_huge_text_costs_no_more_than_what_is_shown() -> None:
    assert snippet("word " * 1_000_000, 40) == "word word word word word word word …"
    assert snippet("\u200b" * 1_000_000 + "word", 40) == ELLIPSIS


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://www.youtube.com/watch?v=a_b&t=3s", "https://www.youtube.com/watch?v=a_b&t=3s"),
        ("https://en.wikipedia.org/wiki/A_(b)", "https://en.wikipedia.org/wiki/A_%28b%29"),
        ("HTTP://Example.org/a b", "http://example.org/a%20b"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        ("https://8.8.8.8:8443/x", "https://8.8.8.8:8443/x"),
        ("https://example.org/)[x](https://evil.example", None),
        ("https://example.org/\ud800", "https://example.org/%EF%BF%BD"),
    ],
)  # fmt: skip
def test_an_address_is_one_that_no_markdown_ends(url: str, expected: str | None) -> None:
    found = address(url)
    if expected is not None:
        assert found == expected
    assert found is None or not re.search(r"[\s()<>\[\]\"\\]", found)


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "discord://x.example/a",
        "//example.org/x", "https://", "https:///x", "https://user@example.org/",
        "https://youtube.com@evil.example/", "https://localhost/", "https://printer/",
        "https://127.0.0.1/", "https://[::1]/", "https://10.0.0.1/", "https://127.1/",
        "https://0x7f.1/", "https://router.local/", "https://a..example/", "https://x.example:99999/",
        "https://[bad/", "https://example.org/" + "a" * 500, "", "\ud800",
    ],
)  # fmt: skip
def test_an_address_that_may_not_be_clicked_is_no_link(url: str) -> None:
    assert address(url) is None
    assert link("0:38", url) == "0:38"


@given(st.text(max_size=60) | st.text(max_size=40).map("https://{}".format) | HOSTILE)
def test_what_is_linked_leads_to_a_host_on_the_web(url: str) -> None:
    found = address(url)
    if found is not None:
        parts = urlsplit(found)
        assert parts.scheme in ("http", "https")
        assert parts.hostname
        assert "@" not in parts.netloc
        assert address(found) == found


def test_a_link_can_be_without_a_preview() -> None:
    assert link("0:38", "https://example.org/") == "[0:38](https://example.org/)"
    assert link("0:38", "https://example.org/", quiet=True) == "[0:38](<https://example.org/>)"


def test_links_can_be_taken_out_of_a_text_again() -> None:
    text = rf"{link('0:38', 'https://example.org/')} {escape('[not](https://ours.example)')}"
    assert unlinked(text) == f"0:38 {escape('[not](https://ours.example)')}"
