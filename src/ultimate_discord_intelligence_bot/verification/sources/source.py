"""What a source of evidence is: the one hook that a new source implements.

A source is found through the entry point group ``autointel.evidence``: a callable that takes
``Surroundings`` and returns an ``EvidenceSource``, or None when it is not configured.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Protocol

from ...settings import Settings

if TYPE_CHECKING:
    from .web import WebClient

ENTRY_POINTS = "autointel.evidence"


@dataclass(frozen=True)
class Query:
    """What evidence is sought for.

    Attributes:
        text: one self-contained statement, at most a few hundred characters.
        subjects: names it is about, as they were said; may be empty.
        language: ISO 639 code of the statement.
    """

    text: str
    subjects: tuple[str, ...] = ()
    language: str = "en"


@dataclass(frozen=True)
class Passage:
    """Something a source says, verbatim.

    Attributes:
        text: a sentence or a short paragraph.
        title: of the page or document.
        url: where a reader finds it.
        published: when it was published or last changed, where the source tells.
        publisher: who says it, e.g. ``Wikipedia`` or the host of a page.
        rating: what a fact-checker concluded about the statement ``text`` (its own words); None
            for everything that is no published fact-check.
    """

    text: str
    title: str
    url: str
    published: date | None = None
    publisher: str = ""
    rating: str | None = None


@dataclass(frozen=True)
class Surroundings:
    """What a source may use.

    Attributes:
        settings: of the run.
        web: the only way out; guarded, throttled, cached.
    """

    settings: Settings
    web: WebClient


class EvidenceSource(Protocol):
    """A place where evidence can be sought.

    Attributes:
        name: as a reader should see it, e.g. ``Wikipedia``.
    """

    name: str

    async def search(self, query: Query, limit: int) -> list[Passage]:
        """Passages that may bear on a statement, the best first, at most ``limit``.

        Nothing found is an empty list.

        Raises:
            SourceFailed: the source could not be asked; says why and what to do.
        """
        ...
