"""Who and what is the same in several recordings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ultimate_discord_intelligence_bot.errors import NameUnknown
from ultimate_discord_intelligence_bot.memory import (
    Memory,
    graph_of,
    links_of,
    open_memory,
    read_bundle,
    write_bundle,
)
from ultimate_discord_intelligence_bot.models.analysis import Entities, Entity, Quote
from ultimate_discord_intelligence_bot.models.verification import Connections

TODAY = date(2024, 5, 1)
Make = Callable[..., Any]
Name = tuple[str, str, tuple[str, ...]]


def people(*names: str | tuple[str, ...]) -> list[Name]:
    spelled = [(name,) if isinstance(name, str) else name for name in names]
    return [(first, "person", tuple(more)) for first, *more in spelled]


def entities(talk: Any, names: list[Name]) -> Entities:
    said = talk.transcript.segments[0]
    quote = Quote(segment=0, text=said.text, start=said.start, end=said.end, speaker=said.speaker)
    return Entities(
        entities=tuple(
            Entity(name=name, kind=kind, aliases=aliases, mentions=(quote,))
            for name, kind, aliases in names
        ),
        figures=(),
    )


async def remember(memory: Memory, talk: Any, names: list[Name]) -> list[tuple[str, str]]:
    """As a run does it; returns who was taken for whom, and why."""
    named = entities(talk, names)
    same = await memory.resolve(talk.tenant, talk.source.id, named)
    found = Connections(connections=(), entities=same, found=TODAY)
    graph = graph_of(
        talk.source, talk.tenant, talk.records, claims=talk.claims, entities=named
    ).model_copy(
        update={"links": links_of(talk.source.id, talk.tenant, talk.records, talk.claims, found)}
    )
    await memory.remember_graph(graph)
    return [(each.name, each.reason) for each in same]


async def heard(memory: Memory, name: str) -> list[tuple[str, str]]:
    """In which recordings somebody is named, and how."""
    mentions = await memory.timeline("local", name)
    return sorted((mention.title, mention.entity) for mention in mentions)


BOTH = [("The one", "Ada Lovelace"), ("The two", "Ada Lovelace")]


async def test_a_full_name_is_the_same_person_everywhere(memory: Memory, recording: Make) -> None:
    await remember(memory, recording("one"), people(("Ada Lovelace", "Ada")))
    same = await remember(memory, recording("two", seed=1), people("Ada Lovelace"))
    assert same == [("Ada Lovelace", "the same full name")]
    # The other recording never says “Ada” alone, and is found by it now.
    assert await heard(memory, "Ada") == BOTH


async def test_a_name_that_is_an_alias_elsewhere_is_joined_where_nobody_else_bears_it(
    memory: Memory, recording: Make
) -> None:
    await remember(memory, recording("one"), people(("Augusta Ada King", "Ada Lovelace")))
    [(_, reason)] = await remember(memory, recording("two", seed=1), people("Ada Lovelace"))
    assert reason == "both are called “ada lovelace”, and nobody else is"
    assert await heard(memory, "Augusta Ada King") == [
        ("The one", "Augusta Ada King"),
        ("The two", "Ada Lovelace"),
    ]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (people("Ada"), people("Ada")),
        (people(("Michelle Obama", "Obama")), people(("Barack Obama", "Obama"))),
        (people("President Obama"), people("President Obama")),
        (people("Dr. Smith"), people("dr smith")),
        ([("Mercury", "place", ())], [("Mercury", "work", ())]),
        ([("Some Thing", "other", ())], [("Some Thing", "other", ())]),
    ],
)
async def test_what_may_be_two_stays_two(
    memory: Memory, recording: Make, theirs: list[Name], ours: list[Name]
) -> None:
    await remember(memory, recording("one"), theirs)
    assert await remember(memory, recording("two", seed=1), ours) == []


async def test_an_alias_that_two_bear_joins_neither(memory: Memory, recording: Make) -> None:
    await remember(memory, recording("one"), people(("George Herbert Bush", "George Bush")))
    await remember(memory, recording("two", seed=1), people(("George Walker Bush", "George Bush")))
    joined = await remember(memory, recording("three", seed=2), people("George Bush"))
    assert joined == []


async def test_a_recording_written_again_is_not_compared_with_itself(
    memory: Memory, recording: Make
) -> None:
    await remember(memory, recording("one"), people("Ada Lovelace"))
    assert await remember(memory, recording("one"), people("Ada Lovelace")) == []


async def test_tenants_share_no_people(memory: Memory, recording: Make) -> None:
    await remember(memory, recording("one"), people("Ada Lovelace"))
    other = recording("two", tenant="guild", seed=1)
    assert await remember(memory, other, people("Ada Lovelace")) == []
    with pytest.raises(NameUnknown):
        await memory.decide("guild", "Ada Lovelace", "Nobody", same=True, today=TODAY)


# -- what a reader says counts --------------------------------------------------------------------


async def test_what_a_reader_joins_is_one_from_then_on(memory: Memory, recording: Make) -> None:
    one, two = recording("one"), recording("two", seed=1)
    await remember(memory, one, people("Ada Lovelace"))
    await remember(memory, two, people("Lady Lovelace"))
    assert len(await heard(memory, "Lady Lovelace")) == 1
    changed = await memory.decide("local", "ada lovelace", "Lady Lovelace", same=True, today=TODAY)
    assert changed == ("id-one", "id-two")
    both = [("The one", "Ada Lovelace"), ("The two", "Lady Lovelace")]
    assert await heard(memory, "Lady Lovelace") == await heard(memory, "Ada Lovelace") == both
    await remember(memory, two, people("Lady Lovelace"))
    await remember(memory, one, people("Ada Lovelace"))
    assert await heard(memory, "Lady Lovelace") == both
    assert await memory.check("local") == ()


async def test_what_a_reader_parts_stays_apart(memory: Memory, recording: Make) -> None:
    one, two = recording("one"), recording("two", seed=1)
    await remember(memory, one, people(("Augusta Ada King", "Ada Lovelace")))
    await remember(memory, two, people("Ada Lovelace"))
    names = "Augusta Ada King", "Ada Lovelace"
    with pytest.raises(NameUnknown, match="names of one"):
        # In the first recording both are names of one.
        await memory.decide("local", *names[::-1], same=False, today=TODAY)
    await remember(memory, one, people("Augusta Ada King"))
    await memory.decide("local", "Augusta Ada King", "Ada Lovelace", same=True, today=TODAY)
    assert len(await heard(memory, "Ada Lovelace")) == 2
    await memory.decide("local", "Augusta Ada King", "Ada Lovelace", same=False, today=TODAY)
    assert await heard(memory, "Ada Lovelace") == [("The two", "Ada Lovelace")]
    await remember(memory, two, people("Ada Lovelace"))
    assert await heard(memory, "Ada Lovelace") == [("The two", "Ada Lovelace")]


async def test_two_names_in_one_recording_are_joined_and_parted_too(
    memory: Memory, recording: Make
) -> None:
    talk = recording("one")
    await remember(memory, talk, people("Ada Lovelace", "Lady Lovelace"))
    assert len(await heard(memory, "Ada Lovelace")) == 1
    for same, count in ((True, 2), (False, 1), (True, 2)):
        await memory.decide("local", "Ada Lovelace", "Lady Lovelace", same=same, today=TODAY)
        assert len(await heard(memory, "Ada Lovelace")) == count


async def test_what_readers_said_moves_with_the_memory(
    memory: Memory, recording: Make, tmp_path: Path
) -> None:
    one, two = recording("one"), recording("two", seed=1)
    for talk, name in ((one, "Ada Lovelace"), (two, "Lady Lovelace")):
        await talk.to_vectors(memory)
        await remember(memory, talk, people(name))
    await memory.decide("local", "Ada Lovelace", "Lady Lovelace", same=True, today=TODAY)
    before = await heard(memory, "Ada Lovelace")
    await write_bundle(tmp_path / "b.zip", memory.export("local"), "local", "test", 8)
    with open_memory(tmp_path / "other", embedder="test", dimension=8) as moved:
        for _ in range(2):
            for portion in read_bundle(tmp_path / "b.zip"):
                await moved.take("local", portion)
        assert await heard(moved, "Ada Lovelace") == before
        await remember(moved, two, people("Lady Lovelace"))
        assert await heard(moved, "Ada Lovelace") == before


async def test_nothing_that_was_said_about_somebody_forgotten_is_kept(
    memory: Memory, recording: Make
) -> None:
    one, two = recording("one"), recording("two", seed=1)
    await remember(memory, one, people("Ada Lovelace"))
    await remember(memory, two, people("Lady Lovelace"))
    await memory.decide("local", "Ada Lovelace", "Lady Lovelace", same=True, today=TODAY)
    await memory.forget("local", one.source.id)
    await remember(memory, one, people("Ada Lovelace"))
    assert len(await heard(memory, "Ada Lovelace")) == 1
