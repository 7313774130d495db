"""Reports made by hand from the sample debate, as a run at each depth would make them."""

from __future__ import annotations

from copy import copy
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import webvtt
import yaml

from ultimate_discord_intelligence_bot.analysis.taxonomy import kind_of
from ultimate_discord_intelligence_bot.briefing import compose
from ultimate_discord_intelligence_bot.models.analysis import (
    Chapter,
    Chapters,
    Claim,
    Claims,
    Ekman,
    EmotionPeak,
    EmotionPoint,
    Emotions,
    Entities,
    Entity,
    Exchange,
    Fallacies,
    Fallacy,
    Figure,
    KeyPoint,
    KeyPoints,
    Perspectives,
    Position,
    Quantity,
    Quote,
    SegmentEmotion,
    SegmentSentiment,
    Sentiment,
    Signal,
    Summary,
    Topic,
    TrustSignals,
)
from ultimate_discord_intelligence_bot.models.media import Acquisition, Source
from ultimate_discord_intelligence_bot.models.memory import Receipt
from ultimate_discord_intelligence_bot.models.report import Method, Missing, Report
from ultimate_discord_intelligence_bot.models.transcript import Segment, Transcript
from ultimate_discord_intelligence_bot.models.verification import (
    Contradiction,
    Contradictions,
    Evidence,
    Label,
    Statement,
    Verdict,
    Verdicts,
)

EXAMPLES = Path(__file__).parents[2] / "examples"
_TONES = {"claim": 0.05, "opinion": 0.7, "fallacy": -0.75, "talk": 0.25}


