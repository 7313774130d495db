"""``autointel search`` as a reader and as a program meet it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ultimate_discord_intelligence_bot.acquisition import parse_locator
from ultimate_discord_intelligence_bot.cli import app
from ultimate_discord_intelligence_bot.embedding import load_embedder
from ultimate_discord_intelligence_bot.memory import Memory, graph_of, open_memory
from ultimate_discord_intelligence_bot.models.media import Source
from ultimate_discord_intelligence_bot.models.memory import Record
from ultimate_discord_intelligence_bot.runs import stable_id

RENT = (
    "Good evening and welcome.",
    "Rents in the city have doubled since 2010.",
    "I pay half of my wage for two rooms.",
    "A rent cap would help at once.",
    "It would stop new houses from being built.",
    "Berlin tried it and gave it up.",
    "Trams are late again this winter.",
    "The drivers are on strike for better pay.",
)
SPACE = ("Twelve people walked on the Moon.", "The last of them left in 1972.", "Mars is far.")
RENT_LINK, SPACE_LINK = "https://example.org/rent", "https://example.org/space"


def recording(
    link: str, title: str, texts: Sequence[str], published: date | None, **fields: Any
) -> tuple[Source, list[Record]]:
    """A recording of two speakers in turn; its second sentence is a claim."""
    locator = parse_locator(link, allow_files=False)
    source = Source(
        id=stable_id("source", "local", locator.kind, locator.value),
        url=link,
        title=title,
        platform="example",
        published=published,
    )
    said = [("segment", row, text) for row, text in enumerate(texts)]
    said.append(("claim", 1, texts[1]))
    records = [
        Record.model_validate(
            {
                "id": stable_id("record", source.id, kind, str(row)),
                "kind": kind,
                "tenant": "local",
                "source_id": source.id,
                "title": title,
                "url": source.at(60.0 * row),
                "published": published,
                "text": text,
                "start": 60.0 * row,
                "end": 60.0 * row + 5,
                "speaker": ("Ann", "Bob")[row % 2],
                "row": row,
                "verdict": "Refuted" if kind == "claim" else None,
                **fields,
            },
            strict=False,
        )
        for kind, row, text in said
    ]
    return source, records


async def remember(memory: Memory, source: Source, records: Sequence[Record]) -> None:
    segments = [record.text for record in records if record.kind == "segment"]
    await memory.remember_vectors(source, "local", records, load_embedder().encode(segments))


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a talk that both stores hold, and one that only the vectors have."""
    folder = tmp_path_factory.mktemp("heard")
    rent = recording(RENT_LINK, "The rent debate", RENT, date(2024, 5, 1), language="en")
    space = recording(SPACE_LINK, "Space [now]", SPACE, None)
    embedder = load_embedder()
    with open_memory(folder, embedder=embedder.name, dimension=embedder.dimension) as memory:
        for source, records in (rent, space):
            asyncio.run(remember(memory, source, records))
        asyncio.run(memory.remember_graph(graph_of(rent[0], "local", rent[1])))
    return folder


def search(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["search", *words], env={"AUTOINTEL_DATA_DIR": str(folder)})


def found(folder: Path, *words: str) -> list[dict[str, Any]]:
    result = search(folder, *words, "--json")
    assert result.exit_code == 0, result.stderr
    hits: list[dict[str, Any]] = json.loads(result.stdout)
    return hits


def test_a_hit_tells_who_said_it_when_and_where(heard: Path) -> None:
    first, second, *_ = search(heard, "cap on rents", "--limit", "2").stdout.splitlines()
    assert first == "   3:00  Bob: A rent cap would help at once."
    assert second.strip() == f"The rent debate · 2024-05-01 · {RENT_LINK}#t=180"


@pytest.mark.parametrize(("mode", "measure"), [("dense", "likeness 0."), ("words", "BM25 ")])
def test_a_score_is_told_with_its_measure(heard: Path, mode: str, measure: str) -> None:
    assert measure in search(heard, "rent cap", "--mode", mode, "--limit", "1").stdout


def test_a_sum_of_ranks_is_no_likeness(heard: Path) -> None:
    told = search(heard, "rent cap", "--limit", "1").stdout
    assert "likeness" not in told
    [hit] = found(heard, "rent cap", "--limit", "1")
    assert f"{hit['score']:.2f}" not in told


def test_words_find_what_is_spelled_and_meaning_what_is_meant(heard: Path) -> None:
    assert found(heard, "strike", "--mode", "words")[0]["text"].startswith("The drivers")
    assert found(heard, "astronauts on the lunar surface", "--mode", "words") == []
    by_meaning = found(heard, "astronauts on the lunar surface", "--mode", "dense")
    assert by_meaning[0]["text"] == SPACE[0]
    assert found(heard, "astronauts on the lunar surface")[0]["text"] == SPACE[0]


