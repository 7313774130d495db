"""How well the analysts do, as the training scripts measured it."""

from __future__ import annotations

from importlib import resources

from pydantic import TypeAdapter

from ..models.artifact import Model

NAME = "figures.json"


class Measurement(Model):
    """One figure on public data.

    Attributes:
        split: which part of the data was held out to measure on.
        rows: how many texts that were.
        ours: of the weights that ship, or of their like trained without these rows.
        frozen: of linear heads on the frozen sentence vector, on the same rows.
        published: by others, for the same kind of task; on their own split.
        published_by: whose figure that is, and on what.
    """

    task: str
    data: str
    split: str
    rows: int
    metric: str
    ours: float
    frozen: float | None = None
    published: float | None = None
    published_by: str | None = None


def load_figures() -> tuple[Measurement, ...]:
    """The figures that come with the package."""
    text = resources.files(__package__).joinpath(NAME).read_bytes()
    return TypeAdapter(tuple[Measurement, ...]).validate_json(text)
