"""Which of a site's caption tracks are taken."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultimate_discord_intelligence_bot.acquisition.tracks import choose_tracks

ALL = ("json3", "srv1", "ttml", "srt", "vtt")


def tracks(*tags: str, exts: tuple[str, ...] = ALL) -> dict[str, Any]:
    """Tracks as a site offers them; ``de<en`` is one that a machine translated into German."""
    found = {}
    for tag in tags:
        language, _, origin = tag.partition("<")
        query = f"lang={origin}&tlang={language}" if origin else f"lang={language}"
        found[language] = [{"ext": ext, "url": f"https://x.example/?{query}"} for ext in exts]
    return found


def chosen(
    human: tuple[str, ...],
    automatic: tuple[str, ...],
    spoken: str | None = None,
    wanted: str | None = None,
) -> list[tuple[str | None, str]]:
    info = {
        "subtitles": tracks(*human),
        "automatic_captions": tracks(*automatic),
        "language": spoken,
    }
    return [(track.language, track.kind) for track in choose_tracks(info, wanted)]


@pytest.mark.parametrize(
    ("human", "automatic", "spoken", "wanted", "expected"),
    [
        # What was said, not a translation.
        (("de", "en", "fr"), (), "de", None, [("de", "human")]),
        (("en",), ("ja-orig", "ja", "en<ja"), "ja", None, [("ja", "automatic")]),
        (("en", "ja"), ("ja-orig", "en<ja"), None, None, [("ja", "human"), ("ja", "automatic")]),
        # Unless somebody asks for one.
        (("de", "en", "fr"), (), "de", "fr", [("fr", "human")]),
        ((), ("ja-orig", "ja", "en<ja"), "ja", "en", [("en", "automatic")]),
        # Human captions first, automatic ones to fall back on.
        (("en-GB",), ("en-orig", "en"), "en", None, [("en-GB", "human"), ("en", "automatic")]),
        (("en", "en-US"), ("en",), "en-US", None, [("en-US", "human"), ("en", "automatic")]),
        # The spoken language is not known.
        (("de", "en"), (), None, None, [("en", "human")]),
        (("de", "fr"), (), None, None, [("de", "human")]),
        ((), ("de",), None, None, [("de", "automatic")]),
        ((), ("de", "en<de"), None, None, [("de", "automatic")]),
        ((), ("de", "en"), None, None, []),
        # The wanted language is not there.
        (("de",), ("de-orig", "en<de"), "de", "fr", [("de", "human"), ("de", "automatic")]),
        ((), ("en<ja", "de<ja"), None, None, []),
        (("live_chat",), (), "en", None, []),
        ((), (), "en", "en", []),
    ],
)
def test_by_language_first_then_by_who_made_them(
    human: tuple[str, ...],
    automatic: tuple[str, ...],
    spoken: str | None,
    wanted: str | None,
    expected: list[tuple[str, str]],
) -> None:
    assert chosen(human, automatic, spoken, wanted) == expected


def test_automatic_captions_come_with_the_times_of_words() -> None:
    info = {"subtitles": tracks("en"), "automatic_captions": tracks("en-orig")}
    assert [track.suffix for track in choose_tracks(info, None)] == [".vtt", ".json3"]


def test_a_format_that_nobody_reads_is_passed_over() -> None:
    human = tracks("en", exts=("ass", "srv3")) | tracks("de", exts=("dfxp", "ass"))
    (track,) = choose_tracks({"subtitles": human}, None)
    assert (track.language, track.suffix) == ("de", ".ttml")


TAGS = st.lists(
    st.sampled_from(["en", "de", "ja", "en-orig", "de<ja", "en<de", "live_chat", "xx-YY", "und"]),
    max_size=5,
).map(tuple)


@given(TAGS, TAGS, st.sampled_from([None, "en", "de", "ja"]), st.sampled_from([None, "en", "de"]))
def test_at_most_one_of_each_kind_and_no_translation_unasked(
    human: tuple[str, ...], automatic: tuple[str, ...], spoken: str | None, wanted: str | None
) -> None:
    info = {
        "subtitles": tracks(*human),
        "automatic_captions": tracks(*automatic),
        "language": spoken,
    }
    found = choose_tracks(info, wanted)
    assert [track.kind for track in found] in ([], ["human"], ["automatic"], ["human", "automatic"])
    for track in found:
        if track.kind == "automatic" and track.language != wanted:
            assert "tlang" not in track.entry["url"]
