"""The plan of each depth under every flag setting."""

from __future__ import annotations

import itertools

import pytest

from ultimate_discord_intelligence_bot.plans import (
    Flags,
    Group,
    Option,
    Phase,
    Plan,
    Resource,
    Stage,
    plan,
    plan_for,
)
from ultimate_discord_intelligence_bot.settings import Depth, load_settings

EVERY_FLAG_SETTING = [Flags(*values) for values in itertools.product((True, False), repeat=3)]


EVERYTHING = frozenset(Option)


@pytest.mark.parametrize("depth", Depth)
@pytest.mark.parametrize("flags", EVERY_FLAG_SETTING)
class TestEveryPlan:
    def test_no_stage_reads_from_another_of_its_wave(self, depth: Depth, flags: Flags) -> None:
        for wave in plan(depth, flags, EVERYTHING).waves():
            names = {stage.name for stage in wave}
            assert all(names.isdisjoint(stage.inputs) for stage in wave)

    def test_a_parallel_stage_reads_only_what_a_sequential_stage_has_joined(
        self, depth: Depth, flags: Flags
    ) -> None:
        running: set[str] = set()
        for stage in plan(depth, flags, EVERYTHING).stages:
            if not stage.parallel:
                running.clear()
            assert running.isdisjoint(stage.inputs)
            if stage.parallel:
                running.add(stage.name)

    def test_at_most_one_parallel_stage_ends_it(self, depth: Depth, flags: Flags) -> None:
        assert not plan(depth, flags, EVERYTHING).stages[-1].parallel

    def test_each_flag_moves_exactly_its_group(self, depth: Depth, flags: Flags) -> None:
        for stage in plan(depth, flags, EVERYTHING).stages:
            assert stage.parallel == (stage.group is not None and getattr(flags, stage.group))

    def test_flags_change_nothing_else(self, depth: Depth, flags: Flags) -> None:
        assert plan(depth, flags, EVERYTHING).stages == plan(depth, Flags(), EVERYTHING).stages

    def test_critical_stages_run_alone(self, depth: Depth, flags: Flags) -> None:
        for wave in plan(depth, flags, EVERYTHING).waves():
            assert len(wave) == 1 or not any(stage.critical for stage in wave)


def test_every_depth_adds_stages_to_the_one_before() -> None:
    names = [{stage.name for stage in plan(depth, Flags()).stages} for depth in Depth]
    assert all(less < more for less, more in itertools.pairwise(names))


def test_diarization_is_there_only_for_those_who_ask_for_it() -> None:
    for wanted in (True, False):
        settings = load_settings(AUTOINTEL_DIARIZATION=wanted)
        names = {stage.name for stage in plan_for(Depth.STANDARD, settings).stages}
        assert ("diarization" in names) is wanted
        assert "speakers" in names


def test_the_master_switch_turns_every_group_off() -> None:
    settings = load_settings(ENABLE_PARALLEL_AUTOINTEL=False)
    assert Flags.of(settings) == Flags(analysis=False, fact_checking=False, memory_ops=False)


@pytest.mark.parametrize("group", Group)
def test_a_flag_turns_only_its_group_off(group: Group) -> None:
    flags = Flags.of(load_settings(**{f"ENABLE_PARALLEL_{group.upper()}": "false"}))
    assert {g: getattr(flags, g) for g in Group} == {g: g is not group for g in Group}


def test_a_stage_that_reads_what_comes_later_is_refused() -> None:
    stage = Stage("briefing", Phase.BRIEFING, Resource.CPU, 1.0, needs=("transcription",))
    with pytest.raises(ValueError, match="transcription"):
        Plan(Depth.STANDARD, (stage,))


def test_the_critical_path_is_the_slowest_stage_of_each_wave() -> None:
    standard = plan(Depth.STANDARD, Flags())
    seconds = dict.fromkeys((stage.name for stage in standard.stages), 1.0) | {"claims": 3.0}
    assert standard.critical_path(seconds) == 10.0
    sequential = plan(Depth.STANDARD, Flags(analysis=False, memory_ops=False))
    assert sequential.critical_path(seconds) == 13.0


def test_without_waves_the_critical_path_is_the_longest_chain_of_stages_that_read_one_another() -> (
    None
):
    standard = plan(Depth.STANDARD, Flags())
    seconds = dict.fromkeys(standard.names, 1.0) | {"claims": 3.0, "sentiment": 5.0}
    # acquisition, transcription, embedding, claims, key_points, summary, briefing
    assert standard.critical_path(seconds, pipelined=True) == 9.0
    assert standard.critical_path(seconds | {"sentiment": 9.0}, pipelined=True) == 13.0
