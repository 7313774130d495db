"""Commands about recordings and their runs."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import discord
from discord import app_commands
from discord.app_commands import Choice, Range

from ...errors import InputError, NotAllowed
from ...jobs.job import ENDED, JobView, Status
from ...settings import Depth
from .. import answers
from ..desk import Asker, Order
from ..links import links_of
from ..screens import Screen, left
from ..text import plain
from ..watch import Watch
from .conversation import (
    DEPTHS,
    LONGEST_CHOICE,
    MOST_CHOICES,
    QUESTION_STANDS,
    answer,
    asker_of,
    choice,
    place,
    wait,
)

if TYPE_CHECKING:
    from ..client import Bot

    Interaction = discord.Interaction[Bot]

_MOST_RUNS = 20
_MOST_RECENT = 100


async def _recent_links(interaction: Interaction, typed: str = "", limit: int = 1000) -> list[str]:
    asker = asker_of(interaction)
    return await asyncio.to_thread(
        interaction.client.records.links,
        user=asker.user,
        guild=asker.guild,
        beginning=typed,
        limit=limit,
    )


async def _links(interaction: Interaction, typed: str) -> list[Choice[str]]:
    found = await _recent_links(interaction, typed, MOST_CHOICES)
    return [choice(url, _value(url)) for url in found]


def _value(url: str) -> str:
    """What stands for a link in a choice: itself, or a mark where it is too long."""
    if len(url) <= LONGEST_CHOICE:
        return url
    return f"link:{hashlib.sha256(url.encode()).hexdigest()[:40]}"


async def _link(interaction: Interaction, typed: str) -> str:
    """The link that was typed, or chosen among the recent ones."""
    if not typed.startswith("link:"):
        return typed
    for url in await _recent_links(interaction):
        if _value(url) == typed:
            return url
    raise InputError("That link is not among the recent ones any more.", "Paste the link itself.")


@app_commands.command(description="Analyse a recording: what was said, claimed and checked.")
@app_commands.describe(
    url="Link to a video, a podcast or an audio file.",
    depth="How much work to do; by default what this server has chosen.",
    speakers="Estimate who speaks where captions do not say; good for few, distinct voices.",
    private="Only you see the result, and it is remembered for you alone.",
)
@app_commands.choices(depth=DEPTHS)
@app_commands.autocomplete(url=_links)
async def autointel(
    interaction: Interaction,
    url: Range[str, 1, 2000],
    depth: str | None = None,
    speakers: bool = False,
    private: bool = False,
) -> None:
    link = await _link(interaction, url)
    await place(interaction, Order(link, Depth(depth) if depth else None, speakers, private))


@app_commands.context_menu(name="Analyse this link")
async def analyse(interaction: Interaction, message: discord.Message) -> None:
    links = links_of(message)
    if not links:
        raise InputError(
            "There is no link in that message.", "Choose one with a link, or use /autointel."
        )
    if len(links) == 1:
        await place(interaction, Order(links[0]))
    else:
        told = f"There are {len(links)} links in that message."
        view = Selection(interaction, links)
        await interaction.response.send_message(told, view=view, ephemeral=True)


class Selection(discord.ui.View):
    """The question which of several links is meant."""

    def __init__(self, question: Interaction, links: Sequence[str]) -> None:
        super().__init__(timeout=QUESTION_STANDS.total_seconds())
        self._question, self._links = question, links[:MOST_CHOICES]
        self._menu: discord.ui.Select[Selection] = discord.ui.Select(
            placeholder="Choose the one to analyse"
        )
        for number, link in enumerate(self._links):
            self._menu.add_option(label=plain(link, LONGEST_CHOICE), value=str(number))
        self._menu.callback = self._chosen  # type: ignore[method-assign]
        self.add_item(self._menu)

    async def _chosen(self, interaction: discord.Interaction[Any]) -> None:
        await place(interaction, Order(self._links[int(self._menu.values[0])]))
        await self._end()

    async def on_timeout(self) -> None:
        """Nobody has chosen."""
        await self._end()

    async def _end(self) -> None:
        self.stop()
        with suppress(discord.HTTPException):  # it was dismissed
            await self._question.delete_original_response()

    async def on_error(
        self, interaction: discord.Interaction[Any], error: Exception, item: discord.ui.Item[Any], /
    ) -> None:
        await interaction.client.apologise(interaction, error)


_ID = "As /runs shows it."


async def _jobs(interaction: Interaction, typed: str) -> list[Choice[str]]:
    return await _offered_jobs(interaction, typed, ENDED | {"waiting", "running"})


async def _open_jobs(interaction: Interaction, typed: str) -> list[Choice[str]]:
    return await _offered_jobs(interaction, typed, {"waiting", "running"})


async def _offered_jobs(
    interaction: Interaction, typed: str, statuses: Collection[Status]
) -> list[Choice[str]]:
    """Somebody's newest runs that fit what they type, by their titles where those are known."""
    asker = asker_of(interaction)
    names = [
        (f"{view.outcome.title if view.outcome else view.job.url} ({view.job.depth})", view.id)
        for view in await asyncio.to_thread(_recent_runs, interaction.client, asker, 100)
        if view.status in statuses
    ]
    sought = typed.casefold().strip()
    fitting = [choice(*name) for name in names if sought in " ".join(name).casefold()]
    return fitting[:MOST_CHOICES]


