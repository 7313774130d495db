"""Telling the language of a text, and naming it."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from threading import Lock
from typing import Any

_UNSPACED = (
    (re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"), 2),
    (re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]+"), 4),
)
"""Scripts without spaces between words, and how many of their characters are about a word."""

_SAMPLE = 8
"""Stretches of a text that are looked at, spread over the whole of it."""

_STRETCH = 400
_FEWEST_WORDS = 20
_SURE = 0.97
_AGREE = 0.75
_MUCH_ENGLISH = 0.15
_SOME_ENGLISH = 0.1
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")

# Those that speech recognition knows, as far as they can be told apart: with all of them on offer,
# short English texts turn into rare languages.
# fmt: off
_CANDIDATES = (
    "af am ar as az be bg bn br bs ca cs cy da de el en es et eu fa fi fr gl gu ha he hi hr ht hu "
    "hy id is it ja ka kk km kn ko la lb ln lo lt lv mg mk ml mn mr ms mt my ne nl nn no oc pa pl "
    "ps pt ro ru sa si sk sl sn so sq sr sv sw ta te tg th tk tl tr tt uk ur uz vi yo yue zh"
)
_SAME = {"nb": "no", "nn": "no", "iw": "he", "fil": "tl", "in": "id", "cmn": "zh", "yue": "zh"}
_ENGLISH = (
    "the of and that was with are this they have it you is not were been which there would what "
    "when from had but his her about your just don't it's i'm because"
)
# Languages so close that a text must not be said to be in the other one.
_CLOSE = (
    {"hr", "bs", "sr", "sh"}, {"no", "da", "sv"}, {"id", "ms"}, {"cs", "sk"}, {"gl", "pt"},
    {"ca", "oc"}, {"hi", "ur", "ne", "mr"}, {"bg", "mk"}, {"af", "nl"}, {"ru", "uk", "be"},
    {"de", "lb"}, {"tr", "az", "tk"}, {"fa", "tg", "ps"}, {"kk", "tt", "uz"},
)
_NAMES = {
    "af": "Afrikaans", "ar": "Arabic", "az": "Azerbaijani", "be": "Belarusian", "bg": "Bulgarian",
    "bn": "Bengali", "bs": "Bosnian", "ca": "Catalan", "cs": "Czech", "cy": "Welsh",
    "da": "Danish", "de": "German", "el": "Greek", "en": "English", "es": "Spanish",
    "et": "Estonian", "eu": "Basque", "fa": "Persian", "fi": "Finnish", "fr": "French",
    "gl": "Galician", "he": "Hebrew", "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian",
    "hy": "Armenian", "id": "Indonesian", "is": "Icelandic", "it": "Italian", "ja": "Japanese",
    "ka": "Georgian", "kk": "Kazakh", "ko": "Korean", "la": "Latin", "lt": "Lithuanian",
    "lv": "Latvian", "mk": "Macedonian", "mr": "Marathi", "ms": "Malay", "nl": "Dutch",
    "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian",
    "sk": "Slovak", "sl": "Slovenian", "sq": "Albanian", "sr": "Serbian", "sv": "Swedish",
    "sw": "Swahili", "ta": "Tamil", "te": "Telugu", "th": "Thai", "tl": "Tagalog",
    "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese", "zh": "Chinese",
}
# fmt: on
_lock = Lock()


def detect(text: str) -> str | None:
    """The language of a text, or None when it is short, mixed or not clear.

    Stretches from all over the text are judged together and one by one (naive Bayes over byte
    n-grams, py3langid).

    Returns:
        A BCP 47 primary tag such as ``en``.
    """
    stretches = _stretches(text)
    if word_count(" ".join(stretches)) < _FEWEST_WORDS:
        return None
    if _plainly_english(stretches):
        return "en"
    with _lock:
        found, confidence = _identifier().classify(" ".join(stretches))
        votes = Counter(_identifier().classify(stretch)[0] for stretch in stretches)
    agreeing = sum(count for tag, count in votes.items() if _alike(tag, found))
    if confidence < _SURE or agreeing < _AGREE * len(stretches):
        return None
    return _SAME.get(found, str(found))


def _plainly_english(stretches: list[str]) -> bool:
    """Whether the small words of English are everywhere: then no model needs to be loaded.

    They are 17 to 33 % of the words of English talks, and at most 7 % of any other language's.
    """
    shares = [_share_of_english(stretch) for stretch in stretches]
    often = sum(share >= _SOME_ENGLISH for share in shares)
    return _share_of_english(" ".join(stretches)) >= _MUCH_ENGLISH and often >= _AGREE * len(shares)


def _share_of_english(text: str) -> float:
    words = _WORD.findall(text.lower().replace("’", "'"))
    known = frozenset(_ENGLISH.split())
    return sum(word in known for word in words) / max(1, len(words))


def language_of(text: str, declared: str | None) -> str | None:
    """The language of a text: as declared, unless that is clearly wrong.

    Args:
        text: all of it.
        declared: a BCP 47 primary tag.
    """
    found = detect(text)
    return declared if declared and (found is None or _alike(found, declared)) else found


def same(one: str, other: str) -> bool:
    """Whether two primary tags mean the same language."""
    return _SAME.get(one, one) == _SAME.get(other, other)


def _alike(one: str, other: str) -> bool:
    """Whether a text in one language can be mistaken for one in the other."""
    one, other = _SAME.get(one, one), _SAME.get(other, other)
    return one == other or any(one in close and other in close for close in _CLOSE)


def language_name(tag: str) -> str:
    """The English name of a language for a reader."""
    return _NAMES.get(_SAME.get(tag, tag), f"the language “{tag}”")


def word_count(text: str) -> float:
    """About how many words a text has, in scripts without spaces as well.

    Two characters of Chinese or Japanese, or four of Thai, Lao, Burmese or Khmer count as a word.
    """
    words = float(len(text.split()))
    if text.isascii():
        return words
    letters = (sum(map(len, script.findall(text))) / size for script, size in _UNSPACED)
    return max(words, sum(letters))


def _stretches(text: str) -> list[str]:
    """Parts of a text, spread over it; all of it when it is short."""
    if len(text) <= _SAMPLE * _STRETCH:
        size = max(_STRETCH // 4, len(text) // _SAMPLE + 1)
        return [text[first : first + size] for first in range(0, len(text), size)]
    step = (len(text) - _STRETCH) // (_SAMPLE - 1)
    return [text[first : first + _STRETCH] for first in range(0, _SAMPLE * step, step)]


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(_CANDIDATES.split())
    return identifier
