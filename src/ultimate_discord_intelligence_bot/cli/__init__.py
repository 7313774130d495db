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


@app.command("batch")
def batch_command(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE|-",
            help="One link a line (https://… [depth]), CSV with a column url, or JSON lines.",
            show_default=False,
        ),
    ],
    depth: Annotated[
        Literal["standard", "deep", "comprehensive", "experimental"] | None,
        typer.Option(help="Where the list names none; by default AUTOINTEL_DEPTH."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="Of the batch; by default FILE and the time.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the briefings, one below it for each.", show_default=False),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, help="Recordings at a time; by default AUTOINTEL_CONCURRENT_RUNS."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the latest batch of this FILE.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="The same, and try again what failed.")
    ] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Leave the work to `autointel worker`.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object, on stdout.")] = False,
) -> None:
    """Analyse a list of recordings, several at a time; what breaks off goes on."""
    from .batch import Request, batch

    request = Request(file, depth, name, out, concurrency, resume, retry_failed, detach)
    raise typer.Exit(batch(request, as_json=json))


@app.command("worker")
def worker_command(
    queues: Annotated[
        str, typer.Option(help="From which jobs are taken, separated by commas: runs, gpu.")
    ] = "runs",
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, help="Jobs at a time; by default AUTOINTEL_CONCURRENT_RUNS."),
    ] = None,
    patience: Annotated[
        int,
        typer.Option(min=0, help="Seconds that jobs may take to end after SIGTERM or Ctrl-C."),
    ] = 3600,
) -> None:
    """Do jobs that were put up anywhere, until SIGTERM or Ctrl-C; then finish what has begun."""
    from .worker import worker

    names = [name.strip() for name in queues.split(",") if name.strip()]
    raise typer.Exit(worker(names, concurrency=concurrency, patience=patience))


@app.command("serve")
def serve_command(
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, help="Jobs at a time; by default AUTOINTEL_CONCURRENT_RUNS."),
    ] = None,
    patience: Annotated[
        int,
        typer.Option(min=0, help="Seconds that jobs may take to end after SIGTERM or Ctrl-C."),
    ] = 3600,
) -> None:
    """All that one machine needs: a worker for all queues and, with a token, the Discord bot."""
    from .serve import serve

    raise typer.Exit(serve(concurrency=concurrency, patience=patience))


@app.command("bot")
def bot_command() -> None:
    """Be the Discord bot until SIGTERM or Ctrl-C; without a token, say how to get one."""
    from .bot import bot

    raise typer.Exit(bot())


jobs = typer.Typer(help="What is waiting, being done and done.")
app.add_typer(jobs, name="jobs", no_args_is_help=True)

_BATCH = typer.Option(help="All jobs of this batch.", show_default=False)
_JOBS = typer.Argument(metavar="JOB…", help="Ids, or how they begin.", show_default=False)