class Debate:
    """The artifacts of the sample debate."""

    def __init__(self) -> None:
        script = yaml.safe_load((EXAMPLES / "debate.yaml").read_text(encoding="utf-8"))
        cues = iter(webvtt.read(str(EXAMPLES / "debate.vtt")).captions)
        self.source = Source(
            id="debate",
            url=(EXAMPLES / "debate.opus").as_uri(),
            title=script["title"],
            platform="file",
            uploader=script["artist"],
            duration=146.5,
        )
        self.lines: list[dict[str, Any]] = []
        self.segments: list[Segment] = []
        chapters: list[Chapter] = []
        for topic in script["topics"]:
            first = len(self.segments)
            for line in topic["sentences"]:
                self.segments.append(_spoken(line, cues, len(self.segments)))
                self.lines.append(line)
            last = len(self.segments) - 1
            start, end = self.segments[first].start, self.segments[last].end
            phrases = ("crewed mission", "robots", "federal budget")
            chapters.append(
                Chapter(
                    title=topic["title"],
                    first=first,
                    last=last,
                    start=start,
                    end=end,
                    phrases=phrases,
                )
            )
        self.chapters = Chapters(
            chapters=tuple(chapters), topics=(Topic(label="Mars", chapters=(0, 1), share=0.6),)
        )

    @property
    def claims(self) -> Claims:
        found = [
            Claim(
                id=line["id"],
                text=segment.text,
                segment=segment.index,
                start=segment.start,
                end=segment.end,
                speaker=segment.speaker,
                score=0.9,
            )
            for line, segment in zip(self.lines, self.segments, strict=True)
            if line["kind"] == "claim"
        ]
        return Claims(claims=tuple(found), threshold=0.5)

    @property
    def key_points(self) -> KeyPoints:
        chosen = ("twelve", "opportunity", "mars-500", "perseverance", "together")
        points = [
            KeyPoint(
                text=segment.text,
                segment=segment.index,
                chapter=next(
                    n
                    for n, c in enumerate(self.chapters.chapters)
                    if c.first <= segment.index <= c.last
                ),
                start=segment.start,
                end=segment.end,
                speaker=segment.speaker,
            )
            for line, segment in zip(self.lines, self.segments, strict=True)
            if line["id"] in chosen
        ]
        return KeyPoints(points=tuple(points))

    @property
    def sentiment(self) -> Sentiment:
        entries = []
        for line, segment in zip(self.lines, self.segments, strict=True):
            value = _TONES[line["kind"]] - (0.9 if "died" in segment.text else 0)
            value += 0.02 * (len(segment.text) % 17) - 0.2
            label = "positive" if value > 0.3 else "negative" if value < -0.3 else "neutral"
            entries.append(
                SegmentSentiment.model_validate(
                    {
                        "segment": segment.index,
                        "start": segment.start,
                        "label": label,
                        "value": round(value, 3),
                    }
                )
            )
        mean = sum(entry.value for entry in entries) / len(entries)
        return Sentiment(segments=tuple(entries), mean=mean)

    def quote(self, line_id: str) -> Quote:
        """What somebody said, by the id of the line."""
        place = next(n for n, line in enumerate(self.lines) if line["id"] == line_id)
        return Quote.of(self.segments[place])

    @property
    def summary(self) -> Summary:
        return Summary(sentences=(self.quote("twelve"), self.quote("opportunity")))

    @property
    def fallacies(self) -> Fallacies:
        found = []
        for line, segment in zip(self.lines, self.segments, strict=True):
            if kind := kind_of(line.get("fallacy", "")):
                found.append(
                    Fallacy(
                        **Quote.of(segment).model_dump(),
                        last=segment.index,
                        label=kind.name,
                        category=kind.category,
                        confidence=0.87,
                        explanation=kind.explanation,
                    )
                )
        return Fallacies(fallacies=tuple(found), threshold=0.8)

    @property
    def perspectives(self) -> Perspectives:
        return Perspectives(
            positions=(
                Position(
                    topic="Mars",
                    speaker="Daniel",
                    attitude="critical",
                    quotes=(self.quote("slope"), self.quote("novels")),
                ),
                Position(
                    topic="Mars",
                    speaker="Ruth",
                    attitude="favourable",
                    quotes=(self.quote("twelve"),),
                ),
            ),
            exchanges=(
                Exchange(
                    kind="disagreement",
                    topic="Mars",
                    first=self.quote("slope"),
                    second=self.quote("no-hotels"),
                    reason="Ruth answers at once, in words of disapproval",
                ),
            ),
        )

    @property
    def emotions(self) -> Emotions:
        shares: list[dict[Ekman, float]] = [
            {"neutral": 0.9, "joy": 0.1, "fear": 0.0},
            {"neutral": 0.4, "joy": 0.1, "fear": 0.5},
            {"neutral": 0.8, "joy": 0.2, "fear": 0.0},
        ]
        return Emotions(
            segments=tuple(
                SegmentEmotion(segment=s.index, start=s.start, labels=(), basic="neutral")
                for s in self.segments
            ),
            timeline=tuple(
                EmotionPoint(time=50.0 * n, values=values) for n, values in enumerate(shares)
            ),
            peaks=(
                EmotionPeak(
                    **self.quote("slope").model_dump(), emotion="fear", label="fear", value=0.5
                ),
            ),
        )

    @property
    def entities(self) -> Entities:
        said = tuple(Quote.of(s) for s in self.segments if "Mars" in s.text)
        return Entities(
            entities=(
                Entity(name="Mars", kind="place", aliases=("Mars",), mentions=said),
                Entity(name="Ruth", kind="person", mentions=(Quote.of(self.segments[0]),)),
            ),
            figures=(
                Figure(quantity=Quantity(text="twelve", kind="number"), said=self.quote("twelve")),
            ),
        )

    @property
    def signals(self) -> TrustSignals:
        return TrustSignals(
            signals=(
                Signal(
                    name="Claims with a figure or date",
                    count=1,
                    of=18,
                    explanation="They are easier to check.",
                    examples=(self.quote("twelve"),),
                ),
            )
        )

    @property
    def verdicts(self) -> Verdicts:
        verdicts = []
        for line in self.lines:
            answer = next((a for a in self.lines if a.get("answers") == line["id"]), None)
            if answer is not None:
                said = self.segments[self.lines.index(answer)]
                evidence = Evidence(
                    source_id=self.source.id,
                    title=self.source.title,
                    url=self.source.at(said.start),
                    published=None,
                    passage=said.text,
                    start=said.start,
                    speaker=said.speaker,
                    found_by="recording",
                    similarity=0.81,
                    stance="refutes",
                    reason="25 percent against less than one percent",
                )
                verdicts.append(
                    Verdict(
                        claim=line["id"],
                        label=Label.REFUTED,
                        evidence=(evidence,),
                        explanation="Another speaker gives a figure that excludes this one.",
                    )
                )
            elif line["id"] in ("twelve", "columbia"):
                evidence = Evidence(
                    source_id="other",
                    title="A short history of spaceflight",
                    url="https://example.org/history?id=7#t=63",
                    published=date(2024, 5, 2),
                    passage=line["text"],
                    start=63.0,
                    speaker="Narrator",
                    found_by="memory",
                    similarity=0.97,
                    stance="supports",
                    reason="the same number and the same years",
                )
                verdicts.append(
                    Verdict(
                        claim=line["id"],
                        label=Label.SUPPORTED,
                        evidence=(evidence,),
                        explanation="A remembered recording says the same.",
                    )
                )
            elif line["kind"] == "claim":
                contested = line["truth"] == "contested"
                verdicts.append(self.contested(line) if contested else _undecided(line))
        return Verdicts(verdicts=tuple(verdicts))

    def contested(self, line: dict[str, Any]) -> Verdict:
        """A claim that its own speaker both makes and denies."""
        (pair,) = self.contradictions.contradictions
        said = pair.first if pair.second.text == line["text"] else pair.second
        evidence = Evidence(
            source_id=said.source_id,
            title=said.title,
            url=said.url,
            published=None,
            passage=said.text,
            start=said.start,
            speaker=said.speaker,
            found_by="recording",
            similarity=0.84,
            stance="refutes",
            reason=pair.reason,
        )
        return Verdict(
            claim=line["id"],
            label=Label.CONFLICTING,
            evidence=(evidence,),
            explanation="The same speaker gives two figures.",
        )

    @property
    def contradictions(self) -> Contradictions:
        (later,) = (line for line in self.lines if "contradicts" in line)
        earlier = next(line for line in self.lines if line["id"] == later["contradicts"])
        return Contradictions(
            contradictions=(
                Contradiction(
                    first=self.statement(earlier),
                    second=self.statement(later),
                    reason="500 billion dollars against 50 billion dollars for the same thing.",
                ),
            )
        )

    def statement(self, line: dict[str, Any]) -> Statement:
        said = self.segments[self.lines.index(line)]
        return Statement(
            text=said.text,
            speaker=said.speaker,
            start=said.start,
            source_id=self.source.id,
            title=self.source.title,
            url=self.source.at(said.start),
        )

    def report(self, depth: str = "comprehensive", **changes: Any) -> Report:
        """A report; changes replace arguments of ``compose``."""
        checked = depth != "standard"
        arguments: dict[str, Any] = {
            "run_id": "4b1f2c9e-0000-5000-8000-000000000000",
            "depth": depth,
            "acquisition": Acquisition(
                source=self.source, acquired_at=datetime(2026, 3, 1, 12, tzinfo=UTC)
            ),
            "transcript": Transcript(
                segments=tuple(self.segments), origin="human captions", language="en"
            ),
            "chapters": self.chapters,
            "key_points": self.key_points,
            "claims": self.claims,
            "sentiment": self.sentiment,
            "summary": self.summary,
            "fallacies": self.fallacies if checked else None,
            "perspectives": self.perspectives if checked else None,
            "emotions": self.emotions if checked else None,
            "entities": self.entities if checked else None,
            "signals": self.signals if checked else None,
            "verdicts": self.verdicts if checked else None,
            "contradictions": self.contradictions if checked else None,
            "receipts": (Receipt(store="vector", records=46, digest="ab"),),
            "methods": (
                Method(name="Chapters", description="Cut where the vocabulary changes."),
                Method(name="Claims", description="A classifier; it misses about one in five."),
            ),
        }
        arguments.update(changes)
        return compose(**arguments)

    def found_at(self, source: Source) -> Debate:
        """The same debate, found elsewhere."""
        other = copy(self)
        other.source = source
        return other


