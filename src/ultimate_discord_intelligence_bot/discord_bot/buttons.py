"""The buttons below results; they work for as long as the message is there."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Self

import discord

from ..errors import NotAllowed
from ..jobs.job import Job, JobView
from ..settings import Depth
from .commands import asker_of, place, take_back
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
        target = Target.parse(match.string)
        if target is None:
            raise NotAllowed("This button is none of ours.")
        return cls(target)

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Do what the button says."""
        try:
            await _ACTIONS[self._target.action](interaction, self._target)
        except Exception as error:
            await interaction.client.apologise(interaction, error)


async def _overview(interaction: Interaction, target: Target) -> None:
    await interaction.response.defer()
    screen = await interaction.client.watcher.screen_of(
        await _view(interaction, target), files=False
    )
    await interaction.edit_original_response(**edit_options(screen))


async def _claims(interaction: Interaction, target: Target) -> None:
    """A page of the claims: beside the result for whoever pressed, then page by page in place."""
    is_page = interaction.message is not None and not await _is_result(interaction)
    if is_page:
        await interaction.response.defer()
    else:
        await interaction.response.defer(thinking=True, ephemeral=True)
    view = await _view(interaction, target)
    if view.outcome is None:
        raise NotAllowed("This run has no result.", "Try it again first.")
    report = await interaction.client.library.report(view.outcome, view.job.depth)
    screen = await asyncio.to_thread(claims_page, report, target.page, Links(target.job))
    await interaction.edit_original_response(**edit_options(screen))


async def _is_result(interaction: Interaction) -> bool:
    """Whether the message under the button is one that a run was watched in."""
    message = interaction.message
    if message is None:
        return False
    found = await asyncio.to_thread(interaction.client.records.watch_of, message.id)
    return found is not None or not message.flags.ephemeral


async def _file(interaction: Interaction, target: Target) -> None:
    await interaction.response.defer(thinking=True, ephemeral=True)
    view = await _view(interaction, target)
    if view.outcome is None:
        raise NotAllowed("This run has no result.", "Try it again first.")
    files = await interaction.client.library.files(view.outcome, view.job.depth)
    name = "report.html" if target.action is Action.REPORT else "transcript.vtt"
    told = "Open it in a browser." if target.action is Action.REPORT else "Captions, as WebVTT."
    screen = Screen(content=told, files=(Attachment(name, files[name], ""),))
    shown = fitted(screen, interaction.filesize_limit)
    await interaction.edit_original_response(**edit_options(shown))


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
    await take_back(interaction, target.job)


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
    if message is None or message.flags.ephemeral or asker.manages:
        return
    watch = await asyncio.to_thread(interaction.client.records.watch_of, message.id)
    if interaction.guild_id is not None and (watch is None or watch.user != asker.user):
        raise NotAllowed(
            "Somebody else asked for this.",
            "They can do that, and so can whoever may delete messages here.",
        )


async def _view(interaction: Interaction, target: Target) -> JobView:
    return await asyncio.to_thread(interaction.client.desk.find, target.job, asker_of(interaction))


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
