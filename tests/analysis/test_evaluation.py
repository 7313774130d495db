"""Scoring labelled files: what they may look like, and what comes out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ultimate_discord_intelligence_bot.analysis.evaluation import TASKS, evaluate
from ultimate_discord_intelligence_bot.analysis.evaluation.files import (
    LONGEST_LINE,
    claims_in,
    conversations_in,
    emotions_in,
    fallacies_in,
    sentiments_in,
    spans_in,
)
from ultimate_discord_intelligence_bot.analysis.evaluation.metrics import NOTHING
from ultimate_discord_intelligence_bot.analysis.figures import load_figures
from ultimate_discord_intelligence_bot.errors import EvaluationFileInvalid

CLAIM = "Unemployment fell to 3.5 percent in 2019, the lowest rate in fifty years."
SLOPE = (
    "If we allow students to redo one exam, next they will want to redo every exam, and soon no "
    "grade will mean anything at all."
)


def written(folder: Path, *rows: Any) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    return path


class TestSpelling:
    @pytest.mark.parametrize(
        ("labels", "truth"),
        [
            ([1], True),
            (["1"], True),
            (True, True),
            ("CFS", True),
            (["check-worthy"], True),
            (["claim"], True),
            ([0], False),
            ([], False),
            (None, False),
            ("NFS", False),
            (["not check_worthy"], False),
            ("Non-claim", False),
            ("Check-worthy Factual Sentence", True),
            ("Unimportant Factual Sentence", False),
            ("non-check-worthy", False),
        ],
    )
    def test_claims(self, tmp_path: Path, labels: Any, truth: bool) -> None:
        for name in ("labels", "label"):
            assert claims_in(written(tmp_path, {"text": "x", name: labels})) == [("x", truth)]

    def test_emotions_are_names_or_numbers(self, tmp_path: Path) -> None:
        path = written(tmp_path, {"text": "x", "labels": ["Joy", 2, "27"]})

        assert emotions_in(path) == [("x", frozenset({"joy", "anger", "neutral"}))]

    @pytest.mark.parametrize("label", [2, "2", "Positive", "pos", ["positive"]])
    def test_sentiment(self, tmp_path: Path, label: Any) -> None:
        assert sentiments_in(written(tmp_path, {"text": "x", "labels": label})) == [
            ("x", "positive")
        ]

    @pytest.mark.parametrize("label", [[], "none", ["nothing"], "No fallacy"])
    def test_no_fallacy(self, tmp_path: Path, label: Any) -> None:
        assert fallacies_in(written(tmp_path, {"text": "x", "labels": label})) == [("x", "none")]

    @pytest.mark.parametrize("label", [1, "fallacious", ["Fallacy"]])
    def test_a_fallacy_of_no_matter_which_kind(self, tmp_path: Path, label: Any) -> None:
        path = written(
            tmp_path,
            {"text": SLOPE, "labels": label},
            {"text": "The report was published on Monday and has 40 pages.", "labels": [0]},
        )

        scores = evaluate("fallacies", path)

        assert scores["detection_f1"] == 1.0
        assert "macro_f1" not in scores

    def test_spans_may_have_alternatives_and_may_be_nothing(self, tmp_path: Path) -> None:
        path = written(
            tmp_path,
            {
                "text": "x" * 9,
                "spans": [
                    [0, 4, "Ad Hominem"],
                    [0, 4, "nothing"],
                    [5, 9, "strawman"],
                    [5, 9, "to clean"],
                    [5, 9, "emotion"],
                ],
            },
        )

        ((_, spans),) = spans_in(path)

        assert [(s.begin, s.end, set(s.labels)) for s in spans] == [
            (0, 4, {"ad hominem", NOTHING}),
            (5, 9, {"straw man", "Appeal to Emotion"}),
        ]

    def test_boundaries_are_numbers_of_turns_or_marks(self, tmp_path: Path) -> None:
        turns = ["a", {"speaker": "B", "content": "b"}, ["C", "c"], "d"]
        path = written(
            tmp_path,
            {"turns": turns, "boundaries": [2]},
            {"turns": turns, "boundaries": [1, 0, 1, 0]},
        )

        found = conversations_in(path)

        assert [row.boundaries for row in found] == [(2,), (2,)]
        assert found[0].turns == ("a", "b", "c", "d")


class TestBadFiles:
    @pytest.mark.parametrize(
        ("task", "line", "complaint"),
        [
            ("claims", '{"text": "x"}', "line 2: 'label' is missing"),
            ("claims", '{"text": 3, "labels": []}', "must be a string"),
            ("claims", '{"text": "x", "labels": ["perhaps"]}', "'perhaps'"),
            ("claims", "[]", "line 2"),
            ("claims", "{", "line 2"),
            ("claims", "[" * 100_000, "line 2"),
            ("emotion", '{"text": "x", "labels": ["hunger"]}', "'hunger'"),
            ("emotion", '{"text": "x", "labels": [28]}', "'28'"),
            ("sentiment", '{"text": "x", "labels": ["0", "2"]}', "not one of"),
            ("fallacies", '{"text": "x", "labels": ["magic"]}', "'magic'"),
            ("fallacy-spans", '{"text": "x", "spans": [[4, 2, "ad hominem"]]}', "before it begins"),
            ("fallacy-spans", '{"text": "x", "spans": [[0, 1, "magic"]]}', "'magic'"),
            ("segments", '{"turns": ["a"], "boundaries": [7]}', "numbers of turns"),
            ("segments", '{"turns": [3], "boundaries": []}', "a turn must be"),
        ],
    )
    def test_a_bad_line_is_named_with_what_is_wrong(
        self, tmp_path: Path, task: str, line: str, complaint: str
    ) -> None:
        path = tmp_path / "bad.jsonl"
        path.write_text("\n" + line + "\n")

        with pytest.raises(EvaluationFileInvalid) as error:
            evaluate(task, path)

        assert "line 2" in error.value.message
        assert complaint in error.value.message

    @pytest.mark.parametrize("content", [b"", b"\n \n"])
    def test_an_empty_file_is_refused(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "empty.jsonl"
        path.write_bytes(content)

        with pytest.raises(EvaluationFileInvalid, match="no labelled texts"):
            evaluate("claims", path)

    def test_a_line_without_end_is_refused_early(self, tmp_path: Path) -> None:
        path = tmp_path / "long.jsonl"
        path.write_bytes(b"x" * (LONGEST_LINE + 10))

        with pytest.raises(EvaluationFileInvalid, match="longer than"):
            evaluate("claims", path)

    def test_a_missing_file_and_bytes_that_are_no_text(self, tmp_path: Path) -> None:
        with pytest.raises(EvaluationFileInvalid, match="cannot be read"):
            evaluate("claims", tmp_path / "none.jsonl")
        (tmp_path / "binary.jsonl").write_bytes(b'{"text": "\xff\xfe", "labels": []}')
        with pytest.raises(EvaluationFileInvalid, match="line 1"):
            evaluate("claims", tmp_path / "binary.jsonl")


class TestScores:
    def test_claims(self, tmp_path: Path) -> None:
        rows = [{"text": CLAIM, "labels": [1]}, {"text": "Thank you all.", "labels": [0]}]

        scores = evaluate("claims", written(tmp_path, *rows, *rows))

        assert (scores["rows"], scores["positive_f1"], scores["accuracy"]) == (4, 1.0, 1.0)

    def test_emotion_counts_all_28_labels(self, tmp_path: Path) -> None:
        path = written(
            tmp_path, {"text": "Thank you so much, I appreciate it!", "labels": ["gratitude"]}
        )

        scores = evaluate("emotion", path)

        assert scores["per_label"]["gratitude"] == 1.0
        assert scores["macro_f1"] == pytest.approx(1 / 28, abs=1e-4)
        assert len(scores["per_label"]) == 28

    def test_sentiment(self, tmp_path: Path) -> None:
        path = written(
            tmp_path,
            {"text": "This is wonderful, I love it!", "labels": ["positive"]},
            {"text": "That is disgusting and I hate it.", "labels": ["negative"]},
        )

        assert evaluate("sentiment", path)["macro_f1"] == 1.0

    def test_fallacies_of_logic_are_told_apart_by_its_labels(self, tmp_path: Path) -> None:
        path = written(
            tmp_path,
            {
                "text": "Everyone is buying this phone, so it has to be the best.",
                "labels": ["ad populum"],
            },
            {
                "text": "Either you support this law or you hate your country.",
                "labels": ["false dilemma"],
            },
        )

        scores = evaluate("fallacies", path)

        assert scores["macro_f1"] == 1.0
        assert "detection_f1" not in scores

    def test_fallacies_with_none_are_detected_as_well(self, tmp_path: Path) -> None:
        path = written(
            tmp_path,
            {"text": SLOPE, "labels": ["slippery slope"]},
            {"text": "The report was published on Monday and has 40 pages.", "labels": ["none"]},
        )

        scores = evaluate("fallacies", path)

        assert scores["detection_f1"] == 1.0
        assert scores["kind_macro_f1"] == 1.0

    def test_fallacy_spans_are_scored_at_three_levels(self, tmp_path: Path) -> None:
        clean = "The report was published on Monday. It has 40 pages."
        text = f"{clean} {SLOPE}"
        path = written(
            tmp_path,
            {"text": text, "spans": [[len(clean) + 1, len(text), "slippery slope"]]},
            {"text": clean, "spans": []},
        )

        scores = evaluate("fallacy-spans", path)

        assert [scores[f"level{level}_f1"] for level in range(3)] == [1.0, 1.0, 1.0]
        assert (scores["marked"], scores["marked_without_cause"]) == (1, 0)

    def test_segments_are_compared_with_baselines(self, tmp_path: Path) -> None:
        fish = [f"The trout in the river eat mayfly larvae, pool {n}." for n in range(12)]
        tax = [f"Income tax and wealth tax rates rise, paragraph {n}." for n in range(12)]

        scores = evaluate("segments", written(tmp_path, {"turns": fish + tax, "boundaries": [12]}))

        assert set(scores["baselines"]) == {
            "text_tiling",
            "text_tiling_true_number",
            "equal_length",
            "equal_length_true_number",
        }
        assert set(scores["beats_baselines"]) == {"pk", "window_diff", "boundary_f1"}
        assert 0 <= scores["pk"] <= 1


@pytest.mark.parametrize("task", TASKS)
def test_odd_texts_are_scored_as_well(tmp_path: Path, task: str) -> None:
    texts = ["", " ", "\x00", "😀", "a" * 50_000]
    row: dict[str, Any] = {"labels": [], "spans": [], "boundaries": []}
    if task == "sentiment":
        row["labels"] = ["neutral"]
    if task == "segments":
        rows = [row | {"turns": texts}, row | {"turns": ["x"]}]
    else:
        rows = [row | {"text": text} for text in texts]

    assert evaluate(task, written(tmp_path, *rows))["rows"] == len(rows)


def test_what_ships_beats_frozen_vectors_and_what_was_published() -> None:
    figures = {(figure.task, figure.data): figure for figure in load_figures()}

    for key in (("claims", "ClaimBuster"), ("emotion", "GoEmotions"), ("fallacies", "LOGIC")):
        figure = figures[key]
        assert figure.published is not None
        assert figure.frozen is not None
        assert figure.ours > max(figure.frozen, figure.published)
