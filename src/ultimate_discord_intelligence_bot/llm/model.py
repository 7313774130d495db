"""The configured model: one gateway for all runs of a process that use it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from ..closing import Closing
from ..errors import SettingsError
from ..settings import Depth, Settings
from .catalogue import Facts, Price, facts
from .gate import Gate
from .gateway import Gateway, Patience
from .ledger import Budget, Ledger
from .provider import Address, CrewProvider
from .replies import Replies

_KEYS = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
}
"""Providers that answer nobody without a key, and where it is set."""


@dataclass(frozen=True)
class _Identity:
    """What two runs must have in common to share a gateway."""

    address: Address
    most: int
    requests: int
    tokens: int
    patience: float
    data_dir: Path


class _Shared:
    def __init__(self, identity: _Identity) -> None:
        provider = CrewProvider(identity.address)
        gate = Gate(identity.most, requests=identity.requests, tokens=identity.tokens)
        replies = Replies(identity.data_dir / "llm" / "replies.sqlite")
        patience = Patience(seconds=identity.patience)
        self.gateway = Gateway(provider, gate=gate, replies=replies, patience=patience)
        self.references = 0


_open: dict[_Identity, _Shared] = {}
_registry = threading.Lock()


class LanguageModel(Closing):
    """A handle on the model that the settings name. Use as a context manager, or call ``close``.

    Attributes:
        name: provider and model.
        facts: what is known of it.
        gateway: the way to it, shared by all handles.
    """

    def __init__(self, name: str, known: Facts, identity: _Identity, gateway: Gateway) -> None:
        self.name, self.facts, self.gateway = name, known, gateway
        self._identity: _Identity | None = identity

    def close(self) -> None:
        """Give up this handle; with the last one the gateway ends. Twice is harmless."""
        with _registry:
            identity, self._identity = self._identity, None
            if identity is None:
                return
            shared = _open[identity]
            shared.references -= 1
            if shared.references:
                return
            del _open[identity]
        shared.gateway.close()

    def ledger(self, settings: Settings, depth: Depth) -> Ledger:
        """A fresh account for one run."""
        return Ledger(Budget(settings.llm_dollars(depth), settings.llm_token_budget), self.price)

    @property
    def price(self) -> Price | None:
        """What it costs; None when nobody told."""
        return self.facts.price


def open_model(settings: Settings) -> LanguageModel | None:
    """A handle on the configured model; None when none is configured. Blocks (imports CrewAI).

    Raises:
        SettingsError: it needs a key and there is none.
        ModelRefused: it cannot be used: its name or a package is unknown.
        StorageError: the file of earlier answers cannot be opened.
    """
    if not settings.llm:
        return None
    provider, _, model = settings.llm.partition("/")
    if provider in _KEYS and not (settings.llm_key or settings.llm_base_url):
        raise SettingsError(
            f"AUTOINTEL_LLM={settings.llm} needs a key.",
            f"Set {_KEYS[provider]}, or leave AUTOINTEL_LLM empty.",
        )
    identity = _Identity(
        Address(
            provider,
            model,
            settings.llm_key.get_secret_value() if settings.llm_key else None,
            settings.llm_base_url,
            settings.llm_timeout,
        ),
        settings.llm_concurrency,
        settings.llm_requests_per_minute,
        settings.llm_tokens_per_minute,
        settings.llm_patience,
        settings.data_dir.resolve(),
    )
    with _registry:
        shared = _open.get(identity) or _Shared(identity)
        _open[identity] = shared
        shared.references += 1
    return LanguageModel(settings.llm, _facts(provider, model, settings), identity, shared.gateway)


def _facts(provider: str, model: str, settings: Settings) -> Facts:
    known = facts(provider, model)
    price = known.price
    if settings.llm_price:
        prompt, completion = (float(part) / 1e6 for part in settings.llm_price.split("/"))
        price = Price(prompt, prompt, completion)
    return Facts(settings.llm_context or known.context, price)
