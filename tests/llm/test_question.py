"""Questions with typed answers."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from ultimate_discord_intelligence_bot.errors import AnswerInvalid
from ultimate_discord_intelligence_bot.llm.call import Message
from ultimate_discord_intelligence_bot.llm.material import material
from ultimate_discord_intelligence_bot.llm.question import Answer, Prompt, answered


class Count(Answer):
    """How many, and of what."""

    number: int = Field(ge=0)
    names: list[str]


COUNT = Prompt(name="count", version=3, answer=Count, instruction="Count the {things}.")
QUESTION = COUNT.about(material("a list", ["owl", "hen"]), things="birds")


class Model:
    """Says one prepared text after the other."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.heard: list[Sequence[Message]] = []

    async def __call__(self, messages: Sequence[Message]) -> str:
        self.heard.append(messages)
        return self.texts.pop(0)


def test_material_comes_first_and_the_schema_with_the_instruction() -> None:
    first, last = QUESTION.messages
    assert "owl\nhen" in first.content
    assert first.shared
    assert last.content.startswith("Count the birds.")
    assert '"number"' in last.content
    assert COUNT.identity == "count.3"


async def test_an_answer_is_validated() -> None:
    model = Model('Sure! ```json\n{"number": 2, "names": ["owl", "hen"], "more": 1}\n```')
    assert await answered(QUESTION, model) == Count(number=2, names=["owl", "hen"])
    assert len(model.heard) == 1


async def test_thoughts_are_not_taken_for_the_answer() -> None:
    model = Model('<think>{"number": 7}?</think>{"number": 1, "names": []}')
    assert (await answered(QUESTION, model)).number == 1


async def test_a_bad_answer_is_repaired_once_knowing_what_was_wrong() -> None:
    model = Model('{"number": -2}', '{"number": 2, "names": []}')
    assert (await answered(QUESTION, model)).number == 2
    *before, said, complaint = model.heard[1]
    assert tuple(before) == QUESTION.messages
    assert said == Message("assistant", '{"number": -2}')
    assert "number: Input should be greater than or equal to 0" in complaint.content
    assert "names: Field required" in complaint.content


async def test_a_second_bad_answer_is_a_typed_failure() -> None:
    with pytest.raises(AnswerInvalid, match=r"“count” cannot be used.*no JSON object"):
        await answered(QUESTION, Model("No.", "Never."))


@given(
    st.lists(st.text()),
    st.integers(0, 10**9),
    st.text(st.characters(exclude_characters="{}<>")),
    st.text(st.characters(exclude_characters="{}<>")),
)
def test_an_answer_is_found_in_whatever_stands_around_it(
    names: list[str], number: int, before: str, after: str
) -> None:
    text = f"{before}{json.dumps({'number': number, 'names': names})}{after}"
    assert QUESTION.parse(text) == Count(number=number, names=names)


@given(st.text())
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        QUESTION.parse(text)
