"""Runs whose stages sleep: everything around the work is real, and the work is as long as told.

`FIRST_SYSTEM` gives them the proportions of a system that took 11.5 minutes for a recording.

The recording comes in chapters. With ``ENABLE_STREAMED_TRANSCRIPTION`` transcription listens
to each as soon as acquisition has it, as the real one does. Without barriers
(``ENABLE_PIPELINED_RUN``) the stages of `FOLLOWS` work on each chapter as soon as another one is
done with it. Of the real stages only the encoder does so, which is by far the longest where no
language model is configured.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import pytest

from ultimate_discord_intelligence_bot.events import Progress
from ultimate_discord_intelligence_bot.inputs import Inputs
from ultimate_discord_intelligence_bot.models.analysis import (
    Chapters,
    Claims,
    Emotions,
    Entities,
    Fallacies,
    KeyPoints,
    Perspectives,
    Sentiment,
    Summary,
    TrustSignals,
)
from ultimate_discord_intelligence_bot.models.artifact import Storable, Vectors
from ultimate_discord_intelligence_bot.models.media import Acquisition, Source
from ultimate_discord_intelligence_bot.models.memory import Receipt
from ultimate_discord_intelligence_bot.models.transcript import Diarization, Segment, Transcript
from ultimate_discord_intelligence_bot.models.verification import (
    Assertions,
    Connections,
    Contradictions,
    EvidenceSet,
    Verdicts,
)
from ultimate_discord_intelligence_bot.plans import plan_for
from ultimate_discord_intelligence_bot.runner import Work
from ultimate_discord_intelligence_bot.runs import Run
from ultimate_discord_intelligence_bot.settings import Depth, Settings
from ultimate_discord_intelligence_bot.stages import StageWork
from ultimate_discord_intelligence_bot.streams import Streams

_DAY = datetime(2025, 1, 1, tzinfo=UTC)
_EMPTY: tuple[Storable, ...] = (
    Diarization(turns=()),
    Chapters(chapters=()),
    Claims(claims=(), threshold=0.5),
    Sentiment(segments=(), mean=0.0),
    Emotions(segments=(), timeline=(), peaks=()),
    Fallacies(fallacies=(), threshold=0.5),
    Entities(entities=(), figures=()),
    KeyPoints(points=()),
    Summary(sentences=()),
    Perspectives(positions=(), exchanges=()),
    TrustSignals(signals=()),
    Assertions(assertions=()),
    EvidenceSet(found={}),
    Connections(connections=(), found=_DAY.date()),
    Contradictions(contradictions=()),
    Verdicts(verdicts=()),
    Vectors(np.zeros((1, 384), np.float32)),
)


FIRST_SYSTEM = {
    "acquisition": 150.0,
    "transcription": 210.0,
    # Analysis, 150 s: what is said, fallacies and perspectives take 50 s each.
    **dict.fromkeys(("embedding", "chapters", "claims", "sentiment", "key_points"), 10.0),
    "fallacies": 50.0,
    "perspectives": 50.0,
    # Verification, 90 s.
    "source_evidence": 90.0,
    # Integration, 90 s.
    "vector_memory": 45.0,
    "graph_memory": 45.0,
}
"""Seconds of its phases, given to the stages of the plan; all others take none."""

FOLLOWS = {
    "embedding": "transcription",
    **dict.fromkeys(("chapters", "claims", "sentiment", "emotions", "entities"), "embedding"),
    "key_points": "claims",
    **dict.fromkeys(("summary", "fallacies", "perspectives"), "chapters"),
    "source_evidence": "claims",
    "vector_memory": "embedding",
}
"""What each stage listens to that works ahead where there are no barriers."""

CLAIMS = 5
"""How many claims evidence is sought for: one in the middle of each fifth of the recording."""


def scaled(scale: float) -> dict[str, float]:
    """The first system, so many times as fast."""
    return {name: seconds / scale for name, seconds in FIRST_SYSTEM.items()}


def least(depth: Depth, settings: Settings, seconds: Mapping[str, float]) -> float:
    """The critical path of a run: seconds that it takes if nothing costs any but the stages.

    A stage begins when the wave before its own has ended, or without barriers when what it reads
    is there. One that listens to another begins with it, ends no earlier than that, and its last
    chapter is taken to be infinitely short.
    """
    follows = {"transcription": "acquisition"} if settings.streams else {}
    follows |= FOLLOWS if settings.pipelines else {}
    began: dict[str, float] = {}
    ended: dict[str, float] = {}
    for wave in plan_for(depth, settings).waves():
        barrier = max(ended.values(), default=0.0)
        for stage in wave:
            reads = max((ended[name] for name in stage.inputs), default=0.0)
            ready = reads if settings.pipelines else barrier
            began[stage.name] = began[follows[stage.name]] if stage.name in follows else ready
            takes = seconds.get(stage.name, 0.0)
            if stage.name == "source_evidence" and settings.parallel("fact_checking"):
                takes /= CLAIMS
            ended[stage.name] = max(ready, began[stage.name] + takes)
    return max(ended.values())


@contextmanager
def simulated(seconds: Mapping[str, float] | None = None, chapters: int = 1) -> Iterator[None]:
    """As long as it is entered, every stage but the briefing sleeps and leaves next to nothing.

    The briefing is composed of what they leave, so that it tells of which recording that was.

    Args:
        seconds: by stage; those that are not named take none.
        chapters: in how many parts the recording comes.
    """
    real, sleeps = StageWork.all, seconds or {}

    def works(stages: StageWork) -> dict[str, Work]:
        settings, sleepers = stages._run.settings, dict[str, Sleeper]()
        for name, work in real(stages).items():
            if name == "briefing":
                continue
            takes, left = sleeps.get(name, 0.0), _left(name, work.kind, stages._run)
            if name == "source_evidence":
                together = settings.parallel("fact_checking")
                sleepers[name] = Sleeper(name, left, _claims(takes, chapters), together)
            else:
                sleepers[name] = Sleeper(name, left, _chapters(takes, chapters))
        if settings.streams:
            sleepers["acquisition"].listener = sleepers["transcription"]
        return real(stages) | {name: sleeper.work() for name, sleeper in sleepers.items()}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StageWork, "all", works)
        yield


class Part(NamedTuple):
    """What a stage has to do.

    Attributes:
        chapter: after which it can be done.
    """

    chapter: int
    seconds: float


def _chapters(seconds: float, chapters: int) -> list[Part]:
    return [Part(number, seconds / chapters) for number in range(chapters)]


def _claims(seconds: float, chapters: int) -> list[Part]:
    return [
        Part(chapters * (2 * claim + 1) // (2 * CLAIMS), seconds / CLAIMS)
        for claim in range(CLAIMS)
    ]


class Sleeper:
    """A stage that sleeps.

    It tells when it was done with each chapter, as that was planned by the clock of the loop: the
    delays of many short sleeps do not add up.

    Args:
        name: of the stage.
        left: its artifact.
        parts: what it has to do, in the order of their chapters.
        together: whether it does all that can be done at once.
    """

    def __init__(
        self, name: str, left: Storable, parts: Sequence[Part], together: bool = False
    ) -> None:
        self._name, self._left = name, left
        self._parts, self._together = deque(parts), together
        self._busy_until = 0.0
        self._listening: asyncio.Task[None] | None = None
        self.listener: Sleeper | None = None

    def work(self) -> Work:
        return Work(
            type(self._left), self._do, ahead=self._ahead if self._name in FOLLOWS else None
        )

    async def _do(self, inputs: Inputs, progress: Progress) -> Storable:
        if self.listener is not None:
            follow = self.listener._follow(inputs.streams, self._name)
            self.listener._listening = asyncio.create_task(follow)
        if self._listening is not None:
            await self._listening
        now = asyncio.get_running_loop().time()
        while self._parts:
            await self._next(inputs.streams, now)
        await _until(self._busy_until)
        return self._left

    async def _ahead(self, streams: Streams) -> None:
        await self._follow(streams, FOLLOWS[self._name])

    async def _follow(self, streams: Streams, other: str) -> None:
        """Work on what another stage is done with."""
        chapter = 0
        async for moments in streams[other].heard():
            for moment in moments:
                while self._parts and self._parts[0].chapter == chapter:
                    await self._next(streams, moment)
                chapter += 1

    async def _next(self, streams: Streams, since: float) -> None:
        """Do the next part, which could have been begun a moment ago."""
        part = self._parts.popleft()
        if self._together:
            self._busy_until = max(self._busy_until, since + part.seconds)
            return
        self._busy_until = max(self._busy_until, since) + part.seconds
        await _until(self._busy_until)
        streams[self._name].tell(self._busy_until)


async def _until(moment: float) -> None:
    left = moment - asyncio.get_running_loop().time()
    if left > 0:
        await asyncio.sleep(left)


def _left(stage: str, kind: type[Storable], run: Run) -> Storable:
    if kind is Acquisition:
        url = run.locator.value
        source = Source(id=run.source_id, url=url, title=f"Of {url}", platform="simulation")
        return Acquisition(source=source, acquired_at=_DAY)
    if kind is Transcript:
        said = Segment(index=0, start=0.0, end=4.0, text=f"This was said at {run.locator.value}.")
        return Transcript(segments=(said,), origin="human captions", language="en")
    if kind is Receipt:
        store = "vector" if stage == "vector_memory" else "graph"
        return Receipt.model_validate({"store": store, "records": 0, "digest": ""})
    return next(each for each in _EMPTY if type(each) is kind)
