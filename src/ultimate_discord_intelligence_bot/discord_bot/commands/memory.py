"""Commands about everything that was ever heard."""

from __future__ import annotations

import asyncio
import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Self

import discord
import structlog
from discord import app_commands
from discord.app_commands import Choice, Range

from ...errors import AutointelError, InputError, NotAllowed
from ...models.verification import Label
from .. import answers
from ..delivery import edit_options
from ..screens import Button, Screen
from ..text import snippet
from .conversation import (
    QUESTION_STANDS,
    answer,
    asker_of,
    choice,
    wait,
)

if TYPE_CHECKING:
    from ..client import Bot

    Interaction = discord.Interaction[Bot]

_OFFERED_WITHIN_S = 2.0
"""Discord shows what is offered to somebody who types only when it comes within 3 seconds."""

_VERDICTS = [Choice(name=label.value, value=label.value) for label in Label]

log = structlog.get_logger(__name__)


async def _recordings(interaction: Interaction, typed: str) -> list[Choice[str]]:
    is_private = bool(getattr(interaction.namespace, "private", False))
    tenant = asker_of(interaction).tenant(private=is_private)
    # The memory may take longer to open; it goes on doing so, for the next letter.
    asked = asyncio.ensure_future(_titles(interaction.client, tenant, typed))
    await asyncio.wait({asked}, timeout=_OFFERED_WITHIN_S)
    return [choice(title, number) for number, title in asked.result()] if asked.done() else []


async def _titles(bot: Bot, tenant: str, typed: str) -> tuple[tuple[str, str], ...]:
    try:
        return await bot.library.sources(tenant, typed)
    except AutointelError as error:  # there is no place to tell whoever types
        log.warning("nothing_offered", reason=str(error)[:200])
        return ()


_PRIVATE = "Look in what you had analysed privately."
_SHARE = "Show the answer to everybody here."


def _check_share(share: bool, private: bool) -> None:
    if share and private:
        raise InputError(
            "What was analysed privately is shown to nobody else.",
            "Leave out “share” or “private”.",
        )


@app_commands.command(description="Search everything that was heard, by meaning and by words.")
@app_commands.describe(
    words="What to look for, in your own words.",
    source="Only this recording.",
    speaker="Who says it, spelled as in the transcript.",
    since="Published then or later: 2025-12-31.",
    share=_SHARE,
    private=_PRIVATE,
)
@app_commands.autocomplete(source=_recordings)
async def search(
    interaction: Interaction,
    words: Range[str, 1, 500],
    source: Range[str, 1, 200] | None = None,
    speaker: Range[str, 1, 100] | None = None,
    since: Range[str, 10, 10] | None = None,
    share: bool = False,
    private: bool = False,
) -> None:
    _check_share(share, private)
    day = _day(since)
    await wait(interaction, share=share)
    hits = await interaction.client.library.search(
        asker_of(interaction).tenant(private=private),
        words,
        source=source,
        speaker=speaker,
        since=day,
    )
    await answer(interaction, answers.search_results(hits, words), private=not share)


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise InputError(
            f"“{snippet(text, 20)}” is no day.", "Write it as in 2025-12-31."
        ) from None


@app_commands.command(description="Show the claims of all recordings, with their verdicts.")
@app_commands.describe(
    words="Words that occur in the claim.",
    speaker="Who made it, spelled as in the transcript.",
    verdict="Only those with this verdict.",
    share=_SHARE,
    private=_PRIVATE,
)
@app_commands.choices(verdict=_VERDICTS)
async def claims(
    interaction: Interaction,
    words: Range[str, 1, 200] | None = None,
    speaker: Range[str, 1, 100] | None = None,
    verdict: str | None = None,
    share: bool = False,
    private: bool = False,
) -> None:
    _check_share(share, private)
    await wait(interaction, share=share)
    tenant = asker_of(interaction).tenant(private=private)
    found = await interaction.client.library.claims(
        tenant, words=words, speaker=speaker, verdict=verdict
    )
    await answer(interaction, answers.claims(found), private=not share)


