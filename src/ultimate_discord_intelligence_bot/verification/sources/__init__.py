"""Where evidence is sought outside of this machine, behind one hook: see ``source.py``."""

from .registry import open_sources
from .source import ENTRY_POINTS, EvidenceSource, Passage, Query, Surroundings
from .web import WebClient

__all__ = [
    "ENTRY_POINTS",
    "EvidenceSource",
    "Passage",
    "Query",
    "Surroundings",
    "WebClient",
    "open_sources",
]
