"""Names and rare terms of a recording's title and description, as a hint to the speech model."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

_READ = 4000
"""Characters of the title and of the description that are looked at."""

_MOST_TERMS = 80
_LONGEST = 30
_BUDGET = 60
"""Tokens of the model's prompt, which has 448 for the hint and the text together."""

_LINK = re.compile(r"\S*(?:://|www\.|@|#)\S*|\S+\.(?:com|org|net|io|tv|de|fr|ly|gg)\b\S*")
_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
_SENTENCE_END = re.compile(r"[.!?:;•|–—\n\r]\s*$|\n\s*\S?\s*$")


def terms(title: str, description: str | None) -> tuple[str, ...]:
    """Words that look like names or special terms, each once, those of the title first.

    Such a word has a capital letter that no beginning of a sentence explains, or a digit or
    several capitals in it; in the title the first word counts, too. Only letters, digits and the
    marks inside of words survive, so that nothing is a control token of a model.
    """
    found = dict.fromkeys(_special(title[:_READ], starts=True))
    found |= dict.fromkeys(_special((description or "")[:_READ], starts=False))
    return tuple(found)[:_MOST_TERMS]


def hotwords(candidates: Iterable[str], pieces: Callable[[str], int]) -> str | None:
    """The hint: those terms that the model does not have as a word of its own.

    Args:
        candidates: the most important first.
        pieces: how many tokens the model takes for a text.
    """
    chosen: list[str] = []
    left = _BUDGET
    for term in candidates:
        size = pieces(" " + term)
        if 1 < size < left:
            chosen.append(term)
            left -= size + 1  # the comma
    return ", ".join(chosen) or None


def _special(text: str, *, starts: bool) -> Iterable[str]:
    text = unicodedata.normalize("NFC", _LINK.sub("\n", text))
    before = 0
    for match in _WORD.finditer(text):
        word = match[0]
        between = text[before : match.start()]
        first = before == 0 or _SENTENCE_END.search(between) is not None
        before = match.end()
        if 1 < len(word) <= _LONGEST and _is_special(word, first and not starts):
            yield word


def _is_special(word: str, first: bool) -> bool:
    if not any(letter.isalpha() for letter in word):
        return False
    if any(letter.isupper() or letter.isdigit() for letter in word[1:]):
        return True
    return word[0].isupper() and not first
