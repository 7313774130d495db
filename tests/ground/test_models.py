"""Links to a moment."""

from __future__ import annotations

import pytest

from ultimate_discord_intelligence_bot.models.media import Source


@pytest.mark.parametrize(
    ("url", "moment"),
    [
        ("https://www.youtube.com/watch?v=abc", "https://www.youtube.com/watch?v=abc&t=83s"),
        ("https://www.youtube.com/watch?v=abc&t=5s", "https://www.youtube.com/watch?v=abc&t=83s"),
        ("https://youtu.be/abc", "https://youtu.be/abc?t=83s"),
        ("https://vimeo.com/123", "https://vimeo.com/123#t=83s"),
        ("https://example.org/talk.mp3", "https://example.org/talk.mp3#t=83.5"),
        ("https://example.org/a?b=1#top", "https://example.org/a?b=1#t=83.5"),
        ("https://notyoutube.com/watch?v=abc", "https://notyoutube.com/watch?v=abc#t=83.5"),
        ("file:///home/ada/talk.opus", "file:///home/ada/talk.opus#t=83.5"),
    ],
)
def test_a_link_leads_to_its_moment(url: str, moment: str) -> None:
    source = Source(id="s", url=url, title="A talk", platform="any")
    assert source.at(83.5) == moment


@pytest.mark.parametrize(("seconds", "fragment"), [(0.0, "t=0"), (7.126, "t=7.13"), (60.0, "t=60")])
def test_a_media_fragment_has_no_needless_digits(seconds: float, fragment: str) -> None:
    source = Source(id="s", url="https://example.org/a.mp3", title="A talk", platform="any")
    assert source.at(seconds).endswith("#" + fragment)
