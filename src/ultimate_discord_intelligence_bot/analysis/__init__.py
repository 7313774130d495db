"""The local analysts: plain functions over a transcript and its sentence vectors."""

from .chapters import find_chapters
from .claims import detect_claims
from .key_points import pick_key_points
from .methods import applies_to, describe
from .sentiment import score_sentiment

__all__ = [
    "applies_to",
    "describe",
    "detect_claims",
    "find_chapters",
    "pick_key_points",
    "score_sentiment",
]
