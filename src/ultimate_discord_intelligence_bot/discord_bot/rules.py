"""What those who run a guild have decided about the bot."""

from __future__ import annotations

from pydantic import Field

from ..models.artifact import Model
from ..settings import Depth


class Quota(Model):
    """How much may be used within 24 hours; None: as much as one likes.

    Attributes:
        runs: recordings that are asked for.
        minutes: of recorded sound.
        dollars: for a language model.
    """

    runs: int | None = Field(None, ge=0)
    minutes: float | None = Field(None, ge=0)
    dollars: float | None = Field(None, ge=0)


class Rules(Model):
    """How the bot behaves in a guild; None: as the operator has set it for all of them.

    Attributes:
        channels: where it may be asked; none: everywhere.
        language: spoken language as an ISO 639 code.
        user: for each member.
        guild: for all of them together.
    """

    channels: tuple[int, ...] = ()
    depth: Depth | None = None
    language: str | None = Field(None, pattern=r"^[a-z]{2,3}$")
    user: Quota | None = None
    guild: Quota | None = None
