"""Nobody uses more than they may within 24 hours, whatever happens in between."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ultimate_discord_intelligence_bot.discord_bot.quotas import Charge, Quotas, quota, stricter
from ultimate_discord_intelligence_bot.discord_bot.records import HOUR, KEPT_HOURS, Records
from ultimate_discord_intelligence_bot.discord_bot.rules import Quota, Rules
from ultimate_discord_intelligence_bot.errors import QuotaReached, SettingsError
from ultimate_discord_intelligence_bot.runs import OF_THE_MOMENT
from ultimate_discord_intelligence_bot.settings import SECRETS, Settings, load_settings

ANN, BEN = 1, 2
GUILD, ELSEWHERE = 77, 78
NONE = Rules()
RUN = Charge(runs=1)


class Clock:
    """Stands until it is moved; begins a quarter past an hour."""

    def __init__(self) -> None:
        self.now = 500_000 * HOUR + 900

    def __call__(self) -> float:
        return self.now

    def advance(self, hours: float) -> None:
        self.now += hours * HOUR


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def records(data_dir: Path) -> Iterator[Records]:
    with Records(data_dir / "discord.sqlite") as opened:
        yield opened


@pytest.fixture
def quotas(records: Records, clock: Clock) -> Quotas:
    return made(records, clock)


def made(
    records: Records,
    clock: Clock,
    user: str = "runs=3,minutes=100,dollars=2",
    guild: str = "runs=5,minutes=150,dollars=3",
) -> Quotas:
    chosen = load_settings(AUTOINTEL_DISCORD_USER_QUOTA=user, AUTOINTEL_DISCORD_GUILD_QUOTA=guild)
    return Quotas(records, chosen, clock=clock)


def refused(
    quotas: Quotas,
    user: int = ANN,
    guild: int | None = None,
    rules: Rules = NONE,
    expected: Charge = RUN,
) -> QuotaReached:
    with pytest.raises(QuotaReached) as caught:
        quotas.reserve("too much", user, guild, rules, expected)
    return caught.value


# -- what a member and a guild may use ------------------------------------------------------------


def test_a_member_may_ask_so_often_and_no_more(quotas: Quotas) -> None:
    for number in range(3):
        quotas.reserve(f"job-{number}", ANN, None, NONE, RUN)
    error = refused(quotas)
    assert error.message == "You have used 3 of 3 runs of the last 24 hours."
    assert error.remedy == "Ask again in about 25 hours."
    assert error.code == "quota_reached"
    quotas.reserve("of another", BEN, None, NONE, RUN)


def test_what_a_member_uses_counts_wherever_they_ask(quotas: Quotas) -> None:
    for number, guild in enumerate((None, GUILD, ELSEWHERE)):
        quotas.reserve(f"job-{number}", ANN, guild, NONE, RUN)
    assert "You have used 3 of 3" in refused(quotas, guild=GUILD).message


def test_a_guild_has_a_quota_for_all_its_members_together(quotas: Quotas) -> None:
    for user in range(10, 15):
        quotas.reserve(f"job-{user}", user, GUILD, NONE, RUN)
    error = refused(quotas, guild=GUILD)
    assert error.message == "This server has used 5 of 5 runs of the last 24 hours."
    quotas.reserve("elsewhere", ANN, ELSEWHERE, NONE, RUN)
    quotas.reserve("alone", ANN, None, NONE, RUN)


def test_minutes_and_dollars_are_counted_too(quotas: Quotas) -> None:
    quotas.reserve("long", ANN, None, NONE, Charge(1, minutes=90))
    error = refused(quotas, expected=Charge(1, minutes=10.5))
    assert error.message == (
        "You have used 90 of 100 minutes of the last 24 hours, and this may take 10.5 minutes."
    )
    quotas.reserve("short", ANN, None, NONE, Charge(1, minutes=9, dollars=1.5))
    error = refused(quotas, expected=Charge(dollars=0.6))
    assert error.message == (
        "You have used $1.50 of $2.00 of the last 24 hours, and this may take $0.60."
    )


def test_a_run_of_unknown_length_needs_some_minutes_to_be_left(quotas: Quotas) -> None:
    quotas.reserve("long", ANN, None, NONE, Charge(1, minutes=99.5))
    quotas.reserve("unknown", ANN, None, NONE, RUN)
    quotas.settle("unknown", Charge(1, minutes=30))
    error = refused(quotas)
    assert error.message == "You have used 129.5 of 100 minutes of the last 24 hours."


def test_a_run_that_costs_nothing_needs_no_dollars(quotas: Quotas) -> None:
    quotas.reserve("dear", ANN, None, NONE, Charge(1, dollars=2))
    quotas.settle("dear", Charge(1, dollars=2.5))
    assert quotas.reserve("free", ANN, None, NONE, RUN).dollars == 0


def test_a_run_may_use_what_is_left_to_whoever_has_least(quotas: Quotas) -> None:
    quotas.reserve("of ben", BEN, GUILD, NONE, Charge(1, minutes=80, dollars=0.5))
    left = quotas.reserve("of ann", ANN, GUILD, NONE, Charge(1, minutes=20, dollars=1))
    assert left == Charge(runs=3, minutes=70, dollars=2)


def test_without_quotas_there_is_no_end(records: Records, clock: Clock) -> None:
    quotas = made(records, clock, user="runs=,minutes=,dollars=", guild="runs=")
    endless = Charge(math.inf, math.inf, math.inf)
    assert quotas.reserve("a", ANN, GUILD, NONE, endless) == endless
    assert quotas.reserve("b", ANN, GUILD, NONE, endless) == endless
    assert quotas.left(ANN, GUILD, NONE) == (endless, endless)


def test_what_is_left_is_shown_to_member_and_guild(quotas: Quotas) -> None:
    quotas.reserve("a", ANN, GUILD, NONE, Charge(1, minutes=40, dollars=0.25))
    of_ann, of_guild = quotas.left(ANN, GUILD, NONE)
    assert (of_ann, of_guild) == (Charge(2, 60, 1.75), Charge(4, 110, 2.75))
    of_ann, of_nobody = quotas.left(ANN, None, NONE)
    assert (of_ann, of_nobody) == (Charge(2, 60, 1.75), Charge(math.inf, math.inf, math.inf))


# -- what a guild decides -------------------------------------------------------------------------


def test_a_guild_may_allow_less_and_never_more(quotas: Quotas) -> None:
    rules = Rules(user=Quota(runs=1, minutes=1_000), guild=Quota(dollars=1))
    of_ann, of_guild = quotas.left(ANN, GUILD, rules)
    assert (of_ann, of_guild) == (Charge(1, 100, 2), Charge(5, 150, 1))


def test_what_an_admin_forbids_an_admin_can_allow(quotas: Quotas) -> None:
    error = refused(quotas, guild=GUILD, rules=Rules(guild=Quota(runs=0)))
    assert error.message == "This server has used 0 of 0 runs of the last 24 hours."
    assert error.remedy == "An admin of this server can change that with /settings."


def test_what_the_operator_forbids_only_they_can_allow(quotas: Quotas) -> None:
    error = refused(quotas, guild=GUILD, expected=Charge(1, minutes=101))
    assert error.message == (
        "You have used 0 of 100 minutes of the last 24 hours, and this may take 101 minutes."
    )
    assert "whoever runs this bot" in error.remedy


# -- when there is more ---------------------------------------------------------------------------


def test_a_run_counts_no_more_after_24_hours(quotas: Quotas, clock: Clock) -> None:
    for number in range(3):
        quotas.reserve(f"job-{number}", ANN, None, NONE, RUN)
        clock.advance(2)
    clock.advance(17.9)
    assert refused(quotas).remedy == "Ask again in about 51 minutes."
    clock.advance(51 / 60)
    quotas.reserve("next", ANN, None, NONE, RUN)
    assert refused(quotas).remedy == "Ask again in about 2 hours."


def test_the_time_is_told_when_enough_will_be_free(quotas: Quotas, clock: Clock) -> None:
    quotas.reserve("a", ANN, None, NONE, Charge(1, minutes=10))
    clock.advance(3)
    quotas.reserve("b", ANN, None, NONE, Charge(1, minutes=80))
    assert refused(quotas, expected=Charge(1, minutes=20)).remedy.endswith("about 22 hours.")
    assert refused(quotas, expected=Charge(1, minutes=21)).remedy.endswith("about 25 hours.")


def test_of_several_reasons_the_one_is_told_that_lasts_longest(
    quotas: Quotas, clock: Clock
) -> None:
    for number in range(3):
        quotas.reserve(f"job-{number}", ANN, None, NONE, RUN)
    clock.advance(5)
    quotas.reserve("of ben", BEN, GUILD, NONE, Charge(1, dollars=2))
    quotas.settle("of ben", Charge(1, dollars=3))
    error = refused(quotas, guild=GUILD, expected=Charge(1, dollars=0.5))
    assert error.message.startswith("This server has used $3.00 of $3.00")


# -- what a run really used -----------------------------------------------------------------------


def test_what_was_used_replaces_what_was_reserved(quotas: Quotas) -> None:
    quotas.reserve("a", ANN, GUILD, NONE, Charge(1, minutes=60, dollars=2))
    quotas.settle("a", Charge(1, minutes=70, dollars=0.1))
    assert quotas.left(ANN, GUILD, NONE) == (Charge(2, 30, 1.9), Charge(4, 80, 2.9))


def test_a_run_that_never_began_is_given_back(quotas: Quotas) -> None:
    before = quotas.left(ANN, GUILD, NONE)
    quotas.reserve("a", ANN, GUILD, NONE, Charge(1, minutes=60, dollars=2))
    quotas.settle("a", None)
    assert quotas.left(ANN, GUILD, NONE) == before


def test_settling_twice_is_harmless_also_after_a_restart(
    quotas: Quotas, records: Records, clock: Clock, data_dir: Path
) -> None:
    quotas.reserve("a", ANN, GUILD, NONE, Charge(1, minutes=60))
    quotas.settle("a", Charge(1, minutes=70))
    quotas.settle("a", None)
    quotas.settle("never heard of", Charge(1, minutes=70))
    records.close()
    with Records(data_dir / "discord.sqlite") as reopened:
        quotas = made(reopened, clock)
        quotas.settle("a", None)
        assert quotas.left(ANN, GUILD, NONE)[0] == Charge(2, 30, 2)


def test_what_is_settled_late_counts_when_it_was_asked_for(quotas: Quotas, clock: Clock) -> None:
    quotas.reserve("a", ANN, None, NONE, RUN)
    clock.advance(20)
    quotas.settle("a", Charge(1, minutes=70))
    assert quotas.left(ANN, None, NONE)[0].minutes == 30
    clock.advance(6)
    assert quotas.left(ANN, None, NONE)[0] == Charge(3, 100, 2)


def test_a_job_reserves_once_however_often_it_is_asked_for(quotas: Quotas) -> None:
    for _ in range(9):
        quotas.reserve("same", ANN, GUILD, NONE, Charge(1, minutes=90))
    quotas.reserve("same", BEN, GUILD, NONE, Charge(1, minutes=80))
    assert quotas.left(ANN, GUILD, NONE) == (Charge(3, 100, 2), Charge(4, 70, 3))


def test_a_refusal_changes_nothing(quotas: Quotas) -> None:
    quotas.reserve("a", ANN, GUILD, NONE, Charge(1, minutes=60))
    before = quotas.left(ANN, GUILD, NONE)
    with pytest.raises(QuotaReached):
        quotas.reserve("a", ANN, GUILD, NONE, Charge(1, minutes=101))
    assert quotas.left(ANN, GUILD, NONE) == before
    quotas.settle("a", None)
    assert quotas.left(ANN, GUILD, NONE)[0] == Charge(3, 100, 2)


def test_a_recording_is_counted_as_soon_as_its_length_is_known(quotas: Quotas) -> None:
    quotas.reserve("a", ANN, GUILD, NONE, Charge(1, minutes=5, dollars=1))
    assert quotas.measure("a", 60) is None
    assert quotas.measure("a", 60) is None
    assert quotas.left(ANN, GUILD, NONE)[0] == Charge(2, 40, 1)
    quotas.settle("a", Charge(1, minutes=60))
    assert quotas.measure("a", 99) is None
    assert quotas.left(ANN, GUILD, NONE)[0] == Charge(2, 40, 2)


def test_a_recording_that_proves_too_long_is_refused(quotas: Quotas, records: Records) -> None:
    quotas.reserve("a", ANN, GUILD, NONE, Charge(1, minutes=5))
    records.decide(GUILD, Rules(guild=Quota(minutes=50)))
    error = quotas.measure("a", 60)
    assert error is not None
    assert error.message == (
        "This server has used 0 of 50 minutes of the last 24 hours, and this may take 60 minutes."
    )
    assert quotas.left(ANN, GUILD, NONE)[0] == Charge(2, 95, 2)


def test_a_length_that_is_known_too_late_counts_no_more(quotas: Quotas, clock: Clock) -> None:
    quotas.reserve("a", ANN, None, NONE, RUN)
    clock.advance(26)
    assert quotas.measure("a", 500) is None
    quotas.settle("a", Charge(1, minutes=500))
    assert quotas.left(ANN, None, NONE)[0] == Charge(3, 100, 2)


@pytest.mark.parametrize("amount", [-1.0, math.nan])
def test_nothing_can_be_gained_by_using_less_than_nothing(amount: float) -> None:
    with pytest.raises(ValueError, match="cannot be used"):
        Charge(1, minutes=amount)


# -- at once --------------------------------------------------------------------------------------


def test_two_requests_at_once_never_both_get_the_last_one(
    records: Records, clock: Clock, data_dir: Path
) -> None:
    with Records(data_dir / "discord.sqlite") as second:
        desks = [made(records, clock), made(second, clock)]

        def ask(number: int) -> bool:
            user = number % 7
            try:
                desks[number % 2].reserve(f"job-{number}", user, GUILD, NONE, Charge(1, 12))
            except QuotaReached:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            granted = list(pool.map(ask, range(60)))
    assert sum(granted) == 5
    assert desks[0].left(ANN, GUILD, NONE)[1] == Charge(0, 90, 3)


# -- settings -------------------------------------------------------------------------------------


def test_the_operator_sets_what_holds_for_everybody(settings: Settings) -> None:
    assert quota(settings.discord_user_quota) == Quota(runs=20, minutes=600, dollars=5)
    assert quota(settings.discord_guild_quota) == Quota(runs=100, minutes=3_000, dollars=25)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("runs=0", Quota(runs=0)),
        ("runs=,minutes=,dollars=", Quota()),
        ("dollars=0.5,runs=7", Quota(runs=7, dollars=0.5)),
        ("minutes=90.25,dollars=", Quota(minutes=90.25)),
    ],
)
def test_what_is_empty_or_not_named_has_no_limit(text: str, meant: Quota) -> None:
    chosen = load_settings(AUTOINTEL_DISCORD_USER_QUOTA=text)
    assert quota(chosen.discord_user_quota) == meant


@pytest.mark.parametrize("text", ["20", "runs=-1", "runs=1.5", "hours=3", "runs=1,", "runs=1;x"])
@pytest.mark.parametrize("name", ["USER", "GUILD"])
def test_a_quota_that_cannot_be_understood_is_refused(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"AUTOINTEL_DISCORD_{name}_QUOTA"):
        load_settings(**{f"AUTOINTEL_DISCORD_{name}_QUOTA": text})


def test_the_stricter_of_two_quotas_holds_for_each_measure() -> None:
    one, other = Quota(runs=3, minutes=10), Quota(runs=5, minutes=4, dollars=1)
    assert stricter(one, other) == stricter(other, one) == Quota(runs=3, minutes=4, dollars=1)
    assert stricter(one, None) == one


def test_settings_of_the_bot_change_no_result() -> None:
    ours = {name for name in Settings.model_fields if name.startswith("discord_")}
    assert ours <= OF_THE_MOMENT
    assert "discord_token" in SECRETS


# -- any sequence ---------------------------------------------------------------------------------


@dataclass
class Entry:
    """What the model remembers of a run: when, for whom, how much."""

    at: float
    payers: tuple[str, ...]
    used: Charge
    is_open: bool = True


USERS, GUILDS = st.integers(1, 2), st.none() | st.integers(7, 8)
# Amounts that a float holds exactly, so that the model may simply add.
CHARGES = st.builds(
    Charge,
    runs=st.integers(0, 2),
    minutes=st.integers(0, 240).map(lambda quarters: quarters / 4),
    dollars=st.integers(0, 12).map(lambda quarters: quarters / 4),
)
LIMITS = {"user": Charge(6, 100, 6), "guild": Charge(8, 150, 8)}


def total(entries: list[Entry]) -> Charge:
    used = [entry.used for entry in entries]
    return Charge(
        sum(each.runs for each in used),
        sum(each.minutes for each in used),
        sum(each.dollars for each in used),
    )


def fits(used: Charge, need: Charge, limit: Charge) -> bool:
    return (
        (not need.runs or used.runs + need.runs <= limit.runs)
        and used.minutes + max(need.minutes, 0.001) <= limit.minutes
        and (not need.dollars or used.dollars + need.dollars <= limit.dollars)
    )


class AnySequence(RuleBasedStateMachine):
    """Compares the buckets with a list of all runs, while the clock moves and the bot restarts."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock()
        self.entries: dict[str, Entry] = {}
        self.number = 0
        self.open()

    @rule()
    def restart(self) -> None:
        self.records.close()
        self.open()

    def open(self) -> None:
        self.records = Records(Path(self.folder.name) / "discord.sqlite")
        self.quotas = made(
            self.records,
            self.clock,
            user="runs=6,minutes=100,dollars=6",
            guild="runs=8,minutes=150,dollars=8",
        )

    @rule(hours=st.floats(0, 30) | st.sampled_from([0.75, 1.0, 23.75, 24.0, 24.75, 25.0]))
    def wait(self, hours: float) -> None:
        self.clock.advance(hours)

    @rule(user=USERS, guild=GUILDS, expected=CHARGES)
    def reserve(self, user: int, guild: int | None, expected: Charge) -> None:
        self.number += 1
        payers = (f"user:{user}", *([] if guild is None else [f"guild:{guild}"]))
        expect_success = all(
            fits(total(self.counted(payer)), expected, LIMITS[payer.split(":")[0]])
            for payer in payers
        )
        job = f"job-{self.number}"
        try:
            self.quotas.reserve(job, user, guild, NONE, expected)
        except QuotaReached:
            assert not expect_success
        else:
            assert expect_success
            self.entries[job] = Entry(self.clock.now, payers, expected)

    @precondition(lambda self: self.entries)
    @rule(data=st.data(), actual=st.none() | CHARGES)
    def settle(self, data: st.DataObject, actual: Charge | None) -> None:
        job = data.draw(st.sampled_from(sorted(self.entries)))
        self.quotas.settle(job, actual)
        entry = self.entries[job]
        if entry.is_open:
            entry.used, entry.is_open = actual or Charge(), False

    @rule(days=st.floats(0, 3))
    def prune(self, days: float) -> None:
        self.records.prune(self.clock.now - days * 24 * HOUR)

    def counted(self, payer: str) -> list[Entry]:
        """Those that count now: asked for in this hour or in one of the 24 before."""
        first = self.clock.now // HOUR - KEPT_HOURS + 1
        return [e for e in self.entries.values() if payer in e.payers and e.at // HOUR >= first]

    @invariant()
    def everybody_has_left_what_a_window_of_24_to_25_hours_leaves_them(self) -> None:
        age = {name: self.clock.now - entry.at for name, entry in self.entries.items()}
        for user, guild in ((1, 7), (2, 8)):
            payers = (f"user:{user}", f"guild:{guild}")
            for payer, left in zip(payers, self.quotas.left(user, guild, NONE), strict=True):
                counted = self.counted(payer)
                used, limit = total(counted), LIMITS[payer.split(":")[0]]
                assert left.runs == max(0, limit.runs - used.runs)
                assert left.minutes == max(0, limit.minutes - used.minutes)
                assert left.dollars == max(0, limit.dollars - used.dollars)
                for name, entry in self.entries.items():
                    if payer in entry.payers and age[name] < 24 * HOUR:
                        assert entry in counted
                    if age[name] > 25 * HOUR:
                        assert entry not in counted

    @invariant()
    def nobody_takes_more_than_a_row_for_each_hour(self) -> None:
        with self.records.transaction() as database:
            rows = database.execute("SELECT count(*) FROM usage GROUP BY payer").fetchall()
            (least,) = database.execute(
                "SELECT min(min(runs, minutes, dollars)) FROM usage"
            ).fetchone()
        assert all(count <= KEPT_HOURS for (count,) in rows)
        assert least is None or least >= 0

    def teardown(self) -> None:
        self.records.close()
        self.folder.cleanup()


TestAnySequence = AnySequence.TestCase
TestAnySequence.settings = hypothesis_settings(
    max_examples=40, stateful_step_count=30, deadline=None
)
