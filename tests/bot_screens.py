"""A report to be shown, what strangers may put into one, and what every message must keep to."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

from hypothesis import Phase
from hypothesis import strategies as st

from ultimate_discord_intelligence_bot.discord_bot.screens import Screen
from ultimate_discord_intelligence_bot.discord_bot.text import size, unescape
from ultimate_discord_intelligence_bot.models.analysis import (
    Claim,
    EmotionPoint,
    Fallacy,
    KeyPoint,
    Position,
    Quote,
)
from ultimate_discord_intelligence_bot.models.media import Source
from ultimate_discord_intelligence_bot.models.report import Linked, Report
from ultimate_discord_intelligence_bot.models.transcript import Segment, Transcript
from ultimate_discord_intelligence_bot.models.verification import (
    Contradiction,
    Evidence,
    Label,
    Statement,
    Verdict,
)

VIDEO = "https://www.youtube.com/watch?v=abcdefghijk"

SAID = (
    "NASA swallows 25 percent of the federal budget.",
    "Twelve people walked on the Moon.",
    "A crewed mission to Mars would cost about 500 billion dollars.",
    "The rover Opportunity was built to last 90 days.",
    "In 1999 the Mars Polar Lander crashed.",
    "Voyager 1 left Earth in 1977.",
    "The shuttle Columbia broke apart in 2003.",
)
FOUR = (Label.SUPPORTED, Label.REFUTED, Label.NOT_ENOUGH_EVIDENCE, Label.CONFLICTING)


def quote(place: int, text: str, speaker: str | None = "Ruth") -> dict[str, Any]:
    start = 10.0 * place
    return {"text": text, "segment": place, "start": start, "end": start + 5, "speaker": speaker}


def evidence(text: str, url: str = "https://en.wikipedia.org/wiki/Budget", **more: Any) -> Evidence:
    given: dict[str, Any] = {
        "source_id": "wiki",
        "title": text,
        "url": url,
        "published": date(2024, 5, 2),
        "passage": text,
        "start": None,
        "speaker": None,
        "found_by": "Wikipedia",
        "similarity": 0.8,
        "stance": "refutes",
    }
    return Evidence(**(given | more))


def report(
    texts: tuple[str, ...] = SAID, labels: tuple[Label, ...] = FOUR, **changes: Any
) -> Report:
    """A report in which each text is a key point, a claim and much more."""
    claims = [
        Claim(id=str(n), score=0.9 - n / 100, **quote(n, text)) for n, text in enumerate(texts)
    ]
    statements = [
        Statement(text=t, speaker="Ruth", start=9.0, source_id="s", title=t, url=VIDEO)
        for t in texts[:2]
    ]
    given: dict[str, Any] = {
        "run_id": "run",
        "depth": "deep",
        "source": Source(
            id="s", url=VIDEO, title="Mars or not", platform="youtube", duration=1234.0
        ),
        "acquired_at": datetime(2026, 3, 1, tzinfo=UTC),
        "transcript": Transcript(
            segments=tuple(
                Segment(index=n, start=10.0 * n, end=10.0 * n + 5, text=text)
                for n, text in enumerate(texts[:10])
            ),
            origin="human captions",
        ),
        "key_points": [
            Linked(item=KeyPoint(chapter=0, **quote(n, text)), url=VIDEO)
            for n, text in enumerate(texts)
        ],
        "claims": [Linked(item=claim, url=VIDEO) for claim in claims],
        "verdicts": [
            Verdict(
                claim=claim.id,
                label=label,
                evidence=(evidence(claim.text),) if label != Label.NOT_ENOUGH_EVIDENCE else (),
                explanation=f"Because: {claim.text}",
                confidence=None if label == Label.NOT_ENOUGH_EVIDENCE else 0.9,
            )
            for claim, label in zip(claims, labels, strict=False)
        ],
        "contradictions": [
            Contradiction(first=statements[0], second=statements[-1], reason="two figures")
        ]
        if statements
        else [],
        "fallacies": [
            Linked(
                item=Fallacy(
                    last=n,
                    label="slippery slope",
                    category="Fallacy of Logic",
                    confidence=0.86,
                    explanation=text,
                    **quote(n, text),
                ),
                url=VIDEO,
            )
            for n, text in enumerate(texts)
        ],
        "positions": [
            Position(
                topic=text, speaker=text, attitude="critical", quotes=(Quote(**quote(n, text)),)
            )
            for n, text in enumerate(texts)
        ],
        "emotion_timeline": [
            EmotionPoint(time=0.0, values={"joy": 0.1}),
            EmotionPoint(time=190.0, values={"joy": 0.5}),
        ],
    }
    return Report(**(given | changes))


EVIL = st.sampled_from(
    (
        "@everyone <@123> **x** [a](https://evil.example) `y` ||z|| # h",
        "\\" * 5000,
        "👩\u200d👩\u200d👧" * 900,
        "word " * 10_000,
        "a" * 50_000,
        "\u202e\u200b\u200d",
        "\ud800\x00",
        "",
        "\n\n# heading\n> quote\n- list\n1. one",
    )
) | st.text(max_size=40)
ADDRESSES = st.sampled_from(
    (VIDEO, "https://a.example/" + "%20" * 120, "https://[", "javascript:x", "x", "https://a.example/(")
)  # fmt: skip


PHASES = tuple(phase for phase in Phase if phase != Phase.shrink)
"""Shrinking such a report takes minutes and shows no more than the report does."""


def assert_accepted(screen: Screen) -> None:
    """Discord would take it: limits as in its reference, none of them empty."""
    assert size(screen.content) <= 2000
    assert len(screen.embeds) <= 10
    texts = [
        (text, limit)
        for embed in screen.embeds
        for text, limit in (
            (embed.title, 256),
            (embed.description, 4096),
            *((part.name, 256) for part in embed.fields),
            *((part.value, 1024) for part in embed.fields),
            *([(embed.footer.text, 2048)] if embed.footer.text else []),
        )
    ]
    for text, limit in texts:
        assert text is not None
        assert text.strip()
        assert size(text) <= limit
        text.encode()
    assert sum(size(text or "") for text, _ in texts) <= 6000
    assert all(len(embed.fields) <= 25 for embed in screen.embeds)
    for file in screen.files:
        assert file.alt
        assert size(file.alt) <= 1024
    buttons = [button for row in screen.rows for button in row]
    assert len(screen.rows) <= 5
    assert all(1 <= len(row) <= 5 for row in screen.rows)
    asked = [button.custom_id for button in buttons if button.custom_id]
    assert len(set(asked)) == len(asked)
    for button in buttons:
        assert 0 < size(button.label) <= 80
        assert (button.custom_id is None) != (button.url is None)
        assert size(button.custom_id or "") <= 100
        assert size(button.url or "") <= 512


def shown(screen: Screen) -> str:
    """All that can be read of a message."""
    parts = [screen.content]
    for embed in screen.embeds:
        parts += [embed.title or "", embed.description or ""]
        parts += [text for part in embed.fields for text in (part.name or "", part.value or "")]
        parts.append(embed.footer.text or "")
    parts += [f"[{button.label}]" for row in screen.rows for button in row]
    return unescape("\n".join(parts))


def assert_harmless(screen: Screen) -> None:
    assert_accepted(screen)
    for embed in screen.embeds:
        for text in (embed.title, embed.description, *(part.value for part in embed.fields)):
            assert "@everyone" not in (text or "")
            assert "https://evil" not in (text or "")
            # Nothing of ours needs these, so each one there is came from outside.
            assert not re.search(r"(?<!\\)(\\\\)*[<>]", text or "")
            for line in (text or "").split("\n"):
                assert not line.startswith(("#", ">"))


def in_order(text: str, *pieces: str) -> bool:
    places = [text.index(piece) for piece in pieces]
    return places == sorted(places)
