"""Runs one stage of a run: reuse what is there, keep what is made, report what happened."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

import structlog

from .critical_path import Profile, Span
from .deadline import deadline
from .errors import AutointelError, StageCrashed, StageTimedOut
from .events import EventStream, Kind, Progress, StageEvent, telemetry
from .inputs import Inputs
from .llm import Mind
from .models.artifact import Model, Storable
from .models.report import Missing
from .plans import Plan, Stage
from .runs import Run, artifact_key
from .streams import Streams

_A = TypeVar("_A")

log = structlog.get_logger(__name__)


class StageOutcome(Model):
    """What became of a stage: the whole output of its task, without any data.

    Attributes:
        artifact: content digest of what it left, when it left something.
        key: under which that is kept.
        seconds: how long it took.
        missing: why there is no artifact, when there is none.
    """

    stage: str
    status: Literal["done", "reused", "failed", "skipped"]
    seconds: float
    artifact: str | None = None
    key: str | None = None
    missing: Missing | None = None


def _nothing() -> dict[str, Any]:
    return {}


def _always(_: Any) -> bool:
    return True


async def _as_it_is(_: Any) -> None:
    pass


def _ignore(_: Any) -> None:
    pass


def _since(began: float, moment: float) -> float:
    return round(moment - began, 6)


@dataclass(frozen=True)
class Work:
    """How a stage is done.

    Attributes:
        kind: type of the artifact.
        do: makes it from the inputs.
        made_from: what it depends on besides its inputs (parameters, identities); may block.
        bring: fetches what belongs to an artifact found in the store and is not here.
        holds: whether an artifact found in the store can still be used.
        then: told the artifact, made or found.
        ahead: does what can be done from what other stages tell while they work; the result is
            the same without it.
        version: to be raised when the same inputs give another result.
        tells_missing: whether it tells which stages before it gave no result.
    """

    kind: type[Storable]
    do: Callable[[Inputs, Progress], Awaitable[Storable]]
    made_from: Callable[[], Mapping[str, Any]] = _nothing
    bring: Callable[[Any], Awaitable[None]] = _as_it_is
    holds: Callable[[Any], bool] = _always
    then: Callable[[Any], None] = _ignore
    ahead: Callable[[Streams], Awaitable[None]] | None = None
    version: int = 1
    tells_missing: bool = False


class StageRunner:
    """Runs the stages of one run; holds its artifacts, outcomes and nothing global."""

    def __init__(self, run: Run, plan: Plan, work: Mapping[str, Work], events: EventStream) -> None:
        self._run = run
        self.plan = plan
        self._work = work
        self._events = events
        self._artifacts: dict[str, Storable] = {}
        self._digests: dict[str, str] = {}
        self._adopted: dict[str, str] = {}
        self.outcomes: dict[str, StageOutcome] = {}
        self._streams = Streams()
        self._spans: dict[str, tuple[float, float]] = {}
        self._ahead: dict[str, tuple[float, float]] = {}

    def artifact(self, name: str, kind: type[_A]) -> _A | None:
        """What a stage left, once it has run."""
        return Inputs(self._artifacts).find(name, kind)

    def adopt(self, stage: str, key: str) -> None:
        """Take for a stage what was made elsewhere, with another machine's means."""
        self._adopted[stage] = key

    async def run_ahead(self, name: str) -> None:
        """Do what a stage can do before its inputs are whole, if anything.

        What fails here is done when the stage runs.
        """
        ahead = self._work[name].ahead
        if ahead is None:
            return
        began = time.monotonic()
        try:
            await ahead(self._streams)
        except Exception:
            log.exception("not_worked_ahead", stage=name)
        finally:
            self._ahead[name] = (began, time.monotonic())

    def awaited(self, stage: Stage) -> tuple[str, ...]:
        """The stages that must have ended before one begins."""
        if self._work[stage.name].tells_missing:
            before = self.plan.stages[: self.plan.stages.index(stage)]
            return tuple(each.name for each in before)
        return tuple(name for name in stage.inputs if name in self.plan.names)

    @property
    def missing(self) -> tuple[Missing, ...]:
        """Stages without a result so far, in the order of the plan."""
        outcomes = (self.outcomes.get(stage.name) for stage in self.plan.stages)
        return tuple(o.missing for o in outcomes if o is not None and o.missing is not None)

    def phases(self) -> dict[str, float]:
        """Seconds by phase, from the start of its first stage to the end of its last."""
        found: dict[str, tuple[float, float]] = {}
        for name, (began, ended) in self._spans.items():
            first, last = found.get(self.plan.stage(name).phase, (began, ended))
            found[self.plan.stage(name).phase] = (min(first, began), max(last, ended))
        return {str(phase): last - first for phase, (first, last) in found.items()}

    def profile(self, began: float, status: Literal["complete", "partial", "failed"]) -> Profile:
        """The times of the run, which has just ended.

        Args:
            began: when the run did, by the monotonic clock.
            status: of its briefing.
        """
        pipelined = self._run.settings.pipelines
        waves = {
            stage.name: None if pipelined else number
            for number, wave in enumerate(self.plan.waves())
            for stage in wave
        }
        ran = (stage for stage in self.plan.stages if stage.name in self._spans)
        return Profile(
            run_id=self._run.id,
            tenant=self._run.tenant,
            input=self._run.locator.value,
            depth=self.plan.depth,
            status=status,
            ended_at=datetime.now(UTC),
            seconds=_since(began, time.monotonic()),
            spans=tuple(self._span(stage, began, waves[stage.name]) for stage in ran),
        )

    def _span(self, stage: Stage, began: float, wave: int | None) -> Span:
        outcome, ahead = self.outcomes.get(stage.name), self._ahead.get(stage.name)
        first, last = self._spans[stage.name]
        return Span(
            stage=stage.name,
            status=outcome.status if outcome else "failed",
            began=_since(began, first),
            ended=_since(began, last),
            reads=self.awaited(stage),
            wave=wave,
            ahead=ahead and (_since(began, ahead[0]), _since(began, ahead[1])),
        )

    async def run_stage(self, name: str, mind: Mind | None = None) -> StageOutcome:
        """Run a stage, or find its artifact.

        Args:
            name: of the stage.
            mind: answers its questions.

        Raises:
            AutointelError: when a critical stage fails; others return a failed outcome.
        """
        stage = self.plan.stage(name)
        began = time.monotonic()
        try:
            outcome = await self._reuse_or_do(stage, began, mind)
        except AutointelError as error:
            outcome = self._fail(stage, began, error)
            if stage.critical:
                raise
        finally:
            self._streams[name].end()
            self._spans[name] = (began, time.monotonic())
        self.outcomes[name] = outcome
        return outcome

    async def _reuse_or_do(self, stage: Stage, began: float, mind: Mind | None) -> StageOutcome:
        absent = [name for name in stage.needs if name not in self._artifacts]
        if absent:
            return self._skip(stage, absent)
        work = self._work[stage.name]
        key = self._adopted.get(stage.name) or await self._key(stage, work)
        if not self._run.fresh:
            found = await asyncio.to_thread(self._run.artifacts.read, stage.name, key, work.kind)
            if found is not None:
                await work.bring(found[0])
                if work.holds(found[0]):
                    return self._keep(stage, began, "reused", key, *found)
        self._emit(stage, "started")
        artifact = await self._do(stage, work, mind)
        written = await asyncio.to_thread(self._run.artifacts.write, stage.name, key, artifact)
        return self._keep(stage, began, "done", key, artifact, written)

    async def _key(self, stage: Stage, work: Work) -> str:
        parameters = await asyncio.to_thread(work.made_from)
        made_from = {
            "inputs": {name: self._digests.get(name, "missing") for name in stage.inputs},
            "with": parameters,
            "missing": [m.model_dump() for m in self.missing] if work.tells_missing else [],
        }
        return artifact_key(stage.name, work.version, made_from)

    async def _do(self, stage: Stage, work: Work, mind: Mind | None) -> Storable:
        read = {name: self._artifacts[name] for name in stage.inputs if name in self._artifacts}

        def progress(fraction: float | None, message: str) -> None:
            self._emit(stage, "progress", message=message, fraction=fraction)

        try:
            async with deadline(stage.deadline):
                inputs = Inputs(read, self.missing, mind, stage.deadline, self._streams)
                return await work.do(inputs, progress)
        except AutointelError:
            raise
        except TimeoutError as error:
            raise StageTimedOut(
                f"The stage {stage.name} took longer than {stage.deadline:.0f} s."
            ) from error
        except Exception as error:
            log.exception("stage_crashed", stage=stage.name)
            reason = f"{type(error).__name__}: {error}"[:300]
            raise StageCrashed(f"The stage {stage.name} failed unexpectedly ({reason}).") from error

    def _keep(
        self,
        stage: Stage,
        began: float,
        status: Literal["done", "reused"],
        key: str,
        artifact: Storable,
        digest: str,
    ) -> StageOutcome:
        self._work[stage.name].then(artifact)
        self._artifacts[stage.name] = artifact
        self._digests[stage.name] = digest
        seconds = time.monotonic() - began
        self._emit(stage, "reused" if status == "reused" else "finished", seconds=seconds)
        return StageOutcome(
            stage=stage.name, status=status, seconds=seconds, artifact=digest, key=key
        )

    def _skip(self, stage: Stage, absent: list[str]) -> StageOutcome:
        reason = f"It needs {' and '.join(absent)}, which gave no result."
        missing = Missing(stage=stage.name, reason=reason, remedy="See the reason given there.")
        self._emit(stage, "failed", message=reason, seconds=0.0)
        return StageOutcome(stage=stage.name, status="skipped", seconds=0.0, missing=missing)

    def _fail(self, stage: Stage, began: float, error: AutointelError) -> StageOutcome:
        seconds = time.monotonic() - began
        missing = Missing(stage=stage.name, reason=error.message, remedy=error.remedy)
        self._emit(stage, "failed", message=error.message, seconds=seconds, code=error.code)
        log.info("stage_failed", stage=stage.name, code=error.code, reason=error.message)
        return StageOutcome(stage=stage.name, status="failed", seconds=seconds, missing=missing)

    def _emit(
        self,
        stage: Stage,
        kind: Kind,
        *,
        message: str = "",
        fraction: float | None = None,
        seconds: float | None = None,
        code: str | None = None,
    ) -> None:
        event = StageEvent(
            run_id=self._run.id,
            phase=stage.phase,
            stage=stage.name,
            kind=kind,
            message=message,
            fraction=fraction,
            seconds=seconds,
            code=code,
        )
        self._events.emit(event)
        telemetry.emit(event)