def _recent_runs(bot: Bot, asker: Asker, limit: int, *, everybodys: bool = False) -> list[JobView]:
    """The newest first. Blocks."""
    user = None if everybodys else asker.user
    order = [w.job for w in bot.records.recent(user=user, guild=asker.guild, limit=limit)]
    views = {view.id: view for view in bot.board.look(ids=order)}
    return [views[job] for job in order if job in views]


@app_commands.command(description="Show the result of a run again.")
@app_commands.describe(workflow_id=_ID, share="Show it to everybody here.")
@app_commands.autocomplete(workflow_id=_jobs)
async def retrieve_results(
    interaction: Interaction, workflow_id: Range[str, 1, 100], share: bool = False
) -> None:
    bot, asker = interaction.client, asker_of(interaction)
    view = await asyncio.to_thread(bot.desk.find, workflow_id, asker)
    if view.status not in ENDED:
        told = "It has not ended yet. The message in which it was asked for shows how it stands."
        await answer(interaction, replace(answers.runs([view]), content=told))
        return
    if share and view.job.tenant != asker.tenant():
        raise NotAllowed(
            "This was analysed privately, so it is shown to nobody else.",
            "Leave out “share”, or ask for the link again without “private”.",
        )
    await wait(interaction, share=share)
    message = await answer(interaction, await bot.watcher.screen_of(view), private=not share)
    if share:
        # So that it goes when the recording is forgotten, and whoever showed it may delete it.
        await asyncio.to_thread(bot.records.watch, _shown_again(view, message, interaction))


def _shown_again(view: JobView, message: int, interaction: Interaction) -> Watch:
    asker, job = asker_of(interaction), view.job
    return Watch(
        job=view.id,
        guild=asker.guild,
        channel=asker.channel,
        message=message,
        user=asker.user,
        private=False,
        tenant=job.tenant,
        url=job.url,
        depth=job.depth,
        created=interaction.created_at.timestamp(),
        token="",
        ended=True,
    )


@app_commands.command(description="Take a run back; what it has finished is kept.")
@app_commands.describe(workflow_id=_ID)
@app_commands.autocomplete(workflow_id=_open_jobs)
async def cancel(interaction: Interaction, workflow_id: Range[str, 1, 100]) -> None:
    await take_back(interaction, workflow_id)


async def take_back(interaction: Interaction, job: str) -> None:
    """Cancel a run, or stop watching it, and say which."""
    bot, asker = interaction.client, asker_of(interaction)
    done = await asyncio.to_thread(bot.desk.cancel, job, asker)
    if done == "left":
        for watch in bot.watcher.watching(job, asker.user):
            bot.watcher.show(watch, left(watch.url, job=job))
        told = "You follow this run no longer. It goes on, since others wait for it too."
    else:
        told = "Cancelled; it stops within seconds. What it has finished is kept for another time."
    await answer(interaction, Screen(content=told))


@app_commands.command(description="Show runs and how they stand.")
@app_commands.describe(whose="Yours, or all of this server that are not private.")
async def runs(interaction: Interaction, whose: Literal["mine", "server"] = "mine") -> None:
    asker = asker_of(interaction)
    everybodys = whose == "server" and asker.guild is not None
    found = await asyncio.to_thread(
        _recent_runs, interaction.client, asker, _MOST_RUNS, everybodys=everybodys
    )
    await answer(interaction, answers.runs(found))
