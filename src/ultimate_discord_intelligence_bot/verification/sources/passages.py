"""Texts of strangers as passages: HTML to paragraphs, to sentences, to those that fit best."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from html.parser import HTMLParser
from urllib.parse import urlsplit

from ..words import IGNORED, LIGHT, UNRESOLVED, stem
from .source import Passage, Query


def words(text: str) -> dict[str, int]:
    """Words and their places in a list that is written as one line."""
    return {word: place for place, word in enumerate(text.split())}


LONGEST = 500
"""Characters of a sentence; a longer one is cut between words."""

_MOST_SENTENCES = 5_000
_MOST_KEYWORDS = 12

_DROPPED = words(
    "script style nav header footer aside noscript template svg math iframe object button"
    " select option figure audio video canvas dialog menu"
)
_VOID = words("area base br col embed hr img input link meta param source track wbr")
_INLINE = words(
    "a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark q ruby rt rp"
    " s samp small span strike strong sub sup time tt u var wbr img"
)
_DATES = {
    "article:published_time",
    "og:published_time",
    "datepublished",
    "date",
    "dc.date",
    "dc.date.issued",
    "dcterms.date",
    "dcterms.created",
    "citation_publication_date",
    "pubdate",
    "parsely-pub-date",
}

# Languages without spaces between words are compared character by character.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\d+(?:[.,]\d+)*|[^\W\d_]+")
_END = re.compile(
    r"(?<=[.!?…])[\"'”’»)\]]{0,3}(?P<space>\s+)(?=[\"'“‘„«(\[¿¡]{0,3}[^\W\d_a-zà-öø-ÿа-яё])|(?<=[。！？])"
)
_ABBREVIATED = re.compile(
    r"(?:^|[\s(\[\"'“])(?:[^\W\d_]|(?:[^\W\d_]\.)+[^\W\d_]|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|Lt|Col|Gen|Sen"
    r"|Rep|Gov|Capt|Rev|Hon|vs|ca|cf|al|etc|approx|bzw|usw|Jan|Feb|Mar|Apr|Jun"
    r"|Jul|Aug|Sept?|Oct|Nov|Dec)\.$"
)
_DATE = re.compile(r"\s*(\d{4})[-/](\d{2})[-/](\d{2})(?!\d)")
_SPACES = re.compile(r"\s+")

_K1, _B = 1.2, 0.3  # sentences differ little in length; a short one is no better for that


@dataclass(frozen=True)
class Document:
    """A text that passages are chosen from.

    Attributes:
        paragraphs: without line breaks inside.
        published: as for a passage.
        publisher: as for a passage; by default the host of the address.
    """

    title: str
    url: str
    paragraphs: tuple[str, ...]
    published: date | None = None
    publisher: str = ""


def best_passages(documents: Sequence[Document], query: Query, limit: int) -> list[Passage]:
    """The sentences that share most words with a statement, the best first.

    A sentence that begins with a pronoun comes with the one before it. Ranked by BM25 (Robertson
    and Zaragoza 2009, k1 = 1.2, b = 0.3) among all sentences of the documents, with words cut
    to their stems; sentences without a word of the statement are left out. Blocks.
    """
    texts = [(text, document) for document in documents for text in _texts(document)]
    texts = texts[:_MOST_SENTENCES]
    counts = [Counter(_stems(text)) for text, _ in texts]
    scores = _scores(counts, set(_content(query.text)) | set(_content(" ".join(query.subjects))))
    order = sorted(range(len(texts)), key=lambda row: (-scores[row], row))
    found: list[Passage] = []
    for row in order:
        text, document = texts[row]
        if scores[row] <= 0 or len(found) == limit:
            break
        if not any(text in passage.text for passage in found):
            found.append(_passage(text, document))
    return found


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order, nothing lost but white space, none above ``LONGEST``."""
    text = _SPACES.sub(" ", text).strip()
    found, start = [], 0
    for match in _END.finditer(text):
        end = match.start("space") if match["space"] else match.end()
        dot = match.start()
        if match["space"] and _ABBREVIATED.search(text, max(start, dot - 12), dot):
            continue
        if text[start:end].strip():
            found.append(text[start:end].strip())
        start = end
    if text[start:].strip():
        found.append(text[start:].strip())
    return [piece for sentence in found for piece in _cut(sentence)]


def keywords(query: Query) -> str:
    """The words of a statement that a search engine should look for.

    Numbers are left out: of a false statement they are what no true page contains.
    """
    said = [word for word in _WORD.findall(query.text) if not word[0].isdigit()]
    kept = [word for word in said if word.casefold() not in _COMMON and len(word) > 1]
    return " ".join(list(dict.fromkeys(kept or said))[:_MOST_KEYWORDS])


def read_html(text: str, url: str) -> Document:
    """The text of a page, without what frames it, its title and date. Blocks.

    Damaged HTML gives what can be read of it, in linear time.
    """
    page = _Page()
    # All at once and without close(): so the standard parser is linear on any input.
    page.feed(text)
    return Document(
        title=_plain(page.heading or page.title) or _host(url),
        url=url,
        paragraphs=tuple(page.paragraphs()),
        published=page.published,
    )


