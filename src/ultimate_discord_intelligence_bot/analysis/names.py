"""Names in speech: where they stand, by their spelling and by how the recording uses the words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .words import FUNCTION_WORDS, VAGUE_WORDS

_READ = 2_000
_LONGEST = 7  # words of a name
_SHOUTED = 0.6
"""Share of capitalised words from which capitals say nothing."""

TITLES = frozenset(
    """
    mr mrs ms miss dr doctor prof professor sir dame lord lady president vice senator
    congressman congresswoman congressmember representative governor mayor minister chancellor
    secretary ambassador judge justice general colonel major captain sergeant lieutenant admiral
    king queen prince princess pope cardinal bishop father sister brother uncle aunt coach
    chairman chairwoman chair commissioner councillor deputy premier speaker emperor sheikh imam
    rabbi
    """.split()  # noqa: SIM905
)
"""Words before the name of a person; they are not part of it."""

_JOINERS = frozenset({"of", "de", "von", "van", "der", "del", "la", "du", "bin", "ibn", "al"})
_NEVER = frozenset(
    """
    i i'm i'll i've i'd ok okay oh yeah yes no tv dvd cd pm am ad bc usb
    monday tuesday wednesday thursday friday saturday sunday january february march april may june
    july august september october november december christmas easter god internet
    """.split()  # noqa: SIM905
)
_WORD = re.compile(r"[^\W\d_](?:[\w&]|(?<=\w)[.'’-](?=\w))*(?:(?<=\b[A-Z])\.)?|\d[\d.,]*")
_END = re.compile(r"[.!?…:;]|[-–—]\s|[\"“”()\[\]]|>>")


@dataclass(frozen=True)
class Name:
    """A name as it was said.

    Attributes:
        text: verbatim, without titles before it.
        title: the title before it, in lower case, or "".
        before: the word before it, in lower case, or "".
        quoted: whether it stands in quotation marks.
    """

    text: str
    title: str = ""
    before: str = ""
    quoted: bool = False


@dataclass(frozen=True)
class _Word:
    text: str
    begin: int
    end: int
    opens: bool  # whether a sentence begins here

    @property
    def capital(self) -> bool:
        return self.text[0].isupper()


def find_names(texts: Sequence[str]) -> list[tuple[Name, ...]]:
    """The names in each text of one recording, in order.

    A name is a row of capitalised words. A capitalised word that opens a sentence belongs to it
    only when the recording writes it with a capital elsewhere, or more of the name follows and
    nobody writes it in lower case. Where nearly all words have capitals, or none, capitals tell
    nothing and no names are found.

    Args:
        texts: segments in order; of each the first 2,000 characters are read.
    """
    read = [_words(text[:_READ]) for text in texts]
    inner = [word for words in read for word in words if not word.opens and word.text[0].isalpha()]
    capitals = sum(word.capital for word in inner)
    if not capitals or capitals > _SHOUTED * len(inner):
        return [() for _ in texts]
    upper = Counter(word.text for word in inner if word.capital)
    lower = Counter(word.text for words in read for word in words if not word.capital)
    return [
        tuple(_names(text, words, upper, lower)) for text, words in zip(texts, read, strict=True)
    ]


def _words(text: str) -> list[_Word]:
    found: list[_Word] = []
    last = 0
    for match in _WORD.finditer(text):
        opens = not found or _END.search(text, last, match.start()) is not None
        # The full stop of "Mr." ends no sentence.
        opens = opens and not (found and found[-1].text.lower().rstrip(".") in TITLES)
        token = re.sub(r"['’]s?$", "", match[0])
        if token:
            found.append(_Word(token, match.start(), match.start() + len(token), opens))
        last = match.end()
    return found


def _names(
    text: str, words: Sequence[_Word], upper: Counter[str], lower: Counter[str]
) -> Iterable[Name]:
    place = 0
    while place < len(words):
        end = _row(text, words, place)
        if end == place:
            place += 1
            continue
        first = place
        while first < end and _is_no_part(words, first, end, upper, lower):
            first += 1
        title = ""
        while first < end and words[first].text.lower().rstrip(".") in TITLES:
            title, first = words[first].text.lower().rstrip("."), first + 1
        if first < end and _is_name(words[first:end]):
            before = words[first - 1].text.lower() if first else ""
            quoted = text[max(0, words[first].begin - 1) : words[first].begin] in ('"', "“")
            said = text[words[first].begin : words[end - 1].end]
            yield Name(said, title, before, quoted)
        place = end


def _row(text: str, words: Sequence[_Word], place: int) -> int:
    """The index after the capitalised words that begin at a place."""
    end = place
    while end < len(words) and end - place < _LONGEST:
        word = words[end]
        if end > place and (word.opens or not _adjacent(text, words[end - 1], word)):
            break
        if word.capital:
            end += 1
            continue
        after = words[end + 1] if end + 1 < len(words) else None
        joins = word.text in _JOINERS and end > place and after is not None and after.capital
        if not joins or not _adjacent(text, word, words[end + 1]) or words[end + 1].opens:
            break
        end += 2
    return end


def _adjacent(text: str, one: _Word, other: _Word) -> bool:
    """Whether only white space lies between two words."""
    return not text[one.end : other.begin].strip(" .&") and other.begin - one.end < 4


def _is_no_part(
    words: Sequence[_Word], place: int, end: int, upper: Counter[str], lower: Counter[str]
) -> bool:
    """Whether a word at the beginning of a row only looks like part of a name."""
    word = words[place].text
    low = word.lower()
    if _says_nothing(word):
        return True
    if not words[place].opens:
        return False
    if lower[low]:
        return True
    return not upper[word] and (end - place == 1 or low in VAGUE_WORDS)


def _is_name(words: Sequence[_Word]) -> bool:
    if len(words) > 1:
        return True
    word = words[0].text.rstrip(".")
    return len(word) > 1 and not _says_nothing(word)


def _says_nothing(word: str) -> bool:
    """Whether it is "I", "The", "Monday" and the like; but "US" is no "us"."""
    low = word.lower()
    return low in _NEVER or (low in FUNCTION_WORDS and not (word.isupper() and len(word) > 1))
