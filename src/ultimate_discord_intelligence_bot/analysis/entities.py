"""Names and figures: who and what is named in a recording, linked, and the figures given in it.

Names are found by their spelling; what kind they are is told by the words around them and by a
small head over the vector of the name (see MODEL_CARD_entities.md).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal

from ..embedding import load_embedder
from ..models.analysis import Entities, Entity, Figure, Quote
from ..models.artifact import Vectors
from ..models.transcript import Transcript
from .branches import softmax
from .head import load_head
from .names import TITLES, Name, find_names
from .quantities import quantities_in

Kind = Literal["person", "organisation", "place", "work", "other"]

_MOST_NAMES = 1_500
"""So many different names are embedded, the most frequent first; the rest are "other"."""

_SURE = 0.6
_ORGANISATIONS = frozenset(
    """
    inc corp corporation company co ltd llc university college institute ministry department
    committee party agency association council bank foundation commission congress senate court
    union federation league society office bureau administration times post news press academy
    authority board parliament
    """.split()  # noqa: SIM905
)
_WORKS = frozenset(
    """
    book novel film movie album song series show play opera article essay poem documentary
    """.split()  # noqa: SIM905
)
_INTO_PLACES = frozenset({"in", "near", "across", "throughout"})
_SMALL = frozenset({"of", "the", "and", "for", "de", "von", "van", "der", "&"})


def find_entities(transcript: Transcript, vectors: Vectors) -> Entities:
    """Names with their kind and mentions, those most often said first; and figures.

    "Merkel" is linked to "Angela Merkel" where no other Merkel is named, an acronym to the one
    name with these initials; speakers are people. A kind is told only when it is probable.

    Args:
        transcript: of the whole recording.
        vectors: not needed so far; every analyst takes them.
    """
    segments = transcript.segments
    said: dict[str, list[tuple[int, Name]]] = defaultdict(list)
    for segment, names in zip(segments, find_names([s.text for s in segments]), strict=True):
        for name in names:
            said[_plain(name.text)].append((segment.index, name))
    uses = {key: [name for _, name in mentions] for key, mentions in said.items()}
    kinds = _kinds(uses, transcript.speakers)
    entities = []
    for full, others in _linked(kinds, transcript.speakers).items():
        spellings = Counter(name.text for key in (full, *others) for name in uses[key])
        places = sorted({index for key in (full, *others) for index, _ in said[key]})
        shown = max((name.text for name in uses[full]), key=lambda text: spellings[text])
        entities.append(
            Entity(
                name=shown,
                kind=kinds[full],
                aliases=tuple(sorted(set(spellings) - {shown})),
                mentions=tuple(Quote.of(segments[index]) for index in places),
            )
        )
    entities.sort(key=lambda entity: (-len(entity.mentions), entity.mentions[0].start, entity.name))
    figures = (
        Figure(quantity=quantity, said=Quote.of(segment))
        for segment in segments
        for quantity in quantities_in(segment.text)
    )
    return Entities(entities=tuple(entities), figures=tuple(figures))


def _plain(name: str) -> str:
    """What different spellings of a name have in common."""
    return " ".join(name.replace(".", "").split()).casefold()


# -- which names are one -------------------------------------------------------------------------


def _linked(kinds: Mapping[str, Kind], speakers: Sequence[str]) -> dict[str, list[str]]:
    """For each full name, the shorter forms that can only mean it."""
    by_part: dict[str, set[str]] = defaultdict(set)
    by_initials: dict[str, set[str]] = defaultdict(set)
    for name, kind in kinds.items():
        parts = [part for part in name.split() if part not in _SMALL]
        if len(parts) > 1 and kind == "person":
            by_part[parts[0]].add(name)
            by_part[parts[-1]].add(name)
        elif len(parts) > 2:
            by_initials["".join(part[0] for part in parts)].add(name)
    known = {_plain(speaker) for speaker in speakers}
    owner: dict[str, str] = {}
    for name in kinds:
        meant = by_part[name] or by_initials[name]
        if " " not in name and name not in known and len(meant) == 1:
            owner[name] = next(iter(meant))
    groups: dict[str, list[str]] = {name: [] for name in kinds if name not in owner}
    for name, full in owner.items():
        groups[full].append(name)
    return groups


# -- of which kind they are ----------------------------------------------------------------------


def _kinds(uses: Mapping[str, Sequence[Name]], speakers: Sequence[str]) -> dict[str, Kind]:
    """The kind of each name."""
    people = {part for speaker in speakers for part in (_plain(speaker), *_plain(speaker).split())}
    kinds: dict[str, Kind] = {}
    unknown: list[str] = []
    for name, said in uses.items():
        told = _told(name, said, people)
        kinds[name] = told or "other"
        if told is None:
            unknown.append(name)
    judged = sorted(unknown, key=lambda name: (-len(uses[name]), name))[:_MOST_NAMES]
    if judged:
        head = load_head("entities")
        vectors = load_embedder().encode([uses[name][0].text for name in judged])
        for name, row in zip(judged, softmax(head.logits(vectors)), strict=True):
            sure = dict(zip(head.labels, map(float, row), strict=True))
            kinds[name] = _judged(sure, uses[name])
    return kinds


def _told(full: str, uses: Sequence[Name], people: set[str]) -> Kind | None:
    """What the words around a name, or in it, leave no doubt about."""
    if full in people or any(name.title in TITLES for name in uses):
        return "person"
    if any(name.before in _WORKS or (name.quoted and " " in name.text) for name in uses):
        return "work"
    words = full.split()
    if len(words) > 1 and (words[-1] in _ORGANISATIONS or words[0] in _ORGANISATIONS):
        return "organisation"
    return None


def _judged(sure: dict[str, float], uses: Sequence[Name]) -> Kind:
    """The most probable kind; a preposition of place before a name counts for a place."""
    into = sum(name.before in _INTO_PLACES for name in uses) / len(uses)
    sure["place"] *= 1 + 3 * into
    total = sum(sure.values())
    best = max(("person", "organisation", "place", "other"), key=lambda kind: sure[kind])
    return best if sure[best] / total >= _SURE else "other"  # type: ignore[return-value]
