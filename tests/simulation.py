"""Runs whose stages sleep: everything around the work is real, and the work is as long as told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

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
from ultimate_discord_intelligence_bot.runner import Work
from ultimate_discord_intelligence_bot.runs import Run
from ultimate_discord_intelligence_bot.stages import StageWork

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


@contextmanager
def simulated(seconds: Mapping[str, float] | None = None) -> Iterator[None]:
    """As long as it is entered, every stage but the briefing sleeps and leaves next to nothing.

    The briefing is composed of what they leave, so that it tells of which recording that was.

    Args:
        seconds: by stage; those that are not named take none.
    """
    real, sleeps = StageWork.all, seconds or {}

    def works(stages: StageWork) -> dict[str, Work]:
        return {
            name: work
            if name == "briefing"
            else _sleep(sleeps.get(name, 0.0), _left(name, work.kind, stages._run))
            for name, work in real(stages).items()
        }

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StageWork, "all", works)
        yield


def _sleep(seconds: float, left: Storable) -> Work:
    async def do(inputs: Inputs, progress: Progress) -> Storable:
        await asyncio.sleep(seconds)
        return left

    return Work(type(left), do)


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
