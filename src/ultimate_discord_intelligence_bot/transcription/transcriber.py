"""The order in which a transcript is sought: human captions, automatic captions, the sound."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from ..errors import BadCaptions, ModelMissing, NoSpeech, TranscriptionError
from ..events import Progress
from ..models.media import Acquisition, CaptionFile, primary_tag
from ..models.transcript import Transcript
from ..settings import Settings
from .captions import read_captions
from .language import language_name, language_of, same
from .quality import Doubt, doubt
from .recognition import Listening, TellHeard, keep_quiet, recognise
from .sentences import segments

log = structlog.get_logger(__name__)


@dataclass
class _Captions:
    """What came of the caption tracks.

    Attributes:
        chosen: the transcript, when a track does.
        makeshift: the best of those that do not quite, and why.
        unreadable: the first error of a track that cannot be read.
        notes: why tracks were passed over.
    """

    chosen: Transcript | None = None
    makeshift: tuple[Transcript, str] | None = None
    unreadable: BadCaptions | None = None
    notes: tuple[str, ...] = ()


async def transcribe(
    acquisition: Acquisition,
    settings: Settings,
    progress: Progress,
    listening: Listening | None = None,
    tell_heard: TellHeard = keep_quiet,
) -> Transcript:
    """Turn a recording into sentence-like segments.

    Captions that cannot be read, are garbled, leave out most of the recording or are in the wrong
    language are passed over, and the sound is listened to. When that gives nothing, captions that
    are merely short or in another language are used after all. ``notes`` tell of all that.

    Args:
        acquisition: the media, its captions, or both.
        settings: the language that is spoken, when known, and the speech model.
        progress: told what is going on.
        listening: speech recognition that has begun already; when captions are used, it is left
            alone, and whoever began it should end it.
        tell_heard: given sentences while the others are still listened to.

    Raises:
        BadCaptions: there are only captions, and they cannot be used.
        NoSpeech: nobody says anything.
        NoAudio: the media has no sound track.
        ModelMissing: the sound has to be recognised and the model is not on this machine.
        TranscriptionError: speech recognition cannot run as configured.
    """
    found = await asyncio.to_thread(_from_captions, acquisition, settings, progress)
    if found.chosen:
        return found.chosen
    if acquisition.media is None:
        if found.makeshift:
            return _with_makeshift(found.makeshift, found.notes, "There is no sound to listen to.")
        raise found.unreadable or NoSpeech("There is neither sound nor captions.")
    try:
        heard = await recognise(acquisition, settings, progress, listening, tell_heard)
    except TranscriptionError as error:
        if found.makeshift:
            return _with_makeshift(found.makeshift, found.notes, error.message)
        if isinstance(error, ModelMissing) and found.notes:
            # Whoever has no speech model wants to know why the captions did not do.
            raise type(error)(f"{found.notes[0]} {error.message}", error.remedy) from error
        raise
    return _noted(heard, (*found.notes, *heard.notes))


def _from_captions(acquisition: Acquisition, settings: Settings, progress: Progress) -> _Captions:
    found = _Captions()
    source = acquisition.source
    for track in _by_preference(acquisition.captions, settings.language, source.language):
        progress(None, f"reading {track.kind} captions")
        try:
            transcript, objection = _read(track, acquisition, settings)
        except BadCaptions as error:
            found.unreadable = found.unreadable or error
            found.notes += (f"The {track.kind} captions were passed over: {error.message}",)
            continue
        if objection is None:
            found.chosen = _noted(transcript, (*found.notes, *transcript.notes))
            break
        if objection.usable:
            found.makeshift = found.makeshift or (transcript, objection.reason)
        else:
            found.unreadable = found.unreadable or BadCaptions(
                f"{track.path.name} cannot be used: {objection.reason}.",
                "Give other captions, or the recording itself.",
            )
        found.notes += (f"The {track.kind} captions were passed over: {objection.reason}.",)
    if found.notes:
        log.warning("captions_passed_over", reasons=found.notes)
    return found


def _by_preference(
    captions: Iterable[CaptionFile], wanted: str | None, spoken: str | None
) -> list[CaptionFile]:
    """Human before automatic; the wanted language, the recording's, English, then the others."""
    order = [tag for tag in (wanted, primary_tag(spoken), "en") if tag]

    def rank(track: CaptionFile) -> tuple[bool, int]:
        tag = primary_tag(track.language)
        places = (place for place, other in enumerate(order) if tag and same(tag, other))
        return track.kind != "human", next(places, len(order))

    return sorted(captions, key=rank)


def _read(
    track: CaptionFile, acquisition: Acquisition, settings: Settings
) -> tuple[Transcript, Doubt | None]:
    cues = read_captions(track.path, settings.max_duration_hours * 3600)
    if not cues:
        raise BadCaptions(f"{track.path.name} contains no spoken words.")
    declared = primary_tag(track.language)
    spoken = primary_tag(acquisition.source.language)
    language = language_of(" ".join(cue.text for cue in cues), declared)
    objection = doubt(
        cues,
        acquisition.source.duration,
        language,
        declared=declared,
        wanted=settings.language,
        spoken=spoken,
    )
    transcript = Transcript(
        segments=segments(cues),
        origin="human captions" if track.kind == "human" else "automatic captions",
        language=language or settings.language or spoken,
        notes=_about_language(language, declared, spoken),
    )
    return transcript, objection


def _about_language(
    language: str | None, declared: str | None, spoken: str | None
) -> tuple[str, ...]:
    """What a reader should know about the language of captions."""
    if language is None:
        return ()
    name, notes = language_name(language), []
    if declared and not same(declared, language):
        notes.append(f"The captions are labelled {language_name(declared)}, but are in {name}.")
    if spoken and not same(spoken, language):
        notes.append(
            f"The captions are in {name}, the recording is in {language_name(spoken)}: "
            "quotes are those of the translation."
        )
    return tuple(notes)


def _with_makeshift(
    makeshift: tuple[Transcript, str], notes: tuple[str, ...], why: str
) -> Transcript:
    """Captions that were passed over and are used after all."""
    transcript, reason = makeshift
    kind = transcript.origin
    others = (note for note in notes if note != f"The {kind} were passed over: {reason}.")
    used = f"The {kind} are used although {reason}: nothing better was found. {why}"
    return _noted(transcript, (*others, used, *transcript.notes))


def _noted(transcript: Transcript, notes: Iterable[str]) -> Transcript:
    return transcript.model_copy(update={"notes": tuple(dict.fromkeys(notes))})
