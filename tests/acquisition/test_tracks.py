"""Which of a site's caption tracks is taken."""

from __future__ import annotations

from typing import Any

import pytest

from ultimate_discord_intelligence_bot.acquisition.tracks import choose_track


def tracks(*tags: str, exts: tuple[str, ...] = ("json3", "vtt")) -> dict[str, Any]:
    return {tag: [{"ext": ext, "url": f"http://x/{tag}.{ext}"} for ext in exts] for tag in tags}


@pytest.mark.parametrize(
    ("human", "automatic", "original", "wanted", "chosen"),
    [
        (("de", "en", "fr"), ("en",), "de", None, ("en", "human")),
        (("de", "en-GB"), ("en",), None, None, ("en-GB", "human")),
        (("de", "en", "fr"), (), "de", "fr", ("fr", "human")),
        (("de", "fr"), ("en",), "fr", None, ("fr", "human")),
        (("de",), ("en",), None, None, ("de", "human")),
        ((), ("de", "en", "fr-orig", "fr"), "fr", None, ("fr", "automatic")),
        ((), ("de", "en"), None, None, ("en", "automatic")),
        ((), ("de", "en"), None, "de", ("de", "automatic")),
        ((), ("de",), None, None, None),
        (("live_chat",), (), None, None, None),
    ],
)
def test_human_before_automatic_then_by_language(
    human: tuple[str, ...],
    automatic: tuple[str, ...],
    original: str | None,
    wanted: str | None,
    chosen: tuple[str, str] | None,
) -> None:
    info = {
        "subtitles": tracks(*human),
        "automatic_captions": tracks(*automatic),
        "language": original,
    }
    track = choose_track(info, wanted)
    assert (track and (track.language, track.kind)) == chosen
    assert track is None or track.ext == "vtt"


def test_a_format_that_nobody_reads_is_passed_over() -> None:
    human = tracks("en", exts=("ttml",)) | tracks("de", exts=("srt", "ass"))
    track = choose_track({"subtitles": human}, None)
    assert track is not None
    assert (track.language, track.ext) == ("de", "srt")
