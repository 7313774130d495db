"""The critical path of simulated runs, by hand."""

from __future__ import annotations

import pytest

from tests.simulation import CLAIMS, FIRST_SYSTEM, FOLLOWS, least
from ultimate_discord_intelligence_bot.plans import EVERY_STAGE
from ultimate_discord_intelligence_bot.settings import Depth, load_settings

EVIDENCE, MEMORY = 90 / CLAIMS, 45
TEXT = 3 * 10  # the embedding; chapters, claims and sentiment; key points


@pytest.mark.parametrize(
    ("flags", "seconds"),
    [
        pytest.param({"ENABLE_PARALLEL_AUTOINTEL": 0}, 690, id="one after another"),
        pytest.param({}, 210 + TEXT + 50 + MEMORY, id="all flags"),
        pytest.param(
            {"ENABLE_STREAMED_TRANSCRIPTION": 0}, 150 + 210 + TEXT + 50 + MEMORY, id="not streamed"
        ),
        pytest.param(
            {"ENABLE_PARALLEL_ANALYSIS": 0}, 210 + 150 + EVIDENCE + MEMORY, id="no analysis"
        ),
        pytest.param(
            {"ENABLE_PARALLEL_MEMORY_OPS": 0}, 210 + TEXT + 50 + 2 * MEMORY, id="no memory ops"
        ),
        pytest.param({"ENABLE_PIPELINED_RUN": 1}, 210 + MEMORY, id="pipelined"),
        pytest.param(
            {"ENABLE_PIPELINED_RUN": 1, "ENABLE_PARALLEL_AUTOINTEL": 0}, 690, id="switched off"
        ),
    ],
)
def test_the_critical_path(flags: dict[str, int], seconds: float) -> None:
    assert sum(FIRST_SYSTEM.values()) == 690
    assert least(Depth.EXPERIMENTAL, load_settings(**flags), FIRST_SYSTEM) == seconds


def test_whoever_follows_and_is_followed_is_a_stage() -> None:
    assert {*FOLLOWS, *FOLLOWS.values(), *FIRST_SYSTEM} <= set(EVERY_STAGE)
