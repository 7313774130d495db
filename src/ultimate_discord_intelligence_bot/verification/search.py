"""Assertions put to every source of evidence that is configured."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial

from ..errors import SourceFailed
from ..models.verification import Assertion, Assertions, Evidence
from .sources import EvidenceSource, Passage, Query
from .turns import settled

_EACH = 5


async def search_sources(
    sources: Sequence[EvidenceSource],
    assertions: Assertions,
    language: str | None,
    today: date,
    *,
    together: bool,
) -> tuple[dict[str, list[Evidence]], tuple[str, ...]]:
    """What the sources say about each assertion that has no verdict yet; stances come later.

    Args:
        sources: those that are configured.
        assertions: what is to be checked.
        language: of the assertions.
        today: the day of the search.
        together: all at once, as far as the sources allow, or one after the other.

    Returns:
        Passages by assertion id, and what failed: each source and reason once.
    """
    wanted = [(a, s) for a in assertions.assertions if a.verdict is None for s in sources]
    searches = (partial(_search, source, assertion, language) for assertion, source in wanted)
    answers = await settled(searches, together=together)
    found: dict[str, list[Evidence]] = {}
    failures: dict[str, None] = {}
    for (assertion, source), answer in zip(wanted, answers, strict=True):
        if isinstance(answer, SourceFailed):
            named = str(answer).startswith(source.name)
            failures[str(answer) if named else f"{source.name}: {answer}"] = None
        elif isinstance(answer, Exception):
            raise answer
        else:
            found.setdefault(assertion.id, []).extend(
                _evidence(passage, source.name, today) for passage in answer
            )
    return found, tuple(failures)


async def _search(
    source: EvidenceSource, assertion: Assertion, language: str | None
) -> list[Passage]:
    query = Query(assertion.text, assertion.subjects, (language or "en").partition("-")[0])
    return await source.search(query, _EACH)


def _evidence(passage: Passage, place: str, today: date) -> Evidence:
    return Evidence(
        source_id=passage.url,
        title=passage.title,
        url=passage.url,
        published=passage.published,
        passage=passage.text,
        start=None,
        speaker=None,
        found_by=place,
        similarity=0.0,
        publisher=passage.publisher,
        retrieved=today,
        rating=passage.rating or "",
    )
