"""Sentences as words: tokens, stems, and the small word lists the comparison rests on."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LONGEST = 1000
"""Characters of a passage that are read; nobody says more in one breath."""

_CONTRACTED = {
    "cannot": ("can", "not"),
    "can't": ("can", "not"),
    "cant": ("can", "not"),
    "won't": ("will", "not"),
    "wont": ("will", "not"),
} | {
    f"{verb}{end}": (verb, "not")
    for verb in (
        *("do", "does", "did", "is", "are", "was", "were", "has", "have", "had"),
        *("could", "would", "should", "must", "need"),
    )
    for end in ("n't", "nt")
}

_TOKEN = re.compile(
    r"""
      \d+(?:\.\d+)?(?:[:/]\d+)+                                # a time, a fraction: left alone
    | \d+[^\W\d_]\w*                                           # 21st, 90s, 50k: left alone
    | (?<![\w.])-?\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d,])
    | (?<![\w.])-?\d+(?:\.\d+)?
    | \d+
    | [^\W\d_]+(?:'[^\W\d_]+)*
    | [%$€£,;?()—]
    """,
    re.VERBOSE,
)
_SENTENCE_END = re.compile(r"(?<=[a-z0-9%)\"]{3}[.!?])\s+(?=[\"A-Z0-9])")
_ASIDE = re.compile(
    r"\b(?:(?:as )?i(?:'ve| have)? (?:said|told you|mentioned|explained)"
    r"(?: (?:before|earlier|already))?(?: that)?|i mean|you know|you see|in fact"
    r"|the fact is(?: that)?|of course|as a matter of fact|let me be clear|believe me"
    r"|the truth is(?: that)?)\b,?",
    re.IGNORECASE,
)


_AMERICA = re.compile(r"\bU\.\s?S\.(?:\s?A\.)?|\bUS\b(?!\s?\$)|\bUnited States(?: of America)?\b")
"""In small letters "US" would be a pronoun."""


@dataclass(frozen=True)
class Token:
    """A word, number or mark.

    Attributes:
        word: lower case.
        name: written with a capital although no sentence begins here.
    """

    word: str
    name: bool = False

    @property
    def number(self) -> float | None:
        """Its value when it is written in digits."""
        if re.fullmatch(r"-?\d[\d,]*(?:\.\d+)?", self.word) and len(self.word) <= 20:
            return float(self.word.replace(",", ""))
        return None

    @property
    def is_word(self) -> bool:
        """Whether it is made of letters."""
        return self.word[0].isalpha()


def sentences(text: str) -> list[str]:
    """The sentences of a passage; where it is not sure that one ends, it does not."""
    return _SENTENCE_END.split(" ".join(text[:_LONGEST].split()))


def tokens(sentence: str) -> list[Token]:
    """The tokens of one sentence, contractions resolved, asides left out."""
    plain = sentence.replace("’", "'").replace("−", "-")
    plain = _ASIDE.sub(" ", plain)
    if not plain.isupper():
        plain = _AMERICA.sub("USA", plain)
    plain = re.sub(r"\bUS\s?(?=\$)", "", plain)
    plain = re.sub(r"(?<=\d)\s?[-–]\s?(?=\d)", " to ", plain)
    plain = re.sub(r"(?<=\w)-(?=\w)", " ", plain)
    plain = re.sub(r"(?<=\d)(?=(?:bn|km|kg|cm|mm)\b)", " ", plain)
    found: list[Token] = []
    for match in _TOKEN.finditer(plain):
        raw = match.group()
        word = raw.lower()
        if word in _CONTRACTED:
            found += [Token(part) for part in _CONTRACTED[word]]
            continue
        if word.endswith("n't"):
            found += [Token(word[:-3]), Token("not")]
            continue
        stem, _, ending = word.partition("'")
        if not stem:
            continue
        found.append(Token(stem, name=raw[0].isupper() and bool(found)))
        if ending in ("ll", "d"):
            found.append(Token("will" if ending == "ll" else "would"))
    return found


_IRREGULAR = {
    past: present
    for present, pasts in {
        "begin": "began begun",
        "bring": "brought",
        "build": "built",
        "buy": "bought",
        "come": "came",
        "get": "got",
        "give": "gave given",
        "go": "went gone",
        "hold": "held",
        "keep": "kept",
        "leave": "left",
        "make": "made",
        "pay": "paid",
        "receive": "received",
        "sell": "sold",
        "send": "sent",
        "spend": "spent",
        "take": "took taken",
        "write": "wrote written",
        "speak": "spoke spoken",
    }.items()
    for past in pasts.split()
}
_PAST = {
    "spread",
    "was",
    "were",
    "did",
    "had",
    "rose",
    "fell",
    "grew",
    "shrank",
    "sank",
    "won",
    "lost",
}


def is_past(word: str) -> bool:
    """Whether a word looks like a past tense or participle."""
    return (
        word in _PAST
        or word in _IRREGULAR
        or (len(word) > 4 and word.endswith("ed") and not word.endswith("eed"))
    )


_BRITISH = (
    (re.compile(r"(?<=.{4})is(?=(?:e|es|ed|ing|er|ers|ation|ations)$)"), "iz"),
    (re.compile(r"(?<=.l|al)ys(?=(?:e|es|ed|ing|er|ers)$)"), "yz"),
    (
        re.compile(r"^(col|fav|lab|hon|neighb|behavi|harb|hum|rum|arm|vap|flav|end|sav)our"),
        r"\1or",
    ),
    (re.compile(r"^(cent|theat|fib|lit|met|kilomet|centimet|millimet|calib)re(?=s?$)"), r"\1er"),
    (re.compile(r"^(travel|cancel|label|model|fuel|signal|counsel|total)l(?=ed|ing|er)"), r"\1"),
    (re.compile(r"^(def|off|lic|pret)ence(?=s?$)"), r"\1ense"),
    (re.compile(r"^programme(?=s?$)"), "program"),
    (re.compile(r"^grey"), "gray"),
)


def american(word: str) -> str:
    """A word in American spelling; a few others change too, each always in the same way."""
    for pattern, spelling in _BRITISH:
        word = pattern.sub(spelling, word)
    return word


def stem(word: str) -> str:
    """A word without its inflection, in American spelling.

    Only inflection, after Harman's S stemmer (1991) with -ed and -ing: stemmers that also cut
    derivations make one word of "nation" and "national".
    """
    word = american(_IRREGULAR.get(word, word))
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            word = word[: -len(ending)]
            if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            return word.removesuffix("e")
    if len(word) > 3 and word.endswith("s") and word[-2] not in "su":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _signed(up: str, down: str) -> dict[str, tuple[str, int]]:
    name = up.split()[0]
    return dict.fromkeys(up.split(), (name, 1)) | dict.fromkeys(down.split(), (name, -1))


POLES: dict[str, tuple[str, int]] = {
    **_signed(
        "rise rises rose risen rising increase increases increased increasing grow grows grew"
        " grown growing climb climbs climbed climbing soar soared surge surged",
        "fall falls fell fallen falling decrease decreases decreased decreasing decline declines"
        " declined declining drop drops dropped dropping shrink shrinks shrank shrunk shrinking"
        " plunge plunged sink sank sunk",
    ),
    **_signed("more", "less fewer"),
    **_signed("higher", "lower"),
    **_signed("larger bigger greater", "smaller"),
    **_signed("better", "worse"),
    **_signed("faster", "slower"),
    **_signed("older", "younger"),
    **_signed("safe", "unsafe dangerous"),
    **_signed("legal", "illegal"),
    **_signed("possible", "impossible"),
    **_signed("true", "false untrue"),
    **_signed("guilty", "innocent"),
    **_signed("win wins won", "lose loses lost"),
    **_signed("accept accepted accepts", "reject rejected rejects"),
}
"""Words that stand on two sides of one thing: word to (the thing, its side)."""

CHANGE = "rise"

IGNORED = _set(
    "a an the is are was were be been being am do does did has have had of in on at for with as"
    " into during within that there and but so because since well actually really basically"
    " literally indeed obviously clearly certainly definitely anyway also however moreover yes"
    " yeah yep okay ok look listen remember again very quite uh um er ah oh mm hmm mhm right"
)
"""Words that do not change what a sentence is about."""

LIGHT = _set("to by from than per you would will can must or who which over under")
"""Words that must agree but do not show what a sentence is about."""

UNRESOLVED = _set(
    "he she it they him her them his hers its their theirs this these those i we me us my our"
    " mine ours here another other others same such"
)
"""Words that point to something outside their sentence."""

DEICTIC = _set("today yesterday tomorrow tonight now currently nowadays recently last next ago")
"""Words whose meaning depends on the day they were said."""

NOT_ASSERTED = _set(
    "if unless whether suppose supposing supposed imagine assume assuming pretend hypothetically"
    " maybe perhaps might may could should ought possibly probably allegedly supposedly reportedly"
    " apparently wish hope hoping bet guess expect expected predict predicted wonder doubt say says"
    " said saying claim claims claimed claiming argue argues argued believe believes believed"
    " think thinks thought suggest suggests suggested allege alleges according hear heard tell"
    " tells told insist insists report reports reported story novel joke movie dream used"
    " target goal aim plan planned promise promised estimate estimates"
)
"""Words of sentences that suppose, wish, foresee or report rather than assert."""

RESTRICTING = _set(
    "some few half part partly mostly sometimes former formerly ex fake almost nearly yet fictional"
    " attempted attempt only exclusively among against co self non semi anti"
)
"""Words that may make of a statement about all a statement about some, or about nobody."""

_OPPOSITE = [
    pair.split()
    for pair in (
        "highest lowest",
        "largest smallest",
        "biggest smallest",
        "longest shortest",
        "oldest youngest",
        "fastest slowest",
        "strongest weakest",
        "richest poorest",
        "best worst",
        "first last",
        "positive negative",
        "favorable unfavorable",
        "majority minority",
        "maximum minimum",
        "north south",
        "east west",
        "northern southern",
        "eastern western",
        "male female",
        "men women",
        "alive dead",
        "successful unsuccessful",
        "success failure",
        "import export",
        "imports exports",
        "domestic foreign",
        "urban rural",
        "public private",
        "winner loser",
        "mother father",
        "son daughter",
        "brother sister",
        "husband wife",
        "summer winter",
        "allowed banned",
        "allowed prohibited",
        "supports opposes",
        "supported opposed",
        "voluntary mandatory",
        "temporary permanent",
    )
]
OPPOSITES: dict[str, frozenset[str]] = {
    stem(word): frozenset(
        stem(other) for pair in _OPPOSITE if word in pair for other in pair if other != word
    )
    | frozenset(
        stem(other)
        for other, (name, side) in POLES.items()
        if word in POLES and (name, -side) == POLES[word]
    )
    for word in {*POLES, *(word for pair in _OPPOSITE for word in pair)}
}
"""Stems of words, and of those that cannot be said of the same at once."""

SAME = {
    stem(word): stem(pair.split()[0])
    for pair in (
        "film movie movies films",
        "worldwide globally",
        "start begin began begun started commenced",
        "gross grossed earned earn earns",
        "named called titled entitled",
        "buy purchase purchased bought",
        "child children kid kids",
        "show series",
        "situated located",
        "people persons",
        "nation country",
        "nations countries",
    )
    for word in pair.split()
}
"""Stems of words that say the same, each with the one that stands for all."""

ATTRIBUTED = _set("according report reports reported story novel movie used")
"""Words of sentences that name where something is from, and assert it nevertheless."""

UNIQUE = _set("earth sun moon world universe internet sky")
"""What "the" tells apart by itself."""

OWN = _set("its their his her other same such")
"""Words that point within their sentence as often as outside it."""

PRESENT = _set("now currently today")

DIRECTIONS = _set(
    "from to against before after under over into without above below between through"
)
"""Small words without which a sentence may say the reverse."""

RANKS = _set("second third fourth fifth sixth seventh eighth ninth tenth")

RELATIONS = _set("before after by since until from")
"""Words before a date that make of it one side of it."""

DENYING = _set(
    "not never no without neither nor none nobody hardly barely scarcely except unlike instead"
    " deny denies denied refuse refused reject rejected fail failed myth false untrue"
)
"""Words that deny, or cast doubt on, what stands near them."""

ASKING = _set(
    "what who whom whose which when where why how is are was were do does did can could will"
    " would should has have had am"
)
"""First words of questions; automatic captions have no question mark."""

OPENERS = _set("and but so well yes yeah yep no okay ok look listen then now because since , ;")
"""Words that may stand before the first word of a sentence proper."""

FINITE = _set(
    "is are was were has have had do does did will would can must cost costs make makes made take"
    " takes took need needs needed spend spends spent pay pays paid earn earns earned kill kills"
    " killed die died receive receives received contain contains live lives lived"
) | {word for word, (name, _) in POLES.items() if name == CHANGE}
"""Verbs that show that the words before a comma are a whole sentence."""

PREPOSITIONS = _set(
    "in on at by during after before since from between under among for with without of to until"
    " within across over through back"
)
MONTH_NUMBERS = {
    month: number
    for number, month in enumerate(
        (
            *("january", "february", "march", "april", "may", "june"),
            *("july", "august", "september", "october", "november", "december"),
        ),
        start=1,
    )
}
MONTHS = frozenset(MONTH_NUMBERS)
ONCE = frozenset(
    stem(word)
    for word in _set(
        "born died founded established invented discovered began ended abolished assassinated"
        " completed built signed independence first"
    )
)
"""What happens once to one thing, so that two years for it cannot both be right."""

MURKY_AFTER_NOT = _set(
    "only just merely simply necessarily until all every always even sure yet really that so very"
    " because enough exactly quite entirely"
)
MURKY_AFTER_NO = _set("doubt question wonder matter longer more less fewer one way idea end , ;")
