"""What stages tell while they work is heard by everybody, once and in order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from ultimate_discord_intelligence_bot.streams import Stream, Streams

Step = Literal["tell", "listen", "breathe"]


async def everything(stream: Stream) -> list[int]:
    return [part for parts in [p async for p in stream.heard()] for part in parts]


async def followed(steps: Sequence[Step]) -> tuple[int, list[list[int]]]:
    """Tell, listen and let others go on in that order, then end; how much was told, and heard."""
    stream, told = Stream(), 0
    listeners: list[asyncio.Task[list[int]]] = []
    for step in steps:
        if step == "tell":
            stream.tell(told)
            told += 1
        elif step == "listen":
            listeners.append(asyncio.create_task(everything(stream)))
        else:
            await asyncio.sleep(0)
    stream.end()
    async with asyncio.timeout(5):
        return told, await asyncio.gather(*listeners, everything(stream))


@given(st.lists(st.sampled_from(("tell", "listen", "breathe")), max_size=60))
def test_every_listener_hears_everything_once_and_in_order_whenever_it_comes(
    steps: list[Step],
) -> None:
    told, heard = asyncio.run(followed(steps))
    assert heard == [list(range(told))] * (steps.count("listen") + 1)


@given(st.lists(st.integers(), max_size=5), st.lists(st.integers(), max_size=5))
def test_the_end_ends_it(before: list[int], after: list[int]) -> None:
    async def story() -> list[int]:
        stream = Stream()
        for part in before:
            stream.tell(part)
        stream.end()
        for part in after:
            stream.tell(part)
        stream.end()
        return await everything(stream)

    assert asyncio.run(story()) == before


async def test_a_listener_waits_until_there_is_news() -> None:
    stream, heard = Stream(), list[list[str]]()

    async def listen() -> None:
        async for parts in stream.heard():
            heard.append(parts)

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0.01)
    assert heard == []
    stream.tell("first")
    stream.tell("second")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert heard == [["first", "second"]]
    assert not listening.done()
    stream.end()
    await listening


def test_every_stage_has_one_stream_of_its_own() -> None:
    streams = Streams()
    assert streams["acquisition"] is streams["acquisition"]
    assert streams["acquisition"] is not streams["transcription"]
