"""From what captions show on screen to what is said, and by whom."""

from __future__ import annotations

import html
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, takewhile

from .cue import Cue, readable

# One-word marks that stand in the text while it is taken apart; control characters cannot come
# from a file, they are removed first.
_VOICE, _NAME, _TURN, _TIME = "\x01", "\x02", "\x03", "\x05"
_MARKS = (_VOICE, _NAME, _TURN, _TIME)
_SPACE_IN_NAME, _END_OF_TIME = "\x04", "\x06"

_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u200b\u200e\u200f\u202a-\u202e\u2060"
    "\u2066-\u2069\ufeff]"
)
_VOICE_TAG = re.compile(r"<v(?:\.[^\s<>]*)?\s([^<>]*)>|</v>", re.IGNORECASE)
_TIME_TAG = re.compile(r"<(?:(\d{1,6}):)?(\d{1,2}):(\d{1,2}\.\d{1,6})>")
_TIME_IN_WORD = re.compile(rf"(?<=\S){_TIME}[\d.]+{_END_OF_TIME}(?=[^\s{_END_OF_TIME}])")
_TIME_MARK = re.compile(rf"({_TIME}[\d.]+){_END_OF_TIME}")
_TAG = re.compile(
    r"</?(?:[cbius]|ruby|rt|lang|font|span)(?:[.\s][^<>]*)?>|<[\d:.]+>|\{\\[^{}]*\}", re.IGNORECASE
)
_ENDLESS_NUMBER = re.compile(r"&#\d{9,};?")
_CHEVRONS = re.compile(r"(?:^|(?<=\s))>>+")
_DASH_INSIDE = re.compile(rf"(?:(?<=[.!?…] )|(?<={_TURN} )\s*)[-–—]\s*(?=[^\W\d]|[\"'“‘¿¡\[])")
_DASH = re.compile(r"[-–—] ?(?=[^\W\d]|[\"'“‘¿¡\[])")
_SENTENCE_OVER = re.compile(r"[.!?…—–-][\"'”’»)\]]*$|[)\]♪♫♬]$")
_SPEAKER = re.compile(
    rf"^(?:{_TURN}\s*|[-–—]\s*)?(\[)?([^\W\d_][\w.'’-]*(?: [\w.'’-]+){{0,3}})(?(1)\]):(?:\s+|$)"
    rf"|^(?:{_TURN}\s*)?([^\W\d_]\w{{0,15}})：\s*"
)
_SMALL_WORDS = {"de", "la", "van", "von", "der", "of", "the", "bin", "al"}
_HABIT, _MOSTLY, _ALWAYS = 3, 0.6, 0.9
"""Lines with names that make a habit; shares of captions that begin with one."""

_BRACKETS = re.compile(r"\[[^\[\]]*\]|\([^()]*\)")
_SOUND = re.compile(
    r"\b(?:m[uúü]s[iy][ckqz]\w*|música|musi[ck]a|appla\w+|aplau\w+|laugh\w*|chuckl\w*|cheer\w*"
    r"|sing(?:s|ing)?|nois\w+|sounds?|silence|cough\w*|sigh\w*|gasp\w*|groan\w*|grunt\w*|scream\w*"
    r"|crosstalk|inaudible|indistinct|gelächter|lachen|rires?|risas?|risate|музыка|аплодисменты"
    r"|смех|音楽|音乐|拍手|笑い?|음악|박수)\b",
    re.IGNORECASE,
)
_WORDS_OF_A_SOUND = 4
_NOISE = re.compile(r"(?:\[[^\[\]]*\]\s*)+")
_SONG = re.compile(r"[♪♫♬]+[^♪♫♬]*(?:[♪♫♬]+|$)|^# [^#]*(?:#|$)")
_NOTES = re.compile(r"[♪♫♬]|^# | #$")

_WORD_LASTS = 2.0
"""Seconds of a word whose beginning is known, at most: what follows is a pause."""

_BLINK = 1.0
"""Seconds between captions in which rolling text does not go away."""

_ROLLING_WORDS = 100
"""Captions show no more words again than these."""


@dataclass(frozen=True)
class Shown:
    """A caption as it is shown, with markup as in WebVTT; times in seconds.

    An end that nobody knows is infinite.
    """

    start: float
    end: float
    lines: tuple[str, ...]


def spoken(captions: Sequence[Shown]) -> list[Cue]:
    """What is said in captions: no markup, no sound descriptions, nothing twice.

    A voice tag names the speaker for its caption; ``NAME:`` at the beginning of a line does until
    the next name or turn, if the file does that regularly; ``>>`` and a leading dash begin a turn
    of somebody unnamed. Inline time tags give words their own times. Lyrics between musical notes
    are left out, except where there is little else.

    Args:
        captions: in order of time.
    """
    marked = [[_marked(line) for line in caption.lines] for caption in captions]
    names = _habitual_names(marked)
    named = [[_named(line, names).split() for line in lines] for lines in marked]
    words = _without_rolling(captions, _with_turns(named))
    return list(_cues(captions, words, _is_song(words)))


