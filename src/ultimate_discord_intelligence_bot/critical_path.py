"""What a run waited for: the chain of stages that made it as long as it was.

The critical path of Kelley and Walker (1959), read backwards out of what has happened: from the
stage that ended last to the one it waited for, and so on to the beginning. What a change would
bring is computed by letting the same stages run again, each as long as it took.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from .models.artifact import Artifact, Model


class Span(Model):
    """When a stage was at work, in seconds since its run began.

    Attributes:
        status: ``failed`` also where the end of the run broke it off.
        reads: stages that must have ended before it, however the run is driven.
        wave: the crew let it begin when all stages of lower waves had ended; None where no
            barrier held it.
        ahead: from when to when it worked on what earlier stages told before they ended.
    """

    stage: str
    status: Literal["done", "reused", "failed", "skipped"]
    began: float = Field(ge=0)
    ended: float = Field(ge=0)
    reads: tuple[str, ...] = ()
    wave: int | None = None
    ahead: tuple[float, float] | None = None


class Profile(Artifact):
    """The times of a run.

    Attributes:
        input: as the user gave it.
        status: of its briefing.
        ended_at: when the run ended.
        seconds: how long it took, from before its first stage to after its last.
        spans: of the stages that ran, in an order in which each follows those it waited for.
    """

    run_id: str
    tenant: str
    input: str
    depth: str
    status: Literal["complete", "partial", "failed"]
    ended_at: AwareDatetime
    seconds: float = Field(ge=0)
    spans: tuple[Span, ...]

    @property
    def pipelined(self) -> bool:
        """Whether stages began without waiting for those that they do not read."""
        return all(span.wave is None for span in self.spans)

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        ended: dict[str, float] = {}
        for span, awaited in zip(self.spans, _awaited(self.spans).values(), strict=True):
            if not set(span.reads) <= ended.keys():
                raise ValueError(f"{span.stage} reads what did not run before it")
            due = max((ended[name] for name in awaited), default=0.0)
            if not max(due, span.began) <= span.ended <= self.seconds:
                raise ValueError(f"{span.stage} ended before it could, or after its run")
            ended[span.stage] = span.ended
        return self


@dataclass(frozen=True)
class Step:
    """Why a stage ended when it did. Its four times, in seconds, follow one another.

    Attributes:
        waited_for: the stage that ended last of all it had to wait for.
        ready: when the last stage that it reads had ended.
        barrier: how long after that a barrier of the crew held it.
        machine: how long it then took until it began: for a free place or another machine;
            where it waited for no stage, for the run to be ready.
        worked: how long it worked then.
    """

    stage: str
    waited_for: str | None
    ready: float
    barrier: float
    machine: float
    worked: float


@dataclass(frozen=True)
class Gain:
    """How much sooner a run would have ended, at most.

    Attributes:
        without: the work of one stage, all barriers of the crew, all that stages waited for
            machines, or the time until the run was ready.
        stage: the one, where it is one.
    """

    without: Literal["stage", "barriers", "machine", "start"]
    seconds: float
    stage: str | None = None


def steps(spans: Sequence[Span]) -> dict[str, Step]:
    """How each stage came to its end, by name."""
    ended = {span.stage: span.ended for span in spans}
    awaited = _awaited(spans)
    return {span.stage: _step(span, awaited[span.stage], ended) for span in spans}


def critical_path(spans: Sequence[Span]) -> tuple[Step, ...]:
    """The steps from the beginning of a run to its last end, each waiting for the one before.

    Without a gap: what a step waited for machines and worked begins where the one before ends.
    """
    found = steps(spans)
    name = max(spans, key=lambda span: span.ended).stage if spans else None
    path: list[Step] = []
    while name is not None:
        path.append(found[name])
        name = found[name].waited_for
    return tuple(reversed(path))


def gains(profile: Profile) -> tuple[Gain, ...]:
    """What would have shortened a run, the greatest gain first.

    Every stage is taken to last as long as it did: that others leave it more of the machine, or
    less, is not foreseen.
    """
    found = steps(profile.spans)
    taken = {name: step.machine + step.worked for name, step in found.items()}
    awaited = _awaited(profile.spans)
    reads = {span.stage: span.reads for span in profile.spans}
    whole = _last(taken, awaited)
    possible = [
        Gain("stage", whole - _last(taken | {step.stage: step.machine}, awaited), step.stage)
        for step in critical_path(profile.spans)
    ]
    possible.append(Gain("barriers", whole - _last(taken, reads)))
    first = {name: step.worked for name, step in found.items() if step.waited_for is None}
    possible.append(Gain("start", whole - _last(taken | first, awaited)))
    others = {name: step.worked for name, step in found.items() if step.waited_for is not None}
    possible.append(Gain("machine", whole - _last(taken | others, awaited)))
    real = (gain for gain in possible if gain.seconds > 0)
    return tuple(sorted(real, key=lambda gain: -gain.seconds))


def ends(seconds: Mapping[str, float], awaited: Mapping[str, Collection[str]]) -> dict[str, float]:
    """When each stage ends at the earliest, in seconds since the first could begin.

    Args:
        seconds: how long each takes, in an order in which it follows those it waits for.
        awaited: those it waits for.
    """
    found: dict[str, float] = {}
    for name, taken in seconds.items():
        found[name] = max((found[other] for other in awaited[name]), default=0.0) + taken
    return found


def _last(seconds: Mapping[str, float], awaited: Mapping[str, Collection[str]]) -> float:
    return max(ends(seconds, awaited).values(), default=0.0)


def _awaited(spans: Sequence[Span]) -> dict[str, tuple[str, ...]]:
    """What each stage had to wait for: what it reads, and the waves before its own."""
    return {
        span.stage: span.reads
        if span.wave is None
        else tuple(
            other.stage
            for other in spans
            if other.stage in span.reads or (other.wave is not None and other.wave < span.wave)
        )
        for span in spans
    }


def _step(span: Span, awaited: Collection[str], ended: Mapping[str, float]) -> Step:
    # Of several that end at once, one that is read says more.
    last = max(awaited, key=lambda name: (ended[name], name in span.reads), default=None)
    ready = max((ended[name] for name in span.reads), default=0.0)
    due = ready if last is None else ended[last]
    began = span.began
    if span.ahead is not None and span.ahead[1] > due:  # it was at work already
        began = span.ahead[0]
    began = max(began, due)
    return Step(span.stage, last, ready, due - ready, began - due, span.ended - began)
