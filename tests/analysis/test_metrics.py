"""The metrics: worked examples and what must hold for any input."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultimate_discord_intelligence_bot.analysis.evaluation.metrics import (
    NOTHING,
    Agreement,
    Span,
    boundary_agreement,
    macro_f1,
    micro_f1,
    pk,
    span_agreement,
    window_diff,
)
from ultimate_discord_intelligence_bot.analysis.evaluation.texttiling import text_tiling


def span(begin: int, end: int, *labels: str) -> Span:
    return Span(begin, end, frozenset(labels))


class TestSpans:
    """Worked by hand after the definitions of MAFALDA."""

    GOLD = (span(0, 24, "a", NOTHING), span(25, 50, "b"), span(51, 76, "c"))

    def test_what_may_be_nothing_need_not_be_found(self) -> None:
        assert span_agreement([span(25, 50, "b")], self.GOLD) == Agreement(1, 0.5, 2 / 3)

    def test_but_finding_it_is_no_mistake(self) -> None:
        found = [span(0, 24, "a"), span(25, 50, "b")]

        assert span_agreement(found, self.GOLD) == Agreement(1, 0.5, 2 / 3)

    def test_another_label_there_is(self) -> None:
        assert span_agreement([span(0, 24, "c")], self.GOLD[:1]) == Agreement(0, 1, 0)

    def test_silence_on_a_clean_text_is_perfect_and_an_alarm_worthless(self) -> None:
        assert span_agreement([], []) == Agreement(1, 1, 1)
        assert span_agreement([span(0, 5, "a")], []) == Agreement(0, 1, 0)

    def test_silence_on_a_fallacious_text_is_worth_nothing(self) -> None:
        assert span_agreement([], [span(0, 5, "a")]) == Agreement(1, 0, 0)

    def test_partial_overlap_counts_by_its_share(self) -> None:
        scores = span_agreement([span(0, 20, "a")], [span(10, 50, "a")])

        assert (scores.precision, scores.recall) == (0.5, 0.25)

    def test_alternatives_are_all_right(self) -> None:
        for label in "ab":
            assert span_agreement([span(0, 9, label)], [span(0, 9, "a", "b")]).f1 == 1

    @given(
        st.lists(
            st.builds(
                lambda begin, length, label: span(begin, begin + length, label),
                st.integers(0, 50),
                st.integers(0, 30),
                st.sampled_from(["a", "b", NOTHING]),
            ),
            max_size=6,
        )
    )
    def test_scores_are_shares_and_the_truth_is_perfect(self, gold: list[Span]) -> None:
        told = [one for one in gold if one.labels != {NOTHING} and one.end > one.begin]

        scores = span_agreement(told, told)

        assert scores == Agreement(1, 1, 1)
        assert 0 <= span_agreement(told, gold).f1 <= 1


class TestBoundaries:
    def test_the_truth_has_no_error(self) -> None:
        assert pk(20, [5, 12], [5, 12]) == window_diff(20, [5, 12], [5, 12]) == 0
        assert boundary_agreement([5, 12], [5, 12]).f1 == 1

    def test_none_where_there_are_some_is_wrong_about_half_the_time(self) -> None:
        assert 0.3 < pk(20, [10], []) < 0.7

    def test_a_near_miss_costs_little_in_pk_and_nothing_within_the_tolerance(self) -> None:
        assert 0 < pk(40, [20], [21]) < 0.1
        assert boundary_agreement([20], [21]).f1 == 1
        assert boundary_agreement([20], [22]).f1 == 0

    def test_each_boundary_is_counted_once(self) -> None:
        assert boundary_agreement([5], [4, 5, 6]).precision == pytest.approx(1 / 3)

    def test_two_where_one_is_true_escapes_pk_only(self) -> None:
        truth, found = [10], [10, 11]

        assert window_diff(20, truth, found) > pk(20, truth, found)

    @given(
        st.integers(1, 60).flatmap(
            lambda turns: st.tuples(
                st.just(turns),
                st.sets(st.integers(1, max(1, turns - 1)), max_size=8),
                st.sets(st.integers(1, max(1, turns - 1)), max_size=8),
            )
        )
    )
    def test_errors_are_shares_and_pk_never_exceeds_window_diff(
        self, case: tuple[int, set[int], set[int]]
    ) -> None:
        turns, truth, found = case

        assert 0 <= pk(turns, truth, found) <= window_diff(turns, truth, found) <= 1


class TestClasses:
    def test_a_label_nobody_found_counts_as_zero(self) -> None:
        assert macro_f1(["a", "b"], [{"a"}, {"b"}], [{"a"}, {"a"}]) == pytest.approx(1 / 3)

    def test_micro_counts_all_labels_together(self) -> None:
        assert micro_f1([{"a", "b"}, {"c"}], [{"a"}, {"c"}]) == pytest.approx(0.8)


class TestTextTiling:
    def test_cuts_where_the_words_change(self) -> None:
        fish = [f"The trout in the river eat mayfly larvae, number {n}." for n in range(15)]
        tax = [f"Income tax and wealth tax rates rise, paragraph {n}." for n in range(15)]

        assert any(abs(boundary - 15) <= 2 for boundary in text_tiling(fish + tax))
        assert len(text_tiling(fish + tax, 1)) <= 1

    @given(st.lists(st.text(max_size=40), max_size=30))
    def test_boundaries_are_turns(self, turns: list[str]) -> None:
        assert set(text_tiling(turns)) <= set(range(1, len(turns)))
