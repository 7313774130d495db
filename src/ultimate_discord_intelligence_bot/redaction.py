"""Takes secrets out of whatever is logged."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

from .settings import SECRETS, Settings

MASK = "***"

_SHORTEST = 4
"""Shorter values are no secrets, and taking them out would take out parts of words."""

_DEEPEST = 8

_ENVIRONMENT = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
"""Secrets that are read elsewhere than in the settings."""

_ADDRESSES = (
    "database_url",
    "proxy",
    "llm_base_url",
    "qdrant_url",
    "neo4j_uri",
    "searxng_url",
    "wikipedia",
    "traces_url",
)
"""Settings that may hold a password inside an address."""

_SECRET_WORD = re.compile(
    r"api[_-]?key|access[_-]?key|secret|token|passw|pwd|signature|credential|authorization|cookie",
    re.IGNORECASE,
)
_SECRET_NAMES = {"auth", "key", "pass", "sig"}

_ASSIGNMENT = re.compile(r"""(?i)([\w.-]{1,64})(=|%3d)('[^']*'|"[^"]*"|[^\s&#;,"'<>]+)""")
"""``?token=…`` in an address, ``password=…`` in a connection string."""

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # scheme://user:password@host
    (re.compile(r"(://[^\s/:@]*:)[^\s/@]+(?=@)"), rf"\1{MASK}"),
    # Authorization: Bearer …, in a header, a dict or a line of JSON
    (
        re.compile(
            r"""(?ix) ((?:proxy-)?authorization | x-api-key | api-key | (?:set-)?cookie)
            (\\?["']? \s* [:=] \s* \\?[b]?["']?) [^\r\n"'\\]+"""
        ),
        rf"\1\2{MASK}",
    ),
    (re.compile(r"(?i)\b(bearer|basic|bot)(\s+)(?=[\w.~+/=-]*\d)[\w.~+/=-]{16,}"), rf"\1\2{MASK}"),
    (re.compile(r"\b(?:sk|pk|xox[abp]|gh[pousr]|hf|AKIA)[-_]?[A-Za-z0-9][\w-]{18,}"), MASK),
)


class Redactor:
    """Replaces secrets in text and in what holds text.

    What the settings keep secret is found by its value, also where it is escaped; credentials in
    addresses, headers and connection strings by their form.

    Args:
        secrets: values that are never to be seen.
    """

    def __init__(self, secrets: AbstractSet[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret) if len(form) >= _SHORTEST}
        # The longest first: one secret may be the beginning of another one.
        longest = sorted(forms, key=lambda form: (-len(form), form))
        self._known = re.compile("|".join(map(re.escape, longest))) if longest else None

    @classmethod
    def of(cls, settings: Settings) -> Redactor:
        """For the secrets of the settings, and of the environment."""
        return cls(frozenset(_secrets(settings)))

    def text(self, text: str) -> str:
        """The text without secrets."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return _ASSIGNMENT.sub(_assigned, text)

    def value(self, value: Any, depth: int = 0) -> Any:
        """The same of a value: numbers stay, and what is neither text nor holds any becomes it."""
        if value is None or isinstance(value, bool | int | float):
            # A secret may be a number: its digits are known.
            masked = self.text(str(value))
            return value if masked == str(value) else masked
        if depth < _DEEPEST:
            if isinstance(value, Mapping):
                return {
                    self.text(str(key)): MASK
                    if each is not None and _is_secret(str(key))
                    else self.value(each, depth + 1)
                    for key, each in value.items()
                }
            if isinstance(value, list | tuple | AbstractSet):
                return [self.value(each, depth + 1) for each in value]
        return self.text(_shown(value))

    def __call__(self, _: Any, __: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """As a processor of structlog."""
        return self.value(event)  # type: ignore[no-any-return]


def _is_secret(name: str) -> bool:
    """Whether a name says so; what a language model reads and writes, in tokens, is none."""
    folded = name.lower()
    return folded in _SECRET_NAMES or bool(_SECRET_WORD.search(name) and "tokens" not in folded)


def _assigned(found: re.Match[str]) -> str:
    name, sign, value = found.groups()
    return f"{name}{sign}{MASK if _is_secret(name) else value}"


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return value.decode() if isinstance(value, bytes) else str(value)
    except Exception as error:
        return f"<{type(value).__name__}, which cannot be shown: {type(error).__name__}>"


def _secrets(settings: Settings) -> Iterator[str]:
    for name in SECRETS:
        secret = getattr(settings, name)
        if secret is not None:
            yield secret.get_secret_value()
    for name in _ENVIRONMENT:
        if value := os.environ.get(name):
            yield value
    for name in _ADDRESSES:
        address = getattr(settings, name)
        if address is not None:
            text = address if isinstance(address, str) else address.get_secret_value()
            yield from _password_in(text)


def _password_in(address: str) -> Iterator[str]:
    authority = address.partition("://")[2].rpartition("@")[0]
    _, found, password = authority.partition(":")
    if found:
        yield password
    try:
        parsed = urlsplit(address).password
    except ValueError:  # half of an address is not one
        return
    if parsed:
        yield parsed


_WRITTEN: tuple[Callable[[str], str], ...] = (
    str,
    quote,
    lambda secret: quote(secret, safe=""),
    quote_plus,
    unquote,
    lambda secret: repr(secret)[1:-1],
    lambda secret: json.dumps(secret)[1:-1],
    lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
)


def _forms(secret: str) -> Iterator[str]:
    """A secret as it is, and as it is written in addresses, representations and JSON."""
    for part in {secret, secret.strip()}:
        for written in _WRITTEN:
            yield written(part)