def test_context_is_shown_around_the_hit_which_has_a_mark(heard: Path) -> None:
    lines = search(heard, "rent cap", "--limit", "1", "--context", "2").stdout.splitlines()
    assert [line[:2] for line in lines[:5]] == ["  ", "  ", "> ", "  ", "  "]
    assert [line.partition(": ")[2] for line in lines[:5]] == list(RENT[1:6])
    assert RENT_LINK in lines[5]


def test_context_is_part_of_the_json(heard: Path) -> None:
    plain = found(heard, "rent cap", "--limit", "1")
    assert "before" not in plain[0]
    [hit] = found(heard, "rent cap", "--limit", "1", "--context", "2")
    assert {key: hit[key] for key in plain[0]} == plain[0]
    assert [each["text"] for each in hit["before"]] == [RENT[1], RENT[2]]
    assert [each["text"] for each in hit["after"]] == [RENT[4], RENT[5]]
    assert list(hit["after"][0]) == ["text", "start", "end", "speaker", "url"]
    [first] = found(heard, "good evening", "--limit", "1", "--context", "1")
    assert first["before"] == []


def test_shown_contexts_do_not_overlap(heard: Path) -> None:
    hits = found(heard, "rent", "--context", "3", "--source", RENT_LINK)
    texts = [
        each["text"]
        for hit in hits
        for each in (*hit["before"], {"text": hit["text"]}, *hit["after"])
    ]
    assert len(hits) >= 1
    assert len(texts) == len(set(texts))


@pytest.mark.parametrize("name", [SPACE_LINK, "space [NOW]", "link with id"])
def test_a_recording_is_named_by_link_title_or_id(heard: Path, name: str) -> None:
    if name == "link with id":
        locator = parse_locator(SPACE_LINK, allow_files=False)
        name = stable_id("source", "local", locator.kind, locator.value)[:9]
    hits = found(heard, "rent cap", "--source", name)
    assert {hit["source"] for hit in hits} == {"Space [now]"}
    assert {hit["source"] for hit in found(heard, "Moon", "--source", "The rent debate")} == {
        "The rent debate"
    }


def test_a_recording_that_is_not_there_is_told(heard: Path) -> None:
    result = search(heard, "rent", "--source", "no such thing")
    assert result.exit_code == 3
    assert "No recording is called “no such thing”" in result.stderr
    several = search(heard, "rent", "--source", "")
    assert several.exit_code == 3


def test_what_is_found_can_be_restricted(heard: Path) -> None:
    assert {hit["speaker"] for hit in found(heard, "rent", "--speaker", "Bob")} == {"Bob"}
    by_day = found(heard, "rent or Moon", "--since", "2024-05-01", "--until", "2024-05-01")
    assert {hit["source"] for hit in by_day} == {"The rent debate"}
    assert {hit["source"] for hit in found(heard, "Moon", "--language", "EN")} == {
        "The rent debate"
    }
    claims = found(heard, "rent", "--kind", "claim")
    assert {hit["text"] for hit in claims} == {RENT[1], SPACE[1]}
    assert found(heard, "rent", "--verdict", "refuted", "--kind", "claim") == claims
    assert "✗ Refuted" in search(heard, "rent", "--kind", "claim").stdout


def test_a_verdict_that_does_not_exist_is_told(heard: Path) -> None:
    result = search(heard, "rent", "--verdict", "wrong")
    assert result.exit_code == 3
    assert "Not Enough Evidence" in result.stderr


def test_nothing_found_says_what_to_do(heard: Path, tmp_path: Path) -> None:
    restricted = search(heard, "rent", "--speaker", "Nobody")
    assert (restricted.exit_code, restricted.stdout) == (0, "")
    assert "Leave some out" in restricted.stderr
    spelled = search(heard, "zirconium", "--mode", "words")
    assert "2 recordings" in spelled.stderr
    assert "--mode hybrid" in spelled.stderr
    empty = search(tmp_path, "rent", "--source", "anything")
    assert empty.exit_code == 0
    assert "autointel run" in empty.stderr
    assert found(tmp_path, "rent") == []


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("", "nothing to look for"),
        ("?! …", "nothing to look for"),
        ("\x01\x02\x1b", "nothing to look for"),
        ("rent" * 12_500, "50,000 characters"),
    ],
)
def test_what_cannot_be_looked_for_is_told(heard: Path, words: str, problem: str) -> None:
    result = search(heard, words)
    assert result.exit_code == 3
    assert problem in result.stderr
    assert "→" in result.stderr


def test_words_that_say_nothing_are_refused_only_where_words_decide(heard: Path) -> None:
    assert search(heard, "what about it", "--mode", "words").exit_code == 3
    assert len(found(heard, "what about it", "--limit", "2")) == 2


def test_control_characters_and_halves_of_characters_are_left_out(heard: Path) -> None:
    assert found(heard, "rent\x00 \x1b[31mcap\ud800") == found(heard, "rent [31mcap")
    hostile = search(heard, "[bold]Moon[/] '\"; DROP", "--limit", "1")
    assert hostile.exit_code == 0
    assert "Space [now]" in hostile.stdout
