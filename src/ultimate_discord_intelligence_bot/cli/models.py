"""``autointel models``: the speech models, which are here, and how to get one."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from rich.markup import escape

from ..errors import AutointelError
from ..observability import configure_logging
from ..settings import Settings, load_settings
from ..transcription.hub import fetch
from ..transcription.weights import MEGABYTES, choose, here, usual_model
from . import signals
from .terminal import Exit, orderly_exit, stderr, stdout


@dataclass(frozen=True)
class SpeechModel:
    """A speech model that can be fetched.

    Attributes:
        megabytes: size of its files.
        folder: where it is on this machine; None when it is not.
        used: whether recordings without captions are heard by it now.
    """

    name: str
    megabytes: int
    folder: str | None
    used: bool


def fetch_model(name: str | None) -> int:
    """Bring a speech model to this machine, by default the one of the settings."""
    with orderly_exit():
        settings = load_settings()
        configure_logging(settings)
        wanted = name or usual_model(settings)
        with stderr.status(f"fetching {escape(wanted)}") as status:
            folder = signals.run(
                fetch(
                    wanted,
                    settings,
                    lambda _, message: status.update(f"{escape(wanted)}: {escape(message)}"),
                )
            )
        stdout.print(f"The speech model {escape(wanted)} is here: {escape(str(folder))}")
        return Exit.COMPLETE


def list_models(*, as_json: bool) -> int:
    """Print every speech model that can be fetched; returns the exit code."""
    with orderly_exit():
        settings = load_settings()
        configure_logging(settings)
        models = _models(settings)
        if as_json:
            print(json.dumps([asdict(model) for model in models], indent=1))  # noqa: T201
        else:
            for model in models:
                _print(model)
            _say_what_is_used(settings, models)
        return Exit.COMPLETE


def _models(settings: Settings) -> list[SpeechModel]:
    found = here(settings)
    try:
        used = choose(settings).name
    except AutointelError:
        used = ""
    return [
        SpeechModel(name, size, str(found[name]) if name in found else None, name == used)
        for name, size in MEGABYTES.items()
    ]


def _print(model: SpeechModel) -> None:
    mark = "[green]→[/]" if model.used else " "
    where = escape(model.folder) if model.folder else "[dim]not here[/]"
    stdout.print(f"{mark} {model.name:<18} {model.megabytes:>5} MB  {where}")


def _say_what_is_used(settings: Settings, models: list[SpeechModel]) -> None:
    if any(model.used for model in models):
        return
    try:
        choice = choose(settings)
    except AutointelError as error:
        stderr.print(f"{escape(error.message)} {escape(error.remedy)}")
    else:
        stderr.print(f"AUTOINTEL_WHISPER_MODEL is {escape(str(choice.folder))}.")
