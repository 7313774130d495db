"""A message that shows a job until the job has ended."""

from __future__ import annotations

from dataclasses import dataclass

from ..settings import Depth


@dataclass(frozen=True)
class Watch:
    """Where somebody who asked for a recording sees what becomes of it.

    Attributes:
        job: id on the board; several people may watch one job.
        guild: None in a direct conversation.
        message: id of the message that shows it; with ``channel`` and ``job`` it is unique.
        user: who asked.
        private: whether only they may see it: the message is ephemeral.
        tenant: whose memory it is for.
        url: the link, in the form in which links are compared.
        created: seconds since 1970.
        token: of the interaction that made the message; with it the message can be edited for 15
            minutes after ``created``, whatever the bot may do in the channel.
        ended: whether the message shows the end of the job, or is out of reach.
    """

    job: str
    guild: int | None
    channel: int
    message: int
    user: int
    private: bool
    tenant: str
    url: str
    depth: Depth
    created: float
    token: str
    ended: bool = False
