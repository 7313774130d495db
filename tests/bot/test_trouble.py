"""What people see when something goes wrong in the middle, at Discord's side or at ours."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.bot.conftest import DONE, World, job_of, local_discord, talks
from tests.discord_server import Channel, Guild, Interaction, Message, User
from tests.jobs.conftest import until_a_stage_is_done
from tests.postgres_server import POSTGRES_MARKS, Postgres
from tests.web import serve
from ultimate_discord_intelligence_bot.discord_bot.client import Bot
from ultimate_discord_intelligence_bot.discord_bot.records import Records
from ultimate_discord_intelligence_bot.discord_bot.rules import Rules
from ultimate_discord_intelligence_bot.jobs.job import JobView
from ultimate_discord_intelligence_bot.settings import load_settings

pytestmark = pytest.mark.xdist_group("bot")


def first(asked: Interaction) -> Message:
    assert asked.message is not None
    return asked.message


def named(world: World, name: str) -> JobView:
    [view] = [view for view in world.jobs() if f"/{name}.vtt" in view.job.url]
    return view


def elsewhere(world: World) -> tuple[Guild, Channel, User]:
    """Another guild, and somebody in it."""
    guild = world.server.guild("Elsewhere")
    return guild, world.server.channel(guild, "general"), world.server.user("eve")


def runs_left(bot: Bot, world: World) -> float:
    return bot.quotas.left(world.ann.id, world.guild.id, Rules())[0].runs


# -- messages, channels, guilds -------------------------------------------------------------------


def test_results_find_their_way_after_fifteen_minutes(lonely: World) -> None:
    """Of a deleted message, to a closed and a deleted channel, and of a private run."""
    world, server = lonely, lonely.server
    closed, gone = (server.channel(world.guild, name) for name in ("closed", "gone"))
    bens, mods = (server.channel(None, of=user) for user in (world.ben, world.mod))
    with world.bot():
        url = f"{world.web.url}/%s.vtt"
        deleted = first(world.ask("ants"))
        world.ask("bees", world.ben, private=True)
        for channel, name in ((closed, "cats"), (gone, "dogs")):
            server.use_command(world.mod, world.guild, channel, "autointel", url=url % name)
        last = world.ask("eels")
        server.delete(deleted)
        server.delete_channel(gone)
        server.permit(closed, view_channel=False)
        server.advance(16 * 60)
        with world.worker():
            world.shown(last, DONE)
            for direct in (bens, mods):
                world.until(partial(server.messages, direct))
                [told] = server.messages(direct)
                assert DONE in told.text
            world.until(lambda: {view.status for view in world.jobs()} == {"complete"})
        assert "You asked for this privately" in server.messages(bens)[0].text
        assert "where I cannot write any more" in server.messages(mods)[0].text
        again = world.use("retrieve_results", workflow_id=named(world, "ants").id)
        world.shown(again, DONE)
        assert again.ephemeral
        assert deleted not in server.messages(world.channel)
        world.until(lambda: not open_watches(world))


def open_watches(world: World) -> int:
    with Records(world.settings.data_dir / "discord.sqlite") as records:
        return len(records.watches())


def test_a_guild_that_removes_the_bot_leaves_no_work_behind(lonely: World) -> None:
    world, server = lonely, lonely.server
    guild, channel, eve = elsewhere(world)
    with world.bot():
        world.ask("ants")
        url = f"{world.web.url}/ants.vtt"
        server.use_command(eve, guild, channel, "autointel", url=url)
        world.until(lambda: len(world.jobs()) == 2)
        server.remove_bot(world.guild)
        world.until(lambda: by_tenant(world)[world.guild.id] == "cancelled")
        assert by_tenant(world)[guild.id] == "waiting"
        server.add_bot(world.guild)
        again = world.ask("ants")
        assert "Waiting" in first(again).text
        assert "already" not in first(again).text
        world.until(lambda: len(world.jobs()) == 3)
    server.remove_bot(world.guild)  # while the bot is away
    with world.bot():
        world.until(lambda: [v.status for v in world.jobs()].count("cancelled") == 2)
    assert by_tenant(world)[guild.id] == "waiting"


def by_tenant(world: World) -> dict[int, str]:
    return {int(view.job.tenant.split("-")[1]): view.status for view in world.jobs()}


def test_an_outage_of_a_guild_is_no_removal(lonely: World) -> None:
    world, server = lonely, lonely.server
    with world.bot():
        asked = world.ask()
        world.until(world.jobs)
        server.outage(world.guild)
        other = elsewhere(world)  # told after the outage, so the outage was heard
        server.use_command(other[2], other[0], other[1], "help")
        with world.worker():
            world.shown(asked, DONE)
        server.outage(world.guild, over=True)
        assert not world.ask("bees").failed


# -- Discord in trouble ---------------------------------------------------------------------------


def test_the_final_state_comes_once_whatever_discord_does(world: World) -> None:
    server = world.server
    with world.bot():
        server.limit(1, 0.3, on="/callback")
        asked = world.ask("frogs")
        assert not asked.failed
        server.limit(2, 0.2, on="PATCH")
        server.fail(1, 503, on="PATCH")
        server.drop(1, on="PATCH")
        server.fail(1, 500, on="PATCH", done=True)
        message = world.shown(asked, DONE)
        world.until(lambda: not open_watches(world))
        assert server.messages(world.channel) == [message]
        server.fail(1, 502, on="/callback")
        assert not world.use("help").failed


def test_a_message_that_discord_does_not_take_costs_nothing(lonely: World) -> None:
    world = lonely
    with world.bot() as bot:
        before = runs_left(bot, world)
        world.server.fail(1, 403, on="/callback")
        world.server.begin_command(
            world.ann, world.guild, world.channel, "autointel", url=f"{world.web.url}/ants.vtt"
        )
        world.until(lambda: any(each.status == 403 for each in world.server.refused))
        world.until(lambda: runs_left(bot, world) == before)
        assert world.jobs() == []
        assert "Waiting" in first(world.ask()).text


def test_a_lost_connection_to_discord_is_taken_up_again(world: World) -> None:
    server = world.server
    with world.bot():
        asked = world.ask("ants", depth="deep")
        server.forget_connection()
        world.shown(asked, DONE)
        world.until(lambda: server.resumed)
        server.invalidate_session()
        world.until(lambda: len(server.sessions) == 1 and server.connected)
        assert not world.use("runs").failed
        server.forget_connection(resumable=False)
        world.until(lambda: len(server.sessions) == 1 and server.connected)
        assert not world.use("help").failed


def test_a_bot_may_begin_while_discord_is_down(world: World) -> None:
    world.server.drop(1)
    with world.bot():
        assert not world.use("help").failed


# -- our own side in trouble ----------------------------------------------------------------------


def test_a_worker_dies_in_the_middle(lonely: World) -> None:
    world = lonely
    with world.bot() as bot:
        with world.worker() as worker:
            asked, other = world.ask("ants", depth="deep"), world.ask("bees", depth="deep")
            until_a_stage_is_done(world.log)
            worker.kill()
        before = runs_left(bot, world)
        taken = [view for view in world.jobs() if view.status == "running"]
        back = other if any("bees" in view.job.url for view in taken) else asked
        name = job_of(first(back))
        world.press(first(back), "Cancel")
        world.shown(back, "Cancelled")
        # Whoever takes back what has begun has used it.
        world.until(lambda: name not in bot.quotas.reserved())
        assert runs_left(bot, world) == before
        with world.worker():
            world.shown(asked if back is other else other, DONE)
    assert len(world.server.messages(world.channel, seen_by=world.ben)) == 2


@pytest.fixture
def clustered(tmp_path: Path) -> Iterator[tuple[World, Postgres]]:
    """A world whose jobs are in Postgres."""
    postgres = Postgres()
    settings = load_settings(
        AUTOINTEL_DATA_DIR=tmp_path / "data", AUTOINTEL_DATABASE_URL=postgres.url
    )
    with local_discord() as server, serve(talks(tmp_path / "www")) as web:
        yield World(server, settings, web, tmp_path / "stages.log"), postgres
    postgres.remove()


@POSTGRES_MARKS[0]
def test_the_database_of_the_jobs_is_away_for_a_while(clustered: tuple[World, Postgres]) -> None:
    world, postgres = clustered
    with world.bot() as bot:
        asked = world.ask()
        world.until(world.jobs)
        before = runs_left(bot, world)
        postgres.stop("immediate")
        other = world.ask("bees")
        assert not other.failed
        world.shown(other, "cannot be reached")
        assert runs_left(bot, world) == before
        status = world.use("status")
        world.shown(status, "cannot be reached")
        assert first(asked).text.count("Waiting") == 1
        postgres.start()
        with world.worker():
            world.shown(asked, DONE)
        world.until(lambda: bot.watcher.problem is None)