def read_plain(text: str, url: str, title: str = "") -> Document:
    """A plain text: paragraphs stand between empty lines."""
    paragraphs = (_plain(part) for part in re.split(r"\n[^\S\n]*\n", text))
    return Document(title or _host(url), url, tuple(filter(None, paragraphs)))


def without_tags(text: str) -> str:
    """The text of a snippet of HTML, on one line."""
    if "<" not in text and "&" not in text:
        return _plain(text)
    page = _Page()
    page.feed(text + "<p>")
    return " ".join(page.paragraphs())


def day(text: str | None) -> date | None:
    """The day that a date or time in ISO 8601 begins with, or None."""
    match = _DATE.match(text or "")
    if match is None:
        return None
    try:
        return date(*map(int, match.groups()))
    except ValueError:
        return None


# -- ranking ----------------------------------------------------------------------------------

_COMMON = IGNORED | LIGHT | UNRESOLVED
_POINTING = words(
    "he she it they this that these those his her hers its their theirs him them such er sie es"
    " diese dieser dieses il elle ils elles ce cette ces él ella ellos ellas este esta"
)


def _content(text: str) -> Iterator[str]:
    return (stem(word) for word in map(str.casefold, _WORD.findall(text)) if word not in _COMMON)


def _stems(text: str) -> list[str]:
    return [stem(word) for word in map(str.casefold, _WORD.findall(text))]


def _scores(documents: Sequence[Counter[str]], wanted: Iterable[str]) -> list[float]:
    lengths = [words.total() for words in documents]
    mean = sum(lengths) / max(len(lengths), 1) or 1.0
    scores = [0.0] * len(documents)
    for word in wanted:
        rows = [row for row, words in enumerate(documents) if word in words]
        weight = math.log(1 + (len(documents) - len(rows) + 0.5) / (len(rows) + 0.5))
        for row in rows:
            count = documents[row][word]
            scores[row] += (
                weight * count * (_K1 + 1) / (count + _K1 * (1 - _B + _B * lengths[row] / mean))
            )
    return scores


def _texts(document: Document) -> Iterator[str]:
    for paragraph in document.paragraphs:
        before = ""
        for sentence in sentences(paragraph):
            first = _WORD.search(sentence)
            points = first is not None and first[0].casefold() in _POINTING
            yield f"{before} {sentence}" if points and before else sentence
            before = sentence


def _passage(text: str, document: Document) -> Passage:
    return Passage(
        text=text,
        title=document.title,
        url=document.url,
        published=document.published,
        publisher=document.publisher or _host(document.url),
    )


def _cut(sentence: str) -> Iterator[str]:
    while len(sentence) > LONGEST:
        end = sentence.rfind(" ", 1, LONGEST + 1)
        end = end if end > 0 else LONGEST
        yield sentence[:end]
        sentence = sentence[end:].lstrip()
    if sentence:
        yield sentence


# -- HTML -------------------------------------------------------------------------------------


class _Page(HTMLParser):
    """Collects the text between tags, with a line break wherever a block begins or ends."""

    def __init__(self) -> None:
        super().__init__()
        self.title = self.heading = ""
        self.published: date | None = None
        self._pieces: list[str] = []
        self._dropping = ""
        self._depth = 0
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "meta":
            self._meta({name: value or "" for name, value in attrs})
        if self._dropping:
            self._depth += tag == self._dropping
        elif tag in _DROPPED and tag not in _VOID:
            self._dropping, self._depth = tag, 1
        elif tag == "title" or (tag == "h1" and not self.heading):
            self._inside = tag
        if tag not in _INLINE:
            self._pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._dropping:
            self._depth -= 1
            if not self._depth:
                self._dropping = ""
        elif tag == self._inside:
            self._inside = ""
        if tag not in _INLINE:
            self._pieces.append("\n")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_data(self, data: str) -> None:
        if self._dropping:
            return
        if self._inside == "title":
            self.title = (self.title + data)[:300]
            return
        if self._inside == "h1":
            self.heading = (self.heading + data)[:300]
        self._pieces.append(data.replace("\n", " "))

    def paragraphs(self) -> Iterator[str]:
        """The lines that hold words."""
        lines = (_plain(line) for line in "".join(self._pieces).split("\n"))
        return (line for line in lines if line)

    def _meta(self, attributes: dict[str, str]) -> None:
        name = (attributes.get("property") or attributes.get("name") or "").lower()
        name = name or attributes.get("itemprop", "").lower()
        if self.published is None and name in _DATES:
            self.published = day(attributes.get("content"))
        elif name == "og:title" and not self.heading:
            self.heading = attributes.get("content", "")[:300]


def _plain(text: str) -> str:
    return _SPACES.sub(" ", text).strip()


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""
