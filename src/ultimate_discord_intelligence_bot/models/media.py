"""Where something was heard, and the files that came with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Literal, Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from .artifact import Artifact, Model

_QUERY_TIMESTAMP_HOSTS = ("youtube.com", "youtu.be", "twitch.tv", "vimeo.com")


def primary_tag(tag: str | None) -> str | None:
    """The language itself of a BCP 47 tag: ``en`` for ``en-US``; None when there is no tag."""
    return tag.replace("_", "-").partition("-")[0].lower() if tag else None


class Locator(Model):
    """What the user asked for, validated: a web link or a local file.

    Attributes:
        kind: ``web`` or ``file``.
        value: the URL, or the absolute path.
    """

    kind: Literal["web", "file"]
    value: str


class SourceChapter(Model):
    """A chapter mark published with the media; times in seconds."""

    title: str
    start: float
    end: float


class Source(Model):
    """A recording and its published metadata.

    Attributes:
        id: stable for one tenant and locator, so that repeated runs meet the same memory.
        url: canonical page address, or the file's ``file://`` URI.
        duration: seconds, when known.
        platform: e.g. ``youtube``; ``file`` for a local file.
        extractor: what read the page, e.g. ``youtube:tab``; None for a local file.
        thumbnail: address of a picture, never fetched by us.
    """

    id: str
    url: str
    title: str
    platform: str
    uploader: str | None = None
    published: date | None = None
    duration: float | None = None
    language: str | None = None
    description: str | None = None
    extractor: str | None = None
    thumbnail: str | None = None
    chapters: tuple[SourceChapter, ...] = ()

    def at(self, seconds: float) -> str:
        """The address of a moment: ``?t=`` where the site understands it, else a media fragment.

        Media fragments: https://www.w3.org/TR/media-frags/#naming-time
        """
        parts = urlsplit(self.url)
        host = (parts.hostname or "").lower()
        if any(host == known or host.endswith("." + known) for known in _QUERY_TIMESTAMP_HOSTS):
            if host.endswith("vimeo.com"):
                return urlunsplit(parts._replace(fragment=f"t={int(seconds)}s"))
            query = [(k, v) for k, v in parse_qsl(parts.query) if k != "t"]
            query.append(("t", f"{int(seconds)}s"))
            return urlunsplit(parts._replace(query=urlencode(query)))
        return urlunsplit(parts._replace(fragment=f"t={seconds:.2f}".rstrip("0").rstrip(".")))


class MediaFile(Model):
    """A downloaded or local media file. ``size`` in bytes."""

    path: Path
    sha256: str
    size: int


class CaptionFile(Model):
    """A caption track on disk.

    Attributes:
        kind: ``human`` captions are preferred over ``automatic`` ones.
        language: BCP 47 tag when known.
    """

    path: Path
    sha256: str
    kind: Literal["human", "automatic"] = "human"
    language: str | None = None


class Acquisition(Artifact):
    """Everything that was fetched for a run. At least one of media and captions is present."""

    source: Source
    media: MediaFile | None = None
    captions: tuple[CaptionFile, ...] = ()
    acquired_at: datetime

    @property
    def files(self) -> tuple[MediaFile | CaptionFile, ...]:
        """All that lies on disk."""
        return (self.media, *self.captions) if self.media else self.captions

    def moved(self, place: Callable[[Path], Path]) -> Self:
        """The same with its files elsewhere.

        Args:
            place: where a path leads now.
        """
        media, *captions = (
            each and each.model_copy(update={"path": place(each.path)})
            for each in (self.media, *self.captions)
        )
        return self.model_copy(update={"media": media, "captions": tuple(captions)})


class ListItem(Model):
    """One recording of a playlist, channel or feed. ``duration`` in seconds."""

    url: str
    title: str | None = None
    published: date | None = None
    duration: float | None = None


class Listing(Model):
    """What a link to several recordings leads to, in the order of the site.

    Attributes:
        total: how many recordings the list has before any choice, when the site tells.
        notes: what was left out and why the list may not be whole, one sentence each.
    """

    title: str | None
    items: tuple[ListItem, ...]
    total: int | None = None
    notes: tuple[str, ...] = ()


class Growing(Model):
    """A recording without captions that is still being downloaded, and what is known about it.

    Attributes:
        path: grows at its end; it is moved when it is whole.
    """

    path: Path
    title: str
    description: str | None = None
    language: str | None = None
