"""The same analyses by a language model, which reads the recording stretch by stretch.

What it finds counts only with words that were said; the rest is dropped and counted.
"""

from .fallacies import read_fallacies
from .perspectives import read_perspectives
from .stretches import questions_about
from .summary import read_summary

__all__ = ["questions_about", "read_fallacies", "read_perspectives", "read_summary"]
