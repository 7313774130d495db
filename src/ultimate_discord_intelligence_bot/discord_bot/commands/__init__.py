"""The commands, one by one: what is asked for, and what is answered."""

from __future__ import annotations

from typing import Any

from discord import app_commands

from .conversation import Outcome, acknowledged, answer, asker_of, done, place, received
from .memory import Decision, claims, contradictions, forget, search
from .recordings import analyse, autointel, cancel, retrieve_results, runs, take_back
from .server import help_command, settings, status

COMMANDS: tuple[
    app_commands.Command[Any, ..., Any] | app_commands.ContextMenu | app_commands.Group, ...
] = (
    autointel,
    analyse,
    search,
    claims,
    contradictions,
    retrieve_results,
    runs,
    cancel,
    forget,
    status,
    help_command,
    settings,
)
"""All of them, in the order in which `/help` shows them."""

__all__ = [
    "COMMANDS",
    "Decision",
    "Outcome",
    "acknowledged",
    "answer",
    "asker_of",
    "done",
    "place",
    "received",
    "take_back",
]
