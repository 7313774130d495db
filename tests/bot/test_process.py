"""The bot as an operator runs it: a process of its own, or one beside a worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.bot.conftest import DONE, World, local_discord
from tests.conftest import ROOT
from tests.discord_server import PRIVILEGED, DiscordServer
from tests.processes import alive
from ultimate_discord_intelligence_bot.cli import serve
from ultimate_discord_intelligence_bot.discord_bot.client import PERMISSIONS, Bot
from ultimate_discord_intelligence_bot.errors import BotRunning

pytestmark = pytest.mark.xdist_group("bot")


class Command:
    """``autointel bot`` or ``serve`` in a process of its own."""

    def __init__(
        self, name: str, server: DiscordServer, data_dir: Path, token: str | None = None
    ) -> None:
        self.log = data_dir.with_name(f"{data_dir.name}-{name}.log")
        self.server, self._data_dir = server, data_dir
        environment = os.environ | {
            "AUTOINTEL_DATA_DIR": str(data_dir),
            "AUTOINTEL_LOG_LEVEL": "debug",
            "DISCORD_BOT_TOKEN": server.token if token is None else token,
        }
        environment["PYTHONPATH"] = f"{ROOT}{os.pathsep}{environment['PYTHONPATH']}"
        script = Path(__file__).with_name("cli_process.py")
        with self.log.open("a") as log:
            self.popen = subprocess.Popen(
                [sys.executable, script, name, server.url, server.gateway],
                env=environment,
                stderr=log,
                cwd=data_dir.parent,
            )

    @property
    def told(self) -> str:
        return self.log.read_text()

    def says(self, words: str, seconds: float = 60) -> None:
        """Wait until it does."""
        self.server.until(lambda: words in self.told or self.popen.poll() is not None, seconds)
        assert words in self.told

    def bot(self) -> int:
        """The process that is the bot."""
        return int((self._data_dir / "discord.lock").read_text())

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait()

    def end(self) -> int:
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(60)


Start = Callable[..., Command]


@pytest.fixture
def server() -> Iterator[DiscordServer]:
    with local_discord() as started:
        yield started


@pytest.fixture
def start(data_dir: Path) -> Iterator[Start]:
    """Starts commands; those that are left are killed at the end."""
    started: list[Command] = []

    def begin(name: str, server: DiscordServer, token: str | None = None) -> Command:
        started.append(Command(name, server, data_dir, token))
        return started[-1]

    yield begin
    for command in started:
        command.kill()


def test_a_bot_that_was_killed_goes_on_in_the_same_messages(lonely: World, start: Start) -> None:
    world = lonely
    first = start("bot", world.server)
    first.says("The bot is online")
    world.server.limit(2, 0.1, on="/callback")
    world.server.limit(2, 0.1, on="PATCH")
    asked = world.ask()
    assert not asked.failed
    world.until(world.jobs)
    with pytest.raises(BotRunning, match=f"Process {first.popen.pid} is the bot of"):
        Bot(world.settings)
    first.kill()
    world.server.advance(16 * 60)
    second = start("bot", world.server)
    with world.worker():
        world.shown(asked, DONE)
    assert second.end() == 0
    assert len(world.server.messages(world.channel)) == 1
    assert world.server.token not in second.told
    assert asked.token not in second.told


def test_no_token_no_bot_but_a_way_to_get_one(start: Start, server: DiscordServer) -> None:
    command = start("bot", server, token="")
    assert command.popen.wait(60) == 5
    assert "https://discord.com/developers/applications" in command.told
    assert "No privileged intent" in command.told


def test_a_token_that_is_not_accepted(start: Start, server: DiscordServer) -> None:
    command = start("bot", server, token="wrong.token.here")
    assert command.popen.wait(60) == 5
    assert "does not accept DISCORD_BOT_TOKEN" in command.told
    assert "wrong.token.here" not in command.told


def test_a_token_that_is_accepted_no_longer(start: Start, server: DiscordServer) -> None:
    command = start("bot", server)
    command.says("The bot is online")
    server.close_gateway(4004)
    assert command.popen.wait(60) == 5
    assert "does not accept DISCORD_BOT_TOKEN" in command.told


def test_it_ends_when_it_is_told_to_even_while_it_waits_for_discord(
    start: Start, server: DiscordServer
) -> None:
    server.drop(1000)
    command = start("bot", server)
    command.says("discord_unreachable")
    assert command.end() == 0


def test_the_link_asks_for_no_more_than_is_needed(world: World) -> None:
    told: list[str] = []
    with world.bot(ready=told.append) as bot:
        world.server.until(lambda: told)
        world.server.invalidate_session()
        world.server.until(lambda: len(world.server.sessions) == 1 and world.server.connected, 30)
        assert told == [bot.invitation]
        (session,) = world.server.sessions.values()
    asked = parse_qs(urlsplit(told[0]).query)
    assert int(asked["permissions"][0]) == PERMISSIONS.value
    assert asked["scope"][0].split() == ["bot", "applications.commands"]
    assert not any(session.intents & bit for bit in PRIVILEGED)


# -- beside a worker ------------------------------------------------------------------------------


def test_a_worker_keeps_a_bot_beside_it(start: Start, server: DiscordServer) -> None:
    command = start("serve", server)
    command.says("The bot is online")
    first = command.bot()
    os.kill(first, signal.SIGKILL)
    server.until(lambda: command.told.count("The bot is online") == 2, 60)
    second = command.bot()
    assert first != second
    assert "The bot ended (exit status -9)" in command.told
    assert command.end() == 0
    assert not alive(second)


def test_a_worker_without_a_token_has_no_bot_and_says_so(
    start: Start, server: DiscordServer
) -> None:
    command = start("serve", server, token="")
    command.says("Ctrl-C ends it")
    assert "No Discord bot: DISCORD_BOT_TOKEN is not set." in command.told
    assert command.end() == 0


@pytest.mark.parametrize(("code", "lives"), [(1, 3), (5, 1), (0, 1)])
def test_a_bot_that_cannot_run_as_it_is_set_up_is_not_begun_again(
    code: int, lives: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "lives"
    ends = f"import os; os.write(os.open({str(log)!r}, 1089), b'.'); os._exit({code})"
    monkeypatch.setattr(serve, "COMMAND", [sys.executable, "-S", "-c", ends])
    monkeypatch.setattr(serve, "_PAUSES", (0.0, 0.0, 1000.0))
    beside = serve._Beside(None)
    with local_discord() as clock:
        clock.until(lambda: log.exists() and len(log.read_bytes()) == lives, 30)
    beside.close()
    assert len(log.read_bytes()) == lives
