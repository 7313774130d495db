"""Labelled files: one JSON object a line, with labels spelled as people spell them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ...errors import EvaluationFileInvalid
from .. import readers
from ..branches import facts
from ..taxonomy import CATEGORIES, kind_of, plain
from .metrics import NOTHING, Span

LONGEST_LINE = 10_000_000
"""Bytes."""

_T = TypeVar("_T")

_CLAIM = frozenset({"1", "true", "yes", "cfs", "claim", "positive", "check"})
_NO_CLAIM = frozenset({"", "0", "false", "no", "none", "nfs", "ufs", "negative"})
_MOODS = {
    "0": "negative",
    "1": "neutral",
    "2": "positive",
    "neg": "negative",
    "neu": "neutral",
    "pos": "positive",
}
_IGNORED = frozenset({"to clean"})
_MAY_BE_NOTHING = frozenset(
    {"", "0", "false", "no", "nothing", "none", "no fallacy", "not fallacious", "non fallacious"}
)
_SOME_FALLACY = frozenset({"1", "true", "yes", "fallacy", "fallacious"})

NO_FALLACY, FALLACY = "none", "fallacy"
"""Labels of texts in which nothing is wrong; and in which something is, of no matter which kind."""


@dataclass(frozen=True)
class Conversation:
    """Turns, and those that begin a segment, without the first."""

    turns: tuple[str, ...]
    boundaries: tuple[int, ...]


def claims_in(path: Path) -> list[tuple[str, bool]]:
    """Texts, and whether each is check-worthy."""
    return _rows(path, lambda row: (_text(row), _is_claim(_labels(row))))


def emotions_in(path: Path) -> list[tuple[str, frozenset[str]]]:
    """Texts and their GoEmotions."""
    names: list[str] = facts("emotion")["labels"]

    def emotion(label: str) -> str:
        if label.isdigit() and int(label) < len(names):
            return names[int(label)]
        if label in names:
            return label
        raise ValueError(f"{label!r} is not one of the 28 GoEmotions nor its number")

    return _rows(path, lambda row: (_text(row), frozenset(emotion(x) for x in _labels(row))))


def sentiments_in(path: Path) -> list[tuple[str, str]]:
    """Texts, and ``negative``, ``neutral`` or ``positive``."""

    def mood(labels: Sequence[str]) -> str:
        found = {_MOODS.get(label, label) for label in labels}
        if len(found) != 1 or not found <= set(_MOODS.values()):
            raise ValueError(f"{list(labels)} is not one of negative, neutral, positive")
        return found.pop()

    return _rows(path, lambda row: (_text(row), mood(_labels(row))))


def fallacies_in(path: Path) -> list[tuple[str, str]]:
    """Texts and their first label, or ``NO_FALLACY``, or ``FALLACY`` where no kind is given."""

    def fallacy(labels: Sequence[str]) -> str:
        label = labels[0] if labels else NO_FALLACY
        if label in _MAY_BE_NOTHING:
            return NO_FALLACY
        if label in _SOME_FALLACY:
            return FALLACY
        if not readers.knows_fallacy(label):
            raise ValueError(f"{label!r} is a label of none of LOGIC, CoCoLoFa and MAFALDA")
        return label

    return _rows(path, lambda row: (_text(row), fallacy(_labels(row))))


def spans_in(path: Path) -> list[tuple[str, list[Span]]]:
    """Texts and their fallacious passages; a passage listed twice has alternative labels."""

    def spans(row: Any) -> tuple[str, list[Span]]:
        text, found = _text(row), dict[tuple[int, int], set[str]]()
        for begin, end, label in row.get("spans", row.get("labels", [])):
            if not 0 <= int(begin) <= int(end):
                raise ValueError(f"the span {begin}-{end} ends before it begins")
            if plain(str(label)) not in _IGNORED:
                found.setdefault((int(begin), int(end)), set()).add(_kind(str(label)))
        return text, [Span(b, e, frozenset(labels)) for (b, e), labels in found.items()]

    return _rows(path, spans)


def conversations_in(path: Path) -> list[Conversation]:
    """Conversations and their true boundaries."""

    def conversation(row: Any) -> Conversation:
        turns = tuple(_turn(turn) for turn in row["turns"])
        marks = [int(mark) for mark in row["boundaries"]]
        if len(marks) == len(turns) and set(marks) <= {0, 1} and len(turns) > 2:
            marks = [index for index, mark in enumerate(marks) if mark]
        if not turns or any(not 0 <= mark < len(turns) for mark in marks):
            raise ValueError(f"boundaries must be numbers of turns, from 0 to {len(turns) - 1}")
        return Conversation(turns, tuple(sorted(set(marks) - {0})))

    return _rows(path, conversation)


# -- one line ------------------------------------------------------------------------------------


def _text(row: Any) -> str:
    text = row["text"]
    if not isinstance(text, str):
        raise TypeError('"text" must be a string')
    return text


def _turn(turn: Any) -> str:
    if isinstance(turn, dict):
        turn = turn.get("content", turn.get("text"))
    if isinstance(turn, list) and turn:
        turn = turn[-1]  # [speaker, words]
    if not isinstance(turn, str):
        raise TypeError('a turn must be a string, or an object with "content" or "text"')
    return turn


def _labels(row: Any) -> list[str]:
    given = row["labels"] if "labels" in row else row["label"]
    listed = given if isinstance(given, list) else [] if given is None else [given]
    return [plain(str(int(label) if isinstance(label, bool) else label)) for label in listed]


def _is_claim(labels: Sequence[str]) -> bool:
    return any(_says_claim(label) for label in labels)


def _says_claim(label: str) -> bool:
    if label in _NO_CLAIM or label.startswith(("no ", "non ", "not ", "un")):
        return False
    if label in _CLAIM or label.startswith(("check worthy", "checkworthy")):
        return True
    raise ValueError(f"{label!r} does not say whether it is check-worthy: use 1 or 0")


def _kind(label: str) -> str:
    """The name of level 2, or of level 1 where only that is given."""
    if plain(label) in _MAY_BE_NOTHING:
        return NOTHING
    kind = kind_of(label)
    if kind:
        return kind.name
    for category in CATEGORIES:
        if plain(label) in (plain(category), plain(category).rpartition(" ")[2]):
            return category
    raise ValueError(f"{label!r} is not in the MAFALDA taxonomy")


# -- the file ------------------------------------------------------------------------------------


def _rows(path: Path, parse: Callable[[Any], _T]) -> list[_T]:
    found = []
    for number, line in _lines(path):
        try:
            found.append(parse(json.loads(line)))
        except KeyError as error:
            raise EvaluationFileInvalid(
                f"{path}, line {number}: {error} is missing.",
                "Give every line the fields that `autointel evaluate --help` names.",
            ) from error
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise EvaluationFileInvalid(
                f"{path}, line {number}: {error}.",
                "Mend the line; `autointel evaluate --help` shows what it should look like.",
            ) from error
    if not found:
        raise EvaluationFileInvalid(
            f"{path} holds no labelled texts.", "Give a file with one JSON object a line."
        )
    return found


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(LONGEST_LINE + 1):
                number += 1
                if len(line) > LONGEST_LINE:
                    raise EvaluationFileInvalid(
                        f"{path}, line {number} is longer than {LONGEST_LINE:,} bytes.",
                        "Give a file with one JSON object a line.",
                    )
                if line.strip():
                    yield number, line
    except OSError as error:
        raise EvaluationFileInvalid(
            f"{path} cannot be read: {error.strerror}.", "Check the path and its permissions."
        ) from error
