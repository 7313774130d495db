"""What a stage reads: the artifacts of the stages before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from .errors import TranscriptUncertain
from .llm import Mind
from .models.artifact import Vectors
from .models.report import Missing
from .models.transcript import Transcript
from .models.verification import EvidenceSet, Verdicts
from .plans import EVIDENCE
from .streams import Streams

_A = TypeVar("_A")


class Inputs:
    """The artifacts that a stage reads, by stage name.

    Attributes:
        missing: stages of the run that have given no result so far.
        mind: answers questions, where a language model is configured and the stage reasons.
        deadline: seconds that the stage has.
        streams: where it tells what it has so far.
    """

    def __init__(
        self,
        artifacts: Mapping[str, Any],
        missing: tuple[Missing, ...] = (),
        mind: Mind | None = None,
        deadline: float = 3_600.0,
        streams: Streams | None = None,
    ) -> None:
        self._artifacts = artifacts
        self.missing = missing
        self.mind = mind
        self.deadline = deadline
        self.streams = streams or Streams()

    @property
    def names(self) -> frozenset[str]:
        """Stages that left something to read."""
        return frozenset(self._artifacts)

    def need(self, name: str, kind: type[_A]) -> _A:
        """An artifact that the plan promises."""
        artifact = self._artifacts[name]
        if not isinstance(artifact, kind):
            raise TypeError(f"{name} is {type(artifact).__name__}, not {kind.__name__}")
        return artifact

    def find(self, name: str, kind: type[_A]) -> _A | None:
        """An artifact that may be missing or not part of the plan."""
        return self.need(name, kind) if name in self._artifacts else None

    @property
    def spoken(self) -> tuple[Transcript, Vectors]:
        """What was said, with its speakers, and a vector of each segment."""
        return self.need("speakers", Transcript), self.need("embedding", Vectors)

    @property
    def exact(self) -> tuple[Transcript, Vectors]:
        """The same, where the words can be relied on.

        Raises:
            TranscriptUncertain: they are a guess.
        """
        self.require_exact()
        return self.spoken

    def require_exact(self) -> None:
        """Go on only where the words can be relied on.

        Raises:
            TranscriptUncertain: they are a guess.
        """
        if not self.need("speakers", Transcript).exact:
            raise TranscriptUncertain("The words are a rough guess; no fact is checked on them.")

    @property
    def evidence(self) -> list[EvidenceSet]:
        """What was found for and against claims, one set for each kind of place."""
        return [found for name in EVIDENCE if (found := self.find(name, EvidenceSet))]

    @property
    def verdicts(self) -> Verdicts | None:
        """The last word on the claims."""
        return self.find("second_opinion", Verdicts) or self.find("verdicts", Verdicts)
