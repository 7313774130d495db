"""Choosing caption tracks among those a site offers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from ..models.media import primary_tag
from .language import language_tag

Kind = Literal["human", "automatic"]

_FORMATS: dict[Kind, tuple[str, ...]] = {
    "human": ("vtt", "srt", "ttml", "json3"),
    # json3 has the time of every word and does not repeat lines as rolling captions do.
    "automatic": ("json3", "vtt", "srt", "ttml"),
}
_SAME_FORMAT = {"dfxp": "ttml", "tt": "ttml"}
_ORIGINAL = "-orig"


@dataclass(frozen=True)
class Track:
    """A caption track in a format we read.

    Attributes:
        entry: as yt-dlp describes it.
        language: BCP 47 tag.
        suffix: of a file of its format, such as ``.vtt``.
    """

    entry: Mapping[str, Any]
    language: str | None
    kind: Kind
    suffix: str


def choose_tracks(info: Mapping[str, Any], wanted: str | None) -> list[Track]:
    """The best captions: human ones, and automatic ones in the same language to fall back on.

    A transcript should be what was said. So the wanted language comes first, then the spoken one,
    each with human captions before automatic ones; only then human captions in English or any
    other language. Automatic captions that a machine has translated are taken only when their
    language is the wanted one.
    """
    human = _tracks(info.get("subtitles"), "human")
    automatic = _tracks(info.get("automatic_captions"), "automatic")
    spoken = _spoken(info, automatic)
    for language in (wanted, spoken):
        heard = _first(automatic, language)
        if heard and language != wanted and _translated(heard):
            heard = None
        if found := [track for track in (_first(human, language), heard) if track]:
            return found
    if track := _first(human, "en") or next(iter(human.values()), None):
        return [track]
    return []


def _tracks(offered: Any, kind: Kind) -> dict[str, Track]:
    """The readable tracks of a kind, by the tag that the site gives them."""
    found = {}
    for tag, entries in (offered or {}).items():
        entry = _readable(entries or (), kind)
        if tag != "live_chat" and entry is not None:
            language = language_tag(tag.removesuffix(_ORIGINAL))
            found[tag] = Track(entry, language, kind, f".{_format(entry)}")
    return found


def _readable(entries: Iterable[Mapping[str, Any]], kind: Kind) -> Mapping[str, Any] | None:
    usable = [entry for entry in entries if entry.get("url") or entry.get("data")]
    for name in _FORMATS[kind]:
        for entry in usable:
            if _format(entry) == name:
                return entry
    return None


def _format(entry: Mapping[str, Any]) -> str:
    ext = str(entry.get("ext"))
    return _SAME_FORMAT.get(ext, ext)


def _spoken(info: Mapping[str, Any], automatic: Mapping[str, Track]) -> str | None:
    """The language that is spoken, as the site tells or shows it; None when it does not."""
    for tag, track in automatic.items():
        if tag.endswith(_ORIGINAL):
            return track.language
    if told := language_tag(info.get("language")):
        return told
    # Automatic captions in one language alone are what a machine has heard.
    heard = {primary_tag(t.language) for t in automatic.values() if not _translated(t)}
    return heard.pop() if len(heard) == 1 else None


def _translated(track: Track) -> bool:
    return "tlang" in parse_qs(urlsplit(str(track.entry.get("url") or "")).query)


def _first(tracks: Mapping[str, Track], language: str | None) -> Track | None:
    """The track that is nearest to a language: what was heard before what was translated."""
    if not language:
        return None
    near = [item for item in tracks.items() if _same(item[1].language, language)]
    near.sort(
        key=lambda item: (
            not item[0].endswith(_ORIGINAL),
            _translated(item[1]),
            item[1].language != language,
        )
    )
    return near[0][1] if near else None


def _same(one: str | None, other: str | None) -> bool:
    return one is not None and primary_tag(one) == primary_tag(other)