@jobs.command("list")
def list_jobs_command(
    batch: Annotated[str | None, _BATCH] = None,
    status: Annotated[
        Literal["waiting", "running", "complete", "partial", "failed", "cancelled", "parked"]
        | None,
        typer.Option(help="Only those that stand so."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    json: Annotated[bool, typer.Option("--json", help="A JSON list, on stdout.")] = False,
) -> None:
    """Show jobs, the newest first."""
    from .jobs import list_jobs

    raise typer.Exit(list_jobs(batch=batch, status=status, limit=limit, as_json=json))


@jobs.command("show")
def show_job_command(
    job: Annotated[str, typer.Argument(help="Its id, or how that begins.", show_default=False)],
    json: Annotated[bool, typer.Option("--json", help="One JSON object, on stdout.")] = False,
) -> None:
    """Show one job: its stages, what it brought, or why it failed."""
    from .jobs import show

    raise typer.Exit(show(job, as_json=json))


@jobs.command("prune")
def prune_jobs_command(
    days: Annotated[
        int | None, typer.Option(min=0, help="By default AUTOINTEL_JOB_DAYS.", show_default=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object, on stdout.")] = False,
) -> None:
    """Forget jobs that ended so many days ago; briefings and the memory stay."""
    from .jobs import prune

    raise typer.Exit(prune(days, as_json=json))


@jobs.command("cancel")
def cancel_jobs_command(
    names: Annotated[list[str] | None, _JOBS] = None,
    batch: Annotated[str | None, _BATCH] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object, on stdout.")] = False,
) -> None:
    """Take jobs back; what runs ends within two seconds, and what it finished is kept."""
    from .jobs import cancel

    raise typer.Exit(cancel(names or [], batch=batch, as_json=json))


@jobs.command("retry")
def retry_jobs_command(
    names: Annotated[list[str] | None, _JOBS] = None,
    batch: Annotated[str | None, _BATCH] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object, on stdout.")] = False,
) -> None:
    """Try jobs again that failed, were cancelled or parked; what they finished is reused."""
    from .jobs import retry

    raise typer.Exit(retry(names or [], batch=batch, as_json=json))


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


@app.command("profile")
def profile_command(
    run: Annotated[
        str,
        typer.Argument(metavar="RUN", help="The link or file, or the id of its run or its job."),
    ],
    depth: Annotated[
        Literal["standard", "deep", "comprehensive", "experimental"] | None,
        typer.Option(help="By default the one that was run last.", show_default=False),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object, on stdout.")] = False,
) -> None:
    """Show why a run took as long as it did: who waited for whom, what would shorten it."""
    from .profile import profile

    raise typer.Exit(profile(run, depth, as_json=json))


@app.command("search")
def search_command(
    words: Annotated[str, typer.Argument(help="What to look for, in your own words.")],
    source: Annotated[
        str | None,
        typer.Option(help="Only this recording: its link, title or id.", show_default=False),
    ] = None,
    speaker: Annotated[
        str | None,
        typer.Option(help="Who says it, spelled as in the transcript.", show_default=False),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Published then or later.", show_default=False),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Published then or earlier.", show_default=False),
    ] = None,
    kind: Annotated[
        Literal["segment", "claim"] | None,
        typer.Option(help="Only what was said, or only claims.", show_default=False),
    ] = None,
    verdict: Annotated[
        str | None,
        typer.Option(help="Only claims with this label, such as Refuted.", show_default=False),
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="Of the recording, such as en.", show_default=False)
    ] = None,
    mode: Annotated[
        Literal["hybrid", "dense", "words"],
        typer.Option(help="By meaning and words, by meaning alone, or by words alone."),
    ] = "hybrid",
    context: Annotated[
        int, typer.Option(min=0, max=50, help="Show so many passages before and after each hit.")
    ] = 0,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many hits.")] = 10,
    json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="A JSON list, on stdout. Its score is a cosine by meaning, BM25 by words, and a "
            "sum of reciprocal ranks by both.",
        ),
    ] = False,
) -> None:
    """Search everything remembered; every hit leads to its moment.

    Of passages close together the best is shown.
    """
    from ..memory import SearchFilter
    from ..recall import Question
    from .search import search

    wanted = SearchFilter(
        kind=kind,
        speaker=speaker,
        since=since.date() if since else None,
        until=until.date() if until else None,
        verdict=verdict,
        language=language,
    )
    question = Question(words, mode, limit, context, source, wanted)
    raise typer.Exit(search(question, as_json=json))


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
        str | None,
        typer.Option(
            help="One side is of this recording: its link, title or id.", show_default=False
        ),
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
    from .memory import import_bundle

    raise typer.Exit(import_bundle(file, as_json=json))


@memory.command("backup")
def memory_backup_command(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", show_default=False)],
    json: Annotated[bool, typer.Option("--json", help="One JSON object, on stdout.")] = False,
) -> None:
    """Write the memory of all tenants to a new folder."""
    from .backup import backup

    raise typer.Exit(backup(folder, as_json=json))


@memory.command("restore")
def memory_restore_command(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", show_default=False)],
    json: Annotated[bool, typer.Option("--json", help="One JSON object, on stdout.")] = False,
) -> None:
    """Let the memory hold what a backup holds and nothing else, and compare it afterwards."""
    from .backup import restore

    raise typer.Exit(restore(folder, as_json=json))


@memory.command("reembed")
def memory_reembed_command(
    json: Annotated[bool, typer.Option("--json", help="One JSON object, on stdout.")] = False,
) -> None:
    """Give everything new vectors after a change of the embedder; broken off, it goes on."""
    from .memory import reembed_all

    raise typer.Exit(reembed_all(as_json=json))


@memory.command("prune")
def memory_prune_command(
    days: Annotated[
        int | None,
        typer.Option(min=1, help="By default AUTOINTEL_RETENTION_DAYS.", show_default=False),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object, on stdout.")] = False,
) -> None:
    """Forget recordings that nobody ran for so many days, with their folders."""
    from .memory import prune_old

    raise typer.Exit(prune_old(days, as_json=json))


_NAME = typer.Argument(metavar="NAME", show_default=False)
_OTHER = typer.Argument(metavar="OTHER", show_default=False)


@memory.command("same")
def memory_same_command(
    name: Annotated[str, _NAME],
    other: Annotated[str, _OTHER],
    json: Annotated[bool, typer.Option("--json", help="One JSON object, on stdout.")] = False,
) -> None:
    """Say that two names are those of one person, organisation, place or work."""
    from .memory import same

    raise typer.Exit(same(name, other, joined=True, as_json=json))


@memory.command("apart")
def memory_apart_command(
    name: Annotated[str, _NAME],
    other: Annotated[str, _OTHER],
    json: Annotated[bool, typer.Option("--json", help="One JSON object, on stdout.")] = False,
) -> None:
    """Say that two names are not those of one; undoes what was joined, by whomever."""
    from .memory import same

    raise typer.Exit(same(name, other, joined=False, as_json=json))


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
