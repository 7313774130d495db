"""From what captions show on screen to what is said, and by whom."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from .cue import Cue

# One-word marks that stand in the text while it is taken apart; control characters cannot come
# from a file, they are removed first.
_VOICE, _NAME, _TURN = "\x01", "\x02", "\x03"
_MARKS = (_VOICE, _NAME, _TURN)
_SPACE_IN_NAME = "\x04"

_INVISIBLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b\u200e\u200f\u2060\ufeff]")
_VOICE_TAG = re.compile(r"<v(?:\.[^\s<>]*)?\s+([^<>]+)>|</v>", re.IGNORECASE)
_TAG = re.compile(
    r"</?(?:[cbius]|ruby|rt|lang|font|span)(?:[.\s][^<>]*)?>|<[\d:.]+>|\{\\[^{}]*\}", re.IGNORECASE
)
_CHEVRONS = re.compile(r"(?:^|(?<=\s))>>+")
_DASH = re.compile(r"^[-–—]\s*(?=[^\W\d]|[\"'“‘¿¡])")
_SPEAKER = re.compile(rf"^((?:{_TURN}\s*)?)([^\W\d_][\w.'’-]*(?: [\w.'’-]+){{0,3}}):\s+(?=\S)")
_SMALL_WORDS = {"de", "la", "van", "von", "der", "of", "the", "bin", "al"}
_SOUND = re.compile(
    r"\[[^\[\]]*\b(?:music|applau\w+|laugh\w*|chuckl\w*|cheer\w*|sing\w*|nois\w+|sounds?|silence"
    r"|cough\w*|sighs?|crosstalk|inaudible|indistinct)\b[^\[\]]*\]",
    re.IGNORECASE,
)
_SOUNDS = re.compile(r"(?:\s*(?:\[[^\[\]]*\]|[♪♫][^♪♫]*[♪♫]?))+\s*")


@dataclass(frozen=True)
class Shown:
    """A caption as it is shown, with markup; times in seconds."""

    start: float
    end: float
    lines: Sequence[str]


def spoken(captions: Sequence[Shown]) -> list[Cue]:
    """What is said in captions: no markup, no sound descriptions, nothing twice.

    A voice tag names the speaker for its caption; ``NAME:`` at the beginning of a line does until
    the next name or turn, if the file does that regularly; ``>>`` and a leading dash begin a turn
    of somebody unnamed.
    """
    marked = [[_marked(line) for line in caption.lines] for caption in captions]
    names = _habitual_names(line for lines in marked for line in lines)
    words = [[_named(line, names).split() for line in lines] for lines in marked]
    return list(_cues(captions, _without_rolling(words)))


def _marked(line: str) -> str:
    line = _INVISIBLE.sub("", line)
    line = _TAG.sub("", _VOICE_TAG.sub(lambda tag: _mark(_VOICE, tag[1] or ""), line))
    line = _SOUND.sub(" ", html.unescape(line)).strip()
    return _DASH.sub(f"{_TURN} ", _CHEVRONS.sub(f" {_TURN} ", line)).strip()


def _mark(kind: str, name: str) -> str:
    name = " ".join(html.unescape(_INVISIBLE.sub("", name)).split())[:80]
    return f" {kind}{name.replace(' ', _SPACE_IN_NAME)} "


def _habitual_names(lines: Iterable[str]) -> set[str]:
    """The ``NAME:`` prefixes that are speakers and not just a word before a colon.

    A name must come back, and there must be at least three such lines; where all of those are in
    capitals, another one in capitals need not come back.
    """
    seen = Counter(match[2] for line in lines if (match := _SPEAKER.match(line)))
    named = {name: count for name, count in seen.items() if _is_name(name)}
    often = {name for name, count in named.items() if count > 1}
    if sum(named[name] for name in often) < 3:
        return set()
    if all(name.isupper() for name in often):
        return {name for name in named if name.isupper()}
    return often


def _is_name(text: str) -> bool:
    words = text.split()
    return all(w[0].isupper() or w[0].isdigit() or w in _SMALL_WORDS for w in words)


def _named(line: str, names: set[str]) -> str:
    match = _SPEAKER.match(line)
    if not match or match[2] not in names:
        return line
    return _mark(_NAME, match[2]) + line[match.end() :]


def _without_rolling(captions: list[list[list[str]]]) -> list[list[str]]:
    """The words of each caption, without what roll-up captions show again.

    Captions count as rolling only if at least 40 % of them begin with the end of the one before,
    since people say "Yes." twice.
    """
    whole = [[word for line in lines for word in line] for lines in captions]
    repeats = [0] * len(whole)
    for number in range(1, len(whole)):
        repeats[number] = _repeated(whole[number - 1], captions[number])
    if len(whole) < 5 or sum(map(bool, repeats)) < 0.4 * len(whole):
        return whole
    return [words[repeated:] for words, repeated in zip(whole, repeats, strict=True)]


def _repeated(before: list[str], lines: list[list[str]]) -> int:
    """How many words at the beginning of a caption are the end of the caption before.

    Whole lines of it, or the whole caption before as its beginning: anything else is chance.
    """
    words = [word for line in lines for word in line]
    ends = {len(before), *accumulate(len(line) for line in lines)}
    for count in sorted(ends, reverse=True):
        if 0 < count <= min(len(before), len(words)) and before[-count:] == words[:count]:
            return count
    return 0


def _cues(captions: Sequence[Shown], words: list[list[str]]) -> Iterator[Cue]:
    """Take the words apart at the marks."""
    name: str | None = None
    new_turn = False
    for caption, said in zip(captions, words, strict=True):
        voice: str | None = None
        pieces: list[Cue] = []
        for mark, text in _runs(said):
            who = mark[1:].replace(_SPACE_IN_NAME, " ") or None
            if mark.startswith(_VOICE):
                voice = who
            elif mark:
                name, new_turn = who, True
            if text and not _SOUNDS.fullmatch(" ".join(text)):
                pieces.append(Cue(0, 0, " ".join(text), voice or name, new_turn))
                new_turn = False
        yield from _timed(pieces, caption)


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


def _timed(pieces: list[Cue], caption: Shown) -> Iterator[Cue]:
    """Give each piece its share of the caption's time, by its length."""
    total, done = sum(len(piece.text) for piece in pieces), 0
    length = max(0.0, caption.end - caption.start)
    for piece in pieces:
        start = caption.start + length * done / total
        done += len(piece.text)
        end = caption.start + length * done / total
        yield replace(piece, start=start, end=caption.end if done == total else end)
