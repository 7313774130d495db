"""Finding and loading a speech model that is already on this machine. Nothing is downloaded."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from ..errors import ModelMissing, TranscriptionError
from ..settings import Settings

_REMEDY = (
    "Put captions (VTT or SRT) with the same name next to the file, or put a CTranslate2 Whisper "
    "model folder on this machine and set AUTOINTEL_WHISPER_MODEL to it."
)
_lock = threading.Lock()
_loaded: dict[tuple[Path, str], Any] = {}


def load_model(settings: Settings) -> Any:
    """The ``faster_whisper.WhisperModel`` of the settings, loaded once per process.

    Raises:
        ModelMissing: it is not here, incomplete or damaged.
        TranscriptionError: there is no such device.
    """
    folder = find_weights(settings.whisper_model)
    device = _device(settings.whisper_device)
    with _lock:
        if (folder, device) not in _loaded:
            _loaded[folder, device] = _load(folder, device, settings.whisper_model)
        return _loaded[folder, device]


def find_weights(name: str) -> Path:
    """The folder of a model, given as a folder or as a name in the local cache.

    Raises:
        ModelMissing: it is not here or incomplete.
    """
    folder = Path(name).expanduser()
    if not folder.is_dir():
        folder = _cached(name)
    for part in ("model.bin", "config.json", "tokenizer.json"):
        if not (folder / part).is_file():
            raise ModelMissing(f"The speech model folder {folder} has no {part}.", _REMEDY)
    return folder.resolve()


def _cached(name: str) -> Path:
    from faster_whisper.utils import download_model

    try:
        return Path(download_model(name, local_files_only=True))
    except (ValueError, OSError) as error:  # unknown name, malformed name, not in the cache
        raise ModelMissing(f"The speech model “{name}” is not on this machine.", _REMEDY) from error


def _device(wanted: str) -> str:
    import ctranslate2

    there = ctranslate2.get_cuda_device_count() > 0
    if wanted == "cuda" and not there:
        raise TranscriptionError(
            "AUTOINTEL_WHISPER_DEVICE is cuda, but there is no CUDA device.", "Set it to cpu."
        )
    return "cuda" if there and wanted != "cpu" else "cpu"


def _load(folder: Path, device: str, name: str) -> Any:
    from faster_whisper import WhisperModel

    compute = "float16" if device == "cuda" else "int8"
    threads = len(os.sched_getaffinity(0))
    try:
        return WhisperModel(str(folder), device=device, compute_type=compute, cpu_threads=threads)
    except (RuntimeError, ValueError, OSError) as error:
        raise ModelMissing(
            f"The speech model “{name}” cannot be loaded: {error}", _REMEDY
        ) from error
