"""What a Whisper model makes up where it hears nothing, and how that is told from speech.

The measures and their limits follow Whisper's own decoding heuristics (Radford et al. 2023,
section 4.5: compression ratio, mean log probability, probability of no speech); the phrases are
those that its training data had as credits and farewells over silence.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import structlog

from .cue import Cue
from .sound import Stretch

_GARBLED = 2.4
"""Length of a text by its length when compressed, above which it is repetition."""

_UNSURE = -1.0
_SILENT = 0.6
_DOUBTFUL = 0.3
_LEAST_HEARD = 0.25
_REACH = 0.5
"""Seconds by which word times may miss the voice."""

_FASTEST = 60.0
"""Characters a second; the fastest debaters come to about 40."""

_LOOP_LENGTH = 12
"""Words of a phrase that is looked for as a loop, at most; and of a loop, at least."""

_LOOP_TURNS = 4
_ECHO = 4
_REMEMBERED = 8

_CREDITS = (
    "amara.org",
    "untertitel im auftrag des zdf",
    "untertitelung des zdf",
    "untertitelung aufgrund der amtlichen verordnung",
    "subtitles by steamteamextra",
    "субтитры сделал dimatorzok",
    "субтитры создавал dimatorzok",
    "редактор субтитров",
    "字幕志愿者",
    "字幕由amara",
    "請不吝點贊",
    "请不吝点赞",
    "ترجمة نانسي قنقر",
    "altyazı m.k",
)
"""Parts of captions' credits in the training data, which nobody says."""

_FAREWELLS = frozenset(
    {
        "thanks for watching",
        "thank you for watching",
        "thank you so much for watching",
        "thank you for listening",
        "please subscribe",
        "please subscribe to my channel",
        "like and subscribe",
        "see you in the next video",
        "see you next time",
        "thank you",
        "thanks",
        "bye",
        "bye-bye",
        "you",
        "so",
        "vielen dank",
        "vielen dank fürs zuschauen",
        "vielen dank für ihre aufmerksamkeit",
        "bis zum nächsten mal",
        "tschüss",
        "merci",
        "merci d'avoir regardé cette vidéo",
        "merci d'avoir regardé",
        "abonnez-vous",
        "gracias",
        "gracias por ver el video",
        "gracias por ver",
        "suscríbete",
        "¡suscríbete al canal",
        "obrigado",
        "obrigado por assistir",
        "grazie",
        "grazie per la visione",
        "grazie a tutti",
        "dank u wel",
        "bedankt voor het kijken",
        "dziękuję",
        "dziękuję za uwagę",
        "dzięki za oglądanie",
        "teşekkürler",
        "izlediğiniz için teşekkürler",
        "спасибо за просмотр",
        "продолжение следует",
        "спасибо",
        "дякую за перегляд",
        "ご視聴ありがとうございました",
        "ありがとうございました",
        "おやすみなさい",
        "谢谢观看",
        "謝謝觀看",
        "谢谢大家",
        "시청해주셔서 감사합니다",
        "시청해 주셔서 감사합니다",
        "감사합니다",
        "شكرا للمشاهدة",
        "اشتركوا في القناة",
        "شكرا",
    }
)
"""What people say, too, but Whisper also says to silence."""

_EDGES = re.compile(r"^\W+|\W+$")

log = structlog.get_logger(__name__)


class Heard(Protocol):
    """A segment as faster-whisper gives it; times in seconds."""

    start: float
    end: float
    text: str
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float


class Sceptic:
    """Tells made-up segments of one recording; remembers what it believed before.

    Args:
        hint: the hot words that the model was given, which it may echo.
    """

    def __init__(self, hint: str | None = None) -> None:
        self._hint = set(_words(hint or ""))
        self._before: deque[str] = deque(maxlen=_REMEMBERED)

    def credible(
        self, heard: Iterable[Heard], speech: Sequence[Stretch], offset: float
    ) -> Iterator[Heard]:
        """Without what the model made up.

        Args:
            heard: segments in order of time.
            speech: where the voice detector heard somebody, on the clock of the segments.
            offset: seconds between that clock and the recording's, for the log.
        """
        for segment in heard:
            said = segment.text.strip()
            if not said:
                continue
            reason = self._reason(segment, said, speech)
            if reason is None:
                self._before.append(_plain(said))
                yield segment
            else:
                at = round(offset + float(segment.start), 1)
                log.info("speech_passed_over", at=at, reason=reason, text=said[:80])

    def _reason(self, segment: Heard, said: str, speech: Sequence[Stretch]) -> str | None:
        """Why a segment is not believed; None when it is."""
        plain, length = _plain(said), float(segment.end - segment.start)
        doubtful = segment.no_speech_prob > _DOUBTFUL
        checks = {
            "repetition": segment.compression_ratio > _GARBLED,
            "echo of what was said before": self._echoes(plain),
            "credits of captions": any(credit in said.lower() for credit in _CREDITS),
            "farewell to silence": plain in _FAREWELLS and doubtful,
            "echo of the hint": doubtful and bool(self._hint) and self._hint >= set(_words(said)),
            "silence": segment.no_speech_prob > _SILENT and segment.avg_logprob < _UNSURE,
            "no voice": voiced(segment.start, segment.end, speech) < _LEAST_HEARD,
            "faster than anybody speaks": len(said) > 20 and len(said) > _FASTEST * length,
        }
        return next((reason for reason, found in checks.items() if found), None)

    def _echoes(self, plain: str) -> bool:
        """Whether a longer text comes at once again, or for the third time in a short while."""
        if len(plain.split()) < _ECHO and len(plain) < 4 * _ECHO:
            return False
        return bool(self._before) and (
            self._before[-1] == plain or list(self._before).count(plain) > 1
        )


def voiced(start: float, end: float, speech: Sequence[Stretch]) -> float:
    """The share of a time in which somebody speaks, 0 to 1, word times taken as inexact."""
    length = max(end - start, 0.1)
    shared = sum(
        max(0.0, min(start + length, last + _REACH) - max(start, first - _REACH))
        for first, last in speech
    )
    return min(1.0, shared / length)


def without_loops(words: Sequence[Cue]) -> list[Cue]:
    """Words without the turns of a phrase that comes over and over.

    A phrase of up to twelve words that comes at least four times on end, and for at least twelve
    words, is kept once; what is before and after it stays.
    """
    said = [_plain(word.text) for word in words]
    kept: list[Cue] = []
    place = 0
    while place < len(words):
        size, turns = _loop(said, place)
        kept += words[place : place + size]
        place += size * turns
    return kept


def _loop(said: Sequence[str], place: int) -> tuple[int, int]:
    """Size of the phrase that is repeated from here on, and how often it comes; else 1 and 1."""
    for size in range(1, _LOOP_LENGTH + 1):
        phrase = said[place : place + size]
        turns = 1
        while said[place + turns * size : place + (turns + 1) * size] == phrase:
            turns += 1
        if turns >= _LOOP_TURNS and turns * size >= _LOOP_LENGTH:
            return size, turns
    return 1, 1


def _words(text: str) -> list[str]:
    return [word for word in map(_plain, text.split()) if word]


def _plain(text: str) -> str:
    return _EDGES.sub("", text).lower()
