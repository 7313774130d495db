"""The command ``autointel``.

Only typer is imported here: ``autointel --help`` must answer at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .. import __version__

app = typer.Typer(
    name="autointel",
    help="From a link to a briefing in which every statement leads back to a timestamp.",
    epilog=(
        "Exit codes: 0 all complete, 1 internal error, 2 wrong usage, 3 an input failed, "
        "4 a briefing lacks a part, 5 settings or data folder unusable, 130 interrupted."
    ),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: importing rich's renderer would take most of the time
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"autointel {__version__}")
        raise typer.Exit


@app.callback()
def _global(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


@app.command("run")
def run_command(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="URL|FILE…",
            help="Links, or local audio, video, VTT or SRT files.",
            show_default=False,
        ),
    ],
    depth: Annotated[
        Literal["standard", "deep", "comprehensive", "experimental"] | None,
        typer.Option(help="How much work to do; by default AUTOINTEL_DEPTH.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the briefing; with several inputs, a folder in it for each.",
            show_default=False,
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object for each input, on stdout.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Do everything anew; reuse nothing.")
    ] = False,
) -> None:
    """Analyse recordings and write a briefing of each."""
    from .run import run

    raise typer.Exit(run(inputs, depth=depth, out=out, as_json=json, fresh=fresh))


@app.command("search")
def search_command(
    words: Annotated[str, typer.Argument(help="What to look for, in your own words.")],
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many hits.")] = 10,
    json: Annotated[bool, typer.Option("--json", help="A JSON list, on stdout.")] = False,
) -> None:
    """Search everything remembered; every hit leads to its moment."""
    from .search import search

    raise typer.Exit(search(words, limit=limit, as_json=json))


@app.command("doctor")
def doctor_command(
    json: Annotated[bool, typer.Option("--json", help="A JSON list, on stdout.")] = False,
) -> None:
    """Show what is installed, configured and missing, and how to mend it."""
    from .doctor import doctor

    raise typer.Exit(doctor(as_json=json))


def main() -> None:
    """Entry point of the command ``autointel``."""
    app()
