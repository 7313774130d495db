"""Answers show who said what, when and where, keep to the limits and let no markup in."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bot_screens import (
    ADDRESSES,
    EVIL,
    PHASES,
    VIDEO,
    assert_accepted,
    assert_harmless,
    in_order,
    shown,
)
from ultimate_discord_intelligence_bot.discord_bot.answers import (
    Health,
    claims,
    contradictions,
    help_text,
    rules,
    runs,
    search_results,
    status,
)
from ultimate_discord_intelligence_bot.discord_bot.quotas import Charge
from ultimate_discord_intelligence_bot.discord_bot.rules import Quota, Rules
from ultimate_discord_intelligence_bot.jobs.job import Job, JobView
from ultimate_discord_intelligence_bot.models.graph import Link, StatedClaim
from ultimate_discord_intelligence_bot.models.memory import Hit
from ultimate_discord_intelligence_bot.models.verification import Label
from ultimate_discord_intelligence_bot.settings import Depth


def claim(text: str = "Rents doubled.", **changes: object) -> StatedClaim:
    given: dict[str, object] = {
        "id": "c",
        "text": text,
        "speaker": "Ruth",
        "start": 70.0,
        "source_id": "s",
        "title": "The rent debate",
        "url": f"{VIDEO}&t=70s",
        "published": date(2024, 5, 2),
        "verdict": Label.REFUTED.value,
    }
    return StatedClaim.model_validate(given | changes)


def pair(first: StatedClaim, second: StatedClaim, reason: str = "two figures") -> Link:
    return Link(kind="CONTRADICTS", first=first, second=second, reason=reason, since=None)


def test_a_search_shows_who_said_what_where() -> None:
    hit = Hit(
        id="h", kind="claim", text="It doubled.", start=70, end=75, speaker="Ruth", source_id="s",
        source="Mars or not", url=VIDEO, published=date(2024, 5, 2), score=1.0,
        verdict=Label.REFUTED.value,
    )  # fmt: skip
    text = shown(search_results([hit], "doubled"))
    assert "**1.** **Ruth**: “It doubled.”" in text
    assert f"Mars or not, 2024-05-02, [1:10]({VIDEO}) · ✗ Refuted" in text
    assert "Try other words" in shown(search_results([], "doubled"))


def test_the_status_puts_what_is_wrong_first() -> None:
    text = shown(status(Health(3, 0, 0, 12, 900, ("The memory is locked.",))))
    assert in_order(text, "Something is wrong", "start `autointel worker`", "locked", "3 waiting")
    assert "All is well" in shown(status(Health(0, 1, 1, 12, 900)))


# -- claims and pairs of them ----------------------------------------------------------------------


def test_a_claim_leads_to_its_moment_and_tells_its_verdict_in_words() -> None:
    text = shown(claims([claim(), claim("Trams are late.", verdict=None, published=None)]))
    assert f"**1.** [1:10]({VIDEO}&t=70s) **Ruth**: “Rents doubled.”" in text
    assert "The rent debate, 2024-05-02 · ✗ Refuted" in text
    assert "The rent debate, no date · not checked" in text
    assert in_order(text, "2 claims", "**1.**", "**2.**")


def test_both_sides_of_a_contradiction_lead_to_their_moments() -> None:
    older = claim("Rents doubled.", published=date(2019, 1, 2))
    newer = claim("Rents fell.", speaker="Ann", title="A talk", url="https://a.example/talk#t=9")
    text = shown(contradictions([pair(older, newer)]))
    assert in_order(
        text,
        "1 contradiction",
        "**1.** two figures",
        f"[1:10]({VIDEO}&t=70s) **Ruth**: “Rents doubled.”",
        "The rent debate, 2019-01-02",
        "[1:10](https://a.example/talk#t=9) **Ann**: “Rents fell.”",
        "A talk, 2024-05-02",
    )


def test_where_nothing_is_found_one_reads_what_to_do() -> None:
    assert "Leave out a filter" in shown(claims([]))
    assert "depth comprehensive" in shown(contradictions([]))


@pytest.mark.parametrize("many", [21, 200])
def test_what_does_not_fit_is_counted(many: int) -> None:
    long = [claim("very long words " * 50) for _ in range(many)]
    screen = claims(long)
    assert_accepted(screen)
    text = shown(screen)
    numbered = sum(f"**{place}.**" in text for place in range(1, many + 1))
    assert numbered >= 10
    assert f"… and {many - numbered} more" in text
    pairs = contradictions([pair(each, each) for each in long])
    assert_accepted(pairs)
    assert "more" in shown(pairs).rsplit("\n", 2)[-2]


# -- what is allowed ---------------------------------------------------------------------------


def test_the_rules_tell_what_is_decided_and_what_is_left() -> None:
    held = Rules(
        channels=(12, 34),
        depth=Depth.DEEP,
        language="en",
        user=Quota(runs=10, minutes=90.0),
        guild=None,
    )
    screen = rules(held, Charge(1, 12.7, math.inf), Charge(math.inf, 1_000_000, 1.999))
    text = screen.embeds[0].description or ""
    assert in_order(
        text,
        "<#12> <#34>",
        "deep",
        "en",
        "Each member may use: 10 runs, 90 minutes, otherwise as the operator of the bot has set it",
        "You have left: 1 run, 12 minutes, any number of dollars",
        "All together may use: as the operator of the bot has set it",
        "Left of it: any number of runs, 1,000,000 minutes, 1.99 dollars",
    )


def test_without_rules_it_may_be_asked_everywhere() -> None:
    everything = Charge(math.inf, math.inf, math.inf)
    assert "everywhere" in shown(rules(Rules(), everything, everything))


AMOUNTS = st.floats(0, allow_nan=False, allow_infinity=True) | st.sampled_from((0.0, 1e300))


@given(st.integers(0, 500), AMOUNTS, AMOUNTS, st.text(max_size=3))
def test_no_rules_break_a_limit(channels: int, some: float, other: float, language: str) -> None:
    quota = Quota(runs=10**30, minutes=some, dollars=other)
    held = Rules(channels=(2**64 - 1,) * channels, user=quota, guild=quota)
    assert_accepted(rules(held, Charge(some, other, some), Charge(other, some, other)))


# -- whatever is in it ---------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, phases=PHASES)
@given(EVIL, EVIL, ADDRESSES, st.floats(-1e9, 1e9), st.integers(-1, 10**6))
def test_no_answer_breaks_a_limit_or_out_of_its_place(
    evil: str, other: str, url: str, number: float, count: int
) -> None:
    hit = Hit(
        id="h", kind="claim", text=evil, start=number, end=number, speaker=other, source_id="s",
        source=other, url=url, published=None, score=1.0, exact=bool(count % 2), verdict=evil,
    )  # fmt: skip
    view = JobView(
        id="bot-1", job=Job(url=url + evil, depth=Depth.DEEP, tenant="t"), status="failed",
        created=datetime(2026, 3, 1, tzinfo=UTC), began=None, ended=None, worker=None, tries=1,
    )  # fmt: skip
    stated = claim(evil, speaker=other, start=number, title=other, url=url, verdict=evil)
    for screen in (
        search_results([hit] * 30, evil),
        search_results([], evil),
        claims([stated] * 30),
        claims([stated]),
        contradictions([pair(stated, stated, evil)] * 30),
        contradictions([pair(stated, claim(other), evil)]),
        status(Health(count, count, count, count, count, (evil or "x",) * 50)),
        runs([view] * 40),
        help_text(
            {evil: other} | {f"command{n}": "does a thing " * 9 for n in range(90)}, {evil: other}
        ),
    ):
        assert_harmless(screen)
