"""What bears on a claim, and what can honestly be concluded from it."""

from .contradictions import find_contradictions
from .evidence import Retriever, gather_from_memory, gather_from_transcript
from .stance import compare
from .verdicts import challenge, judge

__all__ = [
    "Retriever",
    "challenge",
    "compare",
    "find_contradictions",
    "gather_from_memory",
    "gather_from_transcript",
    "judge",
]
