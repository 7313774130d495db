"""Speech recognition with faster-whisper, block by block, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..errors import NoSpeech, TooLong, TranscriptionError
from ..events import Progress
from ..models.transcript import Transcript
from ..settings import Settings
from .credibility import Sceptic, without_loops
from .cue import Cue, in_order
from .hotwords import hotwords
from .sentences import complete_sentences, segments
from .sound import RATE, Block, Samples, blocks, windows
from .weights import choose, load

TellTexts = Callable[[list[str], str | None], None]

_BATCH = 16
"""Windows that a GPU works on at once; turbo takes about 6 GB for them."""


class Whisper:
    """A loaded speech model with its hint.

    Attributes:
        hint: the hot words, or None.

    Args:
        settings: model, device and language.
        terms: words that may be rare (see ``hotwords``).

    Raises:
        ModelMissing: the model is not on this machine.
        TranscriptionError: the device cannot be used, or the language is unknown to the model.
    """

    def __init__(self, settings: Settings, terms: Sequence[str]) -> None:
        self.choice = choose(settings)
        model = load(self.choice)
        if settings.language and settings.language not in model.supported_languages:
            raise TranscriptionError(
                f"The speech model {self.choice.name} does not know the language "
                f"“{settings.language}”.",
                "Use another AUTOINTEL_WHISPER_MODEL, or correct AUTOINTEL_LANGUAGE.",
            )
        self.hint = hotwords(terms, lambda text: len(model.hf_tokenizer.encode(text).ids))
        self._engine = _batched(model) if self.choice.device == "cuda" else model

    def recognise(self, block: Block, language: str | None) -> tuple[Iterator[Any], str]:
        """Start recognising a block.

        Args:
            block: with some speech in it.
            language: as an ISO 639 code; None means detect.

        Returns:
            The model's segments as they come, and the language.
        """
        clips = windows(block.speech)
        options: dict[str, Any]
        if self.choice.device == "cuda":
            stretches = [{"start": start, "end": end} for start, end in clips]
            options = {"clip_timestamps": stretches, "beam_size": 5, "batch_size": _BATCH}
        else:
            flat = [time for clip in clips for time in clip]
            options = {"clip_timestamps": flat, "beam_size": 1, "temperature": (0.0, 0.4, 0.8)}
        heard, info = self._engine.transcribe(
            block.samples,
            language=language,
            condition_on_previous_text=False,
            without_timestamps=False,
            word_timestamps=True,
            hotwords=self.hint,
            vad_filter=False,
            **options,
        )
        return iter(heard), str(info.language)


class Listener:
    """Turns the sound of one recording into a transcript.

    Attributes:
        heard_until: seconds of sound that were listened to.

    Args:
        settings: model, device, language and the longest recording.
        terms: words that may be rare (see ``hotwords``).
        progress: told how far it is, by the time of the recording.
        tell_heard: given the texts of segments as they come, and the language; what follows may
            still change the last words, so the transcript may have a few other ones.
    """

    def __init__(
        self,
        settings: Settings,
        terms: Sequence[str],
        progress: Progress,
        tell_heard: TellTexts = lambda texts, language: None,
    ) -> None:
        self.heard_until = 0.0
        self._tell_heard = tell_heard
        self._settings = settings
        self._terms = terms
        self._progress = progress
        self._whisper: Whisper | None = None

    def load(self) -> Whisper:
        """The speech model, loaded once.

        Raises:
            ModelMissing, TranscriptionError: as `Whisper`.
        """
        if self._whisper is None:
            self._progress(None, "loading the speech model")
            self._whisper = Whisper(self._settings, self._terms)
        return self._whisper

    def transcript(self, sound: Iterable[Samples], total: float | None, name: str) -> Transcript:
        """Listen to a recording.

        A voice detector comes first: silence is told as such even where no speech model is
        installed.

        Args:
            sound: see `samples_of`.
            total: seconds of the recording, when known.
            name: of the recording, for messages.

        Raises:
            NotMedia, NoAudio: the file is damaged or has no sound.
            NoSpeech: nobody says anything.
            TooLong: there is more sound than the settings allow.
            ModelMissing, TranscriptionError: as `Whisper`.
        """
        words, language = self._words(sound, total, name)
        found = segments(in_order(words))
        if not found:
            raise NoSpeech(f"Nobody speaks in {name}.")
        choice = self.load().choice
        return Transcript(
            segments=found,
            origin="speech recognition",
            language=language,
            model=f"faster-whisper {choice.name}",
            notes=(choice.note,) if choice.note else (),
        )

    def _words(
        self, sound: Iterable[Samples], total: float | None, name: str
    ) -> tuple[list[Cue], str | None]:
        """Every word, and the language, which is that of the first words."""
        words: list[Cue] = []
        language = self._settings.language
        sceptic: Sceptic | None = None
        longest = self._settings.max_duration_hours * 3600
        rest: list[Cue] = []
        for block in blocks(sound):
            tell(self._progress, block.start, total)
            if block.start > longest:
                raise TooLong(f"{name} goes on after {longest / 3600:g} hours.")
            if block.speech:
                whisper = self.load()
                sceptic = sceptic or Sceptic(whisper.hint)
                with _explained(whisper.choice.device):
                    heard, language = whisper.recognise(block, language)
                    coming = self._telling(heard, block.start, total)
                    for segment in sceptic.credible(coming, block.speech, block.start):
                        said = without_loops(_spoken_words(segment, block.start))
                        words += said
                        rest += said
                texts, rest = complete_sentences(rest)
                if texts:
                    self._tell_heard(texts, language)
            self.heard_until = block.start + len(block.samples) / RATE
        return words, language

    def _telling(self, heard: Iterator[Any], offset: float, total: float | None) -> Iterator[Any]:
        for segment in heard:
            tell(self._progress, offset + float(segment.end), total)
            yield segment


def tell(progress: Progress, seconds: float, total: float | None) -> None:
    """Say how far the listening is.

    Args:
        progress: whom to tell.
        seconds: of the recording that are done.
        total: seconds of the recording, when known.
    """
    of_total = f" of {_clock(total)}" if total else ""
    share = min(1.0, seconds / total) if total else None
    progress(share, f"listening {_clock(seconds)}{of_total}")


def _batched(model: Any) -> Any:
    from faster_whisper import BatchedInferencePipeline

    return BatchedInferencePipeline(model)


@contextmanager
def _explained(device: str) -> Iterator[None]:
    """Turn what the engine raises into what a user can mend."""
    try:
        yield
    except RuntimeError as error:
        raise TranscriptionError(
            f"Speech recognition failed on {device}: {error}.",
            "Set AUTOINTEL_WHISPER_DEVICE=cpu, or a smaller AUTOINTEL_WHISPER_MODEL.",
        ) from error


def _spoken_words(segment: Any, offset: float) -> list[Cue]:
    """The words of a segment with their times; all of it as one where the times lack a word."""
    words = [
        Cue(offset + float(word.start), offset + float(word.end), word.word.strip())
        for word in segment.words or ()
        if word.word.strip()
    ]
    text = " ".join(segment.text.split())
    if " ".join(word.text for word in words).replace(" ", "") == text.replace(" ", ""):
        return words
    return [Cue(offset + float(segment.start), offset + float(segment.end), text)]


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
