"""The five files together."""

from __future__ import annotations

from pathlib import Path

import pytest

from ultimate_discord_intelligence_bot.briefing import (
    document,
    render_json,
    render_jsonld,
    render_markdown,
    render_webvtt,
    write_briefing,
)
from ultimate_discord_intelligence_bot.errors import NotWritable, StorageError
from ultimate_discord_intelligence_bot.models.report import Report

ROOT = Path(__file__).parents[2]


def test_five_files_are_written(report: Report, sound: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "out"
    paths = write_briefing(report, folder, media=sound, embed_limit_mb=20)
    names = ("report.json", "report.md", "report.html", "transcript.vtt", "claims.jsonld")
    assert paths == tuple(folder / name for name in names)
    assert sorted(folder.iterdir()) == sorted(paths)
    assert Report.decode(paths[0].read_bytes()) == report
    assert paths[0].read_text() == render_json(report)
    assert paths[1].read_text() == render_markdown(report)
    assert "data:audio/ogg;base64," in paths[2].read_text()
    assert paths[3].read_text() == render_webvtt(report)
    assert paths[4].read_text() == render_jsonld(report)


def test_the_same_report_gives_the_same_bytes(report: Report, sound: Path, tmp_path: Path) -> None:
    first, second = (
        [
            path.read_bytes()
            for path in write_briefing(report, tmp_path / name, media=sound, embed_limit_mb=20)
        ]
        for name in "ab"
    )
    assert first == second


def test_nothing_is_written_when_a_part_cannot_be_rendered(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Report) -> str:
        raise ValueError("no")

    monkeypatch.setattr(document, "render_webvtt", broken)
    with pytest.raises(ValueError, match="no"):
        write_briefing(report, tmp_path / "out", media=None, embed_limit_mb=20)
    assert not (tmp_path / "out").exists()


def test_media_that_has_gone_is_a_clear_error(report: Report, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"gone\.opus cannot be read .+ --fresh"):
        write_briefing(report, tmp_path, media=tmp_path / "gone.opus", embed_limit_mb=20)


def test_a_folder_that_cannot_be_made_is_a_clear_error(report: Report, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(NotWritable):
        write_briefing(report, tmp_path / "out", media=None, embed_limit_mb=20)
