"""Sentiment and emotion: of sentences, over time, and at their peaks."""

from __future__ import annotations

import numpy as np
import pytest

from tests.speech import heard, spoken
from ultimate_discord_intelligence_bot.analysis import score_sentiment, trace_emotions
from ultimate_discord_intelligence_bot.analysis.branches import facts
from ultimate_discord_intelligence_bot.analysis.emotions import GROUPS
from ultimate_discord_intelligence_bot.models.artifact import Vectors

PLAIN = "The meeting is on Tuesday at ten in the small room."


class TestSentiment:
    def test_tells_praise_from_complaint(self) -> None:
        transcript = spoken(
            "This is wonderful, I love it, thank you so much!",
            PLAIN,
            "That is disgusting and I hate every minute of it.",
        )

        found = score_sentiment(transcript, heard(transcript)).segments

        assert [segment.label for segment in found] == ["positive", "neutral", "negative"]
        assert found[0].value > 0.5 > -0.5 > found[2].value

    def test_a_segment_without_words_is_neutral(self) -> None:
        transcript = spoken("♪ ♪", "")

        found = score_sentiment(transcript, heard(transcript))

        assert [(s.label, s.value) for s in found.segments] == [("neutral", 0)] * 2
        assert found.mean == 0


class TestEmotions:
    @pytest.mark.parametrize(
        ("text", "label", "basic"),
        [
            ("Thank you so much for your help, I really appreciate it!", "gratitude", "joy"),
            ("I am furious, this makes me so angry!", "anger", "anger"),
            ("I'm scared, I am terrified of what will happen.", "fear", "fear"),
            ("I am so sad that she died, I cried all night.", "sadness", "sadness"),
            ("Wow, I did not expect that at all, what a surprise!", "surprise", "surprise"),
        ],
    )
    def test_a_clear_sentence_is_understood(self, text: str, label: str, basic: str) -> None:
        transcript = spoken(text)

        (found,) = trace_emotions(transcript, heard(transcript)).segments

        assert label in found.labels
        assert found.basic == basic

    def test_every_label_belongs_to_one_group(self) -> None:
        grouped = [label for labels in GROUPS.values() for label in labels]

        assert sorted(grouped) == sorted(facts("emotion")["labels"])

    def test_the_course_is_made_of_shares(self) -> None:
        transcript = spoken(*[PLAIN, "I love this!", "Oh no."] * 40)

        found = trace_emotions(transcript, heard(transcript))

        assert 10 < len(found.timeline) <= 120
        times = [point.time for point in found.timeline]
        assert times == sorted(times)
        for point in found.timeline:
            assert sum(point.values.values()) == pytest.approx(1, abs=0.001)

    def test_a_peak_is_where_it_happens_and_quotes_it(self) -> None:
        rage = "I am so angry about this, it is an outrage and I hate it!"
        transcript = spoken(*[PLAIN] * 60, *[rage] * 8, *[PLAIN] * 60)

        peaks = trace_emotions(transcript, heard(transcript)).peaks

        assert [(peak.emotion, peak.text) for peak in peaks] == [("anger", rage)]
        assert 60 <= peaks[0].segment < 68

    def test_plain_speech_has_no_peaks(self) -> None:
        transcript = spoken(*[PLAIN] * 50)

        assert trace_emotions(transcript, heard(transcript)).peaks == ()

    def test_memory_and_points_do_not_grow_with_length(self) -> None:
        transcript = spoken(*["Hm."] * 9_000)
        readings = {"emotion": np.full((9_000, 28), -4, np.float32)}

        found = trace_emotions(transcript, Vectors(np.zeros((9_000, 384), np.float32), readings))

        assert len(found.timeline) == 120
        assert len(found.segments) == 9_000
