"""Whether captions do for a recording, or leave out, garble or mistake what is said in it."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .cue import Cue
from .language import language_name, same, word_count

# A recording may end in music, a break or an audience's questions without a microphone: only when
# more than half of it, and more than five minutes, are without captions, something is missing.
_WITHOUT = 0.5
_WITHOUT_AT_LEAST = 300.0

# Speech has 100 to 200 words per minute, a silent film's titles about 10. Three are song titles or
# credits. Short recordings may have a single line.
_WORDS_PER_MINUTE = 3.0
_LONG_ENOUGH = 180.0

# The fastest speakers reach 6 words per second for a moment; from 12 on, times are wrong.
_WORDS_PER_SECOND = 12.0
_SOME_WORDS = 60

# Captions may go on a little after a recording that was cut, or be those of another recording.
_AFTER_THE_END = 60.0

# One damaged line does not spoil a transcript; a wrong encoding damages every third word.
_DAMAGED_WORDS = 0.05
_LETTERS = 0.5
_ENDLESS_WORD = 100

# A song repeats its refrain; a broken program or a joke says nothing else.
_REPEATED = 0.9
_REPEATED_AT_LEAST = 20

_CREDITS = 0.8
_FILLER = 0.3

_MOJIBAKE = re.compile("\ufffd|[ÂÃÐÑØÙ][\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|â€|ï»¿")
_BY = re.compile(
    r"\b(?:caption(?:s|ed|ing)|subtitl(?:es?|ed|ing)|transcri(?:pt|bed|ption)|sync(?:ed|hronized)"
    r"|translated|untertitel\w*|sous-titr\w+|subtítulos|sottotitoli|legendas)\b.*"
    r"\b(?:by|von|par|por|de|di|amara|www|\w+\.(?:org|com))\b|^(?:www\.\S+|https?://\S+)$",
    re.IGNORECASE,
)
_FILLER_WORDS = {"lorem", "ipsum", "dolor", "amet", "consectetur", "adipiscing", "elit", "eiusmod"}


@dataclass(frozen=True)
class Doubt:
    """Why captions do not do.

    Attributes:
        reason: what "The captions were passed over:" is followed by, such as "they end early".
        usable: whether they are still better than nothing.
    """

    reason: str
    usable: bool


def doubt(
    cues: Sequence[Cue],
    duration: float | None,
    language: str | None = None,
    *,
    declared: str | None = None,
    wanted: str | None = None,
    spoken: str | None = None,
) -> Doubt | None:
    """What speaks against captions of a recording, if anything does.

    Args:
        cues: in order of time, at least one.
        duration: of the recording, in seconds, when known.
        language: primary tag of the language that the captions are in, when known.
        declared: primary tag that the captions claim to be in.
        wanted: primary tag that the user says is spoken.
        spoken: primary tag that the recording's page says is spoken.
    """
    text = " ".join(cue.text for cue in cues)
    return (
        _garbage(cues, text)
        or _coverage(cues, text, duration)
        or _mistaken(language, declared, wanted, spoken)
    )


def _garbage(cues: Sequence[Cue], text: str) -> Doubt | None:
    words = text.split()
    damaged = sum(_MOJIBAKE.search(word) is not None for word in words)
    if damaged > max(2.0, _DAMAGED_WORDS * len(words)):
        return Doubt("their letters were damaged when somebody converted them", usable=False)
    if _share_of_letters(text) < _LETTERS:
        return Doubt("they hold signs instead of words", usable=False)
    endless = sum(len(word) for word in words if len(word) > _ENDLESS_WORD and word.isascii())
    if endless > len(text) / 2:
        return Doubt("they hold data instead of words", usable=False)
    if sum(word.strip(".,").lower() in _FILLER_WORDS for word in words) > _FILLER * len(words):
        return Doubt("they hold a filler text", usable=False)
    said = Counter(" ".join(cue.text.lower().split()) for cue in cues)
    times = max(said.values())
    if times >= max(_REPEATED_AT_LEAST, _REPEATED * len(cues)):
        return Doubt(f"they repeat one line {times} times", usable=False)
    makers = sum(_BY.search(cue.text) is not None for cue in cues)
    if makers >= _CREDITS * len(cues):
        return Doubt("they only name who made them", usable=False)
    return None


def _share_of_letters(text: str) -> float:
    """Letters, digits and the marks on them among everything visible."""
    kinds = Counter(unicodedata.category(letter)[0] for letter in text[:200_000])
    seen = kinds.total() - kinds["Z"]
    return (kinds["L"] + kinds["M"] + kinds["N"]) / max(1, seen)


def _coverage(cues: Sequence[Cue], text: str, duration: float | None) -> Doubt | None:
    words = word_count(text)
    span = cues[-1].end - cues[0].start
    if words > _SOME_WORDS and words > _WORDS_PER_SECOND * span:
        return Doubt("their times would have people say 12 words a second", usable=True)
    if not duration:
        return None
    late = sum(word_count(cue.text) for cue in cues if cue.start > duration + _AFTER_THE_END)
    if late > words / 2:
        return Doubt("they go on after the end, as those of a longer recording", usable=True)
    gap, reason = _longest_gap(cues, duration)
    if gap > max(_WITHOUT_AT_LEAST, _WITHOUT * duration):
        return Doubt(reason, usable=True)
    if duration > _LONG_ENOUGH and words < _WORDS_PER_MINUTE * duration / 60:
        return Doubt(f"they have {words:.0f} words for {_minutes(duration)} minutes", usable=True)
    return None


def _longest_gap(cues: Sequence[Cue], duration: float) -> tuple[float, str]:
    """The longest time without captions, and how to say it."""
    whole = _minutes(duration)
    first, last = cues[0].start, cues[-1].end
    gaps = [
        (duration - last, f"they end after {_minutes(last)} of {whole} minutes"),
        (first, f"they begin after {_minutes(first)} of {whole} minutes"),
    ]
    ends = (cue.end for cue in cues)
    between = max((b.start - a for a, b in zip(ends, cues[1:], strict=False)), default=0.0)
    gaps.append((between, f"they leave out {_minutes(between)} of {whole} minutes"))
    return max(gaps)


def _minutes(seconds: float) -> str:
    minutes = max(0.0, seconds) / 60
    return f"{minutes:.0f}" if minutes >= 10 else f"{minutes:.1f}".removesuffix(".0")


def _mistaken(
    language: str | None, declared: str | None, wanted: str | None, spoken: str | None
) -> Doubt | None:
    if language is None:
        return None
    name = language_name(language)
    if wanted and not same(language, wanted):
        return Doubt(f"they are in {name}, not in {language_name(wanted)}", usable=True)
    known = wanted or spoken
    if declared and not same(language, declared) and not (known and same(language, known)):
        return Doubt(f"they are labelled {language_name(declared)}, but are in {name}", usable=True)
    return None
