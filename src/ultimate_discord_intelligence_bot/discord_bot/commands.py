"""The commands, one by one: what is asked for, and what is answered."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal, cast

import discord
from discord import app_commands
from discord.app_commands import Choice, Range

from ..errors import InputError, NotAllowed
from ..jobs.job import ENDED
from ..models.verification import Label
from ..settings import Depth
from . import answers
from .delivery import edit_options, send_options
from .desk import Asker, Order
from .rules import Quota, Rules
from .screens import Screen, cancelled
from .text import escape, snippet

if TYPE_CHECKING:
    from .client import Bot

    Interaction = discord.Interaction[Bot]

_LINK = re.compile(r"https?://[^\s<>\"]+")
_MOST_RUNS = 20

_DEPTHS = [
    Choice(name="standard: topics, key points, claims, sentiment", value="standard"),
    Choice(name="deep: also fallacies, positions, emotions; top claims checked", value="deep"),
    Choice(
        name="comprehensive: every claim checked, compared with all before", value="comprehensive"
    ),
    Choice(name="experimental: a second opinion on every verdict", value="experimental"),
]
_VERDICTS = [Choice(name=label.value, value=label.value) for label in Label]


# -- who asks, and how they are answered ----------------------------------------------------------


def asker_of(interaction: Interaction) -> Asker:
    """Who asks, and where."""
    return Asker(
        user=interaction.user.id,
        guild=interaction.guild_id,
        channel=interaction.channel_id or 0,
        manages=interaction.permissions.manage_messages,
    )


async def answer(interaction: Interaction, screen: Screen, *, private: bool = True) -> None:
    """Answer, or follow up on what was answered.

    Args:
        interaction: what is answered.
        screen: the answer.
        private: only whoever asked sees it.
    """
    options = send_options(screen)
    if interaction.response.is_done():
        await interaction.followup.send(**options, ephemeral=private)
    else:
        await interaction.response.send_message(**options, ephemeral=private)


async def place(interaction: Interaction, order: Order, *, anew: bool = False) -> None:
    """Take an order; a message shows what becomes of it.

    Args:
        interaction: of whoever orders.
        order: what is wanted.
        anew: the message under the pressed button shows it, not a new one.
    """
    bot, asker = interaction.client, asker_of(interaction)
    await check_channel(interaction)
    ticket = await asyncio.to_thread(bot.desk.accept, order, asker)
    try:
        message = await _announce(interaction, bot.watcher.opening(ticket), ticket.private, anew)
    except BaseException:
        await asyncio.to_thread(bot.desk.withdraw, ticket)
        raise
    try:
        watch = await asyncio.to_thread(bot.desk.begin, ticket, message, interaction.token)
    except Exception as error:
        await interaction.edit_original_response(**edit_options(bot.explain(error)))
        return
    bot.watcher.add(watch)


async def _announce(interaction: Interaction, screen: Screen, private: bool, anew: bool) -> int:
    """Show the first state of an order; returns the id of the message."""
    if anew and interaction.message is not None:
        await interaction.response.edit_message(**edit_options(screen))
        return interaction.message.id
    hidden = private and interaction.guild_id is not None
    said = await interaction.response.send_message(**send_options(screen), ephemeral=hidden)
    return said.message_id or (await interaction.original_response()).id


async def check_channel(interaction: Interaction) -> None:
    """See that the bot may be asked here.

    Raises:
        NotAllowed: those who run the guild have chosen other channels.
    """
    bot = interaction.client
    rules = await asyncio.to_thread(bot.desk.rules, asker_of(interaction))
    here = {interaction.channel_id, getattr(interaction.channel, "parent_id", None)}
    if not rules.channels or here & set(rules.channels):
        return
    guild = interaction.guild
    places = [guild.get_channel(number) for number in rules.channels] if guild else []
    names = ", ".join(f"#{channel.name}" for channel in places if channel)
    raise NotAllowed(
        "Recordings are not asked for in this channel.",
        f"Use {names}." if names else "Ask whoever runs this server to choose other channels.",
    )


# -- recordings -----------------------------------------------------------------------------------


async def _links(interaction: Interaction, typed: str) -> list[Choice[str]]:
    asker = asker_of(interaction)
    found = await asyncio.to_thread(
        interaction.client.records.links,
        user=asker.user,
        guild=asker.guild,
        beginning=typed,
    )
    return [Choice(name=snip(url), value=url) for url in found if len(url) <= 100]


def snip(text: str) -> str:
    """At most so much as the name of a choice may have, unformatted."""
    return text if len(text) <= 100 else text[:99] + "…"


@app_commands.command(description="Analyse a recording: what was said, claimed and checked.")
@app_commands.describe(
    url="Link to a video, a podcast or an audio file.",
    depth="How much work to do; by default what this server has chosen.",
    speakers="Estimate who speaks where captions do not say; good for few, distinct voices.",
    private="Only you see the result, and it is remembered for you alone.",
)
@app_commands.choices(depth=_DEPTHS)
@app_commands.autocomplete(url=_links)
async def autointel(
    interaction: Interaction,
    url: Range[str, 1, 2000],
    depth: str | None = None,
    speakers: bool = False,
    private: bool = False,
) -> None:
    order = Order(url, Depth(depth) if depth else None, speakers, private)
    await place(interaction, order)


@app_commands.context_menu(name="Analyse this link")
async def analyse(interaction: Interaction, message: discord.Message) -> None:
    shown = [message.content, *(embed.url or "" for embed in message.embeds)]
    links = dict.fromkeys(
        link.rstrip(").,;!?*_|") for text in shown for link in _LINK.findall(text)
    )
    media = [each.url for each in message.attachments if _is_media(each.content_type)]
    for link in (*links, *media):
        await place(interaction, Order(link))
        return
    raise InputError(
        "There is no link in that message.", "Choose one with a link, or use /autointel."
    )


def _is_media(kind: str | None) -> bool:
    return (kind or "").startswith(("audio/", "video/"))


_ID = "As /runs shows it."


async def _jobs(interaction: Interaction, typed: str) -> list[Choice[str]]:
    asker = asker_of(interaction)
    found = await asyncio.to_thread(
        interaction.client.records.recent, user=asker.user, guild=asker.guild, limit=200
    )
    return [
        Choice(name=snip(f"{watch.url} ({watch.depth})"), value=watch.job)
        for watch in found
        if typed.casefold() in f"{watch.url} {watch.job}".casefold()
    ][:25]


@app_commands.command(description="Show the result of a run again.")
@app_commands.describe(workflow_id=_ID, share="Show it to everybody here.")
@app_commands.autocomplete(workflow_id=_jobs)
async def retrieve_results(
    interaction: Interaction, workflow_id: Range[str, 1, 100], share: bool = False
) -> None:
    bot = interaction.client
    view = await asyncio.to_thread(bot.desk.find, workflow_id, asker_of(interaction))
    if view.status not in ENDED:
        await answer(interaction, answers.runs([view]))
        return
    private = not share or view.job.tenant != asker_of(interaction).tenant()
    await interaction.response.defer(ephemeral=private)
    await answer(interaction, await bot.watcher.screen_of(view), private=private)


@app_commands.command(description="Take a run back; what it has finished is kept.")
@app_commands.describe(workflow_id=_ID)
@app_commands.autocomplete(workflow_id=_jobs)
async def cancel(interaction: Interaction, workflow_id: Range[str, 1, 100]) -> None:
    await take_back(interaction, workflow_id)


async def take_back(interaction: Interaction, job: str) -> None:
    """Cancel a run, or stop watching it, and say which."""
    bot, asker = interaction.client, asker_of(interaction)
    done = await asyncio.to_thread(bot.desk.cancel, job, asker)
    if done == "left":
        for watch in bot.watcher.watching(job, asker.user):
            bot.watcher.show(watch, cancelled(watch.url, job=job))
        told = "You follow it no longer. It goes on, since others wait for it too."
    else:
        told = "It ends within seconds. What it has finished is kept for another time."
    await answer(interaction, Screen(content=told))


@app_commands.command(description="Show runs and how they stand.")
@app_commands.describe(whose="Yours, or all of this server that are not private.")
async def runs(interaction: Interaction, whose: Literal["mine", "server"] = "mine") -> None:
    bot, asker = interaction.client, asker_of(interaction)
    user = asker.user if whose == "mine" else None
    found = await asyncio.to_thread(
        bot.records.recent, user=user, guild=asker.guild, limit=_MOST_RUNS
    )
    order = [watch.job for watch in found]
    views = {
        view.id: view for view in await asyncio.to_thread(lambda: list(bot.board.look(ids=order)))
    }
    await answer(interaction, answers.runs([views[job] for job in order if job in views]))


# -- what is remembered ---------------------------------------------------------------------------


async def _recordings(interaction: Interaction, typed: str) -> list[Choice[str]]:
    tenant = asker_of(interaction).tenant(private=bool(_given(interaction).get("private")))
    found = await interaction.client.library.sources(tenant, typed)
    return [Choice(name=snip(title or number), value=number) for number, title in found]


def _given(interaction: Interaction) -> Mapping[str, Any]:
    return dict(interaction.namespace)


_PRIVATE = "Look in what you had analysed privately."
_SHARE = "Show the answer to everybody here."


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
    day = _day(since)
    await _wait(interaction, share and not private)
    hits = await interaction.client.library.search(
        asker_of(interaction).tenant(private=private),
        words,
        source=source,
        speaker=speaker,
        since=day,
    )
    await answer(interaction, answers.search_results(hits, words))


async def _wait(interaction: Interaction, share: bool) -> None:
    await interaction.response.defer(ephemeral=not share)


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
    await _wait(interaction, share and not private)
    tenant = asker_of(interaction).tenant(private=private)
    found = await interaction.client.library.claims(
        tenant, words=words, speaker=speaker, verdict=verdict
    )
    await answer(interaction, answers.claims(found))


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
    await _wait(interaction, share and not private)
    tenant = asker_of(interaction).tenant(private=private)
    found = await interaction.client.library.links(
        tenant, "contradictions", source=source, speaker=speaker
    )
    await answer(interaction, answers.contradictions(found))


@app_commands.command(description="Forget a recording: memory, files, briefing and messages.")
@app_commands.describe(recording="Which one.", private="One that you had analysed privately.")
@app_commands.autocomplete(recording=_recordings)
async def forget(
    interaction: Interaction, recording: Range[str, 1, 200], private: bool = False
) -> None:
    bot, asker = interaction.client, asker_of(interaction)
    tenant = asker.tenant(private=private)
    await interaction.response.defer(ephemeral=True)
    source_id, title = await bot.library.source(tenant, recording)
    askers, _ = await asyncio.to_thread(bot.desk.askers, tenant, source_id)
    is_own = set().union(*askers.values()) == {asker.user}
    if not (is_own or asker.manages or tenant == asker.tenant(private=True)):
        raise NotAllowed(
            "Others have asked for this recording too.",
            "Ask somebody who may delete messages here.",
        )
    view = Confirmation(tenant, source_id, title)
    told = (
        f"Forget **{escape(title)}**, its briefing and the messages about it? There is no way back."
    )
    await interaction.followup.send(told, view=view, ephemeral=True)


class Confirmation(discord.ui.View):
    """The last question before a recording is forgotten."""

    def __init__(self, tenant: str, source_id: str, title: str) -> None:
        super().__init__(timeout=120)
        self._tenant, self._source_id, self._title = tenant, source_id, title

    @discord.ui.button(label="Forget it", style=discord.ButtonStyle.danger)
    async def forget(self, interaction: Interaction, _: discord.ui.Button[Confirmation]) -> None:
        """Do it, and say what is gone."""
        await interaction.response.edit_message(content="Forgetting …", view=None)
        told = await interaction.client.forget(self._tenant, self._source_id)
        await interaction.edit_original_response(content=f"{escape(self._title)}: {told}")
        self.stop()

    @discord.ui.button(label="Keep it", style=discord.ButtonStyle.secondary)
    async def keep(self, interaction: Interaction, _: discord.ui.Button[Confirmation]) -> None:
        """Do nothing."""
        await interaction.response.edit_message(content="Nothing was forgotten.", view=None)
        self.stop()

    async def on_error(
        self,
        interaction: discord.Interaction[Any],
        error: Exception,
        item: discord.ui.Item[Any],
        /,
    ) -> None:
        await interaction.client.apologise(interaction, error)


# -- the bot itself -------------------------------------------------------------------------------


@app_commands.command(description="Show whether the bot works, and what is waiting.")
async def status(interaction: Interaction) -> None:
    await interaction.response.defer(ephemeral=True)
    health = await interaction.client.health(asker_of(interaction))
    await answer(interaction, answers.status(health))


@app_commands.command(name="help", description="Show what the bot can do.")
async def help_command(interaction: Interaction) -> None:
    named = {
        command.qualified_name: command.description
        for command in interaction.client.tree.walk_commands()
        if isinstance(command, app_commands.Command)
    }
    await answer(interaction, answers.help_text(named))


# -- how the bot behaves in a guild ---------------------------------------------------------------

settings = app_commands.Group(
    name="settings",
    description="How the bot behaves on this server.",
    guild_only=True,
    default_permissions=discord.Permissions(manage_guild=True),
)


async def _decide(interaction: Interaction, **change: Any) -> None:
    """Change a rule and show them all."""
    bot, asker = interaction.client, asker_of(interaction)
    guild = cast("int", asker.guild)
    rules = (await asyncio.to_thread(bot.records.rules, guild)).model_copy(update=change)
    if change:
        await asyncio.to_thread(bot.records.decide, guild, rules)
    await answer(interaction, await asyncio.to_thread(bot.rules_screen, asker, rules))


@settings.command(name="show", description="Show what holds on this server, and what was used.")
async def show_settings(interaction: Interaction) -> None:
    await _decide(interaction)


@settings.command(name="channel", description="Choose where recordings may be asked for.")
@app_commands.describe(
    channel="Which one.", allowed="Whether there; none allowed means everywhere."
)
async def set_channel(
    interaction: Interaction,
    channel: discord.TextChannel | discord.VoiceChannel | discord.ForumChannel,
    allowed: bool,
) -> None:
    rules = await asyncio.to_thread(interaction.client.desk.rules, asker_of(interaction))
    others = tuple(number for number in rules.channels if number != channel.id)
    await _decide(interaction, channels=(*others, channel.id) if allowed else others)


@settings.command(name="depth", description="Choose the depth that is used where none is given.")
@app_commands.choices(depth=_DEPTHS)
async def set_depth(interaction: Interaction, depth: str) -> None:
    await _decide(interaction, depth=Depth(depth))


@settings.command(name="language", description="Say which language is spoken in the recordings.")
@app_commands.describe(code="Such as en or de; left out: it is detected.")
async def set_language(interaction: Interaction, code: Range[str, 2, 3] | None = None) -> None:
    if code is not None and not re.fullmatch(r"[a-z]{2,3}", code):
        raise InputError(
            f"“{snippet(code, 10)}” is no language.", "Use a code of ISO 639: en, de, fr."
        )
    await _decide(interaction, language=code)


@settings.command(name="quota", description="Limit what may be used within 24 hours.")
@app_commands.describe(
    who="Each member, or all together.",
    runs="Recordings asked for; left out: as the operator allows.",
    minutes="Minutes of recorded sound.",
    dollars="US dollars for a language model.",
)
async def set_quota(
    interaction: Interaction,
    who: Literal["member", "server"],
    runs: Range[int, 0, 100_000] | None = None,
    minutes: Range[float, 0, 1_000_000] | None = None,
    dollars: Range[float, 0, 100_000] | None = None,
) -> None:
    quota = Quota(runs=runs, minutes=minutes, dollars=dollars)
    await _decide(interaction, **{"user" if who == "member" else "guild": quota})


@settings.command(name="reset", description="Go back to what the operator has set.")
async def reset_settings(interaction: Interaction) -> None:
    await _decide(interaction, **Rules().model_dump())


COMMANDS: tuple[
    app_commands.Command[Any, ..., Any] | app_commands.ContextMenu | app_commands.Group, ...
] = (
    autointel,
    analyse,
    search,
    claims,
    contradictions,
    retrieve_results,
    runs,
    cancel,
    forget,
    status,
    help_command,
    settings,
)
"""All of them, in the order in which `/help` shows them."""
