"""HTML into paragraphs."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from ..errors import DocumentRefused
from ..models.knowledge import Place
from .paragraphs import Paragraph, label, plain


def _set(names: str) -> frozenset[str]:
    return frozenset(names.split())


_VOID = _set("area base br col embed hr img input link meta param source track wbr")
_DROPPED = _set(
    "script style nav noscript template svg math iframe object canvas audio video button select"
    " textarea form dialog"
)
_BLOCKS = _set(
    "address article aside blockquote body caption center dd details div dl dt fieldset figcaption"
    " figure footer h1 h2 h3 h4 h5 h6 header hgroup hr li main ol p pre section summary table tbody"
    " tfoot thead tr ul"
)
_MAY_STAY_OPEN = _set("p li dt dd tr td th tbody thead tfoot option")
_HEADINGS = frozenset(f"h{rank}" for rank in range(1, 7))
_TITLES = ("og:title", "dc.title", "citation_title")
_DATES = (
    "article:published_time",
    "datepublished",
    "citation_publication_date",
    "dc.date",
    "dcterms.created",
    "date",
    "pubdate",
    "article:modified_time",
)
_LONGEST_TITLE = 1000
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_-]{1,40})""", re.I)
_KNOWN = re.compile(
    r"utf-?8|us-ascii|ascii|iso-?8859-\d{1,2}|latin-?1|windows-\d{3,4}|koi8-[ru]|macintosh"
    r"|shift[_-]jis|euc-(?:jp|kr)|gb(?:k|2312|18030)|big5",
    re.I,
)
_AS_BROWSERS_DO = re.compile("us-ascii|ascii|iso-?8859-1|latin-?1", re.I)


def declared_encoding(data: bytes) -> str | None:
    """The encoding that a page says it has, where it is one that pages are written in."""
    match = _CHARSET.search(data, 0, 4096)
    name = match[1].decode("ascii") if match else ""
    if not _KNOWN.fullmatch(name):
        return None
    return "windows-1252" if _AS_BROWSERS_DO.fullmatch(name) else name


def read_html(text: str, most: int) -> tuple[str | None, str | None, list[Paragraph]]:
    """Title, date as written, and what a reader of the page would see as its text.

    Args:
        text: the whole page.
        most: characters of text at which it is too much.

    Raises:
        DocumentRefused: more text than that.
    """
    page = _Page(most)
    page.feed(text)
    page.close()
    page.flush()
    metas = page.metas
    title = next((metas[name] for name in _TITLES if metas.get(name)), None) or page.title
    date = next((metas[name] for name in _DATES if metas.get(name)), None)
    return title, date, page.paragraphs


class _Page(HTMLParser):
    """Collects paragraphs. ``_dropped`` is the element that is being left out, and its depth."""

    def __init__(self, most: int) -> None:
        super().__init__(convert_charrefs=True)
        self.metas: dict[str, str] = {}
        self.title = ""
        self.paragraphs: list[Paragraph] = []
        self._left = most
        self._parts: list[str] = []
        self._begun = False
        self._heading: str | None = None
        self._dropped: tuple[str, int] | None = None
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._dropped:
            if tag == self._dropped[0]:
                self._dropped = tag, self._dropped[1] + 1
        elif tag in _DROPPED or (_hidden(attrs) and tag not in _VOID | _MAY_STAY_OPEN):
            self._dropped = tag, 1
        elif tag == "meta":
            self._note(dict(attrs))
        elif tag == "title":
            self._in_title = not self.title
        elif tag == "br":
            self._parts.append("\n")
        elif tag in ("td", "th"):
            self._parts += [" | "] * self._begun
        elif tag in _BLOCKS:
            self.flush()

    def handle_endtag(self, tag: str) -> None:
        if self._dropped:
            if tag == self._dropped[0]:
                depth = self._dropped[1] - 1
                self._dropped = (tag, depth) if depth else None
        elif tag == "title":
            self._in_title = False
        elif tag in _BLOCKS:
            self.flush(heading=tag in _HEADINGS)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # In HTML only void elements close themselves; in the others the slash means nothing.
        self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        if self._dropped:
            return
        if self._in_title:
            self.title += data[: _LONGEST_TITLE - len(self.title)]
            return
        self._left -= len(data)
        if self._left < 0:
            raise DocumentRefused("It has more text than can be taken in.", "Split it into parts.")
        self._parts.append(data.replace("\n", " "))
        self._begun = self._begun or not data.isspace()

    def flush(self, heading: bool = False) -> None:
        """End the paragraph; two line breaks in a row end one, too."""
        text = "".join(self._parts)
        self._parts, self._begun = [], False
        for part in re.split(r"\n\s*\n", text):
            words = plain(part)
            if heading:
                self._heading = label(words) or self._heading
            elif words:
                self.paragraphs.append(Paragraph(words, Place(heading=self._heading)))

    def _note(self, attributes: dict[str, str | None]) -> None:
        name = attributes.get("property") or attributes.get("name") or attributes.get("itemprop")
        if name and attributes.get("content"):
            self.metas.setdefault(name.lower(), str(attributes["content"])[:1000])


def _hidden(attributes: list[tuple[str, str | None]]) -> bool:
    return any(name == "hidden" for name, _ in attributes)
