"""Whatever the times of a run, its critical path explains them from the beginning to the end."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ultimate_discord_intelligence_bot.critical_path import (
    Profile,
    Span,
    Step,
    critical_path,
    ends,
    gains,
    steps,
)


def span(stage: str, began: float, ended: float, *reads: str, **more: Any) -> Span:
    return Span(stage=stage, status="done", began=began, ended=ended, reads=reads, **more)


def profile(*spans: Span, seconds: float | None = None) -> Profile:
    return Profile(
        run_id="1",
        tenant="local",
        input="talk.mp3",
        depth="deep",
        status="complete",
        ended_at=datetime(2026, 1, 1, tzinfo=UTC),
        seconds=max((s.ended for s in spans), default=0.0) if seconds is None else seconds,
        spans=spans,
    )


@st.composite
def runs(draw: st.DrawFn) -> Profile:
    """A run with stages of any length, which wait for any of those before them."""
    # Multiples of 1/8 add up without rounding.
    eighths = st.integers(0, 80).map(lambda n: n / 8)
    crew = draw(st.booleans())
    spans: list[Span] = []
    wave = 0
    for number in range(draw(st.integers(1, 12))):
        wave += draw(st.integers(0, 1))
        before = [s for s in spans if not crew or (s.wave is not None and s.wave < wave)]
        read = (
            draw(st.lists(st.sampled_from(before), unique_by=lambda s: s.stage)) if before else []
        )
        due = max((s.ended for s in (before if crew else read)), default=0.0)
        began = due + draw(eighths)
        ahead = draw(st.none() | st.tuples(eighths, st.just(began)))
        if ahead is not None and ahead[0] > began:
            ahead = None
        spans.append(
            span(
                f"s{number}",
                began,
                began + draw(eighths),
                *(s.stage for s in read),
                wave=wave if crew else None,
                ahead=ahead,
            )
        )
    return profile(*spans, seconds=max(s.ended for s in spans) + draw(eighths))


def duration(step: Step) -> float:
    """Of the part of the path that is this step's own."""
    return step.machine + step.worked


@given(runs())
def test_the_path_is_as_long_as_the_run_was_until_its_last_stage_ended(run: Profile) -> None:
    path = critical_path(run.spans)
    length = sum(map(duration, path))
    assert length == max(s.ended for s in run.spans)
    assert all(length >= step.machine + step.worked for step in steps(run.spans).values())


@given(runs())
def test_each_step_of_the_path_waited_for_the_one_before_by_reading_it_or_at_a_barrier(
    run: Profile,
) -> None:
    spans = {s.stage: s for s in run.spans}
    path = critical_path(run.spans)
    assert path[0].waited_for is None
    for before, after in itertools.pairwise(path):
        first, second = spans[before.stage], spans[after.stage]
        assert after.waited_for == before.stage
        held = (first.wave or 0) < (second.wave or 0)
        assert before.stage in second.reads or held
        assert after.ready + after.barrier == first.ended


@given(runs())
def test_the_times_of_a_step_follow_one_another_up_to_its_end(run: Profile) -> None:
    for each in run.spans:
        step = steps(run.spans)[each.stage]
        assert min(step.ready, step.barrier, step.machine, step.worked) >= 0
        assert step.ready + step.barrier + step.machine + step.worked == each.ended
        assert step.worked >= each.ended - each.began


@given(runs())
def test_nothing_can_be_gained_but_what_the_path_has_spent(run: Profile) -> None:
    path = {step.stage: step for step in critical_path(run.spans)}
    found = gains(run)
    assert [gain.seconds for gain in found] == sorted((g.seconds for g in found), reverse=True)
    for gain in found:
        assert 0 < gain.seconds <= sum(map(duration, path.values()))
        if gain.stage is not None:
            assert gain.seconds <= path[gain.stage].worked
    if run.pipelined:
        assert "barriers" not in {gain.without for gain in found}


@given(runs())
def test_the_same_stages_run_again_take_the_same_time(run: Profile) -> None:
    found = steps(run.spans)
    awaited = {
        s.stage: [
            o.stage
            for o in run.spans
            if o.stage in s.reads or (s.wave is not None and o.wave is not None and o.wave < s.wave)
        ]
        for s in run.spans
    }
    again = ends({name: duration(step) for name, step in found.items()}, awaited)
    assert again == {s.stage: s.ended for s in run.spans}


@given(runs())
def test_a_profile_comes_back_from_its_file(run: Profile) -> None:
    assert Profile.decode(run.encode()) == run


SLOW_SISTER = (
    span("heard", 1.0, 3.0, wave=0),
    span("quick", 3.0, 4.0, "heard", wave=1),
    span("slow", 3.0, 8.0, "heard", wave=1),
    span("after_quick", 8.5, 10.5, "quick", wave=2),
)


def test_a_barrier_is_told_apart_from_what_is_read_and_from_the_machine() -> None:
    step = steps(SLOW_SISTER)["after_quick"]
    assert step == Step("after_quick", "slow", ready=4.0, barrier=4.0, machine=0.5, worked=2.0)
    assert [step.stage for step in critical_path(SLOW_SISTER)] == ["heard", "slow", "after_quick"]


def test_what_would_shorten_it_is_told_with_how_much() -> None:
    found = {gain.stage or gain.without: gain.seconds for gain in gains(profile(*SLOW_SISTER))}
    # Without the barrier the slow one still ends at 8; without its work the quick one holds.
    assert found == {
        "barriers": 2.5,
        "slow": 4.0,
        "heard": 2.0,
        "after_quick": 2.0,
        "machine": 0.5,
        "start": 1.0,
    }


def test_who_works_ahead_is_at_work_when_its_inputs_end() -> None:
    heard = span("heard", 0.0, 5.0)
    reader = span("reader", 7.0, 8.0, "heard", ahead=(0.0, 7.0))
    assert steps([heard, reader])["reader"].worked == 3.0
    idle = span("reader", 7.0, 8.0, "heard", ahead=(0.0, 4.0))
    assert steps([heard, idle])["reader"] == Step("reader", "heard", 5.0, 0.0, 2.0, 1.0)


def test_of_nothing_there_is_no_path() -> None:
    assert critical_path(()) == ()
    assert gains(profile()) == ()


@pytest.mark.parametrize(
    "spans",
    [
        pytest.param([span("b", 0, 1, "a")], id="reads what never ran"),
        pytest.param([span("b", 0, 1, "a"), span("a", 0, 1)], id="reads what comes later"),
        pytest.param([span("a", 0, 3), span("b", 1, 2, "a")], id="ends before what it reads"),
        pytest.param([span("a", 0, 3, wave=0), span("b", 1, 2, wave=1)], id="ends too early"),
        pytest.param([span("a", 2, 1)], id="ends before it begins"),
        pytest.param([span("a", 0, 1), span("a", 0, 1)], id="twice"),
    ],
)
def test_times_that_cannot_be_are_refused(spans: list[Span]) -> None:
    with pytest.raises(ValidationError):
        profile(*spans)


def test_no_stage_ends_after_its_run() -> None:
    with pytest.raises(ValidationError, match="after its run"):
        profile(span("a", 0, 2), seconds=1.0)
