"""What a vector store and a graph store must be able to do, whoever makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ..models.analysis import Chapters
from ..models.media import Source
from ..models.memory import Counts, Hit, Record


@dataclass(frozen=True)
class Where:
    """Which records a search may return; None means no restriction.

    Attributes:
        exact: only records whose words can be relied on.
    """

    tenant: str
    kind: Literal["segment", "claim"] | None = None
    source: str | None = None
    exclude_source: str | None = None
    exact: bool = False


class VectorStore(Protocol):
    """Records by the meaning of their text.

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
        self, vectors: NDArray[np.float32], limit: int, where: Where
    ) -> list[list[Hit]]:
        """For each row the nearest records, best first; the order of equals is not defined."""
        ...

    async def counts(self, tenant: str) -> Counts: ...

    def close(self) -> None: ...


class GraphStore(Protocol):
    """Records by their relations.

    Source-HAS->Segment, Segment-SPOKEN_BY->Speaker, Segment-IN->Chapter, Claim-MADE_IN->Segment,
    Claim-STATED_BY->Speaker, Source-HAS_CHAPTER->Chapter, Topic-RUNS_THROUGH->Chapter.

    Attributes:
        identity: as for ``VectorStore``.
    """

    identity: str

    async def replace(
        self, source: Source, tenant: str, records: Sequence[Record], chapters: Chapters | None
    ) -> frozenset[str]:
        """Hold exactly this of a source, in one transaction; returns the record ids it holds."""
        ...

    async def counts(self, tenant: str) -> Counts: ...

    def close(self) -> None: ...
