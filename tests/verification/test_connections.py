"""Claims of one recording beside remembered claims of others."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from numpy.typing import NDArray

from ultimate_discord_intelligence_bot.embedding import load_embedder
from ultimate_discord_intelligence_bot.models.analysis import Claim, Claims
from ultimate_discord_intelligence_bot.models.memory import Hit
from ultimate_discord_intelligence_bot.verification import find_connections

TODAY = date(2024, 5, 1)
TWELVE = "Twelve people walked on the Moon between 1969 and 1972."


def claims(*texts: str) -> Claims:
    return Claims(
        threshold=0.2,
        claims=tuple(
            Claim(
                id=f"c{n}",
                text=text,
                segment=n,
                start=float(n),
                end=n + 1.0,
                speaker=None,
                score=0.9,
            )
            for n, text in enumerate(texts)
        ),
    )


async def kinds(ours: str, theirs: str) -> list[str]:
    first, second = load_embedder().encode([ours, theirs])

    async def retrieve(vectors: NDArray[np.float32], limit: int) -> list[list[Hit]]:
        hit = Hit(
            id="h",
            kind="claim",
            text=theirs,
            start=0,
            end=1,
            speaker=None,
            source_id="s",
            source="Show",
            url="https://example.org/",
            published=None,
            score=float(np.clip(first @ second, -1, 1)),
        )
        return [[hit] for _ in vectors]

    found = await find_connections(claims(ours), first[np.newaxis], retrieve, TODAY)
    assert all((c.claim, c.other) == ("c0", "h") and c.reason for c in found.connections)
    return [connection.kind for connection in found.connections]


@pytest.mark.parametrize(
    "theirs",
    [
        TWELVE,
        "Between 1969 and 1972, twelve people walked on the Moon.",
        "And between 1969 and 1972, 12 people walked on the Moon, of course.",
    ],
)
async def test_nearly_the_same_words_with_the_same_figures_say_the_same(theirs: str) -> None:
    assert await kinds(TWELVE, theirs) == ["SAME_AS"]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (TWELVE, "Nineteen people walked on the Moon between 1969 and 1972."),
        ("Vaccines cause autism.", "Vaccines do not cause autism."),
    ],
)
async def test_what_cannot_both_be_true_is_a_contradiction(ours: str, theirs: str) -> None:
    assert await kinds(ours, theirs) == ["CONTRADICTS"]


async def test_figures_that_bear_one_another_out_agree() -> None:
    assert await kinds(
        "The city has more than 40 libraries for children.",
        "The city has 55 libraries for children.",
    ) == ["AGREES"]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (
            "Rents in Vienna rose by 5 percent in 2019.",
            "Rents in Berlin rose by 5 percent in 2019.",
        ),
        ("The mayor of Rome has resigned.", "The mayor of Rome has not resigned yet, but will."),
        ("The film won five awards at the festival.", "The film won awards at the festival."),
        (TWELVE, "Cheese is made of milk."),
    ],
)
async def test_what_only_looks_alike_is_not_joined(ours: str, theirs: str) -> None:
    assert "SAME_AS" not in await kinds(ours, theirs)
    assert "AGREES" not in await kinds(ours, theirs)


async def test_no_claims_ask_nobody() -> None:
    async def retrieve(vectors: NDArray[np.float32], limit: int) -> list[list[Hit]]:
        raise AssertionError

    found = await find_connections(claims(), np.zeros((0, 384), np.float32), retrieve, TODAY)
    assert found.connections == ()
