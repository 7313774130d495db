"""The buttons below results; they work for as long as the message is there."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import discord

from ..errors import JobUnknown, NotAllowed
from ..jobs.job import Job, JobView, Outcome
from ..settings import Depth
from .commands import asker_of, done, place, received, take_back
from .delivery import edit_options, fitted
from .desk import Order
from .screens import TARGET, Action, Attachment, Links, Screen, Target, claims_page

if TYPE_CHECKING:
    from .client import Bot

    Interaction = discord.Interaction[Bot]


class Press(discord.ui.DynamicItem[discord.ui.Button[Any]], template=TARGET):
    """A press of any of our buttons, in this life of the bot or a later one."""

    def __init__(self, target: Target) -> None:
        super().__init__(discord.ui.Button(custom_id=str(target)))
        self._target = target

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction[Any],
        item: discord.ui.Item[Any],
        match: re.Match[str],
        /,
    ) -> Self:
        """The press that a ``custom_id`` stands for."""
        return cls(Target(Action(match["action"]), match["job"], int(match["page"])))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Do what the button says."""
        action = self._target.action
        received(interaction)
        try:
            await _ACTIONS[action](interaction, self._target)
        except Exception as error:
            await interaction.client.apologise(interaction, error, action)
        else:
            done(interaction, action, "answered")


async def _overview(interaction: Interaction, target: Target) -> None:
    await _wait(interaction)
    view = await _view(interaction, target)
    screen = await interaction.client.watcher.screen_of(view, files=False)
    await interaction.edit_original_response(**edit_options(screen))


async def _claims(interaction: Interaction, target: Target) -> None:
    """A page of the claims: beside the result for whoever pressed, then page by page in place."""
    await _wait(interaction)
    view, outcome = await _ended(interaction, target)
    report = await interaction.client.library.report(outcome, view.job.depth)
    screen = await asyncio.to_thread(claims_page, report, target.page, Links(target.job))
    await interaction.edit_original_response(**edit_options(screen))


async def _wait(interaction: Interaction) -> None:
    """Answer in place where only whoever presses sees the message; else beside it, for them."""
    message = interaction.message
    if message is None or not message.flags.ephemeral or await _is_watched(message.id, interaction):
        await interaction.response.defer(thinking=True, ephemeral=True)
    else:
        await interaction.response.defer()


async def _is_watched(message: int, interaction: Interaction) -> bool:
    return await asyncio.to_thread(interaction.client.records.watch_of, message) is not None


async def _file(interaction: Interaction, target: Target) -> None:
    await interaction.response.defer(thinking=True, ephemeral=True)
    view, outcome = await _ended(interaction, target)
    # All of them: whether one is too large is told by name.
    files = await interaction.client.library.files(outcome, view.job.depth, limit=sys.maxsize)
    name, told = _FILES[target.action]
    screen = fitted(Screen(files=(Attachment(name, files[name], ""),)), interaction.filesize_limit)
    shown = replace(screen, content=screen.content or told)
    await interaction.edit_original_response(**edit_options(shown))


_FILES = {
    Action.REPORT: ("report.html", "The whole report: save it and open it in a browser."),
    Action.TRANSCRIPT: (
        "transcript.vtt",
        "The transcript with its times, as WebVTT: video players and text editors open it.",
    ),
}


async def _ended(interaction: Interaction, target: Target) -> tuple[JobView, Outcome]:
    view = await _view(interaction, target)
    if view.outcome is None:
        raise NotAllowed("This run has no result.", "Ask for its link again with /autointel.")
    return view, view.outcome


async def _deeper(interaction: Interaction, target: Target) -> None:
    job = (await _view(interaction, target)).job
    order = list(Depth)
    deeper = order[min(order.index(job.depth) + 1, len(order) - 1)]
    await place(interaction, _order(interaction, job, deeper))


def _order(interaction: Interaction, job: Job, depth: Depth) -> Order:
    private = job.tenant != asker_of(interaction).tenant()
    return Order(job.url, depth, job.speakers, private)


async def _again(interaction: Interaction, target: Target) -> None:
    await _only_who_asked(interaction)
    job = (await _view(interaction, target)).job
    await place(interaction, _order(interaction, job, job.depth), anew=True)


async def _cancel(interaction: Interaction, target: Target) -> None:
    try:
        await take_back(interaction, target.job)
    except JobUnknown:
        raise JobUnknown(
            "This run has only just been asked for, or was forgotten.",
            "Press the button again in a moment.",
        ) from None


async def _delete(interaction: Interaction, target: Target) -> None:
    await _only_who_asked(interaction)
    message = interaction.message
    await interaction.response.defer()
    if message is not None:
        await interaction.client.remove(message.id)
        await interaction.delete_original_response()


async def _only_who_asked(interaction: Interaction) -> None:
    """See that the message is theirs, or that they may delete messages of others.

    Raises:
        NotAllowed: neither.
    """
    message, asker = interaction.message, asker_of(interaction)
    if message is None or message.flags.ephemeral or asker.guild is None or asker.manages:
        return
    watch = await asyncio.to_thread(interaction.client.records.watch_of, message.id)
    asked = message.interaction_metadata
    if asker.user not in (watch and watch.user, asked and asked.user.id):
        raise NotAllowed(
            "Somebody else asked for this.",
            "They can do that, and so can whoever may delete messages here.",
        )


async def _view(interaction: Interaction, target: Target) -> JobView:
    desk = interaction.client.desk
    try:
        return await asyncio.to_thread(desk.find, target.job, asker_of(interaction))
    except JobUnknown:
        raise JobUnknown(
            "What this button is about was forgotten, or belongs to others.",
            "Ask for the link again with /autointel.",
        ) from None


_ACTIONS: dict[Action, Callable[[Any, Target], Awaitable[None]]] = {
    Action.OVERVIEW: _overview,
    Action.REPORT: _file,
    Action.TRANSCRIPT: _file,
    Action.CLAIMS: _claims,
    Action.DEEPER: _deeper,
    Action.AGAIN: _again,
    Action.CANCEL: _cancel,
    Action.DELETE: _delete,
}
