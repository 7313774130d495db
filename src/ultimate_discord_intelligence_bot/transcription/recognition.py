"""Speech recognition, from the parent's side: start the process that listens, and believe it.

Cancelling kills that process at once; a crash of a decoder in it is an error like any other.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from ..admission import Place, admitted
from ..deadline import off_the_clock
from ..errors import AutointelError, ModelMissing, NoSpeech, TranscriptionError, WorkerDied
from ..events import Progress
from ..models.media import Acquisition, Growing, MediaFile, primary_tag
from ..models.transcript import Transcript
from ..processes import Child, Message
from ..settings import Settings
from .hotwords import terms
from .weights import ROUGH_MEMORY, choose, memory_for

WORKER = "ultimate_discord_intelligence_bot.transcription.worker"

log = structlog.get_logger(__name__)


class Heard(NamedTuple):
    """Sentences that were recognised while the rest is still listened to; only a foretaste.

    Attributes:
        language: as far as it is known.
    """

    texts: tuple[str, ...]
    language: str | None


TellHeard = Callable[[Heard], None]


def keep_quiet(_: Heard) -> None:
    """A ``TellHeard`` for callers that wait for the whole."""


class Listening:
    """A process that listens to a recording while it is being downloaded.

    What it hears counts only if it turns out to have heard exactly the finished file; else the
    caller listens again. Must be created in a running event loop, and ended with `cancel`.

    Attributes:
        terms: the hint that the speech model was given.
    """

    def __init__(
        self, growing: Growing, settings: Settings, tell_heard: TellHeard = keep_quiet
    ) -> None:
        self._tell_heard = tell_heard
        self.terms = terms(growing.title, growing.description)
        self._progress: Progress | None = None
        self._settings = settings
        self._whole: asyncio.Future[MediaFile] = asyncio.get_running_loop().create_future()
        self._admitted = asyncio.Event()
        request = _request("listen", growing.path, settings, self.terms)
        self._work = asyncio.create_task(self._listen(request))

    async def finish(self, media: MediaFile, progress: Progress) -> Transcript | None:
        """Tell that the file is whole, and wait for its transcript.

        Args:
            media: the finished file, wherever it is now.
            progress: told how far the listening is.

        Returns:
            None where it was given up: an unsuitable container, no speech model, another file
            than the one that was listened to, or `cancel`.
        """
        if self._work.cancelled():
            return None
        self._progress = progress
        if not self._whole.done():
            self._whole.set_result(media)
        try:
            with off_the_clock():
                await self._begun()
            return await self._work
        except AutointelError as error:
            log.info("listening_given_up", reason=error.message)
            return None

    async def cancel(self) -> None:
        """Kill the process; without effect when it has ended."""
        self._work.cancel()
        with suppress(asyncio.CancelledError, AutointelError):
            await self._work

    async def _begun(self) -> None:
        """Wait until there is memory for it, or it has failed."""
        begun = asyncio.create_task(self._admitted.wait())
        try:
            await asyncio.wait((begun, self._work), return_when=asyncio.FIRST_COMPLETED)
        finally:
            begun.cancel()

    async def _listen(self, request: Message) -> Transcript:
        need = await asyncio.to_thread(_need, self._settings)
        with await admitted(need, self._settings, self._pass_on) as place:
            self._admitted.set()
            return await self._heard(request, place)

    async def _heard(self, request: Message, place: Place) -> Transcript:
        async with _at(place, request) as child:
            telling = asyncio.create_task(self._tell(child))
            try:
                return await _transcript(child, self._pass_on, self._tell_heard)
            finally:
                telling.cancel()

    async def _tell(self, child: Child) -> None:
        media = await self._whole
        await child.tell({"sha256": media.sha256, "path": str(media.path)})

    def _pass_on(self, fraction: float | None, message: str) -> None:
        if self._progress is not None:
            self._progress(fraction, message)


def listen(growing: Growing, settings: Settings, tell_heard: TellHeard = keep_quiet) -> Listening:
    """Begin to listen to a recording that is still being downloaded; the model is loaded at once.

    To be called in a running event loop.
    """
    return Listening(growing, settings, tell_heard)


async def recognise(
    acquisition: Acquisition,
    settings: Settings,
    progress: Progress,
    listening: Listening | None = None,
    tell_heard: TellHeard = keep_quiet,
) -> Transcript:
    """Listen to a recording in a process of its own. Cancelling ends it at once.

    Args:
        acquisition: with its media.
        settings: engine, model, device and language.
        progress: told how far it is, by the time of the recording.
        listening: what was begun while the recording was downloaded; it is ended here.
        tell_heard: given sentences while the others are still listened to.

    Raises:
        NotMedia, NoAudio: the file is damaged or has no sound.
        NoSpeech: nobody says anything.
        TooLong: there is more sound than the settings allow.
        ModelMissing: the model is not on this machine, and the settings allow no other way.
        TranscriptionError: the device cannot be used.
        WorkerDied: the process was killed, mostly for lack of memory.
    """
    media, source = acquisition.media, acquisition.source
    if media is None:
        raise NoSpeech("There is neither sound nor captions.")
    hint = terms(source.title, source.description)
    if listening is not None:
        found = await _finished(listening, media, progress, hint)
        if found is not None:
            return found
    progress(0.0, "listening")
    try:
        request = _request("recognise", media.path, settings, hint)
        request["spoken"] = primary_tag(source.language)
        need = await asyncio.to_thread(_need, settings)
        with off_the_clock():
            place = await admitted(need, settings, progress)
        with place:
            async with _at(place, request) as child:
                return await _transcript(child, progress, tell_heard)
    except WorkerDied as error:
        raise WorkerDied(
            f"The process that listened to {media.path.name} was killed or crashed.",
            "If the memory ran out, set AUTOINTEL_WHISPER_MODEL to a smaller model "
            "(`autointel models list`); else the file may be damaged: give its captions.",
        ) from error


def engine(settings: Settings) -> str:
    """What would listen to a recording now: of two equal answers the transcripts are equal, too."""
    if settings.offline_asr == "only":
        return "pocketsphinx"
    try:
        choice = choose(settings)
    except ModelMissing:
        return "none" if settings.offline_asr == "never" else "pocketsphinx"
    except TranscriptionError:
        return "none"
    return f"{choice.folder} {choice.device} {choice.compute}"


def _need(settings: Settings) -> int:
    """Most bytes of memory that listening may take; where there is no model, nothing much."""
    try:
        return memory_for(choose(settings))
    except (TranscriptionError, OSError):  # the process itself tells better what is wrong
        return ROUGH_MEMORY


@asynccontextmanager
async def _at(place: Place, request: Message) -> AsyncIterator[Child]:
    """A process that listens at a place among those at work."""
    async with Child(WORKER, request) as child:
        await asyncio.to_thread(place.taken_by, child.pid)
        yield child


async def _finished(
    listening: Listening, media: MediaFile, progress: Progress, hint: Sequence[str]
) -> Transcript | None:
    try:
        if tuple(hint) != listening.terms:
            return None
        return await listening.finish(media, progress)
    finally:
        await listening.cancel()


def _request(task: str, path: Path, settings: Settings, hint: Sequence[str]) -> Message:
    return {
        "task": task,
        "path": str(path),
        "terms": list(hint),
        "settings": settings.model_dump(mode="json"),
    }


async def _transcript(child: Child, progress: Progress, tell_heard: TellHeard) -> Transcript:
    """Put together what the process says."""
    segments: list[Any] = []

    def note(notice: Message) -> None:
        if "heard" in notice:
            tell_heard(Heard(tuple(notice["heard"]), notice["language"]))
        else:
            segments.extend(notice["segments"])

    rest = await child.result(progress, note)
    return Transcript.model_validate({**rest, "segments": segments})
