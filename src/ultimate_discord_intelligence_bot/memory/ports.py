"""What a vector store must be able to do, whoever makes it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ..models.memory import Counts, Hit, Record

Mode = Literal["dense", "words", "hybrid"]
Encode = Callable[[Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True)
class Where:
    """Which records a search may return; None means no restriction.

    Attributes:
        exact: only records whose words can be relied on.
        speaker, verdict, language: as the records have them, letter by letter.
        since, until: days of publication, both included; a record without a day is left out.
    """

    tenant: str
    kind: Literal["segment", "claim"] | None = None
    source: str | None = None
    exclude_source: str | None = None
    exact: bool = False
    speaker: str | None = None
    since: date | None = None
    until: date | None = None
    verdict: str | None = None
    language: str | None = None


class VectorStore(Protocol):
    """Records by the meaning of their text, and by its words.

    Attributes:
        identity: made when the store was created; another one means that it was made anew.
    """

    identity: str

    async def replace(
        self,
        tenant: str,
        source_id: str,
        records: Sequence[Record],
        vectors: NDArray[np.float32],
    ) -> frozenset[str]:
        """Hold exactly these records of a source; ``Record.row`` is the row in ``vectors``.

        Returns:
            The ids that the store now holds of this source, as read back from it.
        """
        ...

    async def search(
        self,
        vectors: NDArray[np.float32],
        limit: int,
        where: Where,
        *,
        mode: Mode = "dense",
        texts: Sequence[str] = (),
        diversity: float = 0.0,
        apart: int = 0,
    ) -> list[list[Hit]]:
        """For each query the records that fit best; equal scores in order of id.

        All queries are one batch, asked of the store at once. The answer depends on what is
        remembered alone: not on the order of writing, nor on which store it is. A claim and the
        segment that holds it are one passage: where both are found the segment is returned, once.

        Args:
            vectors: shape (queries, dimension); shape (0, dimension) where ``words`` needs none.
            limit: most hits per query.
            where: what may be returned; the rarity of a word is counted over its tenant.
            mode: by meaning, by words (BM25), or both, merged by the reciprocals of their ranks.
            texts: the queries in words, for ``words`` and ``hybrid``.
            diversity: 0 to 1: how much a hit loses for being like a better one. With more than 0
                the order is that of choice, not of score.
            apart: of hits of one source less than this many rows apart only the best is returned,
                so that there may be fewer than ``limit``; ``neighbours`` shows what is around it.
        """
        ...

    async def neighbours(
        self, tenant: str, source_id: str, positions: Sequence[int], before: int, after: int
    ) -> list[list[Record]]:
        """For each position the segments from ``before`` rows before it to ``after`` after it."""
        ...

    async def ids(self, tenant: str, source_id: str) -> frozenset[str]:
        """The ids of all records held of a source."""
        ...

    async def tenants(self) -> tuple[str, ...]:
        """Whoever anything is held of, sorted."""
        ...

    async def sources(self, tenant: str) -> tuple[str, ...]:
        """The ids of all sources held of a tenant, sorted."""
        ...

    async def forget(self, tenant: str, source_id: str) -> int:
        """Hold nothing more of a source; returns how many records are gone."""
        ...

    async def purge(self) -> None:
        """Leave nothing in the files of what is held no more, as far as the store can."""
        ...

    def export(
        self, tenant: str, source_id: str
    ) -> AsyncIterator[tuple[list[Record], NDArray[np.float32]]]:
        """All records of a source, in batches, each with its vector of length 1.

        The words are no part of it: they are made anew from the records when these are written.
        """
        ...

    async def counts(self, tenant: str) -> Counts: ...

    def close(self) -> None: ...
