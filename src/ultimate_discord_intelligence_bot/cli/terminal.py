"""What every command shares: where things are printed, and how errors end a command.

Results go to stdout, everything else to stderr.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

import structlog
import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from ..errors import AutointelError, CommandCrashed, SettingsError, StorageError

_ACTING = dict.fromkeys(
    {*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)}
    - {*map(ord, "\t\n")}
)
"""Characters that a terminal obeys, or that turn the direction of what follows."""


class SafeConsole(Console):
    """A console on which text, wherever it comes from, is only ever shown."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(text.translate(_ACTING), **options)


stdout = SafeConsole(highlight=False, soft_wrap=True)
stderr = SafeConsole(stderr=True, highlight=False, soft_wrap=True)


class Exit(IntEnum):
    """Exit codes of the command line, as its help documents them."""

    COMPLETE = 0
    INTERNAL = 1
    FAILED = 3
    PARTIAL = 4
    UNUSABLE = 5
    INTERRUPTED = 130

    @classmethod
    def of(cls, error: AutointelError) -> Exit:
        """The code for a command that ended with this error."""
        return cls.UNUSABLE if isinstance(error, SettingsError | StorageError) else cls.FAILED


def show_error(error: AutointelError, subject: str = "") -> None:
    """One line that says what happened, one that says what to do."""
    about = f"{escape(subject)}: " if subject else ""
    stderr.print(f"[bold red]Error:[/] {about}{escape(error.message)}")
    stderr.print(f"  [bold]→[/] {escape(error.remedy)}")


@contextmanager
def orderly_exit() -> Iterator[None]:
    """End the command with its exit code and a readable message, never a traceback."""
    try:
        yield
    except AutointelError as error:
        show_error(error)
        raise typer.Exit(Exit.of(error)) from None
    except KeyboardInterrupt:
        stderr.print("Interrupted. Finished stages are kept; the same command continues there.")
        raise typer.Exit(Exit.INTERRUPTED) from None
    except Exception as error:
        structlog.get_logger(__name__).debug("command_crashed", exc_info=True)
        show_error(CommandCrashed(f"This is a defect of ours ({type(error).__name__}: {error})."))
        raise typer.Exit(Exit.INTERNAL) from None