# -- marks ------------------------------------------------------------------------------------


def _marked(line: str) -> str:
    line = _INVISIBLE.sub("", line)
    if "<" in line or "{" in line:
        line = _VOICE_TAG.sub(lambda tag: _mark(_VOICE, tag[1] or ""), line)
        line = _TAG.sub("", _TIME_TAG.sub(_time_mark, line))
        line = _TIME_MARK.sub(r" \1 ", _TIME_IN_WORD.sub("", line))
    line = _BRACKETS.sub(_without_sound, _unescaped(line)).strip()
    return _DASH_INSIDE.sub(f"{_TURN} ", _CHEVRONS.sub(f" {_TURN} ", line)).strip()


def _unescaped(text: str) -> str:
    return html.unescape(_ENDLESS_NUMBER.sub("\ufffd", text)) if "&" in text else text


def _mark(kind: str, name: str) -> str:
    name = " ".join(_unescaped(_INVISIBLE.sub("", name)).split())[:80]
    return f" {kind}{name.replace(' ', _SPACE_IN_NAME)} "


def _time_mark(tag: re.Match[str]) -> str:
    seconds = int(tag[1] or 0) * 3600 + int(tag[2]) * 60 + float(tag[3])
    return f"{_TIME}{seconds:.3f}{_END_OF_TIME}"


def _without_sound(brackets: re.Match[str]) -> str:
    """Nothing in place of ``[Music]`` or ``(laughs)``; round brackets may hold speech."""
    inside = brackets[0]
    if inside[0] == "(" and len(inside.split(maxsplit=_WORDS_OF_A_SOUND)) > _WORDS_OF_A_SOUND:
        return inside
    return " " if _SOUND.search(inside) else inside


# -- names ------------------------------------------------------------------------------------


def _habitual_names(captions: list[list[str]]) -> set[str]:
    """The ``NAME:`` prefixes that are speakers and not just a word before a colon.

    Where nearly every caption begins with one, all are. Otherwise a name must come back, and there
    must be at least three such lines; where all of those are in capitals, another one in capitals
    need not come back. A word in small letters must begin most of the captions.
    """
    seen = Counter(name for lines in captions for line in lines if (name := _name(line)))
    first = [_name(lines[0]) for lines in captions if lines]
    small = 1 - first.count(None) / max(1, len(first)) > _MOSTLY
    named = {n for n in seen if _is_name(n) or (small and n.islower() and " " not in n)}
    often = {name for name in named if seen[name] > 1}
    if len(first) >= _HABIT and sum(name in named for name in first) > _ALWAYS * len(first):
        return often | set(filter(_is_name, named))
    if sum(seen[name] for name in often) < _HABIT:
        return set()
    if all(name.isupper() for name in often):
        return {name for name in named if name.isupper()}
    return often


def _name(line: str) -> str | None:
    match = _SPEAKER.match(line)
    return (match[2] or match[3]) if match else None


def _is_name(text: str) -> bool:
    return all(not w[0].islower() or w in _SMALL_WORDS for w in text.split())


def _named(line: str, names: set[str]) -> str:
    match = _SPEAKER.match(line)
    if not match or (name := match[2] or match[3]) not in names:
        return line
    return _mark(_NAME, name) + line[match.end() :]


# -- turns ------------------------------------------------------------------------------------


def _with_turns(captions: list[list[list[str]]]) -> list[list[list[str]]]:
    """Words of lines, with a mark for the dash that begins a turn.

    A single dash after an unfinished sentence is part of it and stays, as it does where rolling
    captions show that line again.
    """
    turned, before = [], ""
    known: dict[tuple[str, ...], bool] = {}
    for lines in captions:
        plain = [tuple(word for word in line if word[0] not in _MARKS) for line in lines]
        dashed = {words for words in plain if _DASH.match(" ".join(words[:2]))}
        turns: dict[tuple[str, ...], bool] = {}
        for words in plain:
            if words in dashed:
                over = not before or _SENTENCE_OVER.search(before) is not None
                turns[words] = known.get(words, over or len(dashed) > 1)
            before = words[-1] if words else before
        turned.append(
            [_turn(line) if turns.get(w) else line for line, w in zip(lines, plain, strict=True)]
        )
        known = turns
    return turned


def _turn(line: list[str]) -> list[str]:
    """A line with a mark in place of its leading dash."""
    place = next(number for number, word in enumerate(line) if word[0] not in _MARKS)
    rest = [line[place][1:]] if len(line[place]) > 1 else []
    return [*line[:place], _TURN, *rest, *line[place + 1 :]]


