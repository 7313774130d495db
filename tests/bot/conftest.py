"""A bot on a local Discord, people in a guild, recordings on the web, and a worker beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.discord_server import (
    Channel,
    DiscordServer,
    Guild,
    Interaction,
    Limit,
    Message,
    User,
    discord_server,
    online,
)
from tests.jobs.conftest import Process, _started, talk
from tests.web import Web, serve
from ultimate_discord_intelligence_bot.discord_bot.client import Bot
from ultimate_discord_intelligence_bot.discord_bot.screens import Target
from ultimate_discord_intelligence_bot.jobs.board import Board
from ultimate_discord_intelligence_bot.jobs.job import JobView
from ultimate_discord_intelligence_bot.settings import Settings, load_settings

DONE = "Quotes are word for word."
"""Said in every result of the recordings here, and in nothing else."""


@dataclass
class World:
    """Everything that a test of the bot is played in."""

    server: DiscordServer
    settings: Settings
    web: Web
    log: Path
    guild: Guild = field(init=False)
    channel: Channel = field(init=False)
    ann: User = field(init=False)
    ben: User = field(init=False)
    mod: User = field(init=False)

    def __post_init__(self) -> None:
        self.guild = self.server.guild("Debates")
        self.channel = self.server.channel(self.guild, "general")
        self.ann = self.server.user("ann")
        self.ben = self.server.user("ben")
        self.mod = self.server.user("mod", manage_guild=True, manage_messages=True)

    @contextmanager
    def bot(
        self, ready: Callable[[str], None] = lambda invitation: None, **settings: Any
    ) -> Iterator[Bot]:
        """The bot, until the block ends."""
        own = self.settings.model_copy(update=settings)
        client = Bot(own, clock=self.server.now, pause=0.1, ready=ready, guild_ready_timeout=0.1)
        with online(client, self.server):
            yield client

    @contextmanager
    def worker(self) -> Iterator[Process]:
        """A worker in a process of its own."""
        with _started(self.log) as start:
            yield start(self.settings, concurrency=2, queues="runs")

    def ask(self, name: str = "ants", user: User | None = None, **options: Any) -> Interaction:
        """``/autointel`` for a recording on the web."""
        url = f"{self.web.url}/{name}.vtt"
        return self.use("autointel", user, url=url, **options)

    def use(self, command: str, user: User | None = None, **options: Any) -> Interaction:
        return self.server.use_command(
            user or self.ann, self.guild, self.channel, command, **options
        )

    def press(self, message: Message, label: str, user: User | None = None) -> Interaction:
        """Press the button whose label begins so."""
        (button,) = [b for b in message.controls if str(b.get("label", "")).startswith(label)]
        return self.server.press(message, button["custom_id"], user or self.ann)

    def shown(self, interaction: Interaction, words: str, seconds: float = 60) -> Message:
        """The answer, once it says something."""
        self.until(lambda: self._saying(interaction, words), seconds)
        message = self._saying(interaction, words)
        assert message is not None
        return message

    def _saying(self, interaction: Interaction, words: str) -> Message | None:
        for message in (interaction.message, *interaction.followups):
            if message is not None and words in message.text:
                return message
        return None

    def until(self, condition: Callable[[], Any], seconds: float = 60) -> Any:
        try:
            return self.server.until(condition, seconds)
        except AssertionError as error:
            shown = [message.text for message in self.server.messages(self.channel)]
            raise AssertionError(f"{error}; shown: {shown}") from None

    def jobs(self) -> list[JobView]:
        with Board(self.settings) as board:
            return list(board.look())


@dataclass(frozen=True)
class Office:
    """Where the work is done for all tests: recordings on the web, and a worker for them."""

    settings: Settings
    web: Web
    worker: Process


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    settings = load_settings(AUTOINTEL_DATA_DIR=folder / "data")
    with serve(talks(folder / "www")) as web, _started(folder / "stages.log") as start:
        yield Office(settings, web, start(settings, concurrency=2, queues="runs"))


def talks(folder: Path) -> Path:
    """A folder with recordings of some animals."""
    for number, name in enumerate(("ants", "bees", "cats", "dogs", "eels", "frogs")):
        talk(folder, name, number)
    return folder


@pytest.fixture
def world(office: Office, tmp_path: Path) -> Iterator[World]:
    """A Discord of its own, for which the worker of all tests works."""
    for left in office.settings.data_dir.glob("discord.sqlite*"):
        left.unlink()
    with local_discord() as server:
        yield World(server, office.settings, office.web, tmp_path / "stages.log")


@pytest.fixture
def lonely(settings: Settings, tmp_path: Path) -> Iterator[World]:
    """A world in which nobody works unless the test lets somebody."""
    with local_discord() as server, serve(talks(tmp_path / "www")) as web:
        yield World(server, settings, web, tmp_path / "stages.log")


@contextmanager
def local_discord() -> Iterator[DiscordServer]:
    """Discord with quicker limits: as many calls, in a tenth of the time."""
    with discord_server() as server:
        for kind in ("edit", "create", "followup"):
            server.limits[kind] = Limit(5, 0.5)
        yield server


def job_of(message: Message) -> str:
    """The id of the job that a message's buttons are about."""
    ids = [Target.parse(b["custom_id"]) for b in message.controls if "custom_id" in b]
    return next(target.job for target in ids if target)
