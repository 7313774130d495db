"""The Discord bot under load: many commands at once, and many runs in one channel.

Discord is a local server in the process of the tests; the bot is ``autointel bot`` in a process of
its own, and a worker with simulated stages in another takes its jobs meanwhile, all on the same
cores. ``AUTOINTEL_TEST_SPEED`` says how many times faster than on Discord the edits of the second
benchmark may follow each other (5): its limits and the pauses of the bot are shortened alike.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.benchmarks.figures import Figures
from tests.conftest import ROOT
from tests.discord_server import (
    DiscordServer,
    Interaction,
    Limit,
    Message,
    discord_server,
    online,
)
from ultimate_discord_intelligence_bot.discord_bot import watcher
from ultimate_discord_intelligence_bot.discord_bot.client import Bot
from ultimate_discord_intelligence_bot.discord_bot.editor import Editor
from ultimate_discord_intelligence_bot.jobs.board import Board
from ultimate_discord_intelligence_bot.settings import Settings, load_settings

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(900)]

COMMANDS, SECONDS = 500, 10.0
RUNS = 100
SPEED = float(os.environ.get("AUTOINTEL_TEST_SPEED", "5"))

ENOUGH = "runs=10000,minutes=100000,dollars=100"
DONE = "Quotes are word for word."
"""Said in every result, and in nothing else."""

_HERE = Path(__file__).parent


class Process:
    """A process beside the tests, and what it uses; it is gone when the block ends."""

    def __init__(self, script: str, *arguments: str, log: Path, **environment: str) -> None:
        path = os.pathsep.join((str(ROOT), os.environ["PYTHONPATH"]))
        self.log = log
        with log.open("wb") as file:
            self.popen = subprocess.Popen(
                [sys.executable, _HERE / script, *arguments],
                env=os.environ | {"PYTHONPATH": path} | environment,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.popen.kill()
        self.popen.wait()

    def says(self, words: str, seconds: float = 60) -> None:
        """Wait until it does."""
        deadline = time.monotonic() + seconds
        while words not in self.log.read_text():
            assert self.popen.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.005)

    def end(self) -> int:
        """Ask it to end; returns its exit code."""
        self.popen.terminate()
        return self.popen.wait(60)

    @property
    def usage(self) -> tuple[float, float]:
        """The most memory that it had, in MB, and seconds of its processor."""
        return usage(self.popen.pid)

    @property
    def children(self) -> list[tuple[float, float]]:
        """The same for each of its children."""
        tasks = Path(f"/proc/{self.popen.pid}/task").iterdir()
        return [
            usage(int(pid)) for task in tasks for pid in (task / "children").read_text().split()
        ]


def usage(pid: int) -> tuple[float, float]:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    [peak] = [line.split()[1] for line in status if line.startswith("VmHWM")]
    times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return int(peak) * 1024 / 1e6, sum(map(int, times)) / os.sysconf("SC_CLK_TCK")


def bot_process(server: DiscordServer, folder: Path) -> Process:
    """The bot, which begins just now."""
    return Process(
        "bot_process.py",
        server.url,
        server.gateway,
        log=folder / "bot.log",
        DISCORD_BOT_TOKEN=server.token,
        AUTOINTEL_DATA_DIR=str(folder / "data"),
        AUTOINTEL_DISCORD_USER_QUOTA=ENOUGH,
        AUTOINTEL_DISCORD_GUILD_QUOTA=ENOUGH,
    )


@contextmanager
def worker(folder: Path, seconds: Mapping[str, float], concurrency: int) -> Iterator[Process]:
    """A worker that is ready."""
    with Process(
        "simulated_worker.py",
        json.dumps(seconds),
        str(concurrency),
        log=folder / "worker.log",
        AUTOINTEL_DATA_DIR=str(folder / "data"),
        AUTOINTEL_RUNS_PER_HOST="256",
    ) as process:
        process.says("ready")
        yield process


@pytest.fixture
def server() -> Iterator[DiscordServer]:
    with discord_server() as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(
        AUTOINTEL_DATA_DIR=tmp_path / "data",
        AUTOINTEL_DISCORD_USER_QUOTA=ENOUGH,
        AUTOINTEL_DISCORD_GUILD_QUOTA=ENOUGH,
    )


def test_the_bot_is_there_soon_and_light(
    server: DiscordServer, tmp_path: Path, figures: Figures
) -> None:
    server.guild("Debates")
    for which in ("first", "second"):
        began = time.perf_counter()
        with bot_process(server, tmp_path) as bot:
            server.until(lambda: server.connected, 60)
            connected = time.perf_counter() - began
            bot.says("is online")
            ready, (memory, cpu) = time.perf_counter() - began, bot.usage
            assert bot.end() == 0
        figures.note(f"{which} start: connected after", connected, "s")
        figures.note(f"{which} start: ready after", ready, "s")
        figures.note(f"{which} start: memory", memory, "MB", most=200)
        figures.note(f"{which} start: of a processor", cpu, "s")


class Crowd:
    """People in several channels of two guilds, who use commands.

    Attributes:
        wanted: what has been asked to be analysed, as tenant and link.
    """

    def __init__(self, server: DiscordServer) -> None:
        self._server = server
        guilds = [server.guild(name) for name in ("Debates", "Podcasts")]
        self._channels = [server.channel(guild, f"room-{n}") for n in range(3) for guild in guilds]
        self._people = [server.user(f"person-{n}") for n in range(50)]
        self.wanted: set[tuple[str, str]] = set()

    def use(self, number: int) -> Interaction:
        """Use the command of that number; most of them are for a link that nobody had before."""
        kind = number % 25
        link = number - (kind == 24)  # which somebody else has asked for a moment ago
        channel, user = self._channels[link % 6], self._people[number * 7 % 50]
        assert channel.guild is not None
        use = partial(self._server.begin_command, user, channel.guild, channel)
        if kind in (0, 1):
            return use("runs", whose="server" if kind else "mine")
        if kind in (2, 3, 4):
            name = ("status", "help", "search")[kind - 2]
            return use(name, **({"words": f"ants of {number}"} if name == "search" else {}))
        url = f"https://talks-{link % 40}.example.org/{link}"
        self.wanted.add((f"discord-{channel.guild.id}", url))
        return use("autointel", url=url)


def answers(interaction: Interaction) -> list[Message]:
    return [*filter(None, [interaction.message]), *interaction.followups]


def everything_shown(messages: Iterable[Message]) -> str:
    """All that messages ever said."""
    return json.dumps([(s.content, s.embeds) for m in messages for s in m.states], default=str)


def test_fifty_commands_a_second_are_answered_at_once(
    server: DiscordServer, settings: Settings, tmp_path: Path, figures: Figures
) -> None:
    crowd = Crowd(server)
    seconds = {"acquisition": 0.5, "transcription": 0.5}
    with bot_process(server, tmp_path) as bot, worker(tmp_path, seconds, 8):
        bot.says("is online")
        warm = crowd.use(COMMANDS + 5)  # for this one the worker imports whatever it needs
        server.until(lambda: any(DONE in message.text for message in answers(warm)), 60)
        (_, idle), began = bot.usage, time.monotonic()
        asked = []
        for number in range(COMMANDS):
            asked.append(crowd.use(number))
            due = began + (number + 1) * SECONDS / COMMANDS
            time.sleep(max(0.0, due - time.monotonic()))
        took = time.monotonic() - began
        for interaction in asked:
            interaction.wait()
        server.until(lambda: not any(m.loading for i in asked for m in answers(i)), 30)
        (memory, cpu), children = bot.usage, bot.children
        with Board(settings) as board:
            counts, views = board.counts(), list(board.look())
        left = bot.end()

    every = [interaction.answered or math.inf for interaction in asked]
    p50, p99 = (statistics.quantiles(every, n=100)[at] for at in (49, 98))
    figures.note("commands", COMMANDS / took, "a second")
    figures.note("acknowledged, median", p50 * 1000, "ms")
    figures.note("acknowledged, 99th percentile", p99 * 1000, "ms", most=1000)
    figures.note("acknowledged, worst", max(every) * 1000, "ms")
    for name in dict.fromkeys(i.data["name"] for i in asked):
        print(f"  {told([i for i in asked if i.data['name'] == name])}")
    figures.note("the bot: memory", memory, "MB", most=500)
    figures.note("the bot: of a processor", cpu - idle, "s")
    for memory_of_child, cpu_of_child in children:
        figures.note("its reader: memory", memory_of_child, "MB")
        figures.note("its reader: of a processor", cpu_of_child, "s")
    limited = [refusal for refusal in server.refused if refusal.status == 429]
    figures.note("refused by Discord (429)", len(limited), "times")
    figures.note("runs that ended meanwhile", len(views) - sum(counts.values()), "")

    assert took <= SECONDS * 1.1
    assert not any(interaction.failed for interaction in asked)
    assert "Failed" not in everything_shown(m for i in asked for m in answers(i))
    assert server.refused == limited
    assert Counter((v.job.tenant, v.job.url) for v in views) == Counter(crowd.wanted)
    assert "level=error" not in bot.log.read_text()
    assert left == 0


def told(asked: Sequence[Interaction]) -> str:
    """How soon commands of one name were answered."""
    first = [(i.answered or math.inf) * 1000 for i in asked]
    line = f"{len(asked):3} × /{asked[0].data['name']:<10} {_spread(first)}"
    if not any(i.deferred for i in asked):
        return line
    whole = [(max(m.now.at for m in answers(i)) - i.made) * 1000 for i in asked]
    return f"{line}; answered in full: {_spread(whole)}"


def _spread(values: Sequence[float]) -> str:
    return f"median {statistics.median(values):4.0f}, worst {max(values):4.0f}"


def results(message: Message) -> list[bool]:
    """Of everything that a message showed in turn, whether it was the result."""
    return [DONE in json.dumps([state.content, state.embeds]) for state in message.states]


def test_a_hundred_runs_in_one_channel_end_within_the_limit(
    server: DiscordServer, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.limits["edit"] = Limit(5, 5.0 / SPEED)
    quick = partial(Editor, every=10.0 / SPEED, gap=1.0 / SPEED, live=0.7 / SPEED)
    monkeypatch.setattr(watcher, "Editor", quick)
    guild = server.guild("Debates")
    channel, people = server.channel(guild, "general"), [server.user(f"p-{n}") for n in range(20)]
    ahead: list[float] = []
    bot = Bot(
        settings,
        clock=lambda: server.now() + sum(ahead),
        pause=2.0 / SPEED,
        guild_ready_timeout=0.1,
    )
    seconds = {"acquisition": 1.0, "transcription": 2.0, "claims": 1.0, "vector_memory": 1.0}
    with online(bot, server):
        asked = [
            server.use_command(
                people[n % 20], guild, channel, "autointel", url=f"https://example.org/{n}"
            )
            for n in range(RUNS)
        ]
        # By its token each message has a limit of its own; when the bot takes that for dead, the
        # limit of the channel counts.
        ahead.append(14 * 60)
        with worker(tmp_path, seconds, RUNS):
            began = time.monotonic()
            messages = [message for i in asked for message in answers(i)]
            server.until(lambda: any(results(message)[-1] for message in messages), 120)
            first = time.monotonic() - began
            server.until(lambda: all(results(message)[-1] for message in messages), 120 * SPEED)
            took = time.monotonic() - began
        with Board(settings) as board:
            ends = [view.ended for view in board.look() if view.ended]
    shown = [results(message) for message in messages]
    edits = [len(each) - 1 for each in shown]
    limited = [refusal for refusal in server.refused if refusal.status == 429]
    lasted = (max(ends) - min(ends)).total_seconds()
    print(
        f"\n{RUNS} runs at once in one channel, {SPEED:g} × as fast as on Discord\n"
        f"  ended within {lasted:.1f} s of each other; the first result was shown after "
        f"{first:.1f} s, the last after {took:.1f} s\n"
        f"  {sum(edits)} edits, for each run {min(edits)} to {max(edits)}; "
        f"{len(limited)} times 429"
    )
    assert len(messages) == RUNS
    assert server.refused == limited == []
    assert all(sum(each) == 1 for each in shown)
    assert sum(edits) <= 1.1 * took * SPEED
