"""What is known of models: how much they read at once, and what they cost.

The catalogue comes with CrewAI (LiteLLM's list). It ages: what a provider charges is on its bill.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

LOCAL = frozenset({"ollama", "ollama_chat", "hosted_vllm"})
"""Providers that run on one's own machine and cost nothing a token."""

UNKNOWN_CONTEXT = 8_192


@dataclass(frozen=True)
class Price:
    """US dollars a token.

    Attributes:
        prompt: read.
        cached: read from the provider's cache.
        completion: written.
    """

    prompt: float
    cached: float
    completion: float


@dataclass(frozen=True)
class Facts:
    """What is known of one model.

    Attributes:
        context: tokens it reads and writes at once.
        price: None when nobody told.
    """

    context: int
    price: Price | None


def facts(provider: str, model: str) -> Facts:
    """What the catalogue says of a model; of an unknown one as little as is safe to assume."""
    known = _catalogue()
    found: dict[str, Any] = next((known[k] for k in _keys(provider, model) if k in known), {})
    context = found.get("max_input_tokens") or found.get("max_tokens") or UNKNOWN_CONTEXT
    if provider in LOCAL:
        return Facts(int(context), Price(0.0, 0.0, 0.0))
    if "input_cost_per_token" not in found:
        return Facts(int(context), None)
    prompt = float(found["input_cost_per_token"])
    return Facts(
        int(context),
        Price(
            prompt,
            float(found.get("cache_read_input_token_cost") or prompt),
            float(found.get("output_cost_per_token") or 0.0),
        ),
    )


def _keys(provider: str, model: str) -> tuple[str, ...]:
    # OpenRouter names models by their maker ("openai/gpt-4o-mini"): the maker's price is the price.
    maker, _, bare = model.rpartition("/")
    return f"{provider}/{model}", model, f"{maker}/{bare}", bare


@cache
def _catalogue() -> dict[str, Any]:
    folder = files("crewai").joinpath("llms", "litellm_catalog")
    text = folder.joinpath("model_prices_and_context_window.json").read_text("utf-8")
    return dict(json.loads(text))
