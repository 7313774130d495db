"""One file for each prompt: its instruction, its version and the type of its answer."""

from .assertions import ASSERTIONS
from .challenge import CHALLENGE
from .fallacies import FALLACIES
from .overview import OVERVIEW
from .perspectives import PERSPECTIVES
from .points import POINTS
from .verdict import VERDICT

ALL = (POINTS, OVERVIEW, FALLACIES, PERSPECTIVES, ASSERTIONS, VERDICT, CHALLENGE)

__all__ = [
    "ALL",
    "ASSERTIONS",
    "CHALLENGE",
    "FALLACIES",
    "OVERVIEW",
    "PERSPECTIVES",
    "POINTS",
    "VERDICT",
]
