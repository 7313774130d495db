"""Asking the memory: what a question means, and what is remembered that answers it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from .acquisition import parse_locator
from .briefing.wording import one_line
from .embedding import load_embedder
from .errors import InputError, RunUnknown
from .memory import ClaimFilter, Memory, SearchFilter
from .memory.bm25 import query
from .memory.ports import Mode
from .memory.ranking import APART
from .models.graph import Link, LinkKind, StatedClaim
from .models.memory import Hit, Record
from .models.verification import Label
from .runs import Run
from .settings import Settings

_LONGEST = 2_000
"""Characters of a question; the embedder reads about as many."""


@dataclass(frozen=True)
class Question:
    """What is looked for.

    Attributes:
        limit: most hits.
        context: how many segments are wanted before and after each hit.
        source: what names the only recording that is searched; see ``Recall.recording_id``.
        wanted: what else a hit must be; its ``source`` is left to the one above.
    """

    words: str
    mode: Mode = "hybrid"
    limit: int = 10
    context: int = 0
    source: str | None = None
    wanted: SearchFilter = field(default_factory=lambda: SearchFilter())

    def understood(self) -> Question:
        """The same as the memory has it: words cleaned, verdict and language in their form.

        Raises:
            InputError: there is nothing, too much or no such thing to look for.
        """
        wanted = self.wanted.copy()
        if language := wanted.get("language"):
            wanted["language"] = language.strip().lower()
        if verdict := wanted.get("verdict"):
            wanted["verdict"] = label_of(verdict)
        return replace(self, words=_sought(self.words, self.mode), wanted=wanted)


class Passage(NamedTuple):
    """A hit with what was said before and after it."""

    hit: Hit
    before: list[Record]
    after: list[Record]


class Found(NamedTuple):
    """What a search brings.

    Attributes:
        passages: the best first.
        recordings: in how many was looked; 0: nothing is remembered.
    """

    passages: tuple[Passage, ...]
    recordings: int


def label_of(verdict: str) -> str:
    """The label that somebody means, who may have written its beginning, in any case.

    Raises:
        InputError: it is none, or several.
    """
    folded = verdict.strip().casefold()
    labels = [label.value for label in Label if label.value.casefold().startswith(folded)]
    if not folded or len(labels) != 1:
        raise InputError(
            f"“{verdict}” is no verdict.", f"Use one of: {', '.join(label for label in Label)}."
        )
    return labels[0]


def _sought(text: str, mode: Mode) -> str:
    """The words without what cannot be looked for: control characters, halves of characters."""
    words = one_line(text.encode("utf-8", "ignore").decode())
    if not any(map(str.isalnum, words)):
        raise InputError("There is nothing to look for.", 'Say it in words: search "rent cap".')
    if len(words) > _LONGEST:
        raise InputError(
            f"These are {len(words):,} characters; a search takes {_LONGEST:,}.",
            "Say in a sentence or two what you look for.",
        )
    if mode == "words" and not query(words):
        raise InputError(
            "Words alone find nothing here: these say too little.",
            "Use others, or leave out --mode words.",
        )
    return words


class Recall:
    """Asks a memory for what it holds of one tenant.

    Args:
        memory: to be asked.
        settings: name the tenant.
        allow_files: whether a recording may be named by a path; false wherever a stranger asks.
    """

    def __init__(self, memory: Memory, settings: Settings, *, allow_files: bool) -> None:
        self._memory = memory
        self._settings = settings
        self._allow_files = allow_files
        self._tenant = settings.tenant

    async def search(self, question: Question) -> Found:
        """The passages that fit a question best.

        Args:
            question: understood.

        Raises:
            RunUnknown: it names no recording, or several.
        """
        recordings = len(await self._memory.remembered(self._tenant))
        if not recordings:
            return Found((), 0)
        wanted = question.wanted.copy()
        if question.source is not None:
            wanted["source"] = await self.recording_id(question.source)
        vector = None
        if question.mode != "words":
            vector = (await asyncio.to_thread(load_embedder().encode, [question.words]))[0]
        hits = await self._memory.search(
            vector,
            tenant=self._tenant,
            limit=question.limit,
            mode=question.mode,
            text=question.words,
            # Claims are short and few: of two that are near each other both are wanted.
            apart=0 if wanted.get("kind") == "claim" else max(APART, 2 * question.context + 1),
            **wanted,
        )
        near: list[list[Record]] = [[] for _ in hits]
        if question.context:
            near = await self._memory.neighbours(self._tenant, hits, question.context)
        return Found(tuple(map(_passage, hits, near)), recordings)

    async def claims(self, wanted: ClaimFilter) -> tuple[StatedClaim, ...]:
        """Claims, the newest source first.

        Args:
            wanted: its ``source_id`` may be whatever names a recording, its ``verdict`` the
                beginning of a label.

        Raises:
            InputError: there is no such recording or verdict.
        """
        understood = wanted.copy()
        if verdict := wanted.get("verdict"):
            understood["verdict"] = label_of(verdict)
        if source := wanted.get("source_id"):
            understood["source_id"] = await self.recording_id(source)
        return await self._memory.claims(self._tenant, **understood)

    async def links(
        self, kind: LinkKind, *, source: str | None, speaker: str | None, limit: int
    ) -> tuple[Link, ...]:
        """Pairs of claims in one relation, the latest found first.

        Raises:
            RunUnknown: the source names no recording, or several.
        """
        source_id = await self.recording_id(source) if source else None
        return await self._memory.links(
            self._tenant, [kind], source_id=source_id, speaker=speaker, limit=limit
        )

    async def recording_id(self, name: str) -> str:
        """The id of the one remembered recording that an id, a link, a file or a title names.

        An id may be shortened; a title is compared without regard to case.

        Raises:
            RunUnknown: it is none, or several.
        """
        names = await self._memory.names(self._tenant)
        if (linked := self._id_of_link(name)) in names:
            return linked
        wanted = folded(name)
        found = [id_ for id_, some in names.items() if wanted in map(folded, some)]
        found = found or [id_ for id_ in names if wanted and id_.startswith(wanted)]
        if len(found) != 1:
            how_many = "No recording is" if not found else f"{len(found)} recordings are"
            raise RunUnknown(
                f"{how_many} called “{name}”.",
                "Give its link, its title, or its id as its briefing names it.",
            )
        return found[0]

    def _id_of_link(self, name: str) -> str:
        try:
            locator = parse_locator(name, allow_files=self._allow_files)
        except InputError:
            return ""
        return Run(locator, self._settings.depth, self._settings).id


def folded(name: str) -> str:
    """A title as titles are compared."""
    return " ".join(name.split()).casefold()


def _passage(hit: Hit, near: Sequence[Record]) -> Passage:
    row = -1 if hit.row is None else hit.row
    return Passage(hit, [r for r in near if r.row < row], [r for r in near if r.row > row])
