"""A model that answers our prompts by simple rules, so that whole runs can be told beforehand.

It reads what it is given and nothing else: the instruction tells the prompt, the material the rest.
"""

from __future__ import annotations

import json
import re
from typing import Any

_MATERIAL = re.compile(
    r"⟦material (?P<seal>[0-9a-f]{12}): (?P<kind>[^⟧]+)⟧\n"
    r"(?P<body>.*?)\n⟦end of material (?P=seal)⟧",
    re.DOTALL,
)
_LINE = re.compile(r"\[(\d+)\] (?:([^:\[\]]{1,40}): )?(.*)")
_CONCERN = re.compile(r"\[(\d+)\] \((.*?)\) (.*)")


def materials(messages: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    """Kind and lines of every material that was given, in order."""
    text = "\n".join(str(message["content"]) for message in messages)
    return [(match["kind"], match["body"].split("\n")) for match in _MATERIAL.finditer(text)]


def segments(lines: list[str]) -> list[tuple[int, str | None, str]]:
    """Number, speaker and words of every line of a transcript."""
    found = (_LINE.fullmatch(line) for line in lines)
    return [(int(m[1]), m[2], m[3]) for m in found if m]


def answer(messages: list[dict[str, Any]]) -> str:
    """What the model says."""
    instruction = str(messages[-1]["content"])
    given = materials(messages)
    for words, reply in _PROMPTS.items():
        if words in instruction:
            return json.dumps(reply(given), ensure_ascii=False)
    raise AssertionError(f"no known prompt: {instruction[:200]}")


Given = list[tuple[str, list[str]]]


def _points(given: Given) -> dict[str, Any]:
    said = [s for s in segments(given[0][1]) if len(s[2].split()) >= 6]
    return {
        "points": [
            {
                "statement": f"{who or 'Somebody'} says: {words}",
                "quote": words,
                "segment": number,
            }
            for number, who, words in said[:3]
        ]
    }


def _overview(given: Given) -> dict[str, Any]:
    points = segments(given[0][1])
    return {
        "sentences": [
            {"text": f"In short: {words}", "points": [number]} for number, _, words in points[:3]
        ]
    }


def _fallacies(given: Given) -> dict[str, Any]:
    return {
        "fallacies": [
            {
                "kind": "ad populum",
                "segment": number,
                "last": number,
                "quote": words,
                "confidence": 0.9,
                "explanation": "That many think so is no reason.",
            }
            for number, _, words in segments(given[0][1])
            if "everybody" in words.lower() or "everyone" in words.lower()
        ]
    }


def _perspectives(given: Given) -> dict[str, Any]:
    held = [s for s in segments(given[0][1]) if re.search(r"\b(?:should|must|great)\b", s[2])]
    return {
        "positions": [
            {
                "topic": (given[1][1] or ["policy"])[0] or "policy",
                "attitude": "favourable",
                "segment": number,
                "quote": words,
            }
            for number, _, words in held
        ],
        "exchanges": [],
    }


def _assertions(given: Given) -> dict[str, Any]:
    claims = segments(given[0][1])
    return {
        "claims": [
            {"claim": number, "statements": [words.partition(" (before it:")[0]]}
            for number, who, words in claims
            if who is None
        ]
    }


def _numbers(text: str) -> set[str]:
    return set(re.findall(r"\d[\d,.]*\d|\d", text))


def _verdict(given: Given) -> dict[str, Any]:
    """Supported by a passage with the same numbers; otherwise nothing is said."""
    statement, passages = given[0][1][0], given[1][1]
    for line in passages:
        match = _CONCERN.fullmatch(line)
        if match and _numbers(statement) and _numbers(statement) <= _numbers(match[3]):
            citation = {"passage": int(match[1]), "quote": match[3], "stance": "supports"}
            return {
                "label": "Supported",
                "citations": [citation],
                "confidence": 0.9,
                "explanation": "The passage states the same figures.",
            }
    return {
        "label": "Not Enough Evidence",
        "citations": [],
        "confidence": 0.5,
        "explanation": "No passage speaks of it.",
    }


def _challenge(given: Given) -> dict[str, Any]:
    return {"counter": [], "explanation": "Nothing speaks against it."}


_PROMPTS = {
    "Tell what is said in it": _points,
    "Write an\noverview of the recording": _overview,
    "argues in a way known to mislead": _fallacies,
    "Find who holds which": _perspectives,
    "Rewrite each claim": _assertions,
    "Judge the statement by these passages": _verdict,
    "You are the challenger": _challenge,
}
