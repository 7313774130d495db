"""The command ``autointel``.

Only typer is imported here: ``autointel --help`` must answer at once.
"""

from __future__ import annotations

from datetime import datetime
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
    limit: Annotated[
        int | None,
        typer.Option(
            min=1, help="Of a playlist, channel or feed: at most so many.", show_default=False
        ),
    ] = None,
    estimate: Annotated[
        bool,
        typer.Option(
            "--estimate",
            help="Tell what the language model would cost, and stop before it is asked.",
        ),
    ] = False,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="Of a playlist, channel or feed: what appeared on that day or later.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Analyse recordings and write a briefing of each."""
    from .run import Request, run

    chosen = Request(depth, out, fresh, limit, since.date() if since else None, estimate)
    raise typer.Exit(run(inputs, chosen, as_json=json))


@app.command("speakers")
def speakers_command(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="The link or file, or the id of its run.")
    ],
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar='1="ADA"…', help="Names by number.", show_default=False),
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Forget the names given before.")] = False,
    json: Annotated[bool, typer.Option("--json", help="A JSON list, on stdout.")] = False,
) -> None:
    """Show who speaks in a recording, or name them; the briefing and the memory follow."""
    from .speakers import speakers

    raise typer.Exit(speakers(run, names or [], reset=reset, as_json=json))


@app.command("search")
def search_command(
    words: Annotated[str, typer.Argument(help="What to look for, in your own words.")],
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many hits.")] = 10,
    json: Annotated[bool, typer.Option("--json", help="A JSON list, on stdout.")] = False,
) -> None:
    """Search everything remembered; every hit leads to its moment."""
    from .search import search

    raise typer.Exit(search(words, limit=limit, as_json=json))


