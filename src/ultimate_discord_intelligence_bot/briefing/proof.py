"""Proof that what is quoted was said: every quote is compared with its segment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from ..models.analysis import Quote
from ..models.artifact import Model
from ..models.transcript import Segment

_M = TypeVar("_M", bound=Model)


@dataclass
class Proof:
    """Lets through what is verbatim in the transcript.

    Attributes:
        segments: of the transcript.
        dropped: quotes that were not verbatim, so far.
    """

    segments: Sequence[Segment]
    dropped: int = field(default=0)

    def keep(self, findings: Sequence[_M]) -> tuple[_M, ...]:
        """The findings that hold.

        A finding that is a quote holds when its words are in its segment; one that needs quotes
        holds while every quote it needs does. Lists of quotes inside a finding lose those that do
        not hold; a finding that is left with none of a list that was not empty goes as well.
        """
        return tuple(kept for kept in map(self._checked, findings) if kept is not None)

    def _checked(self, finding: _M) -> _M | None:
        if isinstance(finding, Quote) and not self._was_said(finding):
            self.dropped += 1
            return None
        changed: dict[str, tuple[Model, ...]] = {}
        for name in type(finding).model_fields:
            value = getattr(finding, name)
            if isinstance(value, Quote) and not self._was_said(value):
                self.dropped += 1
                return None
            if isinstance(value, tuple) and value and isinstance(value[0], Quote):
                kept = self.keep(value)
                if not kept and name in _NEEDED:
                    return None
                if len(kept) < len(value):
                    changed[name] = kept
        return finding.model_copy(update=changed) if changed else finding

    def _was_said(self, quote: Quote) -> bool:
        last = getattr(quote, "last", quote.segment)
        if not 0 <= quote.segment <= last < len(self.segments):
            return False
        text = " ".join(segment.text for segment in self.segments[quote.segment : last + 1])
        return bool(quote.text.strip()) and quote.text in text


_NEEDED = frozenset({"quotes", "mentions"})
"""Lists of quotes that a finding cannot do without."""
