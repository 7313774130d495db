"""Numbers, dates and amounts, as they are said."""

from __future__ import annotations

import re
from typing import Literal, get_args

from ..models.analysis import Quantity

_READ = 2_000
"""Characters of a text that are read."""

_DIGITS = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_ONES = (
    r"(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen"
    r"|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty"
    r"|ninety)"
)
_SCALE = r"(?:hundred|thousand|million|billion|trillion|dozen)s?"
_SPOKEN = (
    rf"(?:(?:an?\s+|half\s+an?\s+)(?={_SCALE}\b)|{_ONES}(?=[\s-]|\b))"
    rf"(?:[\s-]?(?:and\s+)?(?:{_ONES}|{_SCALE}|point|and\s+a\s+half)\b){{0,9}}"
)
_NUMBER = rf"(?:(?:{_DIGITS})(?:[\s-](?:{_SCALE}|and\s+a\s+half)|\s?(?:bn|k|m)\b)?|{_SPOKEN})"
_PART = r"(?:(?:an?|one|two|three|four|five|seven|nine)\s+(?:half|third|quarter|fifth|tenth)s?)"
_MONTH = (
    r"(?-i:January|February|March|April|May|June|July|August|September|October|November|December)"
)
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_YEAR = r"(?:1[5-9]|20)\d\d"
_CENTURY = r"(?:sixteen|seventeen|eighteen|nineteen|twenty)"
_SPOKEN_YEAR = rf"{_CENTURY}[\s-](?:oh[\s-])?(?:{_ONES}(?:[\s-]{_ONES})?)"
_CURRENCY = r"(?:dollars?|euros?|pounds?|cents?|yen|yuan|francs?|marks?|rubles?|rupees?|bucks)"
_TIME = r"(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?|decades?|centur(?:y|ies))"
_UNIT = (
    r"(?:(?:kilo|centi|milli)?met(?:er|re)s?|km|cm|mm|miles?|feet|foot|inch(?:es)?|yards?"
    r"|(?:kilo|milli)?grams?|kg|kilos?|ton(?:ne)?s?|lit(?:er|re)s?|gallons?|acres?|hectares?"
    r"|degrees?|(?:kilo|mega|giga|tera)?watts?(?:[\s-]hours?)?|kWh|MW|GW|TWh|volts?|calories|mph)"
)

_QUANTITY = re.compile(
    rf"""
    (?<![\w.,:/])(?<!\w-)(?:
      (?P<date>
          {_MONTH}\s+{_DAY}(?:,?\s+{_YEAR})?
        | {_DAY}\s+(?:of\s+)?{_MONTH}(?:,?\s+{_YEAR})?
        | {_MONTH},?\s+(?:of\s+)?{_YEAR}
        | \d{{4}}-\d\d-\d\d
        | {_YEAR}s?(?!\s*(?:{_SCALE}|{_CURRENCY}|{_TIME}|{_UNIT}|percent|per\s+cent)\b)
        | {_SPOKEN_YEAR}(?!\s*(?:{_SCALE}|{_CURRENCY}|{_TIME}|{_UNIT}|percent|per\s+cent)\b)
      )(?![\w%])
    | (?P<money>[$€£]\s?(?:{_DIGITS})(?:[\s-]?(?:{_SCALE}|bn|k|m)\b)?|{_NUMBER}\s+{_CURRENCY}\b)
    | (?P<percent>{_NUMBER}(?:\s?%|\s+(?:percent(?:age\s+points?)?|per\s+cent)\b))
    | (?P<duration>{_NUMBER}[\s-]{_TIME}\b)
    | (?P<measure>{_NUMBER}[\s-]?{_UNIT}\b)
    | (?P<number>{_PART}\b|{_NUMBER}(?![\w%]|[.,:/]\d))
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_Kind = Literal["number", "percent", "money", "date", "duration", "measure"]
_KINDS: dict[str, _Kind] = {kind: kind for kind in get_args(_Kind)}
_TRIVIAL = re.compile(rf"(?:an?\s+)?{_ONES}(?![\s-])|[0-9]", re.IGNORECASE)
"""Alone, a small number counts nothing in particular: "one thing", "number 2"."""


def quantities_in(text: str) -> tuple[Quantity, ...]:
    """What is numbered, measured or dated in a text, in order and without overlap.

    Each is a verbatim part of the text. Of a very long text the first 2,000 characters are read.
    """
    return tuple(
        Quantity(text=match[0], kind=_KINDS[match.lastgroup or ""])
        for match in _QUANTITY.finditer(text[:_READ])
        if not (match.lastgroup == "number" and _TRIVIAL.fullmatch(match[0]))
    )
