"""Rough speech recognition where no speech model can be had: pocketsphinx and its English model.

How rough it is, and what therefore does not rest on it, stands in
``docs/analysis/speech_recognition.md``.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelMissing, NoSpeech, TooLong, TranscriptionError
from ..events import Progress
from ..models.transcript import Transcript
from ..settings import Settings
from .cue import Cue, in_order
from .language import language_name
from .sentences import segments
from .sound import RATE, Block, Samples, Stopped, Stretch, blocks, duration, samples_of, windows
from .speech import tell

PAUSE = 0.7
"""Seconds of silence that end a segment: there is no punctuation to go by."""

_FRAMES = 100
"""Frames per second, pocketsphinx's unit of time."""

_PIECE = RATE // 2
"""Samples between two looks at whether anybody still wants the result."""

_ACTIVE = 5000
"""Most states that are followed at once: saves a third of the work where nothing is clear."""

_NOTE = (
    "A low-accuracy recogniser (pocketsphinx) heard this: even of a clear voice about every fourth "
    "word is wrong, in noise most are. There are no exact quotes, and no facts are checked on it."
)

_PRONUNCIATION = re.compile(r"\(\d+\)$")
_NO_WORD = ("<", "[", "+")
"""How silence, noises and hesitation begin in the dictionary of the model."""


def recognise_roughly(
    path: Path, settings: Settings, progress: Progress, stop: threading.Event
) -> Transcript:
    """Listen to a recording in English with a small model from before neural networks.

    The text is in small letters and without punctuation, as the recogniser gives it.

    Args:
        path: a media file.
        settings: the language and the longest recording.
        progress: told how far it is, by the time of the recording.
        stop: once set, the work ends.

    Raises:
        NotMedia, NoAudio: the file is damaged or has no sound.
        NoSpeech: nobody says anything that it understands.
        TooLong: there is more sound than the settings allow.
        ModelMissing: the extra ``offline-asr`` is not installed.
        TranscriptionError: the recording is not in English.
        Stopped: once ``stop`` is set.
    """
    if settings.language not in (None, "en"):
        raise TranscriptionError(
            "The low-accuracy recogniser knows English only, but "
            f"{language_name(settings.language)} is spoken.",
            "Run `autointel models fetch` for a speech model that knows other languages, or give "
            "captions (VTT or SRT).",
        )
    total, longest = duration(path), settings.max_duration_hours * 3600
    words: list[Cue] = []
    sphinx: Sphinx | None = None
    for block in blocks(samples_of(path, stop)):
        if block.start > longest:
            raise TooLong(f"{path.name} goes on after {longest / 3600:g} hours.")
        for window in windows(block.speech):
            tell(progress, block.start + window[0], total)
            sphinx = sphinx or Sphinx()
            words += sphinx.words(block, window, stop)
        tell(progress, block.start + len(block.samples) / RATE, total)
    found = segments(in_order(words), PAUSE)
    if sphinx is None or not found:
        raise NoSpeech(f"Nobody can be understood in {path.name}.")
    return Transcript(
        segments=found,
        origin="low-accuracy speech recognition",
        language="en",
        model=sphinx.name,
        notes=(_NOTE,),
    )


class Sphinx:
    """The recogniser, loaded.

    Attributes:
        name: of the package and its model.

    Raises:
        ModelMissing: the extra ``offline-asr`` is not installed.
    """

    def __init__(self) -> None:
        try:
            from pocketsphinx import Decoder
        except ImportError as error:
            raise ModelMissing(
                "The low-accuracy recogniser is not installed.",
                'Run `pip install "ultimate-discord-intelligence-bot[offline-asr]"`.',
            ) from error
        self.name = f"pocketsphinx {version('pocketsphinx')} en-us"
        self._words = Decoder(loglevel="FATAL", maxhmmpf=_ACTIVE)
        # Looks for a single phrase only: a cheap way to the mean of the sound.
        self._mean = Decoder(loglevel="FATAL", lm=None, keyphrase="thank you")

    def words(self, block: Block, window: Stretch, stop: threading.Event) -> list[Cue]:
        """What is said in a window of a block, with the times of the recording.

        The recogniser knows sound only relative to its mean (cepstral mean normalisation), and
        would take the mean of what it heard before where it gets sound piece by piece. So the
        mean of the whole window is found first.

        Raises:
            Stopped: once ``stop`` is set; the recogniser cannot be used any more.
        """
        first, last = (int(seconds * RATE) for seconds in window)
        sound = _integers(block.samples[first:last])
        self._mean.start_utt()
        self._mean.process_raw(sound.tobytes(), full_utt=True)
        self._mean.end_utt()
        self._words.set_cmn(self._mean.get_cmn())
        self._words.start_utt()
        for start in range(0, len(sound), _PIECE):
            if stop.is_set():
                raise Stopped
            self._words.process_raw(sound[start : start + _PIECE].tobytes())
        self._words.end_utt()
        return list(_heard(self._words.seg() or (), block.start + window[0]))


def _heard(found: Iterable[Any], offset: float) -> Iterator[Cue]:
    """The words without silence, noises and the marks of a pronunciation, such as ``the(2)``."""
    for piece in found:
        if not piece.word.startswith(_NO_WORD):
            start, end = piece.start_frame / _FRAMES, (piece.end_frame + 1) / _FRAMES
            yield Cue(offset + start, offset + end, _PRONUNCIATION.sub("", piece.word))


def _integers(samples: Samples) -> NDArray[np.int16]:
    """Samples as pocketsphinx wants them; what is no number becomes silence."""
    return (np.clip(np.nan_to_num(samples), -1, 1) * 32767).astype(np.int16)
