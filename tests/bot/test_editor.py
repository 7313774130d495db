"""Messages are edited at a gentle pace, and each shows its last state in the end.

Time is simulated: the loop's clock jumps to the next moment at which something is to happen.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal, TypeVar

import discord
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ultimate_discord_intelligence_bot.discord_bot.editor import Editor
from ultimate_discord_intelligence_bot.discord_bot.screens import Attachment, Screen

T = TypeVar("T")
Kind = Literal["progress", "live", "final"]
Outcome = Literal["done", "later", "raises"]
HOUR = 3600.0
ROUNDING = 1e-6


class Jumping(selectors.DefaultSelector):
    """Does not wait but says how long it would have."""

    waited = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select(None)  # only a thread can go on
        self.waited += max(0.0, timeout)
        return super().select(0)


class Simulation(asyncio.SelectorEventLoop):
    """A loop in which nothing takes time but waiting."""

    def __init__(self) -> None:
        self.jumping = Jumping()
        super().__init__(self.jumping)

    def time(self) -> float:
        return self.jumping.waited


@dataclass(frozen=True)
class Edit:
    """Something that was sent.

    Attributes:
        at: simulated seconds.
    """

    at: float
    key: str
    text: str
    final: bool
    outcome: Outcome


@dataclass
class Channel:
    """What arrives.

    Attributes:
        outcomes: of the edits to come; those after that all are done.
        seconds: that each edit takes.
    """

    outcomes: Iterator[Outcome] = field(default_factory=lambda: iter(()))
    seconds: float = 0.0
    edits: list[Edit] = field(default_factory=list)

    async def send(self, key: str, screen: Screen, final: bool) -> bool:
        at, outcome = asyncio.get_running_loop().time(), self.outcome()
        self.edits.append(Edit(at, key, screen.content, final, outcome))
        if self.seconds:
            await asyncio.sleep(self.seconds)
        if outcome == "raises":
            raise RuntimeError("no luck")
        return outcome == "done"

    def outcome(self) -> Outcome:
        return next(self.outcomes, "done")

    def editor(self, **pace: float) -> Editor[str]:
        return Editor(self.send, clock=asyncio.get_running_loop().time, **pace)

    def texts(self, key: str) -> list[str]:
        return [edit.text for edit in self.edits if edit.key == key]

    def times(self, key: str) -> list[float]:
        return [round(edit.at, 3) for edit in self.edits if edit.key == key]


def simulated(story: Callable[[], Coroutine[Any, Any, T]]) -> T:
    with asyncio.Runner(loop_factory=Simulation) as runner:
        return runner.run(story())


def say(text: str) -> Screen:
    return Screen(content=text)


def works() -> bool:
    """Whether any task but this one is left."""
    return len(asyncio.all_tasks()) > 1


def test_the_first_state_is_shown_at_once_and_then_the_newest_every_ten_seconds() -> None:
    async def story() -> Channel:
        channel = Channel()
        editor = channel.editor()
        for second in range(25):
            editor.show("m", say(str(second)))
            await asyncio.sleep(1)
        return channel

    channel = simulated(story)
    assert channel.times("m") == [0, 10, 20]
    assert channel.texts("m")[0] == "0"
    assert all(int(e.text) >= e.at - 1 for e in channel.edits)  # never a stale state


def test_a_final_state_does_not_wait_for_the_ten_seconds() -> None:
    async def story() -> Channel:
        channel = Channel()
        editor = channel.editor()
        editor.show("m", say("begun"))
        await asyncio.sleep(2)
        editor.show("m", say("result"), final=True)
        await editor.settle()
        return channel

    channel = simulated(story)
    assert [(e.at, e.text, e.final) for e in channel.edits] == [
        (0, "begun", False),
        (2, "result", True),
    ]


def test_messages_of_a_channel_take_turns_a_second_apart() -> None:
    async def story() -> Channel:
        channel = Channel()
        editor = channel.editor()
        for name in "abc":
            editor.show(name, say("begun"))
        await asyncio.sleep(5)
        return channel

    assert [(e.at, e.key) for e in simulated(story).edits] == [(0, "a"), (1, "b"), (2, "c")]


def test_in_a_crowded_channel_everybody_gets_a_turn() -> None:
    async def story() -> Channel:
        channel = Channel()
        editor = channel.editor()
        for second in range(100):
            for name in range(30):
                editor.show(str(name), say(str(second)))
            await asyncio.sleep(1)
        return channel

    channel = simulated(story)
    turns = [len(channel.times(str(name))) for name in range(30)]
    assert min(turns) >= 3
    assert max(turns) <= 4


def test_final_states_go_first_in_the_order_in_which_they_came() -> None:
    async def story() -> Channel:
        channel = Channel()
        editor = channel.editor()
        for name in "abcd":
            editor.show(name, say("begun"))
        for name in "dbc":
            editor.show(name, say("result"), final=True)
        await editor.settle()
        await asyncio.sleep(5)
        return channel

    edits = simulated(story).edits
    assert [(e.key, e.text) for e in edits] == [
        ("d", "result"),
        ("b", "result"),
        ("c", "result"),
        ("a", "begun"),
    ]


def test_nothing_late_replaces_a_final_state_before_or_after_it_is_shown() -> None:
    async def story() -> Channel:
        channel = Channel(seconds=0.5)
        editor = channel.editor()
        editor.show("m", say("result"), final=True)
        editor.show("m", say("late"))
        await asyncio.sleep(0.2)
        editor.show("m", say("late, while it is sent"))
        await editor.settle()
        editor.show("m", say("too late"))
        await asyncio.sleep(100)
        return channel

    assert simulated(story).texts("m") == ["result"]


def test_a_later_final_state_replaces_an_earlier_one() -> None:
    async def story() -> Channel:
        channel = Channel()
        editor = channel.editor()
        editor.show("m", say("a result"), final=True)
        editor.show("m", say("the result"), final=True)
        await editor.settle()
        editor.show("m", say("the result after all"), final=True)
        await editor.settle()
        return channel

    assert simulated(story).texts("m") == ["the result", "the result after all"]


def test_what_is_shown_already_is_not_sent_again() -> None:
    async def story() -> Channel:
        channel = Channel()
        editor = channel.editor()
        for _ in range(50):
            editor.show("m", say("the same"))
            await asyncio.sleep(1)
        editor.show("m", say("something else"))
        editor.show("m", say("the same"))  # nobody has seen the other
        await asyncio.sleep(20)
        assert not works()
        for _ in range(3):
            editor.show("m", say("result"), final=True)
            await editor.settle()
        return channel

    assert simulated(story).texts("m") == ["the same", "result"]


@pytest.mark.parametrize(
    "other",
    [
        Screen(embeds=(discord.Embed(title="b"),), files=(Attachment("r", b"1", ""),)),
        Screen(embeds=(discord.Embed(title="a"),), files=(Attachment("r", b"2", ""),)),
        Screen(embeds=(discord.Embed(title="a"),), files=(Attachment("s", b"1", ""),)),
        Screen(embeds=(discord.Embed(title="a"),)),
    ],
)
def test_any_difference_that_can_be_seen_is_one(other: Screen) -> None:
    async def story() -> int:
        channel = Channel()
        editor = channel.editor()
        for _ in range(2):
            screen = Screen(embeds=(discord.Embed(title="a"),), files=(Attachment("r", b"1", ""),))
            editor.show("m", screen, final=True)
            await editor.settle()
        assert len(channel.edits) == 1
        editor.show("m", other, final=True)
        await editor.settle()
        return len(channel.edits)

    assert simulated(story) == 2


def test_a_final_state_is_sent_even_if_it_looks_like_the_last_progress() -> None:
    async def story() -> Channel:
        channel = Channel()
        editor = channel.editor()
        screen = say("done")
        editor.show("m", screen)
        await asyncio.sleep(1)
        editor.show("m", screen, final=True)
        await editor.settle()
        return channel

    assert [e.final for e in simulated(story).edits] == [False, True]


def test_a_streamed_answer_flows_while_the_channel_is_quiet_and_else_at_its_pace() -> None:
    async def story() -> Channel:
        channel = Channel()
        editor = channel.editor()
        for tenth in range(70):
            editor.show("answer", say(str(tenth)), live=True)
            if tenth == 33:
                editor.show("run", say("begun"))
            await asyncio.sleep(0.1)
        editor.show("answer", say("all of it"), final=True)
        await editor.settle()
        return channel

    channel = simulated(story)
    assert channel.times("answer") == [0, 0.7, 1.4, 2.1, 2.8, 3.8, 5.5, 6.2, 6.9, 7.9]
    assert channel.times("run") == [4.8]
    assert channel.texts("answer")[-1] == "all of it"


def test_a_streamed_answer_is_not_starved_by_a_crowd() -> None:
    async def story() -> Channel:
        channel = Channel()
        editor = channel.editor()
        for second in range(60):
            for name in range(20):
                editor.show(str(name), say(str(second)))
            editor.show("answer", say(str(second)), live=True)
            await asyncio.sleep(1)
        return channel

    channel = simulated(story)
    assert len(channel.times("answer")) >= 3
    assert all(after - before >= 1 - ROUNDING for before, after in pairwise(starts(channel)))


def test_what_cannot_be_sent_is_tried_again_after_growing_pauses() -> None:
    async def story() -> Channel:
        failures: list[Outcome] = ["later"] * 4
        failures += ["raises"] * 4
        channel = Channel(iter(failures))
        editor = channel.editor()
        editor.show("m", say("result"), final=True)
        await editor.settle()
        assert not works()
        return channel

    with capture_logs() as logs:
        channel = simulated(story)
    assert channel.times("m") == [0, 1, 3, 7, 15, 31, 63, 123, 183]
    assert [entry["event"] for entry in logs] == ["edit_failed"] * 4
    assert all(entry["exc_info"] for entry in logs)


def test_a_message_in_trouble_does_not_hold_up_the_others() -> None:
    async def story() -> Channel:
        channel = Channel(iter(["later"] * 3))
        editor = channel.editor()
        editor.show("a", say("result"), final=True)
        await asyncio.sleep(4)  # it fails at 0, 1 and 3
        editor.show("b", say("result"), final=True)
        await editor.settle()
        return channel

    assert [(e.key, e.at) for e in simulated(story).edits[3:]] == [("b", 4), ("a", 7)]


def test_trouble_before_the_end_does_not_delay_the_final_state() -> None:
    async def story() -> Channel:
        channel = Channel(iter(["later"] * 6))
        editor = channel.editor()
        editor.show("m", say("begun"))
        await asyncio.sleep(60)
        assert channel.times("m") == [0, 10, 20, 30, 40, 56]
        editor.show("m", say("result"), final=True)
        await editor.settle()
        return channel

    assert simulated(story).edits[-1].at == 60


def test_after_an_hour_of_tries_a_message_is_given_up() -> None:
    async def story() -> tuple[Channel, float]:
        channel = Channel(iter(["later"] * 1000))
        editor = channel.editor()
        editor.show("m", say("result"), final=True)
        editor.show("n", say("progress"))
        await editor.settle()
        ended = asyncio.get_running_loop().time()
        await asyncio.sleep(HOUR)
        assert not works()
        return channel, ended

    with capture_logs() as logs:
        channel, ended = simulated(story)
    assert HOUR <= ended <= HOUR + 120
    assert {(e["event"], e["message"], e["final"]) for e in logs} == {
        ("edit_given_up", "m", True),
        ("edit_given_up", "n", False),
    }
    assert len(channel.edits) < 140


def test_what_nobody_wants_any_more_is_not_sent() -> None:
    async def story() -> Channel:
        channel = Channel(seconds=0.5)
        editor = channel.editor()
        editor.show("a", say("result"), final=True)
        editor.show("b", say("result"), final=True)
        editor.show("c", say("begun"))
        await asyncio.sleep(0.1)
        editor.drop("a")  # is on its way
        editor.drop("b")
        editor.drop("c")
        editor.drop("never seen")
        await editor.settle()
        await asyncio.sleep(100)
        assert not works()
        editor.show("a", say("begun anew"))
        await asyncio.sleep(1)
        return channel

    channel = simulated(story)
    assert [(e.key, e.text) for e in channel.edits] == [("a", "result"), ("a", "begun anew")]


def test_a_message_can_be_dropped_while_it_is_sent_by_the_one_who_sends_it() -> None:
    async def story() -> int:
        count = 0

        async def send(key: str, screen: Screen, final: bool) -> bool:
            nonlocal count
            count += 1
            editor.drop(key)
            return count > 1

        editor = Editor(send, clock=asyncio.get_running_loop().time)
        editor.show("m", say("result"), final=True)
        await editor.settle()
        await asyncio.sleep(100)
        return count

    assert simulated(story) == 1


def test_a_silent_channel_costs_nothing() -> None:
    async def story() -> None:
        channel = Channel()
        editor = channel.editor()
        assert not works()
        await editor.settle()
        editor.show("m", say("begun"))
        assert works()
        await asyncio.sleep(0.1)
        assert not works()
        editor.show("m", say("going on"))
        await asyncio.sleep(10)
        assert not works()
        assert channel.texts("m") == ["begun", "going on"]

    simulated(story)


def test_closing_sends_what_is_final_and_nothing_else() -> None:
    async def story() -> Channel:
        channel = Channel()
        editor = channel.editor()
        for name in "abc":
            editor.show(name, say("begun"))
        for name in "de":
            editor.show(name, say("result"), final=True)
        await editor.close()
        assert not works()
        editor.show("f", say("result"), final=True)
        await asyncio.sleep(100)
        await editor.settle()
        await editor.close()
        return channel

    assert [(e.key, e.at) for e in simulated(story).edits] == [("d", 0), ("e", 1)]


def test_closing_takes_ten_seconds_at_most() -> None:
    async def story() -> float:
        channel = Channel(iter(["later"] * 100), seconds=30)
        editor = channel.editor()
        editor.show("a", say("result"), final=True)
        editor.show("b", say("result"), final=True)
        await editor.close()
        assert not works()
        return asyncio.get_running_loop().time()

    with capture_logs() as logs:
        assert simulated(story) == pytest.approx(10)
    assert logs == [{"event": "final_states_left", "messages": 2, "log_level": "warning"}]


def test_a_hundred_runs_in_one_channel_all_show_their_results_within_the_pace() -> None:
    async def run(editor: Editor[str], number: int) -> None:
        for second in range(60 + number % 7):
            editor.show(str(number), say(f"{second} s"))
            await asyncio.sleep(1)
        editor.show(str(number), say("result"), final=True)

    async def story() -> Channel:
        channel = Channel(seconds=0.2)
        editor = channel.editor()
        await asyncio.gather(*(run(editor, number) for number in range(100)))
        await editor.settle()
        assert not works()
        return channel

    channel = simulated(story)
    assert all(after - before >= 1 - ROUNDING for before, after in pairwise(starts(channel)))
    for number in range(100):
        assert channel.texts(str(number)).count("result") == 1
        assert channel.texts(str(number))[-1] == "result"
    assert channel.edits[-1].at < 60 + 100 + 2


# -- whatever happens ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """Somebody shows or drops something, some time after the step before."""

    after: float
    key: str
    kind: Kind | Literal["drop"]


STEPS = st.lists(
    st.builds(
        Step,
        after=st.sampled_from([0.0, 0.0, 0.01, 0.3, 0.7, 1.0, 4.0, 15.0]),
        key=st.sampled_from("abcd"),
        kind=st.sampled_from(["progress", "progress", "progress", "live", "final", "drop"]),
    ),
    max_size=40,
)
OUTCOMES = st.lists(st.sampled_from(["done", "done", "done", "later", "raises"]), max_size=60)


def starts(channel: Channel) -> list[float]:
    return [edit.at for edit in channel.edits]


async def play(channel: Channel, steps: Sequence[Step]) -> None:
    editor = channel.editor()
    for number, step in enumerate(steps):
        await asyncio.sleep(step.after)
        if step.kind == "drop":
            editor.drop(step.key)
        else:
            screen = say(f"{step.kind} {number}")
            final, live = step.kind == "final", step.kind == "live"
            editor.show(step.key, screen, final=final, live=live)
    await editor.settle()
    await asyncio.sleep(HOUR / 2)
    assert not works()


@settings(deadline=None, max_examples=300)
@given(steps=STEPS, outcomes=OUTCOMES, seconds=st.sampled_from([0.0, 0.2, 3.0]))
def test_whatever_happens_the_pace_is_kept_and_every_last_state_arrives_once(
    steps: list[Step], outcomes: list[Outcome], seconds: float
) -> None:
    channel = Channel(iter(outcomes), seconds)
    with capture_logs():
        simulated(lambda: play(channel, steps))

    for before, after in pairwise(channel.edits):
        least = 0.7 if after.text.startswith("live") else 1.0
        assert after.at - before.at >= least - ROUNDING
    for key in "abcd":
        check_message(
            [step for step in steps if step.key == key],
            [edit for edit in channel.edits if edit.key == key],
            [number for number, step in enumerate(steps) if step.key == key],
        )


def check_message(steps: list[Step], edits: list[Edit], numbers: list[int]) -> None:
    sent = [int(edit.text.split()[-1]) for edit in edits]
    assert sent == sorted(sent)  # never back to an older state
    is_dropped = any(step.kind == "drop" for step in steps)
    if not is_dropped:
        for before, after in pairwise(edits):
            if after.text.startswith("progress"):
                assert after.at - before.at >= 10 - ROUNDING
    finals = [n for n, step in zip(numbers, steps, strict=True) if step.kind == "final"]
    if finals and not is_dropped:
        assert sent[-1] == finals[-1]
        last = [edit for edit, n in zip(edits, sent, strict=True) if n == finals[-1]]
        assert [edit.outcome for edit in last].count("done") == 1
        assert last[-1].outcome == "done"
        assert not [n for n in sent if n > finals[0] and n not in finals]
    elif steps and not is_dropped:
        assert sent[-1] == numbers[-1]  # progress, too, ends with the newest
        assert edits[-1].outcome == "done"
