"""Fallacies: told where they are plain, silent elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.speech import heard, spoken
from ultimate_discord_intelligence_bot.analysis import find_fallacies
from ultimate_discord_intelligence_bot.analysis.branches import Floats
from ultimate_discord_intelligence_bot.analysis.fallacies import (
    FEELINGS_OF,
    Scale,
    find_passages,
    spans_of,
)
from ultimate_discord_intelligence_bot.analysis.taxonomy import CATEGORIES, KINDS, kind_of
from ultimate_discord_intelligence_bot.models.analysis import Fallacy

ORDINARY = (
    "The committee meets on the first Tuesday of each month.",
    "We looked at the budget and moved the second item to the next meeting.",
    "Rents in the capital have doubled since 2010.",
    "The dam was repaired in the spring and inspected in the autumn.",
    "She asked whether the remote control needs a screen.",
)


def fallacies_in(*lines: str) -> tuple[Fallacy, ...]:
    transcript = spoken(*lines)
    return find_fallacies(transcript, heard(transcript)).fallacies


@pytest.mark.parametrize(
    ("text", "label"),
    [
        (
            "If we allow students to redo one exam, next they will want to redo every exam, and "
            "soon no grade will mean anything at all.",
            "slippery slope",
        ),
        ("Either you support this law or you hate your own country.", "false dilemma"),
        (
            "Marriage has always been between a man and a woman, so it should stay that way.",
            "appeal to tradition",
        ),
        ("Everyone is buying this phone, so it has to be the best one.", "ad populum"),
        (
            "I met two people from that city and both were rude, so everybody there is rude.",
            "hasty generalization",
        ),
    ],
)
def test_textbook_examples_are_found(text: str, label: str) -> None:
    found = fallacies_in(*ORDINARY, f"Ada: {text}", *ORDINARY)

    assert [(f.label, f.text, f.segment, f.last) for f in found] == [(label, text, 5, 5)]
    kind = kind_of(label)
    assert kind is not None
    assert (found[0].category, found[0].explanation) == (kind.category, kind.explanation)
    assert found[0].confidence >= Scale.shipped().threshold


def test_ordinary_speech_raises_no_alarm() -> None:
    assert fallacies_in(*ORDINARY * 10) == ()


def test_it_says_nothing_without_speech() -> None:
    assert fallacies_in() == ()


class TestTaxonomy:
    def test_has_23_kinds_in_three_categories_each_with_one_sentence(self) -> None:
        assert len({kind.name for kind in KINDS}) == 23
        assert {kind.category for kind in KINDS} == set(CATEGORIES)
        for kind in KINDS:
            assert kind.explanation.endswith(".")
            assert kind.explanation.count(". ") == 0

    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("Ad Hominem", "ad hominem"),
            ("faulty_generalization", "hasty generalization"),
            ("appeal-to-majority", "ad populum"),
            ("Appeal to (False) Authority", "appeal to (false) authority"),
            ("fallacy of extension", "straw man"),
        ],
    )
    def test_knows_what_others_call_them(self, name: str, kind: str) -> None:
        found = kind_of(name)
        assert found is not None
        assert found.name == kind

    def test_has_no_kind_for_what_mafalda_does_not_name(self) -> None:
        assert kind_of("intentional") is None


LABELS = ("none", "other", "slippery slope", "ad hominem", "appeal to emotion")
FEELINGS = tuple(feeling for group in FEELINGS_OF.values() for feeling in group)
SCALE = Scale(LABELS, FEELINGS, temperature=1.0, threshold=0.8)


def logits(*sure: dict[str, float]) -> Floats:
    """Logits with these probabilities; the rest says that nothing is wrong."""
    rows = []
    for said in sure:
        rest = 1 - sum(said.values()) - 1e-6 * len(LABELS)
        rows.append([said.get(name, rest if name == "none" else 0) + 1e-6 for name in LABELS])
    return np.log(np.array(rows, np.float32)).reshape(len(sure), len(LABELS))


def calm(count: int) -> Floats:
    return np.full((count, len(FEELINGS)), -5, np.float32)


class TestPassages:
    def test_the_whole_may_be_plainer_than_its_parts(self) -> None:
        sentences = ["If they ban this.", "They will ban that.", "Soon all is banned.", "Hello."]
        asked: list[str] = []

        def read(texts: Sequence[str]) -> Floats:
            asked.extend(texts)
            sure = [0.95 if text == " ".join(sentences[:3]) else 0.5 for text in texts]
            return logits(*({"slippery slope": s} for s in sure))

        alone = logits(
            {"slippery slope": 0.2}, {"slippery slope": 0.6}, {"slippery slope": 0.3}, {}
        )

        found = find_passages(sentences, [None] * 4, (alone, calm(4)), read, SCALE)

        assert [(p.first, p.last, p.label) for p in found] == [(0, 2, "slippery slope")]
        assert " ".join(sentences) in asked

    def test_of_equals_the_shorter_is_told(self) -> None:
        def read(texts: Sequence[str]) -> Floats:
            return logits(*({"ad hominem": 0.91} for _ in texts))

        alone = logits({}, {"ad hominem": 0.9}, {})

        found = find_passages(["a b", "c d", "e f"], [None] * 3, (alone, calm(3)), read, SCALE)

        assert [(p.first, p.last) for p in found] == [(1, 1)]

    def test_no_passage_mixes_speakers(self) -> None:
        def read(texts: Sequence[str]) -> Floats:
            raise AssertionError(texts)

        alone = logits({"ad hominem": 0.9}, {"ad hominem": 0.9})

        found = find_passages(["You lie.", "You lie."], ["A", "B"], (alone, calm(2)), read, SCALE)

        assert [(p.first, p.last) for p in found] == [(0, 0), (1, 1)]

    def test_neighbours_of_one_kind_are_one(self) -> None:
        def read(texts: Sequence[str]) -> Floats:
            return logits(*({} for _ in texts))

        alone = logits({"ad hominem": 0.9}, {"ad hominem": 0.85}, {"slippery slope": 0.9})

        found = find_passages(["a", "b", "c"], ["A"] * 3, (alone, calm(3)), read, SCALE)

        assert [(p.first, p.last, p.label) for p in found] == [
            (0, 1, "ad hominem"),
            (2, 2, "slippery slope"),
        ]
        assert found[0].confidence == pytest.approx(0.9, abs=0.01)

    @pytest.mark.parametrize(
        ("feeling", "label"),
        [("fear", "appeal to fear"), ("anger", "appeal to anger"), ("grief", "appeal to pity")],
    )
    def test_the_emotion_of_an_appeal_is_read_from_its_wording(
        self, feeling: str, label: str
    ) -> None:
        felt = calm(1)
        felt[0, FEELINGS.index(feeling)] = 3

        (found,) = find_passages(
            ["Think."], [None], (logits({"appeal to emotion": 0.9}), felt), no_read, SCALE
        )

        assert found.label == label

    def test_what_mafalda_does_not_name_is_not_told(self) -> None:
        alone = logits({"other": 0.95})

        assert find_passages(["Hm."], [None], (alone, calm(1)), no_read, SCALE) == []


def no_read(texts: Sequence[str]) -> Floats:
    raise AssertionError(texts)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One. Two!  Three?", ["One.", "Two!", "Three?"]),
        ("No end", ["No end"]),
        ("He said “Stop.” Then\nhe left.", ["He said “Stop.”", "Then", "he left."]),
        ("It rose by 3.5 percent.", ["It rose by 3.5 percent."]),
        ("", []),
        (" \n ", []),
    ],
)
def test_sentences_of_a_text(text: str, parts: list[str]) -> None:
    assert [text[begin:end] for begin, end in spans_of(text)] == parts
