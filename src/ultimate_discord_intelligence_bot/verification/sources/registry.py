"""The sources of a run: those that are installed and configured."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import cast

import structlog

from ...errors import AutointelError, SourceFailed
from .openapi import Embed, open_descriptions
from .source import ENTRY_POINTS, EvidenceSource, Passage, Query, Surroundings

log = structlog.get_logger(__name__)


class Unavailable:
    """A source that could not be opened, and says so whenever it is asked.

    Attributes:
        name: as for any source.
        reason: why it could not be opened.
    """

    def __init__(self, name: str, reason: SourceFailed) -> None:
        self.name = name
        self.reason = reason

    async def search(self, query: Query, limit: int) -> list[Passage]:
        """Find nothing.

        Raises:
            SourceFailed: always.
        """
        raise SourceFailed(self.reason.message, self.reason.remedy)


def open_sources(surroundings: Surroundings, embed: Embed, embedder: str) -> list[EvidenceSource]:
    """Every source that is configured, by the entry points and by OpenAPI descriptions.

    One that fails to open takes its place in the list and fails when it is asked, so that what
    is missing is told where results would be. Blocks while descriptions are embedded.

    Args:
        surroundings: what the sources may use.
        embed: texts to unit vectors, shape (texts, dimension); thread-safe.
        embedder: name of the model behind it.
    """
    sources: list[EvidenceSource] = []
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name):
        try:
            source = _opened(entry, surroundings)
        except AutointelError as error:
            sources.append(_unavailable(entry.name, error.message, error.remedy))
        except Exception as error:  # a plug-in of somebody else may raise anything
            reason = f"The plug-in {entry.name} does not open ({type(error).__name__})."
            sources.append(_unavailable(entry.name, reason, "Update or remove its package."))
            log.debug("source_crashed", source=entry.name, exc_info=True)
        else:
            if source is not None:
                sources.append(source)
    described = open_descriptions(surroundings, embed, embedder)
    sources += described.sources
    sources += [_unavailable(name, e.message, e.remedy) for name, e in described.failures.items()]
    return sources


def _opened(entry: EntryPoint, surroundings: Surroundings) -> EvidenceSource | None:
    factory = cast("Callable[[Surroundings], EvidenceSource | None]", entry.load())
    return factory(surroundings)


def _unavailable(name: str, reason: str, remedy: str) -> Unavailable:
    log.warning("source_unavailable", source=name, reason=reason)
    return Unavailable(name, SourceFailed(reason, remedy))
