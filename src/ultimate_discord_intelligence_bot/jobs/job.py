"""A job: one recording to be analysed, some time, by some worker."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field

from ..errors import AutointelError
from ..models.artifact import Model
from ..settings import Depth

Status = Literal["waiting", "running", "complete", "partial", "failed", "cancelled", "parked"]
"""What has become of a job. ``parked``: every process that tried it died; nobody tries again."""

ENDED: frozenset[Status] = frozenset({"complete", "partial", "failed", "cancelled", "parked"})
AGAIN: frozenset[Status] = frozenset({"failed", "cancelled", "parked"})
"""Those that can be tried again."""


class Job(Model):
    """What is to be done, and for whom.

    Attributes:
        url: a link, or the absolute path of a file where ``files`` allows it.
        tenant: whose memory it is for.
        out: folder of the briefing; by default one of the run's own.
        files: whether a local path is accepted; only the command line may say yes.
        speakers: whether to estimate who speaks where captions do not say.
        language: spoken there, as an ISO 639 code; by default as the settings say.
        most_minutes: a longer recording is refused; the settings may allow less.
        most_dollars: for the language model in this run; the settings may allow less.
    """

    url: str
    depth: Depth
    tenant: str
    out: Path | None = None
    files: bool = False
    speakers: bool = False
    language: str | None = Field(None, pattern=r"^[a-z]{2,3}$")
    most_minutes: float | None = Field(None, gt=0)
    most_dollars: float | None = Field(None, ge=0)

    @property
    def host(self) -> str:
        """The host it is fetched from; files have none."""
        try:
            return urlsplit(self.url).hostname or "files"
        except ValueError:
            return "files"


class Outcome(Model):
    """What a job that ended well has brought.

    Attributes:
        run_id: names the folder of its artifacts.
        out: folder of the briefing.
        missing: stages without a result, each with its reason.
        verdicts: how many claims have each label.
        minutes: length of the recording.
        dollars: spent on the language model in this run; None when its price is unknown.
        reused: whether nothing had to be done, since an earlier run had done it.
    """

    status: Literal["complete", "partial"]
    run_id: str
    title: str
    out: Path
    seconds: float
    missing: tuple[str, ...] = ()
    claims: int | None = None
    verdicts: dict[str, int] = Field(default_factory=dict)
    minutes: float = 0.0
    dollars: float | None = None
    reused: bool = False


class Done(Model):
    """A stage that has ended, as the job's record names it.

    Attributes:
        artifact: content digest of what it left; None where it left nothing.
    """

    stage: str
    status: Literal["done", "reused", "failed", "skipped"]
    artifact: str | None
    seconds: float


class JobView(Model):
    """A job and how it stands.

    Attributes:
        worker: the process that has it, or had it last.
        tries: how often a process began it.
        error, remedy: why it failed, and what to do.
    """

    id: str
    job: Job
    status: Status
    created: datetime
    began: datetime | None
    ended: datetime | None
    worker: str | None
    tries: int
    outcome: Outcome | None = None
    error: str | None = None
    remedy: str | None = None

    @property
    def seconds(self) -> float | None:
        """How long it took, where it has ended."""
        if self.began is None or self.ended is None:
            return None
        return (self.ended - self.began).total_seconds()


def why(error: BaseException) -> tuple[str, str]:
    """What happened and what to do, in words for the reader."""
    if isinstance(error, AutointelError):
        return error.message, error.remedy
    reason = f"{type(error).__name__}: {error}"[:300]
    return f"It failed unexpectedly ({reason}).", "Try it again; if it happens twice, report it."