def _undecided(line: dict[str, Any]) -> Verdict:
    return Verdict(
        claim=line["id"],
        label=Label.NOT_ENOUGH_EVIDENCE,
        evidence=(),
        explanation="Nothing remembered speaks about this.",
    )


def _spoken(line: dict[str, Any], cues: Any, index: int) -> Segment:
    texts: list[str] = []
    start = end = 0.0
    while " ".join(texts) != line["text"]:
        cue = next(cues)
        start = start or cue.start_time.in_milliseconds() / 1000
        end = cue.end_time.in_milliseconds() / 1000
        texts.append(cue.text.replace("\n", " "))
    return Segment(index=index, start=start, end=end, text=line["text"], speaker=line["speaker"])


@pytest.fixture(scope="session")
def debate() -> Debate:
    return Debate()


@pytest.fixture(scope="session")
def sound() -> Path:
    return EXAMPLES / "debate.opus"


@pytest.fixture(scope="session")
def report(debate: Debate) -> Report:
    return debate.report()


@pytest.fixture(scope="session")
def plain(debate: Debate) -> Report:
    return debate.report("standard")


@pytest.fixture(scope="session")
def incomplete(debate: Debate) -> Report:
    missing = Missing(
        stage="sentiment", reason="The sentiment model is damaged.", remedy="Install again."
    )
    return debate.report("standard", sentiment=None, missing=(missing,))