# -- repetition -------------------------------------------------------------------------------


def _without_rolling(captions: Sequence[Shown], marked: list[list[list[str]]]) -> list[list[str]]:
    """The words of each caption, without what roll-up captions show again.

    Captions count as rolling only if at least 40 % of them begin with the end of the one before,
    while that is still on screen: people say "Yes." twice, and songs have refrains.
    """
    before: list[str] = []
    gone = -math.inf
    repeats = []
    for caption, lines in zip(captions, marked, strict=True):
        plain = [[word for word in line if word[0] != _TIME] for line in lines]
        words = [word for line in plain for word in line]
        still_there = caption.start <= gone + _BLINK
        repeats.append(_repeated(before, words, plain) if still_there else 0)
        before, gone = words, caption.end
    whole = [[word for line in lines for word in line] for lines in marked]
    if len(whole) < 5 or sum(map(bool, repeats)) < 0.4 * len(whole):
        return whole
    return [_after(words, repeated) for words, repeated in zip(whole, repeats, strict=True)]


def _repeated(before: list[str], words: list[str], lines: list[list[str]]) -> int:
    """How many words at the beginning of a caption are the end of the caption before.

    Whole lines of it, or the whole caption before as its beginning: anything else is chance.
    """
    most = min(len(before), len(words), _ROLLING_WORDS)
    line_ends = takewhile(lambda end: end <= most, accumulate(map(len, lines)))
    for count in sorted({len(before), *line_ends}, reverse=True):
        if 0 < count <= most and before[-count:] == words[:count]:
            return count
    return 0


def _after(words: list[str], count: int) -> list[str]:
    """What is left of words and marks after so many words."""
    place = 0
    while count:
        count -= words[place][0] != _TIME
        place += 1
    return words[place:]


# -- cues -------------------------------------------------------------------------------------


def _is_song(captions: list[list[str]]) -> bool:
    """Whether more is sung than said."""
    texts = [" ".join(words) for words in captions]
    sung = sum(len(match[0]) for text in texts for match in _SONG.finditer(text))
    return sung > sum(map(len, texts)) / 2


def _cues(captions: Sequence[Shown], words: list[list[str]], song: bool) -> Iterator[Cue]:
    """Take the words apart at the marks."""
    name: str | None = None
    new_turn = False
    following = (*(caption.start for caption in captions[1:]), math.inf)
    for caption, said, until in zip(captions, words, following, strict=True):
        voice: str | None = None
        at: float | None = None
        pieces: list[Cue] = []
        for mark, text in _runs(said):
            who = mark[1:].replace(_SPACE_IN_NAME, " ") or None
            if mark.startswith(_TIME):
                at = float(mark[1:])
            elif mark.startswith(_VOICE):
                voice = who
            elif mark:
                name, new_turn = who, True
            if said_here := _said(" ".join(text), song):
                start = -1.0 if at is None else at
                pieces.append(Cue(start, 0, said_here, voice or name, new_turn))
                new_turn, at = False, None
        yield from _timed(pieces, caption, until)


def _said(text: str, song: bool) -> str:
    """The words in a text, without noises, and without lyrics unless all of it is a song."""
    if _NOISE.fullmatch(text):
        return ""
    return " ".join((_NOTES if song else _SONG).sub(" ", text).split())


def _runs(words: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Each mark with the words that follow it; the first run may have an empty mark."""
    mark, text = "", list[str]()
    for word in words:
        if word[0] in _MARKS:
            yield mark, text
            mark, text = word, []
        else:
            text.append(word)
    yield mark, text


def _timed(pieces: list[Cue], caption: Shown, until: float) -> Iterator[Cue]:
    """Give each piece its time: as its time tag says, or its share by its length.

    Pieces without a tag (their start is negative) share the time from the last tag to the next.
    Words with times stay before the next caption, so that those of two captions do not mix.
    """
    tagged = any(piece.start >= 0 for piece in pieces)
    start, last = caption.start, min(caption.end, until) if tagged else caption.end
    group: list[Cue] = []
    for piece in pieces:
        if piece.start >= 0:
            end = min(max(start, piece.start), last)
            yield from _sharing(group, start, end, tagged)
            group, start = [], end
        group.append(piece)
    yield from _sharing(group, start, last, tagged)


def _sharing(group: list[Cue], start: float, end: float, tagged: bool) -> Iterator[Cue]:
    total, done = sum(len(piece.text) for piece in group), 0
    one_word = tagged and " " not in " ".join(piece.text for piece in group)
    end = max(start, min(end, start + (_WORD_LASTS if one_word else readable(total))))
    for piece in group:
        first = start + (end - start) * done / total
        done += len(piece.text)
        finish = end if done == total else start + (end - start) * done / total
        yield piece.at(first, finish)