@app_commands.command(description="Show claims of different recordings that contradict each other.")
@app_commands.describe(
    source="One side is of this recording.",
    speaker="One side is by this speaker.",
    share=_SHARE,
    private=_PRIVATE,
)
@app_commands.autocomplete(source=_recordings)
async def contradictions(
    interaction: Interaction,
    source: Range[str, 1, 200] | None = None,
    speaker: Range[str, 1, 100] | None = None,
    share: bool = False,
    private: bool = False,
) -> None:
    _check_share(share, private)
    await wait(interaction, share=share)
    tenant = asker_of(interaction).tenant(private=private)
    found = await interaction.client.library.links(
        tenant, "contradictions", source=source, speaker=speaker
    )
    await answer(interaction, answers.contradictions(found), private=not share)


@app_commands.command(description="Forget a recording: memory, files, briefing and messages.")
@app_commands.describe(recording="Which one.", private="One that you had analysed privately.")
@app_commands.autocomplete(recording=_recordings)
async def forget(
    interaction: Interaction, recording: Range[str, 1, 200], private: bool = False
) -> None:
    await wait(interaction)
    tenant = asker_of(interaction).tenant(private=private)
    source_id, title = await interaction.client.library.source(tenant, recording)
    await _check_forgetting(interaction, tenant, source_id)
    told = (
        f"Forget **{snippet(title, 300) or source_id}**, its briefing and the messages about it? "
        "There is no way back."
    )
    memory = "own" if private else "shared"
    buttons = (
        Button("Forget it", f"autointel-forget:{memory}:{source_id}", style="danger"),
        Button("Keep it", f"autointel-keep:{memory}:{source_id}"),
    )
    await answer(interaction, Screen(content=told, rows=(buttons,)))


async def _check_forgetting(interaction: Interaction, tenant: str, source_id: str) -> None:
    """See that somebody may decide that a recording is forgotten.

    Raises:
        NotAllowed: others have asked for it too.
    """
    asker = asker_of(interaction)
    askers, _ = await asyncio.to_thread(interaction.client.desk.askers, tenant, source_id)
    is_own = set().union(*askers.values()) == {asker.user}
    if not (is_own or asker.manages or tenant == asker.tenant(private=True)):
        raise NotAllowed(
            "You are not the only one who asked for this recording.",
            "Ask somebody who may delete messages here.",
        )


class Decision(
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=r"autointel-(?P<answer>forget|keep):(?P<memory>own|shared):(?P<source>[\w.-]{1,64})",
):
    """The answer to the question whether a recording is to be forgotten."""

    def __init__(self, answer: str, memory: str, source: str) -> None:
        super().__init__(
            discord.ui.Button(label=answer, custom_id=f"autointel-{answer}:{memory}:{source}")
        )
        self._forgets, self._is_own, self._source = answer == "forget", memory == "own", source

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction[Any],
        item: discord.ui.Item[Any],
        match: re.Match[str],
        /,
    ) -> Self:
        """The answer that a ``custom_id`` stands for."""
        return cls(match["answer"], match["memory"], match["source"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Do what was decided."""
        asked = interaction.message
        if not self._forgets:
            await _say(interaction, "Nothing was forgotten.")
        elif asked is None or interaction.created_at - asked.created_at > QUESTION_STANDS:
            await _say(
                interaction, "Nothing was forgotten: this was asked a while ago. Use /forget again."
            )
        else:
            await self._forget(interaction)

    async def _forget(self, interaction: Interaction) -> None:
        bot, source = interaction.client, self._source
        tenant = asker_of(interaction).tenant(private=self._is_own)
        await _say(interaction, "Forgetting …")
        try:
            await _check_forgetting(interaction, tenant, source)
            _, title = await bot.library.source(tenant, source)
            told = await bot.forget(tenant, source)
            screen = Screen(content=f"{snippet(title, 300) or source}: {told}")
        except Exception as error:
            screen = bot.explain(error)
        await interaction.edit_original_response(**edit_options(screen))


async def _say(interaction: Interaction, text: str) -> None:
    """Let the message under a button say something, and nothing else."""
    await interaction.response.edit_message(**edit_options(Screen(content=text)))
