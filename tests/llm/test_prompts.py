"""Every prompt, as it is sent: a change must be meant, and raises the version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.speech import spoken as transcript_of
from ultimate_discord_intelligence_bot.analysis.taxonomy import KINDS
from ultimate_discord_intelligence_bot.llm.call import Message
from ultimate_discord_intelligence_bot.llm.crew import arranged
from ultimate_discord_intelligence_bot.llm.house import HOUSE_RULES
from ultimate_discord_intelligence_bot.llm.material import material, spoken
from ultimate_discord_intelligence_bot.llm.prompts import ALL
from ultimate_discord_intelligence_bot.llm.question import Prompt

GOLDEN = Path(__file__).parent / "golden"

TRANSCRIPT = material(
    "transcript",
    spoken(
        transcript_of(
            "ADA: Unemployment fell by two percent in 1998.", "BEN: Everybody knows that."
        ).segments
    ),
)
STATEMENT = material("statement", ["Unemployment fell by two percent in 1998."])
PASSAGES = material("passages", ["[0] (Wikipedia, “Work”, 2001-01-01) It fell by 2 % in 1998."])
MATERIAL = {
    "points": (TRANSCRIPT,),
    "overview": (material("points", ["[0] Ada says that unemployment fell."]),),
    "fallacies": (TRANSCRIPT,),
    "perspectives": (TRANSCRIPT, material("topics", ["work", "statistics"])),
    "assertions": (material("claims", ["[0] It fell by two percent. (before it: Work.)"]),),
    "verdict": (STATEMENT, PASSAGES),
    "challenge": (STATEMENT, PASSAGES),
}
WORDS: dict[str, dict[str, Any]] = {
    "points": {"most": 6},
    "overview": {"most": 5},
    "fallacies": {"kinds": "\n".join(f"- {kind.name}: {kind.explanation}" for kind in KINDS[:3])},
    "challenge": {"label": "Supported"},
}


def rendered(prompt: Prompt[Any]) -> str:
    question = prompt.about(*MATERIAL[prompt.name], **WORDS.get(prompt.name, {}))
    messages = (HOUSE_RULES, *question.messages)
    parts = [f"## {m.role}{' (shared)' if m.shared else ''}\n\n{m.content}" for m in messages]
    return f"# {prompt.identity}, {prompt.answer_tokens} tokens\n\n" + "\n\n".join(parts) + "\n"


@pytest.mark.parametrize("prompt", ALL, ids=lambda prompt: prompt.name)
def test_a_prompt_is_rendered_as_it_was_approved(prompt: Prompt[Any]) -> None:
    approved = GOLDEN / f"{prompt.name}.md"
    assert rendered(prompt) == approved.read_text("utf-8"), (
        f"If this is meant, raise the version of {prompt.name} and approve it: "
        "python -m tests.llm.test_prompts"
    )


def test_no_material_is_left_unmarked_by_what_an_agent_adds() -> None:
    """As CrewAI's agents put it: who they are, what was said, what they are asked."""
    question = ALL[0].about(TRANSCRIPT, most=6)
    said = [{"role": "system", "content": "You are a content analyst."}]
    said += [{"role": m.role, "content": m.content} for m in question.messages[:-1]]
    said += [{"role": "user", "content": f"\nCurrent Task: {question.messages[-1].content}"}]
    first, second, third = arranged(said)
    assert first == HOUSE_RULES
    assert second == TRANSCRIPT
    assert third.role == "user"
    assert third.content.startswith("You are a content analyst.\n\nCurrent Task: ")


def test_what_specialists_share_comes_first_for_all_of_them() -> None:
    asked = []
    for name, prompt in ((p.name, p) for p in ALL if p.name in ("points", "fallacies")):
        question = prompt.about(TRANSCRIPT, **WORDS[name])
        said = [{"role": "system", "content": f"You are the one for {name}."}]
        said += [{"role": m.role, "content": m.content} for m in question.messages]
        asked.append(arranged(said))
    assert asked[0][:2] == asked[1][:2]
    assert all(isinstance(m, Message) and m.shared for m in asked[0][:2])


if __name__ == "__main__":
    for each in ALL:
        (GOLDEN / f"{each.name}.md").write_text(rendered(each), "utf-8")
