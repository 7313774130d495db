"""What a user may type, and what becomes of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.clarity import assert_clear
from ultimate_discord_intelligence_bot.acquisition import parse_locator
from ultimate_discord_intelligence_bot.errors import (
    AutointelError,
    FileMissing,
    InputError,
    NotMedia,
    UnsupportedScheme,
)


def url(text: str) -> str:
    locator = parse_locator(text, allow_files=True)
    assert locator.kind == "web"
    return locator.value


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", InputError),
        ("   \n", InputError),
        ("hello world", InputError),
        ("example.com/talk", InputError),
        ("http://", InputError),
        ("https:///path", InputError),
        ("http://user:secret@example.com/a", InputError),
        ("http://exa mple.com", InputError),
        ("http://example.com:99999/", InputError),
        ("http://example.com:port/", InputError),
        ("http://[::1/", InputError),
        ("http://..example.com/", InputError),
        ("https://example.com/" + "a" * 5000, InputError),
        ("https://example.com/\x00", InputError),
        ("caf\udce9.mp3", InputError),
        ("https://example.com/\u202egnp.exe", InputError),
        ("https://example.com\\@evil.example", InputError),
        ("https://example.com/" + "ü" * 2000, InputError),
        ("https://a。。b/", InputError),
        ("https://xn--ü/", InputError),
        ("file:///etc/passwd", UnsupportedScheme),
        ("ftp://example.com/a.mp3", UnsupportedScheme),
        ("ytsearch:cats", UnsupportedScheme),
        ("ytsearch5:cats", UnsupportedScheme),
        ("javascript:alert(1)", UnsupportedScheme),
        ("data:audio/mpeg;base64,AAAA", UnsupportedScheme),
        ("rtmp://example.com/live", UnsupportedScheme),
        ("nowhere/talk.mp3", FileMissing),
        ("talk.mp3", FileMissing),
        ("a" * 300 + ".mp3", FileMissing),
    ],
)
@pytest.mark.parametrize("allow_files", [True, False])
def test_bad_input_is_told_with_its_remedy(
    text: str, kind: type[InputError], allow_files: bool
) -> None:
    if kind is FileMissing and not allow_files:
        kind = InputError
    with pytest.raises(kind) as caught:
        parse_locator(text, allow_files=allow_files)
    assert_clear(caught.value)
    assert "secret" not in str(caught.value)


def test_a_link_without_its_scheme_is_completed_in_the_remedy() -> None:
    with pytest.raises(InputError, match="write https://example"):
        parse_locator("example.com/talk", allow_files=True)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("  HTTPS://Example.COM/Talk#part ", "https://example.com/Talk"),
        ("http://example.com", "http://example.com/"),
        ("http://example.com:80/a", "http://example.com/a"),
        ("http://example.com:8080/a", "http://example.com:8080/a"),
        ("http://[::1]:8080/a", "http://[::1]:8080/a"),
        ("https://e.org/a?utm_source=x&id=7&fbclid=y", "https://e.org/a?id=7"),
        ("https://e.org/a?q=a%20b&si=7", "https://e.org/a?q=a%20b&si=7"),
        ("https://youtu.be/dQw4w9WgXcQ?si=abc&t=3", "https://www.youtube.com/watch?v=dQw4w9WgXcQ"),
        (
            "https://m.youtube.com/watch?list=PL1&v=dQw4w9WgXcQ&index=2",
            "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
        ),
        (
            "https://youtube.com/shorts/dQw4w9WgXcQ",
            "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
        ),
        ("https://www.youtube.com/@someone?si=x", "https://www.youtube.com/@someone"),
        ("http://m.youtube.com/@someone/videos", "https://www.youtube.com/@someone/videos"),
        (
            "https://music.youtube.com/watch?v=dQw4w9WgXcQ&feature=share",
            "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
        ),
        (
            "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ?rel=0",
            "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
        ),
        (
            "https://www.youtube.com/live/dQw4w9WgXcQ?si=x&pp=y",
            "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
        ),
        (
            "https://www.youtube.com/embed/videoseries?list=PL1&si=x",
            "https://www.youtube.com/embed/videoseries?list=PL1",
        ),
        ("https://www.vimeo.com/1?share=copy", "https://vimeo.com/1"),
        (
            "https://player.vimeo.com/video/1?h=ab&autoplay=1&title=0",
            "https://player.vimeo.com/video/1?h=ab",
        ),
        ("https://m.twitch.tv/videos/12?t=1h", "https://www.twitch.tv/videos/12"),
        (
            "https://m.soundcloud.com/a/b?si=1&utm_source=clipboard&in=c/sets/d",
            "https://soundcloud.com/a/b",
        ),
        ("https://open.spotify.com/intl-de/episode/4?si=1", "https://open.spotify.com/episode/4"),
        ("https://e.org./a", "https://e.org/a"),
        ("https://Bücher.example/Straße?q=ü", "https://xn--bcher-kva.example/Stra%C3%9Fe?q=%C3%BC"),
        ("https://straße.example/", "https://xn--strae-oqa.example/"),
        ("https://e.org/%7euser/%c3%a9?a=%41%2f|", "https://e.org/~user/%C3%A9?a=A%2F%7C"),
        ("https://e.org/100%?x=%zz&y=%4%31", "https://e.org/100%25?x=%25zz&y=%2541"),
        ("https://youtube.com:8443/a?si=1", "https://youtube.com:8443/a?si=1"),
    ],
)
def test_links_to_the_same_recording_become_one(text: str, canonical: str) -> None:
    assert url(text) == canonical
    assert url(canonical) == canonical


def test_a_file_is_found_by_its_path(tmp_path: Path) -> None:
    file = tmp_path / "my talk: part 1.mp3"
    file.write_bytes(b"x")
    locator = parse_locator(str(file), allow_files=True)
    assert (locator.kind, locator.value) == ("file", str(file))
    assert parse_locator("my talk: part 1.mp3", allow_files=True) == locator


def test_files_are_no_input_where_a_stranger_asks(tmp_path: Path) -> None:
    file = tmp_path / "talk.mp3"
    file.write_bytes(b"x")
    with pytest.raises(InputError) as caught:
        parse_locator(str(file), allow_files=False)
    assert_clear(caught.value)
    assert "file" not in caught.value.remedy


def test_what_is_no_regular_file_is_refused_without_opening_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp3")
    for path in (tmp_path, tmp_path / "pipe.mp3", Path("/dev/zero")):
        with pytest.raises(FileMissing) as caught:
            parse_locator(str(path), allow_files=True)
        assert_clear(caught.value)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "talk.mp3").touch()
    with pytest.raises(NotMedia, match="empty") as caught:
        parse_locator("talk.mp3", allow_files=True)
    assert_clear(caught.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=200) | st.text(max_size=60).map("http://".__add__), st.booleans())
def test_any_text_gives_a_locator_or_a_clear_error(text: str, allow_files: bool) -> None:
    try:
        locator = parse_locator(text, allow_files=allow_files)
    except AutointelError as error:
        assert_clear(error)
    else:
        assert parse_locator(locator.value, allow_files=allow_files) == locator


HOSTS = st.sampled_from(
    [
        *("www.youtube.com", "m.youtube.com", "youtu.be", "music.youtube.com", "player.vimeo.com"),
        *(
            "open.spotify.com",
            "m.soundcloud.com",
            "E.org",
            "bücher.example.",
            "e.org:80",
            "[::1]:8",
        ),
    ]
)
PATHS = st.sampled_from(
    ["", "/", "/watch", "/shorts/dQw4w9WgXcQ", "/intl-de/x", "/embed/live_stream"]
)
PIECES = st.sampled_from(
    [
        "v=dQw4w9WgXcQ",
        "v=",
        "si=1",
        "utm_x",
        "%7e",
        "%",
        "%%41",
        "a=ü",
        "&",
        "=",
        "?",
        "list=PL1",
        "t=3",
    ]
)


@given(
    st.sampled_from(["http", "HTTPS"]),
    HOSTS,
    PATHS | st.text(max_size=20).map("/".__add__),
    st.lists(PIECES | st.text(max_size=8), max_size=5).map("&".join),
)
def test_the_canonical_form_of_a_canonical_form_is_itself(
    scheme: str, host: str, path: str, query: str
) -> None:
    try:
        locator = parse_locator(f"{scheme}://{host}{path}?{query}", allow_files=False)
    except AutointelError as error:
        assert_clear(error)
    else:
        assert parse_locator(locator.value, allow_files=False) == locator
        assert locator.value.isascii()
