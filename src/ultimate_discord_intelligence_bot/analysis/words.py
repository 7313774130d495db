"""What the analysts need to know about English words."""

from __future__ import annotations

import re

WORD = re.compile(r"[^\W_]+(?:['’.\-&][^\W_]+)*")
"""A word: letters and digits, joined inside by apostrophe, dot, hyphen or ampersand."""

_QUESTION = re.compile(
    r"(who|what|why|how|where|when|which|whose|do|does|did|is|are|was|were|can|could|would|will"
    r"|should|have|has|shall)\b(n['’]t)?\s+(i|you|we|he|she|it|they|the|a|that|this|is|are|was|do"
    r"|does|did|can|could|would|should|has|have|will)\b",
    re.IGNORECASE,
)
_COURTESY = re.compile(
    r"^\W*(good (morning|afternoon|evening|night)|hello|hi|hey|welcome|thank|thanks|bye|goodbye"
    r"|see you|nice to (meet|see)|pleased to|ladies and gentlemen|please (like|subscribe|welcome)"
    r"|don['’]t forget to (like|subscribe)|joining (us|me)"
    r"|(and |so |now |ok |okay )*(let['’]s|let us) (begin|start|get started|move|turn|go|talk))\b"
    r"|\b(subscribe to|thank you|thanks for|with (me|us) (today|tonight)|my name is)\b",
    re.IGNORECASE,
)


def words(text: str) -> list[str]:
    """The words of a text, as written."""
    return WORD.findall(text)


def is_question(text: str) -> bool:
    """Ends with a question mark, or is worded as a question and has no mark at all."""
    stripped = text.rstrip(" \"'’”)]")
    if stripped.endswith("?"):
        return True
    return not stripped.endswith((".", "!")) and _QUESTION.match(stripped) is not None


def is_courtesy(text: str) -> bool:
    """A greeting, thanks, a farewell, or housekeeping of a programme."""
    return _COURTESY.search(text[:200]) is not None


def subject_words(text: str) -> int:
    """How many words of a text say what it is about."""
    lowered = (word.lower().replace("’", "'") for word in words(text))
    return sum(
        len(word) > 2 and word not in FUNCTION_WORDS and word not in VAGUE_WORDS for word in lowered
    )


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTION_WORDS = _set(
    """
    a about above across actually after again against ago ah albeit all almost alone along already
    also although always am among an and another any anybody anyhow anymore anyone anything anyway
    anywhere are aren't around as aside at away back be became because become becomes been before
    began behind being below beneath beside besides between beyond both bring brought but by came
    can can't cannot certain certainly clearly come comes coming could couldn't despite did didn't
    do does doesn't doing don't done down due during each either else elsewhere enough especially
    even ever every everybody everyone everything everywhere except far few fewer finally first for
    from further gave get gets getting give given gives giving go goes going gone gonna got gotta
    gotten had hadn't happen happened happens hardly has hasn't have haven't having he he'd he'll
    he's hence her here here's hers herself him himself his how how's however i i'd i'll i'm i've
    if in indeed inside instead into is isn't it it'd it'll it's its itself just keep keeps kept
    kind knew know known knows last later least less let let's like likely look looked looking
    looks lot lots made make makes making many may maybe me mean means meant meanwhile might mine
    more most mostly much must my myself namely near nearly need needed needs neither never
    nevertheless next no nobody none nonetheless nor not nothing now nowhere obviously of off often
    oh ok okay on once one one's ones only onto or other others otherwise ought our ours ourselves
    out outside over own per perhaps possibly probably put puts quite rather really regarding
    right said same saw say saying says second see seem seemed seems seen several shall she she'd
    she'll she's should shouldn't simply since so some somebody somehow someone something sometimes
    somewhat somewhere soon still such take taken takes taking talk talked talking tell telling
    than that that'd that'll that's the their theirs them themselves then there there'd there's
    therefore these they they'd they'll they're they've thing things think thinking thinks third
    this those though thought through throughout thus to today together tomorrow tonight too took
    toward towards tried tries true try trying turn twice two uh uhm um under unless until unto up
    upon us use used uses using usually various very via wanna want wanted wants was wasn't way
    ways we we'd we'll we're we've well went were weren't what what's whatever when whenever where
    where's whereas wherever whether which whichever while who who's whoever whole whom whose why
    will with within without won't word words would wouldn't yeah yep yes yesterday yet you you'd
    you'll you're you've your yours yourself yourselves
    """
)
"""Words that carry no subject."""

