"""A folder of nasty caption files, and what is said in them according to a table."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clarity import assert_clear
from ultimate_discord_intelligence_bot.errors import BadCaptions
from ultimate_discord_intelligence_bot.transcription.captions import read_captions
from ultimate_discord_intelligence_bot.transcription.sentences import segments

SAMPLES = Path(__file__).parent / "samples"


def _table() -> dict[str, list[str]]:
    """By file: its segments as ``start end speaker | text``, or why it is refused."""
    table: dict[str, list[str]] = {}
    name = ""
    for line in (SAMPLES / "expected.txt").read_text("utf-8").split("\n"):
        if line.startswith("  "):
            table[name].append(line.strip())
        elif line:
            name = line
            table[name] = []
    return table


TABLE = _table()


def test_every_sample_is_in_the_table() -> None:
    files = {path.name for path in SAMPLES.iterdir()} - {"expected.txt", ".gitattributes"}
    assert files == set(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_what_is_said(name: str) -> None:
    try:
        found = [
            f"{s.start:.2f} {s.end:.2f} {s.speaker or '-'} | {s.text}"
            for s in segments(read_captions(SAMPLES / name, 12 * 3600.0))
        ]
    except BadCaptions as error:
        assert_clear(error)
        found = [f"refused | {error.message}"]
    assert found == TABLE[name]


@pytest.mark.parametrize("name", ["youtube-automatic.json3", "bbc-colours.ttml", "zoom.vtt"])
@pytest.mark.parametrize("suffix", [".srt", ".txt", ""])
def test_the_format_is_told_by_the_content(tmp_path: Path, name: str, suffix: str) -> None:
    other = tmp_path / f"other{suffix}"
    other.write_bytes((SAMPLES / name).read_bytes())
    assert read_captions(other, 3600.0) == read_captions(SAMPLES / name, 3600.0)
