"""What a written passage says about a claim that it contains among other things."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultimate_discord_intelligence_bot.verification.alignment import align

SUPPORTS = [
    # the claim stands within more
    (
        "The Danube flows through Vienna.",
        "The Danube, the second longest river of Europe, flows through Vienna and Budapest.",
    ),
    ("Marie Curie won the Nobel Prize.", "In 1903 Marie Curie, a chemist, won the Nobel Prize."),
    # its subject is the title
    ("Venus has a dense atmosphere.", "Venus: The planet has a dense, hot atmosphere."),
    # limits, and what reaches them
    (
        "More than 23 million people live in Taiwan.",
        "Off the coast of China, 24 million people live in Taiwan and on its islands.",
    ),
    (
        "Metropolis has sold under 90 million tickets worldwide.",
        "By the end of March Metropolis had sold 88 million tickets worldwide.",
    ),
    (
        "At least 40 deaths were confirmed in Oman.",
        "In Oman there were 54 confirmed deaths and 300 confirmed cases.",
    ),
    # dates inside dates, and before or after them
    (
        "The Eiffel Tower was completed in 1889.",
        "The Eiffel Tower, of iron, was completed on 31 March 1889.",
    ),
    (
        "The Eiffel Tower was completed before 1900.",
        "The Eiffel Tower, of iron, was completed on March 31, 1889.",
    ),
    # spelling, and words that say the same
    (
        "The organisation Norsk has its theatre centre in Oslo.",
        "The organization Norsk has its theater center in Oslo, Norway.",
    ),
    (
        "The movie Metropolis was shown in the US and in Canada.",
        "The film Metropolis was shown in the United States and in Canada in spring.",
    ),
    # attributed, and asserted nevertheless
    (
        "The Aswan dam holds 40 million tons of water.",
        "According to the ministry, the Aswan dam holds 40 million tons of water.",
    ),
]

REFUTES = [
    # limits that are not kept
    (
        "Under 23.5 million people live in Taiwan.",
        "More than 24 million people live in Taiwan and on its islands.",
    ),
    (
        "The Beatles played over 33 concerts in Berlin.",
        "The Beatles played 33 concerts in Berlin, all of them sold out.",
    ),
    (
        "The Beatles played more than 40 concerts in Berlin.",
        "The Beatles played 33 concerts in Berlin, all of them sold out.",
    ),
    # the only figure that counts the same
    (
        "The museum in Oslo shows 400 ships.",
        "The museum in Oslo shows 250 ships, 12 planes and 3 trains.",
    ),
    # what happens once
    (
        "The Eiffel Tower was completed in 1887.",
        "The Eiffel Tower, of iron, was completed on 31 March 1889.",
    ),
    (
        "Guadalajara was officially founded after 1550.",
        "Guadalajara: The city of Guadalajara was officially founded on February 14, 1542.",
    ),
    # opposites
    (
        "The Dead Sea is the highest lake on Earth.",
        "The Dead Sea, between Israel and Jordan, is the lowest lake on Earth.",
    ),
]

RELATED = [
    # a number of something else
    ("Rome counted 40 deaths in May.", "Rome counted 40 people in May."),
    ("Rome counted 40 deaths in winter.", "Rome counted 50 people in winter."),
    ("The virus killed 40 people in Rome.", "The virus in Rome: 60 deaths, 40 nurses."),
    ("Germany exported 40 tonnes of grain.", "Germany exported 60 tonnes of steel, and grain."),
    # more than one figure could be meant
    (
        "Metropolis earned 90 million dollars.",
        "Metropolis earned 80 million dollars at home and 120 million dollars abroad.",
    ),
    # another name
    (
        "Germany spent 40 billion dollars on defence.",
        "France spent 60 billion dollars on defence.",
    ),
    # a part of it only
    (
        "Unemployment in Spain is 4 percent.",
        "Unemployment among young people in Spain is 9 percent.",
    ),
    ("The swans of Europe are white.", "Some of the swans of Europe are white."),
    (
        "The Aswan dam is the largest dam in Asia.",
        "The Aswan dam is the second largest dam in Asia.",
    ),
    # the reverse
    ("Germany defeated France in the war.", "Germany was defeated by France in the war."),
    ("The senate voted for the bridge.", "The senate voted against the bridge, 40 to 3."),
    ("Jupiter is 5 times larger than Mars.", "Mars is 5 times larger than Jupiter."),
    # denied, supposed, foreseen, said by others
    ("The shop in Oslo sells bread.", "The shop in Oslo never sells bread."),
    (
        "The Erie bridge costs 5 million dollars.",
        "The Erie bridge might have cost 9 million dollars.",
    ),
    ("The earth is flat as a table.", "Some people say the earth is flat as a table."),
    ("The mayor of Rome took the money.", "The mayor of Rome denied that he took the money."),
    # another time
    (
        "Unemployment in Spain was 5 percent in 2010.",
        "Unemployment in Spain was 9 percent in 2012.",
    ),
    ("Unemployment in Spain was 5 percent.", "In 2012, unemployment in Spain was 9 percent."),
    ("Unemployment in Spain is 5 percent.", "Unemployment in Spain was 9 percent."),
    ("Unemployment in Spain rose to 16 percent.", "Unemployment in Spain rose to 9 percent."),
    ("Crime in the city rose.", "Crime in the city fell."),
    # what may happen again
    ("People died in the flood in 1990.", "People died in the flood in 1995."),
    ("The Rome team won the cup in 1998.", "The Rome team won the cup in 2005."),
    # points elsewhere, or says too little
    ("The film received 40 prizes in Cannes.", "The film received 40 prizes in Cannes and Rome."),
    ("The album's cover shows 12 people.", "The cover of the album shows 12 people."),
    ("It has 40 libraries for children.", "The city has 30 libraries for children."),
    ("Oslo is big.", "Oslo is big, and old."),
    ("", ""),
]


@pytest.mark.parametrize(("claim", "passage"), SUPPORTS)
def test_a_passage_that_says_it_all_supports(claim: str, passage: str) -> None:
    finding = align(claim, passage)
    assert finding.stance == "supports"
    assert finding.reason


@pytest.mark.parametrize(("claim", "passage"), REFUTES)
def test_a_passage_that_cannot_be_true_as_well_refutes(claim: str, passage: str) -> None:
    finding = align(claim, passage)
    assert finding.stance == "refutes"
    assert finding.reason


@pytest.mark.parametrize(("claim", "passage"), RELATED)
def test_what_is_not_sure_is_left_alone(claim: str, passage: str) -> None:
    assert align(claim, passage).stance == "related"


def test_the_reason_tells_how_figures_agree() -> None:
    claim = "More than 23 million people live in Taiwan."
    passage = "24 million people live in Taiwan and on its islands."
    assert align(claim, passage).reason == "24 million is at least 23 million"
    assert align(claim.replace("23", "30"), passage).reason == "30 million against 24 million"


def test_sentences_that_disagree_decide_nothing() -> None:
    passage = "The museum in Oslo shows 250 ships. The museum in Oslo shows 400 ships."
    assert align("The museum in Oslo shows 400 ships.", passage).stance == "related"


def test_every_sentence_is_read_under_the_title() -> None:
    passage = "Venus: The planet is hot and bright. It turns once in 243 days."
    assert align("Venus turns once in 243 days.", passage).stance == "supports"


def test_a_pronoun_is_what_the_sentence_before_is_about() -> None:
    passage = "The Eiffel Tower stands in Paris. It was completed in 1889. Rome is far."
    assert align("The Eiffel Tower was completed in 1889.", passage).stance == "supports"
    assert align("The Eiffel Tower was completed in 1887.", passage).stance == "refutes"
    assert align("Rome was completed in 1889.", passage).stance == "related"


@given(st.text(max_size=200), st.text(max_size=300))
def test_any_text_is_survived(claim: str, passage: str) -> None:
    assert align(claim, passage).stance in ("supports", "refutes", "related")


_vocabulary = (
    *(
        "the",
        "Oslo",
        "Oslo:",
        "museum",
        "shows",
        "on",
        "31",
        "March",
        "may",
        "2019",
        "1889",
        "before",
    ),
    *(
        "after",
        "by",
        "founded",
        "more",
        "than",
        "40",
        "percent",
        "people",
        "rose",
        "fell",
        "largest",
    ),
    *("smallest", ",", ".", "out", "of", "10", "6.8/10", "US", "between", "and", "not", "12,000"),
)


@given(st.lists(st.sampled_from(_vocabulary), max_size=25), st.data())
def test_any_jumble_of_figures_and_dates_is_survived(words: list[str], data: st.DataObject) -> None:
    other = data.draw(st.permutations(words))
    align(" ".join(words), " ".join(other))
