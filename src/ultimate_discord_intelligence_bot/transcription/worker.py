"""The process that listens: decoders and speech models meet hostile media here and nowhere else.

Started as ``python -m …transcription.worker`` (see ``processes``). It opens no connection and
starts no process. When it is killed or crashes, its memory is back and only its work is lost.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from ..errors import AutointelError, ModelMissing, NotMedia, TranscriptionError
from ..events import Progress
from ..models.transcript import Transcript
from ..observability import configure_logging
from ..processes import Inbox, Message, Say, serve
from ..settings import Settings, load_settings
from . import sound
from .growing import GrowingFile
from .speech import Listener, TellTexts
from .weights import Choice, load

_AT_ONCE = 500
"""Segments in one message."""

_MISSED = 2.0
"""Seconds by which what was heard may be shorter than the recording says it is."""

_REFUSED = (
    *("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.sendmsg"),
    *("subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn"),
    *("os.spawn", "pty.spawn"),
)

log = structlog.get_logger(__name__)


def recognise(request: Message, say: Say, inbox: Inbox) -> Message:
    """Listen to a whole file with the engine that the settings name."""
    found = _recognised(request, _settings(request), _progress(say), _heard(say))
    return _handed_over(found, say)


def _recognised(
    request: Message,
    settings: Settings,
    progress: Progress,
    heard: TellTexts = lambda texts, language: None,
) -> Transcript:
    if settings.offline_asr == "only":
        return _roughly(request, settings, progress)
    path = Path(request["path"])
    try:
        listener = Listener(settings, request["terms"], progress, heard)
        return listener.transcript(sound.samples_of(path), sound.duration(path), path.name)
    except ModelMissing as error:
        if settings.offline_asr == "never":
            raise
        rough = _roughly(request, settings, progress)
        return rough.model_copy(update={"notes": (*rough.notes, error.message)})


def _roughly(request: Message, settings: Settings, progress: Progress) -> Transcript:
    from .sphinx import recognise_roughly

    if settings.language is None:
        # Unlike Whisper it cannot hear which language it is, and would write down nonsense.
        settings = settings.model_copy(update={"language": request["spoken"]})
    return recognise_roughly(Path(request["path"]), settings, progress, threading.Event())


def listen(request: Message, say: Say, inbox: Inbox) -> Message:
    """Listen to a file while it grows; the parent tells when it is whole, and what it then is."""
    settings = _settings(request)
    if settings.offline_asr == "only":
        raise TranscriptionError("The rough recogniser listens to whole files only.")
    end = _End(inbox)
    listener = Listener(settings, request["terms"], _progress(say), _heard(say))
    file = end.open(Path(request["path"]))
    listener.load()
    if file.index_is_last():
        raise NotMedia("It cannot be understood before its end is there.")
    found = listener.transcript(sound.samples_of(file), None, file.name)
    digest = file.sha256()
    final = end.media
    if digest != final["sha256"]:
        raise NotMedia("The recording is not what was listened to.")
    length = sound.duration(Path(final["path"])) or 0.0
    if listener.heard_until < length - _MISSED:
        raise NotMedia(f"Only {listener.heard_until:.0f} of {length:.0f} seconds were heard.")
    return _handed_over(found, say)


class _End:
    """Waits for the parent to tell that a file is whole.

    Attributes:
        media: path and hash of the finished file, once it is ``whole``.
    """

    def __init__(self, inbox: Inbox) -> None:
        self.media: Message = {}
        self._whole = threading.Event()
        threading.Thread(target=self._await, args=(inbox,), daemon=True).start()

    def _await(self, inbox: Inbox) -> None:
        self.media = inbox.get()
        self._whole.set()

    def open(self, path: Path) -> GrowingFile:
        """The growing file; or the finished one, where that came first."""
        while not self._whole.is_set():
            try:
                return GrowingFile(path, self._whole)
            except FileNotFoundError:
                self._whole.wait(0.05)
        return GrowingFile(Path(self.media["path"]), self._whole)


def check(request: Message, say: Say, inbox: Inbox) -> Message:
    """Load the speech model of a folder."""
    folder = Path(request["path"])
    load(Choice(folder.name, folder, "cpu", "int8"))
    return {}


TASKS: dict[str, Callable[[Message, Say, Inbox], Message]] = {
    "recognise": recognise,
    "listen": listen,
    "check": check,
}


def work(message: Message, say: Say, inbox: Inbox) -> Message:
    """Do what the parent asks for."""
    return TASKS[message["task"]](message, say, inbox)


def explain(error: Exception, message: Message) -> AutointelError:
    """The error to show for what a decoder or an engine raised."""
    if isinstance(error, MemoryError):
        return TranscriptionError(
            "There is not enough memory for the speech model.",
            "Set AUTOINTEL_WHISPER_MODEL to a smaller one (`autointel models list`).",
        )
    return TranscriptionError(f"Speech recognition failed: {error}")


def _handed_over(transcript: Transcript, say: Say) -> Message:
    """Send the segments in parts, since a message has a largest size; the rest is the result."""
    whole: dict[str, Any] = transcript.model_dump(mode="json")
    segments = whole.pop("segments")
    for first in range(0, len(segments), _AT_ONCE):
        say({"notice": {"segments": segments[first : first + _AT_ONCE]}})
    return whole


def _settings(request: Message) -> Settings:
    settings = load_settings(**request["settings"])
    configure_logging(settings)
    return settings


def _progress(say: Say) -> Progress:
    return lambda fraction, message: say({"progress": {"fraction": fraction, "message": message}})


def _heard(say: Say) -> TellTexts:
    return lambda texts, language: say({"notice": {"heard": texts, "language": language}})


def refuse(event: str, args: tuple[Any, ...]) -> None:
    """An audit hook: nothing that runs in this process reaches out of it.

    Audit hooks see what Python code does; they are a second line, not a sandbox for native code.
    """
    if event in _REFUSED:
        raise PermissionError(f"The listening process may not do this: {event}.")


if __name__ == "__main__":
    os.environ["HF_HUB_OFFLINE"] = "1"
    sys.addaudithook(refuse)
    serve(work, explain)
