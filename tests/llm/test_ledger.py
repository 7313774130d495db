"""Accounts and budgets."""

from __future__ import annotations

import pytest

from tests.llm.conftest import ask
from ultimate_discord_intelligence_bot.errors import BudgetExhausted
from ultimate_discord_intelligence_bot.llm.call import Usage
from ultimate_discord_intelligence_bot.llm.catalogue import Price, facts
from ultimate_discord_intelligence_bot.llm.ledger import Budget, Ledger

PRICE = Price(prompt=1e-6, cached=1e-7, completion=4e-6)


def test_every_stage_has_its_account() -> None:
    ledger = Ledger(Budget(), PRICE)
    for stage in ("claims", "claims", "verdicts"):
        ledger.settle(ledger.reserve(ask("?"), stage), Usage(1000, 500, 100, calls=1))
    assert ledger.by_stage["claims"] == Usage(2000, 1000, 200, calls=2)
    assert ledger.total.calls == 3


def test_what_the_provider_had_cached_costs_less() -> None:
    ledger = Ledger(Budget(), PRICE)
    assert ledger.cost(Usage(prompt=1000, cached=400, completion=10)) == pytest.approx(
        600e-6 + 40e-6 + 40e-6
    )


def test_without_a_price_there_is_no_cost() -> None:
    assert Ledger(Budget(dollars=0.0), None).cost(Usage(prompt=10)) is None


def test_a_call_that_could_cost_more_than_is_left_is_not_made() -> None:
    ledger = Ledger(Budget(dollars=0.01), PRICE)
    ledger.settle(ledger.reserve(ask("?", answer_tokens=1000), "claims"), Usage(completion=1600))
    with pytest.raises(BudgetExhausted, match=r"\$0\.01 is used up.*AUTOINTEL_LLM_BUDGET"):
        ledger.reserve(ask("?", answer_tokens=1000), "claims")
    ledger.reserve(ask("?", answer_tokens=100), "claims")


def test_calls_under_way_count_at_their_most() -> None:
    ledger = Ledger(Budget(tokens=1500), None)
    first = ledger.reserve(ask("?", answer_tokens=1000), "claims")
    with pytest.raises(BudgetExhausted, match="1,500 tokens"):
        ledger.reserve(ask("?", answer_tokens=1000), "claims")
    ledger.settle(first, None)
    ledger.reserve(ask("?", answer_tokens=1000), "claims")


def test_a_budget_of_nothing_asks_nothing() -> None:
    with pytest.raises(BudgetExhausted):
        Ledger(Budget(dollars=0.0), PRICE).reserve(ask("?"), "claims")


def test_models_of_one_s_own_cost_nothing() -> None:
    assert facts("ollama", "anything").price == Price(0.0, 0.0, 0.0)


def test_known_models_have_a_price_and_a_length() -> None:
    known = facts("openai", "gpt-4o-mini")
    assert known.price is not None
    assert 0 < known.price.cached < known.price.prompt < known.price.completion < 1e-4
    assert known.context >= 100_000
    assert facts("openrouter", "openai/gpt-4o-mini").price == known.price


def test_of_unknown_models_little_is_presumed() -> None:
    unknown = facts("openai", "nobody-knows-it")
    assert unknown.price is None
    assert unknown.context <= 10_000
