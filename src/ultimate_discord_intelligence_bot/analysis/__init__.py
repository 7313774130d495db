"""The local analysts: plain functions over a transcript and what the encoder made of it."""

from .branches import branches_digest, load_branches
from .chapters import find_chapters
from .claims import detect_claims
from .emotions import trace_emotions
from .entities import find_entities
from .fallacies import find_fallacies
from .key_points import pick_key_points
from .methods import applies_to, describe
from .perspectives import find_perspectives
from .sentiment import score_sentiment
from .signals import trust_signals
from .summary import summarise

__all__ = [
    "applies_to",
    "branches_digest",
    "describe",
    "detect_claims",
    "find_chapters",
    "find_entities",
    "find_fallacies",
    "find_perspectives",
    "load_branches",
    "pick_key_points",
    "score_sentiment",
    "summarise",
    "trace_emotions",
    "trust_signals",
]
