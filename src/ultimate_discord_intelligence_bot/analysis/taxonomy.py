"""The MAFALDA taxonomy of fallacies (Helwe et al., NAACL 2024), and other names for its kinds."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..models.analysis import FallacyCategory


@dataclass(frozen=True)
class Kind:
    """A fallacy of level 2.

    Attributes:
        name: as MAFALDA spells it.
        category: level 1.
        explanation: what arguments of this kind do wrong, one sentence for the reader.
        also: how LOGIC (Jin et al. 2022), CoCoLoFa (Yeh et al. 2024) and others call it.
    """

    name: str
    category: FallacyCategory
    explanation: str
    also: tuple[str, ...] = ()


_EMOTION: FallacyCategory = "Appeal to Emotion"
_LOGIC: FallacyCategory = "Fallacy of Logic"
_CREDIBILITY: FallacyCategory = "Fallacy of Credibility"

KINDS: tuple[Kind, ...] = (
    Kind(
        "appeal to positive emotion",
        _EMOTION,
        "Hope, pride or pleasant feelings stand where a reason should be.",
    ),
    Kind("appeal to anger", _EMOTION, "Outrage stands where a reason should be."),
    Kind(
        "appeal to fear",
        _EMOTION,
        "A frightening outcome is held up instead of showing that it would follow.",
        ("fear",),
    ),
    Kind(
        "appeal to pity",
        _EMOTION,
        "Compassion is asked for in place of agreement with a reason.",
    ),
    Kind(
        "appeal to ridicule",
        _EMOTION,
        "The other view is made to look laughable instead of being answered.",
    ),
    Kind(
        "appeal to worse problems",
        _EMOTION,
        "A problem is waved away because a worse one exists.",
    ),
    Kind(
        "causal oversimplification",
        _LOGIC,
        "One cause is given for something that has several.",
    ),
    Kind(
        "circular reasoning",
        _LOGIC,
        "The conclusion is already assumed in what is given as its reason.",
        ("begging the question", "circular claim"),
    ),
    Kind(
        "equivocation",
        _LOGIC,
        "A word changes its meaning in the course of the argument.",
    ),
    Kind(
        "false analogy",
        _LOGIC,
        "Two things are treated as alike although they differ in what matters.",
        ("faulty analogy", "weak analogy"),
    ),
    Kind(
        "false causality",
        _LOGIC,
        "That one thing came with or after another is taken as proof that it was caused by it.",
        ("false cause", "post hoc"),
    ),
    Kind(
        "false dilemma",
        _LOGIC,
        "Only two choices are offered although there are more.",
        ("black and white fallacy", "false dichotomy"),
    ),
    Kind(
        "hasty generalization",
        _LOGIC,
        "A few cases are taken to stand for all.",
        ("faulty generalization", "hasty generalisation"),
    ),
    Kind(
        "slippery slope",
        _LOGIC,
        "A first step is said to lead to an extreme end without showing that it would.",
    ),
    Kind(
        "straw man",
        _LOGIC,
        "A distorted version of the other view is attacked in its place.",
        ("strawman", "strawman fallacy", "fallacy of extension"),
    ),
    Kind(
        "fallacy of division",
        _LOGIC,
        "What holds for the whole is taken to hold for each of its parts.",
    ),
    Kind(
        "ad hominem",
        _CREDIBILITY,
        "The person is attacked instead of what the person says.",
        ("abusive ad hominem", "ad hominem attack"),
    ),
    Kind(
        "ad populum",
        _CREDIBILITY,
        "That many people believe or do it is taken as proof that it is right.",
        ("appeal to majority", "bandwagon", "appeal to popularity"),
    ),
    Kind(
        "appeal to (false) authority",
        _CREDIBILITY,
        "Somebody's standing is given as proof, without regard to whether they know or have shown "
        "it.",
        ("appeal to authority", "appeal to false authority", "fallacy of credibility"),
    ),
    Kind(
        "appeal to nature",
        _CREDIBILITY,
        "That something is natural is taken as proof that it is good.",
    ),
    Kind(
        "appeal to tradition",
        _CREDIBILITY,
        "That it has always been so is taken as proof that it is right.",
    ),
    Kind(
        "guilt by association",
        _CREDIBILITY,
        "A view is rejected because of who else holds it.",
    ),
    Kind(
        "tu quoque",
        _CREDIBILITY,
        "Criticism is turned back on the critic, who does the same, instead of being answered.",
        ("whataboutism",),
    ),
)
"""All 23 kinds, in the order of the paper."""

CATEGORIES: tuple[FallacyCategory, ...] = (_EMOTION, _LOGIC, _CREDIBILITY)


def plain(name: str) -> str:
    """A label without what people spell differently: case, hyphens, underscores, brackets."""
    return " ".join(re.sub(r"[^a-z0-9]+", " ", name.casefold()).split())


_BY_NAME = {plain(name): kind for kind in KINDS for name in (kind.name, *kind.also)}


def kind_of(name: str) -> Kind | None:
    """The kind that a data set calls by this name; None when MAFALDA has none like it."""
    return _BY_NAME.get(plain(name))