VAGUE_WORDS = _set(
    """
    able absolute absolutely ahead allow allowed amount answer answers area areas argue asked ask
    asking asks aspect awesome bad based basically beautiful believe believes best better big bit
    bits bunch call called calling care case cases cause chance change changed check cheap clear
    close com common comment completely cool correct couple course crazy cut day days deal decide
    decided definitely different difficult direction doubt early easy end ended ends entire ever
    every exact exactly example expect fact facts fair fairly feel feeling feels felt fewer figure
    fill final find fine follow forget form forward found full fun funny general generally gets
    girl glad good gosh great group grow guess guy guys half hand happen hard hate hear heard hello
    help helps hey hi high higher highest hmm hold hope hour hours huge hundred idea ideas
    imagine important inaudible including interest interested interesting issue issues item job
    just laugh laughter learn leave led left less level lie line list listen little live long
    longer look love low lower lowest main mainly man marker matter matters mention mentioned mhm
    million billion trillion thousand mine minute minutes moment month months morning move moved
    moving mm name nation natural necessarily nice nine night number numbers obvious old open
    opinion option order original paid part particular particularly parts pass people percent
    person perspective pick piece place places plain play please point points position possible
    present pretty problem problems process provide question questions quick quickly reach read
    ready real realize reason reasons recent regard remember repeat respect rest result results
    round run running sad self send sense sentence series serious set seven shift short show showed
    shows side similar simple single sit six sixty slide small somewhat sorry sort sound sounds
    speak special specific specifically start started starting starts state step stop stopped story
    strange strong stuff suggest super suppose supposed sure surely sweet system talked ten term
    terms terrible thank thanks thin thirty three till time times topic top total totally twenty
    type types understand understood unique usual view wait watch week weeks welcome wonder
    wonderful wondering work worked working works world worry worse worst worth write wrong wow yay
    year years young zero five four eight eleven twelve forty fifty
    disfmarker vocalsound nonvocalsound pause gap
    nah mr mrs ms mr.chair madam chair speaker approach difficulty difficulties discussion effect
    free sector range
    added adding agree agreed agrees ban became begin believes bought build builds built buy claim
    claims comes continue continued cost costs covered cover created creates crossed
    denied deny depend depends disagree ended exist exists explain fell gained gives
    grew grown happened holds included increase increased keeps kills known lived loses lost lower
    means meet met missed needs offer opened opening opens paid passed pay pays promise promised
    proved proves raise raised reached refuse remain remained remains replace replaced rise rises
    rising rose saved saves sees sell sends shown sold spend spends spent stand stands stay
    stayed stays taught tells turned turning voted warned wins won written wrote
    apart away broke broken crashed died dies landed
    """
)
"""Words that say little as a title or at its edge: vague nouns, evaluations, plain verbs."""

BEFORE_VERBS = _set(
    """
    to i you we they he she it who not will would can could should must may might let did do does
    don't didn't doesn't can't couldn't won't wouldn't shouldn't we'll i'll you'll they'll
    """
)
"""Words after which a verb is likely."""

BEFORE_NOUNS = _set(
    """
    a an the this that these those my your his her its our their some any no each every all both
    of in on at by for from with without about into over under between against more less
    """
)
"""Words after which a noun, or an adjective with its noun, is likely."""
