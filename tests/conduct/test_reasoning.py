"""A stage done by the model, or by the local analysts."""

from __future__ import annotations

import asyncio

from tests.minds import Prepared
from tests.speech import spoken
from ultimate_discord_intelligence_bot.errors import ModelUnavailable
from ultimate_discord_intelligence_bot.events import silent
from ultimate_discord_intelligence_bot.inputs import Inputs
from ultimate_discord_intelligence_bot.llm import Mind, material
from ultimate_discord_intelligence_bot.llm.prompts import POINTS
from ultimate_discord_intelligence_bot.llm.prompts.points import Points
from ultimate_discord_intelligence_bot.models.analysis import Summary
from ultimate_discord_intelligence_bot.models.transcript import Transcript
from ultimate_discord_intelligence_bot.reasoning import thought, whole

SPEECH = spoken("ADA: Good evening.")
QUESTION = POINTS.about(material("transcript", ["[0] Good evening."]), most=1)
LOCAL = Summary(sentences=())
REASONED = Summary(sentences=(), dropped=3)


async def local() -> Summary:
    return LOCAL


async def reason(mind: Mind) -> Summary:
    return REASONED


def inputs(mind: Mind | None, transcript: Transcript = SPEECH, deadline: float = 60) -> Inputs:
    return Inputs({"speakers": transcript}, (), mind, deadline)


async def test_the_model_is_asked_where_there_is_one_and_named() -> None:
    assert await thought(inputs(None), silent, "m/1", local, reason) == LOCAL
    found = await thought(inputs(Prepared()), silent, "m/1", local, reason)
    assert (found.model, found.dropped, found.gaps) == ("m/1", 3, ())
    assert whole(found)


async def test_of_words_that_were_guessed_nothing_is_reasoned() -> None:
    rough = SPEECH.model_copy(update={"origin": "low-accuracy speech recognition"})
    assert not rough.exact
    assert await thought(inputs(Prepared(), rough), silent, "m/1", local, reason) == LOCAL


async def test_without_an_answer_the_local_analysts_do_it_and_the_gap_is_told() -> None:
    async def fail(mind: Mind) -> Summary:
        raise ModelUnavailable("It is down.")

    found = await thought(inputs(Prepared()), silent, "m/1", local, fail)
    assert found.model == ""
    assert found.gaps[0].startswith("It is down. The local analysts took over")
    assert not whole(found)


async def test_a_model_that_is_too_slow_leaves_time_for_them() -> None:
    async def ponder(mind: Mind) -> Summary:
        await asyncio.sleep(60)
        return REASONED

    found = await thought(inputs(Prepared(), deadline=0.2), silent, "m/1", local, ponder)
    assert found.gaps[0].startswith("The language model was not done after")


async def test_whoever_watches_is_told_how_many_answers_there_are() -> None:
    told: list[str] = []

    async def ask_twice(mind: Mind) -> Summary:
        for _ in range(2):
            await mind.ask(QUESTION)
        return REASONED

    answers = Prepared(Points(points=[]), Points(points=[]))
    await thought(inputs(answers), lambda _, words: told.append(words), "m/1", local, ask_twice)
    assert told == ["1 answer from the language model", "2 answers from the language model"]
