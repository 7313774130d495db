"""What one sentence says about another; above all, when nothing can be said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultimate_discord_intelligence_bot.verification import compare

SUPPORTS = [
    (
        "It does not, since the rover Perseverance needed seven months to reach Mars in 2021.",
        "The rover Perseverance needed seven months to reach Mars in 2021.",
    ),
    (
        "The bridge carries forty percent of the traffic.",
        "The bridge carries 40 percent of the traffic.",
    ),
    ("Two thirds of adults own a car.", "Two thirds of adults own a car, of course."),
    ("Half of the forest burned down.", "50% of the forest burned down."),
    (
        "Apollo 11 landed on the Moon in nineteen sixty-nine.",
        "In 1969, Apollo 11 landed on the Moon.",
    ),
    (
        "A crewed mission to Mars would cost about 500 billion dollars.",
        "A crewed mission to Mars would cost 510 billion dollars.",
    ),
    (
        "The rover Curiosity cost two and a half billion dollars.",
        "The rover Curiosity cost $2.5bn.",
    ),
    ("The tower is 300 meters tall.", "The tower is three hundred metres tall."),
    ("The race takes 2 hours for most runners.", "The race takes 120 minutes for most runners."),
    ("Twelve people walked on the Moon.", "As I said, 12 people walked on the Moon."),
    (
        "The city has more than 40 libraries for children.",
        "The city has 55 libraries for children.",
    ),
    (
        "Light travels 300,000 kilometers per second.",
        "Light travels 299,792 kilometers per second.",
    ),
    ("Germany exports 1.5 million cars.", "Germany exports one and a half million cars."),
    ("The labour ministry has 40 programmes.", "The labor ministry has 40 programs."),
    ("The organisation runs 12 theatres.", "The organization runs twelve theaters."),
    ("The US has 50 governors.", "The United States has fifty governors."),
]

REFUTES = [
    (
        "A crewed mission to Mars would cost about 500 billion dollars, spread over thirty years.",
        "And it is cheap, because a crewed mission to Mars would cost only 50 billion dollars.",
    ),
    ("Apollo 11 landed on the Moon in 1969.", "Apollo 11 landed on the Moon in 1972."),
    ("The wall was built in 1961.", "The wall was built in nineteen fifty-three."),
    ("Vaccines cause autism.", "Vaccines do not cause autism."),
    (
        "Every spacecraft that was ever sent to Mars has landed safely.",
        "Not every spacecraft that was ever sent to Mars has landed safely.",
    ),
    ("And not all of the delegates signed.", "All of the delegates signed."),
    ("All swans in Europe are white.", "Not all swans in Europe are white."),
    ("Vaccines cause autism.", "Vaccines don't cause autism."),
    ("Water boils at 100 degrees at sea level.", "Water boils at 60 degrees at sea level."),
    ("A flight to Mars takes three weeks.", "A flight to Mars takes seven months."),
    ("Forty percent of the money goes to schools.", "70 percent of the money goes to schools."),
    ("NASA gets less than one percent of the budget.", "NASA gets 25 percent of the budget."),
    ("In 2020 unemployment in Spain rose.", "In 2020 unemployment in Spain fell."),
    ("The new law is safe for children.", "The new law is dangerous for children."),
    (
        "In 2020 unemployment in Spain rose to 16 percent.",
        "In 2020 unemployment in Spain rose to 9 percent.",
    ),
    ("There is evidence for life on Venus.", "There is no evidence for life on Venus."),
    ("The dam has never failed a safety test.", "The dam has failed a safety test."),
    (
        "The island has under 23.5 million people in summer.",
        "The island has more than 24 million people in summer.",
    ),
    ("The band played over 33 concerts in Berlin.", "The band played 33 concerts in Berlin."),
]

RELATED = [
    # another subject with the same number, or with another one
    ("Germany spent 40 billion on defence.", "France spent 40 billion on defence."),
    ("Germany spent 40 billion on defence.", "France spent 60 billion on defence."),
    ("germany spends 40 percent on schools", "france spends 60 percent on schools"),
    ("Forty percent of women smoke cigarettes.", "Sixty percent of men smoke cigarettes."),
    ("Unemployment is 4 percent.", "Unemployment among young people is 9 percent."),
    ("Apollo 11 landed on the Moon in 1969.", "Apollo 17 landed on the Moon in 1972."),
    ("Voyager 1 left the solar system.", "Voyager 2 left the solar system."),
    ("Imports of grain fell by 5 percent.", "Exports of grain fell by 9 percent."),
    (
        "40 percent of women and 60 percent of men agree.",
        "60 percent of women and 40 percent of men agree.",
    ),
    # years against amounts, and years that may both be right
    ("The company was founded in 1969.", "The company has 1972 founded partners."),
    ("The factory made 2000 cars a day.", "The factory made cars in 2000 a day."),
    ("In 2010, unemployment was 5 percent.", "In 2012, unemployment was 9 percent."),
    ("In 2010, unemployment was 5 percent.", "In 2012, unemployment was 5 percent."),
    ("The team won the cup in 1998.", "The team won the cup in 2005."),
    ("The stock market crashed in 1929.", "The stock market crashed in 1987."),
    ("People died in the flood in 1990.", "People died in the flood in 1995."),
    # what is not the same measure
    ("The tax rose by 5 percent.", "The tax rose to 5 percent."),
    (
        "The share of renters rose by 5 percent.",
        "The share of renters rose by 9 percentage points.",
    ),
    (
        "The share of renters rose by 5 percent.",
        "The share of renters rose by 5 percentage points.",
    ),
    ("The bottle holds 5 dollars of wine.", "The bottle holds 9 liters of wine."),
    ("The job pays 5 dollars per hour.", "The job pays 90 dollars per day."),
    ("The screen costs 300 dollars.", "The screen costs 250 euros."),
    ("The lake is 40 meters deep.", "The lake is 40 miles wide."),
    # ranges, limits and rounding
    ("A flight to Mars takes 6 to 9 months.", "A flight to Mars takes 7 months."),
    ("A flight to Mars takes 7 months.", "A flight to Mars takes between 6 and 9 months."),
    ("Between 10 and 20 percent of birds migrate.", "10 to 30 percent of birds migrate."),
    (
        "The city has 55 libraries for children.",
        "The city has more than 40 libraries for children.",
    ),
    ("The river flows for 40 percent of winter.", "The river flows for 41 percent of winter."),
    ("The school has about 500 pupils in town.", "The school has 430 pupils in town."),
    ("At least 5 judges left the court.", "At least 9 judges left the court."),
    ("At least 33 concerts were in Berlin.", "At most 33 concerts were in Berlin."),
    ("The town counted 40 deaths in winter.", "The town counted 50 people in winter."),
    # negation that denies nothing, or not this
    ("Vaccines are safe for children.", "Vaccines are not only safe for children."),
    ("The drug is not only safe but cheap.", "The drug is safe but cheap."),
    ("Vaccines are safe for children.", "No vaccines are safe for children?"),
    ("vaccines are safe for children", "no vaccines are safe for children"),
    ("The mayor took the money.", "No doubt the mayor took the money."),
    ("The shop sells bread.", "The shop no longer sells bread."),
    ("The mayor did not take money.", "The mayor did not take the train."),
    ("Germany defeated France.", "France did not defeat Germany."),
    ("Germany defeated France.", "Germany was not defeated by France."),
    ("Slavery is legal in Brazil.", "Slavery was not legal in Brazil."),
    ("The senate voted for the bridge.", "The senate did not vote against the bridge."),
    ("The plan did not rise to fame.", "The plan fell to fame."),
    # suppositions, questions, reports, wishes
    (
        "Taxes cost every family 900 dollars.",
        "If taxes cost every family 300 dollars, we would go.",
    ),
    ("Taxes cost every family 900 dollars.", "Do taxes cost every family 300 dollars?"),
    ("taxes cost every family 900 dollars", "do taxes cost every family 300 dollars"),
    ("The earth is flat as a table.", "Some people say the earth is not flat as a table."),
    ("Vaccines cause autism.", "Maybe vaccines do not cause autism."),
    ("Vaccines cause autism.", "It is a myth that vaccines do not cause autism."),
    ("The bridge should cost 5 million dollars.", "The bridge costs 9 million dollars."),
    ("The bridge will cost 5 million dollars.", "The bridge did cost 9 million dollars."),
    ("The bridge might cost 5 million dollars.", "The bridge might cost 9 million dollars."),
    # words that point elsewhere
    ("It costs 40 million dollars a year.", "It costs 60 million dollars a year."),
    ("He scored 20 goals in the season.", "He scored 30 goals in the season."),
    ("I have two children and a dog.", "I have three children and a dog."),
    ("Last year the council built 400 flats.", "Last year the council built 900 flats."),
    (
        "Valeri Polyakov, a doctor, stayed in space for 437 days.",
        "Sergei Krikalev, a pilot, stayed in space for 311 days.",
    ),
    # changes without a date may follow each other
    ("Unemployment in Spain rose to 16 percent.", "Unemployment in Spain rose to 9 percent."),
    ("Crime in the city rose.", "Crime in the city fell."),
    # fragments and fillers, as people speak
    ("Too big.", "But not too big."),
    ("Oh right.", "Oh right, no."),
    ("And uh you can", "Yeah, uh, you can't"),
    ("L C D.", "Not with an L C D."),
    ("For the remote control.", "Not with a remote control."),
    ("Right, like, uh, yeah.", "So, uh, that's not, uh, right."),
    # sides that swap
    ("Cats are faster than dogs.", "Dogs are faster than cats."),
    ("Jupiter is 5 times larger than Mars.", "Mars is 5 times larger than Jupiter."),
    # numbers with two readings, and no number at all
    ("The crew ate sixty seventy percent of the food.", "The crew ate 20 percent of the food."),
    ("The temperature was -5 degrees in town.", "The temperature was 5 degrees in the town hall."),
    ("The bridge is a beautiful sight.", "The bridge is a beautiful sight."),
    ("A quarter of a million people marched in Rome.", "A million people sang in Rome."),
    ("", ""),
]


@pytest.mark.parametrize(("claim", "passage"), SUPPORTS)
def test_supports(claim: str, passage: str) -> None:
    assert compare(claim, passage, 0.9)[0] == "supports"


@pytest.mark.parametrize(("claim", "passage"), REFUTES)
def test_refutes_either_way_round(claim: str, passage: str) -> None:
    stance, reason = compare(claim, passage, 0.9)
    assert stance == "refutes"
    assert reason
    assert compare(passage, claim, 0.9)[0] == "refutes"


@pytest.mark.parametrize(("claim", "passage"), RELATED)
def test_says_nothing_that_it_cannot_know(claim: str, passage: str) -> None:
    assert compare(claim, passage, 0.95) == ("related", "")
    assert compare(passage, claim, 0.95)[0] in ("related", "supports")


@pytest.mark.parametrize(("claim", "passage"), SUPPORTS + REFUTES)
def test_what_is_not_similar_is_not_compared(claim: str, passage: str) -> None:
    assert compare(claim, passage, 0.3) == ("related", "")


def test_in_one_recording_last_year_is_the_same_year() -> None:
    pair = ("Last year the council built 400 flats.", "Last year the council built 900 flats.")
    assert compare(*pair, 0.9, same_recording=True)[0] == "refutes"


def test_the_reason_names_both_figures() -> None:
    _, reason = compare("Twelve people walked on the Moon.", "Nineteen people walked on Moon.", 0.9)
    assert reason == "twelve against nineteen"


def test_a_passage_that_says_both_decides_nothing() -> None:
    both = "Twelve people walked on the Moon. Nineteen people walked on the Moon."
    assert compare("Twelve people walked on the Moon.", both, 0.9)[0] == "related"


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_is_survived(claim: str, passage: str) -> None:
    assert compare(claim, passage, 1.0)[0] in ("supports", "refutes", "related")


_vocabulary = str.split(
    "the a not no never and a half of one two twenty nineteen hundred thousand million percent"
    " point 5 1969 $ % , dollars people between to by from more than about in out because if oh"
    " dozen third quarter year rose fell moon cost"
)


@given(st.lists(st.sampled_from(_vocabulary), max_size=25), st.data())
def test_any_jumble_of_number_words_is_survived(words: list[str], data: st.DataObject) -> None:
    other = data.draw(st.permutations(words))
    compare(" ".join(words), " ".join(other), 1.0)
