"""What every result says that a language model may have reasoned."""

from __future__ import annotations

from .artifact import Artifact


class Reasoned(Artifact):
    """A result of the configured language model, or of the local analysts.

    Attributes:
        model: which model; empty when the local analysts did it.
        dropped: findings left out because what they quote is not in the material.
        gaps: what the model gave no answer to and why, with the remedy. Such a result is made anew
            the next time.
    """

    model: str = ""
    dropped: int = 0
    gaps: tuple[str, ...] = ()
