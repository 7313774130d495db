"""The plan of a run: which stages, in what order, on what they rest.

A plan knows nothing of CrewAI or of what a stage does; it is the one place that says how stages
depend on each other. ``docs/analysis`` is generated from it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Self

from .critical_path import ends
from .settings import Depth, Settings


class Group(StrEnum):
    """Stages that a flag lets run side by side."""

    ANALYSIS = "analysis"
    FACT_CHECKING = "fact_checking"
    MEMORY_OPS = "memory_ops"


class Resource(StrEnum):
    """What a stage mostly uses."""

    IO = "io"
    CPU = "cpu"


class Option(StrEnum):
    """Stages that are done only where the user asks for them."""

    DIARIZATION = "diarization"


class Phase(StrEnum):
    """What the user sees progress of."""

    ACQUISITION = "acquisition"
    TRANSCRIPTION = "transcription"
    ANALYSIS = "analysis"
    VERIFICATION = "verification"
    MEMORY = "memory"
    BRIEFING = "briefing"


@dataclass(frozen=True)
class Flags:
    """Which groups run side by side. The report is the same whatever they say."""

    analysis: bool = True
    fact_checking: bool = True
    memory_ops: bool = True

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The flags of a run's settings; the master switch turns all of them off."""
        return cls(**{group.value: settings.parallel(group.value) for group in Group})


@dataclass(frozen=True)
class Stage:
    """One step of a run, which leaves one artifact of the same name.

    Attributes:
        needs: artifacts without which the stage cannot run.
        uses: artifacts it takes into account when they are there.
        least: the least depth that has it.
        critical: whether its failure ends the run; otherwise the briefing reports it as missing.
        deadline: seconds after which it is given up.
        group: the flag that lets it run beside its siblings; None means alone.
        option: what the user must ask for to have it; None means nothing.
        reasons: whether a language model does it, where one is configured.
        parallel: whether it does so in this plan.
    """

    name: str
    phase: Phase
    resource: Resource
    deadline: float
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    least: Depth = Depth.STANDARD
    critical: bool = False
    group: Group | None = None
    option: Option | None = None
    reasons: bool = False
    parallel: bool = field(default=False, compare=False)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Everything it reads, needs first."""
        return self.needs + self.uses


@dataclass(frozen=True)
class Plan:
    """Stages in an order in which each comes after everything it reads."""

    depth: Depth
    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for stage in self.stages:
            unknown = set(stage.inputs) - seen
            if unknown:
                raise ValueError(f"{stage.name} reads {sorted(unknown)}, which come later or never")
            seen.add(stage.name)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the stages, in their order."""
        return tuple(stage.name for stage in self.stages)

    def stage(self, name: str) -> Stage:
        """The stage of that name."""
        return next(stage for stage in self.stages if stage.name == name)

    def waves(self) -> tuple[tuple[Stage, ...], ...]:
        """Stages that run together, in order; a crew starts a wave when the last one has ended."""
        waves: list[list[Stage]] = []
        for stage in self.stages:
            if stage.parallel and waves and waves[-1][-1].parallel:
                waves[-1].append(stage)
            else:
                waves.append([stage])
        return tuple(tuple(wave) for wave in waves)

    def critical_path(self, seconds: Mapping[str, float], *, pipelined: bool = False) -> float:
        """The least time the plan can take.

        Args:
            seconds: how long each stage takes.
            pipelined: whether a stage waits only for what it reads; otherwise it waits for all
                waves before its own, so that the slowest stages of the waves add up.
        """
        awaited: dict[str, tuple[str, ...]] = {}
        for wave in self.waves():
            before = tuple(awaited)
            awaited.update({s.name: s.inputs if pipelined else before for s in wave})
        taken = {name: seconds[name] for name in self.names}
        return max(ends(taken, awaited).values())


_MINUTE = 60.0
_HOUR = 3600.0
_THINKING = 2 * _HOUR
"""For stages that reason: a model on one's own machine may answer once a minute."""

