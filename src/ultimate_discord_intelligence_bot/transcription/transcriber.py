"""The order in which a transcript is sought: human captions, automatic captions, the sound."""

from __future__ import annotations

import asyncio
import threading

import structlog

from ..errors import BadCaptions, ModelMissing, NoSpeech
from ..events import Progress
from ..models.media import Acquisition, CaptionFile, primary_tag
from ..models.transcript import Transcript
from ..settings import Settings
from .captions import read_captions
from .sentences import segments
from .speech import recognise

log = structlog.get_logger(__name__)


async def transcribe(
    acquisition: Acquisition, settings: Settings, progress: Progress
) -> Transcript:
    """Turn a recording into sentence-like segments.

    Captions that cannot be used are passed over where there is sound to listen to. Cancelling
    ends speech recognition within a few seconds.

    Raises:
        BadCaptions: there are only captions, and they cannot be read.
        NoSpeech: nobody says anything.
        NoAudio: the media has no sound track.
        ModelMissing: the sound has to be recognised and the model is not on this machine.
        TranscriptionError: speech recognition cannot run as configured.
    """
    stop = threading.Event()
    try:
        return await asyncio.to_thread(_transcribe, acquisition, settings, progress, stop)
    finally:
        stop.set()


def _transcribe(
    acquisition: Acquisition, settings: Settings, progress: Progress, stop: threading.Event
) -> Transcript:
    unusable: BadCaptions | None = None
    for captions in _by_preference(acquisition.captions, settings.language):
        progress(None, f"reading {captions.kind} captions")
        try:
            return _from_captions(captions, acquisition.source.language, settings)
        except BadCaptions as error:
            log.warning("captions_passed_over", reason=error.message)
            unusable = unusable or error
    if acquisition.media is None:
        raise unusable or NoSpeech("There is neither sound nor captions.")
    try:
        return recognise(acquisition.media.path, settings, progress, stop)
    except ModelMissing as error:
        if unusable is None:
            raise
        raise ModelMissing(f"{unusable.message} {error.message}", error.remedy) from unusable


def _by_preference(captions: tuple[CaptionFile, ...], language: str | None) -> list[CaptionFile]:
    """Human before automatic; the wanted language, then English, then the others."""
    wanted = [language, "en"] if language else ["en"]

    def rank(track: CaptionFile) -> tuple[bool, int]:
        tag = primary_tag(track.language)
        return track.kind != "human", wanted.index(tag) if tag in wanted else len(wanted)

    return sorted(captions, key=rank)


def _from_captions(captions: CaptionFile, spoken: str | None, settings: Settings) -> Transcript:
    cues = read_captions(captions.path, settings.max_duration_hours * 3600)
    found = segments(cues)
    if not found:
        raise BadCaptions(f"{captions.path.name} contains no spoken words.")
    return Transcript(
        segments=found,
        origin="human captions" if captions.kind == "human" else "automatic captions",
        language=primary_tag(captions.language) or settings.language or primary_tag(spoken),
    )
