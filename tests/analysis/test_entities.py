"""Names and figures: found, told apart, linked; and measured on annotated sentences."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.speech import heard, spoken
from ultimate_discord_intelligence_bot.analysis import find_entities
from ultimate_discord_intelligence_bot.analysis.names import find_names
from ultimate_discord_intelligence_bot.models.analysis import Entity
from ultimate_discord_intelligence_bot.models.transcript import Segment, Transcript

GOLD = Path(__file__).parent / "names_gold.jsonl"


def names_in(*lines: str) -> list[str]:
    return [name.text for names in find_names(lines) for name in names]


def entities_in(*lines: str) -> dict[str, Entity]:
    transcript = spoken(*lines)
    return {entity.name: entity for entity in find_entities(transcript, heard(transcript)).entities}


class TestNames:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("We met Angela Merkel in Berlin.", ["Angela Merkel", "Berlin"]),
            ("The Bank of England and the E.C.B. were wrong.", ["Bank of England", "E.C.B."]),
            ("I asked Mr. Smith's brother.", ["Smith"]),
            ("Then Senator John McCain, who was late, spoke.", ["John McCain"]),
            ("We read it in the New York Times on Tuesday.", ["New York Times"]),
            ("The U.S. Senate voted, and so did the US.", ["U.S. Senate", "US"]),
            ("And I think I'm right, OK?", []),
            ("It was in the north. Trains were late.", []),
            ("", []),
        ],
    )
    def test_rows_of_capitalised_words(self, text: str, expected: list[str]) -> None:
        assert names_in(text) == expected

    def test_a_word_that_opens_a_sentence_needs_a_witness(self) -> None:
        assert names_in("Merkel said so to Anna.") == ["Anna"]
        assert names_in("Merkel said so.", "We saw Merkel.") == ["Merkel", "Merkel"]
        assert names_in("Trains to Berlin are late.", "He likes trains.") == ["Berlin"]

    @pytest.mark.parametrize(
        "lines",
        [
            ["THE TRAIN TO BERLIN WAS LATE", "ANGELA MERKEL SAID SO"],
            ["the train to berlin was late", "angela merkel said so"],
        ],
    )
    def test_where_capitals_tell_nothing_it_is_silent(self, lines: list[str]) -> None:
        assert names_in(*lines) == []

    @given(st.lists(st.text(max_size=80), max_size=5))
    def test_every_name_is_verbatim(self, lines: list[str]) -> None:
        for line, names in zip(lines, find_names(lines), strict=True):
            assert all(name.text in line for name in names)


class TestKinds:
    def test_people_organisations_and_places(self) -> None:
        found = entities_in(
            "We met Angela Merkel and Winston Churchill in Berlin and in Kuwait.",
            "The Ministry of Health and the Department of Energy asked the United Nations.",
        )

        kinds = {name: entity.kind for name, entity in found.items()}
        assert kinds["Angela Merkel"] == kinds["Winston Churchill"] == "person"
        assert kinds["Berlin"] == kinds["Kuwait"] == "place"
        assert kinds["Ministry of Health"] == kinds["Department of Energy"] == "organisation"
        assert kinds["United Nations"] == "organisation"

    def test_the_words_around_a_name_decide(self) -> None:
        found = entities_in(
            "Then Senator Washington spoke about the novel Middlemarch and about “Blue Moon”.",
        )

        assert found["Washington"].kind == "person"
        assert found["Middlemarch"].kind == "work"
        assert found["Blue Moon"].kind == "work"

    def test_speakers_are_people(self) -> None:
        found = entities_in("Berlin: Good evening.", "Ada: I agree with Berlin on that.")

        assert found["Berlin"].kind == "person"


class TestLinks:
    def test_a_last_name_means_the_one_person_who_has_it(self) -> None:
        found = entities_in("We met Angela Merkel.", "I think Merkel was right.")

        assert list(found) == ["Angela Merkel"]
        assert found["Angela Merkel"].aliases == ("Merkel",)
        assert [quote.segment for quote in found["Angela Merkel"].mentions] == [0, 1]

    def test_but_not_one_of_two(self) -> None:
        found = entities_in("We met George Bush and Barbara Bush.", "I think Bush was right.")

        assert set(found) == {"George Bush", "Barbara Bush", "Bush"}

    def test_an_acronym_means_the_name_with_its_initials(self) -> None:
        found = entities_in(
            "The European Central Bank met.", "We wrote to the ECB about the E.C.B. rate."
        )

        assert set(found["European Central Bank"].aliases) == {"ECB", "E.C.B."}

    def test_a_place_is_not_part_of_another_name(self) -> None:
        found = entities_in("The Mars Polar Lander crashed.", "We should go to Mars.")

        assert {"Mars Polar Lander", "Mars"} <= set(found)


def test_figures_are_listed_in_order() -> None:
    transcript = spoken("It cost $12 million.", "One thing.", "It rose by forty percent in 2019.")

    figures = find_entities(transcript, heard(transcript)).figures

    assert [(f.quantity.text, f.said.segment) for f in figures] == [
        ("$12 million", 0),
        ("forty percent", 2),
        ("2019", 2),
    ]


def test_annotated_sentences_of_debates() -> None:
    """Sentences of ClaimBuster (Arslan et al. 2020, CC BY 4.0), annotated for this project."""
    rows = [json.loads(line) for line in GOLD.read_text("utf-8").splitlines()]
    texts = [row["text"] for row in rows]

    found = {(i, n.text) for i, names in enumerate(find_names(texts)) for n in names}
    true = {(i, name): kind for i, row in enumerate(rows) for name, kind in row["names"]}
    transcript = Transcript(
        segments=tuple(
            Segment(index=i, start=i, end=i + 1, text=text) for i, text in enumerate(texts)
        ),
        origin="human captions",
    )
    entities = find_entities(transcript, heard(transcript)).entities
    kinds = {name: e.kind for e in entities for name in (e.name, *e.aliases)}
    both = found & set(true)

    assert len(both) / len(found) > 0.92
    assert len(both) / len(true) > 0.94
    alike = [kinds[name] == true[i, name] for i, name in both if name in kinds]
    assert sum(alike) / len(alike) > 0.83