_SPOKEN = ("speakers", "embedding")
_FINDINGS = (
    "chapters",
    "claims",
    "sentiment",
    "emotions",
    "fallacies",
    "entities",
    "key_points",
    "summary",
    "perspectives",
)
_CHECKS = ("contradictions", "verdicts", "second_opinion", "signals")
EVIDENCE = ("memory_evidence", "recording_evidence", "document_evidence", "source_evidence")
_RECEIPTS = ("vector_memory", "graph_memory")

_STAGES: tuple[Stage, ...] = (
    Stage("acquisition", Phase.ACQUISITION, Resource.IO, 4 * _HOUR, critical=True),
    Stage(
        "transcription",
        Phase.TRANSCRIPTION,
        Resource.CPU,
        12 * _HOUR,
        needs=("acquisition",),
        critical=True,
    ),
    Stage(
        "diarization",
        Phase.TRANSCRIPTION,
        Resource.CPU,
        4 * _HOUR,
        needs=("acquisition", "transcription"),
        group=Group.ANALYSIS,
        option=Option.DIARIZATION,
    ),
    Stage(
        "embedding",
        Phase.ANALYSIS,
        Resource.CPU,
        _HOUR,
        needs=("transcription",),
        group=Group.ANALYSIS,
    ),
    Stage(
        "speakers",
        Phase.TRANSCRIPTION,
        Resource.CPU,
        10 * _MINUTE,
        needs=("transcription",),
        uses=("diarization",),
        critical=True,
    ),
    Stage(
        "chapters",
        Phase.ANALYSIS,
        Resource.CPU,
        20 * _MINUTE,
        needs=(*_SPOKEN, "acquisition"),
        group=Group.ANALYSIS,
    ),
    Stage(
        "claims", Phase.ANALYSIS, Resource.CPU, 20 * _MINUTE, needs=_SPOKEN, group=Group.ANALYSIS
    ),
    Stage(
        "sentiment", Phase.ANALYSIS, Resource.CPU, 20 * _MINUTE, needs=_SPOKEN, group=Group.ANALYSIS
    ),
    *(
        Stage(
            name,
            Phase.ANALYSIS,
            Resource.CPU,
            20 * _MINUTE,
            needs=_SPOKEN,
            least=Depth.DEEP,
            group=Group.ANALYSIS,
        )
        for name in ("emotions", "entities")
    ),
    Stage(
        "key_points",
        Phase.ANALYSIS,
        Resource.CPU,
        20 * _MINUTE,
        needs=(*_SPOKEN, "chapters"),
        uses=("claims",),
    ),
    Stage(
        "assertions",
        Phase.VERIFICATION,
        Resource.CPU,
        _THINKING,
        needs=("speakers", "claims"),
        least=Depth.DEEP,
        reasons=True,
    ),
    Stage(
        "summary",
        Phase.ANALYSIS,
        Resource.CPU,
        _THINKING,
        needs=(*_SPOKEN, "chapters", "key_points"),
        group=Group.ANALYSIS,
        reasons=True,
    ),
    Stage(
        "fallacies",
        Phase.ANALYSIS,
        Resource.CPU,
        _THINKING,
        needs=_SPOKEN,
        uses=("chapters",),
        least=Depth.DEEP,
        group=Group.ANALYSIS,
        reasons=True,
    ),
    Stage(
        "perspectives",
        Phase.ANALYSIS,
        Resource.CPU,
        _THINKING,
        needs=(*_SPOKEN, "chapters"),
        uses=("claims",),
        least=Depth.DEEP,
        group=Group.ANALYSIS,
        reasons=True,
    ),
    *(
        Stage(
            name,
            Phase.VERIFICATION,
            resource,
            deadline,
            needs=(*_SPOKEN, "claims", "assertions", *more),
            least=Depth.DEEP,
            group=Group.FACT_CHECKING,
        )
        for name, resource, deadline, more in (
            ("memory_evidence", Resource.IO, 20 * _MINUTE, ()),
            ("recording_evidence", Resource.CPU, 20 * _MINUTE, ("acquisition",)),
            ("document_evidence", Resource.CPU, 20 * _MINUTE, ()),
            # Strangers are asked politely: a thousand claims take their time.
            ("source_evidence", Resource.IO, 2 * _HOUR, ()),
        )
    ),
    Stage(
        "connections",
        Phase.VERIFICATION,
        Resource.IO,
        20 * _MINUTE,
        needs=(*_SPOKEN, "claims"),
        uses=("entities",),
        least=Depth.DEEP,
        group=Group.FACT_CHECKING,
    ),
    Stage(
        "contradictions",
        Phase.VERIFICATION,
        Resource.CPU,
        20 * _MINUTE,
        needs=(*_SPOKEN, "acquisition", "claims"),
        least=Depth.COMPREHENSIVE,
        group=Group.FACT_CHECKING,
    ),
    Stage(
        "verdicts",
        Phase.VERIFICATION,
        Resource.CPU,
        _THINKING,
        needs=("speakers", "assertions"),
        uses=EVIDENCE,
        least=Depth.DEEP,
        reasons=True,
    ),
    Stage(
        "second_opinion",
        Phase.VERIFICATION,
        Resource.IO,
        _THINKING,
        needs=("embedding", "claims", "assertions", "verdicts"),
        least=Depth.EXPERIMENTAL,
        reasons=True,
    ),
    Stage(
        "signals",
        Phase.VERIFICATION,
        Resource.CPU,
        10 * _MINUTE,
        needs=("speakers", "claims"),
        uses=("verdicts", "second_opinion", "fallacies", "entities"),
        least=Depth.DEEP,
        group=Group.ANALYSIS,
    ),
    Stage(
        "vector_memory",
        Phase.MEMORY,
        Resource.IO,
        30 * _MINUTE,
        needs=(*_SPOKEN, "acquisition"),
        uses=("claims", "verdicts", "second_opinion"),
        group=Group.MEMORY_OPS,
    ),
    Stage(
        "graph_memory",
        Phase.MEMORY,
        Resource.IO,
        30 * _MINUTE,
        needs=("acquisition", "speakers"),
        uses=(
            "chapters",
            "claims",
            "entities",
            "fallacies",
            "perspectives",
            "connections",
            "verdicts",
            "second_opinion",
        ),
        least=Depth.DEEP,
        group=Group.MEMORY_OPS,
    ),
    Stage(
        "briefing",
        Phase.BRIEFING,
        Resource.CPU,
        10 * _MINUTE,
        needs=("acquisition", "speakers"),
        uses=_FINDINGS + EVIDENCE + _CHECKS + _RECEIPTS,
        critical=True,
    ),
)
"""Every stage, in order."""


