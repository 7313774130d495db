"""Measuring the analysts on labelled files of anybody's own."""

from .scoring import TASKS, Scores, evaluate

__all__ = ["TASKS", "Scores", "evaluate"]
