"""What bears on a claim, and what can honestly be concluded from it."""

from .assertions import Recall, choose, decompose, stands_alone
from .connections import find_connections
from .contradictions import find_contradictions
from .evidence import (
    FROM_DOCUMENTS,
    Retriever,
    gather_from_memory,
    gather_from_texts,
    gather_from_transcript,
)
from .methods import describe
from .opinion import challenge
from .reading import read_verdicts
from .search import search_sources
from .sources import ENTRY_POINTS, Surroundings, WebClient, open_sources
from .stance import compare
from .verdicts import judge

__all__ = [
    "ENTRY_POINTS",
    "FROM_DOCUMENTS",
    "Recall",
    "Retriever",
    "Surroundings",
    "WebClient",
    "challenge",
    "choose",
    "compare",
    "decompose",
    "describe",
    "find_connections",
    "find_contradictions",
    "gather_from_memory",
    "gather_from_texts",
    "gather_from_transcript",
    "judge",
    "open_sources",
    "read_verdicts",
    "search_sources",
    "stands_alone",
]
