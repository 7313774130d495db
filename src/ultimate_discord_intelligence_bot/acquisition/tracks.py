"""Choosing one caption track among those a site offers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..models.media import primary_tag

_FORMATS = ("vtt", "srt")


@dataclass(frozen=True)
class Track:
    """A caption track in a format we read.

    Attributes:
        entry: as yt-dlp describes it.
        language: as the site names it.
    """

    entry: Mapping[str, Any]
    language: str
    kind: Literal["human", "automatic"]

    @property
    def ext(self) -> str:
        return str(self.entry["ext"])


def choose_track(info: Mapping[str, Any], wanted: str | None) -> Track | None:
    """The best captions: human before automatic; wanted language, English, then the original.

    Sites offer automatic captions machine-translated into every language, so among those the
    original is preferred to English.
    """
    original = info.get("language")
    human: Mapping[str, Any] = info.get("subtitles") or {}
    for tag in _tags(human, (wanted, "en", original)):
        if entry := _readable(human[tag]):
            return Track(entry, tag, "human")
    automatic: Mapping[str, Any] = info.get("automatic_captions") or {}
    spoken = next((tag for tag in automatic if tag.endswith("-orig")), original)
    for tag in _tags(automatic, (wanted, spoken, "en"), last_resort=False):
        if entry := _readable(automatic[tag]):
            return Track(entry, tag.removesuffix("-orig"), "automatic")
    return None


def _tags(
    tracks: Mapping[str, Any], order: tuple[str | None, ...], *, last_resort: bool = True
) -> Iterator[str]:
    tags = [tag for tag in tracks if tag != "live_chat"]
    for language in filter(None, order):
        yield from (tag for tag in tags if tag == language)
        yield from (tag for tag in tags if primary_tag(tag) == primary_tag(language))
    if last_resort:
        yield from tags


def _readable(entries: list[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    for ext in _FORMATS:
        for entry in entries:
            if entry.get("ext") == ext and (entry.get("url") or entry.get("data")):
                return entry
    return None
