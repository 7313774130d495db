"""``autointel knowledge``: adding, listing and removing documents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ultimate_discord_intelligence_bot.cli import app
from ultimate_discord_intelligence_bot.embedding import load_embedder
from ultimate_discord_intelligence_bot.knowledge import open_library


@pytest.fixture(autouse=True)
def _own_folders(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOINTEL_DATA_DIR", str(data_dir))


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    papers = tmp_path / "papers"
    papers.mkdir()
    (papers / "rent.md").write_text(
        "---\ntitle: The [bold] rent\ndate: 2024-02-03\n---\n\n"
        "The average rent in the city rose by five percent last year.\n\n"
        "The new bridge over the river cost twelve million euros.\n"
    )
    (papers / "broken.pdf").write_bytes(b"PK\x03\x04")
    (papers / "picture.png").write_bytes(b"")
    return papers


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["knowledge", *map(str, arguments)])


def test_added_documents_are_found_by_meaning(papers: Path, data_dir: Path) -> None:
    result = invoke("add", papers / "rent.md")
    assert result.exit_code == 0
    assert "The [bold] rent" in result.stdout
    assert "1 added." in result.stdout
    embedder = load_embedder()
    with open_library(data_dir, "local", embedder.name) as library:
        queries = embedder.encode(["Housing has become more expensive.", "The bridge was costly."])
        rent, bridge = library.search(queries, 1)
    assert rent[0].text.startswith("The average rent")
    assert bridge[0].text.startswith("The new bridge")


def test_a_refused_file_is_told_and_the_exit_code_says_so(papers: Path) -> None:
    result = invoke("add", papers)
    assert result.exit_code == 3
    assert "broken.pdf" in result.stderr
    assert "→" in result.stderr
    assert "1 added, 1 refused, 1 skipped as no documents." in result.stdout


def test_as_json(papers: Path) -> None:
    added = json.loads(invoke("add", papers, "--json").stdout)
    assert [document["title"] for document in added["added"]] == ["The [bold] rent"]
    assert added["refused"][0]["path"] == str(papers / "broken.pdf")
    assert added["skipped"] == {"hidden": 0, "unknown": 1, "links": 0}
    listed = json.loads(invoke("list", "--json").stdout)
    assert listed == added["added"]
    assert listed[0]["date"] == "2024-02-03"
    assert listed[0]["passages"] == 2
    assert json.loads(invoke("remove", listed[0]["id"], "--json").stdout) == listed
    assert json.loads(invoke("list", "--json").stdout) == []


def test_the_list_shows_what_is_gone(papers: Path) -> None:
    invoke("add", papers)
    (papers / "rent.md").unlink()
    assert "(gone)" in invoke("list").stdout
    assert "1 document removed" in invoke("remove", papers).stdout


def test_an_empty_list_says_what_to_do() -> None:
    result = invoke("list")
    assert result.exit_code == 0
    assert "autointel knowledge add" in result.stderr


def test_an_unknown_document() -> None:
    result = invoke("remove", "nothing-of-that-name")
    assert result.exit_code == 3
    assert "autointel knowledge list" in result.stderr


def test_a_folder_without_documents(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = invoke("add", tmp_path / "empty")
    assert result.exit_code == 0
    assert "nothing" in result.stdout
