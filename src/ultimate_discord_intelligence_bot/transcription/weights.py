"""Speech models: which one is taken, where it lies, how it is loaded. Nothing is downloaded here.

``auto`` means ``turbo`` in float16 on a GPU (batched, beam of 5) and ``small`` in int8 on a CPU
(greedy, on every core that we may use). Where that model is not on this machine but another one
is, the best of those is taken and the transcript says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ModelMissing, TranscriptionError
from ..machine import MB, cores
from ..settings import Settings

MEGABYTES = {
    "tiny": 75,
    "tiny.en": 75,
    "base": 145,
    "base.en": 145,
    "small": 484,
    "small.en": 484,
    "medium": 1528,
    "medium.en": 1528,
    "large-v1": 3087,
    "large-v2": 3087,
    "large-v3": 3087,
    "turbo": 1618,
    "distil-small.en": 332,
    "distil-medium.en": 789,
    "distil-large-v2": 1513,
    "distil-large-v3": 1513,
    "distil-large-v3.5": 1513,
}
"""Every model that can be fetched by its name, and about how many megabytes that takes."""

ALIASES = {"large": "large-v3", "large-v3-turbo": "turbo"}

_PREFERRED = {
    "cuda": ("turbo", "large-v3", "large-v2", "medium", "small", "base", "tiny"),
    "cpu": ("small", "medium", "turbo", "base", "large-v3", "large-v2", "tiny"),
}
"""What ``auto`` takes, the first that is here; on a CPU the very slow ones come late."""

_FORMATS = {"cuda": ("float16", "int8_float16", "float32"), "cpu": ("int8", "float32")}
"""What ``auto`` computes with, the first that the device can do."""

_BESIDES_MB = 250
"""What listening takes besides the model."""

ROUGH_MEMORY = 512 * MB
"""What the low-accuracy recogniser takes at most, in bytes."""

_TIMES = {"int8": 1.5, "int8_float16": 1.5, "float16": 1.5, "float32": 3.0}
"""How many times the size of its file a model takes while it is being loaded, which is most. The
files hold float16; those of the formats of a GPU were not measured (docs/analysis/resources.md)."""

PARTS = ("model.bin", "config.json", "tokenizer.json")


@dataclass(frozen=True)
class Choice:
    """A speech model that is here, and how it is run.

    Attributes:
        name: as the user knows it.
        device: ``cuda`` or ``cpu``.
        compute: number format.
        note: what the reader should know about the choice; empty when it is the usual one.
    """

    name: str
    folder: Path
    device: str
    compute: str
    note: str = ""


def choose(settings: Settings) -> Choice:
    """The speech model that the settings mean on this machine.

    Raises:
        ModelMissing: it is not here or incomplete.
        TranscriptionError: there is no such device, or it cannot compute like that.
    """
    device = device_for(settings)
    name, folder = _wanted(settings, device)
    usual = usual_model(settings)
    note = ""
    if settings.whisper_model == "auto" and name != usual:
        note = (
            f"Heard by the speech model {name}, because {usual} is not on this machine "
            f"(`autointel models fetch {usual}`)."
        )
    return Choice(name, folder, device, _compute(settings, device), note)


def usual_model(settings: Settings) -> str:
    """The name of the model that the settings ask for, here or not."""
    if settings.whisper_model == "auto":
        return _PREFERRED[device_for(settings)][0]
    return ALIASES.get(settings.whisper_model, settings.whisper_model)


def device_for(settings: Settings) -> str:
    """``cuda`` or ``cpu``.

    Raises:
        TranscriptionError: cuda is wanted and not there.
    """
    wanted = settings.whisper_device
    if wanted == "cpu":
        return "cpu"
    import ctranslate2

    there = ctranslate2.get_cuda_device_count() > 0
    if wanted == "cuda" and not there:
        raise TranscriptionError(
            "AUTOINTEL_WHISPER_DEVICE is cuda, but there is no CUDA device.", "Set it to cpu."
        )
    return "cuda" if there else "cpu"


def find_weights(name: str, settings: Settings) -> Path:
    """The folder of a model: itself, or by its name in the data folder or the hub's cache.

    Raises:
        ModelMissing: it is not here or incomplete.
    """
    name = ALIASES.get(name, name)
    own = models_folder(settings) / name
    if name in MEGABYTES:
        folder = own if own.is_dir() else _cached(name)
    else:
        folder = Path(name).expanduser()
        folder = folder if folder.is_dir() else _cached(name)
    if folder is None:
        raise ModelMissing(f"The speech model “{name}” is not on this machine.", remedy(name))
    for part in PARTS:
        if not (folder / part).is_file():
            raise ModelMissing(f"The speech model folder {folder} has no {part}.", remedy(name))
    return folder.resolve()


def here(settings: Settings) -> dict[str, Path]:
    """The models that can be fetched and are complete on this machine, with their folders."""
    found = {}
    for name in MEGABYTES:
        try:
            found[name] = find_weights(name, settings)
        except ModelMissing:
            continue
    return found


def models_folder(settings: Settings) -> Path:
    """Where ``autointel models fetch`` puts them."""
    return settings.data_dir / "models"


def remedy(name: str) -> str:
    """What to do when a model is not here, incomplete or damaged."""
    known = name in MEGABYTES
    fetch = (
        f"Run `autointel models fetch {name}` ({MEGABYTES[name]} MB)"
        if known
        else "Correct AUTOINTEL_WHISPER_MODEL (`autointel models list` shows the names)"
    )
    return (
        f"{fetch}, put captions (VTT or SRT) with the same name next to the file, or set "
        "AUTOINTEL_OFFLINE_ASR=fallback for a rough transcript."
    )


def memory_for(choice: Choice) -> int:
    """Most bytes of main memory that listening with a choice takes, as measured, rounded up."""
    held = (choice.folder / "model.bin").stat().st_size
    return int(_BESIDES_MB * MB + _TIMES[choice.compute] * held)


def load(choice: Choice) -> Any:
    """The ``faster_whisper.WhisperModel`` of a choice, which always answers the same.

    Raises:
        ModelMissing: it is damaged.
    """
    import ctranslate2
    from faster_whisper import WhisperModel

    ctranslate2.set_random_seed(1)  # sampling, where the most probable text was no good
    try:
        return WhisperModel(
            str(choice.folder),
            device=choice.device,
            compute_type=choice.compute,
            cpu_threads=cores(),
            local_files_only=True,
        )
    except Exception as error:  # tokenizers raises nothing more special
        raise ModelMissing(
            f"The speech model “{choice.name}” cannot be loaded: {error}", remedy(choice.name)
        ) from error


def _wanted(settings: Settings, device: str) -> tuple[str, Path]:
    if settings.whisper_model != "auto":
        name = ALIASES.get(settings.whisper_model, settings.whisper_model)
        return Path(name).name, find_weights(name, settings)
    usual, *others = _PREFERRED[device]
    try:
        return usual, find_weights(usual, settings)
    except ModelMissing:
        found = here(settings)
        best = next((name for name in others if name in found), None)
        if best is None:
            raise
        return best, found[best]


def _compute(settings: Settings, device: str) -> str:
    import ctranslate2

    possible = ctranslate2.get_supported_compute_types(device)
    if settings.whisper_compute == "auto":
        return next(kind for kind in _FORMATS[device] if kind in possible)
    if settings.whisper_compute not in possible:
        raise TranscriptionError(
            f"AUTOINTEL_WHISPER_COMPUTE is {settings.whisper_compute}, which this {device} cannot "
            "compute with.",
            f"Set it to auto, or one of: {', '.join(sorted(possible))}.",
        )
    return settings.whisper_compute


def _cached(name: str) -> Path | None:
    """A model in the hub's own cache on this machine."""
    from faster_whisper.utils import download_model

    try:
        return Path(download_model(name, local_files_only=True))
    except (ValueError, OSError):  # unknown name, malformed name, not in the cache
        return None
