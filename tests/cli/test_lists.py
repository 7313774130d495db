"""``autointel run`` on playlists and feeds: which recordings, and how many."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.conftest import ROOT
from tests.web import Web, serve
from ultimate_discord_intelligence_bot.cli import app

_ITEM = (
    "<item><title>Episode {n}</title><pubDate>{n:02} Jun 2026 10:00:00 GMT</pubDate>"
    '<enclosure url="{url}/{n}.vtt" type="text/vtt"/></item>'
)


@pytest.fixture(autouse=True)
def _own_data_folder(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOINTEL_DATA_DIR", str(data_dir))


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    """A feed of three episodes, the newest first."""
    folder = tmp_path / "web"
    folder.mkdir()
    lines = (ROOT / "examples" / "almanac.vtt").read_text()
    with serve(folder) as web:
        for number in (1, 2, 3):
            (folder / f"{number}.vtt").write_text(lines.replace("Moon", f"Moon {number}"))
        items = "".join(_ITEM.format(n=n, url=web.url) for n in (3, 2, 1))
        feed = f'<rss version="2.0"><channel><title>The Show</title>{items}</channel></rss>'
        (folder / "feed.xml").write_text(feed)
        yield web


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["run", *arguments])


def objects(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_list_asks_which_of_its_recordings(web: Web) -> None:
    result = run(f"{web.url}/feed.xml")
    assert result.exit_code == 3
    assert "“The Show”, a list of 3 recordings" in result.stderr
    assert "--limit" in result.stderr
    assert "--since" in result.stderr


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (("--limit", "2"), [3, 2]),
        (("--since", "2026-06-02"), [3, 2]),
        (("--since", "2026-06-01", "--limit", "1"), [3]),
        (("--since", "2027-01-01"), []),
    ],
)
def test_the_chosen_ones_are_analysed_each_in_a_folder_of_its_own(
    web: Web, tmp_path: Path, choice: tuple[str, ...], expected: list[int]
) -> None:
    result = run(f"{web.url}/feed.xml", *choice, "--json", "--out", str(tmp_path / "out"))
    assert result.exit_code == 0, result.stderr
    done = objects(result)
    assert [each["input"] for each in done] == [f"{web.url}/{n}.vtt" for n in expected]
    assert len({each["out"] for each in done}) == len(expected)
    assert all(Path(each["out"]).is_dir() for each in done)
    assert "The Show" in result.stderr


def test_a_single_recording_is_just_that(web: Web, debate: Path) -> None:
    result = run(f"{web.url}/1.vtt", str(debate), "--limit", "5", "--json")
    assert [each["status"] for each in objects(result)] == ["complete", "complete"]


def test_a_list_that_cannot_be_read_does_not_stop_the_others(web: Web) -> None:
    result = run(f"{web.url}/status/404", f"{web.url}/1.vtt", "--limit", "5", "--json")
    assert result.exit_code == 3
    assert [each["status"] for each in objects(result)] == ["failed", "complete"]


def test_a_day_that_is_none_is_wrong_usage(web: Web) -> None:
    assert run(f"{web.url}/feed.xml", "--since", "yesterday").exit_code == 2


def test_the_same_recording_under_another_link_is_not_heard_again(web: Web) -> None:
    shutil.copy(web.folder / "1.vtt", web.folder / "mirror.vtt")
    first, second = objects(run(f"{web.url}/1.vtt", f"{web.url}/mirror.vtt", "--json"))
    assert first["run_id"] != second["run_id"]
    assert "acquisition" not in second["reused"]
    assert {"transcription", "embedding", "claims", "vector_memory"} <= set(second["reused"])
    reports = [
        json.loads((Path(each["out"]) / "report.json").read_text()) for each in (first, second)
    ]
    assert reports[0]["source"] == reports[1]["source"]
    found = CliRunner().invoke(app, ["search", "the Moon", "--json", "--limit", "50"])
    texts = [hit["text"] for hit in json.loads(found.stdout)]
    assert len(texts) == len(set(texts))
