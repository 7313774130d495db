"""How far a run is, phase by phase, from what is known of its stages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from ..jobs.job import Job
from ..jobs.progress import Progress
from ..plans import Phase, Stage, plan_for
from ..settings import Settings
from .screens import PhaseState


def phases_of(
    job: Job, known: Progress | None, settings: Settings, now: datetime | None = None
) -> list[PhaseState]:
    """The phases of a job's plan, in their order.

    Args:
        job: names the depth and the options.
        known: what its worker has told; None: nothing yet.
        settings: of the operator.
        now: aware; by default the present.
    """
    own = settings.model_copy(update={"diarization": job.speakers or settings.diarization})
    stages = plan_for(job.depth, own).stages
    at = now or datetime.now(UTC)
    return [
        _phase(phase, [stage for stage in stages if stage.phase is phase], known, at)
        for phase in dict.fromkeys(stage.phase for stage in stages)
    ]


def _phase(
    phase: Phase, stages: Sequence[Stage], known: Progress | None, now: datetime
) -> PhaseState:
    names = [stage.name for stage in stages]
    done = {name: known.done[name] for name in names if known and name in known.done}
    doing = {name: known.doing[name] for name in names if known and name in known.doing}
    if not done and not doing:
        return PhaseState(phase, "waiting")
    seconds = max((each.seconds for each in done.values()), default=0.0)
    if len(done) == len(stages):
        statuses = {each.status for each in done.values()}
        if statuses <= {"reused"}:
            return PhaseState(phase, "reused")
        lost = statuses & {"failed", "skipped"}
        return PhaseState(phase, "incomplete" if lost else "done", seconds)
    since = min((each.since for each in doing.values()), default=None)
    if since is not None:
        seconds = max(seconds, (now - since).total_seconds())
    parts = len(done) + sum(each.fraction or 0.0 for each in doing.values())
    note = next((each.note for each in doing.values() if each.note), "")
    return PhaseState(phase, "running", seconds, parts / len(stages), note)