EVERY_STAGE = tuple(stage.name for stage in _STAGES)
"""Their names, in that order."""


def plan(depth: Depth, flags: Flags, options: Set[Option] = frozenset()) -> Plan:
    """The stages of a depth; the flags decide which of them run side by side."""
    order = list(Depth)
    chosen = [
        stage
        for stage in _STAGES
        if order.index(stage.least) <= order.index(depth)
        and (stage.option is None or stage.option in options)
    ]
    names = {stage.name for stage in chosen}
    return Plan(depth, tuple(_fit(stage, names, flags) for stage in chosen))


FREE = (
    "acquisition",
    "transcription",
    "diarization",
    "embedding",
    "speakers",
    "chapters",
    "claims",
)
"""Stages that cost nothing and tell what the others will."""


def only(whole: Plan, names: Collection[str]) -> Plan:
    """The part of a plan that makes these artifacts, one by one; what they need is among them."""
    chosen = (stage for stage in whole.stages if stage.name in names)
    return Plan(whole.depth, tuple(replace(stage, parallel=False) for stage in chosen))


def up_to(whole: Plan, name: str) -> Plan:
    """The part of a plan that makes one artifact, with what it rests on."""
    names = {name}
    for stage in reversed(whole.stages):
        if stage.name in names:
            names.update(stage.inputs)
    return only(whole, names)


def plan_for(depth: Depth, settings: Settings) -> Plan:
    """The plan of a run with these settings."""
    options = {option for option in Option if getattr(settings, option.value)}
    return plan(depth, Flags.of(settings), options)


def _fit(stage: Stage, names: set[str], flags: Flags) -> Stage:
    return replace(
        stage,
        uses=tuple(name for name in stage.uses if name in names),
        parallel=stage.group is not None and getattr(flags, stage.group),
    )