@app.command("claims")
def claims_command(
    words: Annotated[
        str | None, typer.Argument(help="Words that occur in the claim.", show_default=False)
    ] = None,
    speaker: Annotated[str | None, typer.Option(help="Who made it.", show_default=False)] = None,
    verdict: Annotated[
        str | None, typer.Option(help="Its label, such as Refuted.", show_default=False)
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Published then or later.", show_default=False),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Published then or earlier.", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    json: Annotated[bool, typer.Option("--json", help="A JSON list, on stdout.")] = False,
) -> None:
    """Show the claims of all recordings, with their verdicts."""
    from ..memory import ClaimFilter
    from .claims import claims

    wanted = ClaimFilter(
        words=words,
        speaker=speaker,
        verdict=verdict,
        since=since.date() if since else None,
        until=until.date() if until else None,
        limit=limit,
    )
    raise typer.Exit(claims(wanted, as_json=json))


@app.command("contradictions")
def contradictions_command(
    kind: Annotated[
        Literal["contradictions", "agreements", "repetitions"],
        typer.Option(help="Which pairs of claims."),
    ] = "contradictions",
    source: Annotated[
        str | None, typer.Option(help="One side is of this recording.", show_default=False)
    ] = None,
    speaker: Annotated[
        str | None, typer.Option(help="One side is by this speaker.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    json: Annotated[bool, typer.Option("--json", help="A JSON list, on stdout.")] = False,
) -> None:
    """Show claims of different recordings that contradict, bear out or repeat one another."""
    from .claims import links

    raise typer.Exit(links(kind, source=source, speaker=speaker, limit=limit, as_json=json))


@app.command("timeline")
def timeline_command(
    entity: Annotated[str, typer.Argument(help="A person, organisation, place or work.")],
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 1000,
    json: Annotated[bool, typer.Option("--json", help="A JSON list, on stdout.")] = False,
) -> None:
    """Show every mention of somebody or something, in order of time."""
    from .claims import timeline

    raise typer.Exit(timeline(entity, limit=limit, as_json=json))


memory = typer.Typer(help="What is remembered: how much, whether it is whole, moving, forgetting.")
app.add_typer(memory, name="memory", no_args_is_help=True)


@memory.command("stats")
def memory_stats_command(
    json: Annotated[bool, typer.Option("--json", help="One JSON object, on stdout.")] = False,
) -> None:
    """Show how much is remembered, and how large it is."""
    from .memory import stats

    raise typer.Exit(stats(as_json=json))


@memory.command("check")
def memory_check_command(
    json: Annotated[bool, typer.Option("--json", help="One JSON object, on stdout.")] = False,
) -> None:
    """Compare both stores with one another and with what was written."""
    from .memory import check

    raise typer.Exit(check(repair=False, as_json=json))


@memory.command("repair")
def memory_repair_command(
    json: Annotated[bool, typer.Option("--json", help="One JSON object, on stdout.")] = False,
) -> None:
    """Finish writes that a process began and did not end; then check."""
    from .memory import check

    raise typer.Exit(check(repair=True, as_json=json))


_BUNDLE = typer.Argument(metavar="FILE.zip", show_default=False)


@memory.command("export")
def memory_export_command(
    file: Annotated[Path, _BUNDLE],
    json: Annotated[bool, typer.Option("--json", help="One JSON object, on stdout.")] = False,
) -> None:
    """Write everything remembered to one file, with checksums."""
    from .memory import export

    raise typer.Exit(export(file, as_json=json))


@memory.command("import")
def memory_import_command(
    file: Annotated[Path, _BUNDLE],
    json: Annotated[bool, typer.Option("--json", help="One JSON object, on stdout.")] = False,
) -> None:
    """Remember what such a file holds; twice is harmless, and what is there already stays."""
    from .memory import restore

    raise typer.Exit(restore(file, as_json=json))


@memory.command("forget")
def memory_forget_command(
    source: Annotated[
        str,
        typer.Argument(metavar="LINK|TITLE|ID|NAME", help="A recording.", show_default=False),
    ],
    speaker: Annotated[
        bool, typer.Option("--speaker", help="It is the name of a speaker, in all recordings.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object, on stdout.")] = False,
) -> None:
    """Remove a recording from everything, and look whether it is gone."""
    from .memory import forget

    raise typer.Exit(forget(source, speaker=speaker, as_json=json))


models = typer.Typer(help="The speech models: which are here, and how to get one.")
app.add_typer(models, name="models", no_args_is_help=True)


@models.command("fetch")
def fetch_model_command(
    name: Annotated[
        str | None,
        typer.Argument(help="By default the one of AUTOINTEL_WHISPER_MODEL.", show_default=False),
    ] = None,
) -> None:
    """Bring a speech model to this machine; what broke off goes on where it was."""
    from .models import fetch_model

    raise typer.Exit(fetch_model(name))


@models.command("list")
def list_models_command(
    json: Annotated[bool, typer.Option("--json", help="A JSON list, on stdout.")] = False,
) -> None:
    """Show the speech models, their size, where they are and which one is used."""
    from .models import list_models

    raise typer.Exit(list_models(as_json=json))


knowledge = typer.Typer(help="Your own documents as evidence: text, Markdown, HTML and PDF.")
app.add_typer(knowledge, name="knowledge", no_args_is_help=True)


@knowledge.command("add")
def add_documents_command(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH…", help="Files, or folders with all below them.", show_default=False
        ),
    ],
    json: Annotated[bool, typer.Option("--json", help="One JSON object, on stdout.")] = False,
) -> None:
    """Take in documents; what is there already is left alone, what has changed is renewed."""
    from .knowledge import add_documents

    raise typer.Exit(add_documents(paths, as_json=json))


@knowledge.command("list")
def list_documents_command(
    json: Annotated[bool, typer.Option("--json", help="A JSON list, on stdout.")] = False,
) -> None:
    """Show the documents, their date and where they are."""
    from .knowledge import list_documents

    raise typer.Exit(list_documents(as_json=json))


@knowledge.command("remove")
def remove_documents_command(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH|ID…", help="Files, folders, or ids as `list` shows.", show_default=False
        ),
    ],
    json: Annotated[bool, typer.Option("--json", help="A JSON list, on stdout.")] = False,
) -> None:
    """Forget documents; the files themselves stay."""
    from .knowledge import remove_documents

    raise typer.Exit(remove_documents(names, as_json=json))


_EVALUATE_HELP = """Measure the local analysts.

Without arguments: the figures of the training, beside published ones. With a task and a file:
score that file, one JSON object a line. Labels may be spelled as the data sets spell them, or be
numbers.

\b
claims         {"text": "…", "labels": [1]}             1 check-worthy, 0 not
emotion        {"text": "…", "labels": ["joy"]}         GoEmotions, any number of them
sentiment      {"text": "…", "labels": ["positive"]}    negative, neutral or positive
fallacies      {"text": "…", "labels": ["ad hominem"]}  LOGIC, CoCoLoFa or MAFALDA; or none
fallacy-spans  {"text": "…", "spans": [[0, 42, "ad hominem"]]}
segments       {"turns": ["…", "…"], "boundaries": [1]} turns that begin a segment
"""


@app.command("evaluate", help=_EVALUATE_HELP)
def evaluate_command(
    task: Annotated[
        Literal["claims", "fallacies", "fallacy-spans", "emotion", "sentiment", "segments"] | None,
        typer.Argument(help="What the file is about.", show_default=False),
    ] = None,
    file: Annotated[Path | None, typer.Argument(metavar="FILE.jsonl", show_default=False)] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object, on stdout.")] = False,
) -> None:
    from .evaluate import evaluate, show_figures

    if task is None:
        raise typer.Exit(show_figures(as_json=json))
    if file is None:
        raise typer.BadParameter("Give the labelled file as well.", param_hint="FILE.jsonl")
    raise typer.Exit(evaluate(task, file, as_json=json))


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
